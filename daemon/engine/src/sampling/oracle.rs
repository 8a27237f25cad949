//! Every case that tests/oracle/schedulers.py had diffusers compute.

use std::path::Path;

use darkroom_protocol::{Sampler, Schedule};
use serde::Deserialize;
use tch::{Kind, Tensor};

use super::Guided;
use super::plan::Settings;
use super::{Level, Plan, SchedulerConfig, plan, plan_flow, sample};

#[derive(Deserialize)]
struct Case {
    sampler: Sampler,
    config: serde_json::Value,
    steps: usize,
    strength: Option<f64>,
    /// Timesteps that diffusers made; rarely one too many.
    total: usize,
    at: Vec<usize>,
    timesteps: Vec<f64>,
    init: f64,
    #[serde(default)]
    sigmas: Vec<f64>,
    /// DDIM: ᾱ before and after a step.
    #[serde(default)]
    levels: Vec<[f64; 2]>,
    /// Places of the last state; none where diffusers gives NaN.
    r#final: Option<Vec<f64>>,
    #[serde(default)]
    max_abs: f64,
    #[serde(default)]
    sum_abs: f64,
}

fn cases() -> Vec<Case> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/schedulers/cases.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

impl Case {
    fn name(&self) -> String {
        format!(
            "{:?} {} steps {} strength {:?}",
            self.sampler, self.config, self.steps, self.strength
        )
    }

    fn plan(&self) -> crate::Result<Plan> {
        let plan = match self.config["shift"].as_f64() {
            Some(shift) => plan_flow(shift, 1000, self.sampler, self.steps)?,
            None => {
                let config = SchedulerConfig::from_json(self.config.to_string().as_bytes())?;
                plan(&config, self.sampler, Schedule::Auto, self.steps)?
            }
        };
        match self.strength {
            Some(strength) => plan.denoise(strength),
            None => Ok(plan),
        }
    }

    /// DPM++ 2M cannot divide the timesteps into more than there are; diffusers gives NaN.
    fn is_refused(&self) -> bool {
        self.sampler == Sampler::DpmPp2m && self.steps == 1000 && self.config["timestep_spacing"] == "leading"
    }
}

fn clean() -> Tensor {
    let count = Tensor::arange(768, (Kind::Float, tch::Device::Cpu)) / 768.0;
    count.reshape([3, 8, 8, 4]).permute([3, 0, 1, 2]).contiguous()
}

fn wave() -> Tensor {
    let count = Tensor::arange(768, (Kind::Float, tch::Device::Cpu)) * 1.7;
    count.sin().reshape([4, 3, 8, 8]) * 2f64.sqrt()
}

/// The dummy network of diffusers' scheduler tests.
fn network(input: &Tensor, t: f64) -> crate::Result<Guided> {
    Ok(Guided::alone(input * t / (t + 1.0)))
}

fn run(case: &Case, plan: &Plan) -> Vec<f64> {
    let x = if case.strength.is_some() {
        plan.noised(&clean(), &wave())
    } else {
        plan.initial(&clean())
    };
    let mut stream = crate::torch::Generator::seeded(7).unwrap();
    let mut noise = |_, _| stream.randn(&[4, 3, 8, 8]);
    let last = sample(plan, x, &mut network, &mut noise, &mut |_| Ok(())).unwrap();
    Vec::try_from(last.reshape([-1]).to_kind(Kind::Double)).unwrap()
}

fn close(got: f64, want: f64, bound: f64) -> bool {
    (got - want).abs() <= bound * want.abs().max(1e-3)
}

#[test]
fn timesteps_and_noise_levels_are_diffusers() {
    for case in cases().iter().filter(|c| !c.is_refused()) {
        let plan = case.plan().unwrap();
        let name = case.name();
        assert_eq!(plan.timesteps.len(), case.total.min(case.steps), "{name}");
        let kept = case.at.iter().enumerate().filter(|(_, at)| **at < plan.timesteps.len());
        for (k, &i) in kept {
            assert!(
                close(plan.timesteps[i], case.timesteps[k], 1e-6),
                "{name}: timestep {i} is {}, not {}",
                plan.timesteps[i],
                case.timesteps[k]
            );
            if let Settings::Ddim { jumps, .. } = &plan.settings {
                let bars = [jumps[i].0, jumps[i].1].map(|l: Level| l.alpha * l.alpha);
                assert!(
                    (0..2).all(|j| close(bars[j], case.levels[k][j], 1e-6)),
                    "{name}: ᾱ at step {i}: {bars:?}, not {:?}",
                    case.levels[k]
                );
            } else {
                assert!(
                    close(plan.sigmas[i], case.sigmas[k], 1e-6),
                    "{name}: σ at step {i} is {}, not {}",
                    plan.sigmas[i],
                    case.sigmas[k]
                );
            }
        }
        if let Some(&last) = case.sigmas.last() {
            assert!(close(plan.sigmas[plan.sigmas.len() - 1], last, 1e-6), "{name}");
        }
        let scale = if matches!(case.sampler, Sampler::DpmPp2m | Sampler::DpmPp2mSde) {
            plan.sigmas[0].hypot(1.0)
        } else {
            1.0
        } * case.init;
        let got = plan.initial(&Tensor::from(1.0f32)).double_value(&[]);
        assert!(
            close(got, scale, 1e-6),
            "{name}: scale of the first noise is {got}, not {scale}"
        );
    }
}

#[test]
fn trajectories_are_diffusers() {
    let mut compared = 0;
    for case in cases().iter().filter(|c| !c.is_refused()) {
        let (name, got) = (case.name(), run(case, &case.plan().unwrap()));
        assert!(got.iter().all(|v| v.is_finite()), "{name}");
        let Some(want) = &case.r#final else { continue };
        let stride = (got.len() - 1) as f64 / (want.len() - 1) as f64;
        let bound = 1e-5 * case.max_abs.max(1.0);
        for (k, want) in want.iter().enumerate() {
            let i = (k as f64 * stride).round_ties_even() as usize;
            assert!(
                (got[i] - want).abs() <= bound,
                "{name}: place {i} is {}, not {want}",
                got[i]
            );
        }
        let sum: f64 = got.iter().map(|v| v.abs()).sum();
        assert!(
            (sum - case.sum_abs).abs() <= 768.0 * bound,
            "{name}: sum {sum}, not {}",
            case.sum_abs
        );
        compared += 1;
    }
    assert!(compared > 540, "only {compared} cases were compared");
}

#[test]
fn too_many_steps_are_refused() {
    for case in cases().iter().filter(|c| c.is_refused()) {
        let message = case.plan().unwrap_err().to_string();
        assert!(message.contains("choose at most 999"), "{message}");
    }
}
