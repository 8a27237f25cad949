//! ComfyUI's graphs: the usual ones as they are run and drawn, custom nodes on the way, several samplers, links that go round.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn run(graph: &Value) -> String {
    spelled(&[("prompt", &graph.to_string())])
}

/// The graph that ComfyUI begins with.
fn usual() -> Value {
    json!({
        "3": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 20, "cfg": 8.0, "sampler_name": "euler_ancestral",
            "scheduler": "normal", "denoise": 1.0, "model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0],
            "latent_image": ["5", 0]}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd\\v1.5-pruned.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 768, "batch_size": 2}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox", "clip": ["10", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "wet", "clip": ["10", 1]}},
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["11", 0]}},
        "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["8", 0]}},
        "10": {"class_type": "LoraLoader", "inputs": {"lora_name": "detail.safetensors", "strength_model": 0.8,
            "strength_clip": 1.0, "model": ["4", 0], "clip": ["4", 1]}},
        "11": {"class_type": "VAELoader", "inputs": {"vae_name": "vae-ft-mse.safetensors"}},
    })
}

const USUAL: &str = "ComfyUI
prompt: a fox
negative_prompt: wet
model: v1.5-pruned
width: 512
height: 768
steps: 20
cfg_scale: 8
sampler: Euler a
schedule: Normal
seed: 7
batch: 2
  denoise: 1.0
  lora: detail 0.8
  vae: vae-ft-mse.safetensors";

#[test]
fn the_usual_graph() {
    assert_eq!(run(&usual()), USUAL);
}

#[rstest]
#[case("prompt:", "Model")]
#[case("Prompt: ", "Make")]
#[case("PROMPT:", "UserComment")]
fn a_graph_in_exif(#[case] begin: &str, #[case] field: &str) {
    assert_eq!(
        spelled(&[("Software", "x"), (field, &format!("{begin}{}", usual()))]),
        USUAL
    );
}

#[test]
fn both_graphs_in_one_comment() {
    let both = json!({"prompt": usual(), "workflow": {"nodes": []}});
    assert_eq!(spelled(&[("UserComment", &both.to_string())]), USUAL);
    let as_text = json!({"prompt": usual().to_string()});
    assert_eq!(spelled(&[("UserComment", &as_text.to_string())]), USUAL);
}

#[test]
fn pythons_numbers_are_no_harm() {
    let text = usual().to_string().replace(
        "\"class_type\":\"SaveImage\"",
        "\"is_changed\":[NaN],\"class_type\":\"SaveImage\"",
    );
    assert!(text.contains("NaN"));
    assert_eq!(spelled(&[("prompt", &text)]), USUAL);
}

#[test]
fn flux_through_a_guider() {
    let graph = json!({
        "1": {"class_type": "SamplerCustomAdvanced", "inputs": {"noise": ["2", 0], "guider": ["3", 0], "sampler": ["4", 0],
            "sigmas": ["5", 0], "latent_image": ["6", 0]}},
        "2": {"class_type": "RandomNoise", "inputs": {"noise_seed": 99}},
        "3": {"class_type": "BasicGuider", "inputs": {"model": ["7", 0], "conditioning": ["8", 0]}},
        "4": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
        "5": {"class_type": "BasicScheduler", "inputs": {"scheduler": "simple", "steps": 25, "denoise": 1, "model": ["7", 0]}},
        "6": {"class_type": "EmptySD3LatentImage", "inputs": {"width": ["12", 0], "height": 1024, "batch_size": 1}},
        "7": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux1-dev.sft", "weight_dtype": "default"}},
        "8": {"class_type": "FluxGuidance", "inputs": {"guidance": 3.5, "conditioning": ["9", 0]}},
        "9": {"class_type": "CLIPTextEncode", "inputs": {"text": ["11", 0], "clip": ["10", 0]}},
        "10": {"class_type": "DualCLIPLoader", "inputs": {"clip_name1": "t5xxl.safetensors", "type": "flux"}},
        "11": {"class_type": "PrimitiveStringMultiline", "inputs": {"value": "a fox"}},
        "12": {"class_type": "PrimitiveInt", "inputs": {"value": 768}},
        "13": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    });
    insta::assert_snapshot!(run(&graph), @"
    ComfyUI
    prompt: a fox
    model: flux1-dev
    width: 768
    height: 1024
    steps: 25
    sampler: Euler
    schedule: Simple
    seed: 99
    batch: 1
      guidance: 3.5
      denoise: 1
    ");
}

#[test]
fn a_guider_of_both_sides_and_a_schedule_by_its_class() {
    let graph = json!({
        "1": {"class_type": "SamplerCustomAdvanced", "inputs": {"noise": ["2", 0], "guider": ["3", 0], "sampler": ["4", 0],
            "sigmas": ["5", 0], "latent_image": ["6", 0]}},
        "2": {"class_type": "RandomNoise", "inputs": {"noise_seed": "12"}},
        "3": {"class_type": "CFGGuider", "inputs": {"cfg": 4.5, "model": ["7", 0], "positive": ["8", 0], "negative": ["9", 0]}},
        "4": {"class_type": "SamplerEulerAncestral", "inputs": {"eta": 1.0, "s_noise": 1.0}},
        "5": {"class_type": "KarrasScheduler", "inputs": {"steps": 30, "sigma_max": 14.6, "sigma_min": 0.03, "rho": 7}},
        "6": {"class_type": "VAEEncode", "inputs": {"pixels": ["10", 0], "vae": ["7", 2]}},
        "7": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "xl.ckpt"}},
        "8": {"class_type": "CLIPTextEncodeSDXL", "inputs": {"text_g": "a fox", "text_l": "in snow", "width": 8, "clip": ["7", 1]}},
        "9": {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["8", 0]}},
        "10": {"class_type": "LoadImage", "inputs": {"image": "mine.png"}},
    });
    insta::assert_snapshot!(run(&graph), @"
    ComfyUI
    prompt: a fox
    in snow
    model: xl
    steps: 30
    cfg_scale: 4.5
    schedule: Karras
    seed: 12
      negative: computed by ConditioningZeroOut
      sampler: SamplerEulerAncestral
      image: mine.png
    ");
}

#[test]
fn a_picture_to_begin_with_may_change_so_far() {
    let mut graph = usual();
    graph["5"] = json!({"class_type": "VAEEncode", "inputs": {"pixels": ["12", 0], "vae": ["4", 2]}});
    graph["12"] = json!({"class_type": "LoadImage", "inputs": {"image": "mine.png", "upload": "image"}});
    graph["3"]["inputs"]["denoise"] = json!(0.55);
    let found = run(&graph);
    assert!(
        found.contains("\ndenoise: 0.55\n") && found.contains("\n  image: mine.png\n"),
        "{found}"
    );
    assert!(!found.contains("width"), "{found}");
}

#[test]
fn a_schedule_without_counterpart_keeps_its_class() {
    let mut graph = usual();
    graph["3"] = json!({"class_type": "SamplerCustom", "inputs": {"add_noise": true, "noise_seed": 7, "cfg": 1, "sigmas": ["20", 0],
        "positive": ["6", 0]}});
    graph["20"] = json!({"class_type": "SDTurboScheduler", "inputs": {"steps": 1, "denoise": 1}});
    let found = run(&graph);
    assert!(
        found.contains("\nsteps: 1\ncfg_scale: 1\nseed: 7\n  sigmas: SDTurboScheduler\n"),
        "{found}"
    );
    assert!(found.contains("\n  add_noise: true"), "{found}");
}

#[test]
fn conditioning_is_followed_to_every_text() {
    let mut graph = usual();
    graph["3"]["inputs"]["positive"] = json!(["20", 0]);
    graph["3"]["inputs"]["negative"] = json!(["20", 1]);
    graph["20"] = json!({"class_type": "ControlNetApplyAdvanced", "inputs": {"strength": 1.0, "positive": ["21", 0],
        "negative": ["7", 0], "control_net": ["30", 0], "image": ["31", 0]}});
    graph["21"] = json!({"class_type": "ConditioningCombine", "inputs": {"conditioning_1": ["22", 0], "conditioning_2": ["23", 0]}});
    graph["22"] = json!({"class_type": "ConditioningConcat", "inputs": {"conditioning_to": ["6", 0], "conditioning_from": ["24", 0]}});
    graph["23"] = json!({"class_type": "ConditioningSetArea", "inputs": {"width": 64, "conditioning": ["25", 0]}});
    graph["24"] = json!({"class_type": "CLIPTextEncode", "inputs": {"text": "in snow", "clip": ["4", 1]}});
    graph["25"] = json!({"class_type": "CLIPTextEncode", "inputs": {"text": ["26", 0], "clip": ["4", 1]}});
    graph["26"] = json!({"class_type": "StringConcatenate", "inputs": {"string_a": "at night", "string_b": ["27", 0], "delimiter": ", "}});
    graph["27"] = json!({"class_type": "String Literal", "inputs": {"string": "a fox"}});
    let found = run(&graph);
    assert!(
        found.contains("\nprompt: a fox\nin snow\nat night\nnegative_prompt: wet\n"),
        "{found}"
    );
}

#[test]
fn custom_nodes_are_read_by_their_inputs() {
    let graph = json!({
        "1": {"class_type": "KSampler (Efficient)", "inputs": {"seed": ["5", 0], "steps": ["6", 0], "cfg": "5.5", "sampler_name":
            "dpmpp_2m_sde_gpu", "scheduler": "karras", "denoise": 1, "positive": ["2", 1], "negative": ["2", 2],
            "model": ["4", 0], "latent_image": ["2", 3]}},
        "2": {"class_type": "Efficient Loader", "inputs": {"ckpt_name": "x.safetensors", "positive": ["8", 0], "negative": ["9", 0],
            "empty_latent_width": 512}},
        "4": {"class_type": "Power Lora Loader (rgthree)", "inputs": {"lora_1": {"on": true, "lora": "a.safetensors",
            "strength": 0.5}, "lora_2": {"on": false, "lora": "b.safetensors", "strength": 1}, "model": ["2", 0]}},
        "5": {"class_type": "Seed (rgthree)", "inputs": {"seed": 11}},
        "6": {"class_type": "MathExpression", "inputs": {"a": ["7", 0], "expression": "a * 2"}},
        "7": {"class_type": "PrimitiveInt", "inputs": {"value": 10}},
        "8": {"class_type": "Text Multiline", "inputs": {"text": "a fox"}},
        "9": {"class_type": "Text Multiline", "inputs": {"text": "wet"}},
        "10": {"class_type": "Image Save", "inputs": {"images": ["1", 5]}},
    });
    insta::assert_snapshot!(run(&graph), @"
    ComfyUI
    prompt: a fox
    negative_prompt: wet
    model: x
    cfg_scale: 5.5
    sampler: DPM++ 2M SDE
    schedule: Karras
    seed: 11
      steps: computed by MathExpression
      denoise: 1
      lora: a 0.5
    ");
}

#[test]
fn the_sampler_nearest_to_the_picture_counts() {
    let mut graph = usual();
    graph["8"]["inputs"]["samples"] = json!(["40", 0]);
    graph["40"] = json!({"class_type": "KSampler", "inputs": {"seed": 8, "steps": 10, "cfg": 6, "sampler_name": "uni_pc",
        "scheduler": "karras", "denoise": 0.5, "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0],
        "latent_image": ["41", 0]}});
    graph["41"] =
        json!({"class_type": "LatentUpscale", "inputs": {"samples": ["3", 0], "width": 1024, "height": 1536}});
    // A custom sampler that only touches up does not count before ComfyUI's own.
    graph["9"]["inputs"]["images"] = json!(["42", 0]);
    graph["42"] = json!({"class_type": "FaceDetailer", "inputs": {"image": ["8", 0], "seed": 9, "steps": 5, "positive": ["6", 0]}});
    insta::assert_snapshot!(run(&graph), @"
    ComfyUI
    prompt: a fox
    negative_prompt: wet
    model: v1.5-pruned
    width: 512
    height: 768
    steps: 10
    cfg_scale: 6
    sampler: UniPC
    schedule: Karras
    seed: 8
    batch: 2
      denoise: 0.5
      vae: vae-ft-mse.safetensors
      KSampler: node 3: cfg 8.0, denoise 1.0, sampler_name euler_ancestral, scheduler normal, seed 7, steps 20
      FaceDetailer: node 42: seed 9, steps 5
    ");
}

#[test]
fn cycles_and_missing_nodes_are_survived() {
    let mut graph = usual();
    graph["6"]["inputs"]["text"] = json!(["50", 0]);
    graph["50"] =
        json!({"class_type": "Join", "inputs": {"text_a": ["50", 0], "text_b": ["51", 0], "text_c": ["404", 0]}});
    graph["51"] = json!({"class_type": "Join", "inputs": {"text_a": "round", "text_b": ["50", 0]}});
    graph["4"]["inputs"]["model"] = json!(["10", 0]);
    graph["3"]["inputs"]["seed"] = json!(["52", 0]);
    graph["52"] = json!({"class_type": "Reroute", "inputs": {"": ["52", 0]}});
    graph["3"]["inputs"]["steps"] = json!(["404", 0]);
    graph["3"]["inputs"]["latent_image"] = json!(["3", 0]);
    insta::assert_snapshot!(run(&graph), @"
    ComfyUI
    prompt: round
    negative_prompt: wet
    model: v1.5-pruned
    cfg_scale: 8
    sampler: Euler a
    schedule: Normal
      seed: computed by Reroute
      steps: computed by a node that is missing
      denoise: 1.0
      lora: detail 0.8
      vae: vae-ft-mse.safetensors
    ");
}

/// The usual graph as it is drawn, its links as lists.
fn drawn() -> Value {
    json!({
        "last_node_id": 9, "version": 0.4,
        "nodes": [
            {"id": 3, "type": "KSampler", "mode": 0, "inputs": [{"name": "model", "type": "MODEL", "link": 1},
                {"name": "positive", "link": 4}, {"name": "negative", "link": 6}, {"name": "latent_image", "link": 2},
                {"name": "steps", "link": 12, "widget": {"name": "steps"}}],
                "widgets_values": [7, "randomize", 99, 8, "euler_ancestral", "normal", 1]},
            {"id": 4, "type": "CheckpointLoaderSimple", "widgets_values": ["v1.5-pruned.safetensors"]},
            {"id": 5, "type": "EmptyLatentImage", "widgets_values": [512, 768, 2]},
            {"id": 6, "type": "CLIPTextEncode", "inputs": [{"name": "clip", "link": 3}], "widgets_values": ["a fox"]},
            {"id": 7, "type": "CLIPTextEncode", "inputs": [{"name": "clip", "link": 3}], "widgets_values": ["wet"]},
            {"id": 8, "type": "VAEDecode", "inputs": [{"name": "samples", "link": 7}, {"name": "vae", "link": 13}]},
            {"id": 9, "type": "SaveImage", "inputs": [{"name": "images", "link": 9}], "widgets_values": ["ComfyUI"]},
            {"id": 10, "type": "LoraLoader", "inputs": [{"name": "model", "link": 5}],
                "widgets_values": ["detail.safetensors", 0.8, 1]},
            {"id": 11, "type": "VAELoader", "widgets_values": ["vae-ft-mse.safetensors"]},
            {"id": 12, "type": "PrimitiveNode", "widgets_values": [20, "fixed"]},
            {"id": 13, "type": "LoraLoader", "mode": 4, "inputs": [{"name": "model", "link": 14}],
                "widgets_values": ["bypassed.safetensors", 0.8, 1]},
            {"id": 14, "type": "KSampler", "mode": 2, "widgets_values": [1, "fixed", 1, 1, "ddim", "normal", 1]},
        ],
        "links": [[1, 13, 0, 3, 0, "MODEL"], [14, 10, 0, 13, 0, "MODEL"], [2, 5, 0, 3, 3, "LATENT"], [3, 10, 1, 6, 0, "CLIP"],
            [4, 6, 0, 3, 1, "CONDITIONING"], [5, 4, 0, 10, 0, "MODEL"], [6, 7, 0, 3, 2, "CONDITIONING"], [7, 3, 0, 8, 0, "LATENT"],
            [9, 8, 0, 9, 0, "IMAGE"], [12, 12, 0, 3, 4, "INT"], [13, 11, 0, 8, 1, "VAE"]],
    })
}

#[test]
fn a_graph_that_was_only_drawn() {
    let expected = USUAL.replace("1.0", "1");
    assert_eq!(spelled(&[("workflow", &drawn().to_string())]), expected);
    assert_eq!(spelled(&[("Make", &format!("workflow:{}", drawn()))]), expected);
    let mut newer = drawn();
    for link in newer["links"].as_array_mut().unwrap() {
        *link = json!({"id": link[0], "origin_id": link[1], "origin_slot": link[2]});
    }
    assert_eq!(spelled(&[("workflow", &newer.to_string())]), expected);
    let mut older = drawn();
    older["nodes"][0]["widgets_values"][1] = json!(true);
    assert_eq!(spelled(&[("workflow", &older.to_string())]), expected);
    // What was run counts before what was drawn.
    assert_eq!(
        spelled(&[("workflow", &drawn().to_string()), ("prompt", &usual().to_string())]),
        USUAL
    );
}

#[test]
fn widgets_of_custom_nodes_have_the_names_that_are_written_down() {
    let mut graph = drawn();
    graph["nodes"][0]["type"] = json!("MySampler");
    graph["nodes"][0]["inputs"] = json!([{"name": "positive", "link": 4}, {"name": "seed", "link": null, "widget": {"name": "seed"}},
        {"name": "steps", "link": null, "widget": {"name": "steps"}}]);
    graph["nodes"][0]["widgets_values"] = json!([5, "fixed", 6]);
    let found = spelled(&[("workflow", &graph.to_string())]);
    assert!(found.contains("prompt: a fox\nsteps: 6\nseed: 5"), "{found}");
}
