//! `ZImageTransformer2DModel` of diffusers' `models/transformers/transformer_z_image.py`: patches of the picture and states of the prompt,
//! each through two blocks of its own, then through all others in one sequence, the picture first. Both are filled up to multiples of 32
//! with learned tokens that are attended like any other, so that a prompt alone and in a batch with a longer one is the same: pictures
//! whose prompts fill up to one length are computed together, without a mask.

use std::cell::RefCell;
use std::rc::Rc;

use darkroom_formats::schema::ZImageConfig;
use darkroom_protocol::Quant;
use tch::{Kind, Tensor};

use crate::model::{Cond, Denoiser, Extras};
use crate::nn::{
    Attend, Linear, PatchOrder, RmsNorm, Rotary, Timesteps, angles, attention, from_patches, silu, split_heads,
    standardised, to_patches,
};
use crate::weights::Weights;
use crate::{Cancel, Error, Result, torch};

/// Sequences are filled up to multiples of so many tokens.
const MULTIPLE: i64 = 32;
/// Width of the time embedding, where the model is not narrower, and within it.
const TIME: i64 = 256;
const TIME_INNER: i64 = 1024;
/// Of the norms of queries and keys, and of the last one, whatever the configuration says of others.
const HEAD_EPS: f64 = 1e-5;
const FINAL_EPS: f64 = 1e-6;
/// How many layouts of places are kept: the prompt and what to avoid may differ in length.
const KEPT_PLACES: usize = 4;

/// The transformer.
#[derive(Debug)]
pub struct ZImageTransformer2DModel {
    x_embedder: Linear,
    x_pad_token: Tensor,
    cap_embedder: (RmsNorm, Linear),
    cap_pad_token: Tensor,
    timesteps: Timesteps,
    t_embedder: [Linear; 2],
    noise_refiner: Vec<Block>,
    context_refiner: Vec<Block>,
    layers: Vec<Block>,
    final_layer: FinalLayer,
    places: RefCell<Vec<(Layout, Rc<Places>)>>,
    weights: Weights,
    config: ZImageConfig,
}

/// Tokens of a filled up prompt, and rows and columns of a picture's patches.
type Layout = (i64, [i64; 2]);

/// How far the tokens of both are turned.
#[derive(Debug)]
struct Places {
    picture: Rotary,
    prompt: Rotary,
    both: Rotary,
}

impl ZImageTransformer2DModel {
    /// Binds the tensors that `config` implies.
    pub fn new(weights: &Weights, config: &ZImageConfig) -> Result<Self> {
        let (dim, time) = (config.dim, config.dim.min(TIME));
        let numbers = ZImageConfig::PATCH * ZImageConfig::PATCH * config.in_channels;
        let blocks = |name: &str, count: i64, modulated: bool| -> Result<Vec<Block>> {
            let blocks = weights.pp(name);
            (0..count)
                .map(|i| Block::new(&blocks.pp(i), config, modulated))
                .collect()
        };
        // A row or a few numbers each, on which every token depends: there is nothing to gain in 8 bits.
        let exact = weights.quantised(Quant::None);
        let mlp = exact.pp("t_embedder").pp("mlp");
        let caption = exact.pp("cap_embedder");
        Ok(Self {
            x_embedder: Linear::new(&exact.pp("all_x_embedder").pp("2-1"), numbers, dim)?,
            x_pad_token: pad_token(weights, "x_pad_token", dim)?,
            cap_embedder: (
                RmsNorm::new(&caption.pp(0), config.cap_feat_dim, config.norm_eps)?,
                Linear::new(&caption.pp(1), config.cap_feat_dim, dim)?,
            ),
            cap_pad_token: pad_token(weights, "cap_pad_token", dim)?,
            timesteps: Timesteps::new(weights, TIME, true, 0.0)?,
            t_embedder: [
                Linear::new(&mlp.pp(0), TIME, TIME_INNER)?,
                Linear::new(&mlp.pp(2), TIME_INNER, time)?,
            ],
            noise_refiner: blocks("noise_refiner", config.n_refiner_layers, true)?,
            context_refiner: blocks("context_refiner", config.n_refiner_layers, false)?,
            layers: blocks("layers", config.n_layers, true)?,
            final_layer: FinalLayer::new(&exact.pp("all_final_layer").pp("2-1"), dim, time, numbers)?,
            places: RefCell::default(),
            weights: weights.clone(),
            config: config.clone(),
        })
    }

    /// `x` [B, in_channels, H, W] at `time`, 0 for noise and 1 for a clean picture, with `tokens` [B, N, cap_feat_dim], of which each row
    /// has so many of `lengths` that fill up to one number → what leads to the clean picture, in the size of `x`. `seen` is told every block's
    /// state.
    pub(super) fn forward_equal(
        &self,
        x: &Tensor,
        time: f64,
        tokens: &Tensor,
        lengths: &[i64],
        cancel: &Cancel,
        seen: &mut Seen<'_>,
    ) -> Result<Tensor> {
        let size = x.size();
        let temb = self.t_embedder[0].forward(&self.timesteps.forward(time * self.config.t_scale));
        let temb = self.t_embedder[1].forward(&silu(&temb));
        let (patches, grid) = to_patches(x, ZImageConfig::PATCH, PatchOrder::ChannelsLast);
        let picture = filled(&self.x_embedder.forward(&patches), &self.x_pad_token);
        let prompt = self.prompt(tokens, lengths);
        let places = self.places((prompt.size()[1], grid))?;
        let picture = through(
            ("noise_refiner", &self.noise_refiner),
            picture,
            &places.picture,
            Some(&temb),
            (cancel, seen),
        )?;
        let prompt = through(
            ("context_refiner", &self.context_refiner),
            prompt,
            &places.prompt,
            None,
            (cancel, seen),
        )?;
        let both = Tensor::cat(&[picture, prompt], 1);
        let both = through(
            ("layers", &self.layers),
            both,
            &places.both,
            Some(&temb),
            (cancel, seen),
        )?;
        let picture = self.final_layer.forward(&both.narrow(1, 0, grid[0] * grid[1]), &temb);
        Ok(from_patches(
            &picture,
            [size[2], size[3]],
            ZImageConfig::PATCH,
            PatchOrder::ChannelsLast,
        ))
    }

    /// States of the prompts [B, filled up, dim]; what is beyond each one's length is the token that fills up.
    fn prompt(&self, tokens: &Tensor, lengths: &[i64]) -> Tensor {
        let longest = lengths.iter().copied().max().unwrap_or_default();
        let (norm, linear) = &self.cap_embedder;
        let states = linear.forward(&norm.forward(&tokens.narrow(1, 0, longest)));
        let states = filled(&states, &self.cap_pad_token);
        if lengths.iter().all(|length| *length == longest) {
            return states;
        }
        let device = states.device();
        let lengths = Tensor::from_slice(lengths).to_device(device).reshape([-1, 1, 1]);
        let places = Tensor::arange(states.size()[1], (Kind::Int64, device)).reshape([1, -1, 1]);
        states.where_self(&places.lt_tensor(&lengths), &self.cap_pad_token)
    }

    /// Prompts count places from 1 on, those that fill up included; a picture stands behind them, with rows and columns, and what fills it
    /// up stands at none.
    fn places(&self, layout: Layout) -> Result<Rc<Places>> {
        let mut kept = self.places.borrow_mut();
        if let Some((_, places)) = kept.iter().find(|(known, _)| *known == layout) {
            return Ok(places.clone());
        }
        let (prompt, [rows, columns]) = layout;
        let missing = missing(rows * columns);
        let nowhere = || std::iter::repeat_n([0.0; 3], missing as usize);
        let grid = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        let of_picture = grid.map(|(row, column)| [(prompt + 1) as f64, row as f64, column as f64]);
        let of_prompt = (1..=prompt).map(|place| [place as f64, 0.0, 0.0]);
        let all: Vec<[f64; 3]> = of_picture.chain(nowhere()).chain(of_prompt).collect();
        let axis = |(at, dim): (usize, &i64)| {
            let places: Vec<f64> = all.iter().map(|place| place[at]).collect();
            angles(&places, *dim, self.config.rope_theta)
        };
        let by_axis: Vec<Tensor> = self.config.axes_dims.iter().enumerate().map(axis).collect();
        // Rounded before sines are formed, as diffusers does.
        let angles = Tensor::cat(&by_axis, -1).to_kind(Kind::Float);
        let both = Rotary::of_angles(&angles, self.weights.device())?;
        let picture = rows * columns + missing;
        let places = Rc::new(Places {
            picture: both.narrow(0, picture),
            prompt: both.narrow(picture, prompt),
            both,
        });
        if kept.len() == KEPT_PLACES {
            kept.remove(0);
        }
        kept.push((layout, places.clone()));
        Ok(places)
    }
}

impl Denoiser for ZImageTransformer2DModel {
    fn forward(&self, x: &Tensor, timestep: f64, cond: &Cond, extras: &Extras, cancel: &Cancel) -> Result<Tensor> {
        let wrong = |field: &str, what: &str| Error::Config {
            component: self.weights.component().to_owned(),
            field: field.to_owned(),
            what: what.to_owned(),
        };
        if extras.residuals.is_some() || extras.channels.is_some() || !extras.references.is_empty() {
            return Err(wrong("in_channels", "this model takes latents and a prompt alone."));
        }
        if cond.tokens.size()[2] != self.config.cap_feat_dim || x.size()[1] != self.config.in_channels {
            return Err(wrong(
                "cap_feat_dim",
                "prompt or latents are not of this model's widths.",
            ));
        }
        // Its time runs the other way, and so does what it says.
        let time = 1.0 - timestep / 1000.0;
        let lengths = lengths(cond)?;
        let mut groups: Vec<(i64, Vec<i64>)> = Vec::new();
        for (row, length) in (0i64..).zip(&lengths) {
            let whole = length + missing(*length);
            match groups.iter_mut().find(|(known, _)| *known == whole) {
                Some((_, rows)) => rows.push(row),
                None => groups.push((whole, vec![row])),
            }
        }
        let mut made: Vec<Option<Tensor>> = lengths.iter().map(|_| None).collect();
        for (_, rows) in groups {
            let own: Vec<i64> = rows.iter().map(|row| lengths[*row as usize]).collect();
            let index = Tensor::from_slice(&rows).to_device(x.device());
            let picked = |all: &Tensor| all.index_select(0, &index);
            let tokens = picked(&cond.tokens);
            let said = self.forward_equal(&picked(x), time, &tokens, &own, cancel, &mut |_, _, _| {})?;
            for (row, one) in rows.iter().zip(said.split(1, 0)) {
                made[*row as usize] = Some(one);
            }
        }
        let made: Vec<Tensor> = made.into_iter().flatten().collect();
        Ok(-Tensor::cat(&made, 0))
    }
}

/// Tokens of each prompt that count: the first ones.
fn lengths(cond: &Cond) -> Result<Vec<i64>> {
    let size = cond.tokens.size();
    let Some(mask) = &cond.mask else {
        return Ok(vec![size[1]; size[0] as usize]);
    };
    let counted = mask.sum_dim_intlist([1i64].as_slice(), false, Kind::Int64);
    Vec::try_from(torch::to(&counted, torch::Device::Cpu, Kind::Int64)?).map_err(|_| Error::Defect)
}

/// How many tokens are missing to the next multiple.
fn missing(length: i64) -> i64 {
    (MULTIPLE - length % MULTIPLE) % MULTIPLE
}

/// `states` [B, N, dim] and as many of `token` [1, dim] as are missing.
fn filled(states: &Tensor, token: &Tensor) -> Tensor {
    let size = states.size();
    match missing(size[1]) {
        0 => states.shallow_clone(),
        missing => Tensor::cat(&[states, &token.expand([size[0], missing, size[2]], false)], 1),
    }
}

/// A learned token [1, dim]; ComfyUI's files may have it without the first axis.
fn pad_token(weights: &Weights, name: &str, dim: i64) -> Result<Tensor> {
    match weights.get(name, &[1, dim]) {
        Err(Error::TensorShape { .. }) => Ok(weights.get(name, &[dim])?.unsqueeze(0)),
        found => found,
    }
}

/// Is told the state after a block, by the name of its row and its place there: tests compare it.
pub(super) type Seen<'a> = dyn FnMut(&str, usize, &Tensor) + 'a;

fn through(
    (name, blocks): (&str, &[Block]),
    mut x: Tensor,
    rotary: &Rotary,
    temb: Option<&Tensor>,
    (cancel, seen): (&Cancel, &mut Seen<'_>),
) -> Result<Tensor> {
    for (at, block) in blocks.iter().enumerate() {
        cancel.check()?;
        x = block.forward(&x, rotary, temb);
        seen(name, at, &x);
    }
    Ok(x)
}

/// `ZImageTransformerBlock`.
#[derive(Debug)]
pub(super) struct Block {
    attention: SelfAttention,
    feed_forward: FeedForward,
    attention_norm1: RmsNorm,
    attention_norm2: RmsNorm,
    ffn_norm1: RmsNorm,
    ffn_norm2: RmsNorm,
    modulation: Option<Linear>,
}

impl Block {
    fn new(weights: &Weights, config: &ZImageConfig, modulated: bool) -> Result<Self> {
        let dim = config.dim;
        let norm = |name: &str| RmsNorm::new(&weights.pp(name), dim, config.norm_eps);
        let exact = weights.quantised(Quant::None);
        let modulation = || Linear::new(&exact.pp("adaLN_modulation").pp(0), dim.min(TIME), 4 * dim);
        Ok(Self {
            attention: SelfAttention::new(&weights.pp("attention"), config)?,
            feed_forward: FeedForward::new(&weights.pp("feed_forward"), dim)?,
            attention_norm1: norm("attention_norm1")?,
            attention_norm2: norm("attention_norm2")?,
            ffn_norm1: norm("ffn_norm1")?,
            ffn_norm2: norm("ffn_norm2")?,
            modulation: modulated.then(modulation).transpose()?,
        })
    }

    /// `x` [B, N, dim], `temb` [1, time] → [B, N, dim].
    fn forward(&self, x: &Tensor, rotary: &Rotary, temb: Option<&Tensor>) -> Tensor {
        let Some((modulation, temb)) = self.modulation.as_ref().zip(temb) else {
            let attended = self.attention.forward(&self.attention_norm1.forward(x), rotary);
            let x = x + self.attention_norm2.forward(&attended);
            let fed = self.feed_forward.forward(&self.ffn_norm1.forward(&x));
            return &x + self.ffn_norm2.forward(&fed);
        };
        let parts = modulation.forward(temb).unsqueeze(1).chunk(4, 2);
        let [scale_msa, gate_msa, scale_mlp, gate_mlp] = [&parts[0], &parts[1], &parts[2], &parts[3]];
        let scaled = |normed: Tensor, scale: &Tensor| normed * (scale + 1.0);
        let attended = self
            .attention
            .forward(&scaled(self.attention_norm1.forward(x), scale_msa), rotary);
        let x = x + gate_msa.tanh() * self.attention_norm2.forward(&attended);
        let fed = self
            .feed_forward
            .forward(&scaled(self.ffn_norm1.forward(&x), scale_mlp));
        &x + gate_mlp.tanh() * self.ffn_norm2.forward(&fed)
    }
}

#[derive(Debug)]
struct SelfAttention {
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    norms: Option<(RmsNorm, RmsNorm)>,
    heads: i64,
}

impl SelfAttention {
    fn new(weights: &Weights, config: &ZImageConfig) -> Result<Self> {
        let (dim, heads) = (config.dim, config.n_heads);
        let linear = |weights: Weights| Linear::without_bias(&weights, dim, dim);
        let norm = |name: &str| RmsNorm::new(&weights.pp(name), dim / heads, HEAD_EPS);
        let norms = || Ok::<_, Error>((norm("norm_q")?, norm("norm_k")?));
        Ok(Self {
            to_q: linear(weights.pp("to_q"))?,
            to_k: linear(weights.pp("to_k"))?,
            to_v: linear(weights.pp("to_v"))?,
            to_out: linear(weights.pp("to_out").pp(0))?,
            norms: config.qk_norm.then(norms).transpose()?,
            heads,
        })
    }

    fn forward(&self, x: &Tensor, rotary: &Rotary) -> Tensor {
        let mut query = split_heads(&self.to_q.forward(x), self.heads);
        let mut key = split_heads(&self.to_k.forward(x), self.heads);
        if let Some((norm_q, norm_k)) = &self.norms {
            (query, key) = (norm_q.forward(&query), norm_k.forward(&key));
        }
        let (query, key) = (rotary.turn_pairs(&query), rotary.turn_pairs(&key));
        let value = split_heads(&self.to_v.forward(x), self.heads);
        self.to_out.forward(&attention(&query, &key, &value, Attend::default()))
    }
}

/// `w2(silu(w1 x) · w3 x)`.
#[derive(Debug)]
struct FeedForward {
    w1: Linear,
    w2: Linear,
    w3: Linear,
}

impl FeedForward {
    fn new(weights: &Weights, dim: i64) -> Result<Self> {
        let inner = (dim as f64 / 3.0 * 8.0) as i64;
        let linear = |name: &str, inputs, outputs| Linear::without_bias(&weights.pp(name), inputs, outputs);
        Ok(Self {
            w1: linear("w1", dim, inner)?,
            w2: linear("w2", inner, dim)?,
            w3: linear("w3", dim, inner)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        self.w2.forward(&(silu(&self.w1.forward(x)) * self.w3.forward(x)))
    }
}

#[derive(Debug)]
struct FinalLayer {
    modulation: Linear,
    linear: Linear,
}

impl FinalLayer {
    fn new(weights: &Weights, dim: i64, time: i64, numbers: i64) -> Result<Self> {
        Ok(Self {
            modulation: Linear::new(&weights.pp("adaLN_modulation").pp(1), time, dim)?,
            linear: Linear::new(&weights.pp("linear"), dim, numbers)?,
        })
    }

    /// `x` [B, N, dim], `temb` [1, time] → [B, N, numbers of a patch].
    fn forward(&self, x: &Tensor, temb: &Tensor) -> Tensor {
        let scale = self.modulation.forward(&silu(temb)).unsqueeze(1) + 1.0;
        self.linear.forward(&(standardised(x, FINAL_EPS) * scale))
    }
}
