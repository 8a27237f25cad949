//! The devices that this process sees, with label and memory. `worker/describe.rs` tells them to the daemon and to `darkroom
//! doctor`, and chooses among them. Labels of cards are read in `names.rs`, numbers and memory in `memory.rs`, and the backends
//! must be loaded before (`backends.rs`).

use super::cpu::Cpu;
use super::{Device, memory, names};

/// A device that this process can compute on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Which one.
    pub device: Device,
    /// Its name for people, for instance `NVIDIA H100 80GB HBM3`.
    pub label: String,
    /// Bytes of memory it has; 0 when it does not say.
    pub total: u64,
    /// Bytes of memory that are free.
    pub free: u64,
}

/// All devices that this libtorch sees, best first: cards, then the processor.
///
/// Call [`load_backends`](super::load_backends) before.
pub fn devices() -> Vec<DeviceInfo> {
    let of = |first: Device, make: fn(u8) -> Device| (0..memory::count(first)).map(make);
    let cuda = of(Device::Cuda(0), Device::Cuda);
    let xpu = of(Device::Xpu(0), Device::Xpu);
    let mps = of(Device::Mps, |_| Device::Mps).take(1);
    let all = cuda.chain(xpu).chain(mps).chain([Device::Cpu]);
    all.map(info).collect()
}

fn info(device: Device) -> DeviceInfo {
    let memory = memory::memory(device);
    DeviceInfo {
        device,
        label: label(device),
        total: memory.total,
        free: memory.free,
    }
}

fn label(device: Device) -> String {
    let known = match device {
        Device::Cpu => Some(Cpu::ask().name).filter(|name| !name.is_empty()),
        other => names::card(other),
    };
    known.unwrap_or_else(|| {
        let kind = match device {
            Device::Cpu | Device::Meta => "processor",
            Device::Cuda(_) => "CUDA or ROCm card",
            Device::Mps => "Apple GPU",
            Device::Xpu(_) => "Intel GPU",
        };
        kind.to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_always_last() {
        let devices = devices();
        let last = devices.last().unwrap();
        assert_eq!(last.device, Device::Cpu);
        assert!(last.total > 0 && last.free > 0);
        assert!(devices.iter().all(|device| !device.label.is_empty()));
    }
}
