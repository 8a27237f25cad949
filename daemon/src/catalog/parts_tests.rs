//! Names and paths of VAEs, text encoders and denoisers as the catalogue finds them, what is told where it does not, and what a model
//! is with them. Files here hold nothing, or tensors of holes; what they are for a family is tested in `formats/src/parts`.

use std::fs;
use std::sync::Arc;

use darkroom_protocol::hash::hex;
use rstest::rstest;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::settings::{Live, Settings};

/// A models folder with files of every role.
fn catalog() -> (tempfile::TempDir, Catalog) {
    let dir = tempfile::tempdir().unwrap();
    for file in [
        "VAE/kl-f8-anime2.ckpt",
        "vae/sub/sdxl_vae.safetensors",
        "vae/both.pt",
        "vae/both.safetensors",
        "vae/sd-vae-ft-mse/config.json",
        "vae/sd-vae-ft-mse/diffusion_pytorch_model.safetensors",
        "clip/clip_l.safetensors",
        "text_encoders/qwen.safetensors",
        "unet/dream.safetensors",
        "model.safetensors",
        "model.vae.pt",
    ] {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    let settings = Settings {
        models: vec![dir.path().to_owned()],
        ..Settings::default()
    };
    let catalog = Catalog::new(Arc::new(Live::fixed(settings)));
    (dir, catalog)
}

fn card(source: ModelSource) -> ModelCard {
    ModelCard {
        source,
        ..builtin::card().unwrap()
    }
}

fn asked(catalog: &Catalog, request: serde_json::Value, source: ModelSource) -> Result<Vec<PartFile>, RemoteError> {
    catalog.parts(&serde_json::from_value(request).unwrap(), &card(source))
}

fn embedded() -> ModelSource {
    ModelSource::Embedded("emoji".into())
}

#[rstest]
#[case(json!({"vae": "kl-f8-anime2"}), &["VAE/kl-f8-anime2.ckpt"])]
#[case(json!({"vae": "kl-f8-anime2.ckpt"}), &["VAE/kl-f8-anime2.ckpt"])]
#[case(json!({"vae": "SDXL VAE"}), &["vae/sub/sdxl_vae.safetensors"])]
#[case(json!({"vae": "sub/sdxl_vae"}), &["vae/sub/sdxl_vae.safetensors"])]
#[case(json!({"vae": "both"}), &["vae/both.safetensors"])]
#[case(json!({"vae": "sd-vae-ft-mse"}), &["vae/sd-vae-ft-mse"])]
#[case(json!({"vae": "DIR/vae/both.pt"}), &["vae/both.pt"])]
#[case(json!({"vae": "None"}), &[])]
#[case(json!({"vae": "Automatic"}), &[])]
#[case(json!({"text_encoders": ["qwen", "clip_l"], "denoiser": "dream"}),
    &["unet/dream.safetensors", "text_encoders/qwen.safetensors", "clip/clip_l.safetensors"])]
fn names_are_files(#[case] request: serde_json::Value, #[case] expected: &[&str]) {
    let (dir, catalog) = catalog();
    let place = dir.path().display().to_string();
    let request: serde_json::Value = serde_json::from_str(&request.to_string().replace("DIR", &place)).unwrap();
    let parts = asked(&catalog, request, embedded()).unwrap();
    let found: Vec<&str> = parts.iter().map(|part| part.path[place.len() + 1..].as_ref()).collect();
    assert_eq!(found, expected);
    for part in &parts {
        let alone = dir.path().join(&part.path);
        let weights = match alone.is_dir() {
            true => alone.join("diffusion_pytorch_model.safetensors"),
            false => alone,
        };
        let bytes = fs::read(weights).unwrap();
        assert_eq!(part.sha256, Some(hex(Sha256::digest(&bytes))));
        assert_eq!(part.bytes, bytes.len() as u64);
        assert!(part.changed_ms > 1_000_000_000_000);
    }
}

#[rstest]
#[case(json!({"vae": "kl-f8-anmie2"}), "There is no VAE kl-f8-anmie2: did you mean kl-f8-anime2?")]
#[case(json!({"vae": "zebra"}), "There is no VAE zebra: give the path of its file or folder, or its name in vae, VAE of a models folder, \
    or none for the model's own.")]
#[case(json!({"text_encoders": "zebra"}), "There is no text encoder zebra: give the path of its file or folder, or its name in text_encoders, \
    text_encoder, clip, Text-encoder of a models folder.")]
#[case(json!({"vae": "../x"}), "The VAE ../x is a relative path, and the daemon has another working directory: give the whole path.")]
#[case(json!({"denoiser": "/nowhere/x.safetensors"}), "There is no denoiser /nowhere/x.safetensors: no such file.")]
fn what_is_not_there_is_told(#[case] request: serde_json::Value, #[case] message: &str) {
    let (_dir, catalog) = catalog();
    assert_eq!(asked(&catalog, request, embedded()).unwrap_err().message, message);
}

#[test]
fn the_vae_beside_a_models_file_is_taken_unless_its_own_is_asked_for() {
    let (dir, catalog) = catalog();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let source = || ModelSource::File(path("model.safetensors"));
    let found = |request| {
        asked(&catalog, request, source())
            .unwrap()
            .first()
            .map(|part| part.path.clone())
    };
    assert_eq!(found(json!({})), Some(path("model.vae.pt")));
    assert_eq!(found(json!({"vae": "automatic"})), Some(path("model.vae.pt")));
    assert_eq!(found(json!({"vae": "none"})), None);
    assert_eq!(found(json!({"vae": "both"})), Some(path("vae/both.safetensors")));
    // A task that had none asks for none again.
    let mut task = darkroom_protocol::ImageTask::of("model", "x");
    task.what.source = source();
    assert_eq!(task.to_request().vae.as_deref(), Some("none"));
    assert!(task.metadata(0).iter().all(|(key, _)| *key != "VAE"));
}

#[test]
fn a_task_asks_for_the_very_file_again() {
    let (dir, catalog) = catalog();
    let mut task = darkroom_protocol::ImageTask::of("emoji", "x");
    task.what.parts = asked(
        &catalog,
        json!({"vae": "both", "text_encoders": ["clip_l"]}),
        embedded(),
    )
    .unwrap();
    let metadata = task.metadata(0);
    let said = |key: &str| {
        metadata
            .iter()
            .find(|(known, _)| *known == key)
            .map(|(_, value)| value.as_str())
    };
    let hash = task.what.parts[1].sha256.clone().unwrap();
    assert_eq!(
        (said("VAE"), said("VAE hash")),
        (Some("both.safetensors"), Some(&hash[..10]))
    );
    assert_eq!(said("Text encoder"), Some("clip_l.safetensors"));
    let again = task.to_request();
    assert_eq!(catalog.parts(&again, &card(embedded())).unwrap(), task.what.parts);
    fs::write(dir.path().join("vae/both.safetensors"), "another").unwrap();
    let error = catalog.parts(&again, &card(embedded())).unwrap_err();
    assert!(error.kind == FailureKind::BadModel, "{}", error.message);
    assert!(
        error.message.contains("is another file than the one that is asked for"),
        "{}",
        error.message
    );
}

#[test]
fn a_denoiser_without_a_model_is_the_model() {
    let (dir, catalog) = catalog();
    let request = |json: serde_json::Value| serde_json::from_value::<GenerateRequest>(json).unwrap();
    let alone = catalog
        .denoiser_as_model(&request(json!({"denoiser": "dream"})))
        .unwrap()
        .unwrap();
    let place = dir.path().join("unet/dream.safetensors").display().to_string();
    assert_eq!((alone.model, alone.denoiser), (Some(place), None));
    assert!(
        catalog
            .denoiser_as_model(&request(json!({"denoiser": "dream", "model": "emoji"})))
            .is_none()
    );
}

/// A file of these f16 tensors, all holes.
fn holes(path: &Path, tensors: &[(&str, &[u64])]) {
    let mut at = 0;
    let mut entries = serde_json::Map::new();
    for (name, shape) in tensors {
        let end = at + 2 * shape.iter().product::<u64>();
        entries.insert(
            (*name).to_owned(),
            json!({"dtype": "F16", "shape": shape, "data_offsets": [at, end]}),
        );
        at = end;
    }
    let header = serde_json::to_vec(&entries).unwrap();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    fs::write(path, &bytes).unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len(bytes.len() as u64 + at).unwrap();
}

#[test]
fn a_denoiser_alone_has_a_card_and_a_task_once_the_rest_is_given() {
    let (dir, catalog) = catalog();
    let unet = dir.path().join("unet/dream.safetensors");
    holes(
        &unet,
        &[
            ("input_blocks.0.0.weight", &[320, 4, 3, 3]),
            ("input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", &[320, 768]),
        ],
    );
    let table = ("text_model.embeddings.token_embedding.weight", [49_408u64, 768]);
    holes(&dir.path().join("clip/clip_l.safetensors"), &[(table.0, &table.1)]);
    holes(
        &dir.path().join("vae/both.safetensors"),
        &[
            ("decoder.conv_in.weight", &[512, 4, 3, 3]),
            ("decoder.mid.block_1.conv1.weight", &[512, 512, 3, 3]),
        ],
    );
    let card = catalog.card(Some(unet.to_str().unwrap())).unwrap();
    assert_eq!(card.lacks, [PartRole::TextEncoder, PartRole::Vae]);
    assert!(
        card.notice
            .as_deref()
            .unwrap()
            .contains("--text-encoder and --vae give them"),
        "{:?}",
        card.notice
    );
    let told = |request: serde_json::Value| {
        let parts = catalog.parts(&serde_json::from_value(request).unwrap(), &card)?;
        catalog.with_parts(&card, &parts)
    };
    let error = told(json!({})).unwrap_err();
    assert!(
        error
            .message
            .ends_with("has no text_encoder and no vae: --text-encoder and --vae give them."),
        "{}",
        error.message
    );
    let error = told(json!({"vae": "both"})).unwrap_err();
    assert!(
        error.message.ends_with("has no text_encoder: --text-encoder gives it."),
        "{}",
        error.message
    );
    let error = told(json!({"vae": "clip/clip_l.safetensors"})).unwrap_err();
    assert!(
        error
            .message
            .ends_with("is no VAE of Stable Diffusion 1.x: it seems to be a CLIP text encoder alone."),
        "{}",
        error.message
    );
    let whole = told(json!({"vae": "both", "text_encoders": "clip_l"})).unwrap();
    assert_eq!((whole.lacks.len(), whole.notice, whole.width), (0, None, 512));
}
