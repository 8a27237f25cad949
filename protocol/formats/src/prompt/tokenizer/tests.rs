//! The tokenizer beside the ids that `tests/oracle/clip_tokenizer.py` had transformers give, from each kind of folder; chunks and
//! what they drop, added tokens, and files that are damaged or do not fit. What the small files about marks mean is tested in
//! `crate::tokenizer`.

use std::borrow::Cow;
use std::collections::HashMap;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::tables::Tables;
use super::*;

const STRINGS: &str = include_str!("../../../tests/fixtures/clip-tokenizer/strings.json");

type Case = (String, usize, Vec<i64>);

/// Files of a made-up folder.
type Folder<'a> = HashMap<&'a str, Vec<u8>>;

fn cases(of: &str) -> Vec<Case> {
    let mut all: HashMap<String, Vec<Case>> = serde_json::from_str(STRINGS).unwrap();
    all.remove(of).unwrap()
}

fn open(folder: &Folder) -> Result<Tokenizer> {
    open_for(folder, Encoder::CLIP)
}

fn open_for(folder: &Folder, encoder: Encoder) -> Result<Tokenizer> {
    Tokenizer::open(
        |name| Ok(folder.get(name).map(|bytes| Cow::Owned(bytes.clone()))),
        encoder,
    )
}

/// OpenAI CLIP's tables, written as published folders have them.
fn vocab_and_merges() -> Folder<'static> {
    let tables = Tables::embedded().unwrap();
    let merges: Vec<_> = tables.merges.iter().map(|(a, b)| format!("{a} {b}\n")).collect();
    HashMap::from([
        ("vocab.json", serde_json::to_vec(&tables.vocab).unwrap()),
        ("merges.txt", format!("#version: 0.2\n{}", merges.concat()).into_bytes()),
    ])
}

fn tokenizer_json(merge: impl Fn(&(String, String)) -> Value) -> Folder<'static> {
    let tables = Tables::embedded().unwrap();
    let merges: Vec<_> = tables.merges.iter().map(merge).collect();
    let model = json!({"type": "BPE", "end_of_word_suffix": "</w>", "vocab": tables.vocab, "merges": merges});
    HashMap::from([(
        "tokenizer.json",
        serde_json::to_vec(&json!({ "model": model })).unwrap(),
    )])
}

#[rstest]
#[case::embedded(HashMap::new())]
#[case::vocab_and_merges(vocab_and_merges())]
#[case::tokenizer_json(tokenizer_json(|pair| json!(pair)))]
#[case::old_tokenizer_json(tokenizer_json(|(a, b)| json!(format!("{a} {b}"))))]
fn hard_strings_have_the_ids_of_transformers(#[case] folder: Folder) {
    let tokenizer = open(&folder).unwrap();
    for (text, times, ids) in cases("clip") {
        assert_eq!(
            tokenizer.encode(&text.repeat(times)).unwrap(),
            ids,
            "{text:?} × {times}"
        );
    }
}

#[test]
fn the_tables_in_the_program_are_those_of_a_published_folder() {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../daemon/engine/assets/emoji/tokenizer/"
    );
    let read = |name: &str| std::fs::read(format!("{folder}{name}")).unwrap();
    let published = Tables::from_vocab_and_merges(&read("vocab.json"), &read("merges.txt")).unwrap();
    let derived = Tables::embedded().unwrap();
    assert_eq!(derived.vocab.len(), 49_408);
    assert_eq!((derived.vocab, derived.merges), (published.vocab, published.merges));
}

#[rstest]
#[case::string(json!({"pad_token": "!"}))]
#[case::object(json!({"pad_token": {"content": "!", "normalized": true}, "model_max_length": 77}))]
fn marks_come_from_the_folder(#[case] config: Value) {
    let bytes = serde_json::to_vec(&config).unwrap();
    for name in ["tokenizer_config.json", "special_tokens_map.json"] {
        let tokenizer = open(&HashMap::from([(name, bytes.clone())])).unwrap();
        assert_eq!((tokenizer.bos(), tokenizer.eos(), tokenizer.pad()), (49_406, 49_407, 0));
        for (text, times, ids) in cases("sd2") {
            assert_eq!(tokenizer.encode(&text.repeat(times)).unwrap(), ids, "{text:?}");
        }
    }
}

#[test]
fn a_chunk_has_77_places() {
    let tokenizer = Tokenizer::embedded().unwrap();
    let chunk = tokenizer.chunk("a red apple").unwrap();
    let mut expected = vec![49_406, 320, 736, 3055];
    expected.resize(77, 49_407);
    assert_eq!(
        chunk,
        Chunk {
            ids: expected,
            used: 3,
            dropped: None
        }
    );

    let empty = tokenizer.chunk("").unwrap();
    assert_eq!(
        (empty.ids.len(), empty.ids[0], empty.ids[1], empty.used),
        (77, 49_406, 49_407, 0)
    );
}

#[test]
fn a_chunk_says_what_it_drops() {
    let tokenizer = Tokenizer::embedded().unwrap();
    let text = format!("{}Über  alles É", "dog ".repeat(75));
    let chunk = tokenizer.chunk(&text).unwrap();
    assert_eq!((chunk.ids.len(), chunk.used, chunk.ids[76]), (77, 75, 49_407));
    let dropped = chunk.dropped.unwrap();
    assert_eq!(dropped.text, "Über  alles É");
    assert_eq!(dropped.tokens, tokenizer.encode(&text).unwrap().len() - 75);

    let exact = tokenizer.chunk(&"dog ".repeat(75)).unwrap();
    assert_eq!((exact.used, exact.dropped), (75, None));
}

#[rstest]
#[case::not_json(
    "tokenizer.json",
    "{",
    "tokenizer: config tokenizer.json: is not JSON of a tokenizer: EOF while"
)]
#[case::no_model("tokenizer.json", "{}", "tokenizer: config tokenizer.json: is not a BPE tokenizer")]
#[case::word_piece(
    "tokenizer.json",
    r#"{"model": {"type": "WordPiece", "vocab": {}, "merges": []}}"#,
    "is not CLIP's kind of BPE"
)]
#[case::other_bpe(
    "tokenizer.json",
    r#"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}"#,
    "is not CLIP's kind of BPE"
)]
#[case::merge_too_long(
    "tokenizer.json",
    r#"{"model": {"end_of_word_suffix": "</w>", "vocab": {"a": 0}, "merges": [["a", "a"]]}}"#,
    r#"joins "a" and "a", which the vocabulary lacks"#
)]
#[case::not_a_pair(
    "tokenizer.json",
    r#"{"model": {"end_of_word_suffix": "</w>", "vocab": {"a": 0}, "merges": ["a"]}}"#,
    "has a merge that is not a pair"
)]
#[case::huge_id(
    "tokenizer.json",
    r#"{"model": {"end_of_word_suffix": "</w>", "vocab": {"a": 4294967295}, "merges": []}}"#,
    r#"numbers "a" as 4294967295"#
)]
#[case::no_marks(
    "tokenizer.json",
    r#"{"model": {"end_of_word_suffix": "</w>", "vocab": {"a": 0}, "merges": []}}"#,
    r#"config bos_token: "<|startoftext|>" is not in the vocabulary."#
)]
#[case::strange_mark(
    "tokenizer_config.json",
    r#"{"bos_token": "<s>"}"#,
    r#"config bos_token: "<s>" is not in"#
)]
#[case::config_is_a_list("tokenizer_config.json", "[]", "config tokenizer_config.json: is not a JSON object")]
#[case::merges_alone("merges.txt", "a b", "config vocab.json: is missing beside merges.txt")]
#[case::vocab_alone("vocab.json", "{}", "config merges.txt: is missing beside vocab.json")]
fn bad_files_are_named(#[case] name: &str, #[case] text: &str, #[case] message: &str) {
    let error = open(&HashMap::from([(name, text.as_bytes().to_vec())]))
        .unwrap_err()
        .to_string();
    assert!(error.contains(message), "{error}");
}

#[rstest]
#[case::not_numbers(r#"{"a": "b"}"#, "a b", "config vocab.json: is not an object of numbered pieces")]
#[case::negative(r#"{"a": -1}"#, "a b", "config vocab.json: is not an object of numbered pieces")]
#[case::no_space("{}", "#version: 0.2\nab", "config merges.txt: line 2 is not a pair of pieces.")]
#[case::three("{}", "a b c", "config merges.txt: line 1 is not a pair of pieces.")]
#[case::not_utf8("{}", "\u{fffd}", "config merges.txt: line 1 is not a pair of pieces.")]
#[case::strangers(r#"{"a": 0, "b": 1}"#, "a b", r#"joins "a" and "b", which the vocabulary lacks"#)]
fn bad_tables_are_named(#[case] vocab: &str, #[case] merges: &str, #[case] message: &str) {
    let error = Tables::from_vocab_and_merges(vocab.as_bytes(), merges.as_bytes())
        .unwrap_err()
        .to_string();
    assert!(error.contains(message), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_merges_file_panics(merges in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(Tables::from_vocab_and_merges(b"{}", &merges));
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        thread_local!(static TOKENIZER: Tokenizer = Tokenizer::embedded().unwrap());
        let chunk = TOKENIZER.with(|tokenizer| tokenizer.chunk(&text)).unwrap();
        prop_assert_eq!(chunk.ids.len(), 77);
    }
}

/// A token beyond the published table, in each of its spellings.
#[rstest]
#[case::by_name("added_tokens.json", json!({"<cat-toy>": 49_408}))]
#[case::by_number("tokenizer_config.json", json!({"added_tokens_decoder": {"49408": {"content": "<cat-toy>"}}}))]
#[case::special("special_tokens_map.json", json!({"additional_special_tokens": ["<cat-toy>"]}))]
fn added_tokens_are_found_whole(#[case] file: &str, #[case] json: Value) {
    let folder = HashMap::from([(file, serde_json::to_vec(&json).unwrap())]);
    let longer = Encoder {
        rows: 49_409,
        ..Encoder::CLIP
    };
    let tokenizer = open_for(&folder, longer).unwrap();
    assert_eq!(tokenizer.encode("a <cat-toy>.").unwrap(), [320, 49_408, 269]);
    assert_eq!(tokenizer.chunk("a<cat-toy>").unwrap().ids[1..3], [320, 49_408]);
    let refused = open(&folder).unwrap().chunk("a <cat-toy>.").unwrap_err().to_string();
    assert!(
        refused.contains("\"<cat-toy>\" in the prompt is token 49408, and the text encoder's table has 49408 rows"),
        "{refused}"
    );
    assert!(open(&folder).unwrap().chunk("a cat toy").is_ok());
}

#[test]
fn added_tokens_of_tokenizer_json_are_found_with_their_flags() {
    let mut folder = tokenizer_json(|pair| json!(pair));
    let mut whole: Value = serde_json::from_slice(&folder["tokenizer.json"]).unwrap();
    whole["added_tokens"] = json!([
        {"id": 49_408, "content": "<T>", "normalized": true, "lstrip": true, "rstrip": false, "single_word": false, "special": false},
        {"id": 49_409, "content": "blorp", "normalized": true, "lstrip": false, "rstrip": false, "single_word": true, "special": false},
    ]);
    folder.insert("tokenizer.json", serde_json::to_vec(&whole).unwrap());
    let tokenizer = open_for(
        &folder,
        Encoder {
            rows: 49_410,
            ..Encoder::CLIP
        },
    )
    .unwrap();
    // As transformers 5.24 has them: normalised tokens are found in lower case, a single word only by itself.
    assert_eq!(tokenizer.encode("a <t> b").unwrap(), [320, 49_408, 321]);
    assert_eq!(
        tokenizer.encode("a blorp, blorps").unwrap(),
        [320, 49_409, 267, 833, 523, 814]
    );
}

#[rstest]
#[case::gap(json!({"added_tokens.json": {"<a>": 49_409}}), "numbers the token \"<a>\" as 49409; after the vocabulary and the tokens before it, it would be 49408.")]
#[case::taken(json!({"added_tokens.json": {"dog</w>": 49_408}}), "as 49408")]
#[case::class(json!({"tokenizer_config.json": {"tokenizer_class": "BertTokenizer"}}), "tokenizer_class is BertTokenizer")]
#[case::length(json!({"tokenizer_config.json": {"model_max_length": 248}}), "model_max_length is 248, and the text encoder has 77 positions")]
#[case::mark(json!({"tokenizer_config.json": {"pad_token": "<p>"}, "added_tokens.json": {"<p>": 49_408}}), "\"<p>\" is number 49408, and the text encoder's table has 49408 rows")]
fn files_that_do_not_fit_are_named(#[case] files: Value, #[case] message: &str) {
    let files = files.as_object().unwrap().iter();
    let folder: Folder = files
        .map(|(name, json)| (name.as_str(), serde_json::to_vec(json).unwrap()))
        .collect();
    let error = open(&folder).unwrap_err().to_string();
    assert!(error.contains(message), "{error}");
}

#[test]
fn a_chunk_is_as_long_as_the_tokenizer_says_or_the_encoder_reads() {
    let long = Encoder {
        positions: 248,
        ..Encoder::CLIP
    };
    let text = "dog ".repeat(300);
    let all = open_for(&HashMap::new(), long).unwrap().chunk(&text).unwrap();
    assert_eq!((all.ids.len(), all.used, all.ids[247]), (248, 246, 49_407));
    let config = |json: Value| HashMap::from([("tokenizer_config.json", serde_json::to_vec(&json).unwrap())]);
    let short = open_for(&config(json!({"model_max_length": 20})), long).unwrap();
    assert_eq!(short.chunk(&text).unwrap().ids.len(), 20);
    assert_eq!(short.chunk(&text).unwrap().dropped.unwrap().tokens, 282);
}

#[test]
fn sides_are_those_that_the_files_name() {
    let config = json!({"truncation_side": "left", "padding_side": "left", "model_max_length": 5});
    let folder = HashMap::from([("tokenizer_config.json", serde_json::to_vec(&config).unwrap())]);
    let tokenizer = open(&folder).unwrap();
    assert_eq!(tokenizer.chunk("a").unwrap().ids, [49_407, 49_407, 49_406, 320, 49_407]);
    let cut = tokenizer.chunk("Red a b c d").unwrap();
    assert_eq!(cut.ids, [49_406, 321, 322, 323, 49_407].map(|id| id));
    assert_eq!(cut.dropped.unwrap().text, "Red a ");
}
