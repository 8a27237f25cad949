//! The tokenizer beside transformers' on 500 prompts, and the decoder's hidden states beside those of a tiny Qwen3 (`tests/oracle/z_image.py`,
//! `qwen_tokens.py`). The template is compared where it is made, in `families/z_image/`.

use darkroom_formats::folder::Embedded;
use rstest::rstest;
use serde_json::json;
use tch::{Kind, Tensor};

use super::*;
use crate::families::fixture::{Fixture, asked, assert_close};
use crate::text::{Select, TextEncoder};
use crate::weights::Weights;
use crate::{Cancel, Error};

fn model() -> LanguageModel {
    let config = LanguageConfig::from_json(&Fixture::open("z-image").json("text_encoder")).unwrap();
    LanguageModel::new(&Weights::random("text_encoder"), &config).unwrap()
}

#[test]
fn hidden_states_are_those_of_transformers() {
    let (model, expected, cancel) = (model(), Fixture::open("z-image"), Cancel::new());
    let taps = [Tap::Normed, Tap::After(0), Tap::After(2), Tap::After(1)];
    for name in ["prompt", "negative"] {
        let ids = expected.expected(&format!("{name}.ids"));
        let found = model.hidden_states(&ids, None, &taps, &cancel).unwrap();
        for (found, k) in found.iter().zip([3, 0, 2, 1]) {
            assert_close(found, &expected.expected(&format!("{name}.hidden.{k}")), 1e-4);
        }
        let select = Select {
            skip_layers: 1,
            final_layer_norm: false,
            pooled: false,
        };
        let again = model.encode(&ids, select, &cancel).unwrap().hidden_states;
        assert!(again.equal(&found[2]));
        let normed = model.encode(&ids, Select::default(), &cancel).unwrap().hidden_states;
        assert!(normed.equal(&found[0]));
    }
}

#[test]
fn prompts_of_unlike_length_are_masked() {
    let (model, expected) = (model(), Fixture::open("z-image"));
    let (ids, mask) = (expected.expected("both.ids"), expected.expected("both.mask"));
    let mask = mask.to_kind(Kind::Bool);
    let found = model
        .hidden_states(&ids, Some(&mask), &[Tap::After(2), Tap::Normed], &Cancel::new())
        .unwrap();
    // What stands in for a word that does not count, too: FLUX.2 reads it.
    assert_close(&found[0], &expected.expected("both.hidden.2"), 1e-4);
    assert_close(&found[1], &expected.expected("both.hidden.3"), 1e-4);
}

#[test]
fn it_asks_for_the_tensors_of_the_published_model() {
    let config = json!({"model_type": "qwen3", "hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36,
        "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "rope_theta": 1e6, "max_position_embeddings": 40960});
    let config = LanguageConfig::from_json(config.to_string().as_bytes()).unwrap();
    let found = asked("text_encoder", |weights| LanguageModel::new(weights, &config));
    assert_eq!(found, Fixture::open("z-image-keys").key_list("text_encoder"));
}

#[test]
fn what_is_beyond_its_tables_is_told() {
    let (model, cancel) = (model(), Cancel::new());
    let ids = |length: i64, id: i64| Tensor::full([1, length], id, (Kind::Int64, tch::Device::Cpu));
    for (ids, taps, field) in [
        (ids(2, 151_936), [Tap::Normed], "vocab_size"),
        (ids(40_961, 0), [Tap::Normed], "max_position_embeddings"),
        (ids(2, 0), [Tap::After(4)], "num_hidden_layers"),
    ] {
        let error = model.hidden_states(&ids, None, &taps, &cancel).unwrap_err();
        assert!(
            matches!(&error, Error::Config { field: found, .. } if found == field),
            "{error}"
        );
    }
    cancel.raise();
    let cancelled = model.hidden_states(&ids(2, 0), None, &[Tap::Normed], &cancel);
    assert!(matches!(cancelled, Err(Error::Cancelled)));
}

/// Prompts and ids of `tests/oracle/qwen_tokens.py`.
pub fn prompts() -> Vec<(String, Vec<i64>)> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/qwen-tokens/prompts.json.gz"
    );
    let packed = std::fs::read(path).unwrap();
    serde_json::from_reader(flate2::read::GzDecoder::new(&packed[..])).unwrap()
}

#[test]
fn an_added_token_is_itself_and_so_is_a_space() {
    let tokenizer = LanguageTokenizer::qwen().unwrap();
    assert_eq!(tokenizer.encode("<|im_end|>").unwrap(), [151_645]);
    assert_eq!(tokenizer.encode("</think>").unwrap(), [151_668]);
    assert_eq!(tokenizer.encode("").unwrap(), [] as [i64; 0]);
    assert_eq!(tokenizer.encode(" ").unwrap().len(), 1);
}

/// Files with these texts.
fn embedded(files: &[(&'static str, &'static str)]) -> Embedded {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    Embedded {
        name: "m",
        files: files.leak(),
    }
}

/// A tokenizer of three letters, as a folder has it.
#[rstest]
#[case::whole(&[("t/tokenizer.json", r#"{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3}, "merges": ["a b"]},
    "added_tokens": [{"id": 4, "content": "<x>"}]}"#)])]
#[case::parts(&[("t/vocab.json", r#"{"a": 0, "b": 1, "c": 2, "ab": 3}"#), ("t/merges.txt", "a b\n"),
    ("t/added_tokens.json", r#"{"<x>": 4}"#)])]
#[case::pairs(&[("t/tokenizer.json", r#"{"model": {"vocab": {"a": 0, "b": 1, "c": 2, "ab": 3}, "merges": [["a", "b"]]}}"#),
    ("t/tokenizer_config.json", r#"{"added_tokens_decoder": {"4": {"content": "<x>"}}}"#)])]
fn a_folder_brings_its_own(#[case] files: &[(&'static str, &'static str)]) {
    let files = embedded(files);
    let tokenizer = LanguageTokenizer::in_folder(&files, "t", 5).unwrap();
    assert_eq!(tokenizer.encode("abc<x>b").unwrap(), [3, 2, 4, 1]);
    let error = LanguageTokenizer::in_folder(&files, "t", 4).unwrap_err().to_string();
    assert!(error.contains("added_tokens"), "{error}");
    let error = LanguageTokenizer::in_folder(&files, "t", 3).unwrap_err().to_string();
    assert!(error.contains("vocabulary"), "{error}");
    // Where there is none, Qwen's counts.
    let own = LanguageTokenizer::in_folder(&files, "other", 151_936).unwrap();
    assert_eq!(own.encode("<|im_start|>").unwrap(), [151_644]);
}

#[rstest]
#[case(&[("t/vocab.json", "{}")], "merges.txt")]
#[case(&[("t/merges.txt", "a b")], "vocab.json")]
#[case(&[("t/tokenizer.json", r#"{"model": {"type": "Unigram", "vocab": {}, "merges": []}}"#)], "language model's kind")]
#[case(&[("t/tokenizer.json", r#"{"model": {"end_of_word_suffix": "</w>", "vocab": {}, "merges": []}}"#)], "language model's kind")]
#[case(&[("t/tokenizer.json", "[")], "tokenizer.json")]
#[case(&[("t/tokenizer.json", r#"{"model": {"vocab": {"a": 0}, "merges": ["a b"]}}"#)], "the vocabulary lacks")]
#[case(&[("t/tokenizer.json", r#"{"model": {"vocab": {"a": 0}, "merges": []}, "added_tokens": [{"id": 3, "content": "<x>"}]}"#)], "<x>")]
fn what_is_no_such_tokenizer_is_told(#[case] files: &[(&'static str, &'static str)], #[case] says: &str) {
    let error = LanguageTokenizer::in_folder(&embedded(files), "t", 100).unwrap_err();
    assert!(error.to_string().contains(says), "{error}");
}
