//! The samplers that are built, a row each, and [`sample`], which runs one. To add a sampler, write its function over [`Run`] and
//! add a row; its names are in the protocol's `sampler.rs`.

use darkroom_protocol::Sampler;
use tch::{Kind, Tensor};

use super::classes::{self, Class};
use super::draft::Asked;
use super::plan::Settings;
use super::run::{Network, Noise, Run, StepInfo};
use super::{Kept, Plan, ddim, dpm2, dpmpp_2m, dpmpp_sde, euler, euler_ancestral, heun, lms};
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
    /// Calls of the network in a step that does not end at σ = 0; one that does takes one.
    pub calls: usize,
    /// Steps that it looks at, the present one included, where it looks back.
    pub remembers: usize,
    /// What its noise is.
    pub noise: NoiseKind,
    /// Whether it is right where noise flows: it takes no step but along the line from the state to the clean sample.
    pub flows: bool,
}

/// What the noise of a sampler is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoiseKind {
    /// Fresh each time, whatever the way, as diffusers and k-diffusion draw it for ancestral steps.
    Fresh,
    /// A Brownian motion over σ, as k-diffusion takes it for the SDE solvers: noise of a way is the sum of that of its parts.
    Brownian,
}

/// The row of Euler's method, of which the others say what differs.
const EULER: Row = Row {
    sampler: Sampler::Euler,
    run: euler::run,
    class: classes::EULER,
    settings: |_| Ok(Settings::None),
    calls: 1,
    remembers: 0,
    noise: NoiseKind::Fresh,
    flows: true,
};

const ROWS: [Row; 10] = [
    EULER,
    Row {
        sampler: Sampler::Ddim,
        run: ddim::run,
        class: classes::DDIM,
        settings: ddim::settings,
        flows: false,
        ..EULER
    },
    Row {
        sampler: Sampler::EulerAncestral,
        run: euler_ancestral::run,
        class: classes::EULER_ANCESTRAL,
        flows: false,
        ..EULER
    },
    Row {
        sampler: Sampler::DpmPp2m,
        run: dpmpp_2m::run,
        class: classes::SOLVER,
        settings: dpmpp_2m::settings,
        remembers: 2,
        flows: false,
        ..EULER
    },
    Row {
        sampler: Sampler::Heun,
        run: heun::run,
        class: classes::HEUN,
        calls: 2,
        ..EULER
    },
    Row {
        sampler: Sampler::Dpm2,
        run: dpm2::run,
        class: classes::KDPM2,
        calls: 2,
        flows: false,
        ..EULER
    },
    Row {
        sampler: Sampler::Dpm2Ancestral,
        run: dpm2::run_ancestral,
        class: classes::KDPM2,
        calls: 2,
        flows: false,
        ..EULER
    },
    Row {
        sampler: Sampler::Lms,
        run: lms::run,
        class: classes::K_DIFFUSION,
        remembers: lms::ORDER,
        flows: false,
        ..EULER
    },
    Row {
        sampler: Sampler::DpmPpSde,
        run: dpmpp_sde::run,
        class: classes::SDE,
        calls: 2,
        noise: NoiseKind::Brownian,
        flows: false,
        ..EULER
    },
    Row {
        sampler: Sampler::DpmPp2mSde,
        run: dpmpp_2m::run_sde,
        class: classes::SOLVER,
        settings: dpmpp_2m::settings,
        remembers: 2,
        noise: NoiseKind::Brownian,
        flows: false,
        ..EULER
    },
];

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
    let end = (row.run)(x.to_kind(Kind::Float), &mut run)?;
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
