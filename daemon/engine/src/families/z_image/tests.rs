//! The transformer block by block beside diffusers' on a tiny model (`tests/oracle/z_image.py`), its tensors and names beside the published
//! ones, the template beside transformers'. Whole pictures are compared in `tests/z_image.rs`.

use darkroom_protocol::Quant;
use rstest::rstest;
use tch::Tensor;

use super::family::templated;
use super::*;
use crate::families::autoencoder_kl::{AutoencoderKl, VaeConfig};
use crate::families::fixture::{Fixture, asked, assert_close};
use crate::model::{Cond, Denoiser, Extras, Residuals};
use crate::text::language::LanguageTokenizer;
use crate::text::language::tests::prompts;
use crate::weights::{Rows, Weights};
use crate::{Cancel, Error};

fn config() -> ZImageConfig {
    ZImageConfig::from_json(&Fixture::open("z-image").json("transformer")).unwrap()
}

fn model() -> ZImageTransformer2DModel {
    ZImageTransformer2DModel::new(&Weights::random("transformer"), &config()).unwrap()
}

fn cond(of: &[&str]) -> Cond {
    let fixture = Fixture::open("z-image");
    let each: Vec<Cond> = of
        .iter()
        .map(|name| Cond::of(fixture.expected(name).unsqueeze(0)))
        .collect();
    Cond::cat(&each.iter().collect::<Vec<_>>()).unwrap()
}

/// What the model says, and diffusers without its sign: its pipelines turn that.
#[rstest]
#[case("8x12", 0.0)]
#[case("10x6", 0.3125)]
fn outputs_are_those_of_diffusers(#[case] size: &str, #[case] time: f64) {
    let (model, fixture, cancel) = (model(), Fixture::open("z-image"), Cancel::new());
    let x = fixture.expected(&format!("x.{size}"));
    let said = |x: &Tensor, cond: &Cond| {
        let timestep = (1.0 - time) * 1000.0;
        -model.forward(x, timestep, cond, &Extras::default(), &cancel).unwrap()
    };
    let expected = |name: &str| fixture.expected(&format!("out.{size}{name}"));
    assert_close(
        &said(&x.narrow(0, 0, 1), &cond(&["caption"])),
        &expected(".alone"),
        1e-4,
    );
    assert_close(&said(&x, &cond(&["caption"]).for_batch(2)), &expected(""), 1e-4);
    assert_close(&said(&x, &cond(&["caption", "other"])), &expected(".unlike"), 1e-4);
    let turned = said(&x.flip([0]), &cond(&["other", "caption"]));
    assert_close(&turned.flip([0]), &expected(".unlike"), 1e-4);
}

#[rstest]
#[case("8x12", 0.0)]
#[case("10x6", 0.3125)]
fn every_block_is_that_of_diffusers(#[case] size: &str, #[case] time: f64) {
    let (model, fixture) = (model(), Fixture::open("z-image"));
    let x = fixture.expected(&format!("x.{size}")).narrow(0, 0, 1);
    let mut seen = Vec::new();
    let caption = fixture.expected("caption").unsqueeze(0);
    let out = model
        .forward_equal(&x, time, &caption, &[37], &Cancel::new(), &mut |row, at, state| {
            let name = format!("{row}.{at}");
            assert_close(state, &fixture.expected(&format!("act.{size}.{name}")), 1e-4);
            seen.push(name);
        })
        .unwrap();
    assert_close(&out, &fixture.expected(&format!("out.{size}.alone")), 1e-4);
    let names = ["noise_refiner", "context_refiner", "layers"].map(|group| [0, 1].map(|i| format!("{group}.{i}")));
    assert_eq!(seen, names.concat());
}

/// Prompts that fill up to one length but differ in their own are computed together, and each is as if alone.
#[test]
fn a_shorter_prompt_of_one_filled_up_length_is_as_if_alone() {
    let (model, fixture, cancel) = (model(), Fixture::open("z-image"), Cancel::new());
    let x = fixture.expected("x.8x12");
    let caption = fixture.expected("caption").unsqueeze(0);
    let conds = [caption.narrow(1, 0, 20), caption.narrow(1, 5, 31)].map(Cond::of);
    let said = |x: &Tensor, cond: &Cond| model.forward(x, 400.0, cond, &Extras::default(), &cancel).unwrap();
    let both = said(&x, &Cond::cat(&[&conds[0], &conds[1]]).unwrap());
    for (row, cond) in (0..).zip(&conds) {
        assert_close(&both.narrow(0, row, 1), &said(&x.narrow(0, row, 1), cond), 1e-5);
    }
}

#[test]
fn eight_bits_are_near_and_leave_time_alone() {
    let (fixture, cancel) = (Fixture::open("z-image"), Cancel::new());
    let weights = Weights::random("transformer").quantised(Quant::Int8);
    let small = ZImageTransformer2DModel::new(&weights, &config()).unwrap();
    let (x, cond) = (fixture.expected("x.8x12").narrow(0, 0, 1), cond(&["caption"]));
    let found = -small.forward(&x, 1000.0, &cond, &Extras::default(), &cancel).unwrap();
    let expected = fixture.expected("out.8x12.alone");
    let error = ((found - &expected).norm() / expected.norm()).double_value(&[]);
    let possible = crate::torch::int8_possible(crate::torch::Device::Cpu);
    assert_eq!((error < 0.05, error > 1e-5), (true, possible), "{error}");
}

#[test]
fn latents_that_no_patch_divides_are_filled_up_and_cut() {
    let (model, cond, cancel) = (model(), cond(&["caption"]), Cancel::new());
    let x = Fixture::open("z-image").expected("x.8x12").narrow(0, 0, 1);
    let odd = x.narrow(2, 0, 7);
    let whole = Tensor::cat(&[&odd, &odd.narrow(2, 0, 1)], 2);
    let said = |x: &Tensor| model.forward(x, 500.0, &cond, &Extras::default(), &cancel).unwrap();
    assert_close(&said(&odd), &said(&whole).narrow(2, 0, 7), 1e-6);
}

#[test]
fn what_another_kind_of_model_takes_is_refused() {
    let (model, cancel) = (model(), Cancel::new());
    let x = Fixture::open("z-image").expected("x.8x12").narrow(0, 0, 1);
    let own = cond(&["caption"]);
    let refused = |x: &Tensor, cond: &Cond, extras: &Extras| {
        let error = model.forward(x, 500.0, cond, extras, &cancel).unwrap_err();
        assert!(matches!(error, Error::Config { .. }), "{error}");
    };
    let channels = Some(x.shallow_clone());
    refused(
        &x,
        &own,
        &Extras {
            channels,
            ..Extras::default()
        },
    );
    let residuals = Some(Residuals {
        down: Vec::new(),
        mid: x.shallow_clone(),
    });
    refused(
        &x,
        &own,
        &Extras {
            residuals,
            ..Extras::default()
        },
    );
    refused(&x.narrow(1, 0, 4), &own, &Extras::default());
    refused(&x, &Cond::of(own.tokens.narrow(2, 0, 8)), &Extras::default());
    cancel.raise();
    let cancelled = model.forward(&x, 500.0, &own, &Extras::default(), &cancel);
    assert!(matches!(cancelled, Err(Error::Cancelled)));
}

#[test]
fn the_autoencoder_is_that_of_diffusers() {
    let fixture = Fixture::open("z-image");
    let config = VaeConfig::from_json(&fixture.json("vae")).unwrap();
    let vae = AutoencoderKl::new(&Weights::random("vae"), &config).unwrap();
    let found = vae
        .decode(&vae.unscale(&fixture.expected("0.latents")), &Cancel::new())
        .unwrap();
    let found = (found * 0.5 + 0.5).clamp(0.0, 1.0).permute([0, 2, 3, 1]);
    assert_close(&found, &fixture.expected("0.picture"), 1e-4);
}

#[test]
fn it_asks_for_the_tensors_of_the_published_model() {
    let keys = Fixture::open("z-image-keys");
    let published = ZImageConfig::from_json(b"{}").unwrap();
    let found = asked("transformer", |weights| {
        ZImageTransformer2DModel::new(weights, &published)
    });
    assert_eq!(found, keys.key_list("transformer"));
    let vae = VaeConfig::from_json(include_bytes!(
        "../../../../../protocol/formats/src/family/z_image/vae.json"
    ))
    .unwrap();
    let found = asked("vae", |weights| AutoencoderKl::new(weights, &vae));
    assert_eq!(found, keys.key_list("vae"));
}

/// Every tensor of a file under the original names is one of the layers' or three, each of them once and with its shape, and each name
/// leads back.
#[rstest]
#[case("transformer")]
#[case("vae")]
fn every_key_of_a_checkpoint_has_its_published_name(#[case] component: &str) {
    let keys = Fixture::open("z-image-keys");
    let mut found = Vec::new();
    for line in keys.key_list(&format!("{component}-original")).lines() {
        let (key, shape) = line.split_once(' ').unwrap();
        let shape: Vec<u64> = shape.split(',').map(|n| n.parse().unwrap()).collect();
        let pieces = super::keys::spell(component, key);
        assert!(!pieces.is_empty(), "{key}");
        for piece in pieces {
            let mut own = shape.clone();
            let rows = piece.rows.of(shape[0]).unwrap();
            own[0] = rows.end - rows.start;
            assert_eq!(piece.rows == Rows::All, own == shape, "{key}");
            // The original code has 1×1 convolutions where diffusers has linear layers.
            if own.len() == 4 && own[2..] == [1, 1] && piece.name.contains(".attentions.") {
                own.truncate(2);
            }
            let own: Vec<String> = own.iter().map(u64::to_string).collect();
            assert_eq!(super::keys::spelling(component, &piece.name).as_deref(), Some(key));
            found.push(format!("{} {}\n", piece.name, own.join(",")));
        }
    }
    found.sort();
    assert_eq!(found.concat(), keys.key_list(component));
}

#[test]
fn heads_that_say_words_are_not_read() {
    assert!(super::keys::spell("text_encoder", "lm_head.weight").is_empty());
    let name = "model.layers.0.mlp.up_proj.weight";
    assert_eq!(super::keys::spell("text_encoder", name)[0].name, name);
    assert_eq!(super::keys::spelling("text_encoder", name).as_deref(), Some(name));
}

#[test]
fn prompts_are_read_as_transformers_reads_them() {
    let tokenizer = LanguageTokenizer::qwen().unwrap();
    let prompts = prompts();
    assert_eq!(prompts.len(), 500);
    assert!(prompts.iter().any(|(_, ids)| ids.len() > 2000));
    for (prompt, ids) in prompts {
        assert_eq!(tokenizer.encode(&templated(&prompt)).unwrap(), ids, "{prompt:?}");
    }
}
