//! The blocks of FLUX.1 and Chroma: a double one has weights of its own for prompt and picture, which look at each other; a single one
//! has one set for both. `transformer.rs` builds rows of them and says by what each is modulated. Places are turned by `nn/rotary.rs`.

use darkroom_formats::schema::{Activation, FluxConfig, Modulation};
use tch::{Kind, Tensor};

use crate::Result;
use crate::nn::{Attend, Linear, RmsNorm, Rotary, activate, attention, standardised};
use crate::weights::Weights;

pub const EPS: f64 = 1e-6;
/// Width inside an MLP, as a multiple of its states'.
pub const MLP: i64 = 4;
/// The largest number of f16.
const MOST: f64 = 65_504.0;

/// What all tokens of a pass have in common.
#[derive(Clone, Copy, Debug)]
pub struct Shared<'a> {
    /// Where each is, the prompt's first.
    pub places: &'a Rotary,
    /// What is added to the scores, [B, 1, 1, N], where some of the prompt's do not count.
    pub mask: Option<&'a Tensor>,
}

/// `FluxTransformerBlock` of diffusers' `models/transformers/transformer_flux.py`.
#[derive(Debug)]
pub struct DoubleBlock {
    norm1: Option<Linear>,
    norm1_context: Option<Linear>,
    attn: Projections,
    to_out: Linear,
    added: Projections,
    to_add_out: Linear,
    ff: FeedForward,
    ff_context: FeedForward,
}

/// `FluxSingleTransformerBlock`.
#[derive(Debug)]
pub struct SingleBlock {
    norm: Option<Linear>,
    attn: Projections,
    proj_mlp: Linear,
    proj_out: Linear,
}

/// Queries, keys and values of one stream.
#[derive(Debug)]
struct Projections {
    q: Linear,
    k: Linear,
    v: Linear,
    norm_q: RmsNorm,
    norm_k: RmsNorm,
    heads: i64,
}

#[derive(Debug)]
struct FeedForward {
    proj: Linear,
    out: Linear,
}

impl DoubleBlock {
    pub fn new(weights: &Weights, config: &FluxConfig) -> Result<Self> {
        let (attn, hidden) = (weights.pp("attn"), config.hidden());
        let out = |name: &str| Linear::new(&attn.pp(name), hidden, hidden);
        Ok(Self {
            norm1: own(&weights.pp("norm1"), config, 6)?,
            norm1_context: own(&weights.pp("norm1_context"), config, 6)?,
            attn: Projections::new(&attn, ["to_q", "to_k", "to_v"], ["norm_q", "norm_k"], config)?,
            to_out: out("to_out.0")?,
            added: Projections::new(
                &attn,
                ["add_q_proj", "add_k_proj", "add_v_proj"],
                ["norm_added_q", "norm_added_k"],
                config,
            )?,
            to_add_out: out("to_add_out")?,
            ff: FeedForward::new(&weights.pp("ff"), hidden)?,
            ff_context: FeedForward::new(&weights.pp("ff_context"), hidden)?,
        })
    }

    /// The modulations of picture and prompt by a time embedding [B, hidden] that has gone through a SiLU: [B, 6, hidden] each. `None`
    /// in a model that gives them.
    pub fn modulations(&self, temb: &Tensor) -> Option<[Tensor; 2]> {
        let of = |linear: &Linear| linear.forward(temb).unflatten(-1, [6, -1]);
        Some([of(self.norm1.as_ref()?), of(self.norm1_context.as_ref()?)])
    }

    /// The picture's states [B, N, hidden] and the prompt's [B, M, hidden] → the same, by modulations [B, 6, hidden].
    pub fn forward(
        &self,
        (img, txt): (&Tensor, &Tensor),
        [ours, theirs]: &[Tensor; 2],
        shared: Shared,
    ) -> (Tensor, Tensor) {
        let (ours, theirs) = (ours.split(1, 1), theirs.split(1, 1));
        let image = self.attn.forward(&modulated(img, &ours[0], &ours[1]));
        let text = self.added.forward(&modulated(txt, &theirs[0], &theirs[1]));
        let [q, k, v] = [0, 1, 2].map(|of| Tensor::cat(&[&text[of], &image[of]], 2));
        let attended = attend([&q, &k, &v], shared);
        let words = txt.size()[1];
        let pixels = img.size()[1];
        let img = img + &ours[2] * self.to_out.forward(&attended.narrow(1, words, pixels));
        let txt = txt + &theirs[2] * self.to_add_out.forward(&attended.narrow(1, 0, words));
        let more = self.ff.forward(&modulated(&img, &ours[3], &ours[4]));
        let img = img + &ours[5] * more;
        let more = self.ff_context.forward(&modulated(&txt, &theirs[3], &theirs[4]));
        (img, bounded(txt + &theirs[5] * more))
    }
}

impl SingleBlock {
    pub fn new(weights: &Weights, config: &FluxConfig) -> Result<Self> {
        let hidden = config.hidden();
        let (attn, inner) = (weights.pp("attn"), MLP * hidden);
        Ok(Self {
            norm: own(&weights.pp("norm"), config, 3)?,
            attn: Projections::new(&attn, ["to_q", "to_k", "to_v"], ["norm_q", "norm_k"], config)?,
            proj_mlp: Linear::new(&weights.pp("proj_mlp"), hidden, inner)?,
            proj_out: Linear::new(&weights.pp("proj_out"), hidden + inner, hidden)?,
        })
    }

    /// As [`DoubleBlock::modulations`], [B, 3, hidden].
    pub fn modulation(&self, temb: &Tensor) -> Option<Tensor> {
        Some(self.norm.as_ref()?.forward(temb).unflatten(-1, [3, -1]))
    }

    /// States of prompt and picture [B, M + N, hidden] → the same, by a modulation [B, 3, hidden].
    pub fn forward(&self, states: &Tensor, modulation: &Tensor, shared: Shared) -> Tensor {
        let modulation = modulation.split(1, 1);
        let x = modulated(states, &modulation[0], &modulation[1]);
        let [q, k, v] = &self.attn.forward(&x);
        let attended = attend([q, k, v], shared);
        let inner = activate(Activation::GeluTanh, &self.proj_mlp.forward(&x));
        let more = self.proj_out.forward(&Tensor::cat(&[attended, inner], -1));
        bounded(states + &modulation[2] * more)
    }
}

impl Projections {
    fn new(weights: &Weights, [q, k, v]: [&str; 3], norms: [&str; 2], config: &FluxConfig) -> Result<Self> {
        let hidden = config.hidden();
        let proj = |name: &str| Linear::new(&weights.pp(name), hidden, hidden);
        let norm = |name: &str| RmsNorm::new(&weights.pp(name), config.attention_head_dim, EPS);
        Ok(Self {
            q: proj(q)?,
            k: proj(k)?,
            v: proj(v)?,
            norm_q: norm(norms[0])?,
            norm_k: norm(norms[1])?,
            heads: config.num_attention_heads,
        })
    }

    /// [B, N, hidden] → queries, keys, values [B, heads, N, D].
    fn forward(&self, x: &Tensor) -> [Tensor; 3] {
        let heads = |proj: &Linear| proj.forward(x).unflatten(-1, [self.heads, -1]);
        let q = self.norm_q.forward(&heads(&self.q));
        let k = self.norm_k.forward(&heads(&self.k));
        [q, k, heads(&self.v)].map(|part| part.transpose(1, 2))
    }
}

impl FeedForward {
    fn new(weights: &Weights, hidden: i64) -> Result<Self> {
        let net = weights.pp("net");
        Ok(Self {
            proj: Linear::new(&net.pp("0.proj"), hidden, MLP * hidden)?,
            out: Linear::new(&net.pp(2), MLP * hidden, hidden)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        self.out.forward(&activate(Activation::GeluTanh, &self.proj.forward(x)))
    }
}

/// The layer that makes so many vectors of a time embedding; none where a model gives them.
fn own(weights: &Weights, config: &FluxConfig, vectors: i64) -> Result<Option<Linear>> {
    let hidden = config.hidden();
    match config.modulation {
        Modulation::Own { .. } => Linear::new(&weights.pp("linear"), hidden, vectors * hidden).map(Some),
        Modulation::Approximator { .. } => Ok(None),
    }
}

/// [B, heads, N, D] each → [B, N, hidden].
fn attend([q, k, v]: [&Tensor; 3], shared: Shared) -> Tensor {
    let attend = Attend {
        mask: shared.mask,
        ..Attend::default()
    };
    attention(&shared.places.turn_pairs(q), &shared.places.turn_pairs(k), v, attend)
}

/// Normalised, scaled and shifted: [B, N, hidden] by [B, 1, hidden] each.
pub fn modulated(x: &Tensor, shift: &Tensor, scale: &Tensor) -> Tensor {
    standardised(x, EPS) * (scale + 1.0) + shift
}

/// States that would leave f16's range stay at its end.
fn bounded(states: Tensor) -> Tensor {
    match states.kind() {
        Kind::Half => states.clamp(-MOST, MOST),
        _ => states,
    }
}
