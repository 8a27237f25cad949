//! How a part of a given picture is changed: the choices of the parameter table's inpainting rows under every name that people have
//! for them, and the group of a task that holds them. The daemon fills it where a mask is given or something added around the picture, the worker's
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

/// What is added around a picture, in pixels of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "names that say it")]
pub struct Frame {
    pub left: u32,
    pub top: u32,
    pub right: u32,
    pub bottom: u32,
}

impl Frame {
    /// The most pixels of a side.
    pub const MOST: u32 = 8192;

    /// The one that words as `side` keeps them say; of two about one side the later counts.
    pub fn of(words: &[String]) -> Self {
        let mut frame = Self::default();
        for (name, pixels) in words.iter().filter_map(|word| word.split_once('=')) {
            let pixels = pixels.parse().unwrap_or(0).min(Self::MOST);
            match name {
                "left" => frame.left = pixels,
                "top" => frame.top = pixels,
                "right" => frame.right = pixels,
                "bottom" => frame.bottom = pixels,
                _ => {
                    frame = Self {
                        left: pixels,
                        top: pixels,
                        right: pixels,
                        bottom: pixels,
                    }
                }
            }
        }
        frame
    }

    /// Its words.
    pub fn words(self) -> Vec<String> {
        let sides = [
            ("left", self.left),
            ("top", self.top),
            ("right", self.right),
            ("bottom", self.bottom),
        ];
        let there = sides.into_iter().filter(|(_, pixels)| *pixels > 0);
        there.map(|(name, pixels)| format!("{name}={pixels}")).collect()
    }

    /// Whether it adds nothing.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    /// Width and height of a picture of that size with it.
    pub fn around(self, (width, height): (u32, u32)) -> (u32, u32) {
        let sum = |side: u32, one: u32, other: u32| side.saturating_add(one).saturating_add(other);
        (sum(width, self.left, self.right), sum(height, self.top, self.bottom))
    }
}

/// A side of a frame and its pixels as they are kept, `left=64`; a number alone is for all four. `None` for what is none.
pub(crate) fn side(text: &str) -> Option<String> {
    let (name, pixels) = text.split_once('=').unwrap_or(("all", text));
    let name = match name.trim().to_ascii_lowercase().as_str() {
        "all" => "all",
        "left" | "l" => "left",
        "top" | "up" | "t" => "top",
        "right" | "r" => "right",
        "bottom" | "down" | "b" => "bottom",
        _ => return None,
    };
    let pixels: u32 = pixels.trim().parse().ok().filter(|pixels| *pixels <= Frame::MOST)?;
    Some(format!("{name}={pixels}"))
}

/// The group of a task about a part to change. All but the mask and what is added is set where there is one of them, and nowhere else.
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
    /// What is added around the given picture: words of [`Frame`].
    pub outpaint: Vec<String>,
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

    /// See [`InpaintFill`]. What is added has the colours beside it, unless somebody says otherwise.
    pub fn fill(&self) -> InpaintFill {
        self.fill.unwrap_or(match self.frame().is_none() {
            true => InpaintFill::default(),
            false => InpaintFill::Fill,
        })
    }

    /// What is added around the given picture.
    pub fn frame(&self) -> Frame {
        Frame::of(&self.outpaint)
    }

    /// Whether a part of a picture is changed, or something added to it.
    pub fn is_asked(&self) -> bool {
        self.mask.is_some() || !self.frame().is_none()
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

    /// The same with every default that counts; nothing at all where nothing of a picture is changed or added.
    pub fn resolved(&self) -> Self {
        if !self.is_asked() {
            return Self::default();
        }
        let area = self.area();
        let mode = self.mask.as_ref().map(|_| self.mode());
        Self {
            mask: self.mask.clone(),
            mode: mode.filter(|mode| *mode != MaskMode::default()),
            blur: Some(self.blur()),
            fill: Some(self.fill()),
            area: Some(area),
            padding: (area == InpaintArea::Masked).then(|| self.padding()),
            soft: Some(true).filter(|_| self.soft()),
            outpaint: self.frame().words(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_said_by_its_sides() {
        let words = |text: &[&str]| text.iter().map(|word| side(word).unwrap()).collect::<Vec<_>>();
        let frame = Frame::of(&words(&["64", "Left=8", "up = 0"]));
        assert_eq!((frame.left, frame.top, frame.right, frame.bottom), (8, 0, 64, 64));
        assert_eq!(frame.around((100, 50)), (172, 114));
        assert_eq!(Frame::of(&frame.words()), frame);
        for wrong in ["", "left", "middle=8", "left=-8", "left=8193", "left=8px"] {
            assert_eq!(side(wrong), None, "{wrong}");
        }
        let none = Inpaint {
            outpaint: words(&["left=0"]),
            ..Inpaint::default()
        };
        assert_eq!(none.resolved(), Inpaint::default());
        let some = Inpaint {
            outpaint: words(&["left=16"]),
            ..Inpaint::default()
        };
        assert_eq!(some.resolved().fill, Some(InpaintFill::Fill));
        assert_eq!(some.resolved().resolved(), some.resolved());
    }

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
