//! The parameter table held to what it promises: each row by flag, JSON and metadata, its defaults, its refusals word by word,
//! the way into a task and back. The flags of `generate` are tested beside them (`src/verbs/generate`), and what a request comes
//! to with a model in `daemon/src/expand/tests.rs`.

use super::*;
use crate::keep_alive::KeepAlive;
use crate::params::{Category, Kind, Unset, find};
use crate::{Format, ImageTask, ModelSource, NoiseSource, Prediction, Quant};
use rstest::rstest;

/// A value that each row takes and that is not its default.
fn example(row: &Parameter) -> String {
    match row.kind {
        Kind::Text { .. } => format!("some {}", row.name),
        Kind::Integer { min, max } => (min + (max - min) / 3).to_string(),
        Kind::Number { min, max } => (min + (max - min) / 4.0).to_string(),
        Kind::Choice { names, .. } => names()[0].to_owned(),
        Kind::File => "0f".repeat(32),
        Kind::List { .. } if row.category == Category::Sampling => "9.5, 2, 0.25".to_owned(),
        Kind::List { .. } if row.category == Category::Inpaint => "left=64, top=32".to_owned(),
        Kind::List { .. } => "sea, night sky".to_owned(),
        Kind::Switch => "on".to_owned(),
        Kind::KeepAlive => "3m".to_owned(),
    }
}

#[test]
fn every_row_goes_through_every_door() {
    let mut request = GenerateRequest::default();
    for row in TABLE {
        let text = example(row);
        for name in [row.name, row.flag].into_iter().chain(row.aliases.iter().copied()) {
            assert_eq!(find(name).map(|r| r.name), Some(row.name), "{name} is ambiguous");
            let mut one = GenerateRequest::default();
            one.set_text(name, &text).unwrap();
            let json = serde_json::to_value(&one).unwrap();
            assert_eq!(json.as_object().unwrap().len(), 1);
            let mut again = GenerateRequest::default();
            again.set_json(name, &json[row.name]).unwrap();
            assert_eq!(one, again, "{name}");
        }
        request.set_text(row.name, &text).unwrap();
        assert!(request.get(row.name).is_some());
        assert!(
            !row.help.is_empty() && row.help.ends_with('.'),
            "{} lacks a sentence",
            row.name
        );
        assert!(!row.default_words().is_empty());
        assert!(row.long.is_empty() || row.long.ends_with('.'));
    }
    let bytes = crate::codec::frame::encode(&request).unwrap();
    assert_eq!(crate::codec::frame::decode::<GenerateRequest>(&bytes).unwrap(), request);
    let json = serde_json::to_string(&request).unwrap();
    assert_eq!(serde_json::from_str::<GenerateRequest>(&json).unwrap(), request);
    let keyed = TABLE.iter().filter(|row| !row.metadata.is_empty()).count();
    assert_eq!(request.metadata().len(), keyed);
}

#[test]
fn short_flags_are_unique() {
    let mut shorts: Vec<char> = TABLE.iter().filter_map(|row| row.short).collect();
    shorts.sort_unstable();
    let all = shorts.len();
    shorts.dedup();
    assert_eq!(shorts.len(), all);
}

#[rstest]
#[case("steps", "0", "steps must be a whole number from 1 to 1000, not 0.")]
#[case("steps", "many", "steps is a whole number from 1 to 1000, not many.")]
#[case("batch", "1000000", "batch must be a whole number from 1 to 256, not 1000000.")]
#[case(
    "width",
    "99999999999999999999",
    "width must be a whole number from 8 to 8192, not 99999999999999999999."
)]
#[case("cfg", "NaN", "cfg must be a number from 0 to 100, not NaN.")]
#[case("cfg", "-1", "cfg must be a number from 0 to 100, not -1.")]
#[case(
    "seed",
    "9007199254740992",
    "seed must be a whole number from -1 to 9007199254740991, not 9007199254740992."
)]
#[case(
    "sampler",
    "cogx_ddim",
    "sampler must be one of the 48 names that `darkroom generate --help-all` lists, not cogx_ddim: CogX DDIM is not built yet."
)]
#[case(
    "sample_method",
    "eular a",
    "sample_method must be one of the 48 names that `darkroom generate --help-all` lists, not eular a: did you mean Euler a?"
)]
#[case(
    "scheduler",
    "smoothstep",
    "scheduler must be one of the 23 names that `darkroom generate --help-all` lists, not smoothstep: Smoothstep is not built yet; Automatic spaces the steps as \
     the model's own scheduler does."
)]
#[case(
    "prediction",
    "flow",
    "prediction must be one of epsilon, v_prediction, sample, not flow."
)]
#[case(
    "dtype",
    "fp33",
    "dtype must be one of auto, f32, bf16, f16, not fp33: did you mean f32?"
)]
#[case("stepps", "1", "There is no parameter stepps: did you mean steps?")]
#[case("x\x1by", "1", "There is no parameter x\\u{1b}y.")]
fn refusals_say_what_is_accepted(#[case] name: &str, #[case] text: &str, #[case] message: &str) {
    let error = GenerateRequest::default().set_text(name, text).unwrap_err();
    assert_eq!(error.to_string(), message);
}

#[test]
fn a_long_prompt_is_refused_by_its_size() {
    let error = GenerateRequest::default()
        .set_text("prompt", &"a".repeat(1 << 20))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "prompt has 1048576 bytes, the most is 65536: shorten it."
    );
}

#[rstest]
#[case(r#"{"prompt": 3}"#)]
#[case(r#"{"steps": "ten"}"#)]
#[case(r#"{"steps": 1.5}"#)]
#[case(r#"{"width": [64]}"#)]
#[case(r#"{"nonsense": 1}"#)]
#[case(r#"[]"#)]
fn wrong_json_is_refused(#[case] json: &str) {
    assert!(serde_json::from_str::<GenerateRequest>(json).is_err());
}

#[test]
fn aliases_of_other_programs_work() {
    let json = r#"{"prompt": "a fox", "guidance_scale": 5, "num_inference_steps": 20.0, "sampler_name": "Euler a"}"#;
    let request: GenerateRequest = serde_json::from_str(json).unwrap();
    assert_eq!(request.steps, Some(20));
    assert_eq!(request.cfg_scale, Some(5.0));
    assert_eq!(request.sampler, Some(Sampler::EulerAncestral));
}

#[rstest]
#[case(r#"{"sampler": "DPM++ 2M Karras"}"#)]
#[case(r#"{"sampler_name": "dpmpp_2m_karras", "scheduler": "Karras"}"#)]
#[case(r#"{"scheduler": "automatic", "sampler": "DPM++ 2M Karras"}"#)]
#[case(r#"{"sampler": "DPM++ 2M Karras", "schedule_type": "Automatic"}"#)]
fn a_samplers_name_may_bring_its_schedule(#[case] json: &str) {
    let request: GenerateRequest = serde_json::from_str(json).unwrap();
    assert_eq!(
        (request.sampler, request.schedule),
        (Some(Sampler::DpmPp2m), Some(Schedule::Karras))
    );
}

#[rstest]
#[case(
    r#"{"sampler": "DPM++ 2M Karras", "scheduler": "Exponential"}"#,
    "scheduler says Exponential, but the sampler's name says Karras: leave one of them out."
)]
#[case(
    r#"{"schedule": "exponential", "sampler_name": "Euler a Karras"}"#,
    "sampler_name says Karras, but the schedule is Exponential: leave one of them out."
)]
#[case(
    r#"{"guidance_scale": -1}"#,
    "guidance_scale must be a number from 0 to 100, not -1."
)]
fn json_is_refused_under_the_names_it_has(#[case] json: &str, #[case] message: &str) {
    let error = serde_json::from_str::<GenerateRequest>(json).unwrap_err().to_string();
    assert!(error.starts_with(message), "{error}");
}

fn card() -> ModelCard {
    ModelCard {
        name: "sd15".to_owned(),
        family: "Stable Diffusion 1.x".to_owned(),
        source: ModelSource::Folder("/models/sd15".to_owned()),
        vae_factor: 8,
        width: 512,
        height: 768,
        steps: 30,
        cfg_scale: 6.5,
        distilled_cfg_scale: None,
        sampler: Sampler::DpmPp2m,
        schedule: Schedule::Karras,
        prediction: Prediction::VPrediction,
        upscaler: "none".to_owned(),
        task: crate::ModelTask::Generate,
        lacks: Vec::new(),
        bytes: 1,
        notice: None,
    }
}

#[test]
fn every_row_is_in_one_category() {
    let all: usize = Category::ALL.iter().map(|category| category.rows().count()).sum();
    assert_eq!(all, TABLE.len());
}

#[test]
fn a_default_is_a_value_that_its_row_takes() {
    let defaults = GenerateRequest::defaults(&card());
    defaults.check().unwrap();
    for row in TABLE {
        let settled = matches!(row.unset, Unset::Settled(_));
        assert_eq!(defaults.get(row.name).is_none(), settled, "{}", row.name);
    }
    assert_eq!((defaults.height, defaults.steps), (Some(768), Some(30)));
    assert_eq!((defaults.batch, defaults.format), (Some(1), Some(Format::Png)));
}

#[test]
fn the_tables_defaults_are_those_of_a_task() {
    let fixed = GenerateRequest {
        width: None,
        height: None,
        steps: None,
        cfg_scale: None,
        distilled_cfg_scale: None,
        sampler: None,
        schedule: None,
        prediction: None,
        ..GenerateRequest::defaults(&card())
    };
    let mut task = ImageTask::default();
    fixed.put_into(&mut task);
    assert_eq!(task, ImageTask::default());
}

#[test]
fn a_request_goes_into_a_task_and_comes_back() {
    let mut request = GenerateRequest::default();
    for row in TABLE {
        request.set_text(row.name, &example(row)).unwrap();
    }
    request.quant = Some(Quant::Int8);
    request.noise_source = Some(NoiseSource::Philox);
    request.prompt_syntax = Some(crate::PromptSyntax::Compel);
    request.guidance_method = Some(crate::GuidanceMethod::Apg);
    request.apg_momentum = Some(0.25);
    request.mimic_mode = Some(crate::ScaleCurve::CosineDown);
    request.cfg_mode = Some(crate::ScaleCurve::Sawtooth);
    let mut task = ImageTask::default();
    request.put_into(&mut task);
    let expected = GenerateRequest {
        seed: None,
        // A task has their files.
        loras: None,
        vae: None,
        text_encoders: None,
        denoiser: None,
        priority: None,
        keep_alive: None,
        tags: None,
        ..request
    };
    assert_eq!(GenerateRequest::of_task(&task), expected);
}

#[test]
fn what_is_asked_comes_before_what_is_not() {
    let asked = GenerateRequest {
        steps: Some(4),
        keep_alive: Some("3m".parse::<KeepAlive>().unwrap()),
        ..GenerateRequest::default()
    };
    let all = asked.clone().or(GenerateRequest::defaults(&card()));
    assert_eq!((all.steps, all.keep_alive), (Some(4), asked.keep_alive));
    assert_eq!(all.width, Some(512));
}

#[test]
fn a_row_says_what_it_needs_of_a_worker() {
    let asked = GenerateRequest {
        steps: Some(4),
        ..GenerateRequest::default()
    };
    assert_eq!(asked.unmet(&["upscale".to_owned()]).map(|row| row.name), Some("steps"));
    assert!(asked.unmet(&["upscale".to_owned(), "image".to_owned()]).is_none());
    assert!(GenerateRequest::default().unmet(&[]).is_none());
}
