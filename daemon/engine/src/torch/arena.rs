//! The switch of the allocator for large tensors on the CPU. `worker/mod.rs` turns it on when the process starts; `empty_cache`
//! in `memory.rs` has it give back what it keeps. The allocator is C++, in `shim/arena.cpp`; how much memory the process takes is
//! read in `system.rs`.

use super::ffi;
use crate::Result;

/// Keeps the memory of large tensors on the CPU for the next ones, in huge pages, from now on and for the whole process.
/// [`empty_cache`](super::empty_cache) gives back what is kept. Does nothing where the system is not Linux.
///
/// # Errors
/// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
#[allow(unsafe_code)]
pub fn keep_memory() -> Result<()> {
    // SAFETY: no arguments; tensors that exist keep their own way of being freed.
    ffi::check(unsafe { ffi::dk_arena_use() })
}

/// Gives free memory of the arena back to the system.
#[allow(unsafe_code)]
pub(super) fn trim() -> Result<()> {
    // SAFETY: no arguments; only pages that no tensor uses are given back.
    ffi::check(unsafe { ffi::dk_arena_trim() })
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor};

    use super::*;
    use crate::torch;

    const MIB: i64 = 1 << 20;

    fn block(mib: i64, value: i64) -> Tensor {
        Tensor::full([mib * MIB], value, (Kind::Uint8, Device::Cpu))
    }

    fn holds(block: &Tensor, value: i64) -> bool {
        block.min().int64_value(&[]) == value && block.max().int64_value(&[]) == value
    }

    #[test]
    fn blocks_never_overlap_whatever_is_freed_between() {
        keep_memory().unwrap();
        let before = block(3, 7);
        keep_memory().unwrap();
        let mut live: Vec<Option<(Tensor, i64)>> = (0..12).map(|_| None).collect();
        for turn in 0..200i64 {
            let at = (turn * 7 % 12) as usize;
            if let Some((tensor, value)) = live[at].take() {
                assert!(holds(&tensor, value), "turn {turn}");
            }
            live[at] = Some((block(1 + turn * 5 % 9, turn % 251), turn % 251));
            if turn % 20 == 0 {
                torch::empty_cache(torch::Device::Cpu).unwrap();
            }
        }
        assert!(holds(&before, 7));
        assert!(live.iter().flatten().all(|(tensor, value)| holds(tensor, *value)));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_kept_goes_back_when_asked() {
        keep_memory().unwrap();
        let used = || torch::memory(torch::Device::Cpu).used as i64 / MIB;
        drop(block(400, 1));
        let kept = used();
        torch::empty_cache(torch::Device::Cpu).unwrap();
        assert!(used() <= kept - 200, "{kept} MiB before, {} after", used());
    }

    #[test]
    fn more_than_there_is_stays_an_error() {
        keep_memory().unwrap();
        let result = torch::catch(|| Ok(Tensor::empty([1 << 55], (Kind::Uint8, Device::Cpu))));
        assert!(matches!(result, Err(crate::Error::OutOfMemory { .. })), "{result:?}");
    }
}
