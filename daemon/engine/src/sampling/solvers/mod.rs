//! The samplers, a file a method: pure functions over [`super::run::Run`]. Which there are, under which class's layout they run and
//! what they take is in `samplers.rs`; their names are in the protocol. None of them knows guidance or a family's network, and none
//! keeps anything between two runs.

pub(super) mod ddim;
pub(super) mod ddpm;
pub(super) mod deis;
pub(super) mod deis_logrho;
pub(super) mod dpm2;
pub(super) mod dpm_adaptive;
pub(super) mod dpm_fast;
mod dpm_solver;
pub(super) mod dpmpp_2m;
pub(super) mod dpmpp_2s;
pub(super) mod dpmpp_3m;
pub(super) mod dpmpp_sde;
pub(super) mod er_sde;
pub(super) mod euler;
pub(super) mod euler_ancestral;
pub(super) mod euler_cfg_pp;
pub(super) mod gradient_estimation;
pub(super) mod heun;
pub(super) mod heunpp;
pub(super) mod ipndm;
pub(super) mod lcm;
mod linear;
pub(super) mod lms;
pub(super) mod plms;
pub(super) mod res_multistep;
pub(super) mod res_singlestep;
pub(super) mod restart;
pub(super) mod sa_solver;
pub(super) mod seeds;
pub(super) mod tcd;
pub(super) mod unipc;
