//! The thread that writes reports to the daemon, and the queue before it, which never makes a step wait. `executor.rs`,
//! `reporter.rs` and `inbox.rs` hand reports over. What is reported of a job is decided in `reporter.rs`; orders are read in
//! `inbox.rs`.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};

use darkroom_protocol::Report;
use darkroom_protocol::codec::frame;

use super::end;

/// Sends reports to the daemon from a thread of its own.
#[derive(Clone)]
pub struct Outbox {
    items: Sender<Item>,
    /// Whether a preview has yet to be written.
    showing: Arc<AtomicBool>,
}

enum Item {
    Report(Box<Report>),
    Flush(Sender<()>),
}

impl Outbox {
    /// Begins to write to `channel`. When the daemon no longer reads, the process ends, as it does at the inbox's end.
    pub fn start(mut channel: UnixStream) -> Self {
        let (sender, items) = self::channel::<Item>();
        let showing = Arc::new(AtomicBool::new(false));
        let shown = showing.clone();
        std::thread::spawn(move || {
            for item in items {
                match item {
                    Item::Report(report) => {
                        if let Err(e) = frame::write(&mut channel, &*report) {
                            eprintln!("darkroom-worker: the daemon does not listen: {e}");
                            end::at_once();
                        }
                        if matches!(*report, Report::Preview { .. }) {
                            shown.store(false, Ordering::Relaxed);
                        }
                    }
                    Item::Flush(done) => drop(done),
                }
            }
        });
        Self { items: sender, showing }
    }

    /// Whether a preview has yet to be written: another one would only wait behind it.
    pub fn is_showing(&self) -> bool {
        self.showing.load(Ordering::Relaxed)
    }

    /// Hands over one report.
    pub fn send(&self, report: Report) {
        if matches!(report, Report::Preview { .. }) {
            self.showing.store(true, Ordering::Relaxed);
        }
        // The writing thread ends only with the process.
        let _ = self.items.send(Item::Report(Box::new(report)));
    }

    /// Waits until everything handed over is written.
    pub fn flush(&self) {
        let (done, written) = channel();
        if self.items.send(Item::Flush(done)).is_ok() {
            let _ = written.recv();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::{JobId, Preview};

    #[test]
    fn a_preview_is_on_its_way_until_it_is_written() {
        let (ours, mut daemon) = UnixStream::pair().unwrap();
        let outbox = Outbox::start(ours);
        let preview = Preview {
            image: 0,
            step: 1,
            width: 1024,
            height: 1024,
            rgb: vec![0; 3 << 20],
        };
        let job = JobId::new();
        assert!(!outbox.is_showing());
        outbox.send(Report::Preview { job, preview });
        assert!(
            outbox.is_showing(),
            "nobody reads yet, and it is larger than what the socket holds"
        );
        assert!(frame::read::<Report>(&mut daemon).unwrap().is_some());
        outbox.flush();
        assert!(!outbox.is_showing());
    }
}
