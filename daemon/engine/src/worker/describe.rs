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
    Ok(Ready {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        libtorch: torch::version().to_string(),
        folder: torch::folder().map(|f| f.display().to_string()).unwrap_or_default(),
        device: choose(device, &devices)?.to_string(),
        devices,
        cpu: torch::cpu_features().map(|cpu| cpu.features).unwrap_or_default(),
        capabilities: vec!["image".to_owned()],
        embedded: weights::embedded_models().iter().map(ToString::to_string).collect(),
    })
}

/// The device called `name`, or the first accelerator, else the CPU.
pub fn choose(name: &str, devices: &[DeviceStatus]) -> Result<Device> {
    let name = if name.is_empty() {
        devices.iter().map(|d| d.name.as_str()).find(|n| *n != "cpu").unwrap_or("cpu")
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
    let choice = torch::choose_dtype(info.device, None);
    let memory = info.memory.unwrap_or_default();
    DeviceStatus {
        name: info.device.to_string(),
        label: info.name.clone(),
        total: memory.total,
        free: memory.free,
        dtype: torch::kind_name(choice.kind),
        dtype_reason: choice.reason,
    }
}
