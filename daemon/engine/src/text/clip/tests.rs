//! The text encoder of random weights beside what `tests/oracle/clip.py` had transformers compute: each choice of layers, both
//! spellings of its tensors, what is refused, and a cancel. Ids are tested in `text/tokenizer/tests.rs`, real weights in
//! `families/stable_diffusion/emoji_tests.rs`.

use rstest::rstest;
use tch::{Kind, Tensor};

use super::*;
use crate::families::fixture::{Fixture, assert_close, renamed};
use crate::text::Select;
use crate::weights::Weights;
use crate::{Cancel, Error};

fn model(folder: &Fixture) -> ClipTextModel {
    ClipTextModel::new(
        &Weights::random("text_encoder"),
        &ClipTextConfig::from_json(&folder.json("config")).unwrap(),
    )
    .unwrap()
}

#[rstest]
#[case::quick_gelu("clip")]
#[case::gelu_and_old_eos("clip-legacy")]
fn equals_transformers(#[case] folder: &str) {
    let fixture = Fixture::open(folder);
    let model = model(&fixture);
    let run = |select| model.forward(&fixture.expected("ids"), select, &Cancel::new()).unwrap();

    let last = run(Select {
        pooled: true,
        ..Select::default()
    });
    assert_close(&last.hidden_states, &fixture.expected("last"), 1e-4);
    assert_close(&last.pooled.unwrap(), &fixture.expected("pooled"), 1e-4);
    for skip_layers in [1, 2] {
        for (final_layer_norm, name) in [(false, ""), (true, ".normed")] {
            let expected = fixture.expected(&format!("skip{skip_layers}{name}"));
            let alone = run(Select {
                skip_layers,
                final_layer_norm,
                pooled: false,
            });
            assert_close(&alone.hidden_states, &expected, 1e-4);
            assert!(alone.pooled.is_none());
            let both = run(Select {
                skip_layers,
                final_layer_norm,
                pooled: true,
            });
            assert_close(&both.hidden_states, &expected, 1e-4);
            assert_close(&both.pooled.unwrap(), &fixture.expected("pooled"), 1e-4);
        }
    }
}

#[test]
fn names_may_lack_text_model() {
    let fixture = Fixture::open("clip");
    let config = ClipTextConfig::from_json(&fixture.json("config")).unwrap();
    let build = |weights: &Weights| ClipTextModel::new(weights, &config);
    let (_folder, weights) = renamed("text_encoder", build, |key| key.replacen("text_model.", "", 1));
    let output = build(&weights)
        .unwrap()
        .forward(&fixture.expected("ids"), Select::default(), &Cancel::new());
    assert_close(&output.unwrap().hidden_states, &fixture.expected("last"), 1e-4);
}

#[rstest]
#[case::id_too_big(&[1, 100], 0, "text_encoder: config vocab_size: token 100 is outside the table of 100")]
#[case::negative_id(&[-1], 0, "token -1 is outside the table of 100")]
#[case::too_long(&[1; 17], 0, "config max_position_embeddings: is 16, the prompt has 17 tokens.")]
#[case::all_skipped(&[1], 3, "config num_hidden_layers: is 3: 3 of them cannot be skipped.")]
fn refuses_what_its_tables_lack(#[case] ids: &[i64], #[case] skip_layers: usize, #[case] message: &str) {
    let ids = Tensor::from_slice(ids).unsqueeze(0);
    let select = Select {
        skip_layers,
        ..Select::default()
    };
    let error = model(&Fixture::open("clip"))
        .forward(&ids, select, &Cancel::new())
        .unwrap_err()
        .to_string();
    assert!(error.contains(message), "{error}");
}

#[test]
fn a_cancel_ends_it() {
    let cancel = Cancel::new();
    cancel.raise();
    let ids = Tensor::zeros([1, 4], (Kind::Int64, tch::Device::Cpu));
    let result = model(&Fixture::open("clip")).forward(&ids, Select::default(), &cancel);
    assert!(matches!(result, Err(Error::Cancelled)));
}

#[test]
fn the_config_of_stable_diffusion_1_5_parses() {
    let config = ClipTextConfig::from_json(&Fixture::open("sd15-keys").json("text_encoder")).unwrap();
    let expected = ClipTextConfig {
        hidden_size: 768,
        intermediate_size: 3072,
        num_attention_heads: 12,
        ..ClipTextConfig::default()
    };
    assert_eq!(config, expected);
}
