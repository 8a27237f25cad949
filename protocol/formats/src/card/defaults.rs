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

/// Default steps and guidance of the model in `folder`, whose default size has the longer side `side`.
pub(super) fn of(folder: &Folder, built: &Built, side: u32) -> (u32, f64) {
    let scheduler = &folder.scheduler;
    let field = |name: &str| scheduler.config.get(name);
    let trailing = field("timestep_spacing").and_then(Value::as_str) == Some("trailing");
    let zero_snr = field("rescale_betas_zero_snr").is_some_and(crate::schema::truth);
    let can_be_turbo = matches!(built.family, Family::StableDiffusion2 | Family::StableDiffusionXl);
    let turbo = can_be_turbo && side == TURBO_SIDE && trailing && !zero_snr;
    let denoiser = folder.components.get(built.denoiser);
    let is_told = denoiser.is_some_and(|unet| unet.config.get("time_cond_proj_dim").is_some_and(|dim| !dim.is_null()));
    match turbo || FEW_STEPS.contains(&scheduler.class.as_str()) {
        true if is_told => (DISTILLED.0, TOLD),
        true => DISTILLED,
        false => (built.steps, built.cfg_scale),
    }
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
