//! The model inside the program (`assets/emoji`), its tokenizer and each component beside what `tests/oracle/emoji.py` computed
//! with it, in f32 and in half precision. It is built only with the feature `embedded-model`. Random weights and other
//! configurations are in `tests.rs`; whole pictures are in the crate's `tests/pipeline.rs`.

use std::borrow::Cow;

use darkroom_formats::folder::Files;
use darkroom_protocol::ModelSource;
use rstest::rstest;
use tch::{Kind, Tensor};

use super::*;
use crate::Cancel;
use crate::families::fixture::{Fixture, assert_close};
use crate::model::{Cond, Extras};
use crate::text::Select;
use crate::text::clip::{ClipTextConfig, ClipTextModel};
use crate::text::{Encoder, Tokenizer};
use crate::torch::Device;
use crate::weights::{Source, Weights};

fn emoji() -> Source {
    Source::open(&ModelSource::Embedded("emoji".to_owned())).unwrap()
}

fn config(component: &str) -> Vec<u8> {
    emoji().read(&format!("{component}/config.json"), 1 << 20).unwrap()
}

fn weights(component: &str, file: &str, kind: Kind) -> Weights {
    let files = [format!("{component}/{file}.safetensors")];
    Weights::open(component, &emoji(), &files, Device::Cpu, Some(kind), Cancel::new()).unwrap()
}

fn clip(kind: Kind) -> ClipTextModel {
    let config = ClipTextConfig::from_json(&config("text_encoder")).unwrap();
    ClipTextModel::new(&weights("text_encoder", "model", kind), &config).unwrap()
}

fn unet(kind: Kind) -> UNet2DConditionModel {
    let config = UNetConfig::from_json(&config("unet")).unwrap();
    UNet2DConditionModel::new(&weights("unet", "diffusion_pytorch_model", kind), &config).unwrap()
}

fn vae(kind: Kind) -> AutoencoderKl {
    let config = VaeConfig::from_json(&config("vae")).unwrap();
    AutoencoderKl::new(&weights("vae", "diffusion_pytorch_model", kind), &config).unwrap()
}

/// Three levels, no attention in the autoencoder, weights in f16: nothing but its JSON says so.
#[test]
fn the_embedded_model_is_a_model_like_any() {
    let (fixture, cancel) = (Fixture::open("sd15-emoji"), Cancel::new());
    let source = emoji();
    let read = |name: &str| {
        let name = format!("tokenizer/{name}");
        Ok(match source.len(&name)? {
            Some(_) => Some(Cow::Owned(source.read(&name, 1 << 25)?)),
            None => None,
        })
    };
    let tokenizer = Tokenizer::open(read, Encoder::CLIP);
    let ids = tokenizer.unwrap().chunk("red apple").unwrap().ids;
    assert_eq!(
        ids,
        Vec::<i64>::try_from(fixture.expected("ids").flatten(0, 1)).unwrap()
    );

    let prompt = clip(Kind::Float)
        .forward(&fixture.expected("ids"), Select::default(), &cancel)
        .unwrap()
        .hidden_states;
    assert_close(&prompt, &fixture.expected("prompt"), 1e-4);
    let output = unet(Kind::Float)
        .forward(
            &fixture.expected("latents"),
            981.0,
            &Cond::of(prompt),
            &Extras::default(),
            &cancel,
        )
        .unwrap();
    assert_close(&output, &fixture.expected("unet"), 1e-4);

    let vae = vae(Kind::Float);
    assert_eq!(vae.config().factor(), 4);
    let decoded = vae.decode(&vae.unscale(&fixture.expected("latents")), &cancel).unwrap();
    assert_close(&decoded, &fixture.expected("decoded"), 1e-4);
    let (mean, _) = vae.encode(&decoded.clamp(-1.0, 1.0), &cancel).unwrap();
    assert_close(&mean, &fixture.expected("mean"), 1e-4);
}

/// Models take f32 inputs whatever their own kind is, and answer in their own.
#[rstest]
fn half_precision_points_the_same_way(#[values(Kind::BFloat16, Kind::Half)] kind: Kind) {
    let (fixture, cancel) = (Fixture::open("sd15-emoji"), Cancel::new());
    let prompt = clip(kind)
        .forward(&fixture.expected("ids"), Select::default(), &cancel)
        .unwrap()
        .hidden_states;
    let output = unet(kind)
        .forward(
            &fixture.expected("latents"),
            981.0,
            &Cond::of(fixture.expected("prompt")),
            &Extras::default(),
            &cancel,
        )
        .unwrap();
    let vae = vae(kind);
    let decoded = vae.decode(&vae.unscale(&fixture.expected("latents")), &cancel).unwrap();
    for (found, name) in [(prompt, "prompt"), (output, "unet"), (decoded, "decoded")] {
        assert_eq!(found.kind(), kind, "{name}");
        let flat = |t: &Tensor| t.to_kind(Kind::Double).flatten(0, -1);
        let (found, expected) = (flat(&found), flat(&fixture.expected(name)));
        let similarity = Tensor::cosine_similarity(&found, &expected, 0, 1e-8).double_value(&[]);
        assert!(similarity > 0.999, "{name}: {similarity}");
    }
}
