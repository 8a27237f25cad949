//! Inference mode as a guard: `worker/executor.rs` holds one for each task and load, `worker/bench.rs` one for a bench. No other
//! room asks for gradients or turns them off.

use std::marker::PhantomData;

use super::ffi;

/// While this lives, operations on this thread record nothing for gradients and skip version counting.
#[derive(Debug)]
#[must_use = "inference mode ends when the guard is dropped"]
pub struct InferenceMode {
    guard: *mut ffi::CInferenceMode,
    // The mode belongs to the thread that entered it.
    _thread: PhantomData<*const ()>,
}

/// Enters libtorch's inference mode on this thread until the guard is dropped.
#[allow(unsafe_code)]
pub fn inference_mode() -> InferenceMode {
    // SAFETY: no arguments; the result is freed once, by the guard.
    let guard = unsafe { ffi::dk_inference_mode_new() };
    InferenceMode {
        guard,
        _thread: PhantomData,
    }
}

/// Whether this thread is in inference mode.
#[allow(unsafe_code)]
pub fn is_inference_mode() -> bool {
    // SAFETY: reads a thread-local flag.
    unsafe { ffi::dk_is_inference_mode() != 0 }
}

impl Drop for InferenceMode {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: the pointer came from dk_inference_mode_new on this same thread (the type is not Send), or is null where
        // there was no memory for it.
        unsafe { ffi::dk_inference_mode_free(self.guard) }
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor};

    use super::*;

    #[test]
    fn nothing_is_recorded_inside_and_all_is_as_before_after() {
        let weight = Tensor::ones([2], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let guard = inference_mode();
        assert!(is_inference_mode());
        assert!(!(&weight * 2).requires_grad());
        drop(guard);
        assert!(!is_inference_mode());
        assert!((&weight * 2).requires_grad());
    }

    #[test]
    fn an_unwinding_panic_leaves_the_mode() {
        let result = crate::torch::catch(|| {
            let _guard = inference_mode();
            Ok(Tensor::zeros([1 << 60], (Kind::Uint8, Device::Cpu)))
        });
        assert!(result.is_err());
        assert!(!is_inference_mode());
    }
}
