//! FreeU, token merging and DeepCache against the implementations that define them: `tests/oracle/shortcuts.py` made the expected
//! outputs with the tiny UNet of fixtures/pipeline, whose prompts are noise.

use std::path::PathBuf;

use darkroom_protocol::task::{self, Compute};
use darkroom_protocol::{Sampler, Schedule};
use rstest::rstest;
use tch::Tensor;

use super::deep_cache::DeepCache;
use crate::Cancel;
use crate::families::stable_diffusion::{UNet2DConditionModel, UNetConfig};
use crate::guidance::{self, Moment, Passes};
use crate::model::{Cond, Extras, FreeU, Guide, Recall};
use crate::sampling::{SchedulerConfig, plan, sample};
use crate::torch::Generator;
use crate::weights::Weights;

fn file(name: &str) -> Vec<u8> {
    std::fs::read(fixture().join(name)).unwrap()
}

fn fixture() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pipeline")
}

fn unet() -> UNet2DConditionModel {
    let config = UNetConfig::from_json(&file("unet/config.json")).unwrap();
    UNet2DConditionModel::new(&Weights::random("unet"), &config).unwrap()
}

fn noise(seed: u64, shape: &[i64]) -> Tensor {
    Generator::seeded(seed).unwrap().randn(shape).unwrap()
}

fn prompt(seed: u64) -> Cond {
    Cond::of(noise(seed, &[1, 77, 32]))
}

/// By how much `found` differs from what is called `name`.
#[expect(clippy::disallowed_methods, reason = "tests read whole files at once")]
fn off(found: &Tensor, name: &str) -> f64 {
    let all = Tensor::read_safetensors(fixture().join("shortcuts.safetensors")).unwrap();
    let (_, expected) = all.iter().find(|(key, _)| key == name).unwrap();
    (found - expected).abs().max().double_value(&[])
}

/// What the UNet says of two prompts at timestep 501.
fn said(height: i64, width: i64, extras: &Extras) -> Tensor {
    let latents = noise(5, &[1, 4, height, width]).repeat([2, 1, 1, 1]);
    let prompts = Cond::cat(&[&prompt(12), &prompt(11)]).unwrap();
    unet()
        .forward(&latents, 501.0, &prompts, extras, &Cancel::new())
        .unwrap()
}

#[rstest]
#[case(0, (32, 24), [0.9, 0.2, 1.5, 1.6])]
#[case(1, (20, 28), [0.6, 0.4, 1.1, 1.2])]
#[case(2, (8, 8), [1.0, 1.5, 1.0, 0.8])]
fn free_u_is_that_of_diffusers(#[case] n: usize, #[case] (height, width): (i64, i64), #[case] numbers: [f64; 4]) {
    let [s1, s2, b1, b2] = numbers;
    let asked = task::Guidance {
        freeu_b1: b1,
        freeu_b2: b2,
        freeu_s1: s1,
        freeu_s2: s2,
        ..task::Guidance::default()
    };
    let free_u = FreeU::asked(&asked);
    assert_eq!(free_u, Some(FreeU { b1, b2, s1, s2 }));
    let extras = Extras {
        free_u,
        ..Extras::default()
    };
    let off = off(&said(height, width, &extras), &format!("freeu.{n}"));
    println!("freeu {n}: differs by {off}");
    assert!(off < 5e-5, "differs by {off}");
}

#[rstest]
#[case(0, (32, 24), 0.5)]
#[case(1, (18, 13), 0.3)]
#[case(2, (16, 16), 0.75)]
#[case(3, (9, 9), 1.0)]
fn token_merging_is_that_of_tomesd(#[case] n: usize, #[case] (height, width): (i64, i64), #[case] merging: f64) {
    let extras = Extras {
        merging,
        ..Extras::default()
    };
    let off = off(&said(height, width, &extras), &format!("merging.{n}"));
    println!("merging {n}: differs by {off}");
    assert!(off < 5e-5, "differs by {off}");
}

/// What is not asked for changes no bit.
#[test]
fn numbers_that_ask_for_nothing_change_nothing() {
    assert_eq!(FreeU::asked(&task::Guidance::default()), None);
    let plain = said(12, 10, &Extras::default());
    let recall = Extras {
        recall: Some(Recall::at(0).computing(true)),
        ..Extras::default()
    };
    assert!(said(12, 10, &recall).equal(&plain));
}

#[test]
fn an_inside_beyond_the_model_is_refused_with_the_most() {
    let extras = Extras {
        recall: Some(Recall::at(8)),
        ..Extras::default()
    };
    let (latents, prompts) = (noise(5, &[1, 4, 8, 8]), prompt(11));
    let refused = unet().forward(&latents, 501.0, &prompts, &extras, &Cancel::new());
    assert!(refused.unwrap_err().to_string().contains("at most 7"));
}

/// Its branch 3 is our 2: a level of this UNet leaves two states, and DeepCache counts three.
#[rstest]
#[case(0, 2, 0)]
#[case(1, 3, 0)]
#[case(2, 3, 1)]
#[case(3, 2, 2)]
fn deep_cache_is_that_of_its_package(
    #[case] n: usize,
    #[case] interval: u32,
    #[case] branch: u32,
    #[values(Passes::One, Passes::Two)] passes: Passes,
) {
    let scheduler = SchedulerConfig::from_json(&file("scheduler/scheduler_config.json")).unwrap();
    let plan = plan(&scheduler, Sampler::Euler, Schedule::Auto, 7).unwrap();
    let (unet, guide) = (unet(), Guide::of(prompt(11), Some(prompt(12))));
    let cache = DeepCache::asked(&Compute {
        deep_cache: interval,
        deep_cache_branch: branch,
        ..Compute::default()
    })
    .unwrap();
    let asked = task::Guidance {
        cfg_scale: 5.0,
        ..task::Guidance::default()
    };
    let moment = Moment::default();
    let guidance = guidance::asked(&asked, passes, plan.steps(), &moment);
    let mut model = |x: &Tensor, t: f64| {
        cache.look();
        let mut predict = |x: &Tensor, cond: &Cond| {
            let extras = Extras {
                recall: Some(cache.next(moment.guided.get())),
                ..Extras::default()
            };
            unet.forward(x, t, cond, &extras, &Cancel::new())
        };
        guidance.predict(x, &guide, &mut predict)
    };
    let initial = plan.initial(&noise(5, &[1, 4, 32, 24]));
    let mut none = |_, _| Err(crate::Error::Defect);
    let found = sample(&plan, initial, &mut model, &mut none, &mut |done| {
        moment.step.set(done.index + 1);
        Ok(())
    });
    let off = off(&found.unwrap(), &format!("deep_cache.{n}"));
    println!("deep cache {n}: differs by {off}");
    assert!(off < 1e-3, "differs by {off}");
}
