//! A sample of each writer but ComfyUI, every field asserted, and which of several texts in one picture counts.

use darkroom_protocol::{ImageTask, Sampler};
use rstest::rstest;

use super::*;
use crate::Record;

#[test]
fn a1111() {
    let text = "a fox: red\nNegative prompt: blurry\nSteps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, \
                Seed: 5, Size: 512x768, Model hash: 6ce0161689, Model: v1-5-pruned, VAE: vae-ft-mse, Denoising strength: 0.4, \
                Clip skip: 2, Lora hashes: \"a: 12, b: 34\", Version: v1.10.1";
    insta::assert_snapshot!(spelled(&[("parameters", text)]), @r#"
    A1111
    prompt: a fox: red
    negative_prompt: blurry
    clip_skip: 2
    model: v1-5-pruned
    vae: vae-ft-mse
    width: 512
    height: 768
    denoise: 0.4
    steps: 28
    cfg_scale: 7
    sampler: DPM++ 2M
    schedule: Karras
    seed: 5
      Model hash: 6ce0161689
      Lora hashes: a: 12, b: 34
      Version: v1.10.1
    "#);
}

#[test]
fn a1111_of_old_and_what_it_does_not_mean() {
    let text = "a fox\nSteps: 20.0, Sampler: DPM++ 2M Karras, Seed: 18446744073709551615, Size: 512, Steps: 30, \
                Denoising strength: 0.7, Hires upscale: 2, Sampler: Euler";
    insta::assert_snapshot!(spelled(&[("UserComment", text)]), @"
    A1111
    prompt: a fox
    negative_prompt: 
    hires_scale: 2
    hires_denoise: 0.7
    steps: 20
    sampler: DPM++ 2M
    schedule: Karras
      Seed: 18446744073709551615
      Size: 512
      Steps: 30
      Sampler: Euler
    ");
    let unbuilt = "a fox\nSteps: 20, Sampler: DC Solver, Schedule type: Smoothstep, Seed: 1";
    insta::assert_snapshot!(spelled(&[("parameters", unbuilt)]), @"
    A1111
    prompt: a fox
    negative_prompt: 
    steps: 20
    seed: 1
      Sampler: DC Solver
      Schedule type: Smoothstep
    ");
}

#[test]
fn a_second_pass_of_a1111() {
    let text = "a fox\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Denoising strength: 0.55, Hires CFG Scale: 5, \
                Hires sampler: DPM++ 2M Karras, Hires resize: 1024x0, Hires steps: 12, Hires upscaler: Latent (nearest-exact), \
                Hires prompt: a hen, Version: v1.10.1";
    insta::assert_snapshot!(spelled(&[("parameters", text)]), @"
    A1111
    prompt: a fox
    negative_prompt: 
    width: 512
    height: 512
    hires_width: 1024
    hires_upscaler: Latent (nearest-exact)
    hires_steps: 12
    hires_denoise: 0.55
    hires_sampler: DPM++ 2M
    hires_schedule: Karras
    hires_cfg: 5
    steps: 20
    cfg_scale: 7
    sampler: Euler a
    seed: 1
      Hires prompt: a hen
      Version: v1.10.1
    ");
}

#[test]
fn sdnext() {
    let text = "a fox\nNegative prompt: wet\nSteps: 20, Size: 1024x1024, Sampler: Euler a, Scheduler: \
                EulerAncestralDiscreteScheduler, Seed: 1, CFG scale: 6.0, CFG rescale: 0.7, App: SD.Next, Version: abc1234, \
                Pipeline: StableDiffusionXLPipeline, Operations: txt2img, Model: sdxl-base, Model hash: 31e35c80fc";
    insta::assert_snapshot!(spelled(&[("parameters", text)]), @"
    SD.Next
    prompt: a fox
    negative_prompt: wet
    model: sdxl-base
    width: 1024
    height: 1024
    steps: 20
    cfg_scale: 6
    guidance_rescale: 0.7
    sampler: Euler a
    seed: 1
      Scheduler: EulerAncestralDiscreteScheduler
      App: SD.Next
      Version: abc1234
      Pipeline: StableDiffusionXLPipeline
      Operations: txt2img
      Model hash: 31e35c80fc
    ");
}

#[rstest]
#[case("dpm++2m karras", "sampler: DPM++ 2M\nschedule: Karras\n")]
#[case("euler_a", "sampler: Euler a\n")]
#[case("euler discrete", "sampler: Euler\nschedule: Normal\nnoise_source: philox\n")]
fn stable_diffusion_cpp(#[case] sampler: &str, #[case] expected: &str) {
    let text = format!(
        "a fox\nSteps: 20, CFG scale: 7.000000, Guidance: 3.500000, Eta: 0.000000, Seed: 42, Size: 512x512, Model: \
         v1-5.safetensors, RNG: cuda, Sampler: {sampler}, Version: stable-diffusion.cpp"
    );
    let found = spelled(&[("parameters", &text)]);
    assert!(found.starts_with("stable-diffusion.cpp\nprompt: a fox\nnegative_prompt: \nmodel: v1-5\n"));
    assert!(found.contains(expected), "{found}");
    let others = "seed: 42\n  Guidance: 3.500000\n  Eta: 0.000000\n  Version: stable-diffusion.cpp";
    assert!(found.ends_with(others), "{found}");
}

const FOOOCUS: &str = r#"{"adm_guidance": "(1.5, 0.8, 0.3)", "base_model": "juggernautXL_v8.safetensors",
    "full_negative_prompt": ["wet", "ugly"], "full_prompt": ["a fox", "cinematic"], "guidance_scale": 4.0,
    "lora_combined_1": "offset : 0.1", "loras": [["offset", 0.1, "4852686128"]], "negative_prompt": "wet", "prompt": "a fox",
    "resolution": "(1152, 896)", "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras", "seed": "7",
    "sharpness": 2.0, "steps": 30, "styles": "['Fooocus V2']", "vae": "Default (model)", "version": "Fooocus v2.5.0"}"#;

const FOOOCUS_SAID: &str = "Fooocus
prompt: a fox
negative_prompt: wet
model: juggernautXL_v8
width: 1152
height: 896
steps: 30
cfg_scale: 4
sampler: DPM++ 2M SDE
schedule: Karras
seed: 7
  full_prompt: a fox, cinematic
  full_negative_prompt: wet, ugly
  lora: offset 0.1
  adm_guidance: (1.5, 0.8, 0.3)
  lora_combined_1: offset : 0.1
  sharpness: 2.0
  styles: ['Fooocus V2']
  vae: Default (model)
  version: Fooocus v2.5.0";

#[rstest]
#[case::marked(&[("fooocus_scheme", "fooocus"), ("parameters", FOOOCUS)])]
#[case::unmarked(&[("parameters", FOOOCUS)])]
#[case::in_exif(&[("Software", "Fooocus v2.5.0"), ("UserComment", FOOOCUS), ("MakerNote", "fooocus")])]
fn fooocus(#[case] texts: &[(&str, &str)]) {
    assert_eq!(spelled(texts), FOOOCUS_SAID);
}

#[test]
fn fooocus_as_a1111() {
    let text = "a fox, cinematic\nNegative prompt: wet, ugly\nSteps: 30, Sampler: DPM++ 2M SDE Karras, Seed: 7, Size: 1152x896, \
                CFG scale: 4, Sharpness: 2, ADM Guidance: \"(1.5, 0.8, 0.3)\", Model: juggernautXL_v8, Model hash: aeb7e9e689, \
                Performance: Speed, Scheduler: karras, VAE: Default (model), Raw prompt: a fox, Raw negative prompt: wet, \
                Version: Fooocus v2.5.0";
    insta::assert_snapshot!(spelled(&[("fooocus_scheme", "a1111"), ("parameters", text)]), @"
    Fooocus
    prompt: a fox
    negative_prompt: wet
    model: juggernautXL_v8
    width: 1152
    height: 896
    steps: 30
    cfg_scale: 4
    sampler: DPM++ 2M SDE
    schedule: Karras
    seed: 7
      Sharpness: 2
      ADM Guidance: (1.5, 0.8, 0.3)
      Model hash: aeb7e9e689
      Performance: Speed
      VAE: Default (model)
      Version: Fooocus v2.5.0
      full_prompt: a fox, cinematic
      full_negative_prompt: wet, ugly
    ");
}

#[test]
fn invokeai_three() {
    let text = r#"{"app_version": "4.2.9", "generation_mode": "img2img", "positive_prompt": "a fox", "negative_prompt": "wet",
        "width": 512, "height": 768, "seed": 7, "cfg_scale": 7.5, "cfg_rescale_multiplier": 0.2, "steps": 30.0,
        "scheduler": "dpmpp_2m_k", "strength": 0.6, "clip_skip": 1, "rand_device": "cpu",
        "model": {"key": "1-2-3", "hash": "blake3:ab", "name": "dreamshaper-8", "base": "sd-1", "type": "main"},
        "loras": [{"model": {"name": "detail", "key": "4"}, "weight": 0.75}],
        "vae": null}"#;
    insta::assert_snapshot!(spelled(&[("invokeai_metadata", text)]), @r#"
    InvokeAI
    prompt: a fox
    negative_prompt: wet
    model: dreamshaper-8
    width: 512
    height: 768
    denoise: 0.6
    steps: 30
    cfg_scale: 7.5
    guidance_rescale: 0.2
    sampler: DPM++ 2M
    schedule: Karras
    seed: 7
      model: {"base":"sd-1","hash":"blake3:ab","key":"1-2-3","type":"main"}
      lora: detail 0.75
      app_version: 4.2.9
      clip_skip: 1
      generation_mode: img2img
      rand_device: cpu
    "#);
    let older = r#"{"generation_mode": "txt2img", "positive_prompt": "a fox", "scheduler": "unipc", "strength": 0.5,
        "model": {"model_name": "sd15"}, "loras": [{"lora": {"model_name": "x"}, "weight": 1}, {"odd": 1}]}"#;
    insta::assert_snapshot!(spelled(&[("invokeai_metadata", older)]), @r#"
    InvokeAI
    prompt: a fox
    model: sd15
    sampler: UniPC
      lora: x 1
      loras: {"odd":1}
      strength: 0.5
      generation_mode: txt2img
    "#);
}

#[rstest]
#[case::text(r#""a fox [wet] in snow [ugly]""#)]
#[case::list(r#"[{"prompt": "a fox [wet] in snow [ugly]", "weight": 1.0}]"#)]
fn invokeai_two(#[case] prompt: &str) {
    let text = format!(
        r#"{{"model": "stable diffusion", "model_weights": "stable-diffusion-1.5", "model_hash": "cc6cb2", "app_id":
        "invoke-ai/InvokeAI", "image": {{"prompt": {prompt}, "steps": 50, "cfg_scale": 7.5, "threshold": 0,
        "height": 512, "width": 640, "seed": 3, "sampler": "k_lms", "type": "txt2img", "postprocessing": null}}}}"#
    );
    insta::allow_duplicates! {
        insta::assert_snapshot!(spelled(&[("sd-metadata", &text)]), @"
        InvokeAI
        prompt: a fox in snow
        negative_prompt: wet ugly
        model: stable-diffusion-1.5
        width: 640
        height: 512
        steps: 50
        cfg_scale: 7.5
        sampler: LMS
        seed: 3
          threshold: 0
          type: txt2img
          app_id: invoke-ai/InvokeAI
          model: stable diffusion
          model_hash: cc6cb2
        ");
    }
}

#[rstest]
#[case::spaced(r#""a "red" fox [wet]" -s 50 -S 7 -W 512 -H 640 -C 7.5 -A k_euler_a -f 0.6 -G 0.8 -cf 0.5 -U 2 0.75"#)]
#[case::joined(r#""a "red" fox [wet]" -s50 -S7 -W512 -H640 -C7.5 -Ak_euler_a -f0.6 -G0.8 -cf 0.5 -U 2 0.75"#)]
#[case::long(
    r#""a "red" fox [wet]" --steps 50 --seed=7 -W512 -H640 -C7.5 -Ak_euler_a --strength 0.6 -G 0.8 -cf 0.5 -U 2 0.75"#
)]
fn invokeai_one(#[case] line: &str) {
    insta::allow_duplicates! {
        insta::assert_snapshot!(spelled(&[("Dream", line)]), @r#"
        InvokeAI
        prompt: a "red" fox
        negative_prompt: wet
        width: 512
        height: 640
        denoise: 0.6
        steps: 50
        cfg_scale: 7.5
        sampler: Euler a
        seed: 7
          G: 0.8
          cf: 0.5
          U: 2 0.75
        "#);
    }
}

const NOVELAI: &str = r#"{"steps": 28, "sampler": "k_euler_ancestral", "seed": 7, "strength": 0.69, "noise": 0.667, "scale": 11.0,
    "uc": "lowres"}"#;

#[test]
fn novelai() {
    let texts = [
        ("Title", "AI generated image"),
        ("Description", "a fox"),
        ("Software", "NovelAI"),
        ("Source", "Stable Diffusion 1D44365E"),
        ("Comment", NOVELAI),
    ];
    insta::assert_snapshot!(spelled(&texts), @"
    NovelAI
    prompt: a fox
    negative_prompt: lowres
    model: Stable Diffusion
    steps: 28
    cfg_scale: 11
    sampler: Euler a
    seed: 7
      Source: Stable Diffusion 1D44365E
      strength: 0.69
      noise: 0.667
    ");
}

#[test]
fn novelai_four() {
    let comment = r#"{"prompt": "two foxes", "steps": 28, "height": 1216, "width": 832, "scale": 5.0, "cfg_rescale": 0.1, "seed": 7,
        "n_samples": 1, "noise_schedule": "karras", "sampler": "k_dpmpp_2m", "uc": "lowres", "strength": 0.4,
        "request_type": "Img2ImgRequest",
        "v4_prompt": {"caption": {"base_caption": "two foxes", "char_captions": [
            {"char_caption": "red fox", "centers": [{"x": 0.5, "y": 0.5}]}]}, "use_coords": false},
        "v4_negative_prompt": {"caption": {"base_caption": "lowres", "char_captions": []}}}"#;
    let all = serde_json::json!({
        "Software": "NovelAI", "Description": "two foxes", "Source": "NovelAI Diffusion V4.5 4BDE2A90", "Comment": comment,
    });
    insta::assert_snapshot!(spelled(&[("UserComment", &all.to_string())]), @r#"
    NovelAI
    prompt: two foxes
    red fox
    negative_prompt: lowres
    model: NovelAI Diffusion V4.5
    width: 832
    height: 1216
    denoise: 0.4
    steps: 28
    cfg_scale: 5
    guidance_rescale: 0.1
    sampler: DPM++ 2M
    schedule: Karras
    seed: 7
      v4_prompt: {"caption":{"base_caption":"two foxes","char_captions":[{"centers":[{"x":0.5,"y":0.5}],"char_caption":"red fox"}]},"use_coords":false}
      prompt: two foxes
      Source: NovelAI Diffusion V4.5 4BDE2A90
      n_samples: 1
      request_type: Img2ImgRequest
    "#);
}

fn record() -> Record {
    let mut task = ImageTask::of("sd15", "a fox");
    task.sampling.sampler = Sampler::Heun;
    task.sampling.seed = 7;
    let json = serde_json::json!({ "task": { "image": task }, "index": 2, "version": "9.9" }).to_string();
    Record::parse(&json).unwrap()
}

#[test]
fn darkrooms_record_counts_before_all() {
    let mut texts = with(&[
        ("parameters", "a hen\nSteps: 3, Seed: 1, Size: 8x8"),
        ("Dream", "\"a hen\" -s 3"),
    ]);
    texts.record = Some(record());
    let found = said(&texts).unwrap();
    assert_eq!(found.writer, Writer::Darkroom);
    assert_eq!(found.request, record().request().unwrap());
    assert_eq!(
        found.others,
        [("index", "2"), ("version", "9.9")].map(|(k, v)| (k.to_owned(), v.to_owned()))
    );
    let text = "a fox\nSteps: 3, Seed: 1, Version: darkroom 0.1.0";
    assert_eq!(said(&with(&[("parameters", text)])).unwrap().writer, Writer::Darkroom);
}

#[test]
fn special_texts_count_before_a1111s() {
    let a1111 = ("parameters", "a hen\nSteps: 3, Seed: 1, Size: 8x8");
    let writer = |other| said(&with(&[a1111, other])).unwrap().writer;
    assert_eq!(writer(("Dream", "\"a fox\" -s 3")), Writer::InvokeAi);
    assert_eq!(writer(("invokeai_metadata", "{\"steps\": 4}")), Writer::InvokeAi);
    // A text of which nothing comes is no reason to keep silent about the other.
    assert_eq!(writer(("invokeai_metadata", "{}")), Writer::A1111);
    let found = said(&with(&[a1111, ("invokeai_metadata", "{")])).unwrap();
    assert_eq!(found.writer, Writer::A1111);
    assert!(
        found
            .problem
            .unwrap()
            .starts_with("its text invokeai_metadata cannot be read: EOF")
    );
}

#[test]
fn braces_may_begin_a_prompt() {
    let found = said(&with(&[("parameters", "{red|blue} fox\nSteps: 3, Seed: 1, Size: 8x8")])).unwrap();
    assert_eq!(found.request.prompt.as_deref(), Some("{red|blue} fox"));
}

#[rstest]
#[case::nothing(&[])]
#[case::other_texts(&[("Software", "GIMP"), ("Title", "a fox"), ("Comment", "{\"steps\": 1}")])]
#[case::json_of_another(&[("parameters", "{\"sui_image_params\": {\"prompt\": \"a fox\"}}")])]
#[case::broken_json(&[("parameters", "{\"prompt\": \"a\", \"Steps\": 1, \"Seed\": 2, \"Size\": 3")])]
#[case::broken_json_behind_a_name(&[("UserComment", "prompt: {\"Steps\": 1, \"Seed\": 2, \"Size\": 3, \"Model\": 4")])]
#[case::a_prompt_in_words(&[("prompt", "a fox"), ("workflow", "mine")])]
#[case::a_comment(&[("UserComment", "Screenshot")])]
#[case::a_description(&[("ImageDescription", "a fox: red")])]
#[case::braces(&[("prompt", "{red|blue} fox")])]
fn what_nobody_known_writes_says_nothing(#[case] texts: &[(&str, &str)]) {
    assert_eq!(said(&with(texts)), None);
}
