//! How a part of a given picture is changed: the choices of the parameter table's inpainting rows under every name that people have
//! for them, and the group of a task that holds them. The daemon fills it where a mask is given, the worker's
//! `pipeline/inpaint/` reads it. What each choice does to pixels is said there.

use serde::{Deserialize, Serialize};

use crate::sampler::Named;

/// Which side of the mask changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaskMode {
    /// What is white.
    #[default]
    Masked,
    /// What is black.
    NotMasked,
}

impl Named for MaskMode {
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (Self::Masked, "Inpaint masked", &["masked", "0"]),
        (
            Self::NotMasked,
            "Inpaint not masked",
            &["not masked", "inverted", "invert", "1"],
        ),
    ];
}

/// What is under the mask before the first step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InpaintFill {
    /// Colours from around it, blurred.
    Fill,
    /// The picture as it is.
    #[default]
    Original,
    /// Noise in place of its latents.
    LatentNoise,
    /// Zeros in place of its latents.
    LatentNothing,
}

impl Named for InpaintFill {
    /// A1111's names, and the numbers of its API.
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (Self::Fill, "fill", &["0"]),
        (Self::Original, "original", &["1"]),
        (Self::LatentNoise, "latent noise", &["noise", "2"]),
        (Self::LatentNothing, "latent nothing", &["nothing", "3"]),
    ];
}

/// What of the picture is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InpaintArea {
    /// All of it.
    #[default]
    Whole,
    /// The surroundings of the mask, at the task's size; the rest stays as it is, at its own.
    Masked,
}

impl Named for InpaintArea {
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (Self::Whole, "Whole picture", &["whole", "off", "false", "0"]),
        (
            Self::Masked,
            "Only masked",
            &["masked", "only masked area", "on", "true", "1"],
        ),
    ];
}

/// The group of a task about a part to change. All but the mask is set where there is a mask, and nowhere else.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Inpaint {
    /// Where the given picture may change, by its file's SHA-256: white is all, black nothing.
    pub mask: Option<String>,
    /// See [`MaskMode`].
    pub mode: Option<MaskMode>,
    /// Standard deviation of the Gaussian that softens the mask, in pixels of the given picture.
    pub blur: Option<u32>,
    /// See [`InpaintFill`].
    pub fill: Option<InpaintFill>,
    /// See [`InpaintArea`].
    pub area: Option<InpaintArea>,
    /// Pixels around the mask that are computed with it, where only that is.
    pub padding: Option<u32>,
    /// Whether greys of the mask say how far each pixel may change, and not only what is changed.
    pub soft: Option<bool>,
}

impl Inpaint {
    /// Standard deviation of the mask's blur where nobody says (A1111's).
    pub const BLUR: u32 = 4;
    /// Padding around the mask where nobody says (A1111's).
    pub const PADDING: u32 = 32;

    /// See [`MaskMode`].
    pub fn mode(&self) -> MaskMode {
        self.mode.unwrap_or_default()
    }

    /// See [`Self::blur`].
    pub fn blur(&self) -> u32 {
        self.blur.unwrap_or(Self::BLUR)
    }

    /// See [`InpaintFill`].
    pub fn fill(&self) -> InpaintFill {
        self.fill.unwrap_or_default()
    }

    /// See [`InpaintArea`].
    pub fn area(&self) -> InpaintArea {
        self.area.unwrap_or_default()
    }

    /// See [`Self::padding`].
    pub fn padding(&self) -> u32 {
        self.padding.unwrap_or(Self::PADDING)
    }

    /// See [`Self::soft`].
    pub fn soft(&self) -> bool {
        self.soft.unwrap_or_default()
    }

    /// The same with every default that counts beside a mask; nothing at all without one.
    pub fn resolved(&self) -> Self {
        let Some(mask) = &self.mask else {
            return Self::default();
        };
        let area = self.area();
        Self {
            mask: Some(mask.clone()),
            mode: Some(self.mode()).filter(|mode| *mode != MaskMode::default()),
            blur: Some(self.blur()),
            fill: Some(self.fill()),
            area: Some(area),
            padding: (area == InpaintArea::Masked).then(|| self.padding()),
            soft: Some(true).filter(|_| self.soft()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_mask_nothing_of_it_counts() {
        let mut asked = Inpaint {
            blur: Some(9),
            fill: Some(InpaintFill::Fill),
            ..Inpaint::default()
        };
        assert_eq!(asked.resolved(), Inpaint::default());
        asked.mask = Some("0f".repeat(32));
        let resolved = asked.resolved();
        assert_eq!((resolved.blur, resolved.fill), (Some(9), Some(InpaintFill::Fill)));
        assert_eq!((resolved.area, resolved.padding), (Some(InpaintArea::Whole), None));
        asked.area = Some(InpaintArea::Masked);
        assert_eq!(asked.resolved().padding, Some(Inpaint::PADDING));
        assert_eq!(asked.resolved().resolved(), asked.resolved());
    }
}
