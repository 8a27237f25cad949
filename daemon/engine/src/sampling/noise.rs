//! The noise of a batch of pictures: what their first states are made of, and what samplers add on the way. The denoise loop makes a
//! stream for each group of pictures; whether the way's noise is fresh or a Brownian motion is the sampler's row's to say.

use tch::Tensor;

use super::Plan;
use super::brownian::BrownianTree;
use crate::Result;
use crate::torch::Generator;

/// Unit noise for a batch: picture i draws from torch's CPU generator seeded with seed + i, so that it is the same picture
/// alone, and a seed means the same on every device.
///
/// The first draw is the initial noise, the following are the ancestral steps', as when diffusers is given a list of
/// generators.
pub struct NoiseStream {
    generators: Vec<Generator>,
    seeds: Vec<u64>,
    shape: Vec<i64>,
    /// One a picture, where the noise of a way is a Brownian motion's.
    trees: Option<Vec<BrownianTree>>,
}

impl NoiseStream {
    /// A stream of `batch` pictures of `shape` each, without the batch axis: `[channels, height, width]`.
    ///
    /// # Errors
    /// `Error::OutOfMemory` where there is no room for the generators.
    pub fn new(seed: u64, batch: usize, shape: &[i64]) -> Result<Self> {
        let seeds: Vec<u64> = (0..batch as u64).map(|i| seed.wrapping_add(i)).collect();
        let generators = seeds
            .iter()
            .map(|seed| Generator::seeded(*seed))
            .collect::<Result<_>>()?;
        let shape = std::iter::once(1).chain(shape.iter().copied()).collect();
        Ok(Self {
            generators,
            seeds,
            shape,
            trees: None,
        })
    }

    /// The same, with the noise on the way that the plan's sampler takes.
    ///
    /// # Errors
    /// `Error::OutOfMemory`.
    pub fn along(mut self, plan: &Plan) -> Result<Self> {
        if let Some((low, high)) = plan.motion() {
            let tree = |seed: &u64| BrownianTree::new(*seed, low, high, &self.shape);
            self.trees = Some(self.seeds.iter().map(tree).collect::<Result<_>>()?);
        }
        Ok(self)
    }

    /// Unit noise for the way from one σ to another: the next one, or that of the pictures' Brownian motions.
    ///
    /// # Errors
    /// `Error::OutOfMemory` where there is no room for it.
    pub fn between(&mut self, from: f64, to: f64) -> Result<Tensor> {
        let Some(trees) = &mut self.trees else {
            return self.draw();
        };
        let each = trees
            .iter_mut()
            .map(|tree| tree.noise(from, to))
            .collect::<Result<Vec<_>>>()?;
        Ok(Tensor::cat(&each, 0))
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
