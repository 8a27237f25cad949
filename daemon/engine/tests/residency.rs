//! Several models in room for fewer: what is shared, what goes, what stays.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use darkroom_engine::model::{Cond, Extras, Key};
use darkroom_engine::residency::Models;
use darkroom_engine::torch::Device;
use darkroom_engine::{Cancel, Error, Result};
use darkroom_protocol::{KeepAlive, ModelSource, Quant, Residency};
use tch::{Kind, Tensor};

mod support;

const SECOND: Duration = Duration::from_secs(1);
const UNET: &str = "unet/diffusion_pytorch_model.safetensors";
const VAE: &str = "vae/diffusion_pytorch_model.safetensors";

/// Watches what is loaded.
#[derive(Default)]
struct Told {
    parts: Vec<u32>,
    cancel_at: Option<(u32, Cancel)>,
}

impl Told {
    fn part(&mut self, at: u32, of: u32) {
        assert_eq!(of, 3);
        if let Some((last, cancel)) = &self.cancel_at
            && *last == at
        {
            cancel.raise();
        }
        self.parts.push(at);
    }
}

/// Folders of models, and those in memory.
struct Bench {
    dir: tempfile::TempDir,
    models: Models,
}

impl Bench {
    /// Models called so. Each has a UNet of its own; text encoder and VAE are equal, but other files.
    fn new(names: &[&str]) -> Self {
        let dir = support::model_folder();
        for (n, name) in names.iter().enumerate() {
            copy(dir.path(), &dir.path().join("models").join(name), n as f64);
        }
        Self {
            dir,
            models: Models::new(u64::MAX),
        }
    }

    /// With room for so many bytes.
    fn with_budget(mut self, budget: u64) -> Self {
        self.models = Models::new(budget);
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("models").join(name)
    }

    fn key(&self, name: &str) -> Key {
        Key {
            source: ModelSource::Folder(self.path(name).display().to_string()),
            parts: Vec::new(),
            name: name.to_owned(),
            device: Device::Cpu,
            kind: Kind::Float,
            quant: Quant::None,
        }
    }

    /// Loads a model, uses it and lets it go. The steps told: none when all of it was in memory.
    fn load(&mut self, name: &str) -> Result<usize> {
        self.load_for(name, KeepAlive::Forever, Instant::now())
    }

    fn load_for(&mut self, name: &str, keep_alive: KeepAlive, now: Instant) -> Result<usize> {
        let key = self.key(name);
        let mut told = Told::default();
        let loaded = self.models.load(&key, &Cancel::new(), &mut |at, of| told.part(at, of));
        self.models.release(&key, keep_alive, now);
        loaded.map(|_| told.parts.len())
    }

    fn residency(&self) -> Residency {
        self.models.residency(Instant::now())
    }

    /// Each model with its parts' initials, those it shares as capitals.
    fn held(&self) -> Vec<String> {
        let part = |c: &darkroom_protocol::ResidentComponent| {
            let letter = c.name[..1].to_owned();
            if c.shared { letter.to_uppercase() } else { letter }
        };
        let models = self.residency().models;
        models
            .iter()
            .map(|m| format!("{} {}", m.name, m.components.iter().map(part).collect::<String>()))
            .collect()
    }
}

/// A copy of a model with other values in its UNet.
fn copy(from: &Path, to: &Path, shift: f64) {
    for part in ["scheduler", "unet", "vae", "text_encoder"] {
        fs::create_dir_all(to.join(part)).unwrap();
        for entry in fs::read_dir(from.join(part)).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, to.join(part).join(path.file_name().unwrap())).unwrap();
        }
    }
    fs::copy(from.join("model_index.json"), to.join("model_index.json")).unwrap();
    shift_weights(&to.join(UNET), shift);
}

fn shift_weights(file: &Path, shift: f64) {
    let tensors = Tensor::read_safetensors(file).unwrap();
    let shifted: Vec<_> = tensors.into_iter().map(|(key, tensor)| (key, tensor + shift)).collect();
    fs::remove_file(file).unwrap();
    Tensor::write_safetensors(&shifted, file).unwrap();
}

/// Bytes of text encoder, UNet and VAE.
fn sizes(bench: &mut Bench) -> [u64; 3] {
    bench.load("a").unwrap();
    let components = bench.residency().models.remove(0).components;
    bench.models.clear();
    [components[0].bytes, components[1].bytes, components[2].bytes]
}

#[test]
fn what_is_equal_is_in_memory_once() {
    let mut bench = Bench::new(&["a", "b"]);
    let [text, unet, vae] = sizes(&mut bench);
    assert_eq!(bench.load("a").unwrap(), 4);
    assert_eq!(bench.load("b").unwrap(), 2, "only the UNet is read");
    assert_eq!(bench.held(), ["a TuV", "b TuV"]);
    assert_eq!(bench.models.weights(), text + 2 * unet + vae);
    assert_eq!(bench.load("a").unwrap(), 0);
    assert_eq!(bench.held(), ["b TuV", "a TuV"]);
    let a = bench.key("a").source;
    bench.models.unload(Some(&a));
    assert_eq!(bench.held(), ["b tuv"]);
    assert_eq!(bench.models.weights(), text + unet + vae);
}

#[test]
fn one_other_byte_is_another_part() {
    let mut bench = Bench::new(&["a", "b"]);
    let file = bench.path("b").join(VAE);
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    bench.load("a").unwrap();
    bench.load("b").unwrap();
    assert_eq!(bench.held(), ["a Tuv", "b Tuv"]);
}

#[test]
fn another_number_format_is_another_part() {
    let mut bench = Bench::new(&["a"]);
    bench.load("a").unwrap();
    let other = Key {
        kind: Kind::BFloat16,
        ..bench.key("a")
    };
    bench.models.load(&other, &Cancel::new(), &mut |_, _| {}).unwrap();
    assert_eq!(bench.held(), ["a tuv", "a tuv"]);
    let dtypes: Vec<_> = bench.residency().models.into_iter().map(|m| m.dtype).collect();
    assert_eq!(dtypes, ["f32", "bf16"]);
}

/// Only the denoiser is quantised: what the two have in common beside it is in memory once. What is told are the bytes that there
/// are.
#[test]
fn a_quantised_model_shares_what_is_not_quantised() {
    let mut bench = Bench::new(&["a"]);
    let [text, unet, vae] = sizes(&mut bench);
    bench.load("a").unwrap();
    let small = Key {
        quant: Quant::Int8,
        ..bench.key("a")
    };
    let mut told = 0;
    let model = bench
        .models
        .load(&small, &Cancel::new(), &mut |_, _| told += 1)
        .unwrap();
    assert_eq!(bench.held(), ["a TuV", "a TuV"]);
    assert_eq!(told, 2, "only the denoiser is read");
    assert_eq!(bench.models.weights(), text + 2 * unet + vae);

    let one = |size: &[i64]| Tensor::ones(size, (Kind::Float, tch::Device::Cpu));
    let cond = Cond::of(one(&[1, 77, 768]).narrow(2, 0, cross_attention_dim()));
    let denoiser = model.denoiser().unwrap();
    let _ = denoiser
        .forward(&one(&[1, 4, 8, 8]), 1.0, &cond, &Extras::default(), &Cancel::new())
        .unwrap();
    let bytes = bench.residency().models[1].components[1].bytes;
    if darkroom_engine::torch::int8_possible(Device::Cpu) {
        assert!(bytes < unet, "{bytes} of {unet}");
    }
    assert_eq!(bench.residency().models[0].components[1].bytes, unet);
}

fn cross_attention_dim() -> i64 {
    let config = fs::read(support::fixture().join("unet/config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    config["cross_attention_dim"].as_i64().unwrap()
}

#[test]
fn the_one_used_longest_ago_makes_room() {
    let mut bench = Bench::new(&["a", "b", "c"]);
    let [text, unet, vae] = sizes(&mut bench);
    let mut bench = bench.with_budget(text + vae + 2 * unet);
    for name in ["a", "b", "a", "c"] {
        bench.load(name).unwrap();
        assert!(bench.models.weights() <= text + vae + 2 * unet);
    }
    // Of b its own UNet is gone; what it shares is held by the others.
    assert_eq!(bench.held(), ["b TV", "a TuV", "c TuV"]);
    assert_eq!(bench.residency().complete().collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(bench.load("b").unwrap(), 2);
    assert_eq!(bench.held(), ["a TV", "c TuV", "b TuV"]);
}

#[test]
fn what_the_process_takes_beside_models_is_room_that_they_do_not_have() {
    let mut bench = Bench::new(&["a", "b", "c"]);
    let [text, unet, vae] = sizes(&mut bench);
    let mut bench = bench.with_budget(text + vae + 3 * unet);
    for name in ["a", "b", "c"] {
        bench.load(name).unwrap();
    }
    assert_eq!(bench.held(), ["a TuV", "b TuV", "c TuV"]);
    // This process is larger than these small models by far.
    bench.models.settle();
    assert_eq!(bench.residency().complete().collect::<Vec<_>>(), ["c"]);
    assert_eq!(bench.models.weights(), text + unet + vae);
    bench.models.settle();
    assert_eq!(bench.load("c").unwrap(), 0, "the model used last stays");
}

#[test]
fn a_model_larger_than_the_budget_is_loaded_alone() {
    let mut bench = Bench::new(&["a", "b"]).with_budget(1);
    bench.load("a").unwrap();
    bench.load("b").unwrap();
    assert_eq!(bench.residency().complete().collect::<Vec<_>>(), ["b"]);
}

#[test]
fn what_is_pinned_stays_and_what_does_not_fit_beside_it_is_refused_in_numbers() {
    let mut bench = Bench::new(&["a", "b", "c"]);
    let [text, unet, vae] = sizes(&mut bench);
    let mut bench = bench.with_budget(text + vae + 2 * unet);
    bench.load("a").unwrap();
    bench.models.pin(&bench.key("a")).unwrap();
    bench.load("b").unwrap();
    bench.load("c").unwrap();
    assert_eq!(bench.residency().complete().collect::<Vec<_>>(), ["a", "c"]);
    bench.models.pin(&bench.key("c")).unwrap();
    let refused = bench.load("b").unwrap_err();
    assert!(
        matches!(&refused, Error::NoRoom(text) if text.contains("pinned models (a, c) hold")),
        "{refused}"
    );
    assert_eq!(bench.residency().complete().collect::<Vec<_>>(), ["a", "c"]);
    let a = bench.key("a").source;
    assert!(bench.models.unpin(&a));
    bench.load("b").unwrap();
    let refused = bench.models.pin(&bench.key("b"));
    assert!(refused.is_ok(), "{refused:?}");
    assert_eq!(bench.residency().complete().collect::<Vec<_>>(), ["c", "b"]);
    assert!(!bench.models.unpin(&a));
}

#[test]
fn a_pin_that_cannot_fit_is_refused() {
    let mut bench = Bench::new(&["a"]);
    let [text, unet, vae] = sizes(&mut bench);
    let mut bench = bench.with_budget(text + unet + vae - 1);
    bench.load("a").unwrap();
    let refused = bench.models.pin(&bench.key("a")).unwrap_err();
    assert!(refused.to_string().contains("cannot be pinned: it takes"), "{refused}");
}

#[test]
fn each_model_goes_when_its_time_is_over() {
    let mut bench = Bench::new(&["a", "b", "c"]);
    let start = Instant::now();
    bench.load_for("a", KeepAlive::Seconds(10), start).unwrap();
    bench.load_for("b", KeepAlive::Forever, start).unwrap();
    assert_eq!(bench.models.next_expiry(), Some(start + 10 * SECOND));
    assert!(!bench.models.expire(start + 9 * SECOND));
    // Another use begins its time anew.
    bench.load_for("a", KeepAlive::Seconds(10), start + 5 * SECOND).unwrap();
    assert!(!bench.models.expire(start + 14 * SECOND));
    assert!(bench.models.expire(start + 15 * SECOND));
    assert_eq!(bench.held(), ["b tuv"]);
    assert_eq!(bench.models.next_expiry(), None);
    bench.load_for("c", KeepAlive::Seconds(0), start).unwrap();
    assert_eq!(bench.held(), ["b tuv"], "0 is at once");
    bench.load_for("a", KeepAlive::Seconds(10), start).unwrap();
    bench.models.pin(&bench.key("a")).unwrap();
    assert!(!bench.models.expire(start + 1000 * SECOND), "pinned");
}

#[test]
fn files_that_changed_are_another_model() {
    let mut bench = Bench::new(&["a", "b"]);
    bench.load("a").unwrap();
    assert_eq!(bench.load("a").unwrap(), 0);
    shift_weights(&bench.path("a").join(UNET), 7.0);
    assert!(bench.load("a").unwrap() > 0);
    assert_eq!(bench.held(), ["a tuv"]);
    // A part whose file changed is not compared with what it no longer is.
    let vae = bench.path("a").join(VAE);
    let bytes = fs::read(&vae).unwrap();
    fs::write(&vae, bytes).unwrap();
    bench.load("b").unwrap();
    assert_eq!(bench.held(), ["a Tuv", "b Tuv"]);
}

#[test]
fn a_cancelled_load_keeps_whole_parts_only() {
    let mut bench = Bench::new(&["a"]);
    for at in 0..=3 {
        let key = bench.key("a");
        let cancel = Cancel::new();
        let mut told = Told {
            cancel_at: Some((at, cancel.clone())),
            ..Told::default()
        };
        let loaded = bench.models.load(&key, &cancel, &mut |at, of| told.part(at, of));
        bench.models.release(&key, KeepAlive::Forever, Instant::now());
        assert_eq!(loaded.is_err(), at < 3);
        let parts: usize = bench.residency().models.iter().map(|m| m.components.len()).sum();
        assert_eq!(parts, at as usize);
        bench.models.clear();
    }
}
