use darkroom_protocol::Sampler;

use super::{SchedulerConfig, config_error};
use crate::Result;

/// The sampler that a model was published with, and one line to print where another takes its place.
///
/// A diffusers scheduler that is not built (PNDM, LMS, UniPC, …) becomes DPM++ 2M.
///
/// # Errors
/// `Error::Config` for schedulers of models that learned another process (flow matching, EDM).
pub fn model_sampler(config: &SchedulerConfig) -> Result<(Sampler, Option<String>)> {
    let Some(class) = config.class_name.as_deref() else {
        return Ok((
            Sampler::DpmPp2m,
            Some("scheduler_config.json names no scheduler: using DPM++ 2M.".into()),
        ));
    };
    if class.starts_with("FlowMatch") || class.starts_with("EDM") {
        return Err(config_error(
            "_class_name",
            format!("{class} belongs to a kind of model that this version cannot run."),
        ));
    }
    let variant = config.algorithm_type.as_deref().unwrap_or("dpmsolver++");
    Ok(match class {
        "DDIMScheduler" => (Sampler::Ddim, None),
        "EulerDiscreteScheduler" => (Sampler::Euler, None),
        "EulerAncestralDiscreteScheduler" => (Sampler::EulerAncestral, None),
        "DPMSolverMultistepScheduler" if matches!(variant, "dpmsolver++" | "deis") => {
            (Sampler::DpmPp2m, third_order(config))
        }
        "DPMSolverMultistepScheduler" => (
            Sampler::DpmPp2m,
            Some(format!(
                "The model's scheduler variant {variant} is not built yet: using DPM++ 2M."
            )),
        ),
        _ => (
            Sampler::DpmPp2m,
            Some(format!("The model's {class} is not built yet: using DPM++ 2M.")),
        ),
    })
}

fn third_order(config: &SchedulerConfig) -> Option<String> {
    (config.solver_order == Some(3)).then(|| "The model's third-order solver is not built yet: using DPM++ 2M.".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn config(class: &str, variant: Option<&str>) -> SchedulerConfig {
        SchedulerConfig {
            class_name: Some(class.into()),
            algorithm_type: variant.map(Into::into),
            ..Default::default()
        }
    }

    #[rstest]
    #[case("DDIMScheduler", None, Sampler::Ddim, None)]
    #[case("EulerDiscreteScheduler", None, Sampler::Euler, None)]
    #[case("EulerAncestralDiscreteScheduler", None, Sampler::EulerAncestral, None)]
    #[case("DPMSolverMultistepScheduler", None, Sampler::DpmPp2m, None)]
    #[case(
        "DPMSolverMultistepScheduler",
        Some("sde-dpmsolver++"),
        Sampler::DpmPp2m,
        Some("sde-dpmsolver++ is not built")
    )]
    #[case(
        "PNDMScheduler",
        None,
        Sampler::DpmPp2m,
        Some("PNDMScheduler is not built yet: using DPM++ 2M.")
    )]
    #[case("LMSDiscreteScheduler", None, Sampler::DpmPp2m, Some("LMSDiscreteScheduler"))]
    fn published_classes(
        #[case] class: &str,
        #[case] variant: Option<&str>,
        #[case] sampler: Sampler,
        #[case] says: Option<&str>,
    ) {
        let (got, notice) = model_sampler(&config(class, variant)).unwrap();
        assert_eq!(got, sampler);
        assert_eq!(notice.is_some(), says.is_some());
        assert!(notice.unwrap_or_default().contains(says.unwrap_or_default()));
    }

    #[test]
    fn flow_models_are_refused() {
        let e = model_sampler(&config("FlowMatchEulerDiscreteScheduler", None)).unwrap_err();
        assert!(e.to_string().contains("cannot run"), "{e}");
    }
}
