//! The C side: what `shim/shim.h` declares, once more for Rust, and the translation of its return codes.
//!
//! The rest of `torch/` calls these; nothing outside of it does. `ffi_tests.rs` compares both declarations as texts, for no
//! compiler sees them together.

use std::ffi::{CStr, c_char, c_int, c_void};

use tch::Tensor;
use torch_sys::C_tensor;

use super::classify;
use crate::{Error, Result};

/// A `at::Generator` of the shim.
#[repr(C)]
pub(super) struct CGenerator {
    _private: [u8; 0],
}

/// A `c10::InferenceMode` of the shim.
#[repr(C)]
pub(super) struct CInferenceMode {
    _private: [u8; 0],
}

#[allow(unsafe_code)]
// SAFETY: the signatures are those of `shim/shim.h`, as a test proves; what has them is linked into this crate.
unsafe extern "C" {
    fn dk_last_error() -> *const c_char;
    pub(super) fn dk_version() -> u64;
    pub(super) fn dk_device_count(device: c_int) -> c_int;
    pub(super) fn dk_memory(device: c_int, index: c_int, out: *mut i64) -> c_int;
    pub(super) fn dk_reset_peak(device: c_int, index: c_int) -> c_int;
    pub(super) fn dk_empty_cache(device: c_int) -> c_int;
    pub(super) fn dk_synchronize(device: c_int, index: c_int) -> c_int;
    pub(super) fn dk_supports(device: c_int, index: c_int, kind: c_int, out: *mut c_int) -> c_int;
    pub(super) fn dk_cpu_capabilities(out: *mut *const c_char) -> c_int;

    pub(super) fn dk_device_of(tensor: *const C_tensor, device: *mut c_int, index: *mut c_int) -> c_int;
    pub(super) fn dk_kind_of(tensor: *const C_tensor, kind: *mut c_int) -> c_int;
    pub(super) fn dk_to(
        tensor: *const C_tensor,
        kind: c_int,
        device: c_int,
        index: c_int,
        out: *mut *mut C_tensor,
    ) -> c_int;
    pub(super) fn dk_keep(tensor: *const C_tensor, kind: c_int, out: *mut *mut C_tensor) -> c_int;
    pub(super) fn dk_zeros(
        size: *const i64,
        dims: usize,
        kind: c_int,
        device: c_int,
        index: c_int,
        out: *mut *mut C_tensor,
    ) -> c_int;
    pub(super) fn dk_channels_last(tensor: *const C_tensor, out: *mut *mut C_tensor) -> c_int;
    pub(super) fn dk_view_of(
        data: *mut c_void,
        size: *const i64,
        dims: usize,
        kind: c_int,
        owner: *mut c_void,
        release: extern "C" fn(*mut c_void),
        out: *mut *mut C_tensor,
    ) -> c_int;

    pub(super) fn dk_linear_pack(weight: *const C_tensor, out: *mut *mut C_tensor) -> c_int;
    pub(super) fn dk_linear(
        x: *const C_tensor,
        weight: *const C_tensor,
        bias: *const C_tensor,
        out: *mut *mut C_tensor,
    ) -> c_int;
    pub(super) fn dk_conv_pack(
        weight: *const C_tensor,
        size: *const i64,
        stride: i64,
        padding: i64,
        out: *mut *mut C_tensor,
    ) -> c_int;
    pub(super) fn dk_conv(
        x: *const C_tensor,
        weight: *const C_tensor,
        bias: *const C_tensor,
        stride: i64,
        padding: i64,
        out: *mut *mut C_tensor,
    ) -> c_int;
    pub(super) fn dk_packed_bytes(weight: *const C_tensor, out: *mut i64) -> c_int;
    pub(super) fn dk_attention(
        query: *const C_tensor,
        key: *const C_tensor,
        value: *const C_tensor,
        scale: f64,
        products: c_int,
        out: *mut *mut C_tensor,
    ) -> c_int;

    pub(super) fn dk_products() -> c_int;
    pub(super) fn dk_winograd_pays() -> c_int;
    pub(super) fn dk_wide_linear(
        x: *const C_tensor,
        weight: *const C_tensor,
        bias: *const C_tensor,
        other: *const C_tensor,
        products: c_int,
        out: *mut *mut C_tensor,
    ) -> c_int;
    pub(super) fn dk_wide_conv3x3(
        x: *const C_tensor,
        weight: *const C_tensor,
        bias: *const C_tensor,
        other: *const C_tensor,
        products: c_int,
        out: *mut *mut C_tensor,
    ) -> c_int;

    pub(super) fn dk_group_norm(
        x: *const C_tensor,
        bias: *const C_tensor,
        weight: *const C_tensor,
        offset: *const C_tensor,
        groups: i64,
        eps: f64,
        with_silu: c_int,
        out: *mut *mut C_tensor,
    ) -> c_int;
    pub(super) fn dk_geglu(x: *const C_tensor, out: *mut *mut C_tensor) -> c_int;

    pub(super) fn dk_arena_use() -> c_int;
    pub(super) fn dk_arena_trim() -> c_int;
    pub(super) fn dk_profile_start() -> c_int;
    pub(super) fn dk_profile_stop(out: *mut *const c_char) -> c_int;
    pub(super) fn dk_threads_used(count: *mut c_int) -> c_int;
    pub(super) fn dk_crowd(threads: c_int, ran: *mut c_int) -> c_int;
    pub(super) fn dk_int8_possible() -> c_int;
    pub(super) fn dk_int8_pack(
        weight: *const C_tensor,
        values: *mut *mut C_tensor,
        scales: *mut *mut C_tensor,
        sums: *mut *mut C_tensor,
    ) -> c_int;
    pub(super) fn dk_int8_linear(
        x: *const C_tensor,
        inputs: i64,
        outputs: i64,
        values: *const C_tensor,
        scales: *const C_tensor,
        sums: *const C_tensor,
        bias: *const C_tensor,
        out: *mut *mut C_tensor,
    ) -> c_int;

    pub(super) fn dk_generator_new(seed: u64, out: *mut *mut CGenerator) -> c_int;
    pub(super) fn dk_generator_free(generator: *mut CGenerator);
    pub(super) fn dk_randn(generator: *mut CGenerator, size: *const i64, dims: usize, out: *mut *mut C_tensor)
    -> c_int;
    pub(super) fn dk_inference_mode_new() -> *mut CInferenceMode;
    pub(super) fn dk_inference_mode_free(guard: *mut CInferenceMode);
    pub(super) fn dk_is_inference_mode() -> c_int;
}

/// What a call of the shim returns; mirrored by `Code` of `shim/guard.h`. Anything else is a failure that
/// [`last_error`] describes.
pub(super) const OK: c_int = 0;
/// No memory was left.
pub(super) const OUT_OF_MEMORY: c_int = 1;

/// Turns a return code of the shim into a result.
pub(super) fn check(code: c_int) -> Result<()> {
    match code {
        OK => Ok(()),
        OUT_OF_MEMORY => Err(Error::OutOfMemory {
            doing: String::new(),
            asked: classify::asked(&last_error()),
        }),
        _ => Err(classify::text(&last_error())),
    }
}

/// Runs a call that leaves a new tensor behind a pointer, and takes the tensor over.
#[allow(unsafe_code)]
pub(super) fn produce(call: impl FnOnce(*mut *mut C_tensor) -> c_int) -> Result<Tensor> {
    let mut out = std::ptr::null_mut();
    check(call(&mut out))?;
    // SAFETY: on success the shim stored a heap-allocated at::Tensor that nobody else owns.
    Ok(unsafe { Tensor::from_ptr(out) })
}

#[allow(unsafe_code)]
pub(super) fn last_error() -> String {
    // SAFETY: the pointer is to a thread-local, zero-terminated string that lives until the next failure on this thread.
    unsafe { CStr::from_ptr(dk_last_error()) }
        .to_string_lossy()
        .into_owned()
}
