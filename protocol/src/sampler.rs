//! Samplers and schedules by name: those that are built under every name that other programs have for them, and those that are
//! known and not built. Their mathematics is in the engine.

use serde::{Deserialize, Serialize};

use crate::text::{closest, fold};

/// The longest text that is looked at for a name, in characters; no name comes near.
const LONGEST: usize = 64;

/// A named choice: one spelling to print, others to accept.
pub trait Named: Sized + Copy + PartialEq + 'static {
    /// Every value with its printed name and the further names that people use for it.
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])];

    /// The name to print.
    fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(value, ..)| *value == self)
            .map_or("", |(_, name, _)| name)
    }

    /// The value that `text` names; case, spaces, `_` and `-` do not matter.
    fn from_name(text: &str) -> Option<Self> {
        let text = folded(text)?;
        Self::NAMES
            .iter()
            .find(|(_, name, others)| fold(name) == text || others.iter().any(|o| fold(o) == text))
            .map(|(value, ..)| *value)
    }

    /// What to tell somebody who gave `text`, which names no value: the end of a sentence. `None` where nothing is known.
    fn hint(text: &str) -> Option<String> {
        let near = nearest::<Self>(text)?;
        Some(format!("did you mean {}?", near.name()))
    }
}

/// `text` for comparison; `None` for one that is too long to be a name.
fn folded(text: &str) -> Option<String> {
    (text.chars().nth(LONGEST).is_none()).then(|| fold(text))
}

/// How the denoise loop steps from one σ to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampler {
    /// Denoising diffusion implicit models, η = 0 (Song et al. 2020, arXiv 2010.02502).
    Ddim,
    /// Euler's method on the probability-flow ODE (Karras et al. 2022, arXiv 2206.00364, algorithm 2).
    #[default]
    Euler,
    /// Euler with fresh noise each step (k-diffusion `sample_euler_ancestral`).
    EulerAncestral,
    /// Second-order multistep DPM-Solver++ (Lu et al. 2022, arXiv 2211.01095).
    DpmPp2m,
    /// Heun's method on the same ODE: two calls of the network a step (Karras et al. 2022, algorithm 1).
    Heun,
    /// DPM-Solver-2, the midpoint method in log σ: two calls a step (k-diffusion `sample_dpm_2`).
    Dpm2,
    /// The same with fresh noise each step (k-diffusion `sample_dpm_2_ancestral`).
    Dpm2Ancestral,
    /// Linear multistep of fourth order (k-diffusion `sample_lms`).
    Lms,
    /// DPM-Solver++ on the reverse SDE: two calls a step (k-diffusion `sample_dpmpp_sde`).
    DpmPpSde,
    /// Second-order multistep DPM-Solver++ on the reverse SDE (k-diffusion `sample_dpmpp_2m_sde`).
    DpmPp2mSde,
}

impl Named for Sampler {
    /// Names of AUTOMATIC1111, ComfyUI, k-diffusion, InvokeAI, stable-diffusion.cpp, hosted services and diffusers' classes.
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (Self::Ddim, "DDIM", &["k_ddim", "DDIMScheduler"]),
        (
            Self::Euler,
            "Euler",
            &["k_euler", "sample_euler", "euler_discrete", "EulerDiscreteScheduler"],
        ),
        (
            Self::EulerAncestral,
            "Euler a",
            &[
                "euler_ancestral",
                "k_euler_a",
                "k_euler_ancestral",
                "sample_euler_ancestral",
                "euler_ancestral_discrete",
                "EulerAncestralDiscreteScheduler",
            ],
        ),
        (
            Self::DpmPp2m,
            "DPM++ 2M",
            &[
                "dpmpp_2m",
                "k_dpmpp_2m",
                "sample_dpmpp_2m",
                "k_dpm++_2m",
                "dpm_plus_plus_2m",
                "dpmsolver++",
                "dpmsolver++_2m",
                "dpmsolver_multistep",
                "dpmpp_multistep",
                "DPMSolverMultistepScheduler",
            ],
        ),
        (
            Self::Heun,
            "Heun",
            &["k_heun", "sample_heun", "heun_discrete", "HeunDiscreteScheduler"],
        ),
        (
            Self::Dpm2,
            "DPM2",
            &["dpm_2", "k_dpm_2", "sample_dpm_2", "KDPM2DiscreteScheduler"],
        ),
        (
            Self::Dpm2Ancestral,
            "DPM2 a",
            &[
                "dpm2_ancestral",
                "dpm_2_a",
                "dpm_2_ancestral",
                "k_dpm_2_a",
                "k_dpm_2_ancestral",
                "sample_dpm_2_ancestral",
                "KDPM2AncestralDiscreteScheduler",
            ],
        ),
        (
            Self::Lms,
            "LMS",
            &["k_lms", "sample_lms", "lms_discrete", "LMSDiscreteScheduler"],
        ),
        (
            Self::DpmPpSde,
            "DPM++ SDE",
            &[
                "dpmpp_sde",
                "k_dpmpp_sde",
                "sample_dpmpp_sde",
                "DPM SDE",
                "DPMSolverSDEScheduler",
            ],
        ),
        (
            Self::DpmPp2mSde,
            "DPM++ 2M SDE",
            &[
                "dpmpp_2m_sde",
                "k_dpmpp_2m_sde",
                "sample_dpmpp_2m_sde",
                "sde-dpmsolver++",
            ],
        ),
    ];

    fn hint(text: &str) -> Option<String> {
        let alone = split_schedule(text).map_or_else(|| text.to_owned(), |(name, _)| name);
        if let Some(schedule) = Schedule::from_name(text) {
            return Some(format!("{} is a schedule, not a sampler.", schedule.name()));
        }
        if let Some(known) = listed(UNBUILT_SAMPLERS, &alone) {
            return Some(format!("{known} is not built yet."));
        }
        let near = nearest::<Self>(&alone)?;
        let schedule = split_schedule(text).map_or(String::new(), |(_, schedule)| format!(" {}", schedule.name()));
        Some(format!("did you mean {}{schedule}?", near.name()))
    }
}

/// How the σs of the steps are spaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// As the model's scheduler_config says.
    #[default]
    Auto,
    /// ρ = 7 between σ_min and σ_max (Karras et al. 2022, eq. 5).
    Karras,
    /// Evenly in log σ.
    Exponential,
    /// Evenly in the timestep, both ends included (k-diffusion `get_sigmas`).
    Normal,
    /// The same with one step more, which is not taken: the last step starts above the lowest σ.
    SgmUniform,
}

impl Named for Schedule {
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (Self::Auto, "Automatic", &["auto", "default"]),
        (Self::Karras, "Karras", &["karras_sigmas"]),
        (Self::Exponential, "Exponential", &["exponential_sigmas"]),
        (Self::Normal, "Normal", &["uniform"]),
        (Self::SgmUniform, "SGM Uniform", &["sgm"]),
    ];

    fn hint(text: &str) -> Option<String> {
        if let Some((sampler, _)) = Sampler::with_schedule(text) {
            return Some(format!("{} is a sampler, not a schedule.", sampler.name()));
        }
        if let Some(known) = listed(UNBUILT_SCHEDULES, text) {
            let instead = "Automatic spaces the steps as the model's own scheduler does";
            return Some(format!("{known} is not built yet; {instead}."));
        }
        Some(format!("did you mean {}?", nearest::<Self>(text)?.name()))
    }
}

/// Ends of a sampler's name that mean a schedule: AUTOMATIC1111 up to 1.8 ("DPM++ 2M Karras", "k_dpmpp_2m_ka"), InvokeAI
/// ("dpmpp_2m_k").
const ENDS: &[(Schedule, &[&str])] = &[
    (Schedule::Karras, &["karras", "ka", "k"]),
    (Schedule::Exponential, &["exponential", "exp"]),
    (Schedule::Auto, &["automatic", "auto", "default"]),
];

/// Samplers of other programs that are not built.
const UNBUILT_SAMPLERS: &str = "PLMS, PNDM, PNDMScheduler, \
    HeunPP2, DPM fast, k_dpm_fast, DPM adaptive, k_dpm_adaptive, \
    DPM++, DPM++ 1S, DPM++ 2S, DPM++ 3M, DPM++ 2S a, dpmpp_2s_ancestral, k_dpmpp_2s_a, \
    k_dpmpp_2s_ancestral, DPM++ 2M SDE Heun, dpmpp_2m_sde_heun, DPM++ 3M SDE, dpmpp_3m_sde, DPM++ 2Mv2, dpmpp_2mv2, \
    DPMSolverSinglestepScheduler, Restart, IPNDM, IPNDM_V, DEIS, \
    DEISMultistepScheduler, DDPM, DDPMScheduler, UniPC, uni_pc, uni_pc_bh2, UniPCMultistepScheduler, LCM, \
    LCMScheduler, TCD, TCDScheduler, DDIM CFG++, ddim_trailing, DDIM trailing, Euler CFG++, euler_cfg_pp, \
    Euler a CFG++, euler_ancestral_cfg_pp, Euler trailing, Euler a trailing, DPM++ 2M trailing, Euler EDM, \
    Euler FlowMatch, res_multistep, res_2s, er_sde, sa_solver, gradient_estimation, seeds_2, seeds_3, \
    KOhaku_LoNyu_Yog";

/// Schedules of other programs that are not built.
const UNBUILT_SCHEDULES: &str = "Simple, DDIM Uniform, Beta, Betas, Polyexponential, KL Optimal, \
    Align Your Steps, AYS, AYS GITS, AYS 11, AYS 32, GITS, Turbo, Discrete, Linear Quadratic, Lambdas, \
    Flowmatch, Smoothstep, LCM, Bong tangent, Linear, Leading, Trailing, Linspace";

impl Sampler {
    /// The sampler that `text` names and the schedule that its end names, as in "DPM++ 2M Karras".
    pub fn with_schedule(text: &str) -> Option<(Self, Option<Schedule>)> {
        if let Some(sampler) = Self::from_name(text) {
            return Some((sampler, None));
        }
        let (name, schedule) = split_schedule(text)?;
        Some((Self::from_name(&name)?, Some(schedule)))
    }
}

/// `text` without the schedule that it ends with, folded, and that schedule. Whether the rest names a sampler is not asked.
pub fn split_schedule(text: &str) -> Option<(String, Schedule)> {
    let text = folded(text)?;
    let ends = ENDS
        .iter()
        .flat_map(|(schedule, ends)| ends.iter().map(move |end| (*schedule, *end)));
    let mut found = None;
    for (schedule, end) in ends {
        let Some(name) = text.strip_suffix(end).filter(|name| !name.is_empty()) else {
            continue;
        };
        // One letter ends many a word: only where a sampler is left.
        if end.len() > 2 || Sampler::from_name(name).is_some() {
            found = found.or_else(|| Some((name.to_owned(), schedule)));
        }
    }
    found
}

/// The entry of `names`, which commas part, that `text` spells.
fn listed(names: &'static str, text: &str) -> Option<&'static str> {
    let text = folded(text)?;
    names.split(", ").find(|name| fold(name) == text)
}

/// The value whose name is nearest to `text`.
fn nearest<T: Named>(text: &str) -> Option<T> {
    folded(text)?;
    let names = T::NAMES
        .iter()
        .flat_map(|(_, name, others)| std::iter::once(*name).chain(others.iter().copied()));
    T::from_name(closest(text, names.filter(|name| name.len() > 2))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("dpm++ 2m", Some(Sampler::DpmPp2m))]
    #[case("DPM++_2M", Some(Sampler::DpmPp2m))]
    #[case("dpmpp_2m", Some(Sampler::DpmPp2m))]
    #[case("DPMSolverMultistep", Some(Sampler::DpmPp2m))]
    #[case("EULER A", Some(Sampler::EulerAncestral))]
    #[case("K_EULER_ANCESTRAL", Some(Sampler::EulerAncestral))]
    #[case("ddim", Some(Sampler::Ddim))]
    #[case("plms", None)]
    fn samplers_by_name(#[case] name: &str, #[case] sampler: Option<Sampler>) {
        assert_eq!(Sampler::from_name(name), sampler);
    }

    #[rstest]
    #[case("DPM++ 2M Karras", Sampler::DpmPp2m, Some(Schedule::Karras))]
    #[case("dpmpp_2m_karras", Sampler::DpmPp2m, Some(Schedule::Karras))]
    #[case("k_dpmpp_2m_ka", Sampler::DpmPp2m, Some(Schedule::Karras))]
    #[case("dpmpp_2m_k", Sampler::DpmPp2m, Some(Schedule::Karras))]
    #[case("Euler a Exponential", Sampler::EulerAncestral, Some(Schedule::Exponential))]
    #[case("euler_a_k", Sampler::EulerAncestral, Some(Schedule::Karras))]
    #[case("DDIM Automatic", Sampler::Ddim, Some(Schedule::Auto))]
    #[case("Euler", Sampler::Euler, None)]
    #[case("DPM++ 2M SDE Karras", Sampler::DpmPp2mSde, Some(Schedule::Karras))]
    #[case("k_dpm_2_a_ka", Sampler::Dpm2Ancestral, Some(Schedule::Karras))]
    fn a_name_may_end_in_a_schedule(#[case] text: &str, #[case] sampler: Sampler, #[case] schedule: Option<Schedule>) {
        assert_eq!(Sampler::with_schedule(text), Some((sampler, schedule)));
    }

    #[rstest]
    #[case("DPM++ 3M SDE Karras", Some("DPM++ 3M SDE is not built yet."))]
    #[case("uni_pc", Some("UniPC is not built yet."))]
    #[case("eulr", Some("did you mean Euler?"))]
    #[case("dpm++ 2n karas", None)]
    #[case("DPM++ 2N Karras", Some("did you mean DPM++ 2M Karras?"))]
    #[case("karras", Some("Karras is a schedule, not a sampler."))]
    #[case("whatever", None)]
    fn hints_for_samplers(#[case] text: &str, #[case] hint: Option<&str>) {
        assert_eq!(Sampler::hint(text).as_deref(), hint);
    }

    #[rstest]
    #[case("karass", Some("did you mean Karras?"))]
    #[case("k_euler", Some("Euler is a sampler, not a schedule."))]
    #[case(
        "simple",
        Some("Simple is not built yet; Automatic spaces the steps as the model's own scheduler does.")
    )]
    fn hints_for_schedules(#[case] text: &str, #[case] hint: Option<&str>) {
        assert_eq!(Schedule::hint(text).as_deref(), hint);
    }

    #[test]
    fn every_name_finds_its_own_value() {
        for (value, name, others) in Sampler::NAMES {
            assert_eq!(Sampler::from_name(name), Some(*value));
            assert!(others.iter().all(|o| Sampler::from_name(o) == Some(*value)));
        }
        for (value, name, _) in Schedule::NAMES {
            assert_eq!(Schedule::from_name(name), Some(*value));
        }
    }

    #[test]
    fn what_is_not_built_has_no_value_and_a_reason() {
        for name in UNBUILT_SAMPLERS.split(", ") {
            assert_eq!(Sampler::with_schedule(name), None, "{name}");
            assert!(
                Sampler::hint(name).is_some_and(|hint| hint.contains("not built")),
                "{name}"
            );
        }
        assert!(
            UNBUILT_SCHEDULES
                .split(", ")
                .all(|name| Schedule::from_name(name).is_none())
        );
    }

    #[test]
    fn a_text_too_long_for_a_name_is_not_searched() {
        assert_eq!(Sampler::hint(&"euler".repeat(1 << 20)), None);
        assert_eq!(Sampler::with_schedule(&" ".repeat(1 << 20)), None);
    }
}
