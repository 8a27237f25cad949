//! What weights do to the states of a chunk: the formulas of AUTOMATIC1111's `modules/sd_emphasis.py`, ComfyUI's
//! `ClipTokenWeightEncoder` and compel's `EmbeddingsProvider`. They are computed in f32 whatever the encoder's kind is.

use tch::{Kind, Tensor};

use crate::{Result, torch};

/// `z` [1, N, width] with each token's state scaled by its weight. With `restores_mean` all of it is scaled back to the mean that it
/// had.
pub fn scaled(z: &Tensor, weights: &[f32], restores_mean: bool) -> Result<Tensor> {
    let wide = z.to_kind(Kind::Float);
    let scaled = &wide * column(weights, z)?;
    let scaled = if restores_mean {
        let factor = wide.mean(Kind::Float) / scaled.mean(Kind::Float);
        scaled * factor
    } else {
        scaled
    };
    Ok(scaled.to_kind(z.kind()))
}

/// `z` [1, N, width] with each token's state as far from that of `empty`, the empty prompt's, as its weight says.
pub fn away(z: &Tensor, empty: &Tensor, weights: &[f32]) -> Result<Tensor> {
    let (wide, empty) = (z.to_kind(Kind::Float), empty.to_kind(Kind::Float));
    let weights = column(weights, z)?;
    let moved = (&wide - &empty) * &weights + &empty;
    // What weighs 1 stays as it is to the last bit.
    Ok(wide.where_self(&weights.eq(1.0), &moved).to_kind(z.kind()))
}

/// The mean of states [1, N, width], each counted as often as the number beside it says.
pub fn blended(all: &[(f64, Tensor)]) -> Option<Tensor> {
    let (_, first) = all.first()?;
    let total: f64 = all.iter().map(|(weight, _)| weight).sum();
    let mut sum = first.zeros_like().to_kind(Kind::Float);
    for (weight, states) in all {
        sum += states.to_kind(Kind::Float) * (weight / total);
    }
    Some(sum.to_kind(first.kind()))
}

/// How much the prompt without a piece that weighs `weight`, below 1, counts beside the one with it, which counts 1.
pub fn without(weight: f64) -> f64 {
    ((1.0 - weight.max(1e-5)) * std::f64::consts::FRAC_PI_2).tan()
}

/// [1, N, 1] where `z` is.
fn column(weights: &[f32], z: &Tensor) -> Result<Tensor> {
    let column = Tensor::from_slice(weights).reshape([1, -1, 1]);
    torch::to(&column, torch::device_of(z)?, Kind::Float)
}
