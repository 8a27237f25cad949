//! What a denoiser may be given beside the noisy latents and the prompt: a control network's residuals, reference pictures, more
//! channels. Pipelines fill it in, denoisers read it; making residuals is no business of this room.

use darkroom_protocol::task::Guidance;
use tch::Tensor;

use super::Recall;

/// What a denoiser may be given beside the noisy latents and the prompt. Each tensor has a row for each picture.
#[derive(Debug, Default)]
pub struct Extras {
    /// What a control network adds to the denoiser's own states.
    pub residuals: Option<Residuals>,
    /// Latents of reference pictures, for families that take them.
    pub references: Vec<Tensor>,
    /// More channels of the input [B, C, H, W]: a mask and the masked picture, or the picture to edit.
    pub channels: Option<Tensor>,
    /// How closely the prompt is to be followed, for a denoiser that is told it.
    pub guidance: Option<f64>,
    /// Whether the self-attention in the denoiser's middle is left out, each place seeing itself alone: what perturbed-attention guidance
    /// turns away from. Only for a denoiser that [can](super::Denoiser::can_be_perturbed).
    pub perturbed: bool,
    /// FreeU's numbers; like the two below only for a denoiser that is [U-shaped](super::Denoiser::is_u_shaped).
    pub free_u: Option<FreeU>,
    /// The share of places that self-attention at the finest level merges, 0 to 1; 0 is none.
    pub merging: f64,
    /// What the denoiser knows of its inside from earlier calls.
    pub recall: Option<Recall>,
}

/// What FreeU scales on the way up: the backbone's channels and the skips' low frequencies in the coarsest block (1) and the next (2).
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the paper's names")]
pub struct FreeU {
    pub b1: f64,
    pub b2: f64,
    pub s1: f64,
    pub s2: f64,
}

impl FreeU {
    /// As a task asks for it; `None` where every number is 1, which changes nothing.
    pub fn asked(asked: &Guidance) -> Option<Self> {
        let Guidance {
            freeu_b1: b1,
            freeu_b2: b2,
            freeu_s1: s1,
            freeu_s2: s2,
            ..
        } = *asked;
        ([b1, b2, s1, s2] != [1.0; 4]).then_some(Self { b1, b2, s1, s2 })
    }
}

/// Summands for a U-shaped denoiser's states: `down_block_additional_residuals` and `mid_block_additional_residual` of diffusers.
#[derive(Debug)]
pub struct Residuals {
    /// One for each state that the way down leaves for the way up, the first of the finest level.
    pub down: Vec<Tensor>,
    /// For the state of the middle.
    pub mid: Tensor,
}

impl Extras {
    /// The same for `times` as many pictures, one round after the other: guidance computes the batch so often at once.
    pub fn repeated(&self, times: i64) -> Self {
        let again = |tensor: &Tensor| {
            let mut size = vec![1; tensor.dim()];
            size[0] = times;
            tensor.repeat(size)
        };
        Self {
            residuals: self.residuals.as_ref().map(|residuals| Residuals {
                down: residuals.down.iter().map(again).collect(),
                mid: again(&residuals.mid),
            }),
            references: self.references.iter().map(again).collect(),
            channels: self.channels.as_ref().map(again),
            guidance: self.guidance,
            perturbed: self.perturbed,
            free_u: self.free_u,
            merging: self.merging,
            recall: self.recall.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_come_one_after_the_other() {
        let pair = || Tensor::from_slice(&[1.0, 2.0]).reshape([2, 1, 1, 1]);
        let extras = Extras {
            residuals: Some(Residuals {
                down: vec![pair()],
                mid: pair(),
            }),
            references: vec![pair()],
            channels: Some(pair()),
            guidance: Some(3.0),
            perturbed: true,
            ..Extras::default()
        };
        let twice = extras.repeated(2);
        assert!(twice.perturbed && twice.guidance == Some(3.0));
        let residuals = twice.residuals.unwrap();
        let all = [
            &residuals.down[0],
            &residuals.mid,
            &twice.references[0],
            &twice.channels.unwrap(),
        ]
        .map(|tensor| {
            assert_eq!(tensor.size(), [4, 1, 1, 1]);
            Vec::<f64>::try_from(tensor.flatten(0, -1)).unwrap()
        });
        assert!(all.iter().all(|values| *values == [1.0, 2.0, 1.0, 2.0]));
    }
}
