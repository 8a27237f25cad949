//! Width and height as one field: the usual shapes at the model's area, what a person types for a size, and the sides changed about. Pure
//! numbers; `form.rs` puts them into the request.

use darkroom_protocol::ModelCard;

/// Width and height in pixels.
pub type Sides = (u32, u32);
/// Across and down, as in 3:2.
pub type Shape = (u32, u32);

/// The shapes that the row shows, and through which left and right go: square, landscape, portrait.
pub const SHAPES: [Shape; 5] = [(1, 1), (3, 2), (16, 9), (2, 3), (9, 16)];
/// All that can be chosen.
pub const ALL: [Shape; 11] = [
    (1, 1),
    (5, 4),
    (4, 3),
    (3, 2),
    (16, 9),
    (21, 9),
    (4, 5),
    (3, 4),
    (2, 3),
    (9, 16),
    (9, 21),
];

/// Models of this side and more make sizes of whole blocks of so many pixels best.
const LARGE: u32 = 512;
const BLOCK: u32 = 64;
/// No side is more than so many times the other where a shape is typed.
const LONGEST: u32 = 16;

/// A shape's sides: the model's area, as nearly as whole blocks have it, each at least one block.
pub fn of_shape((across, down): Shape, card: &ModelCard) -> Sides {
    let area = f64::from(card.width) * f64::from(card.height);
    let factor = card.vae_factor.max(1);
    let block = match card.width.min(card.height) >= LARGE {
        true => BLOCK.next_multiple_of(factor),
        false => factor,
    };
    let (across, down) = (f64::from(across.max(1)), f64::from(down.max(1)));
    let side = |ideal: f64| (ideal / f64::from(block)).round().max(1.0) as u32 * block;
    (side((area * across / down).sqrt()), side((area * down / across).sqrt()))
}

/// Which of the shapes that the row shows these sides have.
pub fn shape_of(sides: Sides, card: &ModelCard) -> Option<usize> {
    SHAPES.iter().position(|shape| of_shape(*shape, card) == sides)
}

/// The shape so many places further on; the first one from where none of them is.
pub fn moved(sides: Sides, by: i64, card: &ModelCard) -> Sides {
    let many = SHAPES.len() as i64;
    let at = match shape_of(sides, card) {
        Some(at) => (at as i64 + by).rem_euclid(many),
        None if by < 0 => many - 1,
        None => 0,
    };
    of_shape(SHAPES[at as usize], card)
}

/// What is typed: `512x768`, one number for a square, or a shape such as `3:2`, which needs the model.
///
/// # Errors
/// In words, when it is none of these.
pub fn parse(text: &str, card: Option<&ModelCard>) -> Result<Sides, String> {
    let wrong = || "That is no size: write width and height, as 512x768, or a shape, as 3:2.".to_owned();
    let number = |text: &str| text.trim().parse::<u32>().ok().filter(|number| *number > 0);
    let text = text.trim();
    if let Some((across, down)) = text.split_once(':') {
        let (across, down) = number(across).zip(number(down)).ok_or_else(wrong)?;
        let card = card.ok_or("The model is not known yet: write width and height, as 512x768.")?;
        if across.max(down) > LONGEST.saturating_mul(across.min(down)) {
            return Err(format!(
                "No side may be more than {LONGEST} times the other: write for instance 3:2."
            ));
        }
        return Ok(of_shape((across, down), card));
    }
    match text.split_once(['x', 'X', '×', '*', ' ']) {
        Some((width, height)) => {
            let height = height.trim_start_matches(['x', 'X', '×', '*', ' ']);
            number(width).zip(number(height)).ok_or_else(wrong)
        }
        None => number(text).map(|side| (side, side)).ok_or_else(wrong),
    }
}

/// In words.
pub fn words((width, height): Sides) -> String {
    format!("{width} × {height}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn card(side: u32, vae_factor: u32) -> ModelCard {
        ModelCard {
            width: side,
            height: side,
            vae_factor,
            ..crate::app::tests::card()
        }
    }

    /// Those of 1024 are the sizes that SDXL was trained with (Podell et al. 2023, arXiv 2307.01952, appendix I), 3:2 but for a block.
    #[rstest]
    #[case(1024, 8, (1, 1), (1024, 1024))]
    #[case(1024, 8, (16, 9), (1344, 768))]
    #[case(1024, 8, (9, 16), (768, 1344))]
    #[case(1024, 8, (4, 3), (1152, 896))]
    #[case(1024, 8, (21, 9), (1536, 640))]
    #[case(1024, 8, (3, 2), (1280, 832))]
    #[case(512, 8, (2, 3), (448, 640))]
    #[case(64, 4, (3, 2), (80, 52))]
    #[case(64, 4, (1, 1), (64, 64))]
    #[case(8, 8, (9, 21), (8, 16))]
    fn shapes_have_the_models_area(#[case] side: u32, #[case] factor: u32, #[case] shape: Shape, #[case] sides: Sides) {
        assert_eq!(of_shape(shape, &card(side, factor)), sides);
    }

    #[test]
    fn one_goes_through_the_shapes_and_round() {
        let card = card(1024, 8);
        let mut sides = (1024, 1024);
        for shape in SHAPES {
            assert_eq!(sides, of_shape(shape, &card));
            sides = moved(sides, 1, &card);
        }
        assert_eq!(sides, (1024, 1024));
        assert_eq!(moved((512, 768), 1, &card), (1024, 1024), "from a size of no shape");
        assert_eq!(moved((1024, 1024), -1, &card), (768, 1344));
    }

    #[rstest]
    #[case("512x768", Some((512, 768)))]
    #[case(" 512 × 768 ", Some((512, 768)))]
    #[case("512 768", Some((512, 768)))]
    #[case("640", Some((640, 640)))]
    #[case("16:9", Some((1344, 768)))]
    #[case("0x5", None)]
    #[case("a", None)]
    #[case("5x", None)]
    #[case("1:0", None)]
    #[case("1:4294967295", None)]
    #[case("99999999999x1", None)]
    #[case("", None)]
    fn sizes_are_typed(#[case] text: &str, #[case] sides: Option<Sides>) {
        assert_eq!(parse(text, Some(&card(1024, 8))).ok(), sides);
    }
}
