//! Denoisers, text encoders and VAEs in files of their own, of tensors without data: which component they become, with which
//! configuration, and what is said where they are none. Whether pictures come of them is tested by the engine (`tests/parts.rs`).

use std::path::{Path, PathBuf};

use darkroom_protocol::{ModelSource, PartFile};
use rstest::rstest;

use super::*;
use crate::folder::{Directory, Files, Folder};
use crate::single::tests::write;
use crate::{Card, Parts, SingleFile};

/// Name and shape.
pub(super) type Tensor = (String, Vec<u64>);

pub(super) fn file(dir: &Path, name: &str, prefix: &str, tensors: &[Tensor]) -> PathBuf {
    let path = dir.join(name);
    let named: Vec<_> = tensors
        .iter()
        .map(|(key, shape)| (format!("{prefix}{key}"), shape.as_slice()))
        .collect();
    let named: Vec<(&str, &[u64])> = named.iter().map(|(key, shape)| (key.as_str(), *shape)).collect();
    write(&path, &named);
    path
}

pub(super) fn part(role: PartRole, path: &Path) -> PartFile {
    PartFile {
        role,
        name: "part".into(),
        path: path.display().to_string(),
        bytes: 0,
        changed_ms: 0,
        sha256: None,
    }
}

/// A VAE with levels of these channels, as its tensors tell it, in the original code's names.
pub(super) fn vae(latents: u64, channels: &[u64]) -> Vec<Tensor> {
    let last = channels[channels.len() - 1];
    let mut all = vec![
        ("encoder.conv_in.weight".to_owned(), vec![channels[0], 3, 3, 3]),
        ("decoder.conv_in.weight".to_owned(), vec![last, latents, 3, 3]),
        ("decoder.conv_out.weight".to_owned(), vec![3, channels[0], 3, 3]),
        ("decoder.mid.block_1.conv1.weight".to_owned(), vec![last, last, 3, 3]),
        ("decoder.mid.attn_1.norm.weight".to_owned(), vec![last]),
        ("post_quant_conv.weight".to_owned(), vec![latents, latents, 1, 1]),
    ];
    for (level, width) in channels.iter().enumerate() {
        for n in 0..2 {
            all.push((
                format!("encoder.down.{level}.block.{n}.conv1.weight"),
                vec![*width, 8, 3, 3],
            ));
        }
    }
    all
}

/// A text encoder that wide, of so many layers, under transformers' names.
pub(super) fn clip(width: u64, layers: u64) -> Vec<Tensor> {
    let mut all = vec![
        (
            "text_model.embeddings.token_embedding.weight".to_owned(),
            vec![49_408, width],
        ),
        (
            "text_model.embeddings.position_embedding.weight".to_owned(),
            vec![77, width],
        ),
    ];
    for n in 0..layers {
        all.push((
            format!("text_model.encoder.layers.{n}.mlp.fc1.weight"),
            vec![4 * width, width],
        ));
    }
    all
}

/// One under open_clip's.
fn open_clip(width: u64) -> Vec<Tensor> {
    vec![
        ("token_embedding.weight".to_owned(), vec![49_408, width]),
        ("positional_embedding".to_owned(), vec![77, width]),
        (
            "transformer.resblocks.0.attn.in_proj_weight".to_owned(),
            vec![3 * width, width],
        ),
        (
            "transformer.resblocks.0.mlp.c_fc.weight".to_owned(),
            vec![4 * width, width],
        ),
        ("text_projection".to_owned(), vec![width, 1280]),
    ]
}

fn sd1_unet() -> Vec<Tensor> {
    let cross = "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight";
    vec![
        ("input_blocks.0.0.weight".to_owned(), vec![320, 4, 3, 3]),
        (cross.to_owned(), vec![320, 768]),
    ]
}

fn xl_unet() -> Vec<Tensor> {
    vec![
        ("label_emb.0.0.weight".to_owned(), vec![1280, 2816]),
        ("input_blocks.0.0.weight".to_owned(), vec![320, 4, 3, 3]),
    ]
}

#[rstest]
#[case("model.diffusion_model.")]
#[case("")]
fn a_denoiser_alone_lacks_the_rest_until_it_is_given(#[case] prefix: &str) {
    let dir = tempfile::tempdir().unwrap();
    let unet = file(dir.path(), "unet.safetensors", prefix, &sd1_unet());
    let base = SingleFile::open(&unet).unwrap();
    let folder = Folder::read(&base).unwrap();
    let card = Card::new("m", &folder).unwrap();
    assert_eq!(card.lacks, [PartRole::TextEncoder, PartRole::Vae]);
    let lacks = "has no text_encoder and no vae: --text-encoder and --vae give them.";
    let told = card.to_model_card(ModelSource::File("m".into())).notice.unwrap();
    assert_eq!(told, format!("It {lacks}"));
    let refused = folder.check_whole().unwrap_err().to_string();
    assert_eq!(refused, format!("{} {lacks}", unet.display()));

    let given = [
        part(
            PartRole::TextEncoder,
            &file(dir.path(), "clip.safetensors", "", &clip(768, 12)),
        ),
        part(
            PartRole::Vae,
            &file(dir.path(), "vae.safetensors", "", &vae(4, &[128, 256, 512, 512])),
        ),
    ];
    let parts = Parts::of(&base, &given[..1]).unwrap();
    let refused = Folder::read(&parts.over(&base))
        .unwrap()
        .check_whole()
        .unwrap_err()
        .to_string();
    assert!(refused.ends_with("has no vae: --vae gives it."), "{refused}");
    let parts = Parts::of(&base, &given).unwrap();
    let all = parts.over(&base);
    let folder = Folder::read(&all).unwrap();
    folder.check_whole().unwrap();
    assert_eq!(Card::new("m", &folder).unwrap().lacks, []);
    let (own, inside) = parts.find(&folder.component("vae").unwrap().weights[0]).unwrap();
    assert_eq!(own.on_disk(inside), dir.path().join("vae.safetensors"));
    let key = "decoder.conv_in.weight";
    assert_eq!(
        (own.inside(key), own.is_original()),
        (Some((key, Naming::Original)), true)
    );
}

#[rstest]
#[case::bare("")]
#[case::checkpoint("first_stage_model.")]
fn a_vaes_shape_is_its_own_and_its_scale_the_models(#[case] prefix: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mut whole = sd1_unet();
    whole
        .iter_mut()
        .for_each(|(name, _)| name.insert_str(0, "model.diffusion_model."));
    let own = |prefix: &'static str, tensors: Vec<Tensor>| {
        tensors
            .into_iter()
            .map(move |(name, shape)| (format!("{prefix}{name}"), shape))
    };
    whole.extend(own("cond_stage_model.transformer.", clip(768, 12)));
    whole.extend(own("first_stage_model.", vae(4, &[128, 256, 512, 512])));
    let base = SingleFile::open(file(dir.path(), "whole.safetensors", "", &whole)).unwrap();
    let mut other = vae(4, &[64, 64, 128, 128]);
    other.pop();
    let path = file(dir.path(), "other.safetensors", prefix, &other);
    let parts = Parts::of(&base, &[part(PartRole::Vae, &path)]).unwrap();
    let folder = Folder::read(&parts.over(&base)).unwrap();
    let config = &folder.component("vae").unwrap().config;
    assert_eq!(config["block_out_channels"], serde_json::json!([64, 64, 128, 128]));
    assert_eq!(config["scaling_factor"], 0.18215);
    assert_eq!(
        (&config["use_quant_conv"], &config["use_post_quant_conv"]),
        (&false.into(), &true.into())
    );
    // And the rest is the model's.
    let text = &folder.component("text_encoder").unwrap().weights[0];
    assert!(parts.find(text).is_none() && parts.over(&base).len(text).unwrap() > Some(0));
}

#[test]
fn a_folder_brings_its_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let base = SingleFile::open(file(dir.path(), "unet.safetensors", "", &sd1_unet())).unwrap();
    let folder = dir.path().join("sd-vae");
    std::fs::create_dir(&folder).unwrap();
    let config = r#"{"_class_name": "AutoencoderKL", "block_out_channels": [32, 64], "scaling_factor": 0.5}"#;
    std::fs::write(folder.join("config.json"), config).unwrap();
    std::fs::write(folder.join("diffusion_pytorch_model.bin"), "x").unwrap();
    let parts = Parts::of(&base, &[part(PartRole::Vae, &folder)]).unwrap();
    let read = Folder::read(&parts.over(&base)).unwrap();
    let vae = read.component("vae").unwrap();
    assert_eq!((&vae.config["scaling_factor"], vae.weights.len()), (&0.5.into(), 1));
    assert!(vae.notice.as_deref().unwrap().contains("diffusion_pytorch_model.bin"));
    assert_eq!(
        parts.find(&vae.weights[0]).unwrap().0.inside("x"),
        Some(("x", Naming::Layers))
    );
    // The component of a whole model's folder is found in it.
    std::fs::write(dir.path().join("model_index.json"), "{}").unwrap();
    std::fs::rename(&folder, dir.path().join("vae")).unwrap();
    let parts = Parts::of(&base, &[part(PartRole::Vae, dir.path())]).unwrap();
    assert_eq!(parts.component("vae").unwrap().config()["scaling_factor"], 0.5);
}

#[test]
fn text_encoders_are_told_by_their_width() {
    let dir = tempfile::tempdir().unwrap();
    let base = SingleFile::open(file(dir.path(), "unet.safetensors", "", &xl_unet())).unwrap();
    let of = |name: &str, tensors: &[Tensor]| part(PartRole::TextEncoder, &file(dir.path(), name, "", tensors));
    let (l, g) = (
        of("l.safetensors", &clip(768, 12)),
        of("g.safetensors", &clip(1280, 32)),
    );
    for given in [[l.clone(), g.clone()], [g.clone(), l.clone()]] {
        let parts = Parts::of(&base, &given).unwrap();
        assert_eq!(parts.component("text_encoder").unwrap().on_disk(""), Path::new(&l.path));
        assert_eq!(
            parts.component("text_encoder_2").unwrap().on_disk(""),
            Path::new(&g.path)
        );
    }
    let open = of("open.safetensors", &open_clip(1280));
    let parts = Parts::of(&base, &[open]).unwrap();
    let second = parts.component("text_encoder_2").unwrap();
    assert_eq!(
        (second.is_original(), &second.config()["projection_dim"]),
        (true, &1280.into())
    );
    assert_eq!(parts.over(&base).lacks(), ["text_encoder", "vae"]);

    let told = |given: &[PartFile]| Parts::of(&base, given).unwrap_err().to_string();
    let h = of("h.safetensors", &clip(1024, 23));
    assert_eq!(
        told(std::slice::from_ref(&h)),
        format!(
            "{} is no text encoder of SDXL, whose text_encoder is 768 wide and text_encoder_2 is 1280 wide: it seems to be a CLIP text \
             encoder alone.",
            h.path
        )
    );
    let third = told(&[l.clone(), g, l.clone()]);
    assert!(
        third.ends_with("is one text encoder more than SDXL has: leave --text-encoder out once."),
        "{third}"
    );
}

#[test]
fn what_is_no_such_component_is_told_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let base = SingleFile::open(file(dir.path(), "unet.safetensors", "", &sd1_unet())).unwrap();
    let told = |role, path: &Path| {
        let told = Parts::of(&base, &[part(role, path)]).unwrap_err().to_string();
        told.replace(path.to_str().unwrap(), "FILE")
    };
    let other = file(dir.path(), "xl.safetensors", "", &xl_unet());
    insta::assert_snapshot!(told(PartRole::Denoiser, &other), @"FILE is no denoiser of Stable Diffusion 1.x: it seems to be a model of SDXL, or a part of one.");
    let text = file(dir.path(), "clip.safetensors", "", &clip(768, 1));
    insta::assert_snapshot!(told(PartRole::Vae, &text), @"FILE is no VAE of Stable Diffusion 1.x: it seems to be a CLIP text encoder alone.");
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    insta::assert_snapshot!(told(PartRole::Vae, &empty), @"FILE is no VAE of Stable Diffusion 1.x: it is a folder without a config.json and weights for that.");
    assert!(Directory::open(&empty).is_ok());
}
