//! The transformer of FLUX.1 and Chroma block by block beside diffusers' (`tests/oracle/flux.py`), and what it asks of its files beside
//! the lists of published tensors (`tests/oracle/flux_keys.py`). Whole pictures are in `tests/flux.rs`.

use darkroom_formats::schema::{Fields, Modulation};
use rstest::rstest;
use tch::Tensor;

use super::blocks::Shared;
use super::transformer::{self, GUIDANCE, PATCH};
use super::*;
use crate::families::fixture::{Fixture, asked, assert_close};
use crate::model::{Cond, Denoiser, Extras};
use crate::nn::{PatchOrder, from_patches};
use crate::torch::Device;
use crate::weights::Weights;
use crate::{Cancel, Error};

fn config(fixture: &Fixture, model: &str) -> FluxConfig {
    let json = fixture.json("transformer/config");
    match model {
        "chroma" => FluxConfig::chroma_from_json(&json).unwrap(),
        _ => FluxConfig::from_json(&json).unwrap(),
    }
}

/// What the first call was told, in diffusers.
fn told(fixture: &Fixture, model: &str) -> Cond {
    let mut cond = Cond::of(fixture.expected("in.encoder_hidden_states"));
    if model == "dev" {
        cond.pooled = Some(fixture.expected("in.pooled_projections"));
        cond.extras
            .insert(GUIDANCE, transformer::told(3.5, Device::Cpu).unwrap());
    }
    cond
}

#[rstest]
fn every_block_is_that_of_diffusers(#[values("dev", "chroma")] model: &str) {
    let fixture = Fixture::open(&format!("flux/{model}"));
    let denoiser = FluxTransformer2DModel::new(&Weights::random("transformer"), &config(&fixture, model)).unwrap();
    let cond = told(&fixture, model);
    let told = denoiser.modulations(1000.0, &cond).unwrap();
    let tokens = fixture.expected("in.hidden_states");
    let words = cond.tokens.size()[1];
    let places = denoiser.places(words, &[[4, 6]]).unwrap();
    let shared = Shared {
        places: &places,
        mask: None,
    };
    let (mut img, mut txt) = denoiser.embedded(&tokens, &cond.tokens);
    let (double, single) = denoiser.blocks();
    let check = |at: String, img: &Tensor, txt: &Tensor| {
        assert_close(img, &fixture.expected(&format!("{at}.img")), 1e-4);
        if model == "dev" {
            assert_close(
                &txt.slice(1, 0, None, 64),
                &fixture.expected(&format!("{at}.txt")),
                1e-4,
            );
        }
    };
    for (i, block) in double.iter().enumerate() {
        (img, txt) = block.forward((&img, &txt), &told.double[i], shared);
        check(format!("double.{i}"), &img, &txt);
    }
    let mut states = Tensor::cat(&[txt, img], 1);
    for (i, block) in single.iter().enumerate() {
        states = block.forward(&states, &told.single[i], shared);
        let (txt, img) = (states.narrow(1, 0, words), states.narrow(1, words, 24));
        check(format!("single.{i}"), &img, &txt);
    }
    let end = denoiser.end(&states.narrow(1, words, 24), &told.ends);
    assert_close(&end, &fixture.expected("out"), 1e-4);
}

fn latents(fixture: &Fixture, key: &str) -> Tensor {
    from_patches(&fixture.expected(key), [8, 12], PATCH, PatchOrder::ChannelsFirst)
}

#[rstest]
fn a_pass_is_its_blocks_and_prompts_of_unlike_length_do_not_disturb_each_other(#[values("dev", "chroma")] model: &str) {
    let fixture = Fixture::open(&format!("flux/{model}"));
    let denoiser = FluxTransformer2DModel::new(&Weights::random("transformer"), &config(&fixture, model)).unwrap();
    let (x, cond) = (latents(&fixture, "in.hidden_states"), told(&fixture, model));
    let run = |x: &Tensor, cond: &Cond| denoiser.forward(x, 1000.0, cond, &Extras::default(), &Cancel::new());
    let found = run(&x, &cond).unwrap();
    assert_close(&found, &latents(&fixture, "out"), 1e-4);
    let mut short = cond.share();
    short.tokens = short.tokens.narrow(1, 0, 5);
    let both = Cond::cat(&[&cond, &short]).unwrap();
    let pair = run(&Tensor::cat(&[&x, &x], 0), &both).unwrap();
    assert_close(&pair.narrow(0, 0, 1), &found, 1e-5);
    assert_close(&pair.narrow(0, 1, 1), &run(&x, &short).unwrap(), 1e-5);
}

#[rstest]
#[case("flux-dev", Modulation::Own { pooled_projection_dim: 768, guidance_embeds: true })]
#[case("flux-schnell", Modulation::Own { pooled_projection_dim: 768, guidance_embeds: false })]
#[case("chroma", Modulation::Approximator { channels: 64, hidden_dim: 5120, layers: 5 })]
fn the_published_tensors_are_asked_for(#[case] model: &str, #[case] modulation: Modulation) {
    let config = FluxConfig {
        modulation,
        ..FluxConfig::from_json(b"{}").unwrap()
    };
    let found = asked("transformer", |w| FluxTransformer2DModel::new(w, &config));
    assert!(found == Fixture::open("flux").key_list(model), "{model}");
}

#[rstest]
#[case::channels(r#"{"in_channels": 0}"#, "in_channels")]
#[case::patch(r#"{"patch_size": 2}"#, "patch_size")]
#[case::axes(r#"{"axes_dims_rope": [16, 56, 58]}"#, "axes_dims_rope")]
#[case::odd(r#"{"axes_dims_rope": [15, 57, 56]}"#, "axes_dims_rope")]
#[case::two(r#"{"axes_dims_rope": [64, 64]}"#, "axes_dims_rope")]
fn other_transformers_are_refused(#[case] json: &str, #[case] what: &str) {
    let message = FluxConfig::from_json(json.as_bytes()).unwrap_err().to_string();
    assert!(message.contains(what), "{message}");
}

#[test]
fn an_early_chroma_says_a_fourth_of_its_channels() {
    let channels = |json: &str| match FluxConfig::chroma_from_json(json.as_bytes()).unwrap().modulation {
        Modulation::Approximator { channels, .. } => channels,
        Modulation::Own { .. } => 0,
    };
    assert_eq!(channels(r#"{"approximator_in_factor": 16}"#), 64);
    assert_eq!(channels(r#"{"approximator_num_channels": 32}"#), 32);
    let map = serde_json::from_str(r#"{"approximator_num_channels": 30}"#).unwrap();
    assert!(FluxConfig::read_chroma(Fields::new("t", &map)).is_err());
}

#[test]
fn what_a_token_is_made_of_must_be_there() {
    let fixture = Fixture::open("flux/fill");
    let config = config(&fixture, "fill");
    let denoiser = FluxTransformer2DModel::new(&Weights::recorder("transformer"), &config).unwrap();
    let x = Tensor::zeros([1, 16, 4, 4], (tch::Kind::Float, tch::Device::Cpu));
    let cond = Cond::of(Tensor::zeros([1, 3, 96], (tch::Kind::Float, tch::Device::Cpu)));
    let result = denoiser.forward(&x, 1.0, &cond, &Extras::default(), &Cancel::new());
    assert!(matches!(result, Err(Error::Config { field, .. }) if field == "in_channels"));
}
