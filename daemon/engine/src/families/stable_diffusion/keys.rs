//! The original codes' names (latent-diffusion, `ldm`, and generative-models, `sgm`) in diffusers' spelling: where a module is,
//! then what is in it. A family makes a [`Spelling`] of its configuration, which its single files are read and its errors worded
//! by. The names of open_clip's text encoders are in `open_clip.rs`.

use darkroom_formats::schema::{MidBlock, UNetConfig};

use super::open_clip::OpenClip;
use crate::families::autoencoder_kl;
use crate::families::spelling::{Table, look_up, name_back, rename, swap};
use crate::weights::Piece;

/// How a model's single file calls what its layers know.
#[derive(Clone, Debug)]
pub struct Spelling {
    /// Modules of `openaimodel.UNetModel`, which counts layers through all levels.
    unet: Vec<(String, String)>,
    /// Text encoders under open_clip's names; others have transformers' own.
    open_clip: Vec<(&'static str, OpenClip)>,
}

/// Modules of `ldm.modules.diffusionmodules.openaimodel.UNetModel` that every model has once, SDXL's `label_emb` among them.
const UNET_ENDS: Table = &[
    ("time_embed.0", "time_embedding.linear_1"),
    ("time_embed.2", "time_embedding.linear_2"),
    ("label_emb.0.0", "add_embedding.linear_1"),
    ("label_emb.0.2", "add_embedding.linear_2"),
    ("input_blocks.0.0", "conv_in"),
    ("out.0", "conv_norm_out"),
    ("out.2", "conv_out"),
];

/// Inside the UNet's residual blocks; its attention blocks have the same names in both.
const UNET_INNER: Table = &[
    ("in_layers.0", "norm1"),
    ("in_layers.2", "conv1"),
    ("emb_layers.1", "time_emb_proj"),
    ("out_layers.0", "norm2"),
    ("out_layers.3", "conv2"),
    ("skip_connection", "conv_shortcut"),
];

impl Spelling {
    /// Of a model with this UNet, and these text encoders of open_clip by their components' names.
    pub fn new(unet: &UNetConfig, open_clip: &[(&'static str, OpenClip)]) -> Self {
        Self {
            unet: unet_modules(unet),
            open_clip: open_clip.to_vec(),
        }
    }

    /// What the tensor that the original code calls `key` in `component` is for the layers; nothing for tensors that none reads.
    pub fn spell(&self, component: &str, key: &str) -> Vec<Piece> {
        if let Some((_, open_clip)) = self.open_clip.iter().find(|(name, _)| *name == component) {
            return open_clip.spell(key);
        }
        let found = match component {
            "unet" => rename(look_up(self.unet_rows(), key), UNET_INNER),
            "vae" => autoencoder_kl::renamed(key),
            // The text encoder is transformers' own class in both.
            _ => Some(key.to_owned()),
        };
        found.map(Piece::whole).into_iter().collect()
    }

    /// What the original code calls the tensor that is diffusers' `name` in `component`, or the one that it is a part of: the
    /// inverse of [`Self::spell`]. `None` for a name that the code has not.
    pub fn spelling(&self, component: &str, name: &str) -> Option<String> {
        if let Some((_, open_clip)) = self.open_clip.iter().find(|(known, _)| *known == component) {
            return open_clip.spelling(name);
        }
        match component {
            "unet" => name_back(look_up(self.unet_rows().map(swap), name), UNET_INNER),
            "vae" => autoencoder_kl::named_back(name),
            _ => Some(name.to_owned()),
        }
    }

    fn unet_rows(&self) -> impl Iterator<Item = (&str, &str)> {
        self.unet.iter().map(|(from, to)| (from.as_str(), to.as_str()))
    }
}

/// Where the modules of a UNet are in the original code and in diffusers.
fn unet_modules(config: &UNetConfig) -> Vec<(String, String)> {
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut put = |from: String, to: String| rows.push((from, to));
    for (from, to) in UNET_ENDS {
        put((*from).to_owned(), (*to).to_owned());
    }
    let levels = &config.levels;
    let mut at = 1;
    for (i, level) in levels.iter().enumerate() {
        for j in 0..level.layers {
            put(format!("input_blocks.{at}.0"), format!("down_blocks.{i}.resnets.{j}"));
            if level.down_attends {
                put(
                    format!("input_blocks.{at}.1"),
                    format!("down_blocks.{i}.attentions.{j}"),
                );
            }
            at += 1;
        }
        if i + 1 < levels.len() {
            put(
                format!("input_blocks.{at}.0.op"),
                format!("down_blocks.{i}.downsamplers.0.conv"),
            );
            at += 1;
        }
    }
    let middle: &[&str] = match config.mid_block {
        MidBlock::CrossAttention => &["resnets.0", "attentions.0", "resnets.1"],
        MidBlock::Resnet => &["resnets.0"],
        MidBlock::Nothing => &[],
    };
    for (n, module) in middle.iter().enumerate() {
        put(format!("middle_block.{n}"), format!("mid_block.{module}"));
    }
    at = 0;
    for (i, level) in levels.iter().rev().enumerate() {
        for j in 0..=level.layers {
            put(format!("output_blocks.{at}.0"), format!("up_blocks.{i}.resnets.{j}"));
            if level.up_attends {
                put(format!("output_blocks.{at}.1"), format!("up_blocks.{i}.attentions.{j}"));
            }
            if j == level.layers && i + 1 < levels.len() {
                let slot = 1 + i32::from(level.up_attends);
                put(
                    format!("output_blocks.{at}.{slot}.conv"),
                    format!("up_blocks.{i}.upsamplers.0.conv"),
                );
            }
            at += 1;
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::families::fixture::Fixture;

    /// A published model's spelling, from the configuration of its UNet.
    fn spelling(fixture: &Fixture) -> Spelling {
        Spelling::new(&UNetConfig::from_json(&fixture.json("unet")).unwrap(), &[])
    }

    fn name(spelling: &Spelling, component: &str, key: &str) -> Option<String> {
        spelling.spell(component, key).pop().map(|piece| piece.name)
    }

    /// The pairs are what diffusers' own converter makes of the original names.
    #[rstest]
    #[case("sd15-keys", "unet")]
    #[case("sd15-keys", "vae")]
    #[case("sd2-keys", "unet")]
    #[case("sdxl-keys", "unet")]
    #[case("sdxl-refiner-keys", "unet")]
    #[case("ssd1b-keys", "unet")]
    #[case("vega-keys", "unet")]
    #[case("koala-1b-keys", "unet")]
    #[case("koala-700m-keys", "unet")]
    fn every_key_of_a_checkpoint_has_its_published_name(#[case] model: &str, #[case] component: &str) {
        let fixture = Fixture::open(model);
        let spelling = spelling(&fixture);
        let pairs = fixture.key_list(&format!("{component}-ldm"));
        let mut found: Vec<String> = Vec::new();
        for line in pairs.lines() {
            let (ldm, diffusers) = line.split_once(' ').unwrap();
            assert_eq!(name(&spelling, component, ldm).as_deref(), Some(diffusers));
            assert_eq!(spelling.spelling(component, diffusers).as_deref(), Some(ldm));
            found.push(diffusers.to_owned());
        }
        found.sort();
        let published = fixture.key_list(component);
        let published: Vec<&str> = published.lines().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(found, published, "{component}");
    }

    #[test]
    fn what_no_layer_reads_has_no_name() {
        let spelling = spelling(&Fixture::open("sd15-keys"));
        for (component, key) in [
            ("unet", "betas"),
            ("unet", "input_blocks.12.0.bias"),
            ("vae", "loss.logvar"),
            ("vae", ""),
        ] {
            assert_eq!(name(&spelling, component, key), None, "{key}");
        }
        assert_eq!(spelling.spelling("unet", "down_blocks.9.resnets.0.norm1.weight"), None);
        for same in ["text_model.a", "b"] {
            assert_eq!(spelling.spelling("text_encoder", same).as_deref(), Some(same));
            assert_eq!(name(&spelling, "text_encoder", same).as_deref(), Some(same));
        }
    }
}
