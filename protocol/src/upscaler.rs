//! The words for upscalers, which both ends read alike: filters, the network inside the worker, and nothing at all. What else a
//! request names is a file, which the daemon's catalogue finds; a task has its absolute path.

use std::path::Path;

use crate::sampler::Named;

/// No upscaler: the picture stays as it is.
pub const NONE: &str = "none";
/// The network inside the worker, which makes sides four times as large.
pub const EMBEDDED: &str = "realesr-animevideov3";
/// How much [`EMBEDDED`] makes the sides larger.
pub const EMBEDDED_SCALE: u32 = 4;
/// How much a filter makes the sides larger where nobody says.
pub const FILTER_SCALE: f64 = 2.0;
/// The most pixels of a picture made larger: 8192 × 8192.
pub const MAX_PIXELS: u64 = 1 << 26;

/// A filter that resamples pictures, as Pillow has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// The nearest pixel.
    Nearest,
    /// The mean of the pixels under the new one.
    Box,
    /// Linear between neighbours.
    Bilinear,
    /// Cubic convolution, a = −0.5.
    Bicubic,
    /// A windowed sinc of three lobes.
    Lanczos,
}

impl Named for Filter {
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (Self::Nearest, "nearest", &["nearest-exact"]),
        (Self::Box, "box", &["area"]),
        (Self::Bilinear, "bilinear", &["linear"]),
        (Self::Bicubic, "bicubic", &["cubic"]),
        (Self::Lanczos, "lanczos", &["lanczos3"]),
    ];
}

/// What a word names that is no file, in its own spelling: [`NONE`], a filter's name, [`EMBEDDED`]. A1111's words count too.
pub fn known(word: &str) -> Option<&'static str> {
    let folded = crate::text::fold(word.trim());
    let is = |name: &str| crate::text::fold(name) == folded;
    if word.trim().is_empty() || is(NONE) || is("off") {
        return Some(NONE);
    }
    if is(EMBEDDED) || is("R-ESRGAN AnimeVideo") || is("RealESRGAN AnimeVideo v3") {
        return Some(EMBEDDED);
    }
    Filter::from_name(word).map(Filter::name)
}

/// What to call an upscaler where its path is of no use: in a picture's text.
pub fn short(upscaler: &str) -> &str {
    let path = Path::new(upscaler);
    match path.is_absolute() {
        true => path.file_stem().and_then(|stem| stem.to_str()).unwrap_or(upscaler),
        false => upscaler,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("None", Some(NONE))]
    #[case("", Some(NONE))]
    #[case("Lanczos", Some("lanczos"))]
    #[case("Nearest", Some("nearest"))]
    #[case("RealESR_AnimeVideoV3", Some(EMBEDDED))]
    #[case("R-ESRGAN AnimeVideo", Some(EMBEDDED))]
    #[case("4x-UltraSharp", None)]
    #[case("/models/lanczos", None)]
    fn words_are_known(#[case] word: &str, #[case] known: Option<&str>) {
        assert_eq!(super::known(word), known);
    }

    #[test]
    fn a_file_is_called_by_its_stem() {
        assert_eq!(short("/models/ESRGAN/4x-UltraSharp.pth"), "4x-UltraSharp");
        assert_eq!(short("lanczos"), "lanczos");
    }
}
