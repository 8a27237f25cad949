//! The terminal's input while it is asked: without echo, read a byte at a time so that what follows the answers stays where it is,
//! and keys that came between them given back.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcsetattr};

use super::terminal::Stream;
use crate::restore::{self, Undo};

/// The terminal's input without echo and line editing for as long as this lives. Ctrl-C and output stay as they are.
pub(super) struct Quiet {
    fd: Arc<OwnedFd>,
    before: Termios,
    _undo: Undo,
}

impl Quiet {
    /// The input that belongs to the terminal on `stream`; `None` when there is none or it must not be touched.
    pub fn enter(stream: Stream) -> Option<Self> {
        let stdin = std::io::stdin();
        let fd = if rustix::termios::isatty(&stdin) {
            stdin.as_fd().try_clone_to_owned()
        } else {
            stream.with_fd(|fd| fd.try_clone_to_owned())
        };
        let fd = Arc::new(fd.ok()?);
        // A background job that touches the terminal's settings is stopped.
        if tcgetpgrp(&fd).ok()? != rustix::process::getpgrp() {
            return None;
        }
        let before = tcgetattr(&fd).ok()?;
        let mut quiet = before.clone();
        quiet.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ECHONL;
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        let (of_signal, settings) = (fd.clone(), before.clone());
        let undo = restore::on_signal(move || {
            // Nothing can be done when it fails.
            let _ = tcsetattr(&of_signal, OptionalActions::Now, &settings);
        });
        tcsetattr(&fd, OptionalActions::Now, &quiet).ok()?;
        Some(Self {
            fd,
            before,
            _undo: undo,
        })
    }

    /// Whether keys are waiting to be read.
    pub fn has_keys(&self) -> bool {
        is_ready(self.fd.as_fd(), Instant::now())
    }

    /// Adds to `bytes` until `is_enough` of them or `until`.
    pub fn listen(&self, bytes: &mut Vec<u8>, until: Instant, is_enough: impl Fn(&[u8]) -> bool) {
        while !is_enough(bytes) && bytes.len() < MAX_STREAM && is_ready(self.fd.as_fd(), until) {
            let mut byte = [0];
            match rustix::io::read(&self.fd, &mut byte) {
                Ok(1) => bytes.push(byte[0]),
                Err(Errno::INTR | Errno::AGAIN) => {}
                Ok(_) | Err(_) => break,
            }
        }
    }

    /// Gives keys back to whoever reads next, before those that came later. Those that the system does not take.
    pub fn give_back(&self, keys: &[u8]) -> Vec<u8> {
        if keys.is_empty() {
            return Vec::new();
        }
        let mut all = keys.to_vec();
        self.listen(&mut all, Instant::now(), |_| false);
        let refused = all.iter().position(|key| type_key(self.fd.as_fd(), *key).is_err());
        refused.map_or_else(Vec::new, |at| all.split_off(at))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // Nothing can be done when it fails.
        let _ = tcsetattr(&self.fd, OptionalActions::Now, &self.before);
    }
}

/// More than answers and a terminal's whole input buffer.
const MAX_STREAM: usize = 8192;

fn is_ready(fd: BorrowedFd<'_>, until: Instant) -> bool {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec {
            tv_sec: left.as_secs() as _,
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)], Some(&timeout)) {
            Ok(ready) => return ready > 0,
            Err(Errno::INTR) if left > Duration::ZERO => {}
            Err(_) => return false,
        }
    }
}

/// Whether [`Quiet::give_back`] can work here: Linux may forbid it to all but root.
pub(super) fn can_give_back() -> bool {
    let allowed = std::fs::read_to_string("/proc/sys/dev/tty/legacy_tiocsti");
    allowed.map_or(true, |text| text.trim() != "0") || rustix::process::geteuid().is_root()
}

/// Puts a byte into the terminal's input, as if it had been typed.
#[allow(unsafe_code)]
fn type_key(fd: BorrowedFd<'_>, key: u8) -> rustix::io::Result<()> {
    use rustix::ioctl::{Setter, ioctl};
    // SAFETY: TIOCSTI reads one byte through the pointer that it is given, and keeps nothing; `Setter` passes a pointer to
    // its own byte, which lives throughout the call.
    unsafe { ioctl(fd, Setter::<{ libc::TIOCSTI as _ }, u8>::new(key)) }
}
