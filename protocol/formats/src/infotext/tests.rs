//! The text as Darkroom and other programs write it, odd texts, and properties: what is written reads back, no text makes the
//! parser panic or take long. How a text gets out of a PNG is tested in `png/tests.rs`.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

#[test]
fn the_text_is_a1111s() {
    // In the order of the parameter table, as tasks give it.
    let settings = [
        ("Negative prompt", "blurry, low quality"),
        ("Model", "sd15: best, of all"),
        ("Width", "512"),
        ("Height", "768"),
        ("Steps", "20"),
        ("CFG scale", "7"),
        ("Sampler", "DPM++ 2M"),
        ("Schedule type", "Karras"),
        ("Seed", "1"),
        ("Eta", ""),
        ("Extra", "last"),
    ];
    let text = Infotext::new("a red apple,\ntwo lines", settings).to_string();
    insta::assert_snapshot!(text.replace(VERSION, "VERSION"), @r#"
    a red apple,
    two lines
    Negative prompt: blurry, low quality
    Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 1, Size: 512x768, Model: "sd15: best, of all", Extra: last, Version: VERSION
    "#);
    let read = Infotext::parse(&text);
    assert_eq!(read.prompt, "a red apple,\ntwo lines");
    assert_eq!(read.negative, "blurry, low quality");
    assert_eq!(read.get("Model"), Some("sd15: best, of all"));
    assert_eq!(read.get("Size"), Some("512x768"));
    assert_eq!(read.get("Eta"), None);
}

#[test]
fn texts_of_other_programs_read() {
    let a1111 = "masterpiece, 1girl: the movie\nNegative prompt: lowres\nbad hands\nSteps: 28, Sampler: Euler a, CFG scale: 7, \
                 Seed: 2, Size: 512x512, Model hash: e1441589a6, Lora hashes: \"a: 12, b: 34\", Version: v1.10.1";
    let read = Infotext::parse(a1111);
    assert_eq!(read.prompt, "masterpiece, 1girl: the movie");
    assert_eq!(read.negative, "lowres\nbad hands");
    assert_eq!(read.get("Lora hashes"), Some("a: 12, b: 34"));
    assert_eq!(read.settings.len(), 8);
    let sdnext = "a fox\nSteps: 20, Size: 1024x1024, Sampler: Euler a, Seed: 1, App: SD.Next";
    assert_eq!(Infotext::parse(sdnext).get("App"), Some("SD.Next"));
}

#[rstest]
#[case::nothing("", "", "", &[])]
#[case::a_prompt_alone("a fox", "a fox", "", &[])]
#[case::a_prompt_with_colons("a fox: red, a hen: white", "a fox: red, a hen: white", "", &[])]
#[case::settings_alone("Steps: 20", "", "", &[("Steps", "20")])]
#[case::negative_alone("Negative prompt: hens", "", "hens", &[])]
#[case::negative_below("a fox\r\nNegative prompt: hens\r\nSteps: 2", "a fox", "hens", &[("Steps", "2")])]
#[case::marks_and_spaces("  \u{feff} \u{feff} \u{1}\nSteps: 2", "\u{1}", "", &[("Steps", "2")])]
#[case::byte_order_mark("\u{feff}a fox\r\nSteps: 2\r\n", "a fox", "", &[("Steps", "2")])]
#[case::open_quotation("a\nSteps: 2, Model: \"x, Seed: 1", "a", "", &[("Steps", "2"), ("Model", "\"x"), ("Seed", "1")])]
#[case::text_after_quotation("Steps: 2, Model: \"x\" y, Seed: 1", "", "", &[("Steps", "2"), ("Model", "\"x\" y"), ("Seed", "1")])]
#[case::bad_escape("Steps: 2, Model: \"\\x\", Seed: 1", "", "", &[("Steps", "2"), ("Model", "\"\\x\""), ("Seed", "1")])]
#[case::no_values("Steps:, Seed:", "", "", &[("Steps", ""), ("Seed", "")])]
fn odd_texts_read_as_well_as_can_be(
    #[case] text: &str,
    #[case] prompt: &str,
    #[case] negative: &str,
    #[case] settings: &[(&str, &str)],
) {
    let read = Infotext::parse(text);
    assert_eq!((read.prompt.as_str(), read.negative.as_str()), (prompt, negative));
    let pairs: Vec<_> = read.settings.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(pairs, settings);
}

/// Text that the format can carry: no outer white space, no line that starts a negative prompt.
fn carried() -> impl Strategy<Value = String> {
    let free = prop_oneof![any::<String>(), "[a-z:,\"\\\\ \n-]{0,20}"];
    free.prop_map(|text| text.trim().to_owned())
        .prop_filter("starts a negative prompt", |text| {
            !text.starts_with('\u{feff}') && !text.lines().any(|l| l.trim_start().starts_with("Negative prompt:"))
        })
}

/// Any text is a value.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a-z:,\"\\\\ \n]{0,12}"]
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        prompt in carried(),
        negative in carried(),
        steps in any::<u32>(),
        model in value(),
        others in prop::collection::btree_map("[A-Z][a-z0-9]{1,5}( [a-z0-9]{1,3})?", value(), 0..5),
    ) {
        let fixed = [("Steps", steps.to_string()), ("Model", model)].map(|(k, v)| (k.to_owned(), v));
        let free = others.into_iter().filter(|(k, _)| !["Steps", "Model", "Width", "Height"].contains(&k.as_str()));
        let mut written = Infotext::new(&prompt, fixed.into_iter().chain(free));
        written.negative = negative;
        prop_assert_eq!(Infotext::parse(&written.to_string()), written);
    }

    #[test]
    fn any_text_reads(text in any::<String>()) {
        Infotext::parse(&text);
    }

    #[test]
    fn what_was_read_once_reads_the_same_again(text in "[A-Za-z:,\"\\\\ \n]{0,60}") {
        let read = Infotext::parse(&text);
        let again = Infotext::parse(&read.to_string());
        prop_assert_eq!(again.settings, read.settings.clone());
        if !read.settings.is_empty() {
            prop_assert_eq!(again.negative, read.negative);
        }
    }
}

#[test]
fn a_megabyte_of_colons_reads_in_time() {
    let started = std::time::Instant::now();
    for unit in ["a", "a: \"b, ", ":", "a:", "\\\"", "é: \""] {
        Infotext::parse(&unit.repeat(1_000_000 / unit.len()));
    }
    // Quadratic work would be minutes.
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}
