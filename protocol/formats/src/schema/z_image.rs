//! `transformer/config.json` of Z-Image (`ZImageTransformer2DModel` of diffusers), and the parts of such a model together.

use super::fields::Fields;
use super::parts::part;
use super::{LanguageConfig, VaeConfig, object};
use crate::Result;
use crate::folder::Folder;

/// What the transformer is built with. Missing fields have diffusers' defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct ZImageConfig {
    /// Channels of the latents.
    pub in_channels: i64,
    /// Width of the hidden states.
    pub dim: i64,
    /// Blocks over picture and prompt.
    pub n_layers: i64,
    /// Blocks over each of them alone.
    pub n_refiner_layers: i64,
    /// Heads of each attention.
    pub n_heads: i64,
    /// Added to the mean square of the blocks' norms.
    pub norm_eps: f64,
    /// Whether queries and keys are normalised.
    pub qk_norm: bool,
    /// Width of the prompt's hidden states.
    pub cap_feat_dim: i64,
    /// Base of the rotary embedding.
    pub rope_theta: f64,
    /// What times in 0..1 are multiplied by.
    pub t_scale: f64,
    /// Numbers of a head that belong to each axis: place in the prompt, row, column.
    pub axes_dims: [i64; 3],
}

impl ZImageConfig {
    /// Latents along a side of a patch.
    pub const PATCH: i64 = 2;

    /// Reads and checks a `transformer/config.json`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn from_json(json: &[u8]) -> Result<Self> {
        Self::read(Fields::new("transformer", &object("transformer", json)?))
    }

    /// The same from fields that were read.
    ///
    /// # Errors
    /// [`crate::Error::Config`] where a field asks for something that is not built, or for dimensions that do not fit each other.
    pub fn read(fields: Fields<'_>) -> Result<Self> {
        fields.none("siglip_feat_dim")?;
        for (field, only) in [("all_patch_size", Self::PATCH), ("all_f_patch_size", 1)] {
            if fields.list(field, &[only], 1..=1)? != [only] {
                return Err(fields.error(field, format!("is not [{only}], the only size that is built.")));
            }
        }
        let dim = fields.int("dim", 3840, 2..=65_536)?;
        let n_heads = fields.int("n_heads", 30, 1..=1024)?;
        fields.divides("n_heads", n_heads, dim)?;
        let pairs = fields.int("n_kv_heads", n_heads, 1..=1024)?;
        if pairs != n_heads {
            return Err(fields.error(
                "n_kv_heads",
                format!("{pairs} is not n_heads, {n_heads}: that is not built."),
            ));
        }
        let axes = fields.list("axes_dims", &[32, 48, 48], 3..=3)?;
        for axis in &axes {
            fields.within("axes_dims", *axis, 2..=4096)?;
        }
        let axes_dims = [axes[0], axes[1], axes[2]];
        if axes_dims.iter().any(|axis| axis % 2 != 0) || axes_dims.iter().sum::<i64>() != dim / n_heads {
            let what = format!(
                "{axes:?} are not even numbers that come to {}, the width of a head.",
                dim / n_heads
            );
            return Err(fields.error("axes_dims", what));
        }
        Ok(Self {
            in_channels: fields.int("in_channels", 16, 1..=4096)?,
            dim,
            n_layers: fields.int("n_layers", 30, 1..=256)?,
            n_refiner_layers: fields.int("n_refiner_layers", 2, 0..=256)?,
            n_heads,
            norm_eps: fields.float("norm_eps", 1e-5, 0.0..=1.0)?,
            qk_norm: fields.flag("qk_norm", true),
            cap_feat_dim: fields.int("cap_feat_dim", 2560, 1..=65_536)?,
            rope_theta: fields.float("rope_theta", 256.0, 1.0..=1e12)?,
            t_scale: fields.float("t_scale", 1000.0, 1e-6..=1e6)?,
            axes_dims,
        })
    }
}

/// The parts of a Z-Image, which fit each other.
#[derive(Clone, Debug, PartialEq)]
pub struct ZImage {
    /// `transformer/config.json`.
    pub transformer: ZImageConfig,
    /// `vae/config.json`.
    pub vae: VaeConfig,
    /// `text_encoder/config.json`.
    pub text_encoder: LanguageConfig,
}

impl ZImage {
    /// What the configurations in `folder` say.
    ///
    /// # Errors
    /// [`crate::Error::Config`] with the part and the field, for one that cannot be built and for parts that do not fit each other;
    /// [`crate::Error::NoComponent`].
    pub fn read(folder: &Folder) -> Result<Self> {
        let all = Self {
            transformer: part(folder, "transformer", ZImageConfig::read)?,
            vae: part(folder, "vae", VaeConfig::read)?,
            text_encoder: part(folder, "text_encoder", LanguageConfig::read)?,
        };
        part(folder, "transformer", |fields| {
            let pairs = [
                (
                    "in_channels",
                    all.transformer.in_channels,
                    "the VAE's latent_channels are",
                    all.vae.latent_channels,
                ),
                (
                    "cap_feat_dim",
                    all.transformer.cap_feat_dim,
                    "the text encoder's hidden_size is",
                    all.text_encoder.hidden_size,
                ),
            ];
            match pairs.into_iter().find(|(_, takes, _, given)| takes != given) {
                None => Ok(()),
                Some((field, takes, whose, given)) => Err(fields.error(
                    field,
                    format!("is {takes}, {whose} {given}: the parts are not of one model."),
                )),
            }
        })?;
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn read(config: &Value) -> Result<ZImageConfig> {
        ZImageConfig::read(Fields::new("transformer", config.as_object().unwrap()))
    }

    #[test]
    fn what_is_missing_is_the_published_model() {
        let config = read(&json!({})).unwrap();
        assert_eq!(
            (config.dim, config.n_layers, config.n_heads, config.cap_feat_dim),
            (3840, 30, 30, 2560)
        );
        assert_eq!(config.axes_dims, [32, 48, 48]);
    }

    #[rstest]
    #[case(json!({"siglip_feat_dim": 1152}), "siglip_feat_dim")]
    #[case(json!({"all_patch_size": [4]}), "all_patch_size")]
    #[case(json!({"n_kv_heads": 10}), "n_kv_heads")]
    #[case(json!({"axes_dims": [32, 48, 50]}), "axes_dims")]
    #[case(json!({"axes_dims": [31, 49, 48]}), "axes_dims")]
    #[case(json!({"n_layers": 1_000_000}), "n_layers")]
    #[case(json!({"dim": 3841}), "n_heads")]
    fn what_is_not_built_is_refused_by_name(#[case] config: Value, #[case] field: &str) {
        let message = read(&config).unwrap_err().to_string();
        assert!(message.contains(field), "{message}");
    }
}
