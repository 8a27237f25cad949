//! The denoiser of FLUX.1 and Chroma (Black Forest Labs 2024): latents as tokens of two by two, behind those of the prompt; double
//! blocks, then single ones over both. `family.rs` builds it as a component. What goes into a token beside the noisy latents, or stands
//! behind them, is in `Extras`.

use darkroom_formats::schema::FluxConfig;
use tch::{Kind, Tensor};

use super::blocks::{DoubleBlock, Shared, SingleBlock, modulated};
use super::time::{Time, ends};
use crate::model::{Cond, Denoiser, Extras};
use crate::nn::{Linear, PatchOrder, Rotary, angles, from_patches, silu, to_patches};
use crate::torch::{self, Device};
use crate::weights::Weights;
use crate::{Cancel, Error, Result};

/// The name of the guidance among a conditioning's extras: times 1000, [B, 1].
pub const GUIDANCE: &str = "guidance";
/// Latents that make a token, along each side.
pub const PATCH: i64 = 2;
/// The base of the places' frequencies.
const THETA: f64 = 10_000.0;

/// `FluxTransformer2DModel` of diffusers' `models/transformers/transformer_flux.py`, and `ChromaTransformer2DModel`.
#[derive(Debug)]
pub struct FluxTransformer2DModel {
    x_embedder: Linear,
    context_embedder: Linear,
    time: Time,
    transformer_blocks: Vec<DoubleBlock>,
    single_transformer_blocks: Vec<SingleBlock>,
    norm_out: Option<Linear>,
    proj_out: Linear,
    config: FluxConfig,
    device: Device,
}

/// The vectors of one pass: of each double block for picture and prompt, of each single one, and the end's shift and scale.
pub(super) struct Modulations {
    pub double: Vec<[Tensor; 2]>,
    pub single: Vec<Tensor>,
    pub ends: [Tensor; 2],
}

impl FluxTransformer2DModel {
    /// Binds the tensors that `config` implies.
    pub fn new(weights: &Weights, config: &FluxConfig) -> Result<Self> {
        let hidden = config.hidden();
        let time = Time::new(weights, config)?;
        let norm_out = match time {
            Time::Own(_) => Some(Linear::new(&weights.pp("norm_out.linear"), hidden, 2 * hidden)?),
            Time::Approximator(_) => None,
        };
        let (double, single) = (
            weights.pp("transformer_blocks"),
            weights.pp("single_transformer_blocks"),
        );
        Ok(Self {
            x_embedder: Linear::new(&weights.pp("x_embedder"), config.in_channels, hidden)?,
            context_embedder: Linear::new(&weights.pp("context_embedder"), config.joint_attention_dim, hidden)?,
            time,
            transformer_blocks: (0..config.num_layers)
                .map(|i| DoubleBlock::new(&double.pp(i), config))
                .collect::<Result<_>>()?,
            single_transformer_blocks: (0..config.num_single_layers)
                .map(|i| SingleBlock::new(&single.pp(i), config))
                .collect::<Result<_>>()?,
            norm_out,
            proj_out: Linear::new(&weights.pp("proj_out"), hidden, config.out_channels)?,
            config: config.clone(),
            device: weights.device(),
        })
    }

    /// All vectors of a pass at a time in 0..1000.
    pub(super) fn modulations(&self, timestep: f64, cond: &Cond) -> Result<Modulations> {
        match (&self.time, &self.norm_out) {
            (Time::Own(time), Some(norm_out)) => {
                let pooled = cond.pooled.as_ref().ok_or(Error::Defect)?;
                let temb = silu(&time.forward(timestep, cond.extras.get(GUIDANCE), pooled)?);
                let double = self.transformer_blocks.iter().map(|block| block.modulations(&temb));
                let single = self
                    .single_transformer_blocks
                    .iter()
                    .map(|block| block.modulation(&temb));
                Ok(Modulations {
                    double: double.collect::<Option<_>>().ok_or(Error::Defect)?,
                    single: single.collect::<Option<_>>().ok_or(Error::Defect)?,
                    ends: ends(norm_out, &temb),
                })
            }
            (Time::Approximator(time), _) => {
                let all = time.forward(timestep);
                let (double, single) = (self.config.num_layers, self.config.num_single_layers);
                let of = |from: i64, count: i64| all.narrow(1, from, count);
                let (ours, theirs) = (3 * single, 3 * single + 6 * double);
                let last = theirs + 6 * double;
                Ok(Modulations {
                    double: (0..double)
                        .map(|i| [of(ours + 6 * i, 6), of(theirs + 6 * i, 6)])
                        .collect(),
                    single: (0..single).map(|i| of(3 * i, 3)).collect(),
                    ends: [of(last, 1), of(last + 1, 1)],
                })
            }
            (Time::Own(_), None) => Err(Error::Defect),
        }
    }

    /// Tokens of a picture [B, N, in_channels] and states of a prompt [B, M, width] as the blocks have them.
    pub(super) fn embedded(&self, tokens: &Tensor, prompt: &Tensor) -> (Tensor, Tensor) {
        (self.x_embedder.forward(tokens), self.context_embedder.forward(prompt))
    }

    /// Where the tokens are: `words` of a prompt, all at one place, then grids of rows and columns. Those of the first are the picture's,
    /// of the others references', each a step further along the first axis.
    pub(super) fn places(&self, words: i64, grids: &[[i64; 2]]) -> Result<Rotary> {
        let mut axes = [0, 1, 2].map(|_| vec![0.0; usize::try_from(words).unwrap_or_default()]);
        for (number, [rows, columns]) in grids.iter().enumerate() {
            for row in 0..*rows {
                for column in 0..*columns {
                    let place = [number as f64, row as f64, column as f64];
                    axes.iter_mut().zip(place).for_each(|(axis, at)| axis.push(at));
                }
            }
        }
        let each = axes.iter().zip(self.config.axes_dims_rope);
        let each: Vec<Tensor> = each.map(|(places, dim)| angles(places, dim, THETA)).collect();
        Rotary::of_angles(&Tensor::cat(&each, -1), self.device)
    }

    #[cfg(test)]
    pub(super) fn blocks(&self) -> (&[DoubleBlock], &[SingleBlock]) {
        (&self.transformer_blocks, &self.single_transformer_blocks)
    }

    /// The picture's states [B, N, hidden] as predictions [B, N, out_channels].
    pub(super) fn end(&self, states: &Tensor, [shift, scale]: &[Tensor; 2]) -> Tensor {
        self.proj_out.forward(&modulated(states, shift, scale))
    }

    /// The tokens of `x` and of what stands beside and behind it, and the grids that they make.
    fn tokens(&self, x: &Tensor, extras: &Extras) -> Result<(Tensor, Vec<[i64; 2]>)> {
        let cut = |latents: &Tensor| to_patches(latents, PATCH, PatchOrder::ChannelsFirst);
        let (mut tokens, grid) = cut(x);
        let mut grids = vec![grid];
        if let Some(beside) = &extras.channels {
            tokens = Tensor::cat(&[tokens, cut(&beside.to_kind(x.kind())).0], -1);
        }
        let found = tokens.size()[2];
        if found != self.config.in_channels {
            return Err(Error::Config {
                component: "transformer".to_owned(),
                field: "in_channels".to_owned(),
                what: format!("is {}, and a token here has {found} numbers.", self.config.in_channels),
            });
        }
        for reference in &extras.references {
            let (more, grid) = cut(&reference.to_kind(x.kind()));
            tokens = Tensor::cat(&[tokens, more], 1);
            grids.push(grid);
        }
        Ok((tokens, grids))
    }
}

impl Denoiser for FluxTransformer2DModel {
    /// The velocity `noise − clean` at 1000 times σ.
    fn forward(&self, x: &Tensor, timestep: f64, cond: &Cond, extras: &Extras, cancel: &Cancel) -> Result<Tensor> {
        let size = x.size();
        let (tokens, grids) = self.tokens(x, extras)?;
        let words = cond.tokens.size()[1];
        let places = self.places(words, &grids)?;
        let mask = mask(cond, tokens.size()[1]);
        let shared = Shared {
            places: &places,
            mask: mask.as_ref(),
        };
        let told = self.modulations(timestep, cond)?;
        let (mut img, mut txt) = self.embedded(&tokens, &cond.tokens);
        for (block, told) in self.transformer_blocks.iter().zip(&told.double) {
            cancel.check()?;
            (img, txt) = block.forward((&img, &txt), told, shared);
        }
        let mut states = Tensor::cat(&[txt, img], 1);
        for (block, told) in self.single_transformer_blocks.iter().zip(&told.single) {
            cancel.check()?;
            states = block.forward(&states, told, shared);
        }
        let [rows, columns] = grids[0];
        let out = self.end(&states.narrow(1, words, rows * columns), &told.ends);
        Ok(from_patches(&out, [size[2], size[3]], PATCH, PatchOrder::ChannelsFirst))
    }
}

/// What is added to the scores where words of the prompt do not count: [B, 1, 1, words + `pixels`] in f32.
fn mask(cond: &Cond, pixels: i64) -> Option<Tensor> {
    let counts = cond.mask.as_ref()?;
    if counts.all().int64_value(&[]) != 0 {
        return None;
    }
    let words = cond.bias()?;
    Some(words.constant_pad_nd([0, pixels]))
}

/// A guidance as the model is told it, for one row: [1, 1].
pub fn told(guidance: f64, device: Device) -> Result<Tensor> {
    torch::to(
        &Tensor::from_slice(&[guidance * 1000.0]).unsqueeze(0),
        device,
        Kind::Float,
    )
}
