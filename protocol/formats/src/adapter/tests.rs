//! Spellings of LoRA files sorted into modules, and what is refused. Files that the engine applies are in its `tests/lora.rs`.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::safetensors::{Dtype, Entry, Header};

fn header(keys: &[(&str, &[u64])], metadata: &[(&str, &str)]) -> Header {
    let entry = |shape: &[u64]| Entry {
        dtype: Dtype::F32,
        shape: shape.to_vec(),
        range: 0..shape.iter().product::<u64>() * 4,
    };
    Header {
        tensors: keys
            .iter()
            .map(|(key, shape)| ((*key).to_owned(), entry(shape)))
            .collect(),
        metadata: metadata
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

fn pair(down: &'static str, up: &'static str) -> Header {
    header(&[(down, &[2, 8]), (up, &[6, 2])], &[])
}

#[rstest]
#[case("m.lora_down.weight", "m.lora_up.weight", "m")]
#[case("u.m.lora_A.weight", "u.m.lora_B.weight", "u.m")]
#[case("u.m.lora_A.default.weight", "u.m.lora_B.default.weight", "u.m")]
#[case("m.lora_A", "m.lora_B", "m")]
#[case(
    "a.processor.to_q_lora.down.weight",
    "a.processor.to_q_lora.up.weight",
    "a.processor.to_q"
)]
#[case("a.to_q.lora.down.weight", "a.to_q.lora.up.weight", "a.to_q")]
#[case("q.lora_linear_layer.down.weight", "q.lora_linear_layer.up.weight", "q")]
fn spellings_are_one(#[case] down: &'static str, #[case] up: &'static str, #[case] module: &str) {
    let adapter = Adapter::read(&pair(down, up)).unwrap();
    let found = &adapter.modules[module];
    assert_eq!(
        (found.parts[&Part::Down].shape[0], found.parts[&Part::Up].shape[0]),
        (2, 6)
    );
    assert_eq!((found.rank(), adapter.unknown.len()), (Some(2), 0));
}

#[test]
fn factors_of_ia3_are_known_by_what_is_beside_them() {
    let keys: &[(&str, &[u64])] = &[("m.weight", &[8]), ("m.on_input", &[]), ("n.weight", &[8])];
    let adapter = Adapter::read(&header(keys, &[])).unwrap();
    assert!(adapter.modules["m"].has(Part::Ia3));
    assert_eq!(adapter.unknown, ["n.weight"]);
}

#[rstest]
#[case(r#"{"unet.lora_alpha": 8, "unet.r": 2}"#, Some(4.0))]
#[case(r#"{"unet.lora_alpha": 8, "unet.alpha_pattern": {"b": 1, "m": 6}}"#, Some(3.0))]
#[case(r#"{"unet.lora_alpha": 8, "unet.use_rslora": true}"#, Some(8.0 / std::f64::consts::SQRT_2))]
#[case(r#"{"lora_alpha": 1}"#, Some(0.5))]
#[case(r#"{"text_encoder.lora_alpha": 8}"#, None)]
#[case(r#"{"unet.lora_alpha": "many"}"#, None)]
#[case("[", None)]
fn the_scales_of_peft_are_in_the_metadata(#[case] json: &str, #[case] scale: Option<f64>) {
    let keys: &[(&str, &[u64])] = &[("unet.x.m.lora_A.weight", &[2, 8]), ("unet.x.m.lora_B.weight", &[8, 2])];
    let adapter = Adapter::read(&header(keys, &[("lora_adapter_metadata", json)])).unwrap();
    assert_eq!(adapter.modules["unet.x.m"].scale, scale);
}

#[rstest]
#[case(&[("model.diffusion_model.x.weight", &[2, 2][..])], "is no LoRA: it seems to be a whole model, which -m names.")]
#[case(&[("emb_params", &[2, 768][..])], "is no LoRA: it seems to be a textual inversion.")]
#[case(&[("control_model.x.weight", &[2][..])], "is no LoRA: it seems to be a ControlNet.")]
#[case(&[("decoder.conv_in.weight", &[2][..])], "is no LoRA: it seems to be a VAE.")]
#[case(&[("x", &[2][..])], "is no LoRA: none of its tensors is called as a LoRA's are.")]
#[case(&[], "is no LoRA: it holds no tensor.")]
#[case(&[("m.alpha", &[][..])], "is no LoRA: none of its tensors is called as a LoRA's are.")]
#[case(&[("m.lora_down.weight", &[2, 2][..])], "is damaged, or of a kind that is not known: m has one of a LoRA's two parts without the other.")]
#[case(&[("m.hada_w1_a", &[2, 2][..])], "is damaged, or of a kind that is not known: m has a part of a LoHa alone.")]
#[case(&[("m.lokr_w1", &[2, 2][..])], "is damaged, or of a kind that is not known: m has one factor of a LoKr without the other.")]
#[case(&[("m.diff", &[2, 2][..]), ("m.alpha", &[3][..])], "is damaged, or of a kind that is not known: m has several numbers where one stands, as its alpha.")]
fn what_is_refused(#[case] keys: &[(&str, &[u64])], #[case] message: &str) {
    assert_eq!(Adapter::read(&header(keys, &[])).unwrap_err().to_string(), message);
}

proptest! {
    #[test]
    fn any_keys_are_sorted(keys in prop::collection::vec("[am]?\\.?(lora_(up|down|mid|A|B)|alpha|hada_w1_a|weight|on_input|lokr_w2|diff)?(\\.weight)?", 0..8)) {
        let keys: Vec<(&str, &[u64])> = keys.iter().map(|key| (key.as_str(), &[2u64, 2][..])).collect();
        let header = header(&keys, &[]);
        let all: BTreeMap<_, _> = header.tensors.clone();
        if let Ok(adapter) = Adapter::read(&header) {
            let sorted: usize = adapter.modules.values().map(|module| module.parts.len()).sum();
            prop_assert!(sorted + adapter.unknown.len() <= all.len());
        }
    }
}
