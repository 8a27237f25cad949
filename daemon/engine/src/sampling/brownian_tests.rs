//! What tests/oracle/brownian.py had torchsde and k-diffusion compute: the tree's increments, unit noise, and the ends of trajectories
//! whose noise they are.

use darkroom_protocol::{Sampler, Schedule};
use rstest::rstest;
use serde::Deserialize;
use tch::{Kind, Tensor};

use super::brownian::BrownianTree;
use super::draft::Source;
use super::noising::Noising;
use super::plan::Settings;
use super::{Guided, NoiseStream, Plan, Tuning, sample};

#[derive(Debug, Deserialize)]
pub(super) struct Words {
    pub entropy: u64,
    pub spawn_key: Vec<u64>,
    pub words: [u32; 4],
}

#[derive(Deserialize)]
struct Tree {
    entropy: u64,
    ways: Vec<Way>,
}

#[derive(Deserialize)]
struct Way {
    a: f64,
    b: f64,
    #[serde(alias = "noise")]
    increment: Vec<f64>,
}

#[derive(Deserialize)]
struct End {
    sampler: String,
    sigmas: Vec<f64>,
    end: Vec<f64>,
}

#[derive(Deserialize)]
pub(super) struct Values {
    low: f64,
    high: f64,
    shape: Vec<i64>,
    pub words: Vec<Words>,
    trees: Vec<Tree>,
    units: Vec<Way>,
    ends: Vec<End>,
}

pub(super) fn values() -> Values {
    serde_json::from_str(include_str!("../../tests/fixtures/brownian/values.json")).unwrap()
}

fn assert_near(got: &Tensor, expected: &[f64], bound: f64) {
    let got = Vec::<f64>::try_from(got.reshape([-1]).to_kind(Kind::Double)).unwrap();
    assert_eq!(got.len(), expected.len());
    let furthest = got.iter().zip(expected).map(|(g, e)| (g - e).abs()).fold(0.0, f64::max);
    assert!(furthest <= bound, "{furthest} apart: {got:?}, not {expected:?}");
}

#[test]
fn increments_are_torchsdes() {
    let values = values();
    for tree in &values.trees {
        let mut one = BrownianTree::new(tree.entropy, values.low, values.high, &values.shape).unwrap();
        for way in &tree.ways {
            assert_near(&one.increment(way.a, way.b).unwrap(), &way.increment, 1e-6);
        }
        // Asked once more the other way round, and each of a tree that was asked nothing before.
        for way in tree.ways.iter().rev() {
            let mut other = BrownianTree::new(tree.entropy, values.low, values.high, &values.shape).unwrap();
            let again = one.increment(way.a, way.b).unwrap();
            assert!(again.equal(&other.increment(way.a, way.b).unwrap()));
        }
    }
}

/// A plan over those σs, whose timesteps are they.
fn plan(sampler: Sampler, sigmas: &[f64], settings: Settings) -> Plan {
    Plan {
        sampler,
        schedule: Schedule::Auto,
        timesteps: sigmas[..sigmas.len() - 1].to_vec(),
        sigmas: sigmas.to_vec(),
        notices: Vec::new(),
        noising: Noising::Edm {
            data: 1.0,
            velocity: false,
        },
        settings,
        start: 0,
        init_scale: sigmas[0],
        tuning: Tuning::default(),
        thresholding: None,
        source: Source::Flow {
            shift: 1.0,
            train: 1,
            even: false,
        },
        asked: Schedule::Auto,
    }
}

#[test]
fn unit_noise_is_that_of_k_diffusion() {
    let values = values();
    let plan = plan(Sampler::DpmPpSde, &[values.high, values.low, 0.0], Settings::None);
    let mut stream = NoiseStream::new(7, 2, &values.shape).unwrap().along(&plan).unwrap();
    for way in &values.units {
        assert_near(&stream.between(way.a, way.b).unwrap(), &way.increment, 1e-5);
    }
}

/// Pictures 0 and 1 of a batch with seed 7, and a network that is silent, for which the clean sample is x / (1 + σ²).
#[test]
fn trajectories_are_those_of_k_diffusion() {
    let values = values();
    let shape: Vec<i64> = [2].iter().chain(&values.shape).copied().collect();
    let wave = (Tensor::arange(48, (Kind::Float, tch::Device::Cpu)) * 1.7)
        .sin()
        .reshape(shape);
    for end in &values.ends {
        let (sampler, settings) = match end.sampler.as_str() {
            "sample_dpmpp_sde" => (Sampler::DpmPpSde, Settings::None),
            _ => {
                let settings = Settings::DpmPp2m {
                    order: 2,
                    heun: false,
                    single_at_end: true,
                    double_before: false,
                };
                (Sampler::DpmPp2mSde, settings)
            }
        };
        let plan = plan(sampler, &end.sigmas, settings);
        let mut stream = NoiseStream::new(7, 2, &values.shape).unwrap().along(&plan).unwrap();
        let mut network = |x: &Tensor, _| Ok(Guided::alone(x.zeros_like()));
        let mut noise = |from, to| stream.between(from, to);
        let last = sample(&plan, plan.initial(&wave), &mut network, &mut noise, &mut |_| Ok(())).unwrap();
        assert_near(&last, &end.end, 1e-5);
    }
}

/// Python's round takes a tie to the even digit.
#[rstest]
#[case(0.0078125, 0.007812)]
#[case(14.614641, 14.614641)]
#[case(7.321_904_25, 7.321904)]
fn times_are_rounded_as_python_does(#[case] t: f64, #[case] expected: f64) {
    assert_eq!(super::brownian::rounded(t), expected);
}

#[test]
fn where_there_is_no_way_there_is_no_noise() {
    let mut tree = BrownianTree::new(1, 0.1, 2.0, &[4, 4]).unwrap();
    for (from, to) in [(0.5, 0.5), (3.0, 4.0), (0.1, 0.1)] {
        assert_eq!(tree.noise(from, to).unwrap().abs().max().double_value(&[]), 0.0);
    }
}
