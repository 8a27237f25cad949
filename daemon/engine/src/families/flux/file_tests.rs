//! Tiny models as people have them: a folder, and one file in the spelling of Black Forest Labs with text encoders and autoencoder
//! inside, as ComfyUI saves it. Both must say the same to the last bit. The file is put together by the inverse of the map that reads it;
//! that the map itself is right, the lists of published files say (`keys.rs`).

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use darkroom_formats::schema::{ClipTextConfig, T5Config, VaeConfig};
use darkroom_protocol::{Emphasis, ModelSource, Quant};
use rstest::rstest;
use tch::{Kind, Tensor};

use super::keys::Spelling;
use super::*;
use crate::families::autoencoder_kl::AutoencoderKl;
use crate::families::fixture::Fixture;
use crate::model::{Extras, Key, Model, Passage, Says, Side};
use crate::prompt::{Piece as Words, Wording};
use crate::text::clip::ClipTextModel;
use crate::text::t5::T5Encoder;
use crate::torch::{Device, Generator};
use crate::weights::{Piece, Weights};
use crate::{Cancel, Result};

/// What `build` asks for, filled by name.
fn filled(build: impl Fn(&Weights) -> Result<()>) -> Vec<(String, Tensor)> {
    let recorder = Weights::recorder("any");
    build(&recorder).unwrap();
    let random = Weights::random("any");
    let asked = recorder.asked();
    asked
        .iter()
        .map(|(key, shape)| (key.clone(), random.get(key, shape).unwrap()))
        .collect()
}

/// A model's components by name, with what ComfyUI writes before their tensors.
type Parts = Vec<(&'static str, &'static str, Vec<(String, Tensor)>)>;

fn config(name: &str) -> FluxConfig {
    let json = Fixture::open(&format!("flux/{name}")).json("transformer/config");
    match name {
        "chroma" => FluxConfig::chroma_from_json(&json).unwrap(),
        _ => FluxConfig::from_json(&json).unwrap(),
    }
}

/// The fixture's VAE with the 32 groups of every published one: a file without a configuration cannot say another number.
fn vae_of_32_groups(name: &str) -> Vec<u8> {
    let json = Fixture::open(&format!("flux/{name}")).json("vae/config");
    let mut json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    json["block_out_channels"] = serde_json::json!([32, 32, 64, 64]);
    json["norm_num_groups"] = 32.into();
    json.to_string().into_bytes()
}

fn parts(name: &str) -> Parts {
    let fixture = Fixture::open(&format!("flux/{name}"));
    let json = |part: &str| fixture.json(&format!("{part}/config"));
    let transformer = config(name);
    let vae = VaeConfig::from_json(&vae_of_32_groups(name)).unwrap();
    let t5 = |part: &str| {
        let config = T5Config::from_json(&json(part)).unwrap();
        filled(move |w| T5Encoder::new(w, &config).map(drop))
    };
    let mut all: Parts = vec![
        (
            "transformer",
            "model.diffusion_model.",
            filled(|w| FluxTransformer2DModel::new(w, &transformer).map(drop)),
        ),
        ("vae", "vae.", filled(|w| AutoencoderKl::new(w, &vae).map(drop))),
    ];
    if name == "chroma" {
        all.push(("text_encoder", "text_encoders.t5xxl.transformer.", t5("text_encoder")));
    } else {
        let clip = ClipTextConfig::from_json(&json("text_encoder")).unwrap();
        let clip = filled(|w| ClipTextModel::new(w, &clip).map(drop));
        all.push(("text_encoder", "text_encoders.clip_l.transformer.", clip));
        all.push((
            "text_encoder_2",
            "text_encoders.t5xxl.transformer.",
            t5("text_encoder_2"),
        ));
    }
    all
}

/// Writes them as a published folder.
fn folder(name: &str, parts: &Parts, to: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/flux")
        .join(name);
    let copy = |file: &str| {
        let target = to.join(file);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(from.join(file), target).unwrap();
    };
    copy("model_index.json");
    copy("scheduler/scheduler_config.json");
    for (part, _, tensors) in parts {
        copy(&format!("{part}/config.json"));
        if *part == "vae" {
            std::fs::write(to.join("vae/config.json"), vae_of_32_groups(name)).unwrap();
        }
        let stem = if part.starts_with("text") {
            "model"
        } else {
            "diffusion_pytorch_model"
        };
        Tensor::write_safetensors(tensors, to.join(format!("{part}/{stem}.safetensors"))).unwrap();
    }
}

/// The part of a layers' tensor that `piece` is.
fn part_of(tensor: &Tensor, piece: &Piece) -> Tensor {
    let (nth, of) = piece.place;
    tensor.chunk(of as i64, 0)[nth].shallow_clone()
}

/// Writes them as one file.
fn file(name: &str, parts: &Parts, to: &Path) {
    let spelling = Spelling::new(&config(name));
    let mut all: BTreeMap<String, Tensor> = BTreeMap::new();
    for (part, prefix, tensors) in parts {
        let own: BTreeMap<&str, &Tensor> = tensors.iter().map(|(key, tensor)| (key.as_str(), tensor)).collect();
        for (key, tensor) in tensors {
            let Some(written) = spelling.spelling(part, key) else {
                continue;
            };
            let pieces = spelling.spell(part, &written);
            let rows: Vec<Tensor> = pieces
                .iter()
                .map(|piece| part_of(own[piece.name.as_str()], piece))
                .collect();
            let whole = match rows.len() {
                1 => tensor.shallow_clone(),
                _ => Tensor::cat(&rows, 0),
            };
            all.insert(format!("{prefix}{written}"), whole);
        }
    }
    let all: Vec<(String, Tensor)> = all.into_iter().collect();
    Tensor::write_safetensors(&all, to).unwrap();
}

fn load(source: ModelSource) -> Model {
    load_as(source, Kind::Float)
}

fn load_as(source: ModelSource, kind: Kind) -> Model {
    let key = Key {
        source,
        parts: Vec::new(),
        name: "tiny".to_owned(),
        device: Device::Cpu,
        kind,
        quant: Quant::None,
    };
    let blueprint = crate::families::open(&key).unwrap();
    Model::new(Rc::new(blueprint), Vec::new(), Cancel::new())
}

/// A prompt's conditioning and a step of the model.
fn run(model: &Model, prompt: &Wording) -> (Tensor, Tensor) {
    let cancel = Cancel::new();
    let encoded = model.encode(std::slice::from_ref(prompt), &cancel).unwrap();
    let passage = Passage {
        height: 64,
        width: 96,
        side: Side::Positive,
        negative_is_empty: false,
        distilled_cfg_scale: Some(3.5),
        says: Says::default(),
    };
    let cond = model.family().complete(&encoded[0].cond, &passage).unwrap();
    let x = Generator::seeded(1).unwrap().randn(&[1, 16, 8, 12]).unwrap();
    let denoiser = model.denoiser().unwrap();
    let out = denoiser.forward(&x, 700.0, &cond, &Extras::default(), &cancel).unwrap();
    (cond.tokens, out)
}

#[rstest]
fn one_file_is_the_folder_to_the_last_bit(#[values("dev", "schnell", "chroma")] name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let parts = parts(name);
    folder(name, &parts, &dir.path().join("folder"));
    file(name, &parts, &dir.path().join("m.safetensors"));
    let path = |of: &str| dir.path().join(of).display().to_string();
    let models = [
        load(ModelSource::Folder(path("folder"))),
        load(ModelSource::File(path("m.safetensors"))),
    ];
    let prompt = Wording::plain("a red apple");
    let [(tokens, out), (other_tokens, other_out)] = [&models[0], &models[1]].map(|model| run(model, &prompt));
    assert!(tokens.equal(&other_tokens) && out.equal(&other_out), "{name}");
}

/// What weights do to T5's states: the formulas of `prompt/emphasis.rs` place by place. Their words are spelled each for itself.
#[rstest]
#[case(Emphasis::NoNorm)]
#[case(Emphasis::Comfy)]
#[case(Emphasis::Ignore)]
fn weights_change_the_states_of_their_words(#[case] emphasis: Emphasis, #[values("dev", "chroma")] name: &str) {
    let dir = tempfile::tempdir().unwrap();
    folder(name, &parts(name), dir.path());
    let model = load(ModelSource::Folder(dir.path().display().to_string()));
    let text = |words: &str, weight: f64| Words::Text(words.to_owned(), weight);
    let of = |pieces: Vec<Words>| {
        let mut wording = Wording::plain("");
        (wording.pieces, wording.emphasis) = (pieces, emphasis);
        run(&model, &wording).0
    };
    let plain = of(vec![text("red apple", 1.0)]);
    let weighed = of(vec![text("red apple", 1.5)]);
    let empty = of(vec![text("", 1.0)]);
    // "red apple" is two pieces.
    let (words, rest) = (weighed.narrow(1, 0, 2), weighed.narrow(1, 2, plain.size()[1] - 2));
    assert!(
        rest.equal(&plain.narrow(1, 2, plain.size()[1] - 2)),
        "marks and padding stay"
    );
    let own = plain.narrow(1, 0, 2);
    let expected = match emphasis {
        Emphasis::NoNorm => &own * 1.5,
        Emphasis::Comfy if name == "dev" => {
            let empty = empty.narrow(1, 0, 2);
            (&own - &empty) * 1.5 + &empty
        }
        Emphasis::Comfy => {
            assert!(!words.equal(&own), "moved away from the empty prompt of as many places");
            return;
        }
        _ => own.shallow_clone(),
    };
    assert!((words - expected).abs().max().double_value(&[]) < 1e-5);
}

#[test]
fn a_prompt_that_is_too_long_is_told() {
    let dir = tempfile::tempdir().unwrap();
    folder("schnell", &parts("schnell"), dir.path());
    let model = load(ModelSource::Folder(dir.path().display().to_string()));
    let long = Wording::plain(&format!("{}zebra", "red apple, ".repeat(90)));
    let encoded = model.encode(&[long, Wording::plain("x")], &Cancel::new()).unwrap();
    assert_eq!(encoded[0].cond.tokens.size()[1], 256);
    let notice = encoded[0].notice.as_deref().unwrap();
    assert!(
        notice.contains("reads 255 tokens") && notice.contains("apple"),
        "{notice}"
    );
    assert_eq!(encoded[1].notice, None);
}

/// Norms, places, the time and T5's residual stream are f32 in every format.
#[rstest]
fn a_step_in_sixteen_bits_is_that_of_f32(
    #[values("dev", "chroma")] name: &str,
    #[values(Kind::BFloat16, Kind::Half)] kind: Kind,
) {
    let dir = tempfile::tempdir().unwrap();
    folder(name, &parts(name), dir.path());
    let source = || ModelSource::Folder(dir.path().display().to_string());
    let prompt = Wording::plain("a red apple");
    let (exact_words, exact) = run(&load(source()), &prompt);
    let (words, found) = run(&load_as(source(), kind), &prompt);
    let cosine = |a: &Tensor, b: &Tensor| {
        let [a, b] = [a, b].map(|tensor| tensor.to_kind(Kind::Double).flatten(0, -1));
        (a.dot(&b) / (a.norm() * b.norm())).double_value(&[])
    };
    let (words, step) = (cosine(&words, &exact_words), cosine(&found, &exact));
    assert!(words > 0.999 && step > 0.99, "{words} {step}");
}
