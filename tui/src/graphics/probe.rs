//! Asks the terminal: one burst of questions with the device attributes last, which every terminal answers. When that
//! answer is there, nothing more will come, and no late answer turns into keystrokes.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

use super::terminal::Stream;

/// What the terminal said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Answers {
    /// It takes kitty graphics.
    pub kitty: bool,
    /// It takes sixel.
    pub sixel: bool,
    /// Width and height of a character cell in pixels.
    pub cell: Option<(u32, u32)>,
}

/// A terminal on a slow link answers within this time.
const PATIENCE: Duration = Duration::from_secs(2);
/// A real answer is far shorter.
const MAX_ANSWER: usize = 4096;

/// Asks the terminal there; `None` when it does not answer or must not be asked.
pub(super) fn probe(stream: Stream, with_kitty: bool) -> Option<Answers> {
    let stdin = std::io::stdin();
    if rustix::termios::isatty(&stdin) {
        return ask(stdin.as_fd(), stream, with_kitty);
    }
    stream.with_fd(|fd| ask(fd, stream, with_kitty))
}

fn ask(input: BorrowedFd<'_>, stream: Stream, with_kitty: bool) -> Option<Answers> {
    // A background job that touches the terminal's settings is stopped.
    if tcgetpgrp(input).ok()? != rustix::process::getpgrp() {
        return None;
    }
    let _raw = Raw::enter(input)?;
    let asked = stream.with(|out| out.write_all(question(with_kitty)).and_then(|()| out.flush()));
    asked.ok()?;
    parse(&listen(input, Instant::now() + PATIENCE))
}

fn question(with_kitty: bool) -> &'static [u8] {
    if with_kitty {
        b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[16t\x1b[c"
    } else {
        b"\x1b[16t\x1b[c"
    }
}

/// The terminal without echo and line editing for as long as this lives.
struct Raw<'a> {
    fd: BorrowedFd<'a>,
    before: Termios,
}

impl<'a> Raw<'a> {
    fn enter(fd: BorrowedFd<'a>) -> Option<Self> {
        let before = tcgetattr(fd).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(fd, OptionalActions::Now, &raw).ok()?;
        Some(Self { fd, before })
    }
}

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        // Nothing can be done when it fails.
        let _ = tcsetattr(self.fd, OptionalActions::Now, &self.before);
    }
}

fn listen(fd: BorrowedFd<'_>, until: Instant) -> Vec<u8> {
    let mut text = Vec::new();
    while parse(&text).is_none() && text.len() < MAX_ANSWER {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec {
            tv_sec: left.as_secs() as _,
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)], Some(&timeout)) {
            Ok(0) => break,
            Err(rustix::io::Errno::INTR) if !left.is_zero() => continue,
            Err(_) => break,
            Ok(_) => {}
        }
        let mut piece = [0; 256];
        match rustix::io::read(fd, &mut piece) {
            Ok(0) | Err(_) => break,
            Ok(n) => text.extend_from_slice(&piece[..n]),
        }
    }
    text
}

/// Reads the answers once the device attributes (`ESC [ ? … c`) are among them.
fn parse(bytes: &[u8]) -> Option<Answers> {
    let text = String::from_utf8_lossy(bytes);
    let attributes = text
        .split("\x1b[?")
        .skip(1)
        .find_map(|rest| between(rest, 'c'))?
        .split(';');
    let cell = text
        .split("\x1b[6;")
        .skip(1)
        .find_map(|rest| between(rest, 't'))
        .and_then(|size| {
            let (height, width) = size.split_once(';')?;
            Some((width.parse().ok()?, height.parse().ok()?))
        })
        .filter(|&(w, h)| (1..=256).contains(&w) && (1..=256).contains(&h));
    Some(Answers {
        kitty: text.contains("\x1b_Gi=31;OK"),
        sixel: attributes.skip(1).any(|a| a == "4"),
        cell,
    })
}

/// The digits and semicolons before `end`, when nothing else is.
fn between(text: &str, end: char) -> Option<&str> {
    let (body, _) = text.split_once(end)?;
    body.chars().all(|c| c.is_ascii_digit() || c == ';').then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn said(kitty: bool, sixel: bool, cell: Option<(u32, u32)>) -> Option<Answers> {
        Some(Answers { kitty, sixel, cell })
    }

    #[rstest]
    #[case::kitty("\x1b_Gi=31;OK\x1b\\\x1b[6;18;9t\x1b[?62;c", said(true, false, Some((9, 18))))]
    #[case::foot("\x1b[6;20;10t\x1b[?62;4;22c", said(false, true, Some((10, 20))))]
    #[case::xterm("\x1b[?64;1;2;6;9;15;18;21;22c", said(false, false, None))]
    #[case::sixel_last("\x1b[?62;4c", said(false, true, None))]
    #[case::level_four_is_no_sixel("\x1b[?4c", said(false, false, None))]
    #[case::kitty_refuses("\x1b_Gi=31;ENOTSUPPORTED:x\x1b\\\x1b[?62c", said(false, false, None))]
    #[case::typed_ahead("ls\r\x1b[?62;4c", said(false, true, None))]
    #[case::half("\x1b_Gi=31;OK\x1b\\\x1b[?62;", None)]
    #[case::hostile("\x1b[6;99999999999;0t\x1b[?62c", said(false, false, None))]
    #[case::silent("", None)]
    fn answers(#[case] text: &str, #[case] expected: Option<Answers>) {
        assert_eq!(parse(text.as_bytes()), expected);
    }
}
