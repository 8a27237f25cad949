//! Weights packed for oneDNN, the attention kernel of the shim, and what calls into the shim share, so that they fail as `tch`'s
//! operations do. `nn/linear.rs`, `nn/conv.rs`, `nn/attention.rs` and `nn/weight.rs` call it; `fused.rs`, `int8.rs` and `wide.rs`
//! use its helpers. Weights that stay in their files are in `wide.rs`, 8-bit ones in `int8.rs`.

use std::convert::Infallible;
use std::ffi::c_int;

use tch::{TchError, Tensor};
use torch_sys::C_tensor;

use super::ffi;
use super::wide::Products;
use crate::{Error, Result};

/// A weight in the order in which oneDNN reads it on this processor. It can be used for input of any size.
#[derive(Debug)]
pub struct Packed(Tensor);

/// Packs the weight [outputs, inputs] of a linear layer; `None` where the plain operation serves as well: on other devices,
/// and for number formats that the processor has no instructions for.
///
/// # Errors
/// [`Error::OutOfMemory`].
#[allow(unsafe_code)]
pub fn pack_linear(weight: &Tensor) -> Result<Option<Packed>> {
    // SAFETY: the pointer is that of a live tensor, which the call only reads.
    let packed = perhaps(|out| unsafe { ffi::dk_linear_pack(weight.as_ptr(), out) })?;
    Ok(packed.map(Packed))
}

/// Packs the weight [outputs, inputs, k, k] of a convolution, best for input of `size` [B, inputs, H, W]; `None` as
/// [`pack_linear`].
///
/// # Errors
/// [`Error::OutOfMemory`].
#[allow(unsafe_code)]
pub fn pack_conv(weight: &Tensor, size: &[i64], stride: i64, padding: i64) -> Result<Option<Packed>> {
    if size.len() != 4 {
        return Ok(None);
    }
    // SAFETY: the pointers are to a live tensor and to four numbers, which the call only reads.
    let packed = perhaps(|out| unsafe { ffi::dk_conv_pack(weight.as_ptr(), size.as_ptr(), stride, padding, out) })?;
    Ok(packed.map(Packed))
}

impl Packed {
    /// The memory that it takes, in bytes; 0 where libtorch does not say.
    #[allow(unsafe_code)]
    pub fn bytes(&self) -> u64 {
        let mut bytes = 0;
        // SAFETY: the pointers are to a live tensor, which the call only reads, and to a local.
        let known = ffi::check(unsafe { ffi::dk_packed_bytes(self.0.as_ptr(), &mut bytes) });
        known.map_or(0, |()| bytes.unsigned_abs())
    }

    /// `x·Wᵀ + b` over the last dimension: [.., inputs] → [.., outputs]. Panics as `tch`'s operations do.
    #[allow(unsafe_code)]
    pub fn linear(&self, x: &Tensor, bias: Option<&Tensor>) -> Tensor {
        let bias = pointer(bias);
        // SAFETY: the pointers are those of live tensors or null, which the call only reads.
        infallible(|out| unsafe { ffi::dk_linear(x.as_ptr(), self.0.as_ptr(), bias, out) })
    }

    /// The convolution of `x` [B, inputs, H, W]; the result has its channels innermost. Panics as `tch`'s operations do.
    #[allow(unsafe_code)]
    pub fn conv2d(&self, x: &Tensor, bias: &Tensor, stride: i64, padding: i64) -> Tensor {
        // SAFETY: the pointers are those of live tensors, which the call only reads.
        infallible(|out| unsafe { ffi::dk_conv(x.as_ptr(), self.0.as_ptr(), bias.as_ptr(), stride, padding, out) })
    }
}

/// `softmax(q·kᵀ·scale)·v` where there is a kernel for it that beats libtorch's: bf16 on processors with AVX-512 BF16. Panics as
/// `tch`'s operations do.
///
/// `query` [B, heads, N, D], `key` and `value` [B, heads, M, D] → [B, N, heads·D].
#[allow(unsafe_code)]
pub fn fused_attention(query: &Tensor, key: &Tensor, value: &Tensor, scale: f64, products: Products) -> Option<Tensor> {
    let (query, key, value, products) = (query.as_ptr(), key.as_ptr(), value.as_ptr(), products as c_int);
    // SAFETY: the pointers are those of live tensors, which the call only reads.
    unwrapped(|out| unsafe { ffi::dk_attention(query, key, value, scale, products, out) })
}

/// Panics as `tch`'s operations do where they fail, so that `catch` returns this error; others than
/// [`Error::OutOfMemory`] become [`Error::Torch`].
#[allow(clippy::unwrap_used, clippy::unnecessary_literal_unwrap)]
pub fn raise(error: &Error) -> ! {
    let text = match error {
        Error::OutOfMemory { .. } => "out of memory".to_owned(),
        other => other.to_string(),
    };
    match Err::<Infallible, _>(TchError::Torch(text)).unwrap() {}
}

/// That of a tensor that lives on, or null.
pub(super) fn pointer(tensor: Option<&Tensor>) -> *const C_tensor {
    tensor.map_or(std::ptr::null(), |tensor| tensor.as_ptr())
}

/// The tensor that a call left behind, if any.
fn perhaps(call: impl FnOnce(*mut *mut C_tensor) -> c_int) -> Result<Option<Tensor>> {
    let mut out = std::ptr::null_mut();
    ffi::check(call(&mut out))?;
    Ok(taken(out))
}

pub(super) fn infallible(call: impl FnOnce(*mut *mut C_tensor) -> c_int) -> Tensor {
    // A success always leaves a tensor.
    unwrapped(call).unwrap_or_default()
}

/// Panics as `tch` does, so that `catch` tells the failure by its message.
#[allow(clippy::unwrap_used)]
pub(super) fn unwrapped(call: impl FnOnce(*mut *mut C_tensor) -> c_int) -> Option<Tensor> {
    let mut out = std::ptr::null_mut();
    match call(&mut out) {
        ffi::OK => Ok(taken(out)),
        ffi::OUT_OF_MEMORY => Err(TchError::Torch("out of memory".to_owned())),
        _ => Err(TchError::Torch(ffi::last_error())),
    }
    .unwrap()
}

#[allow(unsafe_code)]
pub(super) fn taken(out: *mut C_tensor) -> Option<Tensor> {
    // SAFETY: a pointer that is not null is to a heap-allocated at::Tensor that nobody else owns.
    (!out.is_null()).then(|| unsafe { Tensor::from_ptr(out) })
}
