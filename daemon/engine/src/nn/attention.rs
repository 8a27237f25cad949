//! Softmax attention and the split into heads; the UNet and the VAE of `families/stable_diffusion/` and the encoder of
//! `text/clip/` call it. It takes the kernel of `torch/fast.rs` where that serves, else libtorch's operation. Projections are
//! their callers' `Linear`s; the mask of a prompt is made in `model/cond.rs`.

use tch::{Kind, Tensor};

use crate::torch::{fused_attention, products};

/// What an attention call may ask for beside `softmax(q·kᵀ/√d)·v`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attend<'a> {
    /// Added to the scores: broadcastable to [B, heads, queries, keys]. None is faster than a mask of zeros.
    pub mask: Option<&'a Tensor>,
    /// Each query sees only the keys up to its own position; not to be combined with `mask`.
    pub causal: bool,
    /// Forms the scores in f32 whatever the input's kind.
    pub upcast: bool,
}

/// Scaled dot-product attention, the one door of all models (Vaswani et al. 2017).
///
/// `query` [B, heads, N, D], `key` and `value` [B, heads, M, D] → [B, N, heads·D], heads joined.
pub fn attention(query: &Tensor, key: &Tensor, value: &Tensor, attend: Attend) -> Tensor {
    let kind = query.kind();
    if attend.mask.is_none() && !attend.causal && !attend.upcast {
        let scale = 1.0 / (query.size()[3] as f64).sqrt();
        if let Some(joined) = fused_attention(query, key, value, scale, products()) {
            return joined;
        }
    }
    let work = if attend.upcast { Kind::Float } else { kind };
    let mask = attend.mask.map(|mask| mask.to_kind(work));
    let joined = Tensor::scaled_dot_product_attention(
        &query.to_kind(work),
        &key.to_kind(work),
        &value.to_kind(work),
        mask.as_ref(),
        0.0,
        attend.causal,
        None,
        false,
    );
    joined.transpose(1, 2).flatten(2, 3).to_kind(kind)
}

/// [B, N, heads·D] → [B, heads, N, D].
pub fn split_heads(x: &Tensor, heads: i64) -> Tensor {
    x.unflatten(-1, [heads, -1]).transpose(1, 2)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::torch::{Generator, Products};

    /// Softmax attention written out.
    fn by_hand(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>) -> Tensor {
        let scores = q.matmul(&k.transpose(-1, -2)) / (q.size()[3] as f64).sqrt();
        let scores = match mask {
            Some(mask) => scores + mask,
            None => scores,
        };
        scores.softmax(-1, Kind::Float).matmul(v).transpose(1, 2).flatten(2, 3)
    }

    fn lower_triangle(n: i64) -> Tensor {
        let hidden = Tensor::ones([n, n], (Kind::Float, tch::Device::Cpu))
            .triu(1)
            .to_kind(Kind::Bool);
        Tensor::zeros([n, n], (Kind::Float, tch::Device::Cpu)).masked_fill(&hidden, f64::NEG_INFINITY)
    }

    #[rstest]
    #[case::plain(false, false)]
    #[case::causal(true, false)]
    #[case::upcast(false, true)]
    fn equals_the_formula(#[case] causal: bool, #[case] upcast: bool) {
        let mut generator = Generator::seeded(1).unwrap();
        let [q, k, v] = [1, 2, 3].map(|_| split_heads(&generator.randn(&[2, 7, 12]).unwrap(), 3));
        let mask = lower_triangle(7);
        let expected = by_hand(&q, &k, &v, causal.then_some(&mask));
        let found = attention(
            &q,
            &k,
            &v,
            Attend {
                causal,
                upcast,
                ..Attend::default()
            },
        );
        assert_eq!(found.size(), [2, 7, 12]);
        assert!((found - expected).abs().max().double_value(&[]) < 1e-5);
    }

    #[test]
    fn a_mask_hides_what_it_says() {
        let mut generator = Generator::seeded(2).unwrap();
        let [q, k, v] = [1, 2, 3].map(|_| split_heads(&generator.randn(&[1, 5, 8]).unwrap(), 2));
        let mask = lower_triangle(5);
        let masked = attention(
            &q,
            &k,
            &v,
            Attend {
                mask: Some(&mask),
                ..Attend::default()
            },
        );
        let causal = attention(
            &q,
            &k,
            &v,
            Attend {
                causal: true,
                ..Attend::default()
            },
        );
        assert!((masked - causal).abs().max().double_value(&[]) < 1e-5);
    }

    #[test]
    fn upcast_forms_scores_in_f32_and_keeps_the_kind() {
        let mut generator = Generator::seeded(3).unwrap();
        let bf16 =
            [1, 2, 3].map(|_| split_heads(&(generator.randn(&[1, 9, 8]).unwrap() * 5), 2).to_kind(Kind::BFloat16));
        let [q, k, v] = &bf16;
        let upcast = attention(
            q,
            k,
            v,
            Attend {
                upcast: true,
                ..Attend::default()
            },
        );
        let [q, k, v] = bf16.each_ref().map(|t| t.to_kind(Kind::Float));
        let expected = attention(&q, &k, &v, Attend::default()).to_kind(Kind::BFloat16);
        assert_eq!(upcast.kind(), Kind::BFloat16);
        assert!(upcast.equal(&expected));
    }

    /// Head sizes and lengths of Stable Diffusion, and some that divide nothing.
    #[rstest]
    #[case(8, 130, 130, 40)]
    #[case(4, 97, 77, 80)]
    #[case(2, 64, 600, 160)]
    #[case(1, 33, 257, 512)]
    #[case(3, 7, 5, 13)]
    #[case(2, 1, 1, 1)]
    fn bf16_is_close_to_the_formula(#[case] heads: i64, #[case] queries: i64, #[case] keys: i64, #[case] dim: i64) {
        let mut generator = Generator::seeded(4).unwrap();
        let [q, k, v] = [queries, keys, keys].map(|n| {
            let x = generator.randn(&[2, n, heads * dim]).unwrap() * 2;
            split_heads(&x.to_kind(Kind::BFloat16), heads)
        });
        let found = attention(&q, &k, &v, Attend::default());
        let expected = by_hand(
            &q.to_kind(Kind::Float),
            &k.to_kind(Kind::Float),
            &v.to_kind(Kind::Float),
            None,
        );
        assert_eq!(
            (found.size(), found.kind()),
            (vec![2, queries, heads * dim], Kind::BFloat16)
        );
        let relative = |found: &Tensor| ((found - &expected).norm() / expected.norm()).double_value(&[]);
        assert!(relative(&found) < 5e-3, "{}", relative(&found));
        let scale = 1.0 / (dim as f64).sqrt();
        for products in [Products::Pairs, Products::Floats, Products::Tiles] {
            let Some(found) = fused_attention(&q, &k, &v, scale, products) else {
                continue;
            };
            // In f32 the only rounding left is the result's.
            let bound = if products == Products::Floats { 2e-3 } else { 5e-3 };
            assert!(relative(&found) < bound, "{products:?}, {}", relative(&found));
        }
    }

    #[test]
    fn bf16_keeps_large_scores_finite_and_passes_nan_on() {
        let mut generator = Generator::seeded(5).unwrap();
        let [q, k, v] = [1, 2, 3].map(|_| {
            split_heads(
                &(generator.randn(&[1, 70, 64]).unwrap() * 60).to_kind(Kind::BFloat16),
                2,
            )
        });
        let found = attention(&q, &k, &v, Attend::default()).to_kind(Kind::Float);
        let expected = by_hand(
            &q.to_kind(Kind::Float),
            &k.to_kind(Kind::Float),
            &v.to_kind(Kind::Float),
            None,
        );
        assert!(((found - &expected).norm() / expected.norm()).double_value(&[]) < 2e-2);
        for at in 0..3 {
            let three = [q.copy(), k.copy(), v.copy()];
            let _ = three[at].narrow(2, 69, 1).fill_(f64::NAN);
            let [q, k, v] = &three;
            let found = attention(q, k, v, Attend::default());
            assert_ne!(found.isnan().any().int64_value(&[]), 0, "NaN in input {at}");
        }
    }

    #[test]
    fn a_row_of_bf16_depends_on_its_own_query_alone() {
        let mut generator = Generator::seeded(6).unwrap();
        let [q, k, v] =
            [1, 2, 3].map(|_| split_heads(&generator.randn(&[2, 203, 80]).unwrap().to_kind(Kind::BFloat16), 2));
        let all = attention(&q, &k, &v, Attend::default());
        let part = attention(
            &q.narrow(2, 100, 7).narrow(0, 1, 1),
            &k.narrow(0, 1, 1),
            &v.narrow(0, 1, 1),
            Attend::default(),
        );
        let same = all.narrow(1, 100, 7).narrow(0, 1, 1);
        // libtorch's own kernel, on other processors, only promises about the same.
        let ours = fused_attention(&q, &k, &v, 1.0, Products::Pairs).is_some();
        let difference = (&part - &same).abs().max().double_value(&[]);
        let bound = if ours {
            0.0
        } else {
            1e-2 * same.abs().max().double_value(&[])
        };
        assert!(difference <= bound, "differs by {difference}");
    }
}
