use crate::card::Family;

/// A component inside a single file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name in a diffusers folder.
    pub component: &'static str,
    /// Its weights, as a folder would call them.
    pub weights: &'static str,
    /// What stands before its tensors' names.
    pub prefix: &'static str,
}

/// What a family's published folder says and its single files do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Configuration files by name.
    pub configs: &'static [(&'static str, &'static str)],
    /// The components; the denoiser's prefix is the one that was detected.
    pub parts: &'static [Part],
}

/// Configurations of stable-diffusion-v1-5 on the Hugging Face hub, less fields that are their class's defaults. The one
/// liberty is the scheduler: Euler over the timesteps that v1-5's own one takes (spaced `leading`, one above).
const STABLE_DIFFUSION_1: Published = Published {
    configs: &[
        ("model_index.json", include_str!("sd1/model_index.json")),
        ("scheduler/scheduler_config.json", include_str!("sd1/scheduler.json")),
        ("text_encoder/config.json", include_str!("sd1/text_encoder.json")),
        ("unet/config.json", include_str!("sd1/unet.json")),
        ("vae/config.json", include_str!("sd1/vae.json")),
    ],
    parts: &[
        Part {
            component: "text_encoder",
            weights: "text_encoder/model.safetensors",
            prefix: "cond_stage_model.transformer.",
        },
        Part {
            component: "unet",
            weights: "unet/diffusion_pytorch_model.safetensors",
            prefix: "model.diffusion_model.",
        },
        Part {
            component: "vae",
            weights: "vae/diffusion_pytorch_model.safetensors",
            prefix: "first_stage_model.",
        },
    ],
};

impl Family {
    /// What its published folder says.
    pub fn published(self) -> &'static Published {
        match self {
            Self::StableDiffusion1 => &STABLE_DIFFUSION_1,
        }
    }
}
