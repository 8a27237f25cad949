//! What requests come to: defaults, ranges, devices, seeds.

use darkroom_protocol::params::{MAX_PROMPT, MAX_SEED};
use darkroom_protocol::{
    Dtype, FailureKind, Format, GenerateRequest, ImageTask, ModelCard, ModelSource, ModelTask, Prediction, Sampler,
    Schedule,
};
use proptest::prelude::*;
use rstest::rstest;

use super::resolve;
use crate::settings::Settings;

fn card() -> ModelCard {
    ModelCard {
        name: "sd15".to_owned(),
        family: "Stable Diffusion 1.x".to_owned(),
        source: ModelSource::Folder("/models/sd15".to_owned()),
        vae_factor: 8,
        width: 512,
        height: 768,
        steps: 20,
        cfg_scale: 7.0,
        distilled_cfg_scale: None,
        sampler: Sampler::DpmPp2m,
        schedule: Schedule::Auto,
        prediction: Prediction::Epsilon,
        upscaler: "none".to_owned(),
        task: darkroom_protocol::ModelTask::Generate,
        lacks: Vec::new(),
        bytes: 1,
        notice: None,
    }
}

fn request(pairs: &[(&str, &str)]) -> GenerateRequest {
    let mut request = GenerateRequest::default();
    for (name, text) in pairs {
        request.set_text(name, text).unwrap();
    }
    request
}

fn task(request: &GenerateRequest) -> ImageTask {
    resolve(request, &card(), &Settings::default(), "cuda:0", None, 42).unwrap()
}

fn refusal(request: &GenerateRequest) -> String {
    let error = resolve(request, &card(), &Settings::default(), "cpu", None, 42).unwrap_err();
    assert_eq!(error.kind, FailureKind::Usage);
    error.message
}

#[test]
fn an_empty_request_takes_every_default() {
    let task = task(&GenerateRequest::default());
    assert_eq!(
        (
            task.size.width,
            task.size.height,
            task.sampling.steps,
            task.guidance.cfg_scale
        ),
        (512, 768, 20, 7.0)
    );
    assert_eq!(
        (task.sampling.sampler, task.sampling.schedule),
        (Sampler::DpmPp2m, Schedule::Auto)
    );
    assert_eq!(
        (task.sampling.seed, task.size.batch, task.compute.micro_batch),
        (42, 1, 1)
    );
    assert_eq!(
        (task.compute.device.as_str(), task.compute.dtype, task.compute.threads),
        ("cuda:0", Dtype::Auto, 0)
    );
    assert_eq!((task.what.format, task.what.prompt.as_str()), (Format::Png, ""));
    assert_eq!((task.what.model.as_str(), task.what.source), ("sd15", card().source));
}

#[test]
fn what_is_asked_is_done() {
    let asked = request(&[
        ("prompt", "a fox"),
        ("negative", "blur"),
        ("width", "104"),
        ("height", "72"),
        ("steps", "9"),
        ("cfg", "3.3"),
        ("sampler", "euler a"),
        ("schedule", "karras"),
        ("seed", "9007199254740991"),
        ("device", "CUDA"),
        ("dtype", "f32"),
        ("threads", "3"),
        ("format", "webp"),
    ]);
    let task = task(&asked);
    let again = task.to_request();
    let expected = GenerateRequest {
        model: Some("sd15".to_owned()),
        batch: Some(1),
        device: Some("cuda:0".to_owned()),
        upscaler: Some("none".to_owned()),
        ..asked
    };
    assert_eq!(again, expected);
}

#[test]
fn a_task_asked_again_is_the_same_task() {
    let first = task(&request(&[("batch", "5"), ("prompt", "x")]));
    assert_eq!(
        resolve(&first.to_request(), &card(), &Settings::default(), "mps", None, 7).unwrap(),
        first
    );
}

#[test]
fn settings_stand_between_request_and_default() {
    let settings = Settings {
        device: Some("xpu".to_owned()),
        dtype: Some(Dtype::F16),
        threads: Some(2),
        ..Settings::default()
    };
    let of = |request| resolve(&request, &card(), &settings, "cpu", None, 0).unwrap();
    let set = of(GenerateRequest::default());
    assert_eq!(
        (set.compute.device.as_str(), set.compute.dtype, set.compute.threads),
        ("xpu:0", Dtype::F16, 2)
    );
    let asked = of(request(&[("device", "cpu"), ("dtype", "bf16"), ("threads", "4")]));
    assert_eq!(
        (
            asked.compute.device.as_str(),
            asked.compute.dtype,
            asked.compute.threads
        ),
        ("cpu", Dtype::Bf16, 4)
    );
    assert_eq!(of(request(&[("device", "auto")])).compute.device, "cpu");
}

#[rstest]
#[case(&[("seed", "-1")], 42)]
#[case(&[("seed", "0")], 0)]
#[case(&[("seed", "9007199254740988"), ("batch", "4")], 9_007_199_254_740_988)]
fn seeds(#[case] pairs: &[(&str, &str)], #[case] seed: u64) {
    assert_eq!(task(&request(pairs)).sampling.seed, seed);
}

#[rstest]
#[case(&[("width", "100")], "Width 100 is not a multiple of 8, the model's VAE factor: try 96 or 104.")]
#[case(&[("height", "71")], "Height 71 is not a multiple of 8, the model's VAE factor: try 64 or 72.")]
#[case(&[("width", "8192"), ("height", "8192")], "8192×8192 is 67108864 pixels, the most is 16777216, which is 4096×4096: give a smaller size.")]
#[case(&[("seed", "9007199254740989"), ("batch", "4")], "Picture i takes seed + i, and the largest seed is 9007199254740991: with a batch of 4 give a seed up to 9007199254740988.")]
#[case(&[("original_size", "large")], "original_size must be two whole numbers up to 65536, as 1024x1024, not large.")]
#[case(&[("crop", "0,70000")], "crop must be two whole numbers up to 65536, as 0,64, not 0,70000.")]
#[case(&[("device", "tpu\u{1b}")], "tpu\\u{1b} is no device: give cpu, cuda:0, xpu:0 or mps; `darkroom doctor` lists those that are here.")]
fn refusals_say_what_to_do(#[case] pairs: &[(&str, &str)], #[case] message: &str) {
    assert_eq!(refusal(&request(pairs)), message);
}

#[test]
fn what_came_past_the_table_is_checked_again() {
    let long = GenerateRequest {
        prompt: Some("a".repeat(MAX_PROMPT + 1)),
        ..GenerateRequest::default()
    };
    assert_eq!(refusal(&long), "prompt has 65537 bytes, the most is 65536: shorten it.");
    let wild = GenerateRequest {
        width: Some(0),
        cfg_scale: Some(f64::NAN),
        ..GenerateRequest::default()
    };
    assert!(refusal(&wild).starts_with("width must be"));
}

fn any_request() -> impl Strategy<Value = GenerateRequest> {
    let sizes = (proptest::option::of(0u32..9000), proptest::option::of(0u32..9000));
    let numbers = (
        proptest::option::of(any::<i64>()),
        proptest::option::of(0u32..300),
        proptest::option::of(any::<f64>()),
    );
    (sizes, numbers, proptest::option::of("\\PC{0,20}")).prop_map(
        |((width, height), (seed, batch, cfg_scale), device)| GenerateRequest {
            width,
            height,
            seed,
            batch,
            cfg_scale,
            device,
            ..GenerateRequest::default()
        },
    )
}

proptest! {
    #[test]
    fn a_task_is_within_every_bound_or_the_refusal_says_something(request in any_request(), random in any::<u64>()) {
        match resolve(&request, &card(), &Settings::default(), "cpu", None, random) {
            Ok(task) => {
                prop_assert!(task.size.width % 8 == 0 && task.size.height % 8 == 0);
                prop_assert!(task.pixels() <= super::resolve::MAX_PIXELS);
                prop_assert!(task.sampling.seed + u64::from(task.size.batch) - 1 <= MAX_SEED as u64);
                prop_assert!(task.guidance.cfg_scale.is_finite() && (1..=task.size.batch).contains(&task.compute.micro_batch));
            }
            Err(error) => prop_assert!(error.message.ends_with('.')),
        }
    }
}

/// What a request with a picture of that size to begin with comes to.
fn from_picture(pairs: &[(&str, &str)], given: (u32, u32)) -> Result<ImageTask, String> {
    let mut request = request(pairs);
    request.init_image = Some("0f".repeat(32));
    let task = resolve(&request, &card(), &Settings::default(), "cpu", Some(given), 42);
    task.map_err(|error| error.message)
}

#[rstest]
#[case(&[], (640, 480), (640, 480))]
#[case(&[], (641, 487), (640, 480))]
#[case(&[], (6000, 4000), (1080, 720))]
#[case(&[("width", "320")], (640, 480), (320, 240))]
#[case(&[("height", "320")], (480, 640), (240, 320))]
#[case(&[("width", "512"), ("height", "512")], (640, 480), (512, 512))]
fn a_picture_to_begin_with_gives_the_size(
    #[case] pairs: &[(&str, &str)],
    #[case] given: (u32, u32),
    #[case] size: (u32, u32),
) {
    let task = from_picture(pairs, given).unwrap();
    assert_eq!((task.size.width, task.size.height), size);
    assert_eq!(task.inputs.denoise, Some(0.75));
}

#[test]
fn how_far_a_picture_may_change_needs_one_and_a_step() {
    assert!(refusal(&request(&[("denoise", "0.5")])).contains("init_image"));
    let none = from_picture(&[("denoise", "0.1"), ("steps", "9")], (64, 64)).unwrap_err();
    assert!(none.contains("leaves no step to run"), "{none}");
    let one = from_picture(&[("denoise", "0.1"), ("steps", "10")], (64, 64)).unwrap();
    assert_eq!(one.inputs.denoise, Some(0.1));
    let alone = from_picture(&[("steps", "1")], (64, 64)).unwrap();
    assert_eq!(alone.inputs.denoise, Some(1.0), "nobody asked for less");
    let again = resolve(&one.to_request(), &card(), &Settings::default(), "cpu", Some((9, 9)), 7).unwrap();
    assert_eq!(again.size, one.size);
}

/// A request with the model's own upscaler: what upscales and by how much.
fn upscaled(pairs: &[(&str, &str)]) -> (String, Option<f64>) {
    let card = ModelCard {
        upscaler: "realesr-animevideov3".to_owned(),
        ..card()
    };
    let size = resolve(&request(pairs), &card, &Settings::default(), "cpu", None, 42)
        .unwrap()
        .size;
    (size.upscaler, size.upscale)
}

#[rstest]
#[case::of_the_model(&[], "realesr-animevideov3", Some(4.0))]
#[case::by_another_factor(&[("upscale", "2")], "realesr-animevideov3", Some(2.0))]
#[case::of_nobody(&[("upscaler", "None")], "none", None)]
#[case::a_size_is_the_size(&[("width", "64")], "none", None)]
#[case::unless_more_is_asked_for(&[("width", "64"), ("upscale", "4")], "realesr-animevideov3", Some(4.0))]
#[case::a_filter(&[("upscaler", "Bicubic")], "bicubic", Some(2.0))]
#[case::a_file(&[("upscaler", "/models/x.pth")], "/models/x.pth", None)]
fn pictures_of_the_models_own_size_are_made_larger(
    #[case] asked: &[(&str, &str)],
    #[case] upscaler: &str,
    #[case] by: Option<f64>,
) {
    assert_eq!(upscaled(asked), (upscaler.to_owned(), by));
}

/// A picture as large as the upscaler makes them begins one of the model's size, which the upscaler makes as large.
#[rstest]
#[case((2048, 3072), (512, 768), "realesr-animevideov3")]
#[case((512, 768), (512, 768), "none")]
fn a_picture_from_a_picture_is_as_large(#[case] input: (u32, u32), #[case] size: (u32, u32), #[case] upscaler: &str) {
    let card = ModelCard {
        upscaler: "realesr-animevideov3".to_owned(),
        ..card()
    };
    let mut request = request(&[]);
    request.init_image = Some("0".repeat(64));
    let task = resolve(&request, &card, &Settings::default(), "cpu", Some(input), 42).unwrap();
    assert_eq!((task.size.width, task.size.height), size);
    assert_eq!(task.size.upscaler, upscaler);
}

#[test]
fn a_factor_alone_is_a_filters() {
    let size = task(&request(&[("upscale", "1.5")])).size;
    assert_eq!((size.upscaler.as_str(), size.upscale), ("lanczos", Some(1.5)));
    let size = task(&request(&[("upscale", "1")])).size;
    assert_eq!((size.upscaler.as_str(), size.upscale), ("none", None));
}

#[rstest]
#[case(&[("upscaler", "none"), ("upscale", "2")], "needs an upscaler")]
#[case(&[("upscaler", "esrgan"), ("upscale", "2")], "no upscaler esrgan")]
#[case(&[("width", "1024"), ("height", "1024"), ("upscale", "10")], "10240×10240")]
fn what_does_not_go_together_is_refused(#[case] asked: &[(&str, &str)], #[case] told: &str) {
    let refusal = refusal(&request(asked));
    assert!(refusal.contains(told), "{refusal}");
}

/// What a request with a picture and a mask comes to, with a model of that kind.
fn with_mask(pairs: &[(&str, &str)], model: ModelTask) -> Result<ImageTask, String> {
    let mut request = request(pairs);
    request.init_image = Some("0f".repeat(32));
    request.mask = Some("0e".repeat(32));
    let card = ModelCard { task: model, ..card() };
    let task = resolve(&request, &card, &Settings::default(), "cpu", Some((640, 480)), 42);
    task.map_err(|error| error.message)
}

#[test]
fn a_mask_has_its_defaults_and_what_it_does_is_asked_for_again() {
    let task = with_mask(&[], ModelTask::Generate).unwrap();
    let inpaint = &task.inpaint;
    assert_eq!((inpaint.blur, inpaint.padding, inpaint.soft), (Some(4), None, None));
    assert_eq!((task.size.width, task.size.height), (640, 480));
    let masked = [
        ("inpaint_area", "only masked"),
        ("inpaint_padding", "8"),
        ("soft_mask", "on"),
    ];
    let task = with_mask(&masked, ModelTask::Generate).unwrap();
    assert_eq!((task.inpaint.padding, task.inpaint.soft), (Some(8), Some(true)));
    assert_eq!((task.size.width, task.size.height), (512, 768), "the model's own");
    let again = resolve(
        &task.to_request(),
        &card(),
        &Settings::default(),
        "cpu",
        Some((640, 480)),
        7,
    )
    .unwrap();
    assert_eq!(again.inpaint, task.inpaint);
    let mut alone = request(&[]);
    alone.mask = Some("0e".repeat(32));
    assert!(refusal(&alone).contains("init_image"));
}

#[test]
fn what_has_no_meaning_is_said_and_not_kept() {
    let asked = request(&[("mask_blur", "9"), ("inpaint_fill", "noise"), ("image_cfg_scale", "2")]);
    let task = task(&asked);
    assert_eq!(
        (&task.inpaint, task.guidance.image_cfg_scale),
        (&Default::default(), None)
    );
    assert_eq!(
        super::unused(&asked, &task),
        [
            "Without a mask there is no meaning in mask_blur, inpaint_fill.",
            "image_cfg_scale is for models that edit a picture.",
        ]
    );
    assert!(super::unused(&request(&[]), &task).is_empty());
}

#[test]
fn a_model_that_edits_needs_a_picture_and_runs_all_steps() {
    let card = ModelCard {
        task: ModelTask::Edit,
        ..card()
    };
    let refused = resolve(&request(&[]), &card, &Settings::default(), "cpu", None, 42).unwrap_err();
    assert!(refused.message.contains("edits a picture"), "{}", refused.message);
    let task = with_mask(&[("denoise", "0.2")], ModelTask::Edit).unwrap();
    assert_eq!(
        (task.steps_run(), task.guidance.image_cfg_scale),
        (task.sampling.steps, Some(1.5))
    );
    let mut asked = request(&[("denoise", "0.2")]);
    asked.init_image = Some("0f".repeat(32));
    assert!(super::unused(&asked, &task)[0].contains("denoise has no meaning"));
}

#[test]
fn a_second_pass_has_its_defaults_and_is_asked_for_again() {
    let first = task(&request(&[("hires", "2"), ("batch", "8"), ("steps", "12")]));
    let hires = &first.hires;
    assert_eq!(
        (hires.scale, hires.upscaler.as_deref(), hires.denoise, hires.steps),
        (Some(2.0), Some("Latent"), Some(0.7), None)
    );
    assert_eq!((first.size.width, first.size.height), (512, 768), "the first pass's");
    assert_eq!(first.compute.micro_batch, 1, "as few as its larger pass can take");
    let second = first.second_pass(8).unwrap();
    assert_eq!((second.task.size.width, second.task.size.height), (1024, 1536));
    assert_eq!(
        resolve(&first.to_request(), &card(), &Settings::default(), "mps", None, 7).unwrap(),
        ImageTask {
            compute: darkroom_protocol::task::Compute {
                device: "cuda:0".into(),
                ..first.compute.clone()
            },
            ..first.clone()
        }
    );
    assert_eq!(
        task(&request(&[("hires_upscaler", "none")])).hires.upscaler.as_deref(),
        Some("lanczos")
    );
}

#[rstest]
#[case(&[("hires", "8"), ("width", "1024")], "The second pass would have")]
#[case(&[("hires_width", "1001")], "hires_width 1001 is not a multiple of 8")]
#[case(&[("hires_upscaler", "esrgan")], "There is no upscaler esrgan between passes")]
fn a_second_pass_that_cannot_be_is_refused(#[case] asked: &[(&str, &str)], #[case] told: &str) {
    let refusal = refusal(&request(asked));
    assert!(refusal.contains(told), "{refusal}");
}

#[test]
fn a_second_pass_and_a_mask_or_an_edit_do_not_go_together() {
    let hires = [("hires", "2")];
    assert!(
        with_mask(&hires, ModelTask::Generate)
            .unwrap_err()
            .contains("leave out hires or mask")
    );
    let card = ModelCard {
        task: ModelTask::Edit,
        ..card()
    };
    let mut request = request(&hires);
    request.init_image = Some("0f".repeat(32));
    let error = resolve(&request, &card, &Settings::default(), "cpu", Some((64, 64)), 42).unwrap_err();
    assert!(error.message.contains("leave out hires"), "{}", error.message);
}

#[test]
fn what_is_for_pictures_and_second_passes_is_said_where_there_is_none() {
    let asked = request(&[
        ("hires_steps", "9"),
        ("resize_mode", "fill"),
        ("color_correction", "on"),
    ]);
    let task = task(&asked);
    assert_eq!(
        super::unused(&asked, &task),
        [
            "Without hires there is no second pass, and no meaning in hires_steps.",
            "Without a picture to begin with there is no meaning in resize_mode, color_correction.",
        ]
    );
    let kept = from_picture(&[("resize_mode", "fill"), ("color_correction", "on")], (64, 64)).unwrap();
    assert_eq!(kept.inputs.resize_mode, Some(darkroom_protocol::ResizeMode::Fill));
    assert!(kept.inputs.color_correction);
}

#[test]
fn what_is_added_makes_the_picture_larger() {
    let task = from_picture(&[("outpaint", "left=64,bottom=32")], (448, 480)).unwrap();
    assert_eq!((task.size.width, task.size.height), (512, 512));
    assert_eq!(task.inpaint.outpaint, ["left=64", "bottom=32"]);
    assert_eq!(task.inpaint.blur, Some(4));
    let again = resolve(
        &task.to_request(),
        &card(),
        &Settings::default(),
        "cpu",
        Some((448, 480)),
        7,
    )
    .unwrap();
    assert_eq!(again.inpaint, task.inpaint);
    assert!(refusal(&request(&[("outpaint", "64")])).contains("added around a picture"));
    let huge = from_picture(&[("outpaint", "8192")], (64, 64)).unwrap_err();
    assert!(huge.contains("add less"), "{huge}");
}

#[test]
fn edges_that_fit_and_tiles_do_not_go_together() {
    let refusal = refusal(&request(&[("tiling", "True"), ("vae_tiling", "on")]));
    assert!(refusal.contains("leave out one of them"), "{refusal}");
    let task = task(&request(&[("tiling", "x")]));
    assert_eq!(task.size.tiling, darkroom_protocol::Tiling::X);
}

#[test]
fn a_model_that_is_told_a_guidance_has_its_own_and_others_none() {
    let card = ModelCard {
        distilled_cfg_scale: Some(3.5),
        ..card()
    };
    let told = |asked: &GenerateRequest, card: &ModelCard| {
        let task = resolve(asked, card, &Settings::default(), "cpu", None, 42).unwrap();
        (task.guidance.distilled_cfg_scale, super::unused(asked, &task))
    };
    assert_eq!(told(&request(&[]), &card), (Some(3.5), vec![]));
    let asked = request(&[("distilled_cfg_scale", "2")]);
    assert_eq!(told(&asked, &card), (Some(2.0), vec![]));
    let (none, said) = told(&asked, &super::tests::card());
    assert!(
        none.is_none() && said[0].contains("distilled_cfg_scale is for models"),
        "{said:?}"
    );
}

#[test]
fn a_model_that_refers_to_a_picture_needs_none_and_runs_all_steps() {
    let card = ModelCard {
        task: ModelTask::Reference,
        ..card()
    };
    let alone = resolve(&request(&[]), &card, &Settings::default(), "cpu", None, 42).unwrap();
    assert_eq!(alone.steps_run(), alone.sampling.steps);
    let task = with_mask(&[("denoise", "0.2")], ModelTask::Reference).unwrap();
    assert_eq!(task.steps_run(), task.sampling.steps);
    let mut asked = request(&[("denoise", "0.2")]);
    asked.init_image = Some("0f".repeat(32));
    let said = super::unused(&asked, &task);
    assert!(said[0].contains("denoise has no meaning"), "{said:?}");
}
