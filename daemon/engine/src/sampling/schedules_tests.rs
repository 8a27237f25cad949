//! The rows of `schedules` beside values of k-diffusion and diffusers, over the three ways in which noise mixes. What a whole plan
//! makes of them, class by class, is `oracle`'s.

use darkroom_protocol::Schedule;
use darkroom_protocol::sampler::Named as _;
use rstest::rstest;

use super::classes::{K_DIFFUSION, SOLVER};
use super::noising::Noising;
use super::schedules::{Ends, Laid, Layout, exponential, karras, row};
use super::table::NoiseTable;
use super::{BetaSchedule, Prediction, SchedulerConfig};

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
