//! Texts that are made to harm: of many values, deep, long, going round, and any at all. Time is bounded by the caps, so that tests
//! which would take minutes by quadratic work fail by that alone.

use darkroom_protocol::params::MAX_PROMPT;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

/// Every name that a reader asks for.
const NAMES: [&str; 13] = [
    "parameters",
    "fooocus_scheme",
    "invokeai_metadata",
    "sd-metadata",
    "Dream",
    "Software",
    "Comment",
    "Description",
    "Source",
    "prompt",
    "workflow",
    "UserComment",
    "Model",
];

#[rstest]
#[case("workflow", "\"nodes\": [")]
#[case("prompt", "\"class_type\": [")]
fn a_million_keys_are_refused_in_words(#[case] name: &str, #[case] begin: &str) {
    let text = format!("{{{begin}{{{}\"a\":1}}]}}", "\"a\":1,".repeat(650_000));
    let found = said(&with(&[(name, &text)])).unwrap();
    assert_eq!(found.request, GenerateRequest::default());
    let problem = found.problem.unwrap();
    assert!(
        problem.starts_with(&format!(
            "its text {name} cannot be read: it holds more than 200000 values"
        )),
        "{problem}"
    );
}

#[rstest]
#[case("workflow", "{\"nodes\":")]
#[case("prompt", "{\"class_type\":")]
#[case("invokeai_metadata", "{\"a\":")]
fn deep_nesting_is_refused_in_words(#[case] name: &str, #[case] begin: &str) {
    let text = format!("{begin}{}", "[".repeat(500_000));
    let problem = said(&with(&[(name, &text)])).unwrap().problem.unwrap();
    assert!(problem.contains("recursion limit"), "{problem}");
}

#[test]
fn what_is_too_long_is_refused_in_words() {
    let text = format!("{{\"class_type\": \"{}\"}}", "x".repeat(5 << 20));
    let problem = said(&with(&[("prompt", &text)])).unwrap().problem.unwrap();
    assert!(problem.ends_with("it is longer than 4194304 bytes"), "{problem}");
}

/// A sampler whose prompt is what `encoded` gives it.
fn graph(text: Value) -> Value {
    json!({
        "1": {"class_type": "KSampler", "inputs": {"steps": 20, "seed": 1, "positive": ["2", 0]}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"text": text}},
    })
}

#[test]
fn a_prompt_too_long_for_the_parameter_is_kept_beside_it() {
    let long = "x".repeat(1_000_000);
    for texts in [
        [("prompt", graph(long.as_str().into()).to_string())],
        [("parameters", format!("{long}\nSteps: 20, Seed: 1, Size: 8x8"))],
        [(
            "invokeai_metadata",
            json!({"positive_prompt": long, "steps": 20}).to_string(),
        )],
        [("Dream", format!("\"{long}\" -s 20"))],
    ] {
        let texts = texts.each_ref().map(|(name, text)| (*name, text.as_str()));
        let found = said(&with(&texts)).unwrap();
        assert_eq!((found.request.prompt, found.request.steps), (None, Some(20)));
        assert!(found.others.iter().any(|(_, text)| *text == long), "{}", texts[0].0);
    }
}

/// Texts that each fit, and do not together.
#[test]
fn joined_prompts_do_not_exceed_the_parameter() {
    let mut whole = graph(json!(["3", 0]));
    let parts: serde_json::Map<_, _> = (0..40)
        .map(|n| (format!("text{n}"), format!("{n}{}", "x".repeat(4000)).into()))
        .collect();
    whole["3"] = json!({"class_type": "Join", "inputs": parts});
    let found = said(&with(&[("prompt", &whole.to_string())])).unwrap();
    assert_eq!(found.request.prompt, None);
    assert!(found.others[0].1.len() > MAX_PROMPT);
}

/// Every node leads to every other that is a power of two away, and all of them to texts: paths are without number, nodes are not.
#[test]
fn nodes_are_met_once_however_many_ways_lead_there() {
    let count = 2000;
    let mut whole = graph(json!(["n0", 0]));
    for n in 0..count {
        let links = (0..10).map(|bit| {
            (
                format!("text{bit}"),
                json!([format!("n{}", (n + (1 << bit)) % count), 0]),
            )
        });
        let mut inputs: serde_json::Map<_, _> = links.collect();
        inputs.insert("string".to_owned(), format!("t{n}").into());
        whole[format!("n{n}")] = json!({"class_type": "Join", "inputs": inputs});
    }
    let found = said(&with(&[("prompt", &whole.to_string())])).unwrap();
    assert_eq!(found.problem, None);
    assert_eq!(found.request.prompt.unwrap().lines().count(), count);
}

/// A chain as long as the cap lets it be, from every input of the sampler.
#[test]
fn long_chains_are_walked_without_a_deep_stack() {
    let mut whole = graph(json!(["n0", 0]));
    let count = 6000;
    for n in 0..count {
        whole[format!("n{n}")] = json!({"class_type": "Reroute", "inputs": {"any": [format!("n{}", n + 1), 0]}});
    }
    whole[format!("n{count}")] = json!({"class_type": "String", "inputs": {"value": "the end"}});
    for input in [
        "seed",
        "steps",
        "cfg",
        "sampler_name",
        "scheduler",
        "denoise",
        "model",
        "latent_image",
    ] {
        whole["1"]["inputs"][input] = json!(["n0", 0]);
    }
    let found = said(&with(&[("prompt", &whole.to_string())])).unwrap();
    assert_eq!(
        (found.problem, found.request.prompt.as_deref()),
        (None, Some("the end"))
    );
    assert!(found.others.contains(&("seed".to_owned(), "the end".to_owned())));
}

#[test]
fn many_samplers_and_many_settings_take_no_time() {
    let mut whole = serde_json::Map::new();
    for n in 0..6000 {
        let node = json!({"class_type": "KSampler", "inputs": {"steps": n, "positive": [format!("{}", n + 1), 0]}});
        whole.insert(n.to_string(), node);
    }
    let found = said(&with(&[("prompt", &Value::Object(whole).to_string())])).unwrap();
    assert!(found.others.len() > 5900);
    // What an unknown name is near to is asked once.
    for text in [
        format!("a\nSteps: 1, {}", "Sampler: eulr, ".repeat(200_000)),
        format!("a\nSteps: 1, {}", "Schedule type: karass, ".repeat(150_000)),
    ] {
        assert!(said(&with(&[("parameters", &text)])).unwrap().others.len() >= 150_000);
    }
    let line = format!("\"a\" {}", "-A eulr ".repeat(200_000));
    assert_eq!(said(&with(&[("Dream", &line)])).unwrap().others.len(), 200_000);
    let brackets = format!("\"{}\"", "[a] [".repeat(200_000));
    assert!(said(&with(&[("Dream", &brackets)])).is_some());
}

/// Any JSON of few values.
fn value() -> impl Strategy<Value = Value> {
    let names =
        "class_type|inputs|nodes|links|widgets_values|type|id|text|positive|steps|image|prompt|model|loras|[a-z]{0,3}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "KSampler|CLIPTextEncode|[0-9]|euler|.{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            ("[0-9]", 0..2_u8).prop_map(|(id, slot)| json!([id, slot])),
            prop::collection::btree_map(names, inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Nodes of known classes with any inputs, linked at will.
fn nodes() -> impl Strategy<Value = Value> {
    let kinds =
        "KSampler|SamplerCustomAdvanced|CLIPTextEncode|ConditioningCombine|EmptyLatentImage|LoraLoader|SaveImage|X";
    let inputs = "seed|steps|cfg|sampler_name|scheduler|denoise|model|positive|negative|latent_image|text|conditioning|guider|sigmas|\
                  width|height|ckpt_name|lora_name|images|noise|sampler";
    let node = (kinds, prop::collection::btree_map(inputs, value(), 0..8)).prop_map(|(kind, inputs)| {
        let inputs: serde_json::Map<_, _> = inputs.into_iter().collect();
        json!({"class_type": kind, "type": kind, "id": 1, "inputs": inputs})
    });
    prop::collection::btree_map("[0-9]", node, 0..8).prop_map(|map| Value::Object(map.into_iter().collect()))
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(text in any::<String>(), second in "[\"{}\\[\\]:, a-z0-9-]{0,40}") {
        for name in NAMES {
            let _ = said(&with(&[(name, &text), ("Software", "NovelAI")]));
            let _ = said(&with(&[(name, &second)]));
        }
    }

    #[test]
    fn no_json_makes_a_reader_panic(value in value()) {
        let text = value.to_string();
        for name in NAMES {
            let _ = said(&with(&[(name, &text)]));
        }
        let _ = said(&with(&[("Software", "NovelAI"), ("Comment", &text)]));
        let _ = said(&with(&[("fooocus_scheme", "fooocus"), ("parameters", &text)]));
    }

    #[test]
    fn no_graph_makes_the_reader_panic_and_what_it_sets_is_accepted(graph in nodes()) {
        let drawn = json!({"nodes": graph.as_object().unwrap().values().collect::<Vec<_>>(), "links": [[1, 1, 0, 1, 0, "X"]]});
        for (name, text) in [("prompt", &graph), ("workflow", &drawn)] {
            if let Some(found) = said(&with(&[(name, &text.to_string())])) {
                prop_assert!(found.request.check().is_ok());
            }
        }
    }
}
