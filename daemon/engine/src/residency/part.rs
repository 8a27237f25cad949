use std::rc::Rc;

use crate::Result;
use crate::families::stable_diffusion::{AutoencoderKl, UNet2DConditionModel, UNetConfig, VaeConfig};
use crate::text::clip::{ClipTextConfig, ClipTextModel};
use crate::weights::Weights;

/// The parts of a model, in the order in which a picture needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Token ids to embeddings.
    TextEncoder,
    /// The denoiser.
    Unet,
    /// Between latents and pixels.
    Vae,
}

impl Role {
    /// Every part.
    pub const ALL: [Self; 3] = [Self::TextEncoder, Self::Unet, Self::Vae];

    /// Its folder's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::TextEncoder => "text_encoder",
            Self::Unet => "unet",
            Self::Vae => "vae",
        }
    }
}

/// A part in memory. Cheap to clone: the weights are there once.
#[derive(Clone, Debug)]
pub enum Part {
    /// The text encoder.
    TextEncoder(Rc<ClipTextModel>),
    /// The denoiser.
    Unet(Rc<UNet2DConditionModel>),
    /// The autoencoder.
    Vae(Rc<AutoencoderKl>),
}

impl Part {
    /// Which part it is.
    pub fn role(&self) -> Role {
        match self {
            Self::TextEncoder(_) => Role::TextEncoder,
            Self::Unet(_) => Role::Unet,
            Self::Vae(_) => Role::Vae,
        }
    }
}

/// How a part is built: its config, checked.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// The text encoder's.
    TextEncoder(ClipTextConfig),
    /// The denoiser's.
    Unet(UNetConfig),
    /// The autoencoder's.
    Vae(VaeConfig),
}

impl Plan {
    /// What `config.json` says of the part.
    ///
    /// # Errors
    /// `Error::Config` for what cannot be built.
    pub fn read(role: Role, json: &[u8]) -> Result<Self> {
        Ok(match role {
            Role::TextEncoder => Self::TextEncoder(ClipTextConfig::from_json(json)?),
            Role::Unet => Self::Unet(UNetConfig::from_json(json)?),
            Role::Vae => Self::Vae(VaeConfig::from_json(json)?),
        })
    }

    /// The part with these weights.
    ///
    /// # Errors
    /// A tensor that is missing or of another shape, out of memory, cancelled.
    pub fn build(&self, weights: &Weights) -> Result<Part> {
        Ok(match self {
            Self::TextEncoder(config) => Part::TextEncoder(Rc::new(ClipTextModel::new(weights, config)?)),
            Self::Unet(config) => Part::Unet(Rc::new(UNet2DConditionModel::new(weights, config)?)),
            Self::Vae(config) => Part::Vae(Rc::new(AutoencoderKl::new(weights, config)?)),
        })
    }
}
