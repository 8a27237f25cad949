use darkroom_formats::card::Latents;
use tch::Tensor;

use crate::Cancel;

/// What is known of a picture after a step.
pub struct Estimate<'a> {
    /// The clean latents as they look from there, [1, C, h, w] in f32, on the device.
    pub latents: &'a Tensor,
    /// What these numbers mean.
    pub kind: Latents,
    /// The picture's place in the task, from 0.
    pub image: u32,
    /// Steps that are done.
    pub step: u32,
    /// Raised when nobody wants the picture any more.
    pub cancel: &'a Cancel,
}

/// What readers want to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Previews a second at most; 0 for none.
    pub max_fps: u32,
    /// At most so wide and high; 0 for as they are.
    pub max_px: u32,
}
