//! Plans and runs measured by what must hold of them: ends of schedules, late beginnings, counted calls, samplers that must
//! agree, and the words of each refusal. Numbers that diffusers computed are in `oracle.rs`, those of single schedules in
//! `schedules_tests.rs`.

use darkroom_protocol::sampler::Named as _;
use darkroom_protocol::{Sampler, Schedule};
use rstest::rstest;
use tch::{Kind, Tensor};

use super::Guided;
use super::run::{Network, Run};
use super::table::NoiseTable;
use super::{
    BetaSchedule, Plan, Prediction, SchedulerConfig, Spacing, StepInfo, plan, plan_flow, plan_flow_even, sample,
    schedules,
};
use crate::{Error, Result};

fn sd() -> SchedulerConfig {
    SchedulerConfig {
        beta_start: Some(0.00085),
        beta_end: Some(0.012),
        beta_schedule: Some(BetaSchedule::ScaledLinear),
        timestep_spacing: Some(Spacing::Leading),
        steps_offset: Some(1),
        clip_sample: Some(false),
        ..Default::default()
    }
}

fn unit() -> Tensor {
    (Tensor::arange(64, (Kind::Float, tch::Device::Cpu)) * 0.7)
        .sin()
        .reshape([1, 4, 4, 4])
}

fn run(plan: &Plan) -> Result<Tensor> {
    let mut network = |x: &Tensor, t: f64| {
        Ok(Guided {
            guided: x.sin() * (t / 1000.0),
            uncond: Some(x.sin() * (t / 2000.0)),
            mimic: None,
        })
    };
    watched(plan, plan.initial(&unit()), &mut network, &mut |_| Ok(()))
}

/// `plan` from the state `x`, with the same noise each time it is asked for.
fn watched(
    plan: &Plan,
    x: Tensor,
    network: &mut Network<'_>,
    on_step: &mut dyn FnMut(StepInfo<'_>) -> Result<()>,
) -> Result<Tensor> {
    sample(plan, x, network, &mut |_, _| Ok(unit()), on_step)
}

#[rstest]
fn a_named_schedule_spans_all_that_was_trained(
    #[values(Sampler::Ddim, Sampler::Euler, Sampler::EulerAncestral, Sampler::Heun)] sampler: Sampler,
    #[values(1, 2, 9)] steps: usize,
) {
    let (min, max) = NoiseTable::new(&sd()).unwrap().ends();
    for (schedule, ramp) in [
        (Schedule::Karras, schedules::karras(min, max, steps)),
        (Schedule::Exponential, schedules::exponential(min, max, steps)),
    ] {
        let plan = plan(&sd(), sampler, schedule, steps).unwrap();
        assert_eq!(
            (plan.sigmas.len(), plan.sigmas[steps], plan.schedule),
            (steps + 1, 0.0, schedule)
        );
        let near = |(got, want): (&f64, &f64)| (got / want - 1.0).abs() < 1e-6;
        assert!(
            plan.sigmas.iter().zip(&ramp).all(near),
            "{:?} is not {ramp:?}",
            plan.sigmas
        );
    }
}

/// Along one chain of σs DDIM is Euler's method in other coordinates.
#[rstest]
fn ddim_is_euler_on_a_named_schedule(
    #[values(Schedule::Karras, Schedule::Exponential)] schedule: Schedule,
    #[values(Prediction::Epsilon, Prediction::VPrediction)] prediction: Prediction,
) {
    let config = SchedulerConfig {
        prediction_type: Some(prediction),
        ..sd()
    };
    let [ddim, euler] = [Sampler::Ddim, Sampler::Euler].map(|s| run(&plan(&config, s, schedule, 12).unwrap()).unwrap());
    assert!(ddim.allclose(&euler, 1e-4, 1e-5, false));
}

#[test]
fn pure_noise_stays_finite() {
    for (sampler, ..) in Sampler::NAMES {
        let sampler = *sampler;
        for (prediction, schedule) in [
            (Prediction::Epsilon, Schedule::Auto),
            (Prediction::VPrediction, Schedule::Karras),
            (Prediction::Sample, Schedule::Auto),
            (Prediction::Epsilon, Schedule::Normal),
            (Prediction::VPrediction, Schedule::SgmUniform),
        ] {
            let config = SchedulerConfig {
                rescale_betas_zero_snr: Some(true),
                timestep_spacing: Some(Spacing::Trailing),
                prediction_type: Some(prediction),
                ..sd()
            };
            let plan = plan(&config, sampler, schedule, 8).unwrap();
            assert!(plan.sigmas.iter().all(|s| s.is_finite()));
            let last = run(&plan).unwrap();
            assert_eq!(last.isfinite().all().int64_value(&[]), 1, "{sampler:?} {prediction:?}");
        }
    }
}

#[test]
fn the_models_own_schedule_is_kept_by_classes_that_read_it() {
    let karras = SchedulerConfig {
        use_karras_sigmas: Some(true),
        ..sd()
    };
    let scheduled = |config: &SchedulerConfig, sampler: Sampler| plan(config, sampler, Schedule::Auto, 5).unwrap();
    assert_eq!(scheduled(&karras, Sampler::Euler).schedule, Schedule::Karras);
    assert_eq!(scheduled(&karras, Sampler::Ddim).schedule, Schedule::Auto);
    let beta = SchedulerConfig {
        use_beta_sigmas: Some(true),
        ..sd()
    };
    assert_eq!(scheduled(&beta, Sampler::Euler).schedule, Schedule::Betas);
    let lambdas = SchedulerConfig {
        use_lu_lambdas: Some(true),
        ..sd()
    };
    assert_eq!(scheduled(&lambdas, Sampler::DpmPp2m).schedule, Schedule::Lambdas);
    assert_eq!(scheduled(&lambdas, Sampler::Euler).schedule, Schedule::Auto);
}

#[rstest]
#[case(sd(), 0, "steps: 0 is not between 1")]
#[case(sd(), 1001, "steps: 1001 is not between 1")]
#[case(SchedulerConfig { steps_offset: Some(-1), ..sd() }, 5, "steps_offset: -1")]
#[case(SchedulerConfig { steps_offset: Some(1000), ..sd() }, 5, "steps_offset: 1000")]
#[case(SchedulerConfig { use_flow_sigmas: Some(true), ..sd() }, 5, "use_flow_sigmas")]
#[case(SchedulerConfig { variance_type: Some("learned_range".into()), ..sd() }, 5, "variance_type")]
#[case(SchedulerConfig { solver_order: Some(4), ..sd() }, 5, "solver_order: 4 is not between 1 and 3")]
#[case(SchedulerConfig { solver_type: Some("x".into()), ..sd() }, 5, "solver_type: x is not known")]
#[case(SchedulerConfig { use_karras_sigmas: Some(true), sigma_min: Some(0.0), ..sd() }, 5, "is not a range of σ")]
#[case(SchedulerConfig { use_karras_sigmas: Some(true), sigma_max: Some(f64::NAN), ..sd() }, 5, "is not a range of σ")]
#[case(SchedulerConfig { lambda_min_clipped: Some(1e9), ..sd() }, 5, "lambda_min_clipped: leaves no timestep")]
fn impossible_plans_say_why(#[case] config: SchedulerConfig, #[case] steps: usize, #[case] says: &str) {
    let message = plan(&config, Sampler::DpmPp2m, Schedule::Auto, steps)
        .unwrap_err()
        .to_string();
    assert!(message.contains(says), "{message}");
}

#[rstest]
#[case(1.0, 8)]
#[case(0.6, 4)]
#[case(0.125, 1)]
fn denoise_runs_the_last_part(#[case] denoise: f64, #[case] steps: usize) {
    let plan = plan(&sd(), Sampler::Euler, Schedule::Auto, 8)
        .unwrap()
        .denoise(denoise)
        .unwrap();
    let mut seen = Vec::new();
    let mut network = |x: &Tensor, _| Ok(Guided::alone(x.shallow_clone()));
    let mut on_step = |step: StepInfo<'_>| {
        assert_eq!((step.total, step.denoised.size()), (steps, vec![1, 4, 4, 4]));
        assert_eq!(step.sigma, plan.sigmas[8 - steps + step.index]);
        seen.push(step.index);
        Ok(())
    };
    let last = watched(&plan, plan.noised(&unit(), &unit()), &mut network, &mut on_step).unwrap();
    assert_eq!(last.size(), [1, 4, 4, 4]);
    assert_eq!(seen, (0..steps).collect::<Vec<_>>());
}

#[rstest]
#[case(0.05, "leaves no step to run")]
#[case(-0.1, "choose a value from 0 to 1")]
#[case(1.5, "choose a value from 0 to 1")]
#[case(f64::NAN, "choose a value from 0 to 1")]
fn denoise_out_of_range(#[case] denoise: f64, #[case] says: &str) {
    let plan = plan(&sd(), Sampler::Euler, Schedule::Auto, 8).unwrap();
    assert!(plan.denoise(denoise).unwrap_err().to_string().contains(says));
}

#[rstest]
fn a_closures_error_ends_the_run(
    #[values(
        Sampler::Ddim,
        Sampler::Euler,
        Sampler::EulerAncestral,
        Sampler::DpmPp2m,
        Sampler::Heun,
        Sampler::Dpm2,
        Sampler::Dpm2Ancestral,
        Sampler::Lms,
        Sampler::DpmPpSde,
        Sampler::DpmPp2mSde
    )]
    sampler: Sampler,
) {
    let plan = plan(&sd(), sampler, Schedule::Auto, 8).unwrap();
    let mut steps = 0;
    let mut network = |x: &Tensor, _| Ok(Guided::alone(x.shallow_clone()));
    let mut on_step = |_: StepInfo<'_>| {
        steps += 1;
        if steps == 3 { Err(Error::Cancelled) } else { Ok(()) }
    };
    let end = watched(&plan, plan.initial(&unit()), &mut network, &mut on_step);
    assert!(matches!(end, Err(Error::Cancelled)) && steps == 3);
}

#[rstest]
#[case(Sampler::Euler, 1.0, 8)]
#[case(Sampler::Heun, 1.0, 15)]
#[case(Sampler::Heun, 0.25, 3)]
#[case(Sampler::Dpm2, 1.0, 15)]
#[case(Sampler::Dpm2Ancestral, 1.0, 15)]
#[case(Sampler::Lms, 1.0, 8)]
#[case(Sampler::DpmPpSde, 1.0, 15)]
#[case(Sampler::DpmPp2mSde, 1.0, 8)]
fn the_network_is_called_as_often_as_was_said(#[case] sampler: Sampler, #[case] denoise: f64, #[case] calls: usize) {
    let plan = plan(&sd(), sampler, Schedule::Auto, 8)
        .unwrap()
        .denoise(denoise)
        .unwrap();
    let (mut called, mut told) = (0, (0, 0));
    let mut network = |x: &Tensor, _| {
        called += 1;
        Ok(Guided::alone(x.shallow_clone()))
    };
    let mut on_step = |step: StepInfo<'_>| {
        told = step.calls;
        Ok(())
    };
    let end = watched(&plan, plan.initial(&unit()), &mut network, &mut on_step).unwrap();
    assert_eq!(end.size(), [1, 4, 4, 4]);
    assert_eq!((called, told, plan.calls()), (calls, (calls, calls), calls));
}

/// A sampler may ask anywhere, and gets what guidance computed without the prompt too.
#[test]
fn the_clean_sample_is_seen_from_any_sigma() {
    let plan = plan(&sd(), Sampler::Euler, Schedule::Auto, 8).unwrap();
    let (clean, noise) = (unit() * 0.5, unit());
    let mut told = Vec::new();
    let mut network = |_: &Tensor, timestep: f64| {
        told.push(timestep);
        Ok(Guided {
            guided: noise.shallow_clone(),
            uncond: Some(&noise * 2.0),
            mimic: None,
        })
    };
    let between = (plan.sigmas[3] + plan.sigmas[4]) / 2.0;
    let (mut fresh, mut on_step) = (|_, _| Ok(unit()), |_: StepInfo<'_>| Ok(()));
    let mut run = Run::new(&plan, 0, &mut network, &mut fresh, &mut on_step);
    for sigma in [plan.sigmas[2], between] {
        let seen = run.denoised(&(&clean + &noise * sigma), sigma).unwrap();
        assert!(seen.guided.allclose(&clean, 1e-5, 1e-5, false));
        assert!(
            seen.uncond
                .unwrap()
                .allclose(&(&clean - &noise * sigma), 1e-5, 1e-5, false)
        );
    }
    assert_eq!(told[0], plan.timesteps[2]);
    assert!(told[1] < plan.timesteps[3] && told[1] > plan.timesteps[4]);
}

#[test]
fn a_run_remembers_as_many_steps_as_it_was_told() {
    let plan = plan(&sd(), Sampler::Lms, Schedule::Auto, 8).unwrap();
    let mut network = |_: &Tensor, _| Ok(Guided::alone(unit()));
    let (mut fresh, mut on_step) = (|_, _| Ok(unit()), |_: StepInfo<'_>| Ok(()));
    let mut run = Run::new(&plan, 3, &mut network, &mut fresh, &mut on_step);
    for i in 0..5 {
        let x = unit() * i as f64;
        let denoised = run.begin(i, &x).unwrap();
        let seen = run.seen(0).unwrap();
        assert!(seen.denoised.equal(&denoised) && seen.x.equal(&x));
        // Noise of one: the slope is the noise wherever one looks.
        assert!(seen.slope().allclose(&unit(), 1e-4, 1e-4, false));
        let sigmas: Vec<f64> = run.all_seen().map(|seen| seen.sigma).collect();
        let expected: Vec<f64> = (0..=i).rev().take(3).map(|i| plan.sigmas[i]).collect();
        assert_eq!(sigmas, expected);
    }
}

#[rstest]
#[case(
    Sampler::Ddpm,
    3.0,
    8,
    "DDPM does not fit a model whose noise flows: choose one of Euler, Euler a, DPM++ 2M,"
)]
#[case(Sampler::Euler, 0.0, 8, "shift: 0 is not between 0 and 1000")]
#[case(Sampler::Euler, f64::NAN, 8, "shift: NaN")]
#[case(Sampler::Euler, 3.0, 0, "steps: 0 is not between 1")]
fn impossible_flows_say_why(#[case] sampler: Sampler, #[case] shift: f64, #[case] steps: usize, #[case] says: &str) {
    let message = plan_flow(shift, 1000, sampler, steps).unwrap_err().to_string();
    assert!(message.contains(says), "{message}");
}

/// Where the velocity is the same everywhere every sampler goes straight to the clean sample.
#[rstest]
fn a_straight_flow_ends_at_the_clean_sample(#[values(Sampler::Euler, Sampler::Heun)] sampler: Sampler) {
    let plan = plan_flow(3.0, 1000, sampler, 5).unwrap();
    let (clean, noise) = (unit() * 0.5, unit());
    let velocity = &noise - &clean;
    let mut network = |_: &Tensor, _| Ok(Guided::alone(velocity.shallow_clone()));
    for late in [1.0, 0.4] {
        let plan = plan.clone().denoise(late).unwrap();
        let begin = plan.noised(&clean, &noise);
        let end = watched(&plan, begin, &mut network, &mut |_| Ok(())).unwrap();
        assert!(end.allclose(&clean, 1e-5, 1e-5, false));
    }
}

/// σs of `FlowMatchEulerDiscreteScheduler.set_timesteps(sigmas=torch.linspace(1.0, 1 / n, n))` of diffusers 0.42.1; the last with
/// dynamic shifting and μ = 0.7.
#[rstest]
#[case(3.0, &[1.0, 0.899_999_976_158_142_1, 0.75, 0.5, 0.0])]
#[case(6.0, &[1.0, 0.960_000_038_146_972_7, 0.900_000_035_762_786_9, 0.800_000_011_920_929, 0.600_000_023_841_857_9, 0.0])]
#[case(0.7f64.exp(), &[1.0, 0.801_094_114_780_426, 0.501_713_156_700_134_3, 0.0])]
fn steps_of_a_flow_may_be_even(#[case] shift: f64, #[case] expected: &[f64]) {
    let steps = expected.len() - 1;
    let plan = plan_flow_even(shift, 1000, Sampler::Euler, Schedule::Auto, steps).unwrap();
    assert!(
        plan.sigmas.iter().zip(expected).all(|(a, b)| (a - b).abs() < 2e-7),
        "{:?}",
        plan.sigmas
    );
    let told = plan.timesteps.iter().zip(expected);
    assert!(
        told.into_iter().all(|(a, b)| (a - 1000.0 * b).abs() < 2e-4),
        "{:?}",
        plan.timesteps
    );
    let shifted = plan
        .tuned(&super::Tuning {
            shift: Some(1.0),
            ..Default::default()
        })
        .unwrap();
    let last = shifted.sigmas[steps - 1];
    assert!((last - 1.0 / steps as f64).abs() < 1e-7, "{last}");
}
