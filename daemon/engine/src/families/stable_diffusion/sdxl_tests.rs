//! What the parts of Stable Diffusion 2, SDXL, its refiner and its kin ask of their files, beside the lists of their published
//! tensors (`tests/oracle/unet_keys.py`, `text_keys.py`), and what an SDXL UNet refuses. Numbers are compared with diffusers' in
//! `tests/families.rs`, names in single files in `keys.rs` and `tests/single_file.rs`.

use darkroom_formats::schema::Fields;
use rstest::rstest;
use tch::{Kind, Tensor};

use super::unet::TIME_IDS;
use super::*;
use crate::families::fixture::{Fixture, asked, assert_close};
use crate::model::{Cond, Extras};
use crate::text::clip::{ClipTextConfig, ClipTextModel};
use crate::weights::Weights;
use crate::{Cancel, Error};

#[rstest]
fn a_unet_asks_for_the_published_keys(
    #[values(
        "sd2-keys",
        "sdxl-keys",
        "sdxl-refiner-keys",
        "ssd1b-keys",
        "vega-keys",
        "koala-1b-keys",
        "koala-700m-keys"
    )]
    model: &str,
) {
    let published = Fixture::open(model);
    let config = UNetConfig::from_json(&published.json("unet")).unwrap();
    let found = asked("unet", |w| UNet2DConditionModel::new(w, &config));
    assert!(found == published.key_list("unet"), "{model}");
}

#[rstest]
#[case("sd2-keys", "text_encoder", false)]
#[case("sdxl-keys", "text_encoder_2", true)]
fn a_text_encoder_asks_for_the_published_keys(#[case] model: &str, #[case] part: &str, #[case] projects: bool) {
    let published = Fixture::open(model);
    let map: serde_json::Map<_, _> = serde_json::from_slice(&published.json(part)).unwrap();
    let fields = Fields::new(part, &map);
    let config = match projects {
        true => ClipTextConfig::read_projected(fields),
        false => ClipTextConfig::read(fields),
    };
    let config = config.unwrap();
    let found = asked(part, |w| ClipTextModel::new(w, &config));
    assert!(found == published.key_list(part), "{model}");
}

/// SDXL's smallest: one level, told 6 numbers of 4 sinusoids and a state of 8.
fn small() -> UNet2DConditionModel {
    let json = br#"{"block_out_channels": [8], "layers_per_block": 1, "attention_head_dim": 2, "cross_attention_dim": 6,
        "norm_num_groups": 4, "down_block_types": ["CrossAttnDownBlock2D"], "up_block_types": ["CrossAttnUpBlock2D"],
        "addition_embed_type": "text_time", "addition_time_embed_dim": 4, "projection_class_embeddings_input_dim": 32}"#;
    UNet2DConditionModel::new(&Weights::random("unet"), &UNetConfig::from_json(json).unwrap()).unwrap()
}

fn cond(rows: i64, pooled: i64) -> Cond {
    let numbers = |size: &[i64]| {
        let count: i64 = size.iter().product();
        Tensor::arange(count, (Kind::Float, tch::Device::Cpu)).reshape(size) * 0.01
    };
    let mut cond = Cond::of(numbers(&[rows, 3, 6]));
    cond.pooled = Some(numbers(&[rows, pooled]));
    cond.extras.insert(TIME_IDS, numbers(&[rows, 6]) * 1e4);
    cond
}

fn run(x: &Tensor, cond: &Cond) -> crate::Result<Tensor> {
    small().forward(x, 500.0, cond, &Extras::default(), &Cancel::new())
}

/// Two pictures in one pass may have been told different things: each is what it is alone.
#[test]
fn what_is_told_counts_for_each_picture() {
    let x = Tensor::arange(2 * 4 * 16, (Kind::Float, tch::Device::Cpu))
        .reshape([2, 4, 4, 4])
        .sin();
    let both = cond(2, 8);
    let found = run(&x, &both).unwrap();
    let row = |tensor: &Tensor, at: i64| tensor.narrow(0, at, 1);
    let mut alone = Vec::new();
    for at in 0..2 {
        let mut one = Cond::of(row(&both.tokens, at));
        one.pooled = both.pooled.as_ref().map(|pooled| row(pooled, at));
        one.extras.insert(TIME_IDS, row(&both.extras[TIME_IDS], at));
        alone.push(run(&row(&x, at), &one).unwrap());
        assert_close(&row(&found, at), &alone[at as usize], 1e-5);
    }
    let mut other = both.for_batch(2);
    other.extras.insert(TIME_IDS, &both.extras[TIME_IDS] + 100.0);
    assert!((run(&x, &other).unwrap() - found).abs().max().double_value(&[]) > 1e-3);
}

#[test]
fn what_it_is_not_told_or_told_otherwise_is_refused() {
    let x = Tensor::zeros([1, 4, 4, 4], (Kind::Float, tch::Device::Cpu));
    let error = run(&x, &cond(1, 9)).unwrap_err().to_string();
    assert!(error.contains("projection_class_embeddings_input_dim"), "{error}");
    let untold = Cond::of(cond(1, 8).tokens);
    assert!(matches!(run(&x, &untold), Err(Error::Defect)));
}
