//! How many steps a model takes and how much guidance, where nobody says: its family's, or what a distilled model was made for.
//! `build.rs` asks, once a card. Only what files say is read: distilled weights without a scheduler of their own look like any
//! other's.

use serde_json::Value;

use crate::family::{Built, Family};
use crate::folder::Folder;

/// The schedulers of models that were distilled to a few steps without guidance (arXiv 2310.04378, 2402.19159).
const FEW_STEPS: [&str; 2] = ["LCMScheduler", "TCDScheduler"];
/// Steps of such models, and guidance, which is none.
const DISTILLED: (u32, f64) = (4, 1.0);
/// The guidance that models are told which were distilled with it: the default of diffusers' `LatentConsistencyModelPipeline`.
const TOLD: f64 = 8.5;
/// What SD-Turbo and SDXL-Turbo were distilled at, in pixels (arXiv 2311.17042); their families' other models of that size are
/// not published with trailing timesteps.
const TURBO_SIDE: u32 = 512;
/// Z-Image's base model, whose scheduler shifts further than Turbo's 3: what its card shows, as guidance is counted here (1 is none).
const Z_IMAGE_BASE: (u32, f64) = (50, 5.0);
const Z_IMAGE_BASE_SHIFT: f64 = 4.5;

/// Default steps and guidance of the model in `folder`, whose default size has the longer side `side`.
pub(super) fn of(folder: &Folder, built: &Built, side: u32) -> (u32, f64) {
    let scheduler = &folder.scheduler;
    let field = |name: &str| scheduler.config.get(name);
    let trailing = field("timestep_spacing").and_then(Value::as_str) == Some("trailing");
    let zero_snr = field("rescale_betas_zero_snr").is_some_and(crate::schema::truth);
    if built.family == Family::ZImage {
        let shift = field("shift").and_then(Value::as_f64).unwrap_or(3.0);
        return match shift > Z_IMAGE_BASE_SHIFT {
            true => Z_IMAGE_BASE,
            false => (built.steps, built.cfg_scale),
        };
    }
    let can_be_turbo = matches!(built.family, Family::StableDiffusion2 | Family::StableDiffusionXl);
    let turbo = can_be_turbo && side == TURBO_SIDE && trailing && !zero_snr;
    let schnell = built.family == Family::Flux1 && !is_told(folder);
    let denoiser = folder.components.get(built.denoiser);
    let learned = denoiser.is_some_and(|unet| unet.config.get("time_cond_proj_dim").is_some_and(|dim| !dim.is_null()));
    match turbo || schnell || FEW_STEPS.contains(&scheduler.class.as_str()) {
        true if learned => (DISTILLED.0, TOLD),
        true => DISTILLED,
        false => (built.steps, built.cfg_scale),
    }
}

/// What the model in `folder` is told of guidance where nobody says: the defaults of diffusers' pipelines, and of Kontext and Fill what
/// their makers publish.
pub(super) fn told(folder: &Folder, family: Family) -> Option<f64> {
    if family != Family::Flux1 || !is_told(folder) {
        return None;
    }
    let channels = folder.components.get("transformer")?.config.get("in_channels");
    let fills = channels.and_then(Value::as_u64).is_some_and(|n| n > 64);
    Some(match fills {
        true => 30.0,
        false if folder.class.contains("Kontext") => 2.5,
        false => 3.5,
    })
}

/// Whether the transformer is told a guidance at all: FLUX.1 schnell is not.
fn is_told(folder: &Folder) -> bool {
    let transformer = folder.components.get("transformer");
    let flag = transformer.and_then(|transformer| transformer.config.get("guidance_embeds"));
    flag.is_some_and(crate::schema::truth)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Embedded;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case::base(Family::StableDiffusionXl, "EulerDiscreteScheduler", json!({"timestep_spacing": "leading"}), 1024, (20, 5.0))]
    #[case::sdxl_turbo(Family::StableDiffusionXl, "EulerAncestralDiscreteScheduler", json!({"timestep_spacing": "trailing"}), 512, (4, 1.0))]
    #[case::sd_turbo(Family::StableDiffusion2, "EulerDiscreteScheduler", json!({"timestep_spacing": "trailing"}), 512, (4, 1.0))]
    #[case::zero_snr(Family::StableDiffusionXl, "EulerDiscreteScheduler", json!({"timestep_spacing": "trailing", "rescale_betas_zero_snr": true}), 512, (20, 5.0))]
    #[case::trailing(Family::StableDiffusionXl, "EulerDiscreteScheduler", json!({"timestep_spacing": "trailing"}), 1024, (20, 5.0))]
    #[case::lcm(Family::StableDiffusionXl, "LCMScheduler", json!({}), 1024, (4, 1.0))]
    #[case::lcm_1(Family::StableDiffusion1, "LCMScheduler", json!({}), 512, (4, 1.0))]
    #[case::first(Family::StableDiffusion1, "DDIMScheduler", json!({"timestep_spacing": "trailing"}), 512, (20, 7.0))]
    #[case::z_image_turbo(Family::ZImage, "FlowMatchEulerDiscreteScheduler", json!({"shift": 3.0}), 1024, (8, 1.0))]
    #[case::z_image(Family::ZImage, "FlowMatchEulerDiscreteScheduler", json!({"shift": 6.0}), 1024, (50, 5.0))]
    fn distilled_models_are_told_by_their_scheduler(
        #[case] family: Family,
        #[case] class: &str,
        #[case] config: Value,
        #[case] side: u32,
        #[case] expected: (u32, f64),
    ) {
        let files = Embedded {
            name: "m",
            files: &[("model_index.json", br#"{"_class_name": "StableDiffusionXLPipeline"}"#)],
        };
        let mut folder = Folder::read(&files).unwrap();
        folder.scheduler.class = class.to_owned();
        folder.scheduler.config = config.as_object().unwrap().clone();
        assert_eq!(of(&folder, family.built(), side), expected);
    }
}
