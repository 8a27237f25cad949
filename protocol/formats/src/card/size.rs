//! Which widths and heights a model can make: multiples of its VAE factor, from one latent cell to 8192 pixels. The daemon checks
//! every request by it (`expand/resolve.rs`), and a refusal names values that work. The cap on the pixels of a picture is in
//! `expand/resolve.rs`; the engine checks the sides of a task once more (`pipeline/pictures.rs`).

use crate::{Error, Result};

/// The longest side of a picture, in pixels.
pub const MAX_SIDE: u32 = 8192;

/// Whether a picture of `width` × `height` pixels can be made: both multiples of `vae_factor`, from one latent cell to
/// [`MAX_SIDE`].
///
/// # Errors
/// [`Error::SizeRange`] and [`Error::SizeStep`], naming the side and values that work.
pub fn check_size(width: u32, height: u32, vae_factor: u32) -> Result<()> {
    let factor = vae_factor.clamp(1, MAX_SIDE);
    let most = MAX_SIDE - MAX_SIDE % factor;
    for (side, value) in [("Width", width), ("Height", height)] {
        if !(factor..=most).contains(&value) {
            return Err(Error::SizeRange {
                side,
                value,
                least: factor,
                most,
            });
        }
        if !value.is_multiple_of(factor) {
            let below = value - value % factor;
            // `most` is a multiple, so the next one is within range.
            return Err(Error::SizeStep {
                side,
                value,
                factor,
                below,
                above: below + factor,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case(512, 512, 8, None)]
    #[case(104, 72, 8, None)]
    #[case(4, 8192, 4, None)]
    #[case(
        100,
        512,
        8,
        Some("Width 100 is not a multiple of 8, the model's VAE factor: try 96 or 104.")
    )]
    #[case(
        512,
        9,
        8,
        Some("Height 9 is not a multiple of 8, the model's VAE factor: try 8 or 16.")
    )]
    #[case(
        0,
        512,
        8,
        Some("Width 0 is outside what this model makes: give 8 to 8192 pixels, in steps of 8.")
    )]
    #[case(
        512,
        1_000_000,
        4,
        Some("Height 1000000 is outside what this model makes: give 4 to 8192 pixels, in steps of 4.")
    )]
    #[case(
        512,
        u32::MAX,
        8,
        Some("Height 4294967295 is outside what this model makes: give 8 to 8192 pixels, in steps of 8.")
    )]
    fn sizes(#[case] width: u32, #[case] height: u32, #[case] factor: u32, #[case] message: Option<&str>) {
        assert_eq!(
            check_size(width, height, factor)
                .err()
                .map(|e| e.to_string())
                .as_deref(),
            message
        );
    }

    proptest! {
        #[test]
        fn what_is_suggested_works(value in any::<u32>(), factor in any::<u32>()) {
            match check_size(value, value, factor) {
                Err(Error::SizeStep { below, above, .. }) => {
                    prop_assert!(check_size(below, above, factor).is_ok());
                    prop_assert!(below < value && value < above);
                }
                Err(Error::SizeRange { least, most, .. }) => prop_assert!(check_size(least, most, factor).is_ok()),
                other => prop_assert!(other.is_ok()),
            }
        }
    }
}
