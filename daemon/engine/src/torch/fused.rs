//! Two kernels of the shim that do in one pass what libtorch does in several: group norm with bias and SiLU, and GEGLU.
//! `nn/norm.rs` and `nn/activation.rs` ask for them and use libtorch's operations on `None`. Attention's kernel is in `fast.rs`;
//! the C++ is `shim/norm.cpp` and `shim/geglu.cpp`.

use std::ffi::c_int;

use tch::Tensor;

use super::fast::{pointer, unwrapped};
use super::ffi;

/// What [`fused_group_norm`] does.
#[derive(Debug)]
pub struct GroupNorm<'a> {
    /// Added to the input, by channel: [1 or B, C].
    pub bias: Option<&'a Tensor>,
    /// Scales what was normalised: `[C]`.
    pub weight: &'a Tensor,
    /// Added to that: `[C]`.
    pub offset: &'a Tensor,
    /// Divides C.
    pub groups: i64,
    /// Added to the variance.
    pub eps: f64,
    /// Whether SiLU follows.
    pub silu: bool,
}

/// Normalises groups of channels of `x` [B, C, H, W] where there is a kernel for it that beats libtorch's: bf16 with its
/// channels innermost on processors with AVX-512 BF16. The result is rounded once. Panics as `tch`'s operations do.
#[allow(unsafe_code)]
pub fn fused_group_norm(x: &Tensor, norm: &GroupNorm) -> Option<Tensor> {
    let (weight, offset) = (norm.weight.as_ptr(), norm.offset.as_ptr());
    let (bias, silu) = (pointer(norm.bias), c_int::from(norm.silu));
    // SAFETY: the pointers are those of live tensors or null, which the call only reads.
    unwrapped(|out| unsafe { ffi::dk_group_norm(x.as_ptr(), bias, weight, offset, norm.groups, norm.eps, silu, out) })
}

/// `value·GELU(gate)` of the two halves of the last dimension, [.., 2n] → [.., n], where there is a kernel for it that beats
/// libtorch's: bf16 on processors with AVX-512 BF16. The result is rounded once. Panics as `tch`'s operations do.
#[allow(unsafe_code)]
pub fn fused_geglu(x: &Tensor) -> Option<Tensor> {
    // SAFETY: the pointer is that of a live tensor, which the call only reads.
    unwrapped(|out| unsafe { ffi::dk_geglu(x.as_ptr(), out) })
}
