//! Checkpoints of tensors without data: one that has a card, others that are named for what they are, parts and other formats
//! that are refused. Whether the tensors of a checkpoint load is tested by the engine (`daemon/engine/tests/single_file.rs`).

use std::path::Path;

use rstest::rstest;

use super::*;
use crate::Card;
use crate::folder::{Files, Folder};
use darkroom_protocol::{ModelSource, ModelTask, Sampler};

/// A safetensors file of these bf16 tensors, all holes: the system stores no data for it.
fn write(path: &Path, tensors: &[(&str, &[u64])]) {
    let mut at = 0;
    let mut entries = serde_json::Map::new();
    for (name, shape) in tensors {
        let end = at + 2 * shape.iter().product::<u64>();
        entries.insert(
            (*name).to_owned(),
            serde_json::json!({"dtype": "BF16", "shape": shape, "data_offsets": [at, end]}),
        );
        at = end;
    }
    let json = serde_json::to_vec(&entries).unwrap();
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend(&json);
    std::fs::write(path, &bytes).unwrap();
    std::fs::OpenOptions::new()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(bytes.len() as u64 + at)
        .unwrap();
}

const UNET_IN: (&str, &[u64]) = ("model.diffusion_model.input_blocks.0.0.weight", &[320, 4, 3, 3]);
const UNET_K: (&str, &[u64]) = (
    "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight",
    &[320, 768],
);
const VAE: (&str, &[u64]) = ("first_stage_model.decoder.conv_in.weight", &[512, 4, 3, 3]);
const CLIP: (&str, &[u64]) = (
    "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight",
    &[49408, 768],
);
const EMA: (&str, &[u64]) = ("model_ema.diffusion_modelinput_blocks00weight", &[320, 4, 3, 3]);

fn refusal(tensors: &[(&str, &[u64])]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.safetensors");
    write(&path, tensors);
    let message = SingleFile::open(&path).unwrap_err().to_string();
    message.replace(path.to_str().unwrap(), "m.safetensors")
}

#[test]
fn a_checkpoint_is_the_folder_it_would_be() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.safetensors");
    write(&path, &[UNET_IN, UNET_K, VAE, CLIP, EMA]);
    let file = SingleFile::open(&path).unwrap();
    let folder = Folder::read(&file).unwrap();
    assert_eq!(
        folder.component("vae").unwrap().weights,
        ["vae/diffusion_pytorch_model.safetensors"]
    );
    let wire = Card::new("m", &folder)
        .unwrap()
        .to_model_card(ModelSource::File("m".into()));
    assert_eq!(
        (wire.family.as_str(), wire.width, wire.height, wire.vae_factor),
        ("Stable Diffusion 1.x", 512, 512, 8)
    );
    assert_eq!((wire.sampler, wire.notice), (Sampler::Euler, None));
    // Averages of the training (`model_ema`) are in the file and never in memory.
    assert_eq!(wire.bytes, 2 * (320 * 4 * 9 + 320 * 768 + 512 * 4 * 9 + 49408 * 768));
    let unet = file.part("unet/diffusion_pytorch_model.safetensors").unwrap();
    assert_eq!(file.inside(unet, UNET_IN.0), Some("input_blocks.0.0.weight"));
    assert_eq!((file.inside(unet, VAE.0), file.inside(unet, EMA.0)), (None, None));
    assert!(file.len("tokenizer/vocab.json").unwrap().is_none() && file.read("nothing", 1).is_err());
}

#[rstest]
#[case(4, ModelTask::Generate)]
#[case(9, ModelTask::Inpaint)]
#[case(8, ModelTask::Edit)]
fn what_a_checkpoint_needs_beside_a_prompt_is_in_its_first_layer(#[case] channels: u64, #[case] task: ModelTask) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.safetensors");
    write(&path, &[(UNET_IN.0, &[320, channels, 3, 3]), UNET_K, VAE, CLIP]);
    let yaml = format!("model:\n  params:\n    unet_config:\n      params:\n        in_channels: {channels}\n");
    std::fs::write(path.with_extension("yaml"), yaml).unwrap();
    let folder = Folder::read(&SingleFile::open(&path).unwrap()).unwrap();
    let card = Card::new("m", &folder).unwrap();
    assert_eq!((card.task, card.family.label()), (task, "Stable Diffusion 1.x"));
}

const NOT_BUILT: &str = ", a family that is not built yet";

#[rstest]
#[case(&[("double_blocks.0.img_attn.norm.key_norm.scale", &[128][..])], "a model of FLUX.1", NOT_BUILT)]
#[case(&[("model.diffusion_model.label_emb.0.0.weight", &[1280, 2816][..])], "a model of SDXL", NOT_BUILT)]
#[case(&[("model.diffusion_model.input_blocks.0.0.weight", &[320, 9, 3, 3][..]),
    ("model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", &[320, 1024][..])], "a model of Stable Diffusion 2.x inpainting", NOT_BUILT)]
#[case(&[("model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", &[320, 1024][..])], "a model of Stable Diffusion 2.x", NOT_BUILT)]
#[case(&[("layers.0.adaLN_modulation.0.weight", &[4][..])], "a model of Z-Image", NOT_BUILT)]
#[case(&[("lora_unet_mid_block_attentions_0_proj_in.lora_down.weight", &[4, 320][..])], "a LoRA", "")]
#[case(&[VAE], "a VAE alone", "")]
#[case(&[CLIP], "a CLIP text encoder alone", "")]
fn others_are_named(#[case] tensors: &[(&str, &[u64])], #[case] what: &str, #[case] yet: &str) {
    assert_eq!(
        refusal(tensors),
        format!(
            "m.safetensors seems to be {what}{yet}: from single files Darkroom reads checkpoints of Stable Diffusion 1.x."
        )
    );
}

#[test]
fn parts_and_strangers_are_refused_in_a_sentence() {
    insta::assert_snapshot!(refusal(&[("x", &[1])]), @"m.safetensors is no model that Darkroom recognises: from single files it reads checkpoints of Stable Diffusion 1.x.");
    insta::assert_snapshot!(refusal(&[UNET_IN, UNET_K]), @"m.safetensors is a part of a Stable Diffusion 1.x and has no text_encoder and no vae: use a whole checkpoint, or the model's diffusers folder.");
    let diffusers: [(&str, &[u64]); 2] = [
        ("conv_in.weight", &[320, 4, 3, 3]),
        (
            "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight",
            &[320, 768],
        ),
    ];
    insta::assert_snapshot!(refusal(&diffusers), @"m.safetensors is one component of a Stable Diffusion 1.x, saved by diffusers: give the folder that holds its model_index.json.");
}

#[rstest]
#[case(b"GGUF\x03\0\0\0\0\0\0\0", "is a GGUF file")]
#[case(b"PK\x03\x04\0\0\0\0\0\0\0\0", "holds Python objects")]
#[case(b"\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a", "holds Python objects")]
#[case(b"nonsense", "not a safetensors file")]
fn files_without_a_header_are_told_by_their_first_bytes(#[case] bytes: &[u8], #[case] words: &str) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m");
    std::fs::write(&path, bytes).unwrap();
    let message = SingleFile::open(&path).unwrap_err().to_string();
    assert!(message.contains(words), "{message}");
    assert!(SingleFile::open(dir.path()).is_err() && SingleFile::open(dir.path().join("none")).is_err());
}
