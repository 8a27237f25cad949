//! How other programs read prompts, and what they make of a CLIP of random weights: `tests/oracle/prompts.py` had them do it.

use std::path::Path as File;
use std::rc::Rc;

use darkroom_protocol::{Emphasis, PromptSyntax};
use rstest::rstest;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::chunks::lay;
use super::tests::tokenizer;
use super::{
    Concept, ConceptFile, Path, Piece, Rules, Wording, attention, comfy, compel, composition, encode, read, schedule,
};
use crate::Cancel;
use crate::families::fixture::{Fixture, assert_close};
use crate::text::clip::{ClipTextConfig, ClipTextModel};
use crate::text::{Select, Tokenizer};
use crate::weights::Weights;

/// A prompt, and its texts with their weights.
type Weighed = (String, Vec<(String, f64)>);
/// A prompt and a number of steps, and the text until each step.
type Scheduled = (String, usize, Vec<(usize, String)>);
/// A prompt, and the tokens and weights of each of its chunks.
type Chunked = (String, Vec<(Vec<i64>, Vec<f32>)>);

#[derive(Deserialize)]
struct Cases {
    attention: Vec<Weighed>,
    schedules: Vec<Scheduled>,
    composed: Vec<Weighed>,
    comfy: Vec<Weighed>,
    compel: Vec<Weighed>,
    chunks: Vec<Chunked>,
    states: Vec<String>,
}

fn fixture(name: &str) -> std::path::PathBuf {
    File::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/prompts")
        .join(name)
}

fn parsed<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_str(&std::fs::read_to_string(fixture(name)).unwrap()).unwrap()
}

/// Pieces as pairs; a break as AUTOMATIC1111 has it.
fn pairs(pieces: Vec<Piece>) -> Vec<(String, f64)> {
    let pair = |piece| match piece {
        Piece::Text(text, weight) => (text, weight),
        Piece::Break => ("BREAK".to_owned(), -1.0),
    };
    pieces.into_iter().map(pair).collect()
}

/// All that differ, so that one run shows them.
fn compare<T: PartialEq + std::fmt::Debug>(cases: impl Iterator<Item = (String, T, T)>, at_least: usize) {
    let mut count = 0;
    let wrong: Vec<String> = cases
        .filter_map(|(text, found, expected)| {
            count += 1;
            (found != expected).then(|| format!("{text:?}\n  found    {found:?}\n  expected {expected:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= at_least, "{count} cases");
}

#[test]
fn weights_are_automatic1111s() {
    let cases = parsed::<Cases>("cases.json").attention.into_iter();
    compare(
        cases.map(|(text, expected)| {
            let found = pairs(attention::parse(&text));
            (text, found, expected)
        }),
        200,
    );
}

#[test]
fn schedules_are_automatic1111s() {
    let cases = parsed::<Cases>("cases.json").schedules.into_iter();
    compare(
        cases.map(|(text, steps, expected)| {
            // Here equal neighbours are one.
            let mut merged: Vec<(usize, String)> = Vec::new();
            for (last, text) in expected {
                match merged.last_mut() {
                    Some((until, same)) if *same == text => *until = last,
                    _ => merged.push((last, text)),
                }
            }
            let found = schedule::schedule(&text, steps, None);
            (format!("{text} over {steps}"), found, merged)
        }),
        280,
    );
}

#[test]
fn compositions_are_automatic1111s() {
    let cases = parsed::<Cases>("cases.json")
        .composed
        .into_iter()
        .filter(|(_, parts)| parts.len() > 1);
    compare(
        cases.map(|(text, expected)| {
            let parts = composition::parts(&text).into_iter();
            let found = parts
                .map(|(text, weight)| (text.to_owned(), weight))
                .collect::<Vec<_>>();
            (text.clone(), found, expected)
        }),
        15,
    );
    assert_eq!(composition::parts("a clock at 10:30"), [("a clock at 10:30", 1.0)]);
}

#[test]
fn weights_are_comfyuis() {
    let cases = parsed::<Cases>("cases.json").comfy.into_iter();
    compare(
        cases.map(|(text, expected)| {
            let expected = if expected.is_empty() {
                vec![(String::new(), 1.0)]
            } else {
                expected
            };
            let found = pairs(comfy::parse(&text));
            (text, found, expected)
        }),
        20,
    );
}

/// compel joins words by spaces of its own; tokens do not depend on them.
#[test]
fn weights_are_compels() {
    let bare = |pieces: Vec<(String, f64)>| {
        let mut bare: Vec<(String, i64)> = Vec::new();
        for (text, weight) in pieces {
            let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
            let weight = (weight * 1e9).round() as i64;
            match bare.last_mut() {
                _ if text.is_empty() => {}
                Some((before, same)) if *same == weight => before.push_str(&text),
                _ => bare.push((text, weight)),
            }
        }
        bare
    };
    let cases = parsed::<Cases>("cases.json").compel.into_iter();
    compare(
        cases.map(|(text, expected)| {
            let found = bare(pairs(compel::parse(&text).unwrap()));
            (text, found, bare(expected))
        }),
        25,
    );
    let error = compel::parse("(\"a\", \"b\").blend(0.5, 0.5)").unwrap_err().to_string();
    assert!(error.starts_with("compel's .blend("), "{error}");
}

#[test]
fn chunks_are_automatic1111s() {
    let tokenizer = tokenizer();
    let cases = parsed::<Cases>("cases.json").chunks.into_iter();
    compare(
        cases.map(|(text, expected)| {
            let chunks = lay(tokenizer, &worded(&text, Emphasis::Original)).unwrap().into_iter();
            let found = chunks.map(|chunk| (chunk.ids, chunk.weights)).collect();
            (text, found, expected)
        }),
        15,
    );
}

fn rules(emphasis: Emphasis) -> Rules {
    Rules {
        syntax: PromptSyntax::A1111,
        emphasis,
        clip_skip: None,
        steps: 10,
        before: None,
        concepts: Rc::new([]),
    }
}

fn worded(text: &str, emphasis: Emphasis) -> Wording {
    Wording {
        pieces: attention::parse(text),
        ..read("", &rules(emphasis), false).unwrap()[0].spans[0].wording.clone()
    }
}

fn states(tokenizer: &Tokenizer, wording: &Wording) -> crate::Result<tch::Tensor> {
    let config = ClipTextConfig::from_json(&Fixture::open("prompts").json("config")).unwrap();
    let encoder = ClipTextModel::new(&Weights::random("text_encoder"), &config).unwrap();
    let path = Path {
        tokenizer,
        encoder: Rc::new(encoder),
        select: Select::default(),
        skips: true,
        width: 16,
    };
    encode(&[path], wording, &Cancel::new())?.joined()
}

#[rstest]
#[case("Original", Emphasis::Original)]
#[case("No norm", Emphasis::NoNorm)]
#[case("Ignore", Emphasis::Ignore)]
#[case("Comfy", Emphasis::Comfy)]
#[case("Compel", Emphasis::Compel)]
fn what_weights_do_is_as_elsewhere(#[case] name: &str, #[case] emphasis: Emphasis) {
    let tokenizer = tokenizer();
    let mut compared = 0;
    for (number, text) in parsed::<Cases>("cases.json").states.iter().enumerate() {
        // compel is asked for prompts of one chunk: it parts longer ones in another way.
        if emphasis == Emphasis::Compel && number > 2 {
            continue;
        }
        let expected = Fixture::open("prompts").expected(&format!("{number}.{name}"));
        assert_close(&states(tokenizer, &worded(text, emphasis)).unwrap(), &expected, 1e-5);
        compared += 1;
    }
    assert!(compared > 2);
}

#[rstest]
#[case("1", 1, 1.0)]
#[case("2", 1, 2.0)]
#[case("3", 1, 3.0)]
#[case("1.25", 0, 1.25)]
#[case("2.5", 0, 2.5)]
fn layers_are_skipped_as_elsewhere(#[case] name: &str, #[case] text: usize, #[case] skip: f64) {
    let tokenizer = tokenizer();
    let mut wording = worded(&parsed::<Cases>("cases.json").states[text], Emphasis::Original);
    wording.clip_skip = Some(skip);
    let expected = Fixture::open("prompts").expected(&format!("skip.{name}"));
    assert_close(&states(tokenizer, &wording).unwrap(), &expected, 1e-5);
    wording.clip_skip = Some(4.0);
    let error = states(tokenizer, &wording).unwrap_err().to_string();
    assert!(error.starts_with("--clip-skip 4: "), "{error}");
}

fn concept(file: &str) -> crate::Result<Concept> {
    use sha2::Digest as _;
    let path = fixture(file);
    let sha256 = darkroom_protocol::hash::hex(sha2::Sha256::digest(std::fs::read(&path).unwrap()));
    Concept::read(&ConceptFile {
        name: "Style".to_owned(),
        path: path.display().to_string(),
        sha256,
    })
}

#[rstest]
#[case("a photo style, red")]
#[case("a photo STYLE , red")]
#[case("a photo embedding:style, red")]
#[case("a photo embedding:Style.pt, red")]
fn an_embedding_takes_the_place_of_its_name(
    #[case] text: &str,
    #[values("style.safetensors", "style.pt", "style-legacy.pt", "style.bin")] file: &str,
) {
    let tokenizer = tokenizer();
    let mut wording = worded(text, Emphasis::Original);
    wording.concepts = Rc::new([concept(file).unwrap()]);
    let expected = Fixture::open("prompts").expected("concept");
    assert_close(&states(tokenizer, &wording).unwrap(), &expected, 1e-5);
}

#[test]
fn an_embedding_that_does_not_fit_is_named() {
    let tokenizer = tokenizer();
    let mut wording = worded("a style", Emphasis::Original);
    wording.concepts = Rc::new([concept("style-xl.safetensors").unwrap()]);
    let error = states(tokenizer, &wording).unwrap_err().to_string();
    assert!(
        error.contains("style-xl.safetensors) has vectors of 16 and 20"),
        "{error}"
    );
    let both = concept("style-xl.safetensors").unwrap();
    let widths = |at| both.for_encoder(&[16, 20], at).unwrap().size();
    assert_eq!((widths(0), widths(1)), (vec![3, 16], vec![3, 20]));
    let pickled = concept("style-xl.pt").unwrap();
    for at in 0..2 {
        let [one, other] = [&both, &pickled].map(|concept| concept.for_encoder(&[16, 20], at).unwrap());
        assert!(one.equal(other));
    }
    let error = concept("hostile.pt").unwrap_err().to_string();
    assert!(
        error.contains("hostile.pt) is a pickle that cannot be used") && error.contains("system"),
        "{error}"
    );
    let unknown = worded("embedding:nobody", Emphasis::Original);
    let error = states(tokenizer, &unknown).unwrap_err().to_string();
    assert!(error.contains("There is no embedding nobody"), "{error}");
}
