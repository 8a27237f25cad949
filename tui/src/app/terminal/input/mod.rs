//! What comes from the terminal: keys, the mouse, pastes, focus and size as events, and the terminal's answers apart from them. `run.rs`
//! reads it. Bytes are read by a thread of its own, which ends with this and then takes no byte any more, so that an editor that is
//! started has every key; what they are is found out in `sort.rs` (answers) and by the terminal library's parser (keys).

mod event;
mod sort;

use std::collections::VecDeque;
use std::io::{PipeReader, PipeWriter, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::thread::JoinHandle;

use crossterm::event::Event;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use termina::Parser;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::graphics;
use event::event;
use sort::{Piece, Sorter};

/// Bytes that are read at one time.
const PIECE: usize = 4096;
/// Pieces that wait; beyond that the terminal waits.
const WAITING: usize = 64;

/// Something from the terminal.
#[derive(Debug, PartialEq)]
pub enum Input {
    /// A person did something, or the size changed.
    Event(Event),
    /// The terminal has come to where it was asked for its state (`CSI 5 n`).
    Answered,
}

/// The terminal, being read.
#[derive(Debug)]
pub struct Terminal {
    bytes: mpsc::Receiver<Vec<u8>>,
    resized: Signal,
    sorter: Sorter,
    /// When bytes came last.
    since: Instant,
    parser: Parser,
    ready: VecDeque<Input>,
    /// `None` while somebody else reads.
    reader: Option<Reader>,
}

/// The thread that reads, and what ends it.
#[derive(Debug)]
struct Reader {
    stop: PipeWriter,
    thread: Option<JoinHandle<()>>,
}

impl Terminal {
    /// Begins to read: standard input where that is a terminal, else the terminal of this process. `first` was read before.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(mut first: Vec<u8>) -> std::io::Result<Self> {
        let (reader, bytes) = Reader::begin()?;
        // Enter, as a terminal has it that is not raw yet.
        first
            .iter_mut()
            .filter(|byte| **byte == b'\n')
            .for_each(|byte| *byte = b'\r');
        let mut terminal = Self {
            bytes,
            resized: signal(SignalKind::window_change())?,
            sorter: Sorter::default(),
            since: Instant::now(),
            parser: Parser::default(),
            ready: VecDeque::new(),
            reader: Some(reader),
        };
        let pieces = terminal.sorter.take(&first);
        terminal.sort(pieces);
        Ok(terminal)
    }

    /// Reads nothing any more; what was read is kept.
    pub fn pause(&mut self) {
        // Who sends waits no longer.
        self.bytes.close();
        self.reader = None;
    }

    /// Reads again.
    ///
    /// # Errors
    /// What the system says.
    pub fn go_on(&mut self) -> std::io::Result<()> {
        let (reader, bytes) = Reader::begin()?;
        (self.reader, self.bytes) = (Some(reader), bytes);
        Ok(())
    }

    /// What comes next; `None` when the terminal has gone. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Input> {
        loop {
            if let Some(input) = self.ready.pop_front() {
                return Some(input);
            }
            let hold = self.sorter.hold();
            let over = self.since + hold.unwrap_or_default();
            tokio::select! {
                bytes = self.bytes.recv() => match bytes {
                    Some(bytes) => {
                        self.since = Instant::now();
                        let pieces = self.sorter.take(&bytes);
                        self.sort(pieces);
                    }
                    None => return None,
                },
                _ = self.resized.recv() => {
                    if let Ok((width, height)) = crossterm::terminal::size() {
                        return Some(Input::Event(Event::Resize(width, height)));
                    }
                }
                () = tokio::time::sleep_until(over), if hold.is_some() => {
                    let pieces = self.sorter.release();
                    self.sort(pieces);
                }
            }
        }
    }

    fn sort(&mut self, pieces: Vec<Piece>) {
        for piece in pieces {
            match piece {
                Piece::Answer(bytes) if bytes == b"\x1b[0n" || bytes == b"\x1b[3n" => {
                    self.ready.push_back(Input::Answered);
                }
                // Late ones of the question at the start, and what nobody asked for.
                Piece::Answer(bytes) => graphics::heard(&bytes),
                Piece::Typed(bytes) => {
                    self.parser.parse(&bytes, false);
                    while let Some(found) = self.parser.pop() {
                        self.ready.extend(event(found).map(Input::Event));
                    }
                }
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.pause();
    }
}

impl Reader {
    fn begin() -> std::io::Result<(Self, mpsc::Receiver<Vec<u8>>)> {
        let stdin = std::io::stdin();
        let terminal: OwnedFd = match rustix::termios::isatty(&stdin) {
            true => stdin.as_fd().try_clone_to_owned()?,
            false => std::fs::File::open("/dev/tty")?.into(),
        };
        let (stopped, stop) = std::io::pipe()?;
        let (sender, bytes) = mpsc::channel(WAITING);
        let thread = std::thread::Builder::new().name("terminal".to_owned());
        let thread = Some(thread.spawn(move || read(&terminal, &stopped, &sender))?);
        Ok((Self { stop, thread }, bytes))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.stop.write_all(b".");
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reads until the terminal has gone, nobody listens, or it is told to stop.
fn read(terminal: &OwnedFd, stopped: &PipeReader, sender: &mpsc::Sender<Vec<u8>>) {
    let mut piece = [0; PIECE];
    loop {
        let mut both = [
            PollFd::new(terminal, PollFlags::IN),
            PollFd::new(stopped, PollFlags::IN),
        ];
        match poll(&mut both, None) {
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(_) => return,
        }
        if !both[1].revents().is_empty() {
            return;
        }
        match rustix::io::read(terminal, &mut piece) {
            Ok(0) => return,
            Ok(read) if sender.blocking_send(piece[..read].to_vec()).is_err() => return,
            Ok(_) | Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => return,
        }
    }
}
