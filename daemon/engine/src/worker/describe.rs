//! What this worker is and has, and which device a name means. `executor.rs` tells it to the daemon, `--describe` prints it for
//! `darkroom doctor`, `bench.rs` takes its device from it. Devices themselves are listed in `torch/devices.rs`; how much memory
//! models may take is in `shelf.rs`.

use darkroom_protocol::DeviceStatus;
use darkroom_protocol::message::worker::Ready;

use crate::torch::{self, Device};
use crate::{Error, Result, weights};

/// What this worker is, on the device called `device`; on the best there is when that is empty.
///
/// # Errors
/// When the machine has no such device.
pub fn ready(device: &str) -> Result<Ready> {
    let devices: Vec<DeviceStatus> = torch::devices().iter().map(status).collect();
    let cores = torch::physical_cores();
    torch::set_threads(cores);
    Ok(Ready {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        libtorch: torch::version(),
        folder: torch::folder().display().to_string(),
        device: choose(device, &devices)?.to_string(),
        devices,
        cpu: torch::cpu_features(),
        capabilities: ["image", "inpaint", "hires", "tiling"].map(str::to_owned).to_vec(),
        embedded: weights::embedded_models().iter().map(ToString::to_string).collect(),
        cores,
        threads: torch::threads_used()?,
    })
}

/// The device called `name`, or the first accelerator, else the CPU.
pub fn choose(name: &str, devices: &[DeviceStatus]) -> Result<Device> {
    let name = if name.is_empty() {
        devices
            .iter()
            .map(|d| d.name.as_str())
            .find(|n| *n != "cpu")
            .unwrap_or("cpu")
    } else {
        name
    };
    let listed = || devices.iter().map(|d| d.name.as_str()).collect::<Vec<_>>().join(", ");
    match name.parse::<Device>() {
        Ok(device) if devices.iter().any(|d| d.name == device.to_string()) => Ok(device),
        _ => Err(Error::Unsupported(format!(
            "There is no device {}: this machine has {}.",
            darkroom_protocol::text::escape_line(name),
            listed()
        ))),
    }
}

fn status(info: &torch::DeviceInfo) -> DeviceStatus {
    let (kind, reason) = torch::choose_dtype(info.device);
    DeviceStatus {
        name: info.device.to_string(),
        label: info.label.clone(),
        total: info.total,
        free: info.free,
        dtype: torch::kind_name(kind),
        dtype_reason: reason,
    }
}
