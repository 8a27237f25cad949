//! The thread that writes the daemon's log, so that a disk that hangs keeps no request waiting.
//!
//! Whoever logs hands over a line and goes on. A line that finds no room, because the disk takes none for so long, is lost and
//! counted; the count is written once there is room again.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::time::Duration;

use tracing_subscriber::fmt::writer::MakeWriter;

/// Lines that may wait.
const WAITING: usize = 4096;

/// Where lines are handed over.
#[derive(Clone, Debug)]
pub struct Lines {
    orders: SyncSender<Order>,
    lost: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Order {
    Line(Vec<u8>),
    /// Everything before is written once this is answered.
    Flush(std::sync::mpsc::Sender<()>),
}

impl Lines {
    /// Lines that a thread of its own puts into `log`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn to(log: impl Write + Send + 'static) -> io::Result<Self> {
        let (orders, inbox) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = lost.clone();
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write(log, &inbox, &counted))?;
        Ok(Self { orders, lost })
    }

    /// Waits until everything so far is written, at most so long.
    pub fn flush(&self, patience: Duration) {
        let (done, written) = channel();
        if self.orders.try_send(Order::Flush(done)).is_ok() {
            let _ = written.recv_timeout(patience);
        }
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.orders.try_send(Order::Line(line.to_vec())) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn write(mut log: impl Write, inbox: &Receiver<Order>, lost: &AtomicU64) {
    for order in inbox {
        match order {
            // There is nobody to tell of a line that cannot be written.
            Order::Line(line) => drop(log.write_all(&line)),
            Order::Flush(done) => drop(done.send(())),
        }
        let count = lost.swap(0, Ordering::Relaxed);
        if count > 0 {
            drop(writeln!(log, "{count} lines of this log are lost: the disk took none"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Mutex, MutexGuard};

    const LONG: Duration = Duration::from_secs(60);

    #[derive(Clone, Default)]
    struct Disk(Arc<Mutex<Vec<u8>>>);

    impl Disk {
        fn text(&self) -> MutexGuard<'_, Vec<u8>> {
            self.0.lock().unwrap()
        }
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.text().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_written_in_order() {
        let disk = Disk::default();
        let mut lines = Lines::to(disk.clone()).unwrap();
        for n in 0..3 {
            writeln!(lines, "{n}").unwrap();
        }
        Lines::flush(&lines, LONG);
        assert_eq!(*disk.text(), b"0\n1\n2\n");
    }

    #[test]
    fn a_disk_that_hangs_keeps_nobody_waiting_and_what_is_lost_is_counted() {
        let disk = Disk::default();
        let mut lines = Lines::to(disk.clone()).unwrap();
        let hangs = disk.text();
        for _ in 0..2 * WAITING {
            lines.write_all(b"x\n").unwrap();
        }
        drop(hangs);
        loop {
            Lines::flush(&lines, LONG);
            if String::from_utf8_lossy(&disk.text()).contains("lines of this log are lost") {
                break;
            }
            std::thread::yield_now();
        }
    }
}
