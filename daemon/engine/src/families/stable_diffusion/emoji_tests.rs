use std::borrow::Cow;

use darkroom_formats::folder::Files;
use darkroom_protocol::ModelSource;
use tch::Kind;

use super::*;
use crate::Cancel;
use crate::families::fixture::{Fixture, assert_close};
use crate::text::Tokenizer;
use crate::text::clip::{ClipSelect, ClipTextConfig, ClipTextModel};
use crate::torch::Device;
use crate::weights::{Source, Weights};

fn emoji() -> Source {
    Source::open(&ModelSource::Embedded("emoji".to_owned())).unwrap()
}

fn config(component: &str) -> Vec<u8> {
    emoji().read(&format!("{component}/config.json"), 1 << 20).unwrap()
}

fn weights(component: &str, file: &str) -> Weights {
    let files = [format!("{component}/{file}.safetensors")];
    Weights::open(
        component,
        &emoji(),
        &files,
        Device::Cpu,
        Some(Kind::Float),
        Cancel::new(),
    )
    .unwrap()
}

/// Three levels, no attention in the autoencoder, weights in f16: nothing but its JSON says so.
#[test]
fn the_embedded_model_is_a_model_like_any() {
    let (fixture, cancel) = (Fixture::open("sd15-emoji"), Cancel::new());
    let source = emoji();
    let tokenizer = Tokenizer::open(|name| {
        let name = format!("tokenizer/{name}");
        Ok(match source.len(&name)? {
            Some(_) => Some(Cow::Owned(source.read(&name, 1 << 25)?)),
            None => None,
        })
    });
    let ids = tokenizer.unwrap().chunk77("red apple").unwrap().ids;
    assert_eq!(
        ids,
        Vec::<i64>::try_from(fixture.expected("ids").flatten(0, 1)).unwrap()
    );

    let clip = ClipTextConfig::from_json(&config("text_encoder")).unwrap();
    let clip = ClipTextModel::new(&weights("text_encoder", "model"), &clip).unwrap();
    let prompt = clip
        .forward(&fixture.expected("ids"), ClipSelect::default(), &cancel)
        .unwrap()
        .hidden_states;
    assert_close(&prompt, &fixture.expected("prompt"), 1e-4);

    let unet = UNetConfig::from_json(&config("unet")).unwrap();
    let unet = UNet2DConditionModel::new(&weights("unet", "diffusion_pytorch_model"), &unet).unwrap();
    let output = unet
        .forward(&fixture.expected("latents"), 981.0, &prompt, &cancel)
        .unwrap();
    assert_close(&output, &fixture.expected("unet"), 1e-4);

    let vae = VaeConfig::from_json(&config("vae")).unwrap();
    assert_eq!(vae.factor(), 4);
    let vae = AutoencoderKl::new(&weights("vae", "diffusion_pytorch_model"), &vae).unwrap();
    let decoded = vae.decode(&vae.unscale(&fixture.expected("latents")), &cancel).unwrap();
    assert_close(&decoded, &fixture.expected("decoded"), 1e-4);
    let (mean, _) = vae.encode(&decoded.clamp(-1.0, 1.0), &cancel).unwrap();
    assert_close(&mean, &fixture.expected("mean"), 1e-4);
}
