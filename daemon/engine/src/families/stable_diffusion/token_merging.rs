//! Token merging (Bolya and Hoffman 2023, arXiv 2303.17604): self-attention over fewer places, of which those that look alike are one.
//! `blocks.rs` asks it where `unet.rs` says so. It is the reference's (`tomesd`, `merge.py`) in its deterministic form, which is also
//! AUTOMATIC1111's: of each 2×2 places the top left one is what others are merged into.

use tch::{Kind, Tensor};

/// Places in which side of a square one stays.
const STRIDE: i64 = 2;

/// Which places of a picture become one.
#[derive(Debug)]
pub struct Merge {
    /// Places that others are merged into, `[D]`, and the rest, `[S]`.
    stay: Tensor,
    rest: Tensor,
    /// Of the rest, the places that remain, [B, S − r], and those that are merged, [B, r].
    unmerged: Tensor,
    merged: Tensor,
    /// Where each of the latter goes among those that stay, [B, r].
    goes: Tensor,
}

impl Merge {
    /// Merges that share of all places, `ratio` in 0..1, by what `states` [B, H·W, C] are in them; `size` is [H, W]. `None` where
    /// there is nothing to merge.
    pub fn of(states: &Tensor, size: [i64; 2], ratio: f64) -> Option<Self> {
        let (stay, rest) = split(size);
        let merge = ((states.size()[1] as f64 * ratio) as i64).min(rest.len() as i64);
        if merge < 1 || stay.is_empty() {
            return None;
        }
        let index = |places: &[i64]| Tensor::from_slice(places).to_device(states.device());
        let (stay, rest) = (index(&stay), index(&rest));
        let length = states.norm_scalaropt_dim(2, [-1i64].as_slice(), true);
        let direction = states / length;
        let likeness = direction
            .index_select(1, &rest)
            .bmm(&direction.index_select(1, &stay).transpose(1, 2));
        let (likeness, nearest) = likeness.max_dim(-1, false);
        let order = likeness.argsort_stable(true, -1, true);
        let merged = order.narrow(1, 0, merge);
        Some(Self {
            goes: nearest.gather(1, &merged, false),
            unmerged: order.narrow(1, merge, order.size()[1] - merge),
            merged,
            stay,
            rest,
        })
    }

    /// `x` [B, H·W, C] → [B, H·W − r, C]: what remains, then what others were merged into, as their mean.
    pub fn merge(&self, x: &Tensor) -> Tensor {
        let (stay, rest) = (x.index_select(1, &self.stay), x.index_select(1, &self.rest));
        // A product with ones sums in one order on every device, which adding up at indices does not.
        let places = stay.size()[1];
        let whose = Tensor::arange(places, (Kind::Int64, x.device())).reshape([1, places, 1]);
        let whose = self.goes.unsqueeze(1).eq_tensor(&whose);
        let sum = whose.to_kind(x.kind()).bmm(&pick(&rest, &self.merged)) + stay;
        let count = whose.sum_dim_intlist([2i64].as_slice(), true, Kind::Float) + 1.0;
        let mean = (sum / count).to_kind(x.kind());
        Tensor::cat(&[pick(&rest, &self.unmerged), mean], 1)
    }

    /// The other way round: each place that was merged is what it was merged into.
    pub fn unmerge(&self, x: &Tensor) -> Tensor {
        let (batch, width) = (x.size()[0], x.size()[2]);
        let remain = self.unmerged.size()[1];
        let (unmerged, stay) = (x.narrow(1, 0, remain), x.narrow(1, remain, x.size()[1] - remain));
        let rest = Tensor::cat(&[&unmerged, &pick(&stay, &self.goes)], 1);
        let order = Tensor::cat(&[&self.unmerged, &self.merged], 1);
        let places = self.stay.size()[0] + self.rest.size()[0];
        let whole = Tensor::zeros([batch, places, width], (x.kind(), x.device()));
        let back = wide(
            &self
                .rest
                .unsqueeze(0)
                .expand([batch, -1], false)
                .gather(1, &order, false),
            width,
        );
        let whole = whole.scatter(1, &back, &rest);
        let back = wide(&self.stay.unsqueeze(0).expand([batch, -1], false), width);
        whole.scatter(1, &back, &stay)
    }
}

/// The places of `x` [B, N, C] at `index` [B, n] → [B, n, C].
fn pick(x: &Tensor, index: &Tensor) -> Tensor {
    x.gather(1, &wide(index, x.size()[2]), false)
}

/// An index of places [B, n] for `width` channels, [B, n, width].
fn wide(index: &Tensor, width: i64) -> Tensor {
    index.unsqueeze(-1).expand([-1, -1, width], false)
}

/// The places of a picture of `size` [H, W] that stay, and the others: rows and columns that fill no square have none that stays.
fn split([height, width]: [i64; 2]) -> (Vec<i64>, Vec<i64>) {
    let stays = |place: &i64| {
        let (row, column) = (place / width, place % width);
        let within = row < height / STRIDE * STRIDE && column < width / STRIDE * STRIDE;
        within && row % STRIDE == 0 && column % STRIDE == 0
    };
    (0..height * width).partition(stays)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn states(size: [i64; 2]) -> Tensor {
        let count = 2 * size[0] * size[1] * 3;
        Tensor::arange(count, (Kind::Float, tch::Device::Cpu))
            .sin()
            .reshape([2, size[0] * size[1], 3])
    }

    #[test]
    fn corners_of_whole_squares_stay() {
        let (stay, rest) = split([3, 5]);
        assert_eq!((stay, rest.len()), (vec![0, 2], 13));
    }

    #[rstest]
    #[case([4, 4], 0.0)]
    #[case([4, 4], 0.05)]
    #[case([1, 8], 0.5)]
    fn nothing_is_merged_where_there_is_nothing(#[case] size: [i64; 2], #[case] ratio: f64) {
        assert!(Merge::of(&states(size), size, ratio).is_none());
    }

    /// Places that were not merged come back as they were, merged ones as the mean that they are part of.
    #[rstest]
    #[case([4, 6], 0.5, 12)]
    #[case([5, 5], 0.3, 18)]
    #[case([4, 4], 1.0, 4)]
    fn merged_places_come_back(#[case] size: [i64; 2], #[case] ratio: f64, #[case] left: i64) {
        let states = states(size);
        let merge = Merge::of(&states, size, ratio).unwrap();
        let merged = merge.merge(&states);
        assert_eq!(merged.size()[1], left);
        let back = merge.unmerge(&merged);
        assert_eq!(back.size(), states.size());
        let again = merge.unmerge(&merge.merge(&back));
        assert!(
            again.allclose(&back, 1e-5, 1e-6, false),
            "a picture of means keeps them"
        );
        let remain = pick(&back.index_select(1, &merge.rest), &merge.unmerged);
        assert!(remain.equal(&pick(&states.index_select(1, &merge.rest), &merge.unmerged)));
    }
}
