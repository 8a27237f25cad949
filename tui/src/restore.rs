//! What must be undone on the terminal when a signal ends or stops the process: a hidden cursor, a half-drawn bar, input without
//! echo. Whoever changes the terminal leaves here what undoes that, and takes it back with the guard. Panics need nothing here: they
//! unwind, and guards are dropped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError, mpsc};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

type Work = Box<dyn Fn() + Send>;

/// What undoes the changes that stand, oldest first.
static CHANGES: Mutex<Vec<(u64, Work)>> = Mutex::new(Vec::new());
static WATCHING: Once = Once::new();
/// Whether Ctrl-C is the program's own affair.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// A terminal that takes nothing any more, stopped by Ctrl-S for instance, keeps the process from its end for no longer than this.
const PATIENCE: Duration = Duration::from_secs(2);

/// While it lives, its change to the terminal is undone when a signal comes.
#[derive(Debug)]
pub struct Undo(u64);

impl Drop for Undo {
    fn drop(&mut self) {
        changes().retain(|(number, _)| *number != self.0);
    }
}

/// `work` is done before a signal ends or stops the process. It runs on another thread, and must
/// not panic; where it does not end soon it is not waited for.
pub fn on_signal(work: impl Fn() + Send + 'static) -> Undo {
    WATCHING.call_once(watch);
    let mut changes = changes();
    let number = changes.last().map_or(0, |(last, _)| last + 1);
    changes.push((number, Box::new(work)));
    Undo(number)
}

/// From now on the program handles Ctrl-C itself: nothing is undone for it here, and it ends nothing.
pub fn leave_interrupts() {
    TAKEN.store(true, Ordering::SeqCst);
}

fn changes() -> MutexGuard<'static, Vec<(u64, Work)>> {
    CHANGES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the system refuses, the terminal stays as it is then: no reason to fail.
fn watch() {
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP]) else {
        return;
    };
    let watching = std::thread::Builder::new().name("signals".to_owned());
    let _ = watching.spawn(move || {
        for signal in signals.forever() {
            if signal == SIGINT && TAKEN.load(Ordering::SeqCst) {
                continue;
            }
            undo();
            // Ends the process, or stops it until it is continued.
            let _ = emulate_default_handler(signal);
        }
    });
}

/// Undoes every change that stands, or gives up when that does not end.
fn undo() {
    let (done, is_done) = mpsc::channel();
    let all = || changes().iter().rev().for_each(|(_, work)| work());
    let undoing = std::thread::Builder::new().name("undo".to_owned()).spawn(move || {
        all();
        // Nobody may wait any more.
        let _ = done.send(());
    });
    match undoing {
        Ok(_) => drop(is_done.recv_timeout(PATIENCE)),
        Err(_) => all(),
    }
}
