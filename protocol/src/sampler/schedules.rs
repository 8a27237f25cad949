//! The schedules by name. What each means is in the engine's `schedules.rs`; `docs/samplers.md` says of each whose definition it is.

use serde::{Deserialize, Serialize};

use super::{Named, Sampler, UNBUILT_SCHEDULES, listed, nearest};

/// How the σs of the steps are spaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// As the model's scheduler_config says.
    #[default]
    Auto,
    /// ρ = 7 between σ_min and σ_max (Karras et al. 2022, eq. 5).
    Karras,
    /// Evenly in log σ; polyexponential with its ρ of 1 is the same.
    Exponential,
    /// Evenly in the timestep, both ends included (k-diffusion `get_sigmas`).
    Normal,
    /// The same with one step more, which is not taken: the last step starts above the lowest σ.
    SgmUniform,
    /// Every so many training timesteps from the last one (ComfyUI `simple_scheduler`).
    Simple,
    /// Every so many training timesteps from the second one, sometimes one step more than asked for (ComfyUI `ddim_scheduler`).
    DdimUniform,
    /// By the beta distribution with α = β = 0.6 over training timesteps (Lee et al. 2024, arXiv 2407.12173; ComfyUI).
    Beta,
    /// The same over σ itself (diffusers `use_beta_sigmas`, AUTOMATIC1111's Beta).
    Betas,
    /// The first half linear down to a fortieth, the rest quadratic (ComfyUI).
    LinearQuadratic,
    /// Evenly in arctan σ (ComfyUI `kl_optimal_scheduler`).
    KlOptimal,
    /// Align Your Steps' eleven σs (Sabour et al. 2024, arXiv 2404.14507; AUTOMATIC1111), between them in log σ.
    AlignYourSteps,
    /// The same for ten steps, the eleventh σ being the end (ComfyUI).
    AlignYourSteps10,
    /// The same with 32 σs (Forge).
    AlignYourSteps32,
    /// Eleven σs by GITS (Chen et al. 2024, arXiv 2405.11326; Forge).
    AlignYourStepsGits,
    /// GITS' own table for 2 to 20 steps, with coefficient 1.2 (ComfyUI).
    Gits,
    /// By the Laplace distribution of log σ with scale 0.5 (Hang and Gu 2024, arXiv 2407.03297; ComfyUI).
    Laplace,
    /// Evenly in λ, the logarithm of the ratio of signal to noise, by the whole timesteps next to that (Lu et al. 2022, arXiv 2206.00927;
    /// diffusers `use_lu_lambdas`).
    Lambdas,
    /// The continuous schedule of variance preserving noise, from σ = 152 (Song et al. 2021; k-diffusion and ComfyUI `get_sigmas_vp`).
    Vp,
    /// Two arcs of the tangent that meet at σ = ½, for noise that flows (RES4LYF `bong_tangent_scheduler`).
    BongTangent,
    /// diffusers' `leading` spacing of timesteps, whatever the model says.
    Leading,
    /// diffusers' `linspace` spacing.
    Linspace,
    /// diffusers' `trailing` spacing.
    Trailing,
}

impl Named for Schedule {
    const NAMES: &'static [(Self, &'static str, &'static [&'static str])] = &[
        (Self::Auto, "Automatic", &["auto", "default"]),
        (Self::Karras, "Karras", &["karras_sigmas"]),
        (
            Self::Exponential,
            "Exponential",
            &["exponential_sigmas", "Polyexponential", "polyexponential_sigmas"],
        ),
        (Self::Normal, "Normal", &["uniform", "discrete"]),
        (Self::SgmUniform, "SGM Uniform", &["sgm"]),
        (Self::Simple, "Simple", &["simple_scheduler"]),
        (Self::DdimUniform, "DDIM Uniform", &["ddim", "ddim_uniform"]),
        (Self::Beta, "Beta", &["beta_scheduler"]),
        (Self::Betas, "Betas", &["beta_sigmas", "beta_a1111"]),
        (
            Self::LinearQuadratic,
            "Linear Quadratic",
            &["linear_quadratic_scheduler"],
        ),
        (Self::KlOptimal, "KL Optimal", &["kl_optimal_scheduler"]),
        (
            Self::AlignYourSteps,
            "Align Your Steps",
            &["AYS", "AYS 11", "Align Your Steps 11"],
        ),
        (
            Self::AlignYourSteps10,
            "Align Your Steps 10",
            &["AYS 10", "AlignYourStepsScheduler"],
        ),
        (Self::AlignYourSteps32, "Align Your Steps 32", &["AYS 32"]),
        (Self::AlignYourStepsGits, "Align Your Steps GITS", &["AYS GITS"]),
        (Self::Gits, "GITS", &["GITSScheduler"]),
        (Self::Laplace, "Laplace", &["LaplaceScheduler"]),
        (Self::Lambdas, "Lambdas", &["lu_lambdas", "lu"]),
        (Self::Vp, "VP", &["get_sigmas_vp"]),
        (Self::BongTangent, "Bong Tangent", &["bong_tangent_scheduler"]),
        (Self::Leading, "Leading", &["leading_spacing"]),
        (Self::Linspace, "Linspace", &["linspace_spacing"]),
        (Self::Trailing, "Trailing", &["trailing_spacing", "Turbo"]),
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
