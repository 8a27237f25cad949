//! The clean sample and the noise in a network's output, by what the model predicts. `noising.rs` and `ddim.rs` ask. It holds for
//! noise that preserves variance; a flow's velocity and EDM's output are read in `noising.rs`, and which prediction a model has
//! is read by `darkroom_formats::schema`.

use tch::Tensor;

use super::{Level, Prediction};

/// The parts of a mixture that a network's output implies.
pub trait Implies {
    /// The clean sample that `output` implies for the network's `input` at `level`; any shape, the same for all three.
    fn clean(self, input: &Tensor, output: &Tensor, level: Level) -> Tensor;
    /// What a network that knew the clean sample would say of `input`: the other way round of [`Self::clean`].
    fn truth(self, clean: &Tensor, input: &Tensor, level: Level) -> Tensor;
    /// The noise that it implies.
    fn noise(self, input: &Tensor, output: &Tensor, level: Level) -> Tensor;
}

impl Implies for Prediction {
    fn clean(self, input: &Tensor, output: &Tensor, level: Level) -> Tensor {
        let Level { alpha, sigma } = level;
        match self {
            Self::Epsilon => (input - output * sigma) * (1.0 / alpha),
            Self::VPrediction => input * alpha - output * sigma,
            Self::Sample => output.shallow_clone(),
        }
    }

    fn truth(self, clean: &Tensor, input: &Tensor, level: Level) -> Tensor {
        let Level { alpha, sigma } = level;
        match self {
            Self::Epsilon => (input - clean * alpha) * (1.0 / sigma),
            Self::VPrediction => (input * alpha - clean) * (1.0 / sigma),
            Self::Sample => clean.shallow_clone(),
        }
    }

    fn noise(self, input: &Tensor, output: &Tensor, level: Level) -> Tensor {
        let Level { alpha, sigma } = level;
        match self {
            Self::Epsilon => output.shallow_clone(),
            Self::VPrediction => output * alpha + input * sigma,
            Self::Sample => (input - output * alpha) * (1.0 / sigma),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    fn every_prediction_finds_the_parts_of_a_mixture(
        #[values(Prediction::Epsilon, Prediction::VPrediction, Prediction::Sample)] prediction: Prediction,
        #[values(0.03, 1.0, 14.6)] sigma: f64,
    ) {
        let (clean, noise) = (
            Tensor::from_slice(&[0.5, -2.0, 3.0]),
            Tensor::from_slice(&[1.0, 0.25, -0.5]),
        );
        let level = Level::from_sigma(sigma);
        let input = &clean * level.alpha + &noise * level.sigma;
        let output = match prediction {
            Prediction::Epsilon => noise.shallow_clone(),
            Prediction::VPrediction => &noise * level.alpha - &clean * level.sigma,
            Prediction::Sample => clean.shallow_clone(),
        };
        assert!(
            prediction
                .clean(&input, &output, level)
                .allclose(&clean, 1e-12, 1e-12, false)
        );
        let truth = prediction.truth(&clean, &input, level);
        assert!(truth.allclose(&output, 1e-9, 1e-9, false));
        assert!(
            prediction
                .noise(&input, &output, level)
                .allclose(&noise, 1e-12, 1e-12, false)
        );
    }
}
