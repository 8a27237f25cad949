//! T5's tokenizer beside transformers' (`tests/oracle/t5_tokenizer.py`), and its encoder beside `T5EncoderModel` (`tests/oracle/flux.py`).

use std::io::Read as _;

use flate2::read::GzDecoder;
use rstest::rstest;
use tch::{Kind, Tensor};

use super::pieces::Pieces;
use super::*;
use crate::Cancel;
use crate::families::fixture::{Fixture, asked, assert_close};
use crate::text::{Select, TextEncoder, Words};
use crate::weights::Weights;

fn cases() -> Vec<(String, Vec<i64>)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/t5-tokenizer/cases.json.gz");
    let mut text = String::new();
    let packed = std::fs::read(path).unwrap();
    GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn five_hundred_texts_are_spelled_as_by_transformers() {
    let tokenizer = T5Tokenizer::embedded(32_128).unwrap();
    let cases = cases();
    assert_eq!(cases.len(), 500);
    for (text, expected) in cases {
        let ids = tokenizer.ids(&text).unwrap();
        let padded = T5Tokenizer::padded(&ids, 512);
        let kept = expected.len().min(512);
        assert_eq!(padded.ids[..kept - 1], expected[..kept - 1], "{text:?}");
        assert_eq!((padded.ids[kept - 1], padded.used), (1, kept), "{text:?}");
        assert!(padded.ids.len() == 512 && padded.ids[kept..].iter().all(|id| *id == 0));
        let dropped = tokenizer.dropped(&text, 512).unwrap();
        assert_eq!(
            dropped.map_or(0, |dropped| dropped.tokens),
            expected.len() - kept,
            "{text:?}"
        );
    }
}

#[test]
fn the_end_that_finds_no_room_is_told() {
    let tokenizer = T5Tokenizer::embedded(32_128).unwrap();
    let dropped = tokenizer.dropped("red apple, blue pear", 4).unwrap().unwrap();
    assert_eq!((dropped.tokens, dropped.text.trim()), (3, "blue pear"));
    assert_eq!(tokenizer.dropped("red apple, blue pear", 9).unwrap(), None);
    let narrow = T5Tokenizer::embedded(100).unwrap();
    let message = narrow.ids("the photosynthesis").unwrap_err().to_string();
    assert!(message.contains("\"photo\" in the prompt is token 1202"), "{message}");
}

/// A `spiece.model` of these pieces.
fn spiece(pieces: &[(&str, f32)]) -> Vec<u8> {
    let mut all = Vec::new();
    for (piece, score) in pieces {
        let mut one = vec![10, piece.len() as u8];
        one.extend(piece.as_bytes());
        one.push(21);
        one.extend(score.to_le_bytes());
        one.extend([24, 1]);
        all.extend([10, one.len() as u8]);
        all.extend(one);
    }
    all
}

#[test]
fn pieces_are_the_same_from_both_files() {
    let pieces = [
        ("<pad>", 0.0),
        ("</s>", 0.0),
        ("<unk>", 0.0),
        ("▁", -2.5),
        ("▁a", -3.25),
    ];
    let json = serde_json::json!({"model": {"type": "Unigram", "unk_id": 2, "vocab": pieces}}).to_string();
    let from_spiece = Pieces::from_spiece(&spiece(&pieces)).unwrap();
    assert_eq!(from_spiece, Pieces::from_tokenizer_json(json.as_bytes()).unwrap());
    assert_eq!(from_spiece.0[4], ("▁a".to_owned(), -3.25));
    assert_eq!(Pieces::embedded().unwrap().0.0.len(), 32_000);
}

#[rstest]
#[case::short(&spiece(&[("<pad>", 0.0)]), "1 pieces")]
#[case::other(&spiece(&[("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0)]), "does not begin")]
#[case::nan(&spiece(&[("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("a", f32::NAN)]), "score")]
#[case::cut(&spiece(&[("<pad>", 0.0), ("</s>", 0.0)])[..9], "damaged")]
#[case::long(&[10, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], "damaged")]
fn what_is_no_table_is_refused(#[case] bytes: &[u8], #[case] what: &str) {
    let message = Pieces::from_spiece(bytes).unwrap_err().to_string();
    assert!(message.contains("spiece.model") && message.contains(what), "{message}");
    let message = Pieces::from_tokenizer_json(bytes).unwrap_err().to_string();
    assert!(message.contains("tokenizer.json"), "{message}");
}

proptest::proptest! {
    #[test]
    fn no_bytes_and_no_text_panic(bytes: Vec<u8>, text: String) {
        let _ = Pieces::from_spiece(&bytes);
        let _ = Pieces::from_tokenizer_json(&bytes);
        TOKENIZER.with(|tokenizer| tokenizer.ids(&text).unwrap());
    }
}

thread_local! {
    static TOKENIZER: T5Tokenizer = T5Tokenizer::embedded(32_128).unwrap();
}

fn encoder() -> (Fixture, T5Encoder) {
    let fixture = Fixture::open("flux");
    let config = T5Config::from_json(&fixture.json("dev/text_encoder_2/config")).unwrap();
    let encoder = T5Encoder::new(&Weights::random("text_encoder_2"), &config).unwrap();
    (fixture, encoder)
}

#[test]
fn states_are_those_of_transformers() {
    let (fixture, encoder) = encoder();
    let ids = fixture.stage("t5.ids");
    let found = encoder.encode(&ids, Select::default(), &Cancel::new()).unwrap();
    let every = |states: &Tensor| states.slice(1, 0, None, 16);
    assert_close(&every(&found.hidden_states), &fixture.stage("t5.last"), 1e-4);
}

/// Chroma's way: no place looks at the padding, and one state of it is read.
#[test]
fn hidden_places_are_not_looked_at() {
    let (fixture, encoder) = encoder();
    let ids = fixture.stage("t5.ids");
    let used = fixture.stage("t5.masked").size()[1];
    let ids = ids.narrow(1, 0, used);
    let words = Words {
        hidden: &[used - 1],
        ..Words::of(&ids)
    };
    let found = encoder.encode_words(&words, Select::default(), &Cancel::new()).unwrap();
    assert_close(&found.hidden_states, &fixture.stage("t5.masked"), 1e-4);
}

/// In f16 the MLP's way out is larger than any f16 number; the states are finite and nearly the same.
#[test]
fn f16_does_not_overflow() {
    let (fixture, _) = encoder();
    let mut config = T5Config::from_json(&fixture.json("dev/text_encoder_2/config")).unwrap();
    config.num_layers = 1;
    let recorder = Weights::recorder("t5");
    drop(T5Encoder::new(&recorder, &config).unwrap());
    let random = Weights::random("t5");
    let folder = tempfile::tempdir().unwrap();
    let write = |kind: Kind| {
        let tensor = |(key, shape): (String, Vec<i64>)| {
            let factor = if key.contains("wi_1") || key.contains(".wo.") {
                600.0
            } else {
                1.0
            };
            let values = random.get(&key, &shape).unwrap() * factor;
            (key, values.to_kind(Kind::Half).to_kind(kind))
        };
        let tensors: Vec<_> = recorder.asked().into_iter().map(tensor).collect();
        let name = format!("{kind:?}.safetensors");
        Tensor::write_safetensors(&tensors, folder.path().join(&name)).unwrap();
        let source = darkroom_protocol::ModelSource::Folder(folder.path().display().to_string());
        let source = crate::weights::Source::open(&source).unwrap();
        let weights = Weights::open("t5", &source, &[name], crate::torch::Device::Cpu, None, Cancel::new()).unwrap();
        let encoder = T5Encoder::new(&weights, &config).unwrap();
        let ids = fixture.stage("t5.ids").narrow(1, 0, 24);
        let found = encoder.encode(&ids, Select::default(), &Cancel::new()).unwrap();
        found.hidden_states.to_kind(Kind::Float)
    };
    let (exact, found) = (write(Kind::Float), write(Kind::Half));
    assert_close(&found, &exact, 2e-2);
}

#[test]
fn the_published_tensors_are_asked_for() {
    let fixture = Fixture::open("flux");
    let config = T5Config::from_json(&fixture.json("t5-xxl")).unwrap();
    assert!(asked("t5", |w| T5Encoder::new(w, &config)) == fixture.key_list("t5-xxl"));
}

#[rstest]
#[case(r#"{"feed_forward_proj": "relu"}"#, "gated-gelu")]
#[case("{}", "feed_forward_proj")]
#[case(r#"{"feed_forward_proj": "gated-gelu", "relative_attention_max_distance": 4, "relative_attention_num_buckets": 32}"#, "max_distance")]
#[case(r#"{"feed_forward_proj": "gated-gelu", "num_heads": 0}"#, "num_heads")]
fn other_encoders_are_refused(#[case] json: &str, #[case] what: &str) {
    let message = T5Config::from_json(json.as_bytes()).unwrap_err().to_string();
    assert!(message.contains(what), "{message}");
}
