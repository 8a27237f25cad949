use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Sender, channel};

use darkroom_protocol::Report;
use darkroom_protocol::codec::frame;

use super::end;

/// Sends reports to the daemon from a thread of its own.
#[derive(Clone)]
pub struct Outbox(Sender<Item>);

enum Item {
    Report(Box<Report>),
    Flush(Sender<()>),
}

impl Outbox {
    /// Begins to write to `channel`. When the daemon no longer reads, the process ends, as it does at the inbox's end.
    pub fn start(mut channel: UnixStream) -> Self {
        let (sender, items) = self::channel::<Item>();
        std::thread::spawn(move || {
            for item in items {
                match item {
                    Item::Report(report) => {
                        if let Err(e) = frame::write(&mut channel, &*report) {
                            eprintln!("darkroom-worker: the daemon does not listen: {e}");
                            end::at_once();
                        }
                    }
                    Item::Flush(done) => drop(done),
                }
            }
        });
        Self(sender)
    }

    /// Hands over one report.
    pub fn send(&self, report: Report) {
        // The writing thread ends only with the process.
        let _ = self.0.send(Item::Report(Box::new(report)));
    }

    /// Waits until everything handed over is written.
    pub fn flush(&self) {
        let (done, written) = channel();
        if self.0.send(Item::Flush(done)).is_ok() {
            let _ = written.recv();
        }
    }
}
