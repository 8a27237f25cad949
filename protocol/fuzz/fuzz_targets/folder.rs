//! A model's folder of any files is refused or has a card. Files are divided by a zero byte, in a fixed order.
#![no_main]

use std::io::ErrorKind;

use darkroom_formats::folder::Files;
use darkroom_formats::{Card, Error, Result};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 8] = [
    "model_index.json",
    "scheduler/scheduler_config.json",
    "unet/config.json",
    "vae/config.json",
    "text_encoder/config.json",
    "tokenizer/tokenizer_config.json",
    "unet/diffusion_pytorch_model.safetensors.index.json",
    "tokenizer/vocab.json",
];
/// Files that are only asked for their size.
const WEIGHTS: [&str; 4] = [
    "unet/diffusion_pytorch_model.safetensors",
    "vae/diffusion_pytorch_model.safetensors",
    "text_encoder/model.safetensors",
    "tokenizer/merges.txt",
];

struct Pieces<'a>(Vec<&'a [u8]>);

impl Pieces<'_> {
    fn get(&self, name: &str) -> Option<&[u8]> {
        let known = NAMES.iter().zip(&self.0).find(|(known, _)| **known == name);
        known
            .map(|(_, piece)| *piece)
            .or(WEIGHTS.contains(&name).then_some(&b"weights"[..]))
    }
}

impl Files for Pieces<'_> {
    fn place(&self) -> String {
        "a fuzzed folder".to_owned()
    }

    fn len(&self, name: &str) -> Result<Option<u64>> {
        Ok(self.get(name).map(|piece| piece.len() as u64))
    }

    fn read(&self, name: &str, _: u64) -> Result<Vec<u8>> {
        let missing = || Error::Io {
            path: name.into(),
            source: ErrorKind::NotFound.into(),
        };
        self.get(name).map(<[u8]>::to_vec).ok_or_else(missing)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        let there = NAMES.iter().zip(&self.0).map(|(name, _)| *name).chain(WEIGHTS);
        let inside = there.filter_map(|name| name.strip_prefix(folder)?.strip_prefix('/'));
        Ok(inside.map(str::to_owned).collect())
    }
}

fuzz_target!(|bytes: &[u8]| {
    let files = Pieces(bytes.split(|byte| *byte == 0).collect());
    if let Ok(card) = Card::read("fuzzed", &files) {
        for side in [0, 64, 8192] {
            drop(card.check_size(side, side));
        }
        let latents = card.latents(64, 64);
        assert!(latents < 1 << 32, "{latents}");
    }
});
