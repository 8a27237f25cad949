//! A device's memory in numbers, what is cached there given back, and its work waited for; also whether a device is there at all.
//! `residency/`, `pipeline/` and `worker/` ask. Main memory is read in `system.rs` and the CPU's cache is the arena's
//! (`arena.rs`); how much of it models may take is decided in `worker/shelf.rs`.

use super::{Device, arena, ffi, system};
use crate::{Error, Result};

/// Memory of one device, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// What the device has; on the CPU, what the machine or container has.
    pub total: u64,
    /// What any program could still take. Memory that libtorch keeps for reuse is not in it.
    pub free: u64,
    /// What this process's tensors take; on the CPU, what the process takes.
    pub used: u64,
    /// The most that `used` has been since [`reset_peak`]; on the CPU, since the process started.
    pub peak: u64,
}

/// The memory of a device.
///
/// On MPS, which shares main memory, the figures are those of the CPU. All are 0 on [`Device::Meta`] and where the device
/// or its backend is not there.
pub fn memory(device: Device) -> Memory {
    ask(device).unwrap_or_default()
}

#[allow(unsafe_code)]
fn ask(device: Device) -> Result<Memory> {
    let (code, index) = match device {
        Device::Cpu | Device::Mps => return Ok(system::memory()),
        Device::Meta => return Ok(Memory::default()),
        Device::Cuda(_) | Device::Xpu(_) => present(device)?,
    };
    let mut out = [0i64; 5];
    // SAFETY: the call writes five integers into a local of five.
    ffi::check(unsafe { ffi::dk_memory(code, index, out.as_mut_ptr()) })?;
    let [total, free, used, peak, _reserved] = out.map(|bytes| u64::try_from(bytes).unwrap_or(0));
    Ok(Memory {
        total,
        free,
        used,
        peak,
    })
}

/// Gives memory that is kept for reuse back to the device or, on the CPU, to the system.
///
/// # Errors
/// [`Error::Torch`] when the device or its backend is not there, or when work done earlier failed.
#[allow(unsafe_code)]
pub fn empty_cache(device: Device) -> Result<()> {
    match device {
        Device::Cpu => arena::trim(),
        Device::Meta | Device::Mps => Ok(()),
        Device::Cuda(_) | Device::Xpu(_) => {
            let (code, _) = present(device)?;
            // SAFETY: a plain integer.
            ffi::check(unsafe { ffi::dk_empty_cache(code) })
        }
    }
}

/// Makes [`Memory::peak`] count anew. Nothing happens on the CPU and MPS.
///
/// # Errors
/// [`Error::Torch`] when the device or its backend is not there.
#[allow(unsafe_code)]
pub fn reset_peak(device: Device) -> Result<()> {
    match device {
        Device::Cpu | Device::Meta | Device::Mps => Ok(()),
        Device::Cuda(_) | Device::Xpu(_) => {
            let (code, index) = present(device)?;
            // SAFETY: plain integers.
            ffi::check(unsafe { ffi::dk_reset_peak(code, index) })
        }
    }
}

/// Waits until the device has done all work given to it. The CPU has always.
///
/// # Errors
/// [`Error::Torch`] when the device is not there, or when work done earlier failed.
#[allow(unsafe_code)]
pub fn synchronise(device: Device) -> Result<()> {
    match device {
        Device::Cpu | Device::Meta => Ok(()),
        Device::Cuda(_) | Device::Xpu(_) | Device::Mps => {
            let (code, index) = present(device)?;
            // SAFETY: plain integers.
            ffi::check(unsafe { ffi::dk_synchronize(code, index) })
        }
    }
}

/// How many devices of the type the loaded backends see.
#[allow(unsafe_code)]
pub(super) fn count(device: Device) -> u8 {
    // SAFETY: a plain integer; the call does not throw.
    let count = unsafe { ffi::dk_device_count(device.code().0) };
    u8::try_from(count.max(0)).unwrap_or(u8::MAX)
}

/// The codes of a device that is there.
///
/// # Errors
/// [`Error::Torch`] for one that is not: libtorch's own words for it take a paragraph.
pub(super) fn present(device: Device) -> Result<(i32, i32)> {
    let (code, index) = device.code();
    if matches!(device, Device::Cpu | Device::Meta) {
        return Ok((code, index));
    }
    let count = count(device);
    if index < i32::from(count) {
        return Ok((code, index));
    }
    Err(Error::Torch(format!(
        "there is no device {device} here: `darkroom doctor` lists the devices"
    )))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn main_memory_is_known() {
        let memory = memory(Device::Cpu);
        assert!(memory.total > 1 << 28, "{memory:?}");
        assert!((1..=memory.total).contains(&memory.free), "{memory:?}");
        assert!(memory.used > 1 << 20 && memory.peak >= memory.used, "{memory:?}");
    }

    #[test]
    fn the_processor_needs_no_care() {
        for device in [Device::Cpu, Device::Meta] {
            empty_cache(device).unwrap();
            reset_peak(device).unwrap();
            synchronise(device).unwrap();
        }
    }

    #[rstest]
    #[case(Device::Cuda(200))]
    #[case(Device::Xpu(200))]
    fn a_device_that_is_not_there_is_an_error(#[case] device: Device) {
        assert_eq!(memory(device), Memory::default());
        for result in [
            ask(device).map(drop),
            empty_cache(device),
            reset_peak(device),
            synchronise(device),
        ] {
            let text = result.unwrap_err().to_string();
            assert!(text.contains(&format!("no device {device} here")), "{text}");
        }
    }
}
