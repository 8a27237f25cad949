//! How many threads an operation uses. `worker/executor.rs` and `worker/bench.rs` set it for each task, `worker/describe.rs` asks
//! what comes of it. How many pay is in `cores.rs`; how they wait for each other is in `load.rs`.

use super::ffi;
use crate::Result;

/// Sets how many threads one operation uses, at least 1. It may change between tasks.
///
/// OpenMP keeps the number by thread: call it on the thread that runs the models.
pub fn set_threads(count: u32) {
    tch::set_num_threads(i32::try_from(count.max(1)).unwrap_or(i32::MAX));
}

/// How many threads one operation uses on this thread.
pub fn threads() -> u32 {
    u32::try_from(tch::get_num_threads()).unwrap_or(1)
}

/// On how many threads a parallel loop of libtorch's runs when it is started from this one: as many as [`threads`], unless
/// libtorch was built without them.
///
/// # Errors
/// [`Error::Torch`](crate::Error::Torch) when no thread can be started.
#[allow(unsafe_code)]
pub fn threads_used() -> Result<u32> {
    let mut count = 0;
    // SAFETY: a pointer to a local.
    ffi::check(unsafe { ffi::dk_threads_used(&mut count) })?;
    Ok(u32::try_from(count).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_may_change_between_tasks() {
        std::thread::spawn(|| {
            for count in [1, 2, 1] {
                set_threads(count);
                assert_eq!((threads(), threads_used().unwrap()), (count, count));
            }
            set_threads(0);
            assert_eq!(threads(), 1);
        })
        .join()
        .unwrap();
    }
}
