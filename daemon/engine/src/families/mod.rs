//! Model families, one folder each. Fields are named as the checkpoint's tensors (diffusers' spelling) and `forward` shows
//! every layer. [`open`] finds the family of a model; everything above knows only `model::Family`.

pub mod autoencoder_kl;
#[cfg(test)]
pub(crate) mod fixture;
pub mod flux;
mod resnet;
mod spelling;
pub mod stable_diffusion;
pub mod taesd;
#[cfg(test)]
mod toy;
pub mod z_image;

use darkroom_formats::family::detect_folder;
use darkroom_formats::folder::{Files, Folder};

use crate::model::{Blueprint, Family, Key};
use crate::{Error, Result};

/// Reads a model of one family; `None` when the folder's pipeline is another's.
type Open = fn(&Folder, &dyn Files) -> Result<Option<Box<dyn Family>>>;

/// Every family that is built, one row each.
const FAMILIES: &[Open] = &[
    stable_diffusion::StableDiffusion1::open,
    stable_diffusion::StableDiffusionXl::open,
    flux::Flux::open,
    z_image::ZImage::open,
    #[cfg(test)]
    toy::Toy::open,
];

/// The configuration of the model that `key` names. No weights yet.
///
/// # Errors
/// What is wrong with the files, in words.
pub fn open(key: &Key) -> Result<Blueprint> {
    Blueprint::open(key, family)
}

fn family(folder: &Folder, files: &dyn Files) -> Result<Box<dyn Family>> {
    for open in FAMILIES {
        if let Some(family) = open(folder, files)? {
            return Ok(family);
        }
    }
    // It knows why none fits.
    detect_folder(folder)?;
    Err(Error::Defect)
}
