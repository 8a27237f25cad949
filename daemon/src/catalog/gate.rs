//! A gate before the reading of models: a stranger's files may cost some tens of megabytes while they are read, so few are at one
//! time. The catalogue enters it once its kept cards have no answer.

use std::sync::{Condvar, Mutex, PoisonError};

/// Models whose files are read at one time. A stranger's may cost some tens of megabytes while they are.
const AT_ONCE: usize = 2;

/// Lets few readers of models' files in at one time; the others wait. Its waiting blocks the thread.
#[derive(Debug, Default)]
pub(super) struct Gate {
    inside: Mutex<usize>,
    left: Condvar,
}

/// A place inside; leaving gives it back.
pub(super) struct Inside<'a>(&'a Gate);

impl Gate {
    /// Waits for a place.
    pub(super) fn enter(&self) -> Inside<'_> {
        let inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.left.wait_while(inside, |inside| *inside >= AT_ONCE);
        *waited.unwrap_or_else(PoisonError::into_inner) += 1;
        Inside(self)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        *self.0.inside.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn few_are_inside_at_one_time_and_all_come_in() {
        let (gate, now, most) = (Gate::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    let _inside = gate.enter();
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::yield_now();
                    now.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        assert!(most.into_inner() <= AT_ONCE);
        assert_eq!(*gate.inside.lock().unwrap(), 0);
    }
}
