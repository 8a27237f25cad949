//! The model that every worker carries. The daemon has its configurations, not its weights.

use std::io::ErrorKind;
use std::sync::OnceLock;

use darkroom_formats::card::Card;
use darkroom_formats::folder::Files;
use darkroom_formats::{Error, Result};
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{FailureKind, ModelCard, ModelSource};

use super::EMOJI;

/// Steps that its README recommends.
const STEPS: u32 = 25;
/// Guidance that its README recommends.
const CFG_SCALE: f64 = 4.0;

/// It beside it in the worker makes of its 64×64 pixels clean 256×256.
const UPSCALER: &str = darkroom_protocol::upscaler::EMBEDDED;

/// What the daemon has of a file.
enum Content {
    Text(&'static str),
    /// The length alone, in bytes.
    Length(u64),
}

use Content::{Length, Text};

macro_rules! text {
    ($name:literal) => {
        ($name, Text(include_str!(concat!("../../engine/assets/emoji/", $name))))
    };
}

/// Its files by name.
const FILES: &[(&str, Content)] = &[
    text!("model_index.json"),
    text!("scheduler/scheduler_config.json"),
    text!("text_encoder/config.json"),
    ("text_encoder/model.safetensors", Length(13_864_352)),
    ("tokenizer/merges.txt", Length(524_619)),
    text!("tokenizer/tokenizer_config.json"),
    ("tokenizer/vocab.json", Length(1_059_962)),
    text!("unet/config.json"),
    ("unet/diffusion_pytorch_model.safetensors", Length(21_759_048)),
    text!("vae/config.json"),
    ("vae/diffusion_pytorch_model.safetensors", Length(2_914_070)),
];

/// The embedded model's files as the daemon has them.
pub(super) struct Builtin;

impl Files for Builtin {
    fn place(&self) -> String {
        format!("the embedded model {EMOJI}")
    }

    fn len(&self, name: &str) -> Result<Option<u64>> {
        let known = FILES.iter().find(|(known, _)| *known == name);
        Ok(known.map(|(_, content)| match content {
            Text(text) => text.len() as u64,
            Length(bytes) => *bytes,
        }))
    }

    fn read(&self, name: &str, _cap: u64) -> Result<Vec<u8>> {
        match FILES.iter().find(|(known, _)| *known == name) {
            Some((_, Text(text))) => Ok(text.as_bytes().to_vec()),
            _ => Err(Error::Io {
                path: self.called(name).into(),
                source: ErrorKind::NotFound.into(),
            }),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        let inside = |name: &str| name.strip_prefix(folder)?.strip_prefix('/').map(str::to_owned);
        Ok(FILES.iter().filter_map(|(name, _)| inside(name)).collect())
    }
}

/// Its card, read once.
pub(super) fn card() -> std::result::Result<ModelCard, RemoteError> {
    static CARD: OnceLock<std::result::Result<ModelCard, RemoteError>> = OnceLock::new();
    CARD.get_or_init(read).clone()
}

fn read() -> std::result::Result<ModelCard, RemoteError> {
    let card = Card::read(EMOJI, &Builtin).map_err(|e| RemoteError::new(FailureKind::BadModel, e.to_string()))?;
    Ok(ModelCard {
        steps: STEPS,
        cfg_scale: CFG_SCALE,
        upscaler: UPSCALER.to_owned(),
        ..card.to_model_card(ModelSource::Embedded(EMOJI.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_formats::Folder;
    use darkroom_formats::folder::Directory;

    const ASSETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/engine/assets/emoji");

    #[test]
    fn the_daemon_sees_what_the_worker_has() {
        let on_disk = Directory::open(ASSETS).unwrap();
        let mut folder = Folder::read(&on_disk).unwrap();
        folder.place = Builtin.place();
        assert_eq!(Folder::read(&Builtin).unwrap(), folder);
        for (name, _) in FILES {
            assert_eq!(Builtin.len(name).unwrap(), on_disk.len(name).unwrap(), "{name}");
        }
    }

    #[test]
    fn its_readme_knows_the_words_of_the_notice() {
        let readme = std::fs::read_to_string(format!("{ASSETS}/README.md")).unwrap();
        let known = readme.split("**It knows**").nth(1).unwrap();
        let (_, words) = super::super::NO_MODEL
            .trim_end_matches('.')
            .split_once("words like ")
            .unwrap();
        for word in words.split(", ") {
            assert!(known.contains(&format!(" {word},")), "{word}");
        }
        assert!(readme.contains("64×64, 20–30 steps, CFG 3–5, DDIM"));
    }
}
