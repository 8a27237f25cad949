//! The terminal, taken over and given back: the other screen, keys one by one, the mouse, and what pictures were left on it. It is given
//! back whoever wants that: the loop when it ends or steps aside, a panic on its way up, the thread that hears signals. Frames are drawn
//! by `run.rs` within a [`Turn`], so that nothing is written to a terminal that was given back.

use std::io::{Write as _, stderr, stdout};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
    EnableMouseCapture,
};
use crossterm::terminal::{
    EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};

use crate::app::Error;
use crate::restore;

/// Ends a string that was being written when a signal came, a picture for instance: what follows would be a part of it.
const END_OF_STRING: &[u8] = b"\x1b\\";

/// The terminal, taken over. It is given back when this goes, and when a signal ends or stops the process.
pub struct Screen {
    held: Arc<Mutex<Held>>,
    /// What a panic said while a frame was drawn.
    said: Arc<Mutex<Option<String>>>,
    _undo: restore::Undo,
}

/// How it stands with the terminal.
#[derive(Debug, Default)]
pub struct Held {
    is_taken: bool,
    /// Whether the mouse is wanted.
    mouse: bool,
    /// What takes the pictures off that are on it.
    pub pictures: Vec<u8>,
}

/// A time in which the terminal is not given back.
pub type Turn<'a> = MutexGuard<'a, Held>;

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// When it cannot be written; it is as it was then.
    pub fn enter() -> Result<Self, Error> {
        let held = Arc::new(Mutex::new(Held {
            mouse: true,
            ..Held::default()
        }));
        let of_signal = held.clone();
        let undo = restore::on_signal(move || drop(lock(&of_signal).leave()));
        let said = Arc::new(Mutex::new(None));
        on_panic(held.clone(), said.clone());
        let screen = Self {
            held,
            said,
            _undo: undo,
        };
        lock(&screen.held).take()?;
        Ok(screen)
    }

    /// Gives the terminal back for a while.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn leave(&self) -> std::io::Result<()> {
        lock(&self.held).leave()
    }

    /// Takes it over once more, whatever others made of it meanwhile.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn again(&self) -> std::io::Result<()> {
        let mut held = lock(&self.held);
        held.leave()?;
        held.take()
    }

    /// A time in which it can be drawn on; `None` where it was given back.
    pub fn turn(&self) -> Option<Turn<'_>> {
        Some(lock(&self.held)).filter(|held| held.is_taken)
    }

    /// Takes the mouse, or leaves it to the terminal.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn mouse(&self, is_wanted: bool) -> std::io::Result<()> {
        let mut held = lock(&self.held);
        held.mouse = is_wanted;
        match (held.is_taken, is_wanted) {
            (false, _) => Ok(()),
            (true, true) => execute!(stdout(), EnableMouseCapture),
            (true, false) => execute!(stdout(), DisableMouseCapture),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nothing can be done when it fails.
        let _ = self.leave();
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(text) = said {
            let _ = writeln!(stderr(), "{text}");
        }
    }
}

impl Held {
    fn take(&mut self) -> std::io::Result<()> {
        enable_raw_mode()?;
        self.is_taken = true;
        let mut bytes = Vec::new();
        queue!(
            bytes,
            EnterAlternateScreen,
            EnableBracketedPaste,
            EnableFocusChange,
            cursor::Hide
        )?;
        if self.mouse {
            queue!(bytes, EnableMouseCapture)?;
        }
        send(&bytes).inspect_err(|_| drop(self.leave()))
    }

    fn leave(&mut self) -> std::io::Result<()> {
        if !std::mem::take(&mut self.is_taken) {
            return Ok(());
        }
        let mut bytes = END_OF_STRING.to_vec();
        bytes.append(&mut self.pictures);
        queue!(
            bytes,
            EndSynchronizedUpdate,
            DisableFocusChange,
            DisableMouseCapture,
            DisableBracketedPaste,
            LeaveAlternateScreen,
            cursor::Show
        )?;
        let sent = send(&bytes);
        disable_raw_mode()?;
        sent
    }
}

/// What a panic of the thread that draws says is said on the person's own screen: at once, or, where a frame was being drawn, when the
/// panic has come up to where the terminal is given back.
fn on_panic(held: Arc<Mutex<Held>>, said: Arc<Mutex<Option<String>>>) {
    let (own, before) = (std::thread::current().id(), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().id() == own {
            match held.try_lock() {
                Ok(mut held) => drop(held.leave()),
                Err(_) => {
                    *said.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic.to_string());
                    return;
                }
            }
        }
        before(panic);
    }));
}

fn send(bytes: &[u8]) -> std::io::Result<()> {
    let mut out = stdout();
    out.write_all(bytes)?;
    out.flush()
}

fn lock(held: &Mutex<Held>) -> Turn<'_> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
