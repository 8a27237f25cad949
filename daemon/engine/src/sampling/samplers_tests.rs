//! Every sampler beside the implementation that defines it (tests/oracle/samplers.py), over what a model predicts, steps and options;
//! that no two are one under two names; and docs/samplers.md, which is written from the same table and what was measured here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use darkroom_protocol::sampler::Named as _;
use darkroom_protocol::{Sampler, Schedule};
use serde::Deserialize;
use tch::{Kind, Tensor};

use super::noising::Noising;
use super::samplers::{NoiseKind, row};
use super::tuning::Knob;
use super::{
    BetaSchedule, Guided, Plan, Prediction, SchedulerConfig, Spacing, Tuning, plan, plan_flow, sample, schedules,
};
use crate::Result;

/// How far from its oracle a trajectory may end, by the greatest number there.
const BOUND: f64 = 1e-4;

#[derive(Debug, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Options {
    eta: Option<f64>,
    s_churn: Option<f64>,
    s_tmin: Option<f64>,
    s_tmax: Option<f64>,
    s_noise: Option<f64>,
    order: Option<usize>,
    lower_order_final: Option<bool>,
    thresholding: bool,
}

#[derive(Deserialize)]
struct Case {
    sampler: Sampler,
    prediction: String,
    steps: usize,
    options: Options,
    r#final: Vec<f64>,
    max_abs: f64,
    sum_abs: f64,
}

fn cases() -> Vec<Case> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/samplers/cases.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// Those that the script runs as diffusers lays them; the others run on k-diffusion's `normal`.
const DISCRETE: [Sampler; 10] = [
    Sampler::Ddim,
    Sampler::Ddpm,
    Sampler::Plms,
    Sampler::UniPc,
    Sampler::UniPcBh1,
    Sampler::DeisLogRho,
    Sampler::SaSolver,
    Sampler::DpmPp3m,
    Sampler::Lcm,
    Sampler::Tcd,
];

impl Case {
    fn plan(&self) -> Result<Plan> {
        let drafted = match self.prediction.as_str() {
            "flow" => plan_flow(3.0, 1000, self.sampler, self.steps)?,
            prediction => {
                let distilled = matches!(self.sampler, Sampler::Lcm | Sampler::Tcd);
                let config = SchedulerConfig {
                    timestep_spacing: (!distilled).then_some(Spacing::Leading),
                    steps_offset: (!distilled).then_some(1),
                    ..sd(match prediction {
                        "epsilon" => Prediction::Epsilon,
                        _ => Prediction::VPrediction,
                    })
                };
                plan(&config, self.sampler, schedule(self.sampler), self.steps)?
            }
        };
        let Options {
            eta,
            s_churn,
            s_tmin,
            s_tmax,
            s_noise,
            order,
            lower_order_final,
            thresholding,
        } = self.options;
        drafted.tuned(&Tuning {
            eta,
            s_churn,
            s_tmin,
            s_tmax,
            s_noise,
            order,
            lower_order_final,
            thresholding,
            ..Tuning::default()
        })
    }

    /// By which part of the greatest number the end is off.
    fn error(&self) -> f64 {
        let plan = self.plan().unwrap();
        assert_eq!(plan.notices, Vec::<String>::new(), "{}", self.name());
        let got = end(&plan);
        let stride = (got.len() - 1) as f64 / (self.r#final.len() - 1) as f64;
        let places = self.r#final.iter().enumerate().map(|(k, want)| {
            let i = (k as f64 * stride).round_ties_even() as usize;
            (got[i] - want).abs()
        });
        let sum: f64 = got.iter().map(|v| v.abs()).sum();
        let mean = (sum - self.sum_abs).abs() / got.len() as f64;
        let worst = places.fold(mean, f64::max);
        if worst.is_finite() {
            worst / self.max_abs
        } else {
            f64::INFINITY
        }
    }

    fn name(&self) -> String {
        format!("{} on {} in {} steps", self.sampler.name(), self.prediction, self.steps)
    }
}

fn schedule(sampler: Sampler) -> Schedule {
    if DISCRETE.contains(&sampler) {
        Schedule::Auto
    } else {
        Schedule::Normal
    }
}

fn sd(prediction: Prediction) -> SchedulerConfig {
    SchedulerConfig {
        beta_start: Some(0.00085),
        beta_end: Some(0.012),
        beta_schedule: Some(BetaSchedule::ScaledLinear),
        prediction_type: Some(prediction),
        clip_sample: Some(false),
        ..Default::default()
    }
}

fn wave() -> Tensor {
    let count = Tensor::arange(768, (Kind::Float, tch::Device::Cpu)) * 1.7;
    count.sin().reshape([4, 3, 8, 8]) * 2f64.sqrt()
}

/// The script's dummy model.
fn network(x: &Tensor, t: f64) -> Result<Guided> {
    Ok(Guided {
        guided: x * (0.7 + t / 5000.0) + (x * 1.3 + 0.4).sin() * (0.25 * (0.6 + t / 2500.0)),
        uncond: Some(x * (0.65 + t / 5000.0) + (x * 0.9).cos() * (0.2 * (0.5 + t / 3000.0))),
        mimic: None,
    })
}

/// The last state, from a wave of noise: at the first σ where the script begins there, else as the plan begins.
fn end(plan: &Plan) -> Vec<f64> {
    let begins_at_sigma = !DISCRETE.contains(&plan.sampler) || matches!(plan.noising, Noising::Flow { .. });
    let x = if begins_at_sigma {
        wave() * plan.sigmas[0]
    } else {
        plan.initial(&wave())
    };
    let mut stream = crate::torch::Generator::seeded(7).unwrap();
    let mut noise = |_, _| stream.randn(&[4, 3, 8, 8]);
    let last = sample(plan, x, &mut network, &mut noise, &mut |_| Ok(())).unwrap();
    Vec::try_from(last.reshape([-1]).to_kind(Kind::Double)).unwrap()
}

/// The worst error of each sampler over its cases.
fn errors() -> BTreeMap<usize, f64> {
    let mut errors = BTreeMap::new();
    for case in cases() {
        let place = Sampler::NAMES
            .iter()
            .position(|(one, ..)| *one == case.sampler)
            .unwrap();
        let worst = errors.entry(place).or_insert(0.0f64);
        *worst = worst.max(case.error());
    }
    errors
}

#[test]
fn samplers_end_where_their_oracles_do() {
    let wrong: Vec<String> = cases()
        .iter()
        .map(|case| (case, case.error()))
        .filter(|(_, error)| *error > BOUND)
        .map(|(case, error)| format!("{}: off by {error:.1e} {:?}", case.name(), case.options))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases().len(),
        wrong.join("\n")
    );
}

/// Each sampler has cases for what it is used for: noise predicted, velocity predicted, and flows where it is right there.
#[test]
fn every_sampler_has_its_cases() {
    let cases = cases();
    for (sampler, name, _) in Sampler::NAMES {
        for prediction in ["epsilon", "v_prediction", "flow"] {
            let steps: Vec<usize> = cases
                .iter()
                .filter(|case| case.sampler == *sampler && case.prediction == prediction)
                .map(|case| case.steps)
                .collect();
            let expected = prediction != "flow" || row(*sampler).flows;
            assert_eq!(
                [4, 7, 20].iter().all(|n| steps.contains(n)),
                expected,
                "{name} on {prediction}"
            );
        }
    }
}

/// On one schedule, one model and one stream of noise.
#[test]
fn no_two_names_are_one_sampler() {
    let ends: Vec<(&str, Vec<f64>)> = Sampler::NAMES
        .iter()
        .map(|(sampler, name, _)| {
            let plan = plan(&sd(Prediction::Epsilon), *sampler, Schedule::Auto, 20).unwrap();
            let mut stream = crate::torch::Generator::seeded(7).unwrap();
            let mut noise = |_, _| stream.randn(&[4, 3, 8, 8]);
            let last = sample(&plan, plan.initial(&wave()), &mut network, &mut noise, &mut |_| Ok(())).unwrap();
            (*name, Vec::try_from(last.reshape([-1]).to_kind(Kind::Double)).unwrap())
        })
        .collect();
    for (i, (one, a)) in ends.iter().enumerate() {
        for (other, b) in &ends[i + 1..] {
            let apart = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(apart > 1e-3, "{one} and {other} end within {apart} of each other");
        }
    }
}

/// What is left is told by calls: each sampler makes as many as its plan says, and tells a step at a time, the last one at the end. One
/// finds its steps on the way.
#[test]
fn every_sampler_calls_as_often_as_was_said() {
    for (sampler, name, _) in Sampler::NAMES.iter().filter(|(one, ..)| *one != Sampler::DpmAdaptive) {
        for (steps, denoise) in [(1, 1.0), (2, 1.0), (9, 1.0), (20, 1.0), (24, 0.5)] {
            let plan = plan(&sd(Prediction::Epsilon), *sampler, Schedule::Auto, steps).unwrap();
            let plan = plan.denoise(denoise).unwrap();
            let (mut called, mut told, mut indices) = (0, 0, Vec::new());
            let mut network = |x: &Tensor, t: f64| {
                called += 1;
                network(x, t)
            };
            let mut noise = |_, _| Ok(wave());
            let x = plan.noised(&wave(), &wave());
            let end = sample(&plan, x, &mut network, &mut noise, &mut |step| {
                told = step.calls.1;
                indices.push(step.index);
                Ok(())
            });
            assert!(
                end.unwrap().isfinite().all().int64_value(&[]) == 1,
                "{name} in {steps} steps"
            );
            assert_eq!(
                (called, told),
                (plan.calls(), plan.calls()),
                "{name} in {steps} steps from {denoise}"
            );
            assert!(
                indices.is_sorted() && indices.last() == Some(&(plan.steps() - 1)),
                "{name}: {indices:?}"
            );
        }
    }
}

/// What docs/samplers.md says of each sampler and schedule.
fn document() -> String {
    let errors = errors();
    let mut text = String::from(include_str!("samplers_head.md"));
    text.push_str("\n## Samplers\n\n| sampler | other names | oracle | off by at most | calls a step | noise | flows | options |\n|---|---|---|---|---|---|---|---|\n");
    for (place, (sampler, name, others)) in Sampler::NAMES.iter().enumerate() {
        let row = row(*sampler);
        let options: Vec<&str> = row.takes.iter().map(|knob| knob.parameters()).collect();
        let noise = match (row.noise, row.takes.contains(&Knob::Noise)) {
            (NoiseKind::Brownian, _) => "Brownian",
            _ if draws(*sampler) => "fresh",
            _ => "",
        };
        let flows = match (row.flows, row.flows_still) {
            (true, true) => "yes, without η",
            (true, false) => "yes",
            (false, _) => "no",
        };
        let twenty = plan(&sd(Prediction::Epsilon), *sampler, Schedule::Auto, 20).unwrap();
        let calls = match twenty.calls() as f64 / 20.0 {
            _ if *sampler == Sampler::DpmAdaptive => "as many as it takes".to_owned(),
            calls => format!("{}", calls.round()),
        };
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {calls} | {noise} | {flows} | {} |",
            others.join(", "),
            row.oracle,
            power(errors[&place]),
            options.join(", ")
        );
    }
    text.push_str("\n## Schedules\n\n| schedule | other names | whose definition |\n|---|---|---|\n");
    for (schedule, name, others) in Schedule::NAMES {
        let _ = writeln!(
            text,
            "| {name} | {} | {} |",
            others.join(", "),
            schedules::row(*schedule).oracle
        );
    }
    text
}

/// Whether it adds noise where nobody asks for it.
fn draws(sampler: Sampler) -> bool {
    let plan = plan(&sd(Prediction::Epsilon), sampler, Schedule::Auto, 20).unwrap();
    let mut drawn = 0;
    let mut noise = |_, _| {
        drawn += 1;
        Ok(wave())
    };
    let end = sample(&plan, plan.initial(&wave()), &mut network, &mut noise, &mut |_| Ok(())).unwrap();
    assert_eq!(end.size(), wave().size());
    drawn > 0
}

/// The least power of ten that is no less.
fn power(error: f64) -> String {
    let exponent = (-7..0).find(|e| error <= 10f64.powi(*e)).unwrap_or(0);
    format!("1e{exponent}")
}

/// To write it anew: `DARKROOM_WRITE_DOCS=1 cargo test -p darkroom-engine --lib docs_samplers`.
#[test]
fn docs_samplers_is_what_was_measured() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/samplers.md");
    let text = document();
    if std::env::var_os("DARKROOM_WRITE_DOCS").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&file).unwrap_or_default(),
        text,
        "docs/samplers.md is not what the code says"
    );
}
