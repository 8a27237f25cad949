//! Pictures, stage by stage: prompts are encoded, latents prepared, denoised along a plan, decoded, and the picture saved. Each stage
//! is a file and a function of the task as it is now; `pictures.rs` is the task that is built of them, and `relief.rs` what happens
//! where one of them finds no memory.

mod colors;
mod decode;
mod deep_cache;
mod denoise;
pub mod encode;
mod encode_prompts;
mod fit;
mod hires;
mod inpaint;
mod ladder;
mod observer;
mod pictures;
mod prepare;
pub mod preview;
mod relief;
mod save;
#[cfg(test)]
mod shortcut_tests;
#[cfg(test)]
pub(crate) mod testing;
mod upscale;
mod work;

#[cfg(test)]
pub(crate) use encode_prompts::{Times, encode_prompts};
pub use ladder::{Ladder, Rung, Shortage};
pub use observer::{Observer, Saved};
pub use pictures::{loading, make_pictures, make_pictures_within};
pub use relief::{Relief, Room, stage};
pub use work::Work;

use tch::Tensor;

use crate::{Error, Result};

/// Refuses values that are not numbers, naming the component that made them.
fn check_numbers(component: &str, tensor: &Tensor) -> Result<()> {
    // A sum is NaN or infinite as soon as one element is; f64 cannot overflow from finite elements.
    if tensor.sum(tch::Kind::Double).double_value(&[]).is_finite() {
        Ok(())
    } else {
        Err(Error::NotANumber {
            component: component.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(1.0, true)]
    #[case(f32::NAN, false)]
    #[case(f32::INFINITY, false)]
    #[case(f32::MAX, true)]
    fn numbers_are_told_from_others(#[case] value: f32, #[case] good: bool) {
        let tensor = Tensor::from_slice(&[0.5, value, f32::MAX]);
        assert_eq!(check_numbers("unet", &tensor).is_ok(), good);
    }
}
