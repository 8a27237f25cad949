//! `--size 512x768`: width and height in one word, for `generate` and `bench`.

use darkroom_protocol::text::escape_line;

use crate::{Error, Result};

/// `512x768`, `512X768` or `512×768` as width and height.
///
/// # Errors
/// [`Error::Usage`] when it is not two numbers.
pub fn sides(text: &str) -> Result<(&str, &str)> {
    let sides = text.trim().split_once(['x', 'X', '×']);
    let sides = sides.map(|(width, height)| (width.trim(), height.trim()));
    let digits = |side: &str| !side.is_empty() && side.bytes().all(|b| b.is_ascii_digit());
    sides
        .filter(|(width, height)| digits(width) && digits(height))
        .ok_or_else(|| {
            let shown = escape_line(text);
            Error::Usage(format!(
                "--size is width and height in pixels, for instance 512x768, not {shown}."
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("512x768")]
    #[case("512X768")]
    #[case("512×768")]
    #[case(" 512 x 768 ")]
    fn two_numbers(#[case] text: &str) {
        assert_eq!(sides(text).unwrap(), ("512", "768"));
    }

    #[rstest]
    #[case("512")]
    #[case("x")]
    #[case("512x")]
    #[case("-1x5")]
    #[case("5x5x5")]
    #[case("a\u{1b}xb")]
    fn anything_else_is_refused(#[case] text: &str) {
        let error = sides(text).unwrap_err();
        assert!(error.code() == 2 && !error.to_string().contains('\u{1b}'), "{error}");
    }
}
