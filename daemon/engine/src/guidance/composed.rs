//! Several prompts as one: what a composition (`AND`) predicts. `cfg.rs` calls it in place of the prediction with the prompt, so that
//! every rule of guidance sees one.

use tch::Tensor;

use super::{Passes, Predict};
use crate::Result;
use crate::model::{Composed, Cond, Guide};

/// The predictions without a prompt and with all of them, for `input` [B, C, H, W]: u and u + Σ wᵢ·(cᵢ − u), as `combine_denoised` of
/// AUTOMATIC1111's `modules/sd_samplers_cfg_denoiser.py` adds them up. Where u is not computed, the latter is Σ wᵢ·cᵢ / Σ wᵢ, or their
/// mean where the weights come to nothing.
pub fn predicted(
    input: &Tensor,
    guide: &Guide,
    composed: &Composed,
    (negative, passes): (Option<&Cond>, Passes),
    predict: &mut Predict<'_>,
) -> Result<(Option<Tensor>, Tensor)> {
    let batch = input.size()[0];
    let first = std::iter::once((composed.weight, &guide.positive));
    let parts: Vec<(f64, &Cond)> = first
        .chain(composed.others.iter().map(|(weight, cond)| (*weight, cond)))
        .collect();
    let conds: Vec<Cond> = negative
        .into_iter()
        .chain(parts.iter().map(|(_, cond)| *cond))
        .map(|cond| cond.for_batch(batch))
        .collect();
    let mut predictions = match passes {
        Passes::One => {
            let inputs: Vec<&Tensor> = conds.iter().map(|_| input).collect();
            let all = predict(&Tensor::cat(&inputs, 0), &Cond::cat(&conds.iter().collect::<Vec<_>>())?)?;
            (0..conds.len() as i64)
                .map(|n| all.narrow(0, n * batch, batch))
                .collect()
        }
        Passes::Two => conds
            .iter()
            .map(|cond| predict(input, cond))
            .collect::<Result<Vec<_>>>()?,
    };
    let uncond = negative.map(|_| predictions.remove(0));
    let total: f64 = parts.iter().map(|(weight, _)| weight).sum();
    let weight = |own: f64| match &uncond {
        Some(_) => own,
        None if total == 0.0 => 1.0 / parts.len() as f64,
        None => own / total,
    };
    let mut all = uncond.as_ref().map_or_else(|| input.zeros_like(), Tensor::copy);
    for ((own, _), prediction) in parts.iter().zip(&predictions) {
        all = match &uncond {
            Some(uncond) => all + (prediction - uncond) * weight(*own),
            None => all + prediction * weight(*own),
        };
    }
    Ok((uncond, all))
}
