//! The toy through the same doors as every family: written as a folder, found, loaded by component, prompted, drawn. They hold the
//! model seam to what it promises: nothing here is Stable Diffusion's.

use std::path::Path;

use darkroom_protocol::{ModelSource, Quant, Sampler, Schedule};
use serde_json::{Value, json};
use tch::{Kind, Tensor};

use super::{ENCODERS, TwoLayers};
use crate::Cancel;
use crate::families::fixture::{Fixture, assert_close};
use crate::model::{Cond, Extras, Key, SamplingWish};
use crate::pipeline::{Observer, Saved, Times, Work, encode_prompts, make_pictures};
use crate::prompt::Wording;
use crate::residency::Models;
use crate::torch::Device;
use crate::weights::{Piece, Weights};

fn write(folder: &Path, name: &str, value: &Value) {
    std::fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
    std::fs::write(folder.join(name), value.to_string()).unwrap();
}

/// The random weights that `build` asks for, as a component's file.
fn weigh<T>(folder: &Path, component: &str, file: &str, build: impl Fn(&Weights) -> crate::Result<T>) {
    let recorder = Weights::recorder(component);
    build(&recorder).unwrap();
    let random = Weights::random(component);
    let tensors: Vec<_> = recorder
        .asked()
        .into_iter()
        .map(|(key, shape)| (key.clone(), random.get(&key, &shape).unwrap()))
        .collect();
    Tensor::write_safetensors(&tensors, folder.join(component).join(file)).unwrap();
}

fn model() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let index = json!({
        "_class_name": "ToyFlowPipeline",
        "text_encoder": ["transformers", "CLIPTextModel"], "text_encoder_2": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"], "tokenizer_2": ["transformers", "CLIPTokenizer"],
        "transformer": ["toys", "TwoLayers"], "vae": ["toys", "Doubling"],
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    });
    write(folder, "model_index.json", &index);
    write(folder, "scheduler/scheduler_config.json", &json!({"shift": 3.0}));
    for (name, width) in ENCODERS.into_iter().zip([12, 8]) {
        let mut config: Value = serde_json::from_slice(&Fixture::open("clip").json("config")).unwrap();
        config["hidden_size"] = width.into();
        config["num_attention_heads"] = 2.into();
        config["vocab_size"] = 49_408.into();
        config["max_position_embeddings"] = 77.into();
        write(folder, &format!("{name}/config.json"), &config);
        let config = super::ClipTextConfig::from_json(config.to_string().as_bytes()).unwrap();
        weigh(folder, name, "model.safetensors", |w| {
            super::ClipTextModel::new(w, &config)
        });
    }
    let file = "diffusion_pytorch_model.safetensors";
    for component in ["transformer", "vae"] {
        write(folder, &format!("{component}/config.json"), &json!({}));
    }
    weigh(folder, "transformer", file, |w| TwoLayers::new(w, 20, 8));
    weigh(folder, "vae", file, |w| {
        crate::nn::Conv2d::new(&w.pp("decoder"), 2, 3, 1)
    });
    dir
}

fn key(folder: &Path) -> Key {
    Key {
        source: ModelSource::Folder(folder.display().to_string()),
        parts: Vec::new(),
        name: "toy".to_owned(),
        device: Device::Cpu,
        kind: Kind::Float,
        quant: Quant::None,
    }
}

#[derive(Default)]
struct Told(Vec<Saved>);

impl Observer for Told {
    fn progress(&mut self, _: darkroom_protocol::Progress) {}
    fn notice(&mut self, line: &str) {
        panic!("{line}");
    }
    fn saved(&mut self, picture: Saved) {
        self.0.push(picture);
    }
}

#[test]
fn two_encoders_become_one_conditioning() {
    let folder = model();
    let model = Models::new(u64::MAX)
        .load(&key(folder.path()), &Cancel::new(), &mut |_, of| assert_eq!(of, 4))
        .unwrap();
    let encoded = model
        .encode(&["a fox", "blurry"].map(Wording::plain), &Cancel::new())
        .unwrap();
    let sizes: Vec<_> = encoded
        .iter()
        .map(|e| (e.cond.tokens.size(), e.cond.pooled.as_ref().unwrap().size()))
        .collect();
    assert_eq!(sizes, [(vec![1, 77, 20], vec![1, 8]), (vec![1, 77, 20], vec![1, 8])]);
    let both = Cond::cat(&[&encoded[0].cond, &encoded[1].cond]).unwrap();
    assert_eq!(both.pooled.unwrap().size(), [2, 8]);
}

/// Straight lines of a flow: what the denoiser says, added up step by step by hand, is the latents that the pipeline decodes.
#[test]
fn a_picture_flows_from_noise() {
    let folder = model();
    let mut task = crate::pipeline::testing::task(1, 1);
    task.size.width = 32;
    task.size.height = 16;
    task.sampling.steps = 3;
    task.guidance.cfg_scale = 1.0;
    task.sampling.sampler = Sampler::Euler;
    task.sampling.schedule = Schedule::Auto;
    let (model, cancel) = (
        Models::new(u64::MAX)
            .load(&key(folder.path()), &Cancel::new(), &mut |_, _| {})
            .unwrap(),
        Cancel::new(),
    );
    let work = Work {
        job: "toy".to_owned(),
        staging: folder.path(),
        inputs: folder.path(),
        skip: &[],
        cancel: &cancel,
    };
    let mut told = Told::default();
    make_pictures(&task, &work, &model, &mut told).unwrap();
    assert_eq!((told.0[0].width, told.0[0].height), (32, 16));

    let wish = SamplingWish {
        sampler: Sampler::Euler,
        schedule: Schedule::Auto,
        steps: 3,
        prediction: None,
        size: (16, 32),
    };
    let plan = model.family().plan(&wish).unwrap();
    let cond = model
        .encode(&[Wording::plain(&task.what.prompt)], &cancel)
        .unwrap()
        .remove(0)
        .cond;
    let mut x = crate::sampling::NoiseStream::new(task.sampling.seed, 1, &[2, 8, 16])
        .unwrap()
        .draw()
        .unwrap();
    let denoiser = model.denoiser().unwrap();
    for step in 0..3 {
        let velocity = denoiser
            .forward(&x, plan.timesteps[step], &cond, &Extras::default(), &cancel)
            .unwrap();
        x += velocity * (plan.sigmas[step + 1] - plan.sigmas[step]);
    }
    let expected = model.autoencoder().unwrap().to_pixels(&x, false, &cancel).unwrap() * 0.5 + 0.5;
    let file = std::fs::read(folder.path().join(&told.0[0].file)).unwrap();
    let picture = image::load_from_memory(&file).unwrap().to_rgb8();
    let found = Tensor::from_slice(picture.as_raw())
        .reshape([16, 32, 3])
        .permute([2, 0, 1])
        .to_kind(Kind::Float)
        / 255.0;
    assert_close(&found.unsqueeze(0), &expected, 0.5 / 255.0 + 1e-3);
}

#[test]
fn its_names_are_its_own() {
    let folder = model();
    let blueprint = crate::families::open(&key(folder.path())).unwrap();
    let spell = |component: &str, key: &str| blueprint.family().spell(component, key);
    assert_eq!(spell("transformer", "net.out.bias"), [Piece::whole("out.bias")]);
    let back = |component: &str, name: &str| blueprint.family().spelling(component, name);
    assert_eq!(back("transformer", "out.bias").as_deref(), Some("net.out.bias"));
    assert_eq!(spell("transformer", "loss"), []);
    assert_eq!(spell("vae", "decoder.bias"), [Piece::whole("decoder.bias")]);
    let names: Vec<_> = blueprint.components().iter().map(|c| (c.name, c.quantises)).collect();
    assert_eq!(
        names,
        [
            (ENCODERS[0], false),
            (ENCODERS[1], false),
            ("transformer", true),
            ("vae", false)
        ]
    );
}

/// A cancelled encoder answers nothing: what comes all the same was remembered.
#[test]
fn a_prompt_is_encoded_once() {
    let folder = model();
    let mut models = Models::new(u64::MAX);
    let (cancel, stopped) = (Cancel::new(), Cancel::new());
    stopped.raise();
    let asked = ["a fox", "blurry", "a fox"].map(Wording::plain);
    let mut load = || models.load(&key(folder.path()), &cancel, &mut |_, _| {}).unwrap();
    let first = load().encode(&asked, &cancel).unwrap();
    assert_eq!(first[0].cond.tokens.data_ptr(), first[2].cond.tokens.data_ptr());
    let model = load();
    let again = model.encode(&asked, &stopped).unwrap();
    for (one, other) in first.iter().zip(&again) {
        assert!(one.cond.tokens.equal(&other.cond.tokens));
        assert!(
            one.cond
                .pooled
                .as_ref()
                .unwrap()
                .equal(other.cond.pooled.as_ref().unwrap())
        );
    }
    let mut other = Wording::plain("a fox");
    other.clip_skip = Some(2.0);
    assert!(matches!(model.encode(&[other], &stopped), Err(crate::Error::Cancelled)));
}

#[test]
fn prompts_change_and_compose() {
    let folder = model();
    let cancel = Cancel::new();
    let model = Models::new(u64::MAX)
        .load(&key(folder.path()), &cancel, &mut |_, _| {})
        .unwrap();
    let long = "c ".repeat(80);
    let mut task = crate::pipeline::testing::task(1, 1);
    task.what.prompt = format!("[a:b:1] :2 AND [{long}|d] :0.5");
    task.what.negative = "x AND y".to_owned();
    task.sampling.steps = 4;
    task.guidance.cfg_scale = 5.0;
    let prompts = encode_prompts(&model, &task, Times::first(&task), &cancel, &mut Told::default()).unwrap();
    let plain = |text: &str| {
        let encoded = model.encode(&[Wording::plain(text)], &cancel).unwrap();
        encoded.into_iter().next().unwrap().cond.tokens
    };
    for (step, (first, second)) in [("a", long.as_str()), ("a", &long), ("b", "d"), ("b", &long)]
        .into_iter()
        .enumerate()
    {
        let guide = prompts.at(step);
        let composed = guide.composed.as_ref().unwrap();
        assert_eq!(
            (composed.weight, composed.others.len(), composed.others[0].0),
            (2.0, 1, 0.5)
        );
        // The shorter part of a composition ends with its last token.
        let tokens = &guide.positive.tokens;
        assert_eq!(tokens.size(), [1, 154, 20]);
        assert!(tokens.narrow(1, 0, 77).equal(&plain(first)), "step {step}");
        assert!(tokens.get(0).get(153).equal(&plain(first).get(0).get(76)));
        // The shorter text of a part has a chunk without words.
        let other = &composed.others[0].1.tokens;
        let expected = match second {
            "d" => Tensor::cat(&[plain("d"), plain("")], 1),
            _ => plain(second),
        };
        assert!(other.equal(&expected), "step {step}");
        assert!(guide.negative.as_ref().unwrap().tokens.equal(&plain("x AND y")));
    }
    task.what.prompt = "a <hypernet:x:1>".to_owned();
    let error = encode_prompts(&model, &task, Times::first(&task), &cancel, &mut Told::default()).unwrap_err();
    assert!(error.to_string().contains("<hypernet:x:1>"));
}
