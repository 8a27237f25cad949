//! Samplers, schedules and sources of noise by name: those that are built under every name that other programs have for them
//! (`sampler/`), and those that are known and not built. Their mathematics is in the engine.

mod noise_source;
mod samplers;
mod schedules;

pub use noise_source::NoiseSource;
pub use samplers::Sampler;
pub use schedules::Schedule;

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

/// A noise level or timestep of a list as it is kept; `None` for what is no number of 0 and above.
pub(crate) fn level(text: &str) -> Option<String> {
    let text = text.trim();
    let number: f64 = text.parse().ok().filter(|_| text.len() <= 24)?;
    (0.0..=1e6).contains(&number).then(|| text.to_owned())
}

/// `text` for comparison; `None` for one that is too long to be a name.
fn folded(text: &str) -> Option<String> {
    (text.chars().nth(LONGEST).is_none()).then(|| fold(text))
}

/// Ends of a sampler's name that mean a schedule: AUTOMATIC1111 up to 1.8 ("DPM++ 2M Karras", "k_dpmpp_2m_ka"), InvokeAI
/// ("dpmpp_2m_k"), stable-diffusion.cpp ("ddim_trailing"), SD.Next ("Euler SGM", of which the timesteps are trailing).
const ENDS: &[(Schedule, &[&str])] = &[
    (Schedule::Karras, &["karras", "ka", "k"]),
    (Schedule::Exponential, &["exponential", "exp"]),
    (Schedule::Trailing, &["trailing", "sgm"]),
    (Schedule::Auto, &["automatic", "auto", "default"]),
];

/// Samplers of other programs that are not built. Those of SD.Next's Res4Lyf block are not listed.
const UNBUILT_SAMPLERS: &str = "IPNDMScheduler, DPM++ 1S, DPM++ 2S, DPM++ 2Mv2, dpmpp_2mv2, DPMSolverSinglestepScheduler, \
    DPM++ Cosine, DPM++ 2M EDM, Euler EDM, DPM++ Inverse, DPM++ 2M Inverse, DPM++ 3M Inverse, DC Solver, TDD, PeRFlow, \
    UFOGen, CMSI, Flash FlowMatch, VDM Solver, BDIA DDIM, CogX DDIM, KOhaku_LoNyu_Yog";

/// Schedules of other programs that are not built.
const UNBUILT_SCHEDULES: &str = "Flowmatch, Smoothstep, LCM, Linear";

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
    let begun = folded(text).filter(|text| text.len() > 2)?;
    let names = T::NAMES
        .iter()
        .flat_map(|(_, name, others)| std::iter::once(*name).chain(others.iter().copied()));
    let near = closest(text, names.filter(|name| name.len() > 2)).and_then(T::from_name);
    // What was only begun is no misspelling.
    let whole = || T::NAMES.iter().find(|(_, name, _)| fold(name).starts_with(&begun));
    near.or_else(|| whole().map(|(value, ..)| *value))
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
    #[case("plms", Some(Sampler::Plms))]
    #[case("dpmpp_3m_sde_gpu", Some(Sampler::DpmPp3mSde))]
    #[case("DC Solver", None)]
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
    #[case("Euler SGM", Sampler::Euler, Some(Schedule::Trailing))]
    #[case("ddim_trailing", Sampler::Ddim, Some(Schedule::Trailing))]
    #[case("k_dpm_2_a_ka", Sampler::Dpm2Ancestral, Some(Schedule::Karras))]
    fn a_name_may_end_in_a_schedule(#[case] text: &str, #[case] sampler: Sampler, #[case] schedule: Option<Schedule>) {
        assert_eq!(Sampler::with_schedule(text), Some((sampler, schedule)));
    }

    #[rstest]
    #[case("DPM++ Cosine Karras", Some("DPM++ Cosine is not built yet."))]
    #[case("dc_solver", Some("DC Solver is not built yet."))]
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
        "smoothstep",
        Some("Smoothstep is not built yet; Automatic spaces the steps as the model's own scheduler does.")
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
