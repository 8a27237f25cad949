//! Names of cards. libtorch has no device-generic call for them, so each vendor's driver is asked.

use std::ffi::{CStr, c_char, c_int, c_void};

use super::Device;

/// The name of a card as its driver gives it, for instance `NVIDIA H100`; `None` when the driver does not say.
pub(super) fn card(device: Device) -> Option<String> {
    match device {
        // AMD's cards are `cuda` to libtorch. A machine may hold cards of both.
        Device::Cuda(index) if has_rocm() => amd(index),
        Device::Cuda(index) => nvidia(index),
        _ => None,
    }
}

type Init = unsafe extern "C" fn(u32) -> c_int;
type Get = unsafe extern "C" fn(*mut c_int, c_int) -> c_int;
type Name = unsafe extern "C" fn(*mut c_char, c_int, c_int) -> c_int;

/// Whether this process drives AMD's cards.
#[allow(unsafe_code)]
fn has_rocm() -> bool {
    // SAFETY: the name is zero-terminated; with RTLD_NOLOAD nothing is loaded or run.
    let library = unsafe { libc::dlopen(c"libtorch_hip.so".as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
    !library.is_null()
}

/// `cuInit`, `cuDeviceGet` and `cuDeviceGetName` of the CUDA driver.
fn nvidia(index: u8) -> Option<String> {
    ask(c"libcuda.so.1", [c"cuInit", c"cuDeviceGet", c"cuDeviceGetName"], index)
}

/// The same three of the HIP runtime.
fn amd(index: u8) -> Option<String> {
    ask(
        c"libamdhip64.so",
        [c"hipInit", c"hipDeviceGet", c"hipDeviceGetName"],
        index,
    )
}

#[allow(unsafe_code)]
fn ask(library: &CStr, [init, get, name]: [&CStr; 3], index: u8) -> Option<String> {
    // SAFETY: the functions have had these signatures in every release of either driver: init(flags) -> status,
    // get(&mut device, ordinal) -> status, name(buffer, its length, device) -> status. A status of 0 is success.
    unsafe {
        let library = libc::dlopen(library.as_ptr(), libc::RTLD_LAZY);
        if library.is_null() {
            return None;
        }
        let symbol = |name: &CStr| -> Option<*mut c_void> {
            let symbol = libc::dlsym(library, name.as_ptr());
            (!symbol.is_null()).then_some(symbol)
        };
        let init = std::mem::transmute::<*mut c_void, Init>(symbol(init)?);
        let get = std::mem::transmute::<*mut c_void, Get>(symbol(get)?);
        let name = std::mem::transmute::<*mut c_void, Name>(symbol(name)?);
        let (mut device, mut buffer) = (0, [0u8; 256]);
        if init(0) != 0
            || get(&mut device, c_int::from(index)) != 0
            || name(buffer.as_mut_ptr().cast(), 255, device) != 0
        {
            return None;
        }
        let name = CStr::from_bytes_until_nul(&buffer).ok()?;
        Some(name.to_string_lossy().trim().to_owned()).filter(|name| !name.is_empty())
    }
}
