//! Configurations as diffusers and transformers write and read them: nulls, lists of equal values, whole floats, and what is refused
//! with its field's name. The engine's fixtures compare the pictures.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

/// The file's object, with one field replaced.
fn with(mut base: Value, field: &str, value: Value) -> Vec<u8> {
    base[field] = value;
    base.to_string().into_bytes()
}

fn small() -> Value {
    json!({
        "block_out_channels": [32, 64], "layers_per_block": 1, "attention_head_dim": 4, "cross_attention_dim": 16,
        "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    })
}

/// Found by building diffusers 0.42's class with each value: same tensors, same output.
#[rstest]
fn what_diffusers_takes_as_the_default_is_the_default(
    #[values(
        ("sample_size", json!(null)), ("center_input_sample", json!(null)), ("dual_cross_attention", json!(null)),
        ("use_linear_projection", json!(null)), ("use_linear_projection", json!(0)), ("upcast_attention", json!(null)),
        ("upcast_attention", json!(0)), ("class_embeddings_concat", json!(null)), ("resnet_skip_time_act", json!(null)),
        ("resnet_skip_time_act", json!(true)), ("resnet_out_scale_factor", json!(null)), ("resnet_out_scale_factor", json!(2.0)),
        ("attention_type", json!(null)), ("mid_block_only_cross_attention", json!(null)),
        ("mid_block_only_cross_attention", json!(true)), ("cross_attention_norm", json!(null)),
        ("cross_attention_norm", json!("layer_norm")), ("num_attention_heads", json!(null)), ("class_embed_type", json!(null)),
        ("addition_embed_type", json!(null)), ("addition_time_embed_dim", json!(8)), ("addition_embed_type_num_heads", json!(null)),
        ("num_class_embeds", json!(null)), ("projection_class_embeddings_input_dim", json!(8)), ("encoder_hid_dim", json!(null)),
        ("encoder_hid_dim_type", json!(null)), ("reverse_transformer_layers_per_block", json!(null)),
        ("reverse_transformer_layers_per_block", json!([1, 1])), ("time_embedding_dim", json!(null)), ("time_embedding_dim", json!(128)),
        ("time_embedding_dim", json!(0)), ("time_embedding_act_fn", json!(null)), ("timestep_post_act", json!(null)),
        ("time_cond_proj_dim", json!(null)), ("only_cross_attention", json!([false, false])),
        ("only_cross_attention", json!([null, null])), ("cross_attention_dim", json!([16, 16])), ("layers_per_block", json!([1, 1])),
        ("transformer_layers_per_block", json!([1, 1])), ("attention_head_dim", json!([4, 4])), ("flip_sin_to_cos", json!(1)),
        ("freq_shift", json!(0.0)), ("act_fn", json!("swish")), ("act_fn", json!("SiLU")), ("dropout", json!(0.1)),
        ("mid_block_scale_factor", json!(1.0)), ("down_block_types", json!(["UNetResCrossAttnDownBlock2D", "UNetResDownBlock2D"])),
        ("up_block_types", json!(["UNetResUpBlock2D", "UNetResCrossAttnUpBlock2D"])), ("something_new", json!({"a": [1]})),
        // Beyond diffusers, where there is one meaning: whole numbers written as floats, heads said twice.
        ("layers_per_block", json!(1.0)), ("block_out_channels", json!([32.0, 64.0])), ("norm_num_groups", json!(32.0)),
        ("num_attention_heads", json!([4, 4])), ("num_attention_heads", json!(4)), ("only_cross_attention", json!(null)),
        ("transformer_layers_per_block", json!([[1], [1]])),
    )]
    (field, value): (&str, Value),
) {
    let plain = UNetConfig::from_json(small().to_string().as_bytes()).unwrap();
    assert_eq!(
        UNetConfig::from_json(&with(small(), field, value)).unwrap(),
        plain,
        "{field}"
    );
}

#[rstest]
#[case("0.8.1", json!(32), 64)]
#[case("0.6.0.dev0", json!(32), 64)]
#[case("0.6.0", json!(96), 96)]
#[case("0.9.0.dev0", json!(32), 32)]
#[case("0.42.1", json!(32), 32)]
#[case("1.2.0", json!(32), 32)]
#[case("", json!(32), 32)]
#[case("0.8.1", json!([32, 32]), 32)]
fn early_files_mean_512_pixels(#[case] version: &str, #[case] size: Value, #[case] expected: i64) {
    let mut early = small();
    early["_diffusers_version"] = json!(version);
    let config = UNetConfig::from_json(&with(early, "sample_size", size)).unwrap();
    assert_eq!(config.sample_size, Some([expected; 2]));
}

#[test]
fn what_diffusers_builds_otherwise_is_another_config() {
    let read = |field: &str, value| UNetConfig::from_json(&with(small(), field, value)).unwrap();
    assert!(
        read("flip_sin_to_cos", json!(true)).flip_sin_to_cos && !read("flip_sin_to_cos", Value::Null).flip_sin_to_cos
    );
    assert_eq!(read("mid_block_type", Value::Null).mid_block, MidBlock::Nothing);
    assert_eq!(
        read("mid_block_type", json!("UNetMidBlock2D")).mid_block,
        MidBlock::Resnet
    );
    assert_eq!(
        read("time_embedding_dim", json!(64)).levels[1].resnet.temb_channels,
        Some(64)
    );
    let up = read("reverse_transformer_layers_per_block", json!([3, 2]));
    let depths: Vec<_> = up
        .levels
        .iter()
        .map(|l| (l.down_transformer_layers.clone(), l.up_transformer_layers.clone()))
        .collect();
    assert_eq!(depths, [(vec![1], vec![2, 2]), (vec![1], vec![3, 3])]);
    // The number of heads, with the width of each beside it.
    let mut widths = small();
    widths["attention_head_dim"] = json!(8);
    let both = UNetConfig::from_json(&with(widths, "num_attention_heads", json!([4, 8]))).unwrap();
    assert_eq!(
        [both.levels[0].transformer.heads, both.levels[1].transformer.heads],
        [4, 8]
    );
}

#[rstest]
#[case("shift_factor", json!(null))]
#[case("latents_mean", json!(null))]
#[case("latents_mean", json!([0, 0.0, 0, 0]))]
#[case("latents_std", json!([1, 1, 1, 1]))]
#[case("layers_per_block", json!([1]))]
#[case("layers_per_block", json!(1.0))]
#[case("latent_channels", json!(4.0))]
#[case("sample_size", json!([32, 32]))]
#[case("sample_size", json!(null))]
#[case("act_fn", json!("SiLU"))]
#[case("down_block_types", json!(["UNetResDownEncoderBlock2D"]))]
#[case("up_block_types", json!(["UNetResUpDecoderBlock2D"]))]
fn a_vae_by_another_spelling_is_the_same(#[case] field: &str, #[case] value: Value) {
    let plain = VaeConfig::from_json(b"{}").unwrap();
    assert_eq!(VaeConfig::from_json(&with(json!({}), field, value)).unwrap(), plain);
}

#[test]
fn a_null_of_a_vae_is_off_where_the_default_is_on() {
    let json = br#"{"use_quant_conv": null, "use_post_quant_conv": null, "mid_block_add_attention": null, "force_upcast": null}"#;
    let vae = VaeConfig::from_json(json).unwrap();
    assert!(!vae.use_quant_conv && !vae.use_post_quant_conv && !vae.mid_block_add_attention && !vae.force_upcast);
    let error = VaeConfig::from_json(br#"{"scaling_factor": null}"#)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "vae: config scaling_factor: null is not a number. Leave the field out for its default."
    );
}

#[rstest]
#[case(json!({"text_config": {"hidden_size": 768, "num_attention_heads": 12}, "vision_config": {}, "hidden_size": 1}))]
#[case(json!({"hidden_size": 768, "num_attention_heads": 12, "text_config": null}))]
#[case(json!({"hidden_size": 768.0, "num_attention_heads": 12, "eos_token_id": [49407], "pad_token_id": null}))]
#[case(json!({"hidden_size": 768, "num_attention_heads": 12, "eos_token_id": null, "attention_dropout": null}))]
fn a_clip_may_be_nested(#[case] json: Value) {
    let expected = ClipTextConfig {
        hidden_size: 768,
        num_attention_heads: 12,
        ..ClipTextConfig::default()
    };
    assert_eq!(
        ClipTextConfig::from_json(json.to_string().as_bytes()).unwrap(),
        expected
    );
}

#[test]
fn a_schedulers_flag_that_is_null_is_off_though_its_default_is_on() {
    let json = br#"{"clip_sample": null, "set_alpha_to_one": null, "lower_order_final": 0, "steps_offset": null, "beta_start": null,
        "num_train_timesteps": 1000.0}"#;
    let config = SchedulerConfig::from_json(json).unwrap();
    assert_eq!(
        (config.clip_sample, config.set_alpha_to_one, config.lower_order_final),
        (Some(false), Some(false), Some(false))
    );
    assert_eq!(
        (config.steps_offset, config.beta_start, config.num_train_timesteps),
        (None, None, Some(1000))
    );
    assert_eq!(SchedulerConfig::from_json(b"{}").unwrap().clip_sample, None);
}

#[test]
fn a_huge_file_is_not_parsed() {
    let json = vec![b' '; MAX_JSON + 1];
    let message = UNetConfig::from_json(&json).unwrap_err().to_string();
    assert_eq!(
        message,
        "unet: config file: is 1048577 bytes, more than a config ever has."
    );
}

#[rstest]
#[case(
    r#"{"layers_per_block": 1000000000}"#,
    "layers_per_block: 1000000000 is outside 1 to 32."
)]
#[case(r#"{"layers_per_block": -1}"#, "layers_per_block: -1 is outside 1 to 32.")]
#[case(
    r#"{"layers_per_block": [2, 2]}"#,
    "layers_per_block: must have 4 entries, as many as block_out_channels."
)]
#[case(
    r#"{"transformer_layers_per_block": 1000000000}"#,
    "transformer_layers_per_block: 1000000000 is outside 0 to 64."
)]
#[case(r#"{"block_out_channels": []}"#, "block_out_channels: 0 is outside 1 to 8.")]
#[case(
    r#"{"block_out_channels": [0, 1, 2, 3]}"#,
    "block_out_channels: 0 is outside 4 to 16384."
)]
#[case(
    r#"{"block_out_channels": [320, 640, 1280, 9000000000]}"#,
    "block_out_channels: 9000000000 is outside 1 to 16384."
)]
#[case(
    r#"{"block_out_channels": [320, 640, 1280]}"#,
    "down_block_types: must have 3 entries, as many as block_out_channels."
)]
#[case(
    r#"{"attention_head_dim": 7}"#,
    "attention_head_dim: 7 does not divide 320 channels."
)]
#[case(r#"{"attention_head_dim": 0}"#, "attention_head_dim: 0 is outside 1 to 1024.")]
#[case(r#"{"norm_num_groups": 33}"#, "norm_num_groups: 33 does not divide 320 channels.")]
#[case(r#"{"norm_num_groups": 0}"#, "norm_num_groups: 0 does not divide 320 channels.")]
#[case(
    r#"{"norm_num_groups": null}"#,
    "norm_num_groups: null is not a whole number. Leave the field out for its default."
)]
#[case(r#"{"norm_eps": -1}"#, "norm_eps: -1.0 is outside 0.0 to 1.0.")]
#[case(r#"{"in_channels": 0}"#, "in_channels: 0 is outside 1 to 256.")]
#[case(
    r#"{"cross_attention_dim": 99999}"#,
    "cross_attention_dim: 99999 is outside 1 to 16384."
)]
#[case(
    r#"{"conv_in_kernel": 4}"#,
    "conv_in_kernel: 4 is even; only odd kernels keep the size."
)]
#[case(
    r#"{"sample_size": [1, 2, 3]}"#,
    "sample_size: must be one number or [height, width]."
)]
#[case(r#"{"sample_size": 0}"#, "sample_size: 0 is outside 1 to 8192.")]
#[case(
    r#"{"class_embed_type": "timestep"}"#,
    r#"class_embed_type: "timestep" is not supported, only null."#
)]
#[case(
    r#"{"addition_embed_type": "text_time"}"#,
    "addition_time_embed_dim: is missing, which an addition_embed_type of text_time needs."
)]
#[case(
    r#"{"addition_embed_type": "text_image"}"#,
    r#"addition_embed_type: "text_image" is not supported, only "text_time" or null."#
)]
#[case(
    r#"{"resnet_time_scale_shift": "scale_shift"}"#,
    r#"resnet_time_scale_shift: "scale_shift" is not supported, only "default"."#
)]
#[case(
    r#"{"dual_cross_attention": true}"#,
    "dual_cross_attention: true is not supported, only false."
)]
#[case(
    r#"{"mid_block_type": "UNetMidBlock2DSimpleCrossAttn"}"#,
    r#"mid_block_type: "UNetMidBlock2DSimpleCrossAttn" is not supported, only "UNetMidBlock2DCrossAttn" or "UNetMidBlock2D" or null."#
)]
#[case(
    r#"{"act_fn": "gelu"}"#,
    r#"act_fn: "gelu" is not supported, only "silu" or "swish"."#
)]
#[case(
    r#"{"down_block_types": ["AttnDownBlock2D"]}"#,
    r#"down_block_types: "AttnDownBlock2D" is not supported, only CrossAttnDownBlock2D and DownBlock2D."#
)]
#[case(
    r#"{"down_block_types": ["UpBlock2D", "UpBlock2D", "UpBlock2D", "UpBlock2D"]}"#,
    r#"down_block_types: "UpBlock2D" is not supported, only CrossAttnDownBlock2D and DownBlock2D."#
)]
#[case(
    r#"{"only_cross_attention": [true, true, true, false]}"#,
    "only_cross_attention: [true,true,true,false] is not supported, only false."
)]
#[case(
    r#"{"cross_attention_dim": [768, 768, 768, 1024]}"#,
    "cross_attention_dim: [768, 768, 768, 1024] is not supported: a prompt's encoding has one width."
)]
#[case(
    r#"{"num_attention_heads": [5, 10, 20, 20], "attention_head_dim": 8}"#,
    "num_attention_heads: [5, 10, 20, 20] contradicts attention_head_dim [8, 8, 8, 8], which is the number of heads too."
)]
#[case(
    r#"{"transformer_layers_per_block": [[1, 2], [1, 1], [1, 1], [1, 1]]}"#,
    "transformer_layers_per_block: [1, 2] needs a reverse_transformer_layers_per_block, which says it of the way up."
)]
#[case(r#"{"layers_per_block": 2.5}"#, "layers_per_block: 2.5 is not a whole number.")]
#[case(r#"{"layers_per_block": "2"}"#, r#"layers_per_block: "2" is not a whole number."#)]
#[case(r#"{"norm_eps": "1e-5"}"#, r#"norm_eps: "1e-5" is not a number."#)]
#[case(
    r#"{"downsample_padding": null}"#,
    "downsample_padding: null is not a whole number. Leave the field out for its default."
)]
#[case(
    r#"{"resnet_time_scale_shift": null}"#,
    r#"resnet_time_scale_shift: null is not supported, only "default"."#
)]
#[case(r#"{"act_fn": null}"#, r#"act_fn: null is not supported, only "silu" or "swish"."#)]
#[case(
    r#"{"center_input_sample": 1}"#,
    "center_input_sample: 1 is not supported, only false."
)]
fn bad_unet_configs_are_named(#[case] json: &str, #[case] message: &str) {
    let error = UNetConfig::from_json(json.as_bytes()).unwrap_err().to_string();
    assert_eq!(error, format!("unet: config {message}"));
}

#[rstest]
#[case(
    r#"{"layers_per_block": 1000000000}"#,
    "layers_per_block: 1000000000 is outside 1 to 32."
)]
#[case(r#"{"block_out_channels": []}"#, "block_out_channels: 0 is outside 1 to 8.")]
#[case(r#"{"block_out_channels": [0]}"#, "block_out_channels: 0 is outside 1 to 16384.")]
#[case(
    r#"{"block_out_channels": [64, 64]}"#,
    "down_block_types: must have 2 entries, as many as block_out_channels."
)]
#[case(r#"{"norm_num_groups": 48}"#, "norm_num_groups: 48 does not divide 64 channels.")]
#[case(r#"{"latent_channels": 0}"#, "latent_channels: 0 is outside 1 to 256.")]
#[case(r#"{"scaling_factor": 0}"#, "scaling_factor: 0.0 is outside 1e-6 to 1000000.0.")]
#[case(
    r#"{"latents_mean": [0.1]}"#,
    "latents_mean: must have 4 entries, as many as latent_channels."
)]
#[case(r#"{"latents_std": 1}"#, "latents_std: 1 is not a list of numbers.")]
#[case(r#"{"latents_std": [1, 1, 0, 1]}"#, "latents_std: 0.0 is outside 1e-6 to 1000000.0.")]
#[case(
    r#"{"up_block_types": ["AttnUpDecoderBlock2D"]}"#,
    r#"up_block_types: "AttnUpDecoderBlock2D" is not supported, only UpDecoderBlock2D."#
)]
fn bad_vae_configs_are_named(#[case] json: &str, #[case] message: &str) {
    let error = VaeConfig::from_json(json.as_bytes()).unwrap_err().to_string();
    assert_eq!(error, format!("vae: config {message}"));
}

#[rstest]
#[case(
    r#"{"num_hidden_layers": 1000000000}"#,
    "text_encoder: config num_hidden_layers: 1000000000 is outside 1 to 128."
)]
#[case(
    r#"{"hidden_size": 0}"#,
    "text_encoder: config hidden_size: 0 is outside 1 to 16384."
)]
#[case(
    r#"{"num_attention_heads": 7}"#,
    "text_encoder: config num_attention_heads: 7 does not divide 512 channels."
)]
#[case(
    r#"{"num_attention_heads": 0}"#,
    "text_encoder: config num_attention_heads: 0 does not divide 512 channels."
)]
#[case(
    r#"{"vocab_size": -5}"#,
    "text_encoder: config vocab_size: -5 is outside 1 to 1048576."
)]
#[case(
    r#"{"hidden_act": "mish"}"#,
    "text_encoder: config hidden_act: \"mish\" is not built, only quick_gelu, gelu, gelu_python, gelu_new, gelu_fast, \
     gelu_pytorch_tanh, gelu_python_tanh, silu, swish, relu."
)]
#[case(
    r#"{"text_config": {"hidden_size": 0}, "hidden_size": 768}"#,
    "text_encoder: config hidden_size: 0 is outside 1 to 16384."
)]
#[case(
    r#"{"layer_norm_eps": null}"#,
    "text_encoder: config layer_norm_eps: null is not a number. Leave the field out for its default."
)]
fn bad_clip_configs_are_named(#[case] json: &str, #[case] message: &str) {
    assert_eq!(
        ClipTextConfig::from_json(json.as_bytes()).unwrap_err().to_string(),
        message
    );
}

/// SSD-1B's, whose attentions of one level differ.
#[test]
fn attentions_of_one_level_may_differ() {
    let mut ssd = small();
    ssd["layers_per_block"] = json!(2);
    ssd["transformer_layers_per_block"] = json!([1, [4, 4]]);
    ssd["reverse_transformer_layers_per_block"] = json!([[4, 4, 10], 2]);
    let config = UNetConfig::from_json(ssd.to_string().as_bytes()).unwrap();
    let depths: Vec<_> = config
        .levels
        .iter()
        .map(|l| (&l.down_transformer_layers[..], &l.up_transformer_layers[..]))
        .collect();
    assert_eq!(depths, [(&[1, 1][..], &[2, 2, 2][..]), (&[4, 4], &[4, 4, 10])]);
    assert_eq!(config.levels[1].transformer.layers, 4);
    let short = UNetConfig::from_json(&with(ssd, "reverse_transformer_layers_per_block", json!([[4, 10], 2])));
    assert_eq!(
        short.unwrap_err().to_string(),
        "unet: config reverse_transformer_layers_per_block: [4, 10] must have 3 entries, as many as its level has attentions."
    );
}

#[test]
fn latents_may_have_a_mean_and_a_deviation() {
    let both = json!({"latents_mean": [0.5, 0, 0, -1], "latents_std": [1, 2, 1, 1]});
    let vae = VaeConfig::from_json(both.to_string().as_bytes()).unwrap();
    assert_eq!(vae.normal, Some((vec![0.5, 0.0, 0.0, -1.0], vec![1.0, 2.0, 1.0, 1.0])));
    let alone = VaeConfig::from_json(&with(json!({}), "latents_mean", json!([0.5, 0, 0, -1]))).unwrap();
    assert_eq!(alone.normal, None);
}
