//! How well a colour can be read on another: the contrast ratio of WCAG 2, from 1 to 21, and the colour that is nearest to a wanted one
//! and can be read. Pure numbers; `theme.rs` says what has to be read how well.

/// Red, green and blue, 0 to 255 each.
pub type Rgb = [u8; 3];

/// As light as white has it 1, and black 0.
pub fn luminance(colour: Rgb) -> f64 {
    let linear = colour.map(|part| {
        let part = f64::from(part) / 255.0;
        match part <= 0.04045 {
            true => part / 12.92,
            false => ((part + 0.055) / 1.055).powf(2.4),
        }
    });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

/// The contrast ratio of two colours.
pub fn contrast(one: Rgb, other: Rgb) -> f64 {
    let (a, b) = (luminance(one), luminance(other));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// Whether dark text is read better on it than light text.
pub fn is_light(ground: Rgb) -> bool {
    contrast(ground, [0; 3]) > contrast(ground, [255; 3])
}

/// `colour`, or what is nearest to it towards black or white and has at least that contrast on `ground`. On a ground in the middle, where
/// neither end has as much, the better end.
pub fn readable(colour: Rgb, ground: Rgb, least: f64) -> Rgb {
    const STEPS: u16 = 64;
    let end: u16 = if is_light(ground) { 0 } else { 255 };
    let mixed = |step: u16| colour.map(|part| ((u16::from(part) * (STEPS - step) + end * step) / STEPS) as u8);
    let found = (0..STEPS).map(mixed).find(|mixed| contrast(*mixed, ground) >= least);
    found.unwrap_or([end as u8; 3])
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLACK: Rgb = [0; 3];
    const WHITE: Rgb = [255; 3];

    #[test]
    fn ratios_are_those_of_the_standard() {
        assert!((contrast(BLACK, WHITE) - 21.0).abs() < 1e-9);
        assert!((contrast([0x77; 3], WHITE) - 4.48).abs() < 0.01);
        assert!((contrast([0xff, 0, 0], WHITE) - 4.0).abs() < 0.01);
        assert!(is_light(WHITE) && !is_light(BLACK) && !is_light([0, 0x2b, 0x36]) && is_light([0xfd, 0xf6, 0xe3]));
    }

    #[test]
    fn what_can_be_read_stays_and_the_rest_is_moved_no_further_than_needed() {
        let accent = [0xff, 0x5f, 0x3c];
        assert_eq!(readable(accent, BLACK, 4.5), accent);
        let darker = readable(accent, WHITE, 4.5);
        assert!((4.5..5.0).contains(&contrast(darker, WHITE)), "{darker:?}");
        assert!(darker[0] > 0xc0, "it is still that red: {darker:?}");
        for part in 0..=255u8 {
            let ground = [part; 3];
            assert!(contrast(readable([0x80; 3], ground, 4.5), ground) >= 4.5, "{part}");
        }
    }
}
