use serde::Deserialize;
use serde_json::{Value, json};

use super::resnet::ResnetDims;
use crate::Result;
use crate::families::{ConfigReader, PerLevel};

const CONFIG: ConfigReader = ConfigReader::new("unet");
const CHANNELS: std::ops::RangeInclusive<i64> = 1..=16_384;

/// `unet/config.json`. Missing fields have diffusers' defaults (`UNet2DConditionModel.__init__`).
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(default)]
pub struct UNetConfig {
    /// Height and width of the latents it was trained on.
    pub sample_size: Option<PerLevel<i64>>,
    /// Channels of its input: those of the latents, and for inpainting models those of mask and picture.
    pub in_channels: i64,
    /// Channels of its output: those of the latents.
    pub out_channels: i64,
    /// Whether the time embedding has cosines first.
    pub flip_sin_to_cos: bool,
    /// Shift of the time embedding's frequencies: 0 or 1.
    pub freq_shift: i64,
    /// Block types on the way down, finest first.
    pub down_block_types: Vec<BlockType>,
    /// Block types on the way up, coarsest first.
    pub up_block_types: Vec<BlockType>,
    /// Channels of each level, finest first.
    pub block_out_channels: Vec<i64>,
    /// Residual blocks of each level on the way down; there is one more on the way up.
    pub layers_per_block: PerLevel<i64>,
    /// Padding of the downsampling convolutions: 1, or 0 for zeros at the bottom and right only.
    pub downsample_padding: i64,
    /// Groups of every group normalisation.
    pub norm_num_groups: i64,
    /// Added to their variance.
    pub norm_eps: f64,
    /// Width of the prompt's encoding.
    pub cross_attention_dim: i64,
    /// Transformer blocks of each attention.
    pub transformer_layers_per_block: PerLevel<i64>,
    /// In spite of its name the *number* of attention heads of each level (diffusers issue 2011).
    pub attention_head_dim: PerLevel<i64>,
    /// Whether the transformers' projections are linear layers (SD 2) or 1×1 convolutions (SD 1).
    pub use_linear_projection: bool,
    /// Whether attention scores are formed in f32.
    pub upcast_attention: bool,
    /// Kernel of the first convolution, odd.
    pub conv_in_kernel: i64,
    /// Kernel of the last convolution, odd.
    pub conv_out_kernel: i64,
}

/// A block of the way down or up.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum BlockType {
    /// Residual blocks on the way down, each followed by attention.
    CrossAttnDownBlock2D,
    /// Residual blocks on the way down.
    DownBlock2D,
    /// Residual blocks on the way up, each followed by attention.
    CrossAttnUpBlock2D,
    /// Residual blocks on the way up.
    UpBlock2D,
}

/// What the layers of one level are built with.
#[derive(Clone, Copy, Debug)]
pub struct Level {
    pub channels: i64,
    pub layers: i64,
    pub down_attends: bool,
    pub up_attends: bool,
    pub resnet: ResnetDims,
    pub transformer: TransformerDims,
}

/// What a level's attentions are built with.
#[derive(Clone, Copy, Debug)]
pub struct TransformerDims {
    pub channels: i64,
    pub layers: i64,
    pub heads: i64,
    pub cross_attention_dim: i64,
    pub groups: i64,
    pub use_linear_projection: bool,
    pub upcast_attention: bool,
}

impl Default for UNetConfig {
    fn default() -> Self {
        use BlockType::*;
        Self {
            sample_size: None,
            in_channels: 4,
            out_channels: 4,
            flip_sin_to_cos: true,
            freq_shift: 0,
            down_block_types: vec![
                CrossAttnDownBlock2D,
                CrossAttnDownBlock2D,
                CrossAttnDownBlock2D,
                DownBlock2D,
            ],
            up_block_types: vec![UpBlock2D, CrossAttnUpBlock2D, CrossAttnUpBlock2D, CrossAttnUpBlock2D],
            block_out_channels: vec![320, 640, 1280, 1280],
            layers_per_block: PerLevel::All(2),
            downsample_padding: 1,
            norm_num_groups: 32,
            norm_eps: 1e-5,
            cross_attention_dim: 1280,
            transformer_layers_per_block: PerLevel::All(1),
            attention_head_dim: PerLevel::All(8),
            use_linear_projection: false,
            upcast_attention: false,
            conv_in_kernel: 3,
            conv_out_kernel: 3,
        }
    }
}

impl UNetConfig {
    /// Reads and checks `unet/config.json`.
    ///
    /// # Errors
    /// `Error::Config` where a field asks for something that is not built, or for dimensions that do not fit each other.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let fixed = fixed();
        let accepted: Vec<(&str, &[Value])> = fixed.iter().map(|(field, values)| (*field, &values[..])).collect();
        let config: Self = CONFIG.read(json, &accepted)?;
        config.levels()?;
        Ok(config)
    }

    /// Height and width of the latents that the model was trained on, where the config says.
    pub fn sample_size(&self) -> Option<[i64; 2]> {
        let size = self.sample_size.as_ref()?;
        Some([size.at(0)?, size.at(1)?])
    }

    /// Width of the time embedding.
    pub(super) fn time_embed_dim(&self) -> i64 {
        4 * self.block_out_channels[0]
    }

    /// Checks every number and answers the levels, finest first; there is at least one.
    pub(super) fn levels(&self) -> Result<Vec<Level>> {
        self.check_lists()?;
        self.check_numbers()?;
        let levels = self.block_out_channels.len();
        (0..levels).map(|i| self.level(i)).collect()
    }

    fn check_lists(&self) -> Result<()> {
        use BlockType::*;
        let levels = self.block_out_channels.len();
        CONFIG.within("block_out_channels", levels, 1..=8)?;
        let fits = |field: &str, fits: bool| {
            let what = format!("must have {levels} entries, as many as block_out_channels.");
            if fits { Ok(()) } else { Err(CONFIG.error(field, what)) }
        };
        fits("down_block_types", self.down_block_types.len() == levels)?;
        fits("up_block_types", self.up_block_types.len() == levels)?;
        fits("layers_per_block", self.layers_per_block.fits(levels))?;
        fits(
            "transformer_layers_per_block",
            self.transformer_layers_per_block.fits(levels),
        )?;
        fits("attention_head_dim", self.attention_head_dim.fits(levels))?;
        if self
            .down_block_types
            .iter()
            .any(|b| matches!(b, CrossAttnUpBlock2D | UpBlock2D))
        {
            return Err(CONFIG.error("down_block_types", "names a block of the way up."));
        }
        if self
            .up_block_types
            .iter()
            .any(|b| matches!(b, CrossAttnDownBlock2D | DownBlock2D))
        {
            return Err(CONFIG.error("up_block_types", "names a block of the way down."));
        }
        if self.sample_size.as_ref().is_some_and(|size| !size.fits(2)) {
            return Err(CONFIG.error("sample_size", "must be one number or [height, width]."));
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<()> {
        for side in self.sample_size().into_iter().flatten() {
            CONFIG.within("sample_size", side, 1..=8192)?;
        }
        CONFIG.within("in_channels", self.in_channels, 1..=256)?;
        CONFIG.within("out_channels", self.out_channels, 1..=256)?;
        CONFIG.within("freq_shift", self.freq_shift, 0..=1)?;
        CONFIG.within("downsample_padding", self.downsample_padding, 0..=1)?;
        CONFIG.within("norm_eps", self.norm_eps, 1e-12..=1.0)?;
        CONFIG.within("cross_attention_dim", self.cross_attention_dim, CHANNELS)?;
        for (field, kernel) in [
            ("conv_in_kernel", self.conv_in_kernel),
            ("conv_out_kernel", self.conv_out_kernel),
        ] {
            CONFIG.within(field, kernel, 1..=15)?;
            if kernel % 2 == 0 {
                return Err(CONFIG.error(field, format!("{kernel} is even; only odd kernels keep the size.")));
            }
        }
        CONFIG.within("block_out_channels", self.block_out_channels[0], 4..=*CHANNELS.end())?;
        Ok(())
    }

    fn level(&self, i: usize) -> Result<Level> {
        let channels = CONFIG.within("block_out_channels", self.block_out_channels[i], CHANNELS)?;
        let at = |field: &str, list: &PerLevel<i64>, most: i64| {
            CONFIG.within(field, list.at(i).unwrap_or_default(), 1..=most)
        };
        let layers = at("layers_per_block", &self.layers_per_block, 32)?;
        let transformer_layers = at("transformer_layers_per_block", &self.transformer_layers_per_block, 64)?;
        let heads = at("attention_head_dim", &self.attention_head_dim, 1024)?;
        let down_attends = self.down_block_types[i] == BlockType::CrossAttnDownBlock2D;
        let mirror = self.up_block_types.len() - 1 - i;
        let up_attends = self.up_block_types[mirror] == BlockType::CrossAttnUpBlock2D;
        CONFIG.divides("norm_num_groups", self.norm_num_groups, channels)?;
        if down_attends || up_attends || mirror == 0 {
            CONFIG.divides("attention_head_dim", heads, channels)?;
        }
        let temb_channels = Some(self.time_embed_dim());
        Ok(Level {
            channels,
            layers,
            down_attends,
            up_attends,
            resnet: ResnetDims {
                groups: self.norm_num_groups,
                eps: self.norm_eps,
                temb_channels,
            },
            transformer: TransformerDims {
                channels,
                layers: transformer_layers,
                heads,
                cross_attention_dim: self.cross_attention_dim,
                groups: self.norm_num_groups,
                use_linear_projection: self.use_linear_projection,
                upcast_attention: self.upcast_attention,
            },
        })
    }
}

/// Fields of `UNet2DConditionModel.__init__` that change the network and of which only these values are built.
fn fixed() -> Vec<(&'static str, Vec<Value>)> {
    let null = || vec![json!(null)];
    let off = || vec![json!(false)];
    vec![
        ("act_fn", vec![json!("silu"), json!("swish")]),
        ("addition_embed_type", null()),
        ("attention_type", vec![json!("default")]),
        ("center_input_sample", off()),
        ("class_embed_type", null()),
        ("class_embeddings_concat", off()),
        ("cross_attention_norm", null()),
        ("dual_cross_attention", off()),
        ("encoder_hid_dim", null()),
        ("encoder_hid_dim_type", null()),
        ("mid_block_only_cross_attention", vec![json!(null), json!(false)]),
        ("mid_block_scale_factor", vec![json!(1)]),
        ("mid_block_type", vec![json!("UNetMidBlock2DCrossAttn")]),
        ("num_attention_heads", null()),
        ("num_class_embeds", null()),
        ("only_cross_attention", off()),
        ("resnet_out_scale_factor", vec![json!(1)]),
        ("resnet_skip_time_act", off()),
        ("resnet_time_scale_shift", vec![json!("default")]),
        ("reverse_transformer_layers_per_block", null()),
        ("time_cond_proj_dim", null()),
        ("time_embedding_act_fn", null()),
        ("time_embedding_dim", null()),
        ("time_embedding_type", vec![json!("positional")]),
        ("timestep_post_act", null()),
    ]
}
