//! The original code's names (latent-diffusion, `ldm`) in diffusers' spelling: where a module is, then what is in it.

/// Names before and after; a row stands for every key that begins with it and a dot.
type Table = &'static [(&'static str, &'static str)];

/// Modules of `ldm.modules.diffusionmodules.openaimodel.UNetModel` as Stable Diffusion 1 and 2 build it.
const UNET: Table = &[
    ("time_embed.0", "time_embedding.linear_1"),
    ("time_embed.2", "time_embedding.linear_2"),
    ("input_blocks.0.0", "conv_in"),
    ("input_blocks.1.0", "down_blocks.0.resnets.0"),
    ("input_blocks.1.1", "down_blocks.0.attentions.0"),
    ("input_blocks.2.0", "down_blocks.0.resnets.1"),
    ("input_blocks.2.1", "down_blocks.0.attentions.1"),
    ("input_blocks.3.0.op", "down_blocks.0.downsamplers.0.conv"),
    ("input_blocks.4.0", "down_blocks.1.resnets.0"),
    ("input_blocks.4.1", "down_blocks.1.attentions.0"),
    ("input_blocks.5.0", "down_blocks.1.resnets.1"),
    ("input_blocks.5.1", "down_blocks.1.attentions.1"),
    ("input_blocks.6.0.op", "down_blocks.1.downsamplers.0.conv"),
    ("input_blocks.7.0", "down_blocks.2.resnets.0"),
    ("input_blocks.7.1", "down_blocks.2.attentions.0"),
    ("input_blocks.8.0", "down_blocks.2.resnets.1"),
    ("input_blocks.8.1", "down_blocks.2.attentions.1"),
    ("input_blocks.9.0.op", "down_blocks.2.downsamplers.0.conv"),
    ("input_blocks.10.0", "down_blocks.3.resnets.0"),
    ("input_blocks.11.0", "down_blocks.3.resnets.1"),
    ("middle_block.0", "mid_block.resnets.0"),
    ("middle_block.1", "mid_block.attentions.0"),
    ("middle_block.2", "mid_block.resnets.1"),
    ("output_blocks.0.0", "up_blocks.0.resnets.0"),
    ("output_blocks.1.0", "up_blocks.0.resnets.1"),
    ("output_blocks.2.0", "up_blocks.0.resnets.2"),
    ("output_blocks.2.1.conv", "up_blocks.0.upsamplers.0.conv"),
    ("output_blocks.3.0", "up_blocks.1.resnets.0"),
    ("output_blocks.3.1", "up_blocks.1.attentions.0"),
    ("output_blocks.4.0", "up_blocks.1.resnets.1"),
    ("output_blocks.4.1", "up_blocks.1.attentions.1"),
    ("output_blocks.5.0", "up_blocks.1.resnets.2"),
    ("output_blocks.5.1", "up_blocks.1.attentions.2"),
    ("output_blocks.5.2.conv", "up_blocks.1.upsamplers.0.conv"),
    ("output_blocks.6.0", "up_blocks.2.resnets.0"),
    ("output_blocks.6.1", "up_blocks.2.attentions.0"),
    ("output_blocks.7.0", "up_blocks.2.resnets.1"),
    ("output_blocks.7.1", "up_blocks.2.attentions.1"),
    ("output_blocks.8.0", "up_blocks.2.resnets.2"),
    ("output_blocks.8.1", "up_blocks.2.attentions.2"),
    ("output_blocks.8.2.conv", "up_blocks.2.upsamplers.0.conv"),
    ("output_blocks.9.0", "up_blocks.3.resnets.0"),
    ("output_blocks.9.1", "up_blocks.3.attentions.0"),
    ("output_blocks.10.0", "up_blocks.3.resnets.1"),
    ("output_blocks.10.1", "up_blocks.3.attentions.1"),
    ("output_blocks.11.0", "up_blocks.3.resnets.2"),
    ("output_blocks.11.1", "up_blocks.3.attentions.2"),
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

/// Modules of `ldm.models.autoencoder.AutoencoderKL`; its decoder counts levels from the coarsest's other end.
const VAE: Table = &[
    ("quant_conv", "quant_conv"),
    ("post_quant_conv", "post_quant_conv"),
    ("encoder.conv_in", "encoder.conv_in"),
    ("encoder.down.0.block.0", "encoder.down_blocks.0.resnets.0"),
    ("encoder.down.0.block.1", "encoder.down_blocks.0.resnets.1"),
    (
        "encoder.down.0.downsample.conv",
        "encoder.down_blocks.0.downsamplers.0.conv",
    ),
    ("encoder.down.1.block.0", "encoder.down_blocks.1.resnets.0"),
    ("encoder.down.1.block.1", "encoder.down_blocks.1.resnets.1"),
    (
        "encoder.down.1.downsample.conv",
        "encoder.down_blocks.1.downsamplers.0.conv",
    ),
    ("encoder.down.2.block.0", "encoder.down_blocks.2.resnets.0"),
    ("encoder.down.2.block.1", "encoder.down_blocks.2.resnets.1"),
    (
        "encoder.down.2.downsample.conv",
        "encoder.down_blocks.2.downsamplers.0.conv",
    ),
    ("encoder.down.3.block.0", "encoder.down_blocks.3.resnets.0"),
    ("encoder.down.3.block.1", "encoder.down_blocks.3.resnets.1"),
    ("encoder.mid.block_1", "encoder.mid_block.resnets.0"),
    ("encoder.mid.attn_1", "encoder.mid_block.attentions.0"),
    ("encoder.mid.block_2", "encoder.mid_block.resnets.1"),
    ("encoder.norm_out", "encoder.conv_norm_out"),
    ("encoder.conv_out", "encoder.conv_out"),
    ("decoder.conv_in", "decoder.conv_in"),
    ("decoder.up.3.block.0", "decoder.up_blocks.0.resnets.0"),
    ("decoder.up.3.block.1", "decoder.up_blocks.0.resnets.1"),
    ("decoder.up.3.block.2", "decoder.up_blocks.0.resnets.2"),
    ("decoder.up.3.upsample.conv", "decoder.up_blocks.0.upsamplers.0.conv"),
    ("decoder.up.2.block.0", "decoder.up_blocks.1.resnets.0"),
    ("decoder.up.2.block.1", "decoder.up_blocks.1.resnets.1"),
    ("decoder.up.2.block.2", "decoder.up_blocks.1.resnets.2"),
    ("decoder.up.2.upsample.conv", "decoder.up_blocks.1.upsamplers.0.conv"),
    ("decoder.up.1.block.0", "decoder.up_blocks.2.resnets.0"),
    ("decoder.up.1.block.1", "decoder.up_blocks.2.resnets.1"),
    ("decoder.up.1.block.2", "decoder.up_blocks.2.resnets.2"),
    ("decoder.up.1.upsample.conv", "decoder.up_blocks.2.upsamplers.0.conv"),
    ("decoder.up.0.block.0", "decoder.up_blocks.3.resnets.0"),
    ("decoder.up.0.block.1", "decoder.up_blocks.3.resnets.1"),
    ("decoder.up.0.block.2", "decoder.up_blocks.3.resnets.2"),
    ("decoder.mid.block_1", "decoder.mid_block.resnets.0"),
    ("decoder.mid.attn_1", "decoder.mid_block.attentions.0"),
    ("decoder.mid.block_2", "decoder.mid_block.resnets.1"),
    ("decoder.norm_out", "decoder.conv_norm_out"),
    ("decoder.conv_out", "decoder.conv_out"),
];

/// Inside the VAE's residual and attention blocks.
const VAE_INNER: Table = &[
    ("nin_shortcut", "conv_shortcut"),
    ("norm", "group_norm"),
    ("q", "to_q"),
    ("k", "to_k"),
    ("v", "to_v"),
    ("proj_out", "to_out.0"),
];

/// diffusers' name of the tensor that ldm calls `key` in `component`; `None` for tensors that no layer reads.
pub fn from_ldm(component: &str, key: &str) -> Option<String> {
    let (places, inner) = match component {
        "unet" => (UNET, UNET_INNER),
        "vae" => (VAE, VAE_INNER),
        // The text encoder is transformers' own class in both.
        _ => return Some(key.to_owned()),
    };
    let (place, rest) = look_up(places, key)?;
    Some(match look_up(inner, rest) {
        Some((name, rest)) => format!("{place}.{name}.{rest}"),
        None => format!("{place}.{rest}"),
    })
}

/// What ldm calls the tensor that is diffusers' `name` in `component`: the inverse of [`from_ldm`]. `None` for a name that ldm's code
/// has not.
pub fn to_ldm(component: &str, name: &str) -> Option<String> {
    let (places, inner) = match component {
        "unet" => (UNET, UNET_INNER),
        "vae" => (VAE, VAE_INNER),
        _ => return Some(name.to_owned()),
    };
    let (place, rest) = look_back(places, name)?;
    Some(match look_back(inner, rest) {
        Some((key, rest)) => format!("{place}.{key}.{rest}"),
        None => format!("{place}.{rest}"),
    })
}

/// The row that `key` begins with: its other name, and what of the key is left.
fn look_up(table: Table, key: &str) -> Option<(&'static str, &str)> {
    let rest = |from: &str| key.strip_prefix(from)?.strip_prefix('.');
    table.iter().find_map(|(from, to)| Some((*to, rest(from)?)))
}

/// The same from the names after to those before.
fn look_back(table: Table, name: &str) -> Option<(&'static str, &str)> {
    let rest = |to: &str| name.strip_prefix(to)?.strip_prefix('.');
    table.iter().find_map(|(from, to)| Some((*from, rest(to)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::fixture::Fixture;

    #[test]
    fn every_key_of_a_checkpoint_has_its_published_name() {
        let fixture = Fixture::open("sd15-keys");
        for component in ["unet", "vae"] {
            let pairs = fixture.key_list(&format!("{component}-ldm"));
            let mut found: Vec<String> = Vec::new();
            for line in pairs.lines() {
                let (ldm, diffusers) = line.split_once(' ').unwrap();
                assert_eq!(from_ldm(component, ldm).as_deref(), Some(diffusers));
                assert_eq!(to_ldm(component, diffusers).as_deref(), Some(ldm));
                found.push(diffusers.to_owned());
            }
            found.sort();
            let published = fixture.key_list(component);
            let published: Vec<&str> = published.lines().map(|line| line.split(' ').next().unwrap()).collect();
            assert_eq!(found, published, "{component}");
        }
    }

    #[test]
    fn what_no_layer_reads_has_no_name() {
        for (component, key) in [
            ("unet", "betas"),
            ("unet", "input_blocks.12.0.bias"),
            ("vae", "loss.logvar"),
            ("vae", ""),
        ] {
            assert_eq!(from_ldm(component, key), None, "{key}");
        }
        assert_eq!(to_ldm("unet", "down_blocks.9.resnets.0.norm1.weight"), None);
        assert_eq!(to_ldm("text_encoder", "text_model.a").as_deref(), Some("text_model.a"));
        assert_eq!(
            from_ldm("text_encoder", "text_model.a").as_deref(),
            Some("text_model.a")
        );
    }
}
