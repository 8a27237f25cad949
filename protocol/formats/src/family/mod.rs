//! What a model is: of which family, or what else a file is that people take for one.
//!
//! `families` has a row for every family that is recognised, built or not. Folders and single files are both tried against
//! it, in its order, and nothing else says what a family looks like. To build a family is to give its row a `Built`, with a
//! module here for what that holds, and a name in [`Family`].

mod chroma;
mod detect;
mod flux_1;
mod kind;
mod row;
mod stable_diffusion_1;
mod stable_diffusion_2;
mod stable_diffusion_xl;
mod stable_diffusion_xl_refiner;
mod table;
mod z_image;

pub use detect::{Denoiser, Found, detect_file, detect_folder};
pub(crate) use detect::{built_labels, not_built};
pub use row::Part;
pub(crate) use row::{Built, Checkpoint, Fact, Is, Layout, Mark, Row, Setting, Signature};
pub(crate) use table::families;

/// A family that is built: models of one architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Stable Diffusion 1.1 to 1.5 and what was trained from them.
    StableDiffusion1,
    /// Stable Diffusion 2.0 and 2.1, of 512 and 768 pixels, and what was trained from them.
    StableDiffusion2,
    /// SDXL, what was trained and what was distilled from it.
    StableDiffusionXl,
    /// The refiner of SDXL.
    StableDiffusionXlRefiner,
    /// FLUX.1 dev, schnell, Krea, Fill and Kontext, and what was trained from them.
    Flux1,
    /// Chroma, which was made from FLUX.1 schnell.
    Chroma,
    /// Z-Image, Turbo and base.
    ZImage,
}

impl Family {
    /// What people call it.
    pub fn label(self) -> &'static str {
        self.row().label
    }

    /// The pipelines that a model_index.json of it names. Other families may have the same.
    pub fn pipelines(self) -> &'static [&'static str] {
        self.row().pipelines
    }

    pub(crate) fn row(self) -> &'static Row {
        match self {
            Self::StableDiffusion1 => &table::STABLE_DIFFUSION_1,
            Self::StableDiffusion2 => &table::STABLE_DIFFUSION_2,
            Self::StableDiffusionXl => &table::STABLE_DIFFUSION_XL,
            Self::StableDiffusionXlRefiner => &table::STABLE_DIFFUSION_XL_REFINER,
            Self::Flux1 => &table::FLUX_1,
            Self::Chroma => &table::CHROMA,
            Self::ZImage => &table::Z_IMAGE,
        }
    }

    pub(crate) fn built(self) -> &'static Built {
        match self {
            Self::StableDiffusion1 => &stable_diffusion_1::BUILT,
            Self::StableDiffusion2 => &stable_diffusion_2::BUILT,
            Self::StableDiffusionXl => &stable_diffusion_xl::BUILT,
            Self::StableDiffusionXlRefiner => &stable_diffusion_xl_refiner::BUILT,
            Self::Flux1 => &flux_1::BUILT,
            Self::Chroma => &chroma::BUILT,
            Self::ZImage => &z_image::BUILT,
        }
    }
}

#[cfg(test)]
mod tests;
