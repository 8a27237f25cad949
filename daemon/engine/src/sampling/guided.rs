//! What a sampler is told of a prediction: with guidance, without the prompt, and what guidance is still to do. Guidance (`guidance/`)
//! makes it of network outputs, [`super::run`] turns it into clean samples.

use tch::Tensor;

use super::Mimic;

/// What guidance makes of predictions, or what is derived from both alike.
#[derive(Debug)]
pub struct Guided {
    /// With guidance.
    pub guided: Tensor,
    /// Without the prompt, where it was computed: samplers of the CFG++ kind go by both.
    pub uncond: Option<Tensor>,
    /// What guidance is still to do, once these are clean samples.
    pub mimic: Option<Mimic>,
}

impl Guided {
    /// One prediction alone.
    pub fn alone(guided: Tensor) -> Self {
        Self {
            guided,
            uncond: None,
            mimic: None,
        }
    }

    /// Both predictions.
    pub fn both(guided: Tensor, uncond: Tensor) -> Self {
        Self {
            guided,
            uncond: Some(uncond),
            mimic: None,
        }
    }

    /// The same of both.
    pub fn map(self, f: impl Fn(&Tensor) -> Tensor) -> Self {
        Self {
            guided: f(&self.guided),
            uncond: self.uncond.as_ref().map(f),
            mimic: self.mimic,
        }
    }

    /// Clean samples of which guidance is done.
    pub(super) fn settled(self) -> Self {
        match (&self.uncond, self.mimic) {
            (Some(uncond), Some(mimic)) => Self {
                guided: mimic.applied(&self.guided, uncond),
                mimic: None,
                ..self
            },
            _ => self,
        }
    }
}
