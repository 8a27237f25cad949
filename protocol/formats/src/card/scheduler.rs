//! What a folder's scheduler_config.json comes to: a default sampler for its class, and the fields as the family's pipeline takes
//! them. `build.rs` asks for the sampler and for lines about what was replaced, the engine's family for the fields
//! (`families/stable_diffusion/family.rs`). They are parsed in `schema/scheduler.rs`; the noise schedule is computed in the
//! engine's `sampling/`.

use darkroom_protocol::Sampler;
use darkroom_protocol::sampler::Named;
use serde_json::{Map, Value};

use crate::family::Family;
use crate::folder::{Folder, Scheduler};
use crate::json::object;
use crate::shown::Shown;
use crate::{Error, Result};

/// The sampler that stands in for schedulers that are not built.
const FALLBACK: Sampler = Sampler::DpmPp2m;

/// diffusers scheduler classes and the samplers that they are.
const CLASSES: &[(&str, Sampler)] = &[
    ("DDIMScheduler", Sampler::Ddim),
    ("EulerDiscreteScheduler", Sampler::Euler),
    ("EulerAncestralDiscreteScheduler", Sampler::EulerAncestral),
    ("DPMSolverMultistepScheduler", Sampler::DpmPp2m),
    ("HeunDiscreteScheduler", Sampler::Heun),
    ("KDPM2DiscreteScheduler", Sampler::Dpm2),
    ("KDPM2AncestralDiscreteScheduler", Sampler::Dpm2Ancestral),
    ("LMSDiscreteScheduler", Sampler::Lms),
    ("DPMSolverSDEScheduler", Sampler::DpmPpSde),
    ("EDMEulerScheduler", Sampler::Euler),
    ("EDMDPMSolverMultistepScheduler", Sampler::DpmPp2m),
    ("DDPMScheduler", Sampler::Ddpm),
    ("UniPCMultistepScheduler", Sampler::UniPc),
    ("DEISMultistepScheduler", Sampler::DeisLogRho),
    ("SASolverScheduler", Sampler::SaSolver),
    ("LCMScheduler", Sampler::Lcm),
    ("TCDScheduler", Sampler::Tcd),
    ("FlowMatchEulerDiscreteScheduler", Sampler::Euler),
    ("FlowMatchHeunDiscreteScheduler", Sampler::Heun),
    ("FlowMatchLCMScheduler", Sampler::Lcm),
];

/// A model's default sampler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SamplerChoice {
    /// The sampler.
    pub sampler: Sampler,
    /// One line for the person where it is not the one that the model names.
    pub notice: Option<String>,
}

const NAME: &str = "scheduler/scheduler_config.json";

/// The scheduler_config.json of a folder of that family, as its pipeline takes it; where it brings none, what the family's
/// published ones say.
///
/// # Errors
/// [`Error::Json`], should the published one not parse.
pub fn scheduler_config(folder: &Folder, family: Family) -> Result<Map<String, Value>> {
    if !folder.scheduler.is_there {
        return published(family);
    }
    let mut config = folder.scheduler.config.clone();
    let fixed = family.built().scheduler.iter();
    config.extend(fixed.map(|(name, value)| ((*name).to_owned(), value.value())));
    Ok(config)
}

fn published(family: Family) -> Result<Map<String, Value>> {
    let text = family.built().checkpoint.config(NAME).unwrap_or("{}");
    object(text.as_bytes()).map_err(|problem| Error::Json {
        file: NAME.to_owned(),
        problem,
    })
}

/// One line where a folder brings no scheduler_config.json, or one that its pipeline does not take as it is.
///
/// # Errors
/// As [`scheduler_config`].
pub(super) fn own_schedule(folder: &Folder, family: Family) -> Result<Option<String>> {
    let label = family.label();
    if !folder.scheduler.is_there {
        let config = published(family)?;
        let field = |name: &str| config.get(name).map_or_else(String::new, Value::to_string);
        if !config.contains_key("beta_schedule") {
            return Ok(Some(format!(
                "The model has no scheduler_config.json: the noise schedule is that of {label} (shift {}).",
                field("shift")
            )));
        }
        return Ok(Some(format!(
            "The model has no scheduler_config.json: the noise schedule is that of {label} ({}, {} to {}).",
            field("beta_schedule").trim_matches('"'),
            field("beta_start"),
            field("beta_end")
        )));
    }
    let fixed = family
        .built()
        .scheduler
        .iter()
        .map(|(name, value)| (*name, value.value()));
    let other = fixed.into_iter().find_map(|(name, value)| {
        let said = folder.scheduler.config.get(name)?;
        (!said.is_null() && *said != value).then_some((name, said, value))
    });
    Ok(other.map(|(name, said, value)| {
        format!(
            "scheduler_config.json sets {name} to {}: {label} is always made with {value}, as diffusers does.",
            Shown(&said.to_string())
        )
    }))
}

/// The sampler that a folder's scheduler is, or DPM++ 2M where it is none that is built, with a line that says so.
pub fn choose_sampler(scheduler: &Scheduler) -> SamplerChoice {
    let fallback = FALLBACK.name();
    let stand_in = |what: String| SamplerChoice {
        sampler: FALLBACK,
        notice: Some(format!("{what}: using {fallback}.")),
    };
    if scheduler.class.is_empty() {
        return stand_in("The model names no scheduler".to_owned());
    }
    if scheduler.class == "PNDMScheduler" {
        // PLMS may be asked for; without that, pictures of these models are DPM++ 2M's, as they have been from the beginning.
        return stand_in("The model was published with PLMS".to_owned());
    }
    let Some((_, sampler)) = CLASSES.iter().find(|(class, _)| *class == scheduler.class) else {
        return stand_in(format!("The model's {} is not built yet", Shown(&scheduler.class)));
    };
    let mut sampler = *sampler;
    if sampler == Sampler::DpmPp2m {
        let variant = scheduler.config.get("algorithm_type").and_then(|v| v.as_str());
        match variant {
            // diffusers reads `deis` as `dpmsolver++` in this class.
            None | Some("dpmsolver++" | "deis") => {}
            Some("sde-dpmsolver++") => sampler = Sampler::DpmPp2mSde,
            Some(variant) => {
                return stand_in(format!(
                    "The model's scheduler variant {} is not built yet",
                    Shown(variant)
                ));
            }
        }
        if scheduler.config.get("solver_order").and_then(|v| v.as_u64()) == Some(3) {
            if sampler != Sampler::DpmPp2m {
                return stand_in("The model's third-order stochastic solver is not built yet".to_owned());
            }
            sampler = Sampler::DpmPp3m;
        }
    }
    SamplerChoice { sampler, notice: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Embedded;
    use rstest::rstest;
    use serde_json::json;

    fn folder(scheduler: serde_json::Value) -> Folder {
        let files = Embedded {
            name: "m",
            files: &[("model_index.json", br#"{"_class_name": "StableDiffusionPipeline"}"#)],
        };
        let mut folder = Folder::read(&files).unwrap();
        folder.scheduler.config = scheduler.as_object().unwrap().clone();
        folder.scheduler.is_there = true;
        folder
    }

    #[rstest]
    #[case(json!({}), None)]
    #[case(json!({"steps_offset": 1, "clip_sample": false}), None)]
    #[case(json!({"steps_offset": null}), None)]
    #[case(json!({"steps_offset": 0}), Some("scheduler_config.json sets steps_offset to 0: Stable Diffusion 1.x is always made with 1, as diffusers does."))]
    #[case(json!({"clip_sample": true}), Some("scheduler_config.json sets clip_sample to true: Stable Diffusion 1.x is always made with false, as diffusers does."))]
    fn its_pipeline_has_the_last_word(#[case] config: serde_json::Value, #[case] notice: Option<&str>) {
        let folder = folder(config);
        let taken = scheduler_config(&folder, Family::StableDiffusion1).unwrap();
        assert_eq!(
            (&taken["steps_offset"], &taken["clip_sample"]),
            (&json!(1), &json!(false))
        );
        assert_eq!(
            own_schedule(&folder, Family::StableDiffusion1).unwrap().as_deref(),
            notice
        );
    }

    #[rstest]
    #[case("DDIMScheduler", json!({}), Sampler::Ddim, None)]
    #[case("EulerDiscreteScheduler", json!({}), Sampler::Euler, None)]
    #[case("EulerAncestralDiscreteScheduler", json!({}), Sampler::EulerAncestral, None)]
    #[case("HeunDiscreteScheduler", json!({}), Sampler::Heun, None)]
    #[case("DPMSolverMultistepScheduler", json!({"algorithm_type": "dpmsolver++"}), Sampler::DpmPp2m, None)]
    #[case("DPMSolverMultistepScheduler", json!({"algorithm_type": "sde-dpmsolver++"}), Sampler::DpmPp2mSde, None)]
    #[case("DPMSolverMultistepScheduler", json!({"algorithm_type": "sde-dpmsolver"}), Sampler::DpmPp2m,
        Some("The model's scheduler variant sde-dpmsolver is not built yet: using DPM++ 2M."))]
    #[case("KDPM2DiscreteScheduler", json!({}), Sampler::Dpm2, None)]
    #[case("KDPM2AncestralDiscreteScheduler", json!({}), Sampler::Dpm2Ancestral, None)]
    #[case("LMSDiscreteScheduler", json!({}), Sampler::Lms, None)]
    #[case("DPMSolverSDEScheduler", json!({}), Sampler::DpmPpSde, None)]
    #[case("DPMSolverMultistepScheduler", json!({"solver_order": 3}), Sampler::DpmPp3m, None)]
    #[case("PNDMScheduler", json!({}), Sampler::DpmPp2m, Some("The model was published with PLMS: using DPM++ 2M."))]
    #[case("UniPCMultistepScheduler", json!({}), Sampler::UniPc, None)]
    #[case("DDPMScheduler", json!({}), Sampler::Ddpm, None)]
    #[case("", json!({}), Sampler::DpmPp2m, Some("The model names no scheduler: using DPM++ 2M."))]
    fn classes_are_samplers(
        #[case] class: &str,
        #[case] config: serde_json::Value,
        #[case] sampler: Sampler,
        #[case] notice: Option<&str>,
    ) {
        let config = config.as_object().unwrap().clone();
        let choice = choose_sampler(&Scheduler {
            class: class.to_owned(),
            config,
            is_there: true,
        });
        assert_eq!(
            choice,
            SamplerChoice {
                sampler,
                notice: notice.map(str::to_owned)
            }
        );
    }
}
