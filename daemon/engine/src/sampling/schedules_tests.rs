//! The rows of `schedules` beside values of k-diffusion and diffusers, over the three ways in which noise mixes. What a whole plan
//! makes of them, class by class, is `oracle`'s.

use std::path::Path;

use darkroom_protocol::sampler::Named as _;
use darkroom_protocol::{Sampler, Schedule};
use rstest::rstest;
use serde::Deserialize;

use super::classes::{K_DIFFUSION, SOLVER};
use super::noising::Noising;
use super::schedules::{Ends, Laid, Layout, exponential, karras, row};
use super::table::NoiseTable;
use super::{BetaSchedule, Plan, Prediction, SchedulerConfig, Tuning, plan, plan_flow, plan_flow_on};
use crate::Result;

fn stable_diffusion() -> Noising {
    let config = SchedulerConfig {
        beta_start: Some(0.00085),
        beta_end: Some(0.012),
        beta_schedule: Some(BetaSchedule::ScaledLinear),
        ..Default::default()
    };
    Noising::VariancePreserving {
        table: NoiseTable::new(&config).unwrap(),
        prediction: Prediction::Epsilon,
    }
}

fn assert_near(got: &[f64], expected: &[f64]) {
    assert_eq!(got.len(), expected.len());
    // A timestep may be 0.
    let near = |(g, e): (&f64, &f64)| (g - e).abs() <= 1e-6 * if *e == 0.0 { 1.0 } else { e.abs() };
    assert!(got.iter().zip(expected).all(near), "{got:?}, not {expected:?}");
}

#[test]
fn every_schedule_has_its_row() {
    for (schedule, name, _) in Schedule::NAMES {
        assert_eq!(row(*schedule).schedule, *schedule, "{name}");
    }
}

/// Five steps between k-diffusion's two ends of Stable Diffusion.
#[test]
fn ramps_are_those_of_k_diffusion() {
    let ends = (0.0291675, 14.614641);
    assert_near(
        &karras(ends.0, ends.1, 5),
        &[
            14.614641,
            4.796541540919564,
            1.2741045477400608,
            0.24795150636508764,
            0.0291675,
        ],
    );
    assert_near(
        &exponential(ends.0, ends.1, 5),
        &[
            14.614641,
            3.088985824889202,
            0.6528955057032481,
            0.13799757121992945,
            0.0291675,
        ],
    );
}

/// Whatever a class lays in a way of its own, these two are k-diffusion's and AUTOMATIC1111's.
#[rstest]
#[case(
    Schedule::Normal,
    &[14.614646911621094, 4.086082935333252, 1.6155811548233032, 0.6951500773429871, 0.0291675366461277],
    &[999.0, 749.25, 499.5, 249.75, 0.0]
)]
#[case(
    Schedule::SgmUniform,
    &[14.614646911621094, 5.092410087585449, 2.279731512069702, 1.1628650426864624, 0.5711894035339355],
    &[999.0, 799.2000122070312, 599.4000244140625, 399.6000061035156, 199.8000030517578]
)]
fn even_timesteps_are_those_of_k_diffusion(
    #[case] schedule: Schedule,
    #[case] sigmas: &[f64],
    #[case] timesteps: &[f64],
) {
    for class in [K_DIFFUSION, SOLVER] {
        let laid = (row(schedule).lay)(&stable_diffusion(), 5, &class.bare_layout(1000)).unwrap();
        assert_near(&laid.sigmas, sigmas);
        assert_near(&laid.timesteps, timesteps);
    }
}

/// A schedule knows no family: on the preconditioning of Karras et al. it is diffusers' EDMEulerScheduler's.
#[rstest]
fn edm_is_laid_by_the_same_rows(#[values(Schedule::Auto, Schedule::Karras)] schedule: Schedule) {
    let layout = Layout {
        sigma_min: Some(0.002),
        sigma_max: Some(80.0),
        ..K_DIFFUSION.bare_layout(1000)
    };
    let edm = Noising::Edm {
        data: 0.5,
        velocity: false,
    };
    let Laid { sigmas, timesteps, .. } = (row(schedule).lay)(&edm, 5, &layout).unwrap();
    assert_near(
        &sigmas,
        &[
            80.0,
            17.52783203125,
            2.51521897315979,
            0.16975276172161102,
            0.0020000000949949026,
        ],
    );
    assert_near(
        &timesteps,
        &[
            1.0955066680908203,
            0.7159475088119507,
            0.23058997094631195,
            -0.4433530569076538,
            -1.553652048110962,
        ],
    );
    let message = (row(schedule).lay)(&edm, 5, &K_DIFFUSION.bare_layout(1000))
        .unwrap_err()
        .to_string();
    assert!(message.contains("is not a range of σ"), "{message}");
}

/// A flow's ramp goes between its own ends.
#[test]
fn a_ramp_of_a_flow_ends_where_its_training_did() {
    let flow = Noising::Flow {
        shift: 3.0,
        train: 1000.0,
    };
    let layout = Layout {
        ends: Ends::Trained,
        ..K_DIFFUSION.bare_layout(1000)
    };
    let laid = (row(Schedule::Exponential).lay)(&flow, 4, &layout).unwrap();
    assert_near(&[laid.sigmas[0], laid.sigmas[3]], &[1.0, 0.003 / 1.002]);
    assert_near(&[laid.timesteps[0], laid.timesteps[3]], &[1000.0, 3.0 / 1.002]);
}

#[derive(Deserialize)]
struct Case {
    schedule: Schedule,
    kind: String,
    steps: usize,
    /// σs that there are.
    total: usize,
    /// Places of those that are kept.
    at: Vec<usize>,
    sigmas: Vec<f64>,
}

/// What tests/oracle/named_schedules.py had the defining functions compute, for a plan of Euler's method.
#[test]
fn schedules_by_name_are_those_of_their_definitions() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/named-schedules/cases.json");
    let cases: Vec<Case> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let config = SchedulerConfig {
        beta_start: Some(0.00085),
        beta_end: Some(0.012),
        beta_schedule: Some(BetaSchedule::ScaledLinear),
        ..Default::default()
    };
    let mut wrong = Vec::new();
    for case in &cases {
        let name = format!("{} on {} in {} steps", case.schedule.name(), case.kind, case.steps);
        let drafted = match case.kind.as_str() {
            "flow" => plan_flow_on(3.0, 1000, Sampler::Euler, case.schedule, case.steps),
            _ => plan(&config, Sampler::Euler, case.schedule, case.steps),
        };
        let xl = case.kind == "xl";
        let plan = drafted
            .and_then(|plan| {
                plan.tuned(&Tuning {
                    xl,
                    ..Tuning::default()
                })
            })
            .unwrap();
        assert_eq!(
            (plan.timesteps.len(), plan.sigmas[case.total]),
            (case.total, 0.0),
            "{name}"
        );
        let off = case
            .at
            .iter()
            .zip(&case.sigmas)
            .map(|(at, want)| (plan.sigmas[*at] / want - 1.0).abs());
        let worst = off.fold(0.0, f64::max);
        if worst > 1e-5 {
            wrong.push(format!("{name}: off by {worst:.1e}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
    for (schedule, name, _) in Schedule::NAMES.iter().filter(|(one, ..)| *one != Schedule::Auto) {
        assert!(
            cases.iter().any(|case| case.schedule == *schedule),
            "{name} has no case"
        );
    }
}

fn tuned(tuning: Tuning) -> Result<Plan> {
    plan(&SchedulerConfig::default(), Sampler::Euler, Schedule::Karras, 3)?.tuned(&tuning)
}

#[test]
fn a_list_takes_the_place_of_schedule_and_steps() {
    let sigmas = [10.0, 2.5, 0.5, 0.1];
    for end in [None, Some(0.0)] {
        let listed: Vec<f64> = sigmas.iter().copied().chain(end).collect();
        let plan = tuned(Tuning {
            sigmas: listed,
            ..Tuning::default()
        })
        .unwrap();
        assert_near(&plan.sigmas, &[10.0, 2.5, 0.5, 0.1, 0.0]);
        assert_eq!(plan.notices, ["steps: the list has 4, so there are as many and not 3."]);
    }
    let plan = tuned(Tuning {
        timesteps: vec![999.0, 500.0, 20.0],
        ..Tuning::default()
    })
    .unwrap();
    assert_eq!(
        (plan.timesteps.as_slice(), plan.notices.len()),
        ([999.0, 500.0, 20.0].as_slice(), 0)
    );
}

#[rstest]
#[case(&[1.0, 2.0], &[], "sigmas: the list must fall")]
#[case(&[1.0, f64::NAN], &[], "sigmas: the list must fall")]
#[case(&[0.0], &[], "sigmas: the list must begin")]
#[case(&[], &[500.0, 500.0], "timesteps: the list must fall")]
#[case(&[], &[1000.0], "timesteps: 1000 is above the model's last, 999")]
#[case(&[1.0], &[1.0], "there are timesteps too")]
fn lists_that_are_none_say_why(#[case] sigmas: &[f64], #[case] timesteps: &[f64], #[case] says: &str) {
    let message = tuned(Tuning {
        sigmas: sigmas.to_vec(),
        timesteps: timesteps.to_vec(),
        ..Tuning::default()
    })
    .unwrap_err()
    .to_string();
    assert!(message.contains(says), "{message}");
}

/// A flow has no training timesteps to space, and nobody optimised σs for it.
#[rstest]
#[case(Schedule::Leading, "are not spaced")]
#[case(Schedule::Gits, "optimised for Stable Diffusion")]
#[case(Schedule::AlignYourSteps10, "optimised for Stable Diffusion")]
fn schedules_that_a_flow_has_not_say_why(#[case] schedule: Schedule, #[case] says: &str) {
    let message = plan_flow_on(3.0, 1000, Sampler::Euler, schedule, 4)
        .unwrap_err()
        .to_string();
    assert!(message.contains(says), "{message}");
}

/// What a sampler has no use for is named and changes nothing; what it takes is kept.
#[test]
fn options_that_a_sampler_has_not_are_named() {
    let config = SchedulerConfig::default();
    let plain = plan(&config, Sampler::Plms, Schedule::Auto, 5).unwrap();
    let all = Tuning {
        eta: Some(0.5),
        s_churn: Some(3.0),
        s_noise: Some(1.1),
        order: Some(2),
        lower_order_final: Some(false),
        thresholding: true,
        shift: Some(2.0),
        seed_delta: true,
        ..Tuning::default()
    };
    let told = plain.clone().tuned(&all).unwrap();
    let names: Vec<&str> = told.notices.iter().filter_map(|line| line.split(':').next()).collect();
    let expected =
        "eta|s_churn, s_tmin, s_tmax|s_noise|solver_order|lower_order_final|thresholding|eta_noise_seed_delta|shift";
    assert_eq!(names.join("|"), expected);
    assert_eq!(
        Plan {
            notices: vec![],
            source: plain.source.clone(),
            ..told
        },
        plain
    );
    let euler = plan(&config, Sampler::EulerAncestral, Schedule::Auto, 5).unwrap();
    let told = euler
        .tuned(&Tuning {
            eta: Some(0.5),
            ..Tuning::default()
        })
        .unwrap();
    assert_eq!((told.notices.len(), told.tuning.eta), (0, Some(0.5)));
}

/// A flow is shifted as asked; betas are rescaled as asked.
#[test]
fn a_models_noise_is_changed_as_asked() {
    let shifted = plan_flow(3.0, 1000, Sampler::Euler, 4).unwrap();
    let asked = plan_flow(1.0, 1000, Sampler::Euler, 4).unwrap();
    let asked = asked
        .tuned(&Tuning {
            shift: Some(3.0),
            zero_snr: true,
            ..Tuning::default()
        })
        .unwrap();
    assert_eq!(asked.sigmas, shifted.sigmas);
    assert!(asked.notices[0].starts_with("rescale_betas: "));
    let config = |rescale_betas_zero_snr| SchedulerConfig {
        beta_start: Some(0.00085),
        beta_end: Some(0.012),
        beta_schedule: Some(BetaSchedule::ScaledLinear),
        rescale_betas_zero_snr,
        ..SchedulerConfig::default()
    };
    let of_model = plan(&config(Some(true)), Sampler::Euler, Schedule::Auto, 4).unwrap();
    let plain = plan(&config(None), Sampler::Euler, Schedule::Auto, 4).unwrap();
    let asked = plain
        .tuned(&Tuning {
            zero_snr: true,
            ..Tuning::default()
        })
        .unwrap();
    assert_eq!(asked.sigmas, of_model.sigmas);
}
