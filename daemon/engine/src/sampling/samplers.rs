//! What is known of a sampler ([`Row`]), and [`sample`], which runs one. The rows themselves are in `rows.rs`; names are in the protocol's
//! `sampler/`.

use darkroom_protocol::Sampler;
use tch::{Kind, Tensor};

use super::classes::Class;
use super::draft::Asked;
use super::plan::Settings;
use super::rows::ROWS;
use super::run::{Network, Noise, Run, StepInfo};
use super::tuning::Knob;
use super::{Kept, Plan};
use crate::Result;

/// A sampler's row.
pub(super) struct Row {
    pub sampler: Sampler,
    /// From the first state to the clean sample.
    pub run: fn(Tensor, &mut Run<'_>) -> Result<Tensor>,
    /// How its class in diffusers lays σs.
    pub class: Class,
    /// What it reads of a configuration beside.
    pub settings: fn(&Asked<'_>) -> Result<Settings>,
    /// Calls of the network over a plan.
    pub calls: fn(&Plan) -> usize,
    /// Steps that it looks at, the present one included, where it looks back.
    pub remembers: usize,
    /// What its noise is.
    pub noise: NoiseKind,
    /// Whether it is right where noise flows.
    pub flows: bool,
    /// Whether it is so only as long as it adds no noise.
    pub flows_still: bool,
    /// Whether it goes by the ratio of noise to clean sample: see [`Run::by_ratio`].
    pub by_ratio: bool,
    /// The options that it takes.
    pub takes: &'static [Knob],
    /// The implementation that defines it, and which it was compared with.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "docs/samplers.md shows it, which a test writes")
    )]
    pub oracle: &'static str,
}

/// What the noise of a sampler is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoiseKind {
    /// Fresh each time, whatever the way, as diffusers and k-diffusion draw it for ancestral steps.
    Fresh,
    /// A Brownian motion over σ, as k-diffusion takes it for the SDE solvers: noise of a way is the sum of that of its parts.
    Brownian,
}

/// The row of a sampler.
pub(super) fn row(sampler: Sampler) -> &'static Row {
    // A test holds that every sampler has one.
    ROWS.iter().find(|row| row.sampler == sampler).unwrap_or(&ROWS[0])
}

/// Runs a plan.
///
/// - `x`: the state from [`Plan::initial`] or [`Plan::noised`], any shape and device.
/// - `network(input, timestep)`: for an f32 input in the family's frame, which has unit variance where variance is preserved.
/// - `noise(from, to)`: called by samplers that add noise only; see [`super::NoiseStream::between`].
/// - `on_step`: called after each step; its error ends the run.
///
/// Returns the clean sample, f32, in the shape of `x`.
///
/// # Errors
/// Those of the closures.
pub fn sample(
    plan: &Plan,
    x: Tensor,
    network: &mut Network<'_>,
    noise: &mut Noise<'_>,
    on_step: &mut dyn FnMut(StepInfo<'_>) -> Result<()>,
) -> Result<Tensor> {
    sample_keeping(plan, x, None, network, noise, on_step)
}

/// The same, in which a part of a picture stays as it is.
///
/// # Errors
/// As [`sample`].
pub fn sample_keeping(
    plan: &Plan,
    x: Tensor,
    kept: Option<&Kept>,
    network: &mut Network<'_>,
    noise: &mut Noise<'_>,
    on_step: &mut dyn FnMut(StepInfo<'_>) -> Result<()>,
) -> Result<Tensor> {
    let row = row(plan.sampler);
    let mut run = Run::new(plan, row.remembers, network, noise, on_step).keeping(kept);
    if row.by_ratio {
        run = run.by_ratio();
    }
    let x = run.enter(x.to_kind(Kind::Float));
    let x = (row.run)(x, &mut run)?;
    let end = run.leave(x);
    Ok(kept.map_or_else(|| end.shallow_clone(), |kept| kept.end(&end)))
}

#[cfg(test)]
mod tests {
    use darkroom_protocol::sampler::Named as _;

    use super::*;

    #[test]
    fn every_sampler_has_its_row() {
        for (sampler, name, _) in Sampler::NAMES {
            assert_eq!(row(*sampler).sampler, *sampler, "{name}");
        }
        assert_eq!(ROWS.len(), Sampler::NAMES.len());
    }
}
