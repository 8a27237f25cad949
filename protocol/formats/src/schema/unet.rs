//! `unet/config.json`: `UNet2DConditionModel`.

use serde_json::{Value, json};

use super::fields::{Fields, truth, whole};
use super::object;
use crate::Result;
use crate::shown::Shown;

const MAX_CHANNELS: i64 = 16_384;
const DOWN: [&str; 2] = ["CrossAttnDownBlock2D", "DownBlock2D"];
const UP: [&str; 2] = ["CrossAttnUpBlock2D", "UpBlock2D"];

/// `unet/config.json`, resolved. Missing fields have diffusers' defaults (`UNet2DConditionModel.__init__`).
#[derive(Clone, Debug, PartialEq)]
pub struct UNetConfig {
    /// Height and width of the latents it was trained on, where the file says.
    pub sample_size: Option<[i64; 2]>,
    /// Channels of its input: those of the latents, and for inpainting models those of mask and picture.
    pub in_channels: i64,
    /// Channels of its output: those of the latents.
    pub out_channels: i64,
    /// Whether the time embedding has cosines first; null means sines first.
    pub flip_sin_to_cos: bool,
    /// Shift of the time embedding's frequencies, 0 to 1.
    pub freq_shift: f64,
    /// Width of the time embedding.
    pub time_embed_dim: i64,
    /// Padding of the downsampling convolutions: 1, or 0 for zeros at the bottom and right only.
    pub downsample_padding: i64,
    /// Groups of every group normalisation.
    pub norm_num_groups: i64,
    /// Added to their variance.
    pub norm_eps: f64,
    /// Width of the prompt's encoding.
    pub cross_attention_dim: i64,
    /// Kernel of the first convolution, odd.
    pub conv_in_kernel: i64,
    /// Kernel of the last convolution, odd.
    pub conv_out_kernel: i64,
    /// What stands between the way down and the way up.
    pub mid_block: MidBlock,
    /// Width of the embedding of guidance, in models that are told it instead of computing it (Luo et al. 2023, arXiv 2310.04378).
    pub time_cond_proj_dim: Option<i64>,
    /// What is told beside time and prompt, in SDXL and its kin.
    pub addition: Option<TextTime>,
    /// The levels, finest first; there is at least one.
    pub levels: Vec<Level>,
}

/// The middle of a UNet (diffusers `mid_block_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MidBlock {
    /// `UNetMidBlock2DCrossAttn`: attention between two residual blocks.
    CrossAttention,
    /// `UNetMidBlock2D`: one residual block.
    Resnet,
    /// null: nothing, as in distilled models.
    Nothing,
}

/// The embedding of a prompt's pooled state and of numbers such as the picture's size (diffusers `addition_embed_type`
/// `text_time`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextTime {
    /// Width of each number's sinusoids (`addition_time_embed_dim`).
    pub time_dim: i64,
    /// Width of pooled state and sinusoids together (`projection_class_embeddings_input_dim`).
    pub inputs: i64,
}

/// What the layers of one level are built with.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// Channels.
    pub channels: i64,
    /// Residual blocks on the way down; there is one more on the way up.
    pub layers: i64,
    /// Whether attention follows each of those on the way down.
    pub down_attends: bool,
    /// The same on the way up.
    pub up_attends: bool,
    /// What its residual blocks are built with.
    pub resnet: ResnetDims,
    /// What its attentions are built with; its `layers` are those of the middle.
    pub transformer: TransformerDims,
    /// Transformer blocks of each of its attentions on the way down: `layers` of them.
    pub down_transformer_layers: Vec<i64>,
    /// The same on the way up: one more.
    pub up_transformer_layers: Vec<i64>,
}

/// What all residual blocks of a model share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResnetDims {
    /// Groups of its normalisations.
    pub groups: i64,
    /// Added to their variance.
    pub eps: f64,
    /// Width of the time embedding; None in a model without time.
    pub temb_channels: Option<i64>,
}

/// What a level's attentions are built with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TransformerDims {
    /// Channels.
    pub channels: i64,
    /// Transformer blocks.
    pub layers: i64,
    /// Heads of each attention.
    pub heads: i64,
    /// Width of the prompt's encoding.
    pub cross_attention_dim: i64,
    /// Groups of the group normalisation.
    pub groups: i64,
    /// Whether the projections are linear layers (SD 2) or 1×1 convolutions (SD 1).
    pub use_linear_projection: bool,
    /// Whether attention scores are formed in f32.
    pub upcast_attention: bool,
}

impl UNetConfig {
    /// Reads and checks `unet/config.json`.
    ///
    /// # Errors
    /// [`crate::Error::Config`] where a field asks for something that is not built, or for dimensions that do not fit each
    /// other.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        Self::read(Fields::new("unet", &object("unet", json)?))
    }

    /// As [`Self::from_json`], from fields that were read.
    ///
    /// # Errors
    /// As there.
    pub fn read(fields: Fields<'_>) -> Result<Self> {
        fixed(fields)?;
        let channels = fields.list("block_out_channels", &[320, 640, 1280, 1280], 1..=8)?;
        let finest = fields.within("block_out_channels", channels[0], 4..=MAX_CHANNELS)?;
        let time_embed_dim = match fields.get("time_embedding_dim") {
            // As in Python, 0 is none.
            Some(value) if truth(value) => fields.int("time_embedding_dim", 0, 1..=65_536)?,
            _ => 4 * finest,
        };
        let mut config = Self {
            sample_size: sample_size(fields)?,
            in_channels: fields.int("in_channels", 4, 1..=256)?,
            out_channels: fields.int("out_channels", 4, 1..=256)?,
            flip_sin_to_cos: fields.flag("flip_sin_to_cos", true),
            freq_shift: fields.float("freq_shift", 0.0, 0.0..=1.0)?,
            time_embed_dim,
            downsample_padding: fields.int("downsample_padding", 1, 0..=1)?,
            norm_num_groups: fields.int("norm_num_groups", 32, i64::MIN..=i64::MAX)?,
            norm_eps: fields.float("norm_eps", 1e-5, 0.0..=1.0)?,
            cross_attention_dim: width(fields, channels.len())?,
            conv_in_kernel: kernel(fields, "conv_in_kernel")?,
            conv_out_kernel: kernel(fields, "conv_out_kernel")?,
            mid_block: mid_block(fields)?,
            time_cond_proj_dim: match fields.given("time_cond_proj_dim") {
                None => None,
                Some(_) => Some(fields.int("time_cond_proj_dim", 0, 4..=65_536)?),
            },
            addition: addition(fields)?,
            levels: Vec::new(),
        };
        config.levels = levels(fields, &config, &channels)?;
        Ok(config)
    }
}

/// The levels that the lists describe.
fn levels(fields: Fields<'_>, config: &UNetConfig, channels: &[i64]) -> Result<Vec<Level>> {
    let n = channels.len();
    let default_down = [DOWN[0], DOWN[0], DOWN[0], DOWN[1]];
    let default_up = [UP[1], UP[0], UP[0], UP[0]];
    let down = attends(fields, "down_block_types", &default_down, DOWN, n)?;
    let up = attends(fields, "up_block_types", &default_up, UP, n)?;
    let layers = fields.each("layers_per_block", 2, n, 1..=32)?;
    let (down_depth, up_depth) = (down_depth(fields, &layers)?, up_depth(fields, &layers)?);
    let heads = heads(fields, channels)?;
    let use_linear_projection = fields.flag("use_linear_projection", false);
    let upcast_attention = fields.flag("upcast_attention", false);
    let level = |i: usize| {
        let channels = fields.within("block_out_channels", channels[i], 1..=MAX_CHANNELS)?;
        let (down_attends, up_attends) = (down[i], up[n - 1 - i]);
        fields.divides("norm_num_groups", config.norm_num_groups, channels)?;
        let middle = i + 1 == n && config.mid_block == MidBlock::CrossAttention;
        if down_attends || up_attends || middle {
            fields.divides("attention_head_dim", heads[i], channels)?;
        }
        Ok(Level {
            channels,
            layers: layers[i],
            down_attends,
            up_attends,
            resnet: ResnetDims {
                groups: config.norm_num_groups,
                eps: config.norm_eps,
                temb_channels: Some(config.time_embed_dim),
            },
            transformer: TransformerDims {
                channels,
                layers: down_depth[i][0],
                heads: heads[i],
                cross_attention_dim: config.cross_attention_dim,
                groups: config.norm_num_groups,
                use_linear_projection,
                upcast_attention,
            },
            down_transformer_layers: down_depth[i].clone(),
            up_transformer_layers: up_depth[i].clone(),
        })
    };
    (0..n).map(level).collect()
}

/// Whether each block of a way has attention, in the way's own order.
fn attends(fields: Fields<'_>, field: &str, default: &[&str], known: [&str; 2], levels: usize) -> Result<Vec<bool>> {
    let types = fields.texts(field, default)?;
    let attends = |block: &&str| match plain_type(block) {
        block if block == known[0] => Ok(true),
        block if block == known[1] => Ok(false),
        other => {
            let (other, all) = (Shown(other), known.join(" and "));
            Err(fields.error(field, format!("\"{other}\" is not supported, only {all}.")))
        }
    };
    let found: Vec<bool> = types.iter().map(attends).collect::<Result<_>>()?;
    if found.len() != levels {
        let what = format!("must have {levels} entries, as many as block_out_channels.");
        return Err(fields.error(field, what));
    }
    Ok(found)
}

/// A block's type without the prefix that diffusers takes off.
pub(super) fn plain_type(block: &str) -> &str {
    block.strip_prefix("UNetRes").unwrap_or(block)
}

/// The activation that is built everywhere; diffusers does not mind its case.
pub(super) fn silu(fields: Fields<'_>) -> Result<()> {
    match fields.get("act_fn") {
        Some(Value::String(name)) if matches!(name.to_lowercase().as_str(), "silu" | "swish") => Ok(()),
        _ => fields.only("act_fn", &[json!("silu"), json!("swish")]),
    }
}

/// The heads of each level. In spite of its name `attention_head_dim` is their *number* (diffusers issue 2011).
///
/// diffusers refuses `num_attention_heads` for that reason. It is taken where it can only mean one thing: the same
/// numbers, or numbers that make up the channels with `attention_head_dim` as the width of each.
fn heads(fields: Fields<'_>, channels: &[i64]) -> Result<Vec<i64>> {
    const NUMBER: &str = "num_attention_heads";
    const DIM: &str = "attention_head_dim";
    let n = channels.len();
    let dim = fields.each(DIM, 8, n, 1..=1024)?;
    if fields.given(NUMBER).is_none() {
        return Ok(dim);
    }
    let number = fields.each(NUMBER, 8, n, 1..=1024)?;
    let widths = (0..n).all(|i| number[i] * dim[i] == channels[i]);
    if number == dim || widths || fields.get(DIM).is_none() {
        return Ok(number);
    }
    let what = format!("{number:?} contradicts {DIM} {dim:?}, which is the number of heads too.");
    Err(fields.error(NUMBER, what))
}

const DEPTH: &str = "transformer_layers_per_block";
const UP_DEPTH: &str = "reverse_transformer_layers_per_block";

/// Transformer blocks of each attention on the way down, finest level first. A level's entry is one number for all, or a list
/// with one for each.
fn down_depth(fields: Fields<'_>, layers: &[i64]) -> Result<Vec<Vec<i64>>> {
    let entries = entries(fields, DEPTH, layers.len())?;
    let level = |(entry, attentions): (Vec<i64>, &i64)| spread(fields, DEPTH, entry, *attentions);
    entries.into_iter().zip(layers).map(level).collect()
}

/// The same on the way up, finest level first; the file lists them in the way's own order. Without a list of its own it is the
/// other way's, which then has one number for each level.
fn up_depth(fields: Fields<'_>, layers: &[i64]) -> Result<Vec<Vec<i64>>> {
    let (field, entries) = match fields.given(UP_DEPTH) {
        None => {
            let entries = entries(fields, DEPTH, layers.len())?;
            if let Some(unequal) = entries.iter().find(|entry| entry.iter().any(|n| *n != entry[0])) {
                let what = format!("{unequal:?} needs a {UP_DEPTH}, which says it of the way up.");
                return Err(fields.error(DEPTH, what));
            }
            (DEPTH, entries.into_iter().map(|entry| vec![entry[0]]).collect())
        }
        Some(Value::Array(_)) => {
            let mut own = entries(fields, UP_DEPTH, layers.len())?;
            own.reverse();
            (UP_DEPTH, own)
        }
        Some(other) => return Err(fields.wrong(UP_DEPTH, other, "a list")),
    };
    let level = |(entry, attentions): (Vec<i64>, &i64)| spread(fields, field, entry, *attentions + 1);
    entries.into_iter().zip(layers).map(level).collect()
}

/// An entry for each level: numbers, none of them empty.
fn entries(fields: Fields<'_>, field: &str, levels: usize) -> Result<Vec<Vec<i64>>> {
    let number = |value: &Value| {
        let number = whole(value).ok_or_else(|| fields.wrong(field, value, "a whole number"))?;
        fields.within(field, number, 0..=64)
    };
    let entry = |value: &Value| match value {
        Value::Array(list) if list.is_empty() => Err(fields.error(field, "has an empty list within.")),
        Value::Array(list) => list.iter().map(number).collect(),
        one => Ok(vec![number(one)?]),
    };
    match fields.get(field) {
        None => Ok(vec![vec![1]; levels]),
        Some(Value::Array(list)) if list.len() == levels => list.iter().map(entry).collect(),
        Some(Value::Array(_)) => {
            let what = format!("must have {levels} entries, as many as block_out_channels.");
            Err(fields.error(field, what))
        }
        Some(one) => Ok(vec![vec![number(one)?]; levels]),
    }
}

/// A level's entry with one number for each of its attentions.
fn spread(fields: Fields<'_>, field: &str, entry: Vec<i64>, attentions: i64) -> Result<Vec<i64>> {
    let n = attentions as usize;
    if entry.iter().all(|depth| *depth == entry[0]) {
        return Ok(vec![entry[0]; n]);
    }
    if entry.len() != n {
        let what = format!("{entry:?} must have {n} entries, as many as its level has attentions.");
        return Err(fields.error(field, what));
    }
    Ok(entry)
}

/// What is told beside time and prompt.
fn addition(fields: Fields<'_>) -> Result<Option<TextTime>> {
    const FIELD: &str = "addition_embed_type";
    match fields.given(FIELD) {
        None => return Ok(None),
        Some(Value::String(kind)) if kind == "text_time" => {}
        Some(_) => return fields.only(FIELD, &[json!("text_time"), Value::Null]).map(|()| None),
    }
    let size = |field: &str| match fields.given(field) {
        None => Err(fields.error(field, "is missing, which an addition_embed_type of text_time needs.")),
        Some(_) => fields.int(field, 0, 1..=65_536),
    };
    Ok(Some(TextTime {
        time_dim: size("addition_time_embed_dim")?,
        inputs: size("projection_class_embeddings_input_dim")?,
    }))
}

/// The width of the prompt's encoding: one, which a list may repeat.
fn width(fields: Fields<'_>, levels: usize) -> Result<i64> {
    const FIELD: &str = "cross_attention_dim";
    let each = fields.each(FIELD, 1280, levels, 1..=MAX_CHANNELS)?;
    match each.iter().all(|width| *width == each[0]) {
        true => Ok(each[0]),
        false => Err(fields.error(
            FIELD,
            format!("{each:?} is not supported: a prompt's encoding has one width."),
        )),
    }
}

fn kernel(fields: Fields<'_>, field: &str) -> Result<i64> {
    let kernel = fields.int(field, 3, 1..=15)?;
    if kernel % 2 == 0 {
        return Err(fields.error(field, format!("{kernel} is even; only odd kernels keep the size.")));
    }
    Ok(kernel)
}

fn mid_block(fields: Fields<'_>) -> Result<MidBlock> {
    const FIELD: &str = "mid_block_type";
    match fields.get(FIELD) {
        None => Ok(MidBlock::CrossAttention),
        Some(Value::Null) => Ok(MidBlock::Nothing),
        Some(Value::String(name)) if name == "UNetMidBlock2DCrossAttn" => Ok(MidBlock::CrossAttention),
        Some(Value::String(name)) if name == "UNetMidBlock2D" => Ok(MidBlock::Resnet),
        Some(_) => {
            let built = [json!("UNetMidBlock2DCrossAttn"), json!("UNetMidBlock2D"), Value::Null];
            fields.only(FIELD, &built).map(|()| MidBlock::CrossAttention)
        }
    }
}

fn sample_size(fields: Fields<'_>) -> Result<Option<[i64; 2]>> {
    const FIELD: &str = "sample_size";
    let shape = || fields.error(FIELD, "must be one number or [height, width].");
    let sides = match fields.given(FIELD) {
        None => return Ok(None),
        Some(Value::Array(list)) => match list.as_slice() {
            [height, width] => [whole(height), whole(width)],
            _ => return Err(shape()),
        },
        Some(one) => match whole(one) {
            // What early versions of diffusers wrote for models of 512 pixels (`StableDiffusionPipeline.__init__`).
            Some(side) if side < 64 && is_early(fields) => [Some(64); 2],
            side => [side; 2],
        },
    };
    let side = |side: Option<i64>| fields.within(FIELD, side.ok_or_else(shape)?, 1..=8192);
    Ok(Some([side(sides[0])?, side(sides[1])?]))
}

/// Whether diffusers before 0.9 wrote the file.
fn is_early(fields: Fields<'_>) -> bool {
    let version = fields
        .get("_diffusers_version")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().ok());
    matches!((numbers.next(), numbers.next()), (Some(Some(0)), Some(Some(0..9))))
}

/// Fields that change the network and of which only these values are built. Those that change nothing in the blocks
/// that are built (`dropout`, `resnet_skip_time_act`, `resnet_out_scale_factor`, `cross_attention_norm`,
/// `mid_block_only_cross_attention`…) may say what they like.
fn fixed(fields: Fields<'_>) -> Result<()> {
    silu(fields)?;
    for field in [
        "class_embed_type",
        "encoder_hid_dim",
        "encoder_hid_dim_type",
        "num_class_embeds",
        "time_embedding_act_fn",
        "timestep_post_act",
    ] {
        fields.none(field)?;
    }
    for field in ["center_input_sample", "class_embeddings_concat", "dual_cross_attention"] {
        fields.off(field)?;
    }
    let crossing = match fields.get("only_cross_attention") {
        Some(Value::Array(list)) => list.iter().any(truth),
        _ => fields.flag("only_cross_attention", false),
    };
    if crossing {
        fields.only("only_cross_attention", &[json!(false)])?;
    }
    fields.only("attention_type", &[json!("default"), Value::Null])?;
    fields.only("mid_block_scale_factor", &[json!(1)])?;
    fields.only("resnet_time_scale_shift", &[json!("default")])?;
    fields.only("time_embedding_type", &[json!("positional")])
}
