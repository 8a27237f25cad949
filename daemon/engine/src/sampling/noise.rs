use tch::Tensor;

use crate::Result;
use crate::torch::Generator;

/// Unit noise for a batch: picture i draws from torch's CPU generator seeded with seed + i, so that it is the same picture
/// alone, and a seed means the same on every device.
///
/// The first draw is the initial noise, the following are the ancestral steps', as when diffusers is given a list of
/// generators.
pub struct NoiseStream {
    generators: Vec<Generator>,
    shape: Vec<i64>,
}

impl NoiseStream {
    /// A stream of `batch` pictures of `shape` each, without the batch axis: `[channels, height, width]`.
    ///
    /// # Errors
    /// `Error::OutOfMemory` where there is no room for the generators.
    pub fn new(seed: u64, batch: usize, shape: &[i64]) -> Result<Self> {
        let generators = (0..batch as u64)
            .map(|i| Generator::seeded(seed.wrapping_add(i)))
            .collect::<Result<_>>()?;
        let shape = std::iter::once(1).chain(shape.iter().copied()).collect();
        Ok(Self { generators, shape })
    }

    /// The next noise, f32 on the CPU, `[batch, channels, height, width]`.
    ///
    /// # Errors
    /// `Error::OutOfMemory` where there is no room for it.
    pub fn draw(&mut self) -> Result<Tensor> {
        let each = self
            .generators
            .iter_mut()
            .map(|g| g.randn(&self.shape))
            .collect::<Result<Vec<_>>>()?;
        Ok(Tensor::cat(&each, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_of_a_batch_has_the_noise_it_has_alone() {
        let mut batch = NoiseStream::new(40, 3, &[4, 8, 8]).unwrap();
        let mut alone = NoiseStream::new(42, 1, &[4, 8, 8]).unwrap();
        for _ in 0..3 {
            let noise = batch.draw().unwrap();
            assert_eq!(noise.size(), [3, 4, 8, 8]);
            assert!(noise.narrow(0, 2, 1).equal(&alone.draw().unwrap()));
            assert!(!noise.narrow(0, 0, 1).equal(&noise.narrow(0, 1, 1)));
        }
    }
}
