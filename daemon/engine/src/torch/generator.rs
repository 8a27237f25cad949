//! A random generator with a seed of its own. `sampling/noise.rs` and `sampling/brownian.rs` draw pictures' noise from it,
//! `weights/random.rs` weights for tests. Cards' generators are not here: a seed means the same picture on each device; which
//! seed a picture has is in `sampling/noise.rs`.

use tch::Tensor;

use super::ffi;
use crate::Result;

/// A stream of random numbers on the CPU: torch's mt19937, the same numbers as Python's
/// `torch.Generator("cpu").manual_seed(seed)`.
#[derive(Debug)]
pub struct Generator(*mut ffi::CGenerator);

#[allow(unsafe_code)]
// SAFETY: the pointer is the only one to its generator, which is not bound to a thread.
unsafe impl Send for Generator {}

impl Generator {
    /// A stream that starts at `seed`.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    #[allow(unsafe_code)]
    pub fn seeded(seed: u64) -> Result<Self> {
        let mut generator = std::ptr::null_mut();
        // SAFETY: the pointer is to a local, which the call fills on success.
        ffi::check(unsafe { ffi::dk_generator_new(seed, &mut generator) })?;
        Ok(Self(generator))
    }

    /// The next numbers of a standard normal distribution, f32 on the CPU, as `torch.randn(size, generator=…)`.
    ///
    /// Torch fills 16 numbers or more in another order than fewer, so the numbers depend on the size asked for.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory); [`Error::Torch`](crate::Error::Torch) for a negative size.
    #[allow(unsafe_code)]
    pub fn randn(&mut self, size: &[i64]) -> Result<Tensor> {
        // SAFETY: the generator is live and ours alone; size and its length belong together.
        ffi::produce(|out| unsafe { ffi::dk_randn(self.0, size.as_ptr(), size.len(), out) })
    }
}

impl Drop for Generator {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: the pointer came from dk_generator_new and is freed here only.
        unsafe { ffi::dk_generator_free(self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of Python's `torch.randn(4, generator=torch.Generator().manual_seed(42))`.
    #[test]
    fn numbers_are_those_of_python() {
        let mut generator = Generator::seeded(42).unwrap();
        let values = Vec::<f32>::try_from(generator.randn(&[4]).unwrap()).unwrap();
        for (value, expected) in values.iter().zip([0.3367, 0.1288, 0.2345, 0.2303]) {
            assert!((value - expected).abs() < 5e-5, "{values:?}");
        }
    }

    #[test]
    fn a_stream_goes_on_and_starts_again_with_its_seed() {
        let mut first = Generator::seeded(u64::MAX >> 1).unwrap();
        let (a, b) = (first.randn(&[2, 16]).unwrap(), first.randn(&[2, 16]).unwrap());
        assert!(!a.equal(&b));
        assert!(
            Generator::seeded(u64::MAX >> 1)
                .unwrap()
                .randn(&[2, 16])
                .unwrap()
                .equal(&a)
        );
        assert!(first.randn(&[-1]).is_err());
    }
}
