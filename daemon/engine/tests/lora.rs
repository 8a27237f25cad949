//! LoRA files on the tiny model of `fixtures/pipeline`, beside what diffusers with PEFT and the package of LyCORIS computed
//! (`oracle/lora.py`): each spelling, each formula, what is refused, and that nothing stays of what is taken off.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use darkroom_engine::adapters::{Files, Set};
use darkroom_engine::model::{Adapt as _, Cond, Extras, Key, Model};
use darkroom_engine::residency::Models;
use darkroom_engine::text::Select;
use darkroom_engine::torch::Device;
use darkroom_engine::weights::Weights;
use darkroom_engine::{Cancel, Error, Result};
use darkroom_protocol::hash::hex;
use darkroom_protocol::lora::Lora;
use darkroom_protocol::{ModelSource, Quant};
use rstest::rstest;
use sha2::{Digest as _, Sha256};
use tch::{Kind, Tensor};

mod support;

/// Of merged weights the oracle kept every seventh number.
const STRIDE: i64 = 7;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/lora")
}

fn expected(key: &str) -> Tensor {
    let all = Tensor::read_safetensors(fixture().join("expected.safetensors")).unwrap();
    all.into_iter().find(|(name, _)| name == key).unwrap().1
}

/// The tensors of one of the oracle's lists, filled by name.
fn tensors(list: &str) -> Vec<(String, Tensor)> {
    let packed = std::fs::read(fixture().join(format!("{list}.txt.gz"))).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed[..])
        .read_to_string(&mut text)
        .unwrap();
    let one = |line: &str| {
        let (key, says) = line.split_once(' ').unwrap();
        let tensor = match says.strip_prefix('=') {
            Some(number) => Tensor::from(number.parse::<f32>().unwrap()),
            None => {
                let shape: Vec<i64> = says.split(',').map(|n| n.parse().unwrap()).collect();
                Weights::random("lora").get(key, &shape).unwrap()
            }
        };
        (key.to_owned(), tensor)
    };
    text.lines().map(one).collect()
}

struct Bench {
    dir: tempfile::TempDir,
    models: Models,
    model: Rc<Model>,
}

impl Bench {
    fn new() -> Self {
        Self::with(Quant::None)
    }

    fn with(quant: Quant) -> Self {
        let dir = support::model_folder();
        let key = Key {
            source: ModelSource::Folder(dir.path().display().to_string()),
            parts: Vec::new(),
            name: "tiny".to_owned(),
            device: Device::Cpu,
            kind: Kind::Float,
            quant,
        };
        let mut models = Models::new(u64::MAX);
        let model = models.load(&key, &Cancel::new(), &mut |_, _| {}).unwrap();
        Self { dir, models, model }
    }

    /// A LoRA file of these tensors, at half weight.
    fn lora(&self, name: &str, tensors: &[(String, Tensor)]) -> Lora {
        let path = self.dir.path().join(format!("{name}.safetensors"));
        Tensor::write_safetensors(tensors, &path).unwrap();
        Lora {
            name: name.to_owned(),
            sha256: hex(Sha256::digest(std::fs::read(&path).unwrap())),
            path: path.display().to_string(),
            unet: 0.75,
            text: -0.5,
        }
    }

    fn adapt(&mut self, loras: &[Lora]) -> Result<Vec<String>> {
        self.models.adapt(&self.model, loras, &Cancel::new())
    }

    fn refused(&mut self, lora: &Lora) -> String {
        let error = self.adapt(std::slice::from_ref(lora)).unwrap_err();
        assert!(matches!(error, Error::Lora { .. }), "{error}");
        error.to_string().replace(&self.dir.path().display().to_string(), "DIR")
    }

    fn unet(&self) -> Tensor {
        let cond = Cond::of(expected("prompt"));
        let unet = self.model.denoiser().unwrap();
        unet.forward(&expected("latents"), 500.0, &cond, &Extras::default(), &Cancel::new())
            .unwrap()
    }

    fn text(&self) -> Tensor {
        let encoder = self.model.text_encoder("text_encoder").unwrap();
        encoder
            .encode(&expected("ids"), Select::default(), &Cancel::new())
            .unwrap()
            .hidden_states
    }
}

fn far(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a - b).abs().max().double_value(&[])
}

#[rstest]
#[case("kohya", true)]
#[case("kohya-conv", false)]
#[case("kohya-ranks", false)]
#[case("peft", true)]
#[case("peft-dora", false)]
#[case("processors", false)]
fn every_spelling_equals_diffusers(#[case] list: &str, #[case] reads_text: bool) {
    let mut bench = Bench::new();
    let before = (bench.unet(), bench.text());
    assert!(far(&before.0, &expected("plain.unet")) < 1e-4 && far(&before.1, &expected("plain.text")) < 1e-4);
    let mut lora = bench.lora(list, &tensors(list));
    if list.contains("dora") {
        // How other weights scale a DoRA is another thing in PEFT than in A1111 and ComfyUI.
        lora.unet = 1.0;
    }
    assert_eq!(bench.adapt(&[lora]).unwrap(), [""; 0]);
    let (unet, text) = (bench.unet(), bench.text());
    let wanted = expected(&format!("{list}.unet"));
    assert!(far(&unet, &wanted) < 1e-4, "{}", far(&unet, &wanted));
    assert!(
        far(&before.0, &wanted) > 1e-2,
        "it does something: {}",
        far(&before.0, &wanted)
    );
    match reads_text {
        true => {
            let wanted = expected(&format!("{list}.text"));
            assert!(
                far(&text, &wanted) < 1e-4 && far(&before.1, &wanted) > 1e-2,
                "{}",
                far(&text, &wanted)
            );
        }
        false => assert!(text.equal(&before.1)),
    }
    bench.adapt(&[]).unwrap();
    assert!(
        bench.unet().equal(&before.0) && bench.text().equal(&before.1),
        "to the last bit"
    );
}

#[test]
fn every_formula_equals_lycoris() {
    let bench = Bench::new();
    let lists = [
        "locon",
        "locon-mid",
        "dora",
        "dora-in",
        "loha",
        "loha-mid",
        "loha-dora",
        "lokr",
        "lokr-both",
        "lokr-mid",
        "lokr-full",
        "lokr-dora",
        "ia3",
        "ia3-in",
        "glora",
        "oft",
        "oft-bound",
        "boft",
        "boft-bound",
        "full",
        "norm",
    ];
    lists.iter().for_each(|list| equals_lycoris(&bench, list, list, 1.0));
    // Its weight counts in each stage, not in what comes of them.
    equals_lycoris(&bench, "boft", "boft-0.6", 0.6);
}

fn equals_lycoris(bench: &Bench, list: &str, expected: &str, strength: f64) {
    let lora = Lora {
        unet: strength,
        ..bench.lora(list, &tensors(list))
    };
    let (blueprint, cancel) = (bench.model.blueprint(), Cancel::new());
    let component = blueprint
        .components()
        .iter()
        .find(|component| component.name == "unet")
        .unwrap();
    let weights = blueprint.weights(component, &cancel).unwrap();
    drop(blueprint.build(component, &weights).unwrap());
    let shapes = weights.patches().offered();
    let file = Files::default().open(&lora, &cancel).unwrap();
    let set = Set::of(blueprint, vec![(lora, file)], &cancel).unwrap();
    assert_eq!(set.notices(), [""; 0]);
    set.adapt("unet", &weights);
    let all = Tensor::read_safetensors(fixture().join("expected.safetensors")).unwrap();
    let mut seen = 0;
    for (key, wanted) in all {
        let Some(name) = key
            .strip_prefix(&format!("{expected}."))
            .filter(|name| shapes.contains_key(*name))
        else {
            continue;
        };
        let merged = weights
            .weight(name, &shapes[name])
            .unwrap()
            .from
            .unwrap()
            .load()
            .unwrap();
        let plain = weights.get(name, &shapes[name]).unwrap();
        let kept = merged.flatten(0, -1).slice(0, 0, None, STRIDE);
        let scale = wanted.abs().max().double_value(&[]);
        assert!(
            far(&kept, &wanted) < 2e-6 * scale.max(1.0),
            "{name}: {} of {scale}",
            far(&kept, &wanted)
        );
        assert!(far(&merged, &plain) > 1e-3, "{name} is changed");
        seen += 1;
    }
    assert!(seen > 0);
}

/// The same LoRA as other trainers spell it.
#[test]
fn other_spellings_are_the_same() {
    let mut bench = Bench::new();
    let plain = bench.lora("plain", &tensors("kohya"));
    bench.adapt(&[plain]).unwrap();
    let wanted = (bench.unet(), bench.text());
    let spellings: &[&[(&str, &str)]] = &[
        // OneTrainer.
        &[("lora_te_", "lora_te1_")],
        // SimpleTuner.
        &[("lora_unet_", "lycoris_")],
        &[
            ("lora_unet_", "unet.base_model.model."),
            ("lora_te_", "text_encoders.clip_l.transformer."),
        ],
        &[("lora_unet_", "")],
        &[
            ("to_out_0", "to_out"),
            ("_text_model_", "_"),
            ("q_proj", "to_q"),
            ("out_proj", "to_out"),
        ],
        &[
            ("_attn1_", ".attn1."),
            ("_transformer_blocks_", ".transformer_blocks."),
            ("_layers_", ".layers."),
        ],
        &[
            ("lora_up.weight", "lora_B.default.weight"),
            ("lora_down.weight", "lora_A.default.weight"),
        ],
        // The original code's names.
        &[
            ("down_blocks_0_attentions_0", "input_blocks_1_1"),
            ("down_blocks_1_attentions_0", "input_blocks_3_1"),
            ("mid_block_attentions_0", "middle_block_1"),
            ("up_blocks_3_attentions_1", "output_blocks_7_1"),
        ],
    ];
    for renamed in spellings {
        let rename = |key: &str| {
            renamed
                .iter()
                .fold(key.to_owned(), |key, (from, to)| key.replace(from, to))
        };
        let tensors = tensors("kohya");
        assert!(tensors.iter().any(|(key, _)| rename(key) != *key));
        let spelled: Vec<_> = tensors
            .into_iter()
            .map(|(key, tensor)| (rename(&key), tensor))
            .collect();
        let spelled = bench.lora("spelled", &spelled);
        assert_eq!(bench.adapt(&[spelled]).unwrap(), [""; 0]);
        assert!(
            bench.unet().equal(&wanted.0) && bench.text().equal(&wanted.1),
            "{renamed:?}"
        );
    }
}

#[test]
fn several_add_up_and_each_part_has_its_weight() {
    let mut bench = Bench::new();
    let before = (bench.unet(), bench.text());
    let [one, other] = ["kohya", "kohya-ranks"].map(|list| bench.lora(list, &tensors(list)));
    bench.adapt(std::slice::from_ref(&one)).unwrap();
    let alone = (bench.unet(), bench.text());
    bench.adapt(&[one.clone(), other.clone()]).unwrap();
    assert!(
        far(&bench.unet(), &alone.0) > 1e-2 && bench.text().equal(&alone.1),
        "the other has no text encoder"
    );
    bench
        .adapt(&[Lora {
            unet: 0.0,
            ..one.clone()
        }])
        .unwrap();
    assert!(bench.unet().equal(&before.0) && bench.text().equal(&alone.1));
    bench
        .adapt(&[Lora {
            text: 0.0,
            ..one.clone()
        }])
        .unwrap();
    assert!(bench.unet().equal(&alone.0) && bench.text().equal(&before.1));
    bench
        .adapt(&[Lora {
            unet: 0.0,
            text: 0.0,
            ..one
        }])
        .unwrap();
    assert!(
        bench.unet().equal(&before.0) && bench.text().equal(&before.1),
        "weights of 0 change nothing"
    );
    let bytes = bench.models.weights();
    bench.adapt(&[other]).unwrap();
    drop(bench.unet());
    assert_eq!(bench.models.weights(), bytes, "memory holds one copy");
}

#[test]
fn int8_is_made_of_the_sum() {
    if !darkroom_engine::torch::int8_possible(Device::Cpu) {
        return;
    }
    let mut bench = Bench::with(Quant::Int8);
    let before = bench.unet();
    let lora = bench.lora("kohya", &tensors("kohya"));
    bench.adapt(&[lora]).unwrap();
    let scale = expected("kohya.unet").abs().max().double_value(&[]);
    assert!(far(&bench.unet(), &expected("kohya.unet")) < 0.1 * scale);
    bench.adapt(&[]).unwrap();
    assert!(bench.unet().equal(&before));
}

#[test]
fn parts_that_are_read_later_have_it_too() {
    let mut bench = Bench::new();
    let lora = bench.lora("kohya", &tensors("kohya"));
    bench.adapt(&[lora]).unwrap();
    let wanted = (bench.unet(), bench.text());
    bench.model.offload();
    assert!(bench.unet().equal(&wanted.0) && bench.text().equal(&wanted.1));
}

#[test]
fn what_is_wrong_is_told_and_changes_nothing() {
    let mut bench = Bench::new();
    let before = bench.unet();
    let good = bench.lora("good", &tensors("kohya"));
    let gone = Lora {
        path: bench.dir.path().join("gone.safetensors").display().to_string(),
        ..good.clone()
    };
    assert_eq!(
        bench.refused(&gone),
        "LoRA good: its file DIR/gone.safetensors is gone. Put it back, or leave the LoRA out."
    );
    let changed = Lora {
        sha256: "0f".repeat(32),
        ..good.clone()
    };
    assert!(bench.refused(&changed).starts_with(
        "LoRA good: DIR/good.safetensors has changed since it was asked for (SHA-256 0f0f0f0f0f0f… then, "
    ));
    let of = |key: &str, shape: &[i64]| (key.to_owned(), Tensor::ones(shape, (Kind::Float, tch::Device::Cpu)));
    let wide = bench.lora(
        "wide",
        &[
            of(
                "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight",
                &[1, 2048],
            ),
            of(
                "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_up.weight",
                &[32, 1],
            ),
        ],
    );
    assert_eq!(
        bench.refused(&wide),
        "LoRA wide: its module lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k ([1, 2048] and [32, 1]) does not fit \
         the [32, 32] that tiny has there: it is of another kind of model, for instance Stable Diffusion XL."
    );
    let foreign = bench.lora(
        "foreign",
        &[of("x.y.lora_down.weight", &[1, 4]), of("x.y.lora_up.weight", &[4, 1])],
    );
    assert_eq!(
        bench.refused(&foreign),
        "LoRA foreign: none of its 1 modules is in tiny (x.y): it is of another kind of model."
    );
    let whole = bench.lora("whole", &[of("model.diffusion_model.x.weight", &[4, 4])]);
    assert_eq!(
        bench.refused(&whole),
        "LoRA whole: DIR/whole.safetensors is no LoRA: it seems to be a whole model, which -m names."
    );
    let cancel = Cancel::new();
    cancel.raise();
    let ended = bench.models.adapt(&bench.model, std::slice::from_ref(&good), &cancel);
    assert!(matches!(ended, Err(Error::Cancelled)));
    assert!(bench.unet().equal(&before));
    let mut partly = tensors("kohya");
    partly.extend([
        of("lora_unet_x.lora_down.weight", &[1, 4]),
        of("lora_unet_x.lora_up.weight", &[4, 1]),
        of("emb", &[2]),
    ]);
    let partly = bench.lora("partly", &partly);
    let notices = bench.adapt(&[partly]).unwrap();
    assert_eq!(
        notices,
        [
            "LoRA partly: 1 of its 139 modules are not in tiny and count nowhere: lora_unet_x. 1 of its tensors are no LoRA's: emb."
        ]
    );
    bench.adapt(&[good]).unwrap();
    assert!(far(&bench.unet(), &expected("kohya.unet")) < 1e-4);
}

/// Middles that would become far larger than any weight.
#[test]
fn a_hostile_middle_is_refused() {
    let mut bench = Bench::new();
    let zeros = |key: &str, shape: &[i64]| (key.to_owned(), Tensor::zeros(shape, (Kind::Half, tch::Device::Cpu)));
    let hostile = bench.lora(
        "hostile",
        &[
            zeros("lora_unet_conv_in.lora_up.weight", &[32, 1, 1, 1]),
            zeros("lora_unet_conv_in.lora_mid.weight", &[1, 100_000, 3, 3]),
            zeros("lora_unet_conv_in.lora_down.weight", &[100_000, 4, 1, 1]),
        ],
    );
    assert!(bench.refused(&hostile).contains("does not fit the [32, 4, 3, 3]"));
}
