//! A tokenizer's facts from small files of each spelling, and what is refused of them by file and token.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

/// Facts of these files; `null` is a file that is not there.
fn facts(config: Value, specials: Value, added: Value, whole: Value) -> Result<TokenizerFacts, TokenizerProblem> {
    let files =
        [config, specials, added, whole].map(|json| (!json.is_null()).then(|| serde_json::to_vec(&json).unwrap()));
    let [config, specials, added, whole] = &files;
    TokenizerFacts::parse(&TokenizerSources {
        config: config.as_deref(),
        specials: specials.as_deref(),
        added: added.as_deref(),
        whole: whole.as_deref(),
    })
}

fn added(facts: &TokenizerFacts) -> Vec<(u32, &str, bool)> {
    facts
        .added
        .iter()
        .map(|d| (d.id, d.token.content.as_str(), d.token.normalized))
        .collect()
}

#[test]
fn no_files_are_clips_marks() {
    let facts = facts(json!(null), json!(null), json!(null), json!(null)).unwrap();
    assert_eq!(
        (
            facts.bos.content.as_str(),
            facts.eos.content.as_str(),
            facts.pad.content.as_str()
        ),
        ("<|startoftext|>", "<|endoftext|>", "<|endoftext|>")
    );
    assert_eq!((facts.length, facts.added.len(), facts.extra.len()), (None, 0, 0));
    assert_eq!(facts.length_for(77), Ok(77));
}

#[test]
fn added_tokens_come_in_three_spellings() {
    let by_name = facts(json!(null), json!(null), json!({"<b>": 9, "<a>": 8}), json!(null)).unwrap();
    assert_eq!(added(&by_name), [(8, "<a>", true), (9, "<b>", true)]);
    let decoder = json!({"added_tokens_decoder": {"8": {"content": "<a>", "lstrip": true, "normalized": false}}});
    let by_number = facts(decoder, json!(null), json!(null), json!(null)).unwrap();
    assert_eq!(added(&by_number), [(8, "<a>", false)]);
    assert!(by_number.added[0].token.lstrip);
    let whole = json!({"model": {"vocab": {}}, "added_tokens": [{"id": 8, "content": "<a>", "special": true, "normalized": false}]});
    let by_whole = facts(json!(null), json!(null), json!({"<a>": 8}), whole).unwrap();
    assert_eq!(added(&by_whole), [(8, "<a>", false)]);
}

#[test]
fn a_decoder_is_the_only_word_and_what_it_lacks_is_said() {
    let config = json!({"added_tokens_decoder": {"8": {"content": "<a>"}}, "pad_token": "<a>"});
    let facts = facts(
        config,
        json!({"pad_token": "!"}),
        json!({"<a>": 8, "<b>": 9}),
        json!({"added_tokens": []}),
    )
    .unwrap();
    assert_eq!(added(&facts), [(8, "<a>", true)]);
    assert_eq!((facts.pad.content.as_str(), facts.pad.special), ("<a>", true));
    assert!(facts.notices[0].contains("<b>"), "{:?}", facts.notices);
}

#[test]
fn special_tokens_of_any_list_are_added_last() {
    let config = json!({"additional_special_tokens": ["<x>"], "mask_token": "<m>"});
    let specials = json!({"additional_special_tokens": [{"content": "<y>", "rstrip": true}, "<x>"], "bos_token": {"content": "<s>"}});
    let facts = facts(config, specials, json!({"<y>": 8}), json!(null)).unwrap();
    let extra: Vec<_> = facts.extra.iter().map(|token| token.content.as_str()).collect();
    assert_eq!((extra, facts.bos.content.as_str()), (vec!["<m>", "<x>", "<y>"], "<s>"));
    assert!(facts.added[0].token.special && !facts.added[0].token.normalized);
}

#[rstest]
#[case(json!({"model_max_length": 248}), Ok(Some(248)))]
#[case(json!({"model_max_length": 1e30}), Ok(None))]
#[case(json!({"max_len": 77}), Ok(Some(77)))]
#[case(json!({"model_max_length": null}), Ok(None))]
#[case(json!({"model_max_length": 1}), Err("model_max_length is 1; a prompt has its two marks and at least one token"))]
#[case(json!({"model_max_length": "77"}), Err("model_max_length is \"77\"; a prompt has its two marks and at least one token"))]
#[case(json!({"tokenizer_class": "BertTokenizer"}), Err("tokenizer_class is BertTokenizer; this text encoder's is CLIPTokenizer"))]
#[case(json!({"padding_side": "up"}), Err("padding_side is 'up', which is neither left nor right"))]
#[case(json!({"added_tokens_decoder": {"8": "<a>"}}), Err("added_tokens_decoder has a token without content"))]
#[case(json!({"added_tokens_decoder": {"x": {"content": "<a>"}}}), Err("added_tokens_decoder has a key that is no number"))]
#[case(json!({"added_tokens_decoder": {"99999999": {"content": "<a>"}}}), Err("numbers the token '<a>' as 99999999, more than any vocabulary has"))]
fn lengths_and_classes(#[case] config: Value, #[case] length: Result<Option<u64>, &str>) {
    let found = facts(config, json!(null), json!(null), json!(null));
    assert_eq!(
        found.map(|facts| facts.length).map_err(|e| e.what),
        length.map_err(str::to_owned)
    );
}

#[test]
fn what_does_not_fit_the_encoder_is_told() {
    let facts = facts(
        json!({"model_max_length": 248}),
        json!(null),
        json!({"<a>": 8, "<b>": 9}),
        json!(null),
    )
    .unwrap();
    assert_eq!(facts.length_for(248), Ok(248));
    assert!(facts.length_for(77).unwrap_err().what.contains("77 positions"));
    assert_eq!(facts.beyond(10), None);
    assert!(facts.beyond(9).unwrap().contains("<b> (number 9)"));
    assert!(facts.beyond(8).unwrap().contains("<a> (number 8 and 1 more)"));
}
