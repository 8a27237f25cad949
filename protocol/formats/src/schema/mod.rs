//! What the configuration files of a model's parts say, each field checked and resolved.
//!
//! This is the one reading of them: the catalogue lists a model by it and the engine builds the model by it, so that
//! what is listed as usable can be built. The measure is what diffusers 0.42 and transformers 5 take: a null is off
//! where they test for truth, absent where they test for None, and an error that names the field where they fail.
//! Weights are not looked at here.

mod clip;
mod fields;
mod flow_match;
mod flux;
mod language;
mod parts;
mod scheduler;
mod t5;
mod unet;
mod vae;
mod z_image;

use serde_json::{Map, Value};

pub use clip::{Activation, ClipTextConfig};
pub use darkroom_protocol::Prediction;
pub(crate) use fields::whole;
pub use fields::{Fields, truth};
pub use flow_match::{DynamicShift, FlowMatchConfig};
pub use flux::{Flux, FluxConfig, Modulation};
pub use language::LanguageConfig;
pub use parts::{StableDiffusion, StableDiffusionXl};
pub use scheduler::{BetaSchedule, FinalSigma, SchedulerConfig, Spacing};
pub use t5::T5Config;
pub use unet::{Level, MidBlock, ResnetDims, TextTime, TransformerDims, UNetConfig};
pub use vae::VaeConfig;
pub use z_image::{ZImage, ZImageConfig};

use crate::Result;

/// The largest configuration that is read, in bytes.
const MAX_JSON: usize = crate::json::MAX_CONFIG as usize;

/// The object that `json` spells, as [`Fields`] of `component` read it.
fn object(component: &str, json: &[u8]) -> Result<Map<String, Value>> {
    let wrong = |what: String| crate::Error::Config {
        place: component.to_owned(),
        field: "file".to_owned(),
        what,
    };
    if json.len() > MAX_JSON {
        return Err(wrong(format!("is {} bytes, more than a config ever has.", json.len())));
    }
    crate::json::object(json).map_err(|problem| wrong(format!("is not a JSON object: {problem}.")))
}

#[cfg(test)]
mod tests;
