//! What the syntaxes come to together, what is refused, and that nothing a person writes makes them slow or panic. Numbers of other
//! programs are in `oracle.rs`.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::LazyLock;

use darkroom_protocol::{Emphasis, PromptSyntax};
use proptest::prelude::*;
use rstest::rstest;
use tch::Tensor;

use super::chunks::lay;
use super::*;
use crate::text::{Hidden, Select, TextEncoder, Tokenizer};
use crate::{Cancel, Result};

const ALL: [PromptSyntax; 4] = [
    PromptSyntax::A1111,
    PromptSyntax::Comfy,
    PromptSyntax::Compel,
    PromptSyntax::Plain,
];

/// CLIP's, read once.
pub fn tokenizer() -> &'static Tokenizer {
    static CLIP: LazyLock<Tokenizer> = LazyLock::new(|| Tokenizer::embedded().unwrap());
    &CLIP
}

fn rules(syntax: PromptSyntax) -> Rules {
    Rules {
        syntax,
        emphasis: syntax.emphasis(),
        clip_skip: None,
        steps: 10,
        before: None,
        concepts: Rc::new([]),
    }
}

#[rstest]
fn words_alone_are_one_piece(
    #[values(0, 1, 2, 3)] syntax: usize,
    #[values("", "a fox, in the snow", "ü 3:2 _x_")] text: &str,
) {
    let parts = read(text, &rules(ALL[syntax]), true).unwrap();
    assert_eq!((parts.len(), parts[0].weight, parts[0].spans.len()), (1, 1.0, 1));
    assert_eq!(parts[0].spans[0].wording.pieces, [Piece::plain(text)]);
}

#[test]
fn a_break_between_brackets_breaks_and_weighs_nothing() {
    let text = |text: &str, weight| Piece::Text(text.to_owned(), weight);
    assert_eq!(
        attention::parse("(a BREAK b:1.5)"),
        [text("a", 1.5), Piece::Break, text("b", 1.5)]
    );
    let deep = format!("{}a", "(".repeat(200));
    assert_eq!(
        attention::parse(&deep),
        [text(
            &format!("{}a", "(".repeat(72)),
            (0..128).fold(1.0, |weight, _| weight * 1.1)
        )]
    );
}

#[rstest]
#[case(PromptSyntax::A1111)]
#[case(PromptSyntax::Comfy)]
#[case(PromptSyntax::Compel)]
fn an_unknown_tag_is_no_text(#[case] syntax: PromptSyntax) {
    let error = read("a <hypernet:x:1> fox", &rules(syntax), true)
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("<hypernet:x:1> in the prompt"), "{error}");
    let plain = read("a <hypernet:x:1>", &rules(PromptSyntax::Plain), true).unwrap();
    assert_eq!(plain[0].spans[0].wording.text(), "a <hypernet:x:1>");
}

/// AUTOMATIC1111 counts steps from 0 where it takes a text, and from 1 where it ends one.
#[rstest]
#[case("[a:b:3]", &[0, 0, 0, 0, 1, 1, 1, 1, 1, 1])]
#[case("[a|b]", &[0, 0, 1, 2, 3, 4, 5, 6, 7, 8])]
#[case("[a:b:0.5]", &[0, 0, 0, 0, 0, 0, 1, 1, 1, 1])]
fn a_text_is_for_its_steps(#[case] prompt: &str, #[case] spans: &[usize]) {
    let parts = read(prompt, &rules(PromptSyntax::A1111), true).unwrap();
    assert_eq!((0..10).map(|step| parts[0].at(step)).collect::<Vec<_>>(), spans);
}

#[test]
fn emphasis_none_leaves_brackets_and_keeps_schedules() {
    let none = Rules {
        emphasis: Emphasis::None,
        ..rules(PromptSyntax::A1111)
    };
    let parts = read("(a:1.2) [b:5] AND c", &none, true).unwrap();
    let texts: Vec<_> = parts
        .iter()
        .flat_map(|part| &part.spans)
        .map(|span| span.wording.text())
        .collect();
    assert_eq!(texts, ["(a:1.2) ", "(a:1.2) b", " c"]);
    assert_eq!(read("a AND b", &none, false).unwrap().len(), 1);
}

#[test]
fn wordings_that_differ_have_other_keys() {
    let one = read("(a:1.2) b", &rules(PromptSyntax::A1111), true).unwrap()[0].spans[0]
        .wording
        .clone();
    let with = |change: &dyn Fn(&mut Wording)| {
        let mut other = one.clone();
        change(&mut other);
        other.key()
    };
    let mut keys = vec![
        one.key(),
        Wording::plain("(a:1.2) b").key(),
        with(&|w| w.pieces[0] = Piece::Text("a".to_owned(), 1.3)),
        with(&|w| w.pieces.insert(1, Piece::Break)),
        with(&|w| w.emphasis = Emphasis::NoNorm),
        with(&|w| w.clip_skip = Some(2.0)),
    ];
    assert_eq!(one.clone().key(), keys[0]);
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 6);
}

/// In ComfyUI's way a short piece stays whole, and a long one is cut.
#[rstest]
#[case(74, 3, &[74, 3])]
#[case(74, 9, &[75, 8])]
#[case(72, 3, &[75])]
fn pieces_stay_whole(#[case] before: usize, #[case] after: usize, #[case] sizes: &[usize]) {
    let tokenizer = tokenizer();
    let text = format!("{}({}:1.5)", "a ".repeat(before), "b ".repeat(after));
    let parts = read(&text, &rules(PromptSyntax::Comfy), true).unwrap();
    let chunks = lay(tokenizer, &parts[0].spans[0].wording).unwrap();
    let filled = chunks.iter().map(|chunk| chunk.pieces.iter().flatten().count());
    assert_eq!(filled.collect::<Vec<_>>(), sizes);
}

#[test]
fn a_weight_beyond_numbers_is_refused() {
    let tokenizer = tokenizer();
    let text = format!("{}a{}", "(".repeat(40), ":9.9)".repeat(40));
    let parts = read(&text, &rules(PromptSyntax::A1111), true).unwrap();
    let error = lay(tokenizer, &parts[0].spans[0].wording).unwrap_err().to_string();
    assert!(error.starts_with("A weight in the prompt"), "{error}");
}

/// Counts its passes.
#[derive(Debug)]
struct Counting(Cell<usize>);

impl TextEncoder for Counting {
    fn encode(&self, ids: &Tensor, select: Select, _: &Cancel) -> Result<Hidden> {
        self.0.set(self.0.get() + 1);
        Ok(Hidden {
            hidden_states: ids.to_kind(tch::Kind::Float).unsqueeze(-1),
            pooled: select.pooled.then(|| ids.to_kind(tch::Kind::Float)),
        })
    }
}

#[test]
fn two_ways_are_equally_long_and_the_first_chunk_is_pooled() {
    let tokenizer = tokenizer();
    let encoder = Rc::new(Counting(Cell::new(0)));
    let path = |pooled| Path {
        tokenizer,
        encoder: encoder.clone(),
        select: Select {
            pooled,
            ..Select::default()
        },
        skips: false,
        width: 1,
    };
    let wording = Wording::plain(&"a ".repeat(80));
    let states = encode(&[path(false), path(true)], &wording, &Cancel::new()).unwrap();
    assert_eq!(states.joined().unwrap().size(), [1, 154, 2]);
    assert!(states.pooled[0].is_none());
    let pooled = states.pooled[1].as_ref().unwrap();
    assert_eq!(
        (pooled.size(), pooled.int64_value(&[0, 1])),
        (vec![1, 77], tokenizer.ids("a").unwrap()[0])
    );
    assert_eq!(encoder.0.get(), 4);
}

/// An encoder that knows how many there are.
#[derive(Debug)]
struct Alone(Rc<Cell<i64>>);

impl TextEncoder for Alone {
    fn encode(&self, ids: &Tensor, select: Select, cancel: &Cancel) -> crate::Result<Hidden> {
        assert_eq!(self.0.get(), 1, "two encoders at one time");
        Counting(Cell::new(0)).encode(ids, select, cancel)
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[test]
fn one_encoder_leaves_before_the_next_comes() {
    let tokenizer = tokenizer();
    let (here, opened) = (Rc::new(Cell::new(0)), Cell::new(0));
    let select = |pooled| Select {
        pooled,
        ..Select::default()
    };
    let turn = |pooled| Turn {
        tokenizer,
        open: Box::new(|| {
            here.set(here.get() + 1);
            opened.set(opened.get() + 1);
            Ok(Rc::new(Alone(here.clone())))
        }),
        select: select(pooled),
        skips: false,
        width: 1,
    };
    let wordings = [Wording::plain("a fox"), Wording::plain(&"a ".repeat(80))];
    let found = encode_in_turn(&[turn(false), turn(true)], &wordings, &Cancel::new()).unwrap();
    // Each is read once, whatever the number of prompts, and says what it says with another beside it.
    assert_eq!((opened.get(), here.get()), (2, 0));
    let encoder = Rc::new(Counting(Cell::new(0)));
    let path = |pooled| Path {
        tokenizer,
        encoder: encoder.clone(),
        select: select(pooled),
        skips: false,
        width: 1,
    };
    for (found, wording) in found.iter().zip(&wordings) {
        let expected = encode(&[path(false), path(true)], wording, &Cancel::new()).unwrap();
        assert!(found.joined().unwrap().equal(&expected.joined().unwrap()));
        assert!(found.pooled[0].is_none());
        assert!(
            found.pooled[1]
                .as_ref()
                .unwrap()
                .equal(expected.pooled[1].as_ref().unwrap())
        );
    }
}

proptest! {
    #[test]
    fn any_prompt_is_read(text in any::<String>(), syntax in "[()\\[\\]<>:|\\\\+\"., a-cBREAKND0-9-]{0,80}") {
        for text in [&text, &syntax] {
            for syntax in ALL {
                if let Ok(parts) = read(text, &rules(syntax), true) {
                    prop_assert!(!parts.is_empty());
                    for part in parts {
                        prop_assert_eq!(part.spans.last().map(|span| span.last), Some(10));
                    }
                }
            }
        }
    }
}

/// A megabyte of what nests, or matches nothing.
#[rstest]
fn long_prompts_are_read_in_time(
    #[values(
        "(a",
        "[a:",
        "(]",
        "[a|b",
        "[a:b:c:",
        "AND a BREAK ",
        "\\",
        "<a:",
        ")",
        "\"a",
        "(a)+",
        "[a:b:3]"
    )]
    unit: &str,
) {
    let text = unit.repeat((1 << 20) / unit.len());
    let closed = format!("{}{}", &text[..1 << 18], "]".repeat(1 << 17) + &")".repeat(1 << 17));
    for text in [text, closed] {
        for syntax in [PromptSyntax::A1111, PromptSyntax::Comfy, PromptSyntax::Compel] {
            drop(read(&text, &rules(syntax), true));
        }
    }
}
