//! The samplers by name: every one under each name that AUTOMATIC1111, ComfyUI, SD.Next, k-diffusion, InvokeAI, stable-diffusion.cpp,
//! hosted services and diffusers' classes have for it. One name that two programs give to two methods is that of the program more
//! people come from; `docs/samplers.md` says which. Their mathematics is in the engine.

use serde::{Deserialize, Serialize};

use super::{Named, Schedule, UNBUILT_SAMPLERS, listed, nearest, split_schedule};

/// How the denoise loop steps from one σ to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampler {
    /// Denoising diffusion implicit models (Song et al. 2020, arXiv 2010.02502).
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
    /// Second-order single-step DPM-Solver++ with fresh noise: two calls a step (k-diffusion `sample_dpmpp_2s_ancestral`).
    DpmPp2sAncestral,
    /// DPM++ 2M SDE with the `heun` weight of the slope.
    DpmPp2mSdeHeun,
    /// Third-order multistep DPM-Solver++ (diffusers DPMSolverMultistepScheduler, order 3).
    DpmPp3m,
    /// Third-order multistep DPM-Solver++ on the reverse SDE (k-diffusion `sample_dpmpp_3m_sde`).
    DpmPp3mSde,
    /// DPM-Solver-fast: as many calls as steps, mostly in steps of third order (k-diffusion `sample_dpm_fast`).
    DpmFast,
    /// DPM-Solver with steps of its own choice (k-diffusion `sample_dpm_adaptive`).
    DpmAdaptive,
    /// Heun++: up to three calls a step (ComfyUI `sample_heunpp2`).
    HeunPp2,
    /// Heun's method with the last part of the way gone again (Xu et al. 2023, arXiv 2306.14878).
    Restart,
    /// Denoising diffusion probabilistic models (Ho et al. 2020, arXiv 2006.11239).
    Ddpm,
    /// Pseudo linear multistep (Liu et al. 2022, arXiv 2202.09778).
    Plms,
    /// Improved pseudo numerical method of fourth order (ComfyUI `sample_ipndm`).
    Ipndm,
    /// The same by the lengths of the steps (ComfyUI `sample_ipndm_v`).
    IpndmV,
    /// Predictor and corrector with B(h) = e^h − 1 (Zhao et al. 2023, arXiv 2302.04867).
    UniPc,
    /// The same with B(h) = h.
    UniPcBh1,
    /// DEIS with tabulated weights (Zhang and Chen 2022, arXiv 2204.13902; ComfyUI `sample_deis`).
    Deis,
    /// DEIS in log ρ (diffusers DEISMultistepScheduler).
    DeisLogRho,
    /// Stochastic Adams solver of orders 2 and 2 (Xue et al. 2023, arXiv 2309.05019).
    SaSolver,
    /// The same of orders 3 and 4 with a second look a step (ComfyUI `sample_sa_solver_pece`).
    SaSolverPece,
    /// Latent consistency, for models distilled for it (Luo et al. 2023, arXiv 2310.04378).
    Lcm,
    /// Trajectory consistency, for models distilled for it (Zheng et al. 2024, arXiv 2402.19159).
    Tcd,
    /// Extended reverse-time SDE solver of third order (Cui et al. 2023, arXiv 2309.06169).
    ErSde,
    /// The same of first order.
    ErSde1,
    /// The same of second order.
    ErSde2,
    /// SEEDS with two calls a step (Gonzalez et al. 2023, arXiv 2305.14267).
    Seeds2,
    /// SEEDS with three calls a step.
    Seeds3,
    /// Refined exponential solver, multistep (Zhang et al. 2023, arXiv 2308.02157).
    ResMultistep,
    /// The same with fresh noise each step.
    ResMultistepAncestral,
    /// Euler's method with the slope's change carried on (Permenter and Yuan 2023, arXiv 2306.04848).
    GradientEstimation,
    /// Euler's method in the way of CFG++ (Chung et al. 2024, arXiv 2406.08070).
    EulerCfgPp,
    /// The same with fresh noise each step.
    EulerAncestralCfgPp,
    /// DPM++ 2S a in the way of CFG++.
    DpmPp2sAncestralCfgPp,
    /// DPM++ 2M in the way of CFG++.
    DpmPp2mCfgPp,
    /// RES Multistep in the way of CFG++.
    ResMultistepCfgPp,
    /// RES Multistep a in the way of CFG++.
    ResMultistepAncestralCfgPp,
    /// Gradient estimation in the way of CFG++.
    GradientEstimationCfgPp,
    /// Refined exponential solver of second order in single steps: two calls a step (Zhang et al. 2023, arXiv 2308.02157; RES4LYF `res_2s`).
    Res2s,
    /// The same of third order: three calls a step (RES4LYF `res_3s`).
    Res3s,
    /// Stochastic Adams solver of orders 3 and 4 without a second look (ComfyUI `sample_sa_solver`).
    SaSolver3,
}

impl Sampler {
    /// Whether it is of the CFG++ kind (Chung et al. 2024, arXiv 2406.08070), which goes by the prediction without the prompt at any scale
    /// of guidance: the scales that are meant for it are about 0.5 to 2.
    pub fn is_cfg_pp(self) -> bool {
        matches!(
            self,
            Self::EulerCfgPp
                | Self::EulerAncestralCfgPp
                | Self::DpmPp2sAncestralCfgPp
                | Self::DpmPp2mCfgPp
                | Self::ResMultistepCfgPp
                | Self::ResMultistepAncestralCfgPp
                | Self::GradientEstimationCfgPp
        )
    }
}

impl Named for Sampler {
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (
            Self::Ddim,
            "DDIM",
            &["k_ddim", "DDIMScheduler", "DDIM Parallel", "DDIMParallelScheduler"],
        ),
        (
            Self::Euler,
            "Euler",
            &[
                "k_euler",
                "sample_euler",
                "euler_discrete",
                "EulerDiscreteScheduler",
                "Euler FlowMatch",
                "FlowMatchEulerDiscreteScheduler",
            ],
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
                "DPM++",
                "DPM2++ 2M FlowMatch",
            ],
        ),
        (
            Self::Heun,
            "Heun",
            &[
                "k_heun",
                "sample_heun",
                "heun_discrete",
                "HeunDiscreteScheduler",
                "Heun FlowMatch",
                "FlowMatchHeunDiscreteScheduler",
            ],
        ),
        (
            Self::Dpm2,
            "DPM2",
            &[
                "dpm_2",
                "k_dpm_2",
                "sample_dpm_2",
                "KDPM2DiscreteScheduler",
                "KDPM2",
                "DPM2 FlowMatch",
            ],
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
                "KDPM2 a",
                "DPM2a FlowMatch",
            ],
        ),
        (
            Self::Lms,
            "LMS",
            &["k_lms", "sample_lms", "lms_discrete", "LMSDiscreteScheduler", "LMSD"],
        ),
        (
            Self::DpmPpSde,
            "DPM++ SDE",
            &[
                "dpmpp_sde",
                "dpmpp_sde_gpu",
                "k_dpmpp_sde",
                "sample_dpmpp_sde",
                "DPM SDE",
                "DPMSolverSDEScheduler",
                "DPM2++ SDE FlowMatch",
            ],
        ),
        (
            Self::DpmPp2mSde,
            "DPM++ 2M SDE",
            &[
                "dpmpp_2m_sde",
                "dpmpp_2m_sde_gpu",
                "k_dpmpp_2m_sde",
                "sample_dpmpp_2m_sde",
                "sde-dpmsolver++",
                "DPM2++ 2M SDE FlowMatch",
            ],
        ),
        (
            Self::DpmPp2sAncestral,
            "DPM++ 2S a",
            &[
                "dpmpp_2s_ancestral",
                "k_dpmpp_2s_a",
                "k_dpmpp_2s_ancestral",
                "sample_dpmpp_2s_ancestral",
                "DPM2++ 2S FlowMatch",
            ],
        ),
        (
            Self::DpmPp2mSdeHeun,
            "DPM++ 2M SDE Heun",
            &["dpmpp_2m_sde_heun", "dpmpp_2m_sde_heun_gpu", "k_dpmpp_2m_sde_heun"],
        ),
        (Self::DpmPp3m, "DPM++ 3M", &["dpmpp_3m", "dpmsolver++_3m"]),
        (
            Self::DpmPp3mSde,
            "DPM++ 3M SDE",
            &[
                "dpmpp_3m_sde",
                "dpmpp_3m_sde_gpu",
                "k_dpmpp_3m_sde",
                "sample_dpmpp_3m_sde",
                "DPM2++ 3M SDE FlowMatch",
            ],
        ),
        (
            Self::DpmFast,
            "DPM fast",
            &["dpm_fast", "k_dpm_fast", "sample_dpm_fast"],
        ),
        (
            Self::DpmAdaptive,
            "DPM adaptive",
            &["dpm_adaptive", "k_dpm_ad", "k_dpm_adaptive", "sample_dpm_adaptive"],
        ),
        (Self::HeunPp2, "HeunPP2", &["heunpp2", "heun++", "sample_heunpp2"]),
        (Self::Restart, "Restart", &["restart_sampler", "k_restart"]),
        (
            Self::Ddpm,
            "DDPM",
            &[
                "DDPMScheduler",
                "DDPM Parallel",
                "DDPMParallelScheduler",
                "sample_ddpm",
                "k_ddpm",
            ],
        ),
        (Self::Plms, "PLMS", &["PNDM", "PNDMScheduler", "k_plms"]),
        (Self::Ipndm, "IPNDM", &["sample_ipndm", "k_ipndm"]),
        (Self::IpndmV, "IPNDM_V", &["sample_ipndm_v", "k_ipndm_v"]),
        (
            Self::UniPc,
            "UniPC",
            &[
                "uni_pc",
                "uni_pc_bh2",
                "UniPC bh2",
                "UniPCMultistepScheduler",
                "unipc_multistep",
                "UniPC FlowMatch",
            ],
        ),
        (Self::UniPcBh1, "UniPC bh1", &["uni_pc_bh1"]),
        (Self::Deis, "DEIS", &["sample_deis", "deis_tab", "k_deis"]),
        (
            Self::DeisLogRho,
            "DEIS logrho",
            &["DEISMultistepScheduler", "deis_multistep"],
        ),
        (Self::SaSolver, "SA-Solver", &["sa_solver", "SASolverScheduler"]),
        (Self::SaSolverPece, "SA-Solver PECE", &["sa_solver_pece"]),
        (
            Self::Lcm,
            "LCM",
            &[
                "LCMScheduler",
                "sample_lcm",
                "LCM FlowMatch",
                "FlowMatchLCMScheduler",
                "k_lcm",
            ],
        ),
        (Self::Tcd, "TCD", &["TCDScheduler"]),
        (
            Self::ErSde,
            "ER-SDE",
            &[
                "er_sde",
                "ER-SDE 3",
                "ER-SDE 3M",
                "ER-SDE 3M FlowMatch",
                "ER-SDE FlowMatch",
                "sample_er_sde",
            ],
        ),
        (Self::ErSde1, "ER-SDE 1", &["ER-SDE 1M"]),
        (Self::ErSde2, "ER-SDE 2", &["ER-SDE 2M", "ER-SDE 2M FlowMatch"]),
        (Self::Seeds2, "SEEDS 2", &["seeds_2", "sample_seeds_2"]),
        (Self::Seeds3, "SEEDS 3", &["seeds_3", "sample_seeds_3"]),
        (
            Self::ResMultistep,
            "RES Multistep",
            &["res_multistep", "sample_res_multistep"],
        ),
        (
            Self::ResMultistepAncestral,
            "RES Multistep a",
            &["res_multistep_ancestral", "sample_res_multistep_ancestral"],
        ),
        (
            Self::GradientEstimation,
            "Gradient Estimation",
            &["gradient_estimation", "sample_gradient_estimation"],
        ),
        (
            Self::EulerCfgPp,
            "Euler CFG++",
            &["euler_cfg_pp", "DDIM CFG++", "sample_euler_cfg_pp"],
        ),
        (
            Self::EulerAncestralCfgPp,
            "Euler a CFG++",
            &["euler_ancestral_cfg_pp", "sample_euler_ancestral_cfg_pp"],
        ),
        (
            Self::DpmPp2sAncestralCfgPp,
            "DPM++ 2S a CFG++",
            &["dpmpp_2s_ancestral_cfg_pp", "sample_dpmpp_2s_ancestral_cfg_pp"],
        ),
        (
            Self::DpmPp2mCfgPp,
            "DPM++ 2M CFG++",
            &["dpmpp_2m_cfg_pp", "sample_dpmpp_2m_cfg_pp"],
        ),
        (
            Self::ResMultistepCfgPp,
            "RES Multistep CFG++",
            &["res_multistep_cfg_pp"],
        ),
        (
            Self::ResMultistepAncestralCfgPp,
            "RES Multistep a CFG++",
            &["res_multistep_ancestral_cfg_pp"],
        ),
        (
            Self::GradientEstimationCfgPp,
            "Gradient Estimation CFG++",
            &["gradient_estimation_cfg_pp"],
        ),
        (
            Self::Res2s,
            "RES 2S",
            &["res_2s", "RES Singlestep 2S", "res_singlestep_2", "res_singlestep"],
        ),
        (
            Self::Res3s,
            "RES 3S",
            &["res_3s", "RES Singlestep 3S", "res_singlestep_3"],
        ),
        (
            Self::SaSolver3,
            "SA-Solver 3",
            &["sa_solver_3", "sa_solver_pec", "sample_sa_solver"],
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
