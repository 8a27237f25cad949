//! Transformers alone, as ComfyUI keeps them, with text encoders and VAEs in files of their own: tensors without data. What each file
//! becomes, what it says of its configuration, and what is said of a wrong one. Lists of published files are read by the engine's
//! tests (`tests/bare.rs`), which make pictures too.

use std::path::Path;

use darkroom_protocol::{ModelTask, PartFile, PartRole};
use rstest::rstest;
use serde_json::{Value, json};

use super::tests::{Tensor, clip, file, part, vae};
use crate::folder::{Files, Folder};
use crate::{Card, Parts, SingleFile};

fn named(all: &[(&str, &[u64])]) -> Vec<Tensor> {
    all.iter()
        .map(|(key, shape)| ((*key).to_owned(), shape.to_vec()))
        .collect()
}

/// A Z-Image of two blocks and a refiner each.
fn z_image(original: bool) -> Vec<Tensor> {
    let (embedder, norm) = match original {
        true => ("x_embedder.weight", "layers.0.attention.q_norm.weight"),
        false => ("all_x_embedder.2-1.weight", "layers.0.attention.norm_q.weight"),
    };
    named(&[
        (embedder, &[3840, 64]),
        (norm, &[128]),
        ("cap_embedder.1.weight", &[3840, 2560]),
        ("layers.0.adaLN_modulation.0.weight", &[15360, 256]),
        ("layers.0.attention_norm1.weight", &[3840]),
        ("layers.1.attention_norm1.weight", &[3840]),
        ("noise_refiner.0.attention_norm1.weight", &[3840]),
    ])
}

/// A FLUX.1 of two blocks and one, with or without a guidance that it is told.
fn flux(original: bool, guided: bool) -> Vec<Tensor> {
    let mut all = match original {
        true => named(&[
            ("img_in.weight", &[3072, 64]),
            ("txt_in.weight", &[3072, 4096]),
            ("vector_in.in_layer.weight", &[3072, 768]),
            ("final_layer.linear.weight", &[64, 3072]),
            ("double_blocks.0.img_attn.norm.query_norm.scale", &[128]),
            ("double_blocks.0.img_attn.norm.key_norm.scale", &[128]),
            ("double_blocks.0.img_attn.qkv.weight", &[9216, 3072]),
            ("double_blocks.1.img_attn.qkv.weight", &[9216, 3072]),
            ("single_blocks.0.linear1.weight", &[21504, 3072]),
            ("guidance_in.in_layer.weight", &[3072, 256]),
        ]),
        false => named(&[
            ("x_embedder.weight", &[3072, 64]),
            ("context_embedder.weight", &[3072, 4096]),
            ("time_text_embed.text_embedder.linear_1.weight", &[3072, 768]),
            ("proj_out.weight", &[64, 3072]),
            ("transformer_blocks.0.attn.norm_q.weight", &[128]),
            ("single_transformer_blocks.0.attn.norm_q.weight", &[128]),
            ("transformer_blocks.0.attn.to_q.weight", &[3072, 3072]),
            ("transformer_blocks.1.attn.to_q.weight", &[3072, 3072]),
            ("single_transformer_blocks.0.attn.to_q.weight", &[3072, 3072]),
            ("time_text_embed.guidance_embedder.linear_1.weight", &[3072, 256]),
        ]),
    };
    if !guided {
        all.pop();
    }
    all
}

fn qwen3(width: u64) -> Vec<Tensor> {
    let mut all = named(&[
        ("model.embed_tokens.weight", &[151_936, width]),
        ("model.norm.weight", &[width]),
    ]);
    for n in 0..2 {
        for (key, rows) in [("q_proj", 4096), ("k_proj", 1024)] {
            all.push((format!("model.layers.{n}.self_attn.{key}.weight"), vec![rows, width]));
        }
        all.push((format!("model.layers.{n}.self_attn.q_norm.weight"), vec![128]));
        all.push((format!("model.layers.{n}.mlp.gate_proj.weight"), vec![4 * width, width]));
    }
    all
}

fn t5(table: &str, width: u64) -> Vec<Tensor> {
    named(&[
        (table, &[32_128, width]),
        ("encoder.block.0.layer.0.SelfAttention.q.weight", &[4096, width]),
        (
            "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
            &[32, 64],
        ),
        ("encoder.block.0.layer.1.DenseReluDense.wi_0.weight", &[10_240, width]),
        ("encoder.block.1.layer.0.SelfAttention.q.weight", &[4096, width]),
    ])
}

fn ae() -> Vec<Tensor> {
    let mut all = vae(16, &[128, 256, 512, 512]);
    all.pop();
    all
}

fn fields(config: &serde_json::Map<String, Value>, names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| config[*name].clone()).collect()
}

#[rstest]
#[case::comfy(true, "")]
#[case::checkpoint(true, "model.diffusion_model.")]
#[case::diffusers(false, "")]
fn a_z_image_is_put_together(#[case] original: bool, #[case] prefix: &str) {
    let dir = tempfile::tempdir().unwrap();
    let base = SingleFile::open(file(dir.path(), "z.safetensors", prefix, &z_image(original))).unwrap();
    let told = Folder::read(&base).unwrap().check_whole().unwrap_err().to_string();
    assert!(
        told.ends_with("has no text_encoder (Qwen3) and no vae: --text-encoder and --vae give them."),
        "{told}"
    );
    let given = [
        part(
            PartRole::TextEncoder,
            &file(dir.path(), "qwen.safetensors", "", &qwen3(2560)),
        ),
        part(PartRole::Vae, &file(dir.path(), "ae.safetensors", "", &ae())),
    ];
    let parts = Parts::of(&base, &given).unwrap();
    let folder = Folder::read(&parts.over(&base)).unwrap();
    folder.check_whole().unwrap();
    let config = |name: &str| &folder.component(name).unwrap().config;
    assert_eq!(
        fields(
            config("transformer"),
            &["n_layers", "n_refiner_layers", "n_heads", "axes_dims", "cap_feat_dim"]
        ),
        [json!(2), json!(1), json!(30), json!([32, 48, 48]), json!(2560)]
    );
    let encoder = [
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "intermediate_size",
        "rope_theta",
    ];
    assert_eq!(
        fields(config("text_encoder"), &encoder),
        [2, 32, 8, 10_240, 1_000_000].map(Value::from)
    );
    assert_eq!(
        fields(
            config("vae"),
            &["latent_channels", "scaling_factor", "shift_factor", "use_quant_conv"]
        ),
        [json!(16), json!(0.3611), json!(0.1159), json!(false)]
    );
    assert_eq!(Card::new("z", &folder).unwrap().lacks, []);
}

#[rstest]
fn a_flux_is_put_together_from_files_in_any_order(
    #[values(true, false)] original: bool,
    #[values(true, false)] guided: bool,
) {
    let dir = tempfile::tempdir().unwrap();
    let base = SingleFile::open(file(dir.path(), "f.safetensors", "", &flux(original, guided))).unwrap();
    assert_eq!(base.lacks(), ["text_encoder", "text_encoder_2", "vae"]);
    let told = Folder::read(&base).unwrap().check_whole().unwrap_err().to_string();
    let lacks =
        "has no text_encoder (CLIP-L) and no text_encoder_2 (T5-XXL) and no vae: --text-encoder and --vae give them.";
    assert!(told.ends_with(lacks), "{told}");
    let encoders = [
        part(
            PartRole::TextEncoder,
            &file(
                dir.path(),
                "t5.safetensors",
                "",
                &t5("encoder.embed_tokens.weight", 4096),
            ),
        ),
        part(
            PartRole::TextEncoder,
            &file(dir.path(), "l.safetensors", "", &clip(768, 12)),
        ),
    ];
    let ae = part(PartRole::Vae, &file(dir.path(), "ae.safetensors", "", &ae()));
    let [t, l] = encoders;
    for given in [[t.clone(), l.clone(), ae.clone()], [ae, l, t]] {
        let parts = Parts::of(&base, &given).unwrap();
        let folder = Folder::read(&parts.over(&base)).unwrap();
        folder.check_whole().unwrap();
        let config = |name: &str| &folder.component(name).unwrap().config;
        assert_eq!(
            fields(
                config("transformer"),
                &[
                    "num_layers",
                    "num_single_layers",
                    "num_attention_heads",
                    "guidance_embeds",
                    "pooled_projection_dim"
                ]
            ),
            [json!(2), json!(1), json!(24), json!(guided), json!(768)]
        );
        assert_eq!(
            fields(config("text_encoder_2"), &["num_layers", "num_heads", "d_kv", "d_ff"]),
            [2, 64, 64, 10_240].map(Value::from)
        );
        assert_eq!(config("text_encoder")["hidden_size"], 768);
        assert_eq!(folder.scheduler.config["use_dynamic_shifting"], guided);
        let card = Card::new("f", &folder).unwrap();
        assert_eq!(
            (card.task, card.steps),
            (ModelTask::Generate, if guided { 28 } else { 4 })
        );
    }
}

/// What does not fit is told by what it is and what is wanted.
#[test]
fn wrong_files_are_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let open = |name: &str, tensors: &[Tensor]| SingleFile::open(file(dir.path(), name, "", tensors)).unwrap();
    let (z, f) = (
        open("z.safetensors", &z_image(true)),
        open("f.safetensors", &flux(true, true)),
    );
    let told = |base: &SingleFile, role: PartRole, tensors: &[Tensor]| {
        let path = file(dir.path(), "given.safetensors", "", tensors);
        let given: [PartFile; 1] = [part(role, &path)];
        let told = Parts::of(base, &given).unwrap_err().to_string();
        told.replace(path.to_str().unwrap(), "FILE")
    };
    let (text, t5) = (PartRole::TextEncoder, t5("shared.weight", 4096));
    insta::assert_snapshot!(told(&z, text, &qwen3(1024)), @"FILE is no text encoder of Z-Image, whose text_encoder (Qwen3) is 2560 wide: it seems to be a language model, 1024 wide.");
    insta::assert_snapshot!(told(&z, text, &t5), @"FILE is no text encoder of Z-Image, whose text_encoder (Qwen3) is 2560 wide: it seems to be a T5 text encoder alone, 4096 wide.");
    insta::assert_snapshot!(told(&f, text, &qwen3(4096)), @"FILE is no text encoder of FLUX.1, whose text_encoder (CLIP-L) is 768 wide and text_encoder_2 (T5-XXL) is 4096 wide: it seems to be a language model, 4096 wide.");
    insta::assert_snapshot!(told(&f, PartRole::Denoiser, &z_image(true)), @"FILE is no denoiser of FLUX.1: it seems to be a model of Z-Image, or a part of one.");
    // UMT5 is as wide and reads other tokens.
    let mut umt5 = t5;
    umt5.push((
        "encoder.block.1.layer.0.SelfAttention.relative_attention_bias.weight".to_owned(),
        vec![32, 64],
    ));
    assert!(told(&f, text, &umt5).starts_with("FILE is no text encoder of FLUX.1"));
    // A VAE of another kind of latents is one, and does not fit.
    let path = file(dir.path(), "sd.safetensors", "", &vae(4, &[128, 256, 512, 512]));
    let encoder = part(text, &file(dir.path(), "q.safetensors", "", &qwen3(2560)));
    let parts = Parts::of(&z, &[encoder, part(PartRole::Vae, &path)]).unwrap();
    let folder = Folder::read(&parts.over(&z)).unwrap();
    let refused = Card::new("z", &folder).unwrap_err().to_string();
    assert!(
        refused.ends_with("is 16, the VAE's latent_channels are 4: the parts are not of one model."),
        "{refused}"
    );
}

/// A component's folder says itself what it is.
#[rstest]
#[case::as_published(json!({"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 2560}), true)]
#[case::of_no_class(json!({"model_type": "qwen3", "hidden_size": 2560}), true)]
#[case::t5(json!({"model_type": "t5", "d_model": 2560}), false)]
#[case::another_width(json!({"architectures": ["Qwen3ForCausalLM"], "hidden_size": 4096}), false)]
#[case::one_that_sees(json!({"architectures": ["Qwen3VLForConditionalGeneration"], "hidden_size": 2560}), false)]
fn an_encoders_folder_is_told_by_its_configuration(#[case] config: Value, #[case] is_one: bool) {
    let dir = tempfile::tempdir().unwrap();
    let base = SingleFile::open(file(dir.path(), "z.safetensors", "", &z_image(true))).unwrap();
    let folder = dir.path().join("qwen");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    file(Path::new(&folder), "model.safetensors", "", &qwen3(2560));
    let found = Parts::of(&base, &[part(PartRole::TextEncoder, &folder)]);
    assert_eq!(found.is_ok(), is_one);
}
