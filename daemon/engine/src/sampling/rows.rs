//! The samplers that are built, a row each. To add one, write its function over [`super::run::Run`] in `solvers/`, a row here, its names in
//! the protocol's `sampler/samplers.rs`, and its cases in tests/oracle/samplers.py.

use darkroom_protocol::Sampler;

use super::Plan;
use super::classes;
use super::plan::Settings;
use super::samplers::{NoiseKind, Row};
use super::solvers::{
    ddim, ddpm, deis, deis_logrho, dpm_adaptive, dpm_fast, dpm2, dpmpp_2m, dpmpp_2s, dpmpp_3m, dpmpp_sde, er_sde,
    euler, euler_ancestral, euler_cfg_pp, gradient_estimation, heun, heunpp, ipndm, lcm, lms, plms, res_multistep,
    res_singlestep, restart, sa_solver, seeds, tcd, unipc,
};
use super::tuning::Knob;

const DIFFUSERS: &str = "diffusers";
const K_DIFFUSION: &str = "k-diffusion";
const COMFYUI: &str = "ComfyUI";
const RES4LYF: &str = "RES4LYF";

const CHURNS: &[Knob] = &[Knob::Churn, Knob::Noise];
const ANCESTRAL: &[Knob] = &[Knob::Eta, Knob::Noise];

/// The row of Euler's method, of which the others say what differs.
const EULER: Row = Row {
    sampler: Sampler::Euler,
    run: euler::run,
    class: classes::EULER,
    settings: |_| Ok(Settings::None),
    calls: Plan::steps,
    remembers: 0,
    noise: NoiseKind::Fresh,
    flows: true,
    flows_still: false,
    by_ratio: false,
    takes: CHURNS,
    oracle: K_DIFFUSION,
};

/// The row of a sampler of ComfyUI's without options.
const COMFY: Row = Row {
    class: classes::K_DIFFUSION,
    takes: &[],
    oracle: COMFYUI,
    ..EULER
};

/// Every sampler.
pub(super) const ROWS: [Row; 48] = [
    EULER,
    Row {
        sampler: Sampler::Ddim,
        run: ddim::run,
        class: classes::DDIM,
        settings: ddim::settings,
        flows: false,
        takes: &[Knob::Eta, Knob::Noise, Knob::Thresholding],
        oracle: DIFFUSERS,
        ..EULER
    },
    Row {
        sampler: Sampler::EulerAncestral,
        run: euler_ancestral::run,
        class: classes::EULER_ANCESTRAL,
        takes: ANCESTRAL,
        ..EULER
    },
    Row {
        sampler: Sampler::DpmPp2m,
        run: dpmpp_2m::run,
        class: classes::SOLVER,
        settings: dpmpp_2m::settings,
        remembers: 3,
        takes: &[Knob::Order, Knob::Thresholding],
        ..EULER
    },
    Row {
        sampler: Sampler::Heun,
        run: heun::run,
        class: classes::HEUN,
        calls: twice,
        ..EULER
    },
    Row {
        sampler: Sampler::Dpm2,
        run: dpm2::run,
        class: classes::KDPM2,
        calls: twice,
        ..EULER
    },
    Row {
        sampler: Sampler::Dpm2Ancestral,
        run: dpm2::run_ancestral,
        class: classes::KDPM2,
        calls: twice,
        takes: ANCESTRAL,
        ..EULER
    },
    Row {
        sampler: Sampler::Lms,
        run: lms::run,
        class: classes::K_DIFFUSION,
        remembers: lms::ORDER,
        takes: &[Knob::Order],
        ..EULER
    },
    Row {
        sampler: Sampler::DpmPpSde,
        run: dpmpp_sde::run,
        class: classes::SDE,
        calls: twice,
        noise: NoiseKind::Brownian,
        by_ratio: true,
        takes: ANCESTRAL,
        ..EULER
    },
    Row {
        sampler: Sampler::DpmPp2mSde,
        run: dpmpp_2m::run_sde,
        class: classes::SOLVER,
        settings: dpmpp_2m::settings,
        remembers: 3,
        noise: NoiseKind::Brownian,
        by_ratio: true,
        takes: &[Knob::Eta, Knob::Noise, Knob::Thresholding],
        ..EULER
    },
    Row {
        sampler: Sampler::DpmPp2sAncestral,
        run: dpmpp_2s::run_ancestral,
        class: classes::K_DIFFUSION,
        calls: twice,
        takes: ANCESTRAL,
        ..EULER
    },
    Row {
        sampler: Sampler::DpmPp2mSdeHeun,
        run: dpmpp_2m::run_sde,
        class: classes::SOLVER,
        settings: dpmpp_2m::settings,
        remembers: 3,
        noise: NoiseKind::Brownian,
        by_ratio: true,
        takes: &[Knob::Eta, Knob::Noise, Knob::Thresholding],
        ..EULER
    },
    Row {
        sampler: Sampler::DpmPp3m,
        run: dpmpp_2m::run,
        class: classes::SOLVER,
        settings: dpmpp_2m::settings,
        remembers: 3,
        flows: false,
        takes: &[Knob::Order, Knob::LowerOrderFinal, Knob::Thresholding],
        oracle: DIFFUSERS,
        ..EULER
    },
    Row {
        sampler: Sampler::DpmPp3mSde,
        run: dpmpp_3m::run_sde,
        class: classes::K_DIFFUSION,
        remembers: 3,
        noise: NoiseKind::Brownian,
        by_ratio: true,
        takes: ANCESTRAL,
        ..EULER
    },
    Row {
        sampler: Sampler::DpmFast,
        run: dpm_fast::run,
        class: classes::K_DIFFUSION,
        flows_still: true,
        takes: ANCESTRAL,
        ..EULER
    },
    Row {
        sampler: Sampler::DpmAdaptive,
        run: dpm_adaptive::run,
        class: classes::K_DIFFUSION,
        calls: dpm_adaptive::calls,
        flows_still: true,
        takes: ANCESTRAL,
        ..EULER
    },
    Row {
        sampler: Sampler::HeunPp2,
        run: heunpp::run,
        calls: heunpp::calls,
        takes: CHURNS,
        ..COMFY
    },
    Row {
        sampler: Sampler::Restart,
        run: restart::run,
        class: classes::K_DIFFUSION,
        calls: restart::calls,
        flows: false,
        takes: &[Knob::Noise],
        oracle: "AUTOMATIC1111",
        ..EULER
    },
    Row {
        sampler: Sampler::Ddpm,
        run: ddpm::run,
        class: classes::DDPM,
        settings: ddpm::settings,
        flows: false,
        takes: &[Knob::Noise, Knob::Thresholding],
        oracle: DIFFUSERS,
        ..EULER
    },
    Row {
        sampler: Sampler::Plms,
        run: plms::run,
        class: classes::PNDM,
        settings: plms::settings,
        calls: plms::calls,
        flows: false,
        takes: &[],
        oracle: DIFFUSERS,
        ..EULER
    },
    Row {
        sampler: Sampler::Ipndm,
        run: ipndm::run,
        remembers: ipndm::ORDER,
        takes: &[Knob::Order],
        ..COMFY
    },
    Row {
        sampler: Sampler::IpndmV,
        run: ipndm::run_uneven,
        remembers: ipndm::ORDER,
        takes: &[Knob::Order],
        ..COMFY
    },
    Row {
        sampler: Sampler::UniPc,
        run: unipc::run,
        class: classes::UNIPC,
        settings: unipc::settings,
        remembers: unipc::REMEMBERS,
        by_ratio: true,
        takes: MULTISTEP,
        oracle: DIFFUSERS,
        ..EULER
    },
    Row {
        sampler: Sampler::UniPcBh1,
        run: unipc::run,
        class: classes::UNIPC,
        settings: unipc::settings,
        remembers: unipc::REMEMBERS,
        by_ratio: true,
        takes: MULTISTEP,
        oracle: DIFFUSERS,
        ..EULER
    },
    Row {
        sampler: Sampler::Deis,
        run: deis::run,
        remembers: deis::REMEMBERS,
        takes: &[Knob::Order],
        ..COMFY
    },
    Row {
        sampler: Sampler::DeisLogRho,
        run: deis_logrho::run,
        class: classes::DEIS,
        settings: deis_logrho::settings,
        remembers: deis_logrho::ORDER,
        by_ratio: true,
        takes: MULTISTEP,
        oracle: DIFFUSERS,
        ..EULER
    },
    Row {
        sampler: Sampler::SaSolver,
        run: sa_solver::run,
        class: classes::SA,
        settings: sa_solver::settings,
        by_ratio: true,
        takes: &[Knob::Eta, Knob::Noise, Knob::LowerOrderFinal, Knob::Thresholding],
        oracle: DIFFUSERS,
        ..EULER
    },
    Row {
        sampler: Sampler::SaSolverPece,
        run: sa_solver::run_pece,
        calls: sa_solver::pece_calls,
        by_ratio: true,
        takes: ANCESTRAL,
        ..COMFY
    },
    Row {
        sampler: Sampler::Lcm,
        run: lcm::run,
        class: classes::LCM,
        settings: lcm::settings,
        takes: &[Knob::Noise, Knob::Thresholding],
        oracle: DIFFUSERS,
        ..EULER
    },
    Row {
        sampler: Sampler::Tcd,
        run: tcd::run,
        class: classes::TCD,
        flows: false,
        takes: ANCESTRAL,
        oracle: DIFFUSERS,
        ..EULER
    },
    Row {
        sampler: Sampler::ErSde,
        run: er_sde::run_3,
        remembers: 3,
        by_ratio: true,
        takes: &[Knob::Noise],
        ..COMFY
    },
    Row {
        sampler: Sampler::ErSde1,
        run: er_sde::run_1,
        remembers: 3,
        by_ratio: true,
        takes: &[Knob::Noise],
        ..COMFY
    },
    Row {
        sampler: Sampler::ErSde2,
        run: er_sde::run_2,
        remembers: 3,
        by_ratio: true,
        takes: &[Knob::Noise],
        ..COMFY
    },
    Row {
        sampler: Sampler::Seeds2,
        run: seeds::run_2,
        calls: twice,
        by_ratio: true,
        takes: ANCESTRAL,
        ..COMFY
    },
    Row {
        sampler: Sampler::Seeds3,
        run: seeds::run_3,
        calls: thrice,
        by_ratio: true,
        takes: ANCESTRAL,
        ..COMFY
    },
    Row {
        sampler: Sampler::ResMultistep,
        run: res_multistep::run,
        ..COMFY
    },
    Row {
        sampler: Sampler::ResMultistepAncestral,
        run: res_multistep::run_ancestral,
        flows: false,
        takes: ANCESTRAL,
        ..COMFY
    },
    Row {
        sampler: Sampler::GradientEstimation,
        run: gradient_estimation::run,
        ..COMFY
    },
    Row {
        sampler: Sampler::EulerCfgPp,
        run: euler_cfg_pp::run,
        ..COMFY
    },
    Row {
        sampler: Sampler::EulerAncestralCfgPp,
        run: euler_cfg_pp::run_ancestral,
        takes: ANCESTRAL,
        ..COMFY
    },
    Row {
        sampler: Sampler::DpmPp2sAncestralCfgPp,
        run: dpmpp_2s::run_cfg_pp,
        calls: twice,
        flows: false,
        takes: ANCESTRAL,
        ..COMFY
    },
    Row {
        sampler: Sampler::DpmPp2mCfgPp,
        run: dpmpp_2m::run_cfg_pp,
        flows: false,
        ..COMFY
    },
    Row {
        sampler: Sampler::ResMultistepCfgPp,
        run: res_multistep::run_cfg_pp,
        flows: false,
        ..COMFY
    },
    Row {
        sampler: Sampler::ResMultistepAncestralCfgPp,
        run: res_multistep::run_ancestral_cfg_pp,
        flows: false,
        takes: ANCESTRAL,
        ..COMFY
    },
    Row {
        sampler: Sampler::GradientEstimationCfgPp,
        run: gradient_estimation::run_cfg_pp,
        flows: false,
        ..COMFY
    },
    Row {
        sampler: Sampler::Res2s,
        run: res_singlestep::run_2,
        calls: twice,
        oracle: RES4LYF,
        ..COMFY
    },
    Row {
        sampler: Sampler::Res3s,
        run: res_singlestep::run_3,
        calls: thrice,
        oracle: RES4LYF,
        ..COMFY
    },
    Row {
        sampler: Sampler::SaSolver3,
        run: sa_solver::run_pec,
        by_ratio: true,
        takes: ANCESTRAL,
        ..COMFY
    },
];

const MULTISTEP: &[Knob] = &[Knob::Order, Knob::LowerOrderFinal, Knob::Thresholding];

/// Two calls in a step that does not end at σ = 0.
fn twice(plan: &Plan) -> usize {
    each(plan, 2)
}

/// Three of them.
fn thrice(plan: &Plan) -> usize {
    each(plan, 3)
}

fn each(plan: &Plan, calls: usize) -> usize {
    let ends = plan.sigmas[plan.sigmas.len() - plan.steps()..].iter();
    ends.map(|sigma| if *sigma > 0.0 { calls } else { 1 }).sum()
}
