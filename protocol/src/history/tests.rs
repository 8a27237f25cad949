//! Good and bad searches word by word, and times across a change of the clocks. What holds of any text is tried on random ones: no
//! panic, a place within the text for every error, and a canonical spelling that is read as the same query.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use proptest::prelude::*;
use rstest::rstest;
use unicode_width::UnicodeWidthStr as _;

use super::*;
use crate::JobName;
use crate::sampler::{Named, Sampler};

/// Wednesday, 18 November 2026, half past three in the afternoon in Berlin.
fn now() -> ZonedDateTime {
    at("2026-11-18T14:30:00Z")
}

fn at(moment: &str) -> ZonedDateTime {
    let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    moment.parse::<Timestamp>().unwrap().to_zoned_datetime(berlin)
}

fn parse(text: &str) -> Query {
    Query::parse(text, &now()).unwrap()
}

fn refused(text: &str) -> QueryError {
    Query::parse(text, &now()).unwrap_err()
}

fn text(words: &str) -> Condition {
    Condition::Text(words.to_owned())
}

#[rstest]
#[case("fox", text("fox"))]
#[case("\"red fox\"", text("red fox"))]
#[case(r#""a \"b\" \\ \(c\)""#, text(r#"a "b" \ \(c\)"#))]
#[case("5\"x7\"", text("5\"x7\""))]
#[case("a\\b", text("a\\b"))]
#[case("fox-red", text("fox-red"))]
#[case("(storm:1.2)", text("(storm:1.2)"))]
#[case("<lora:x:0.8>", text("<lora:x:0.8>"))]
#[case("http://x", text("http://x"))]
#[case("model://x", text("model://x"))]
#[case("12:30", text("12:30"))]
#[case(":x", text(":x"))]
#[case("größe:x", text("größe:x"))]
#[case("\"model:x\"", text("model:x"))]
#[case("日本語", text("日本語"))]
#[case("prompt:fox", Condition::Prompt("fox".into()))]
#[case("PROMPT:Fox", Condition::Prompt("Fox".into()))]
#[case("prompt:-x", Condition::Prompt("-x".into()))]
#[case("negative:\"too dark\"", Condition::Negative("too dark".into()))]
#[case("model:a:b", Condition::Model("a:b".into()))]
#[case("model:/x/y", Condition::Model("/x/y".into()))]
#[case("sampler:euler_a", Condition::Sampler(Sampler::EulerAncestral))]
#[case("sampler:\"dpm++ 2m\"", Condition::Sampler(Sampler::DpmPp2m))]
#[case("seed:18446744073709551615", Condition::Seed(u64::MAX))]
#[case("seed:007", Condition::Seed(7))]
#[case("size:1024x768", Condition::Size { width: 1024, height: 768 })]
#[case("size:1024×768", Condition::Size { width: 1024, height: 768 })]
#[case("size:64X64", Condition::Size { width: 64, height: 64 })]
#[case("width:64", Condition::Width(64))]
#[case("height:64", Condition::Height(64))]
#[case("tag:\"for print\"", Condition::Tag("for print".into()))]
#[case("is:Starred", Condition::Is(Mark::Starred))]
#[case("is:imported", Condition::Is(Mark::Imported))]
#[case("job:@last", Condition::Job(JobName::Newest(1)))]
#[case("job:hjzz", Condition::Job(JobName::Short("12ff".into())))]
fn one_term(#[case] words: &str, #[case] condition: Condition) {
    let length = words.chars().count();
    let term = |excluded, at| Term {
        excluded,
        condition: condition.clone(),
        at,
    };
    assert_eq!(parse(words).terms, [term(false, 0..length)]);
    for sign in ["-", "!"] {
        assert_eq!(parse(&format!(" {sign}{words} ")).terms, [term(true, 1..length + 2)]);
    }
}

#[test]
fn all_terms_hold() {
    assert_eq!(parse(" \t\n"), Query::default());
    let query = parse("é -\"ü b\"\u{3000}seed:1");
    let places: Vec<_> = query
        .terms
        .iter()
        .map(|term| (term.excluded, term.at.clone()))
        .collect();
    assert_eq!(places, [(false, 0..1), (true, 2..8), (false, 9..15)]);
    assert_eq!(parse("--x").terms[0].condition, text("-x"), "one sign is a sign");
}

/// The same search with its times in UTC.
fn span(words: &str, now: &ZonedDateTime) -> String {
    Query::parse(words, now).unwrap().to_string()
}

#[rstest]
#[case("2026-11-01", "2026-10-31T23:00:00Z", "2026-11-01T23:00:00Z")]
#[case("2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z")]
#[case("2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z")]
#[case("2026-11", "2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z")]
#[case("2024-02", "2024-01-31T23:00:00Z", "2024-02-29T23:00:00Z")]
#[case("2026", "2025-12-31T23:00:00Z", "2026-12-31T23:00:00Z")]
#[case("today", "2026-11-17T23:00:00Z", "2026-11-18T23:00:00Z")]
#[case("Yesterday", "2026-11-16T23:00:00Z", "2026-11-17T23:00:00Z")]
#[case("tue", "2026-11-16T23:00:00Z", "2026-11-17T23:00:00Z")]
#[case("wednesday", "2026-11-10T23:00:00Z", "2026-11-11T23:00:00Z")]
#[case("Thurs", "2026-11-11T23:00:00Z", "2026-11-12T23:00:00Z")]
#[case("nov", "2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z")]
#[case("december", "2025-11-30T23:00:00Z", "2025-12-31T23:00:00Z")]
#[case("may", "2026-04-30T22:00:00Z", "2026-05-31T22:00:00Z")]
#[case("monday..tuesday", "2026-11-15T23:00:00Z", "2026-11-17T23:00:00Z")]
#[case("3d..1h", "2026-11-15T14:30:00Z", "2026-11-18T13:30:00Z")]
fn days(#[case] words: &str, #[case] from: &str, #[case] until: &str) {
    assert_eq!(span(&format!("on:{words}"), &now()), format!("on:{from}..{until}"));
    if !words.contains("..") {
        assert_eq!(span(&format!("after:{words}"), &now()), format!("after:{from}"));
        assert_eq!(span(&format!("before:{words}"), &now()), format!("before:{from}"));
    }
}

#[rstest]
#[case("2026-11-01T14:30", "2026-11-01T13:30:00Z")]
#[case("2026-11-01t14:30:05", "2026-11-01T13:30:05Z")]
#[case("2026-07-01T14:30", "2026-07-01T12:30:00Z")]
#[case("2026-03-29T02:30", "2026-03-29T01:30:00Z")]
#[case("2026-10-25T02:30", "2026-10-25T00:30:00Z")]
#[case("2026-11-01T14:30-05:00", "2026-11-01T19:30:00Z")]
#[case("2026-11-01T14:30:00.123z", "2026-11-01T14:30:00.123Z")]
#[case("30m", "2026-11-18T14:00:00Z")]
#[case("6H", "2026-11-18T08:30:00Z")]
#[case("3d", "2026-11-15T14:30:00Z")]
#[case("0d", "2026-11-18T14:30:00Z")]
#[case("5w", "2026-10-14T13:30:00Z")]
fn moments(#[case] words: &str, #[case] moment: &str) {
    assert_eq!(span(&format!("after:{words}"), &now()), format!("after:{moment}"));
    assert_eq!(refused(&format!("on:{words}")).at, 3);
}

#[test]
fn days_begin_where_the_person_is() {
    let late = at("2026-11-17T23:30:00Z");
    assert_eq!(span("after:today", &late), "after:2026-11-17T23:00:00Z");
    let after_the_change = at("2026-10-25T12:00:00Z");
    assert_eq!(
        span("after:1d", &after_the_change),
        "after:2026-10-24T11:00:00Z",
        "25 hours"
    );
    assert_eq!(span("after:24h", &after_the_change), "after:2026-10-24T12:00:00Z");
}

#[rstest]
#[case(
    "modle:x",
    0,
    r#"There is no key modle: did you mean model:x, or "modle:x" as text?"#
)]
#[case(
    "a -Modle:",
    3,
    r#"There is no key Modle: did you mean model:, or "Modle:" as text?"#
)]
#[case("sed:\"4 2\"", 0, r#"There is no key sed: write "sed:4 2" in quotes to search for it as text, or one of the keys prompt, negative, model, sampler, seed, size, width, height, tag, is, job, after, before, on."#)]
#[case("sed:42", 0, r#"There is no key sed: did you mean seed:42, or "sed:42" as text?"#)]
#[case("lora:x", 0, r#"There is no key lora: write "lora:x" in quotes to search for it as text, or one of the keys prompt, negative, model, sampler, seed, size, width, height, tag, is, job, after, before, on."#)]
#[case("model:", 6, "model: needs a value right after the colon, such as model:sd15.")]
#[case("é model: x", 8, "model: needs a value right after the colon, such as model:sd15.")]
#[case("tag:\"\"", 4, "tag: needs a value right after the colon, such as tag:portraits.")]
#[case(
    "\"\"",
    0,
    "The quotes hold nothing: write what to search for between them, or leave them out."
)]
#[case("a \"red fox", 2, "The quote before red fox is not closed: write \" behind it.")]
#[case("a \"b\\\"", 2, "The quote before b\" is not closed: write \" behind it.")]
#[case(
    "a -\"",
    3,
    "This quote stands alone: write a phrase and another quote behind it, or leave it out."
)]
#[case("model:\"x", 6, "The quote before x is not closed: write \" behind it.")]
#[case("\"a\"b", 3, "A space is missing between the closing quote and b.")]
#[case("model:\"a\"\"b\"", 9, "A space is missing between the closing quote and \"b\".")]
#[case(
    "a - b",
    2,
    r#"- stands alone: write what to leave out right after it, or "-" in quotes as text."#
)]
#[case(
    "!",
    0,
    r#"! stands alone: write what to leave out right after it, or "!" in quotes as text."#
)]
#[case(
    "seed:12x4",
    5,
    "seed takes a whole number from 0 to 18446744073709551615, not 12x4."
)]
#[case("seed:-1", 5, "seed takes a whole number from 0 to 18446744073709551615, not -1.")]
#[case(
    "seed:18446744073709551616",
    5,
    "seed takes a whole number from 0 to 18446744073709551615, not 18446744073709551616."
)]
#[case("Width:0", 6, "Width takes a whole number of pixels from 1 to 4294967295, not 0.")]
#[case("size:1024", 5, "size takes width and height in pixels such as 1024x768, not 1024.")]
#[case(
    "size:1x2x3",
    5,
    "size takes width and height in pixels such as 1024x768, not 1x2x3."
)]
#[case("size:x", 5, "size takes width and height in pixels such as 1024x768, not x.")]
#[case(
    "is:stared",
    3,
    "is takes starred, trashed, missing or imported, not stared: did you mean starred?"
)]
#[case("is:good", 3, "is takes starred, trashed, missing or imported, not good.")]
#[case(
    "sampler:eulr",
    8,
    "sampler takes the name of a sampler, not eulr: did you mean Euler?"
)]
#[case(
    "sampler:karras",
    8,
    "sampler takes the name of a sampler, not karras: Karras is a schedule, not a sampler."
)]
#[case(
    "sampler:\"DPM++ 2M Karras\"",
    8,
    "sampler takes the name of a sampler, not DPM++ 2M Karras: the sampler alone is DPM++ 2M."
)]
#[case(
    "sampler:\"DPM++ 2N Karras\"",
    8,
    "sampler takes the name of a sampler, not DPM++ 2N Karras: did you mean DPM++ 2M?"
)]
#[case("sampler:\"x\ty\"", 8, "sampler takes the name of a sampler, not x\\ty.")]
#[case(
    "job:hello",
    4,
    "job takes a job's id, the beginning of one, @last, @2 or @running, not hello."
)]
#[case(
    "after:novembre",
    6,
    "after takes a time such as 2026-11-01, 2026-11, 2026-11-01T14:30, yesterday, monday, november or 3d, not novembre: did you mean november?"
)]
#[case(
    "before:2026-02-30",
    7,
    "before takes a time such as 2026-11-01, 2026-11, 2026-11-01T14:30, yesterday, monday, november or 3d, not 2026-02-30: the calendar does not have it."
)]
#[case(
    "on:3d",
    3,
    "on takes a day, a month or a year such as 2026-11-01, 2026-11, yesterday or november, or two times with .. between them, not 3d: that is a moment."
)]
#[case(
    "on:today..monday",
    3,
    "on takes a day, a month or a year such as 2026-11-01, 2026-11, yesterday or november, or two times with .. between them, not today..monday: it ends before it begins."
)]
fn refusals(#[case] words: &str, #[case] at: usize, #[case] message: &str) {
    let refused = refused(words);
    assert_eq!((refused.at, refused.to_string().as_str()), (at, message));
}

#[rstest]
#[case("01.11.2026")]
#[case("2026-1-1")]
#[case("2026-13")]
#[case("2026-11-01T25:00")]
#[case("2026-11-01T14:30[Europe/Berlin]")]
#[case("99999999999999999999d")]
#[case("9999999w")]
#[case("9999")]
#[case("3y")]
#[case("d")]
#[case("mo")]
#[case("novem ber")]
#[case("tomorrow")]
#[case("..")]
fn no_times(#[case] words: &str) {
    for key in ["after", "before", "on"] {
        assert_eq!(refused(&format!("{key}:\"{words}\"")).at, key.len() + 1, "{words}");
    }
}

#[test]
fn there_is_an_end_to_a_search() {
    let long = "é".repeat(MAX_PHRASE);
    assert_eq!(parse(&long).terms.len(), 1);
    let refusal = refused(&format!("a tag:{long}é"));
    assert_eq!(refusal.at, 6);
    assert!(
        refusal
            .message
            .ends_with("… has 1025 characters, the most is 1024: shorten it."),
        "{refusal}"
    );
    let refusal = refused(&"x é".repeat(MAX_TEXT));
    assert_eq!(
        (refusal.at, refusal.message.as_str()),
        (3072, "The search has 16384 bytes, the most is 4096: shorten it.")
    );
    let most = "x ".repeat(MAX_TERMS);
    assert_eq!(parse(&most).terms.len(), MAX_TERMS);
    let refusal = refused(&format!("{most}x"));
    assert_eq!(
        (refusal.at, refusal.message.as_str()),
        (128, "A search has at most 64 terms: leave out what follows.")
    );
}

#[rstest]
#[case("fox modle:x", 4, "fox modle:x\n    ^")]
#[case("日本 -", 3, "日本 -\n     ^")]
#[case("e\u{301}\t-", 3, "e\u{301}\\t-\n   ^")]
#[case("\u{202e}a -", 3, "\\u{202e}a -\n          ^")]
#[case("model:", 6, "model:\n      ^")]
#[case("0123456789012345678901234567890", 31, "…345678901234567890\n                   ^")]
#[case("0123456789012345678901234567890", 0, "0123456789012345678…\n^")]
#[case("0123456789012345678901234567890", 15, "…345678901234567890…\n             ^")]
fn a_caret_points_at_the_place(#[case] words: &str, #[case] at: usize, #[case] shown: &str) {
    let error = QueryError {
        at,
        message: String::new(),
    };
    assert_eq!(error.pointed(words, 0), shown);
}

#[test]
fn tables_say_what_is_read() {
    for key in KEYS {
        let shown = parse(key.example).to_string();
        assert!(shown.starts_with(&format!("{}:", key.name)), "{shown}");
        assert!(key.help.ends_with('.') && !key.takes.ends_with('.'), "{}", key.name);
    }
    for (example, help) in FORMS {
        assert_eq!(parse(example).to_string(), *example);
        assert!(help.ends_with('.'));
    }
    for (example, _) in TIMES {
        parse(&format!("after:{example}"));
    }
    let marks = KEYS.iter().find(|key| key.name == "is").unwrap().takes;
    assert!(Mark::NAMES.iter().all(|(_, name, _)| marks.contains(name)));
}

fn phrases() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z\"\\\\ :/!-]{1,8}", "\\PC{1,8}", "(model|x|http)(:|://)[a-z]{0,2}"]
}

fn job_names() -> impl Strategy<Value = JobName> {
    prop_oneof![
        "[0-9a-f]{1,32}".prop_map(JobName::Beginning),
        "[0-9a-f]{1,8}".prop_map(JobName::Short),
        (1..=u32::MAX).prop_map(JobName::Newest),
        Just(JobName::Running),
    ]
}

fn moments_in_reach() -> std::ops::RangeInclusive<i64> {
    Timestamp::MIN.as_millisecond()..=Timestamp::MAX.as_millisecond()
}

fn conditions() -> impl Strategy<Value = Condition> {
    let time = moments_in_reach;
    prop_oneof![
        phrases().prop_map(Condition::Text),
        phrases().prop_map(Condition::Prompt),
        phrases().prop_map(Condition::Negative),
        phrases().prop_map(Condition::Model),
        phrases().prop_map(Condition::Tag),
        (0..Sampler::NAMES.len()).prop_map(|n| Condition::Sampler(Sampler::NAMES[n].0)),
        any::<u64>().prop_map(Condition::Seed),
        (1..=u32::MAX, 1..=u32::MAX).prop_map(|(width, height)| Condition::Size { width, height }),
        (1..=u32::MAX).prop_map(Condition::Width),
        (1..=u32::MAX).prop_map(Condition::Height),
        job_names().prop_map(Condition::Job),
        time().prop_map(Condition::After),
        time().prop_map(Condition::Before),
        (time(), time())
            .prop_filter("not empty", |(from, until)| from != until)
            .prop_map(|(one, other)| Condition::On {
                from: one.min(other),
                until: one.max(other)
            }),
        (0..Mark::NAMES.len()).prop_map(|n| Condition::Is(Mark::NAMES[n].0)),
    ]
}

/// Pieces of the language in any order, and some of no language.
fn nearly() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        (0..KEYS.len()).prop_map(|n| format!("{}:", KEYS[n].name)),
        (0..KEYS.len()).prop_map(|n| KEYS[n].example.to_owned()),
        (0..TIMES.len()).prop_map(|n| TIMES[n].0.to_owned()),
        "[-!\"\\\\ :/x×.0-9]{1,4}",
        "\\PC{1,4}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn without_places(query: Query) -> Vec<(bool, Condition)> {
    query
        .terms
        .into_iter()
        .map(|term| (term.excluded, term.condition))
        .collect()
}

proptest! {
    #[test]
    fn any_text_is_a_query_or_points_at_a_place(words in nearly(), columns in 0..100usize) {
        match Query::parse(&words, &now()) {
            Ok(query) => {
                let shown = query.to_string();
                prop_assert_eq!(without_places(parse(&shown)), without_places(query), "{}", shown);
            }
            Err(error) => {
                prop_assert!(error.at <= words.chars().count());
                prop_assert!(!error.message.contains(char::is_control));
                let pointed = error.pointed(&words, columns);
                let lines: Vec<_> = pointed.lines().collect();
                prop_assert_eq!(lines.len(), 2);
                prop_assert!(lines.iter().all(|line| line.width() <= columns.max(20)), "{}", pointed);
            }
        }
    }

    #[test]
    fn what_is_shown_is_read(terms in prop::collection::vec((any::<bool>(), conditions()), 0..6)) {
        let query = Query {
            terms: terms.iter().cloned().map(|(excluded, condition)| Term { excluded, condition, at: 0..0 }).collect(),
        };
        let shown = query.to_string();
        prop_assert_eq!(without_places(parse(&shown)), terms, "{}", shown);
    }
}
