//! The samplers that are built, a row each, and [`sample`], which runs one. To add a sampler, write its function over [`Run`] and
//! add a row; its names are in the protocol's `sampler.rs`.

use darkroom_protocol::Sampler;
use tch::{Kind, Tensor};

use super::run::{Network, Noise, Run, StepInfo};
use super::{Plan, ddim, dpmpp_2m, euler, euler_ancestral, heun};
use crate::Result;

/// A sampler's row.
pub(super) struct Row {
    pub sampler: Sampler,
    /// From the first state to the clean sample.
    pub run: fn(Tensor, &mut Run<'_>) -> Result<Tensor>,
    /// How its σs are laid.
    pub grid: Grid,
    /// Calls of the network in a step that does not end at σ = 0; one that does takes one.
    pub calls: usize,
    /// Whether its class in diffusers reads `use_karras_sigmas` and its kin.
    pub has_schedule: bool,
    /// Whether it is right where noise flows: it takes no step but along the line from the state to the clean sample.
    pub flows: bool,
    /// First and last β of its class in diffusers, for a configuration that names none.
    pub betas: (f64, f64),
}

/// Where the σs of a sampler come from, as its class in diffusers lays them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grid {
    /// Jumps between levels of the table (`DDIMScheduler`).
    Jumps,
    /// k-diffusion's, down to 0 (`EulerAncestralDiscreteScheduler`, `HeunDiscreteScheduler`).
    ToZero,
    /// k-diffusion's, down to what `final_sigmas_type` says (`EulerDiscreteScheduler`).
    ToFinal,
    /// Those of the DPM solvers (`DPMSolverMultistepScheduler`).
    Solver,
}

const BETAS: (f64, f64) = (0.0001, 0.02);

const ROWS: [Row; 5] = [
    Row {
        sampler: Sampler::Ddim,
        run: ddim::run,
        grid: Grid::Jumps,
        calls: 1,
        has_schedule: false,
        flows: false,
        betas: BETAS,
    },
    Row {
        sampler: Sampler::Euler,
        run: euler::run,
        grid: Grid::ToFinal,
        calls: 1,
        has_schedule: true,
        flows: true,
        betas: BETAS,
    },
    Row {
        sampler: Sampler::EulerAncestral,
        run: euler_ancestral::run,
        grid: Grid::ToZero,
        calls: 1,
        has_schedule: false,
        flows: false,
        betas: BETAS,
    },
    Row {
        sampler: Sampler::DpmPp2m,
        run: dpmpp_2m::run,
        grid: Grid::Solver,
        calls: 1,
        has_schedule: true,
        flows: false,
        betas: BETAS,
    },
    Row {
        sampler: Sampler::Heun,
        run: heun::run,
        grid: Grid::ToZero,
        calls: 2,
        has_schedule: true,
        flows: true,
        betas: (0.00085, 0.012),
    },
];

/// The row of a sampler.
pub(super) fn row(sampler: Sampler) -> &'static Row {
    // A test holds that every sampler has one.
    ROWS.iter().find(|row| row.sampler == sampler).unwrap_or(&ROWS[1])
}

/// Runs a plan.
///
/// - `x`: the state from [`Plan::initial`] or [`Plan::noised`], any shape and device.
/// - `network(input, timestep)`: for an f32 input in the family's frame, which has unit variance where variance is preserved.
/// - `noise(from, to)`: called by samplers that add noise only, once a step.
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
    let mut run = Run {
        plan,
        network,
        noise,
        on_step,
        calls: 0,
    };
    (row(plan.sampler).run)(x.to_kind(Kind::Float), &mut run)
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
