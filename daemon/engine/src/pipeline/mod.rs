//! The one denoise loop and the tasks built on it.

mod conditioning;
mod decode;
mod denoise;
pub mod encode;
mod ladder;
mod observer;
pub mod preview;
mod relief;
mod save;
#[cfg(test)]
pub(crate) mod testing;
mod text_to_image;
mod work;

pub use ladder::{Ladder, Rung, Shortage};
pub use observer::{Observer, Saved};
pub use relief::{Relief, Room, stage};
pub use text_to_image::{loading, text_to_image, text_to_image_within};
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
