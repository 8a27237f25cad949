//! How large a picture is that begins with another, where nobody says. `resolve.rs` puts it between what is asked for and what the
//! model's card has; the worker scales and cuts the given picture to it (`pipeline/prepare.rs` of the engine).

use darkroom_protocol::{GenerateRequest, InpaintArea, ModelCard, upscaler};

/// The size of the picture to begin with, where none is asked for: a side alone takes the other from its shape.
pub fn like(request: &GenerateRequest, input: Option<(u32, u32)>, card: &ModelCard) -> GenerateRequest {
    let Some(given) = input else {
        return GenerateRequest::default();
    };
    // The mask's surroundings have a shape of their own.
    if request.mask.is_some() && request.inpaint_area == Some(InpaintArea::Masked) {
        return GenerateRequest::default();
    }
    let (factor, area) = (card.vae_factor.max(1), u64::from(card.width) * u64::from(card.height));
    let (width, height) = match (request.width, request.height) {
        (None, None) if is_enlarged(request, input, card) => {
            let small = |side: u32| (side / upscaler::EMBEDDED_SCALE).max(1);
            size_like((small(given.0), small(given.1)), area, factor)
        }
        (None, None) => size_like(given, area, factor),
        (Some(width), None) => (width, beside(width, given, factor)),
        (None, Some(height)) => (beside(height, (given.1, given.0), factor), height),
        (Some(width), Some(height)) => (width, height),
    };
    GenerateRequest {
        width: Some(width),
        height: Some(height),
        ..GenerateRequest::default()
    }
}

/// Whether the model's own upscaler makes the new picture larger where nobody says: who asks for a size gets that size, and who begins
/// with a picture gets its size, which where it is more than the model's the upscaler makes of the model's.
pub fn is_enlarged(request: &GenerateRequest, input: Option<(u32, u32)>, card: &ModelCard) -> bool {
    let area = u64::from(card.width) * u64::from(card.height);
    card.upscaler != upscaler::NONE
        && request.upscaler.is_none()
        && request.width.is_none()
        && request.height.is_none()
        && input.is_none_or(|(width, height)| u64::from(width) * u64::from(height) > 2 * area)
}

/// The second side of a picture of the shape of `given` whose first is `side`.
fn beside(side: u32, given: (u32, u32), factor: u32) -> u32 {
    let other = f64::from(side) * f64::from(given.1) / f64::from(given.0.max(1));
    ((other / f64::from(factor)).round() as u32)
        .max(1)
        .saturating_mul(factor)
}

/// The size of a new picture like one of `width`×`height` for a model whose own area is `area` pixels: its own, or where it has more
/// than twice that area as much less of it; in multiples of `factor`, at least one.
fn size_like((width, height): (u32, u32), area: u64, factor: u32) -> (u32, u32) {
    let pixels = (f64::from(width) * f64::from(height)).max(1.0);
    let scale = (2.0 * area as f64 / pixels).sqrt().min(1.0);
    let side = |side: u32| ((f64::from(side) * scale / f64::from(factor)).floor() as u32).max(1) * factor;
    (side(width), side(height))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case((512, 768), 512 * 512, (512, 768))]
    #[case((515, 770), 512 * 512, (512, 768))]
    #[case((4000, 3000), 512 * 512, (832, 624))]
    #[case((3, 3), 512 * 512, (8, 8))]
    #[case((1, 100_000), 512 * 512, (8, 100_000))]
    fn a_new_picture_is_as_large(#[case] given: (u32, u32), #[case] area: u64, #[case] size: (u32, u32)) {
        assert_eq!(size_like(given, area, 8), size);
    }
}
