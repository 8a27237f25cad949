//! Conditioning: what a denoiser is told of the prompt. Families make it, guidance batches it, denoisers read it; nothing here
//! knows how a prompt is written.

use std::collections::BTreeMap;

use tch::{Kind, Tensor};

use super::Side;
use crate::torch::{self, Device};
use crate::{Error, Result};

/// What a prompt is to a denoiser. Each tensor has a row for each picture, or one that serves all.
#[derive(Debug)]
pub struct Cond {
    /// Hidden states [B, N, width].
    pub tokens: Tensor,
    /// Which of them count, [B, N] of bool; all where absent.
    pub mask: Option<Tensor>,
    /// One state for the whole prompt [B, width], in families that take one.
    pub pooled: Option<Tensor>,
    /// What else a family takes, under names of its own: [B, …] each.
    pub extras: BTreeMap<&'static str, Tensor>,
}

impl Cond {
    /// Hidden states [B, N, width] alone.
    pub fn of(tokens: Tensor) -> Self {
        Self {
            tokens,
            mask: None,
            pooled: None,
            extras: BTreeMap::new(),
        }
    }

    /// Pictures it is for.
    pub fn batch(&self) -> i64 {
        self.tokens.size()[0]
    }

    /// The same with a row for each of `batch` pictures.
    pub fn for_batch(&self, batch: i64) -> Self {
        self.map(|tensor| match tensor.size()[0] == batch {
            true => tensor.shallow_clone(),
            false => {
                let mut size = vec![-1; tensor.dim()];
                size[0] = batch;
                tensor.expand(size, false)
            }
        })
    }

    /// The same on `device`.
    ///
    /// # Errors
    /// Those of the copy.
    pub fn to(&self, device: Device) -> Result<Self> {
        let there = |tensor: &Tensor| torch::to(tensor, device, tensor.kind());
        Ok(Self {
            tokens: there(&self.tokens)?,
            mask: self.mask.as_ref().map(there).transpose()?,
            pooled: self.pooled.as_ref().map(there).transpose()?,
            extras: self
                .extras
                .iter()
                .map(|(name, tensor)| Ok((*name, there(tensor)?)))
                .collect::<Result<_>>()?,
        })
    }

    /// The same once more: tensors share their memory.
    pub fn share(&self) -> Self {
        self.map(Tensor::shallow_clone)
    }

    /// Bytes of its tensors.
    pub fn bytes(&self) -> u64 {
        let own = [Some(&self.tokens), self.mask.as_ref(), self.pooled.as_ref()];
        let all = own.into_iter().flatten().chain(self.extras.values());
        all.map(torch::bytes_of).sum()
    }

    /// All of them in one batch, one after the other. The shorter ones are filled up with zeros that a mask hides.
    ///
    /// # Errors
    /// [`Error::Defect`] where one has what another lacks: they are not of one family.
    pub fn cat(all: &[&Self]) -> Result<Self> {
        let length = |cond: &&Self| cond.tokens.size()[1];
        let longest = all.iter().map(length).max().ok_or(Error::Defect)?;
        let unequal = all.iter().any(|cond| cond.mask.is_some() || length(cond) < longest);
        let tokens = all
            .iter()
            .map(|cond| cond.tokens.constant_pad_nd([0, 0, 0, longest - length(cond)]));
        let mask = |cond: &&Self| {
            let own = cond.mask.as_ref().map(Tensor::shallow_clone);
            let own =
                own.unwrap_or_else(|| Tensor::ones([cond.batch(), length(cond)], (Kind::Bool, cond.tokens.device())));
            own.to_kind(Kind::Uint8)
                .constant_pad_nd([0, longest - length(cond)])
                .to_kind(Kind::Bool)
        };
        let mut extras = BTreeMap::new();
        let names = all[0].extras.keys();
        for name in names.clone() {
            extras.insert(
                *name,
                joined(all.iter().map(|cond| cond.extras.get(name)))?.ok_or(Error::Defect)?,
            );
        }
        if all.iter().any(|cond| !cond.extras.keys().eq(names.clone())) {
            return Err(Error::Defect);
        }
        Ok(Self {
            tokens: Tensor::cat(&tokens.collect::<Vec<_>>(), 0),
            mask: unequal.then(|| Tensor::cat(&all.iter().map(mask).collect::<Vec<_>>(), 0)),
            pooled: joined(all.iter().map(|cond| cond.pooled.as_ref()))?,
            extras,
        })
    }

    /// The mask as it is added to attention's scores, [B, 1, 1, N] in f32: 0, or −∞ where a token does not count.
    pub fn bias(&self) -> Option<Tensor> {
        let hidden = self.mask.as_ref()?.logical_not();
        let bias = Tensor::zeros(hidden.size(), (Kind::Float, hidden.device())).masked_fill(&hidden, f64::NEG_INFINITY);
        Some(bias.unsqueeze(1).unsqueeze(1))
    }

    fn map(&self, f: impl Fn(&Tensor) -> Tensor) -> Self {
        Self {
            tokens: f(&self.tokens),
            mask: self.mask.as_ref().map(&f),
            pooled: self.pooled.as_ref().map(&f),
            extras: self.extras.iter().map(|(name, tensor)| (*name, f(tensor))).collect(),
        }
    }
}

/// All in one batch; none where none is.
fn joined<'a>(all: impl Iterator<Item = Option<&'a Tensor>>) -> Result<Option<Tensor>> {
    let all: Vec<Option<&Tensor>> = all.collect();
    let some: Vec<&Tensor> = all.iter().flatten().copied().collect();
    match some.len() {
        0 => Ok(None),
        n if n == all.len() => Ok(Some(Tensor::cat(&some, 0))),
        _ => Err(Error::Defect),
    }
}

/// What to show and what to avoid.
#[derive(Debug)]
pub struct Guide {
    /// What to show.
    pub positive: Cond,
    /// What to avoid; absent where guidance does not compute it.
    pub negative: Option<Cond>,
    /// What else to show, where several prompts are composed (`AND`).
    pub composed: Option<Composed>,
}

/// The other prompts of a composition (Liu et al. 2022, arXiv 2206.01714).
#[derive(Debug)]
pub struct Composed {
    /// How much the guide's own positive prompt counts.
    pub weight: f64,
    /// The others, each with its weight. At least one.
    pub others: Vec<(f64, Cond)>,
}

impl Guide {
    /// One prompt, and what to avoid.
    pub fn of(positive: Cond, negative: Option<Cond>) -> Self {
        Self {
            positive,
            negative,
            composed: None,
        }
    }
}

/// The prompts over a run: they may change between steps.
#[derive(Debug)]
pub struct Prompts {
    /// Each from its step on, in their order; the first from step 0 on.
    changes: Vec<(usize, Guide)>,
}

impl Prompts {
    /// The same for the whole run.
    pub fn constant(guide: Guide) -> Self {
        Self {
            changes: vec![(0, guide)],
        }
    }

    /// Each from its step on; `first` until then.
    pub fn changing(first: Guide, later: impl IntoIterator<Item = (usize, Guide)>) -> Self {
        let mut changes = vec![(0, first)];
        changes.extend(later);
        changes[1..].sort_by_key(|(from, _)| *from);
        Self { changes }
    }

    /// The same with what `complete` makes of each conditioning.
    ///
    /// # Errors
    /// Those of `complete`.
    pub fn completed(&self, complete: impl Fn(&Cond, Side) -> Result<Cond>) -> Result<Self> {
        let composed = |all: &Composed| -> Result<Composed> {
            let one = |(weight, cond): &(f64, Cond)| Ok((*weight, complete(cond, Side::Positive)?));
            Ok(Composed {
                weight: all.weight,
                others: all.others.iter().map(one).collect::<Result<_>>()?,
            })
        };
        let one = |(from, guide): &(usize, Guide)| -> Result<(usize, Guide)> {
            let negative = guide.negative.as_ref();
            let guide = Guide {
                positive: complete(&guide.positive, Side::Positive)?,
                negative: negative.map(|cond| complete(cond, Side::Negative)).transpose()?,
                composed: guide.composed.as_ref().map(&composed).transpose()?,
            };
            Ok((*from, guide))
        };
        Ok(Self {
            changes: self.changes.iter().map(one).collect::<Result<_>>()?,
        })
    }

    /// Those of step `step`, from 0.
    pub fn at(&self, step: usize) -> &Guide {
        let begun = self.changes.iter().rev().find(|(from, _)| *from <= step);
        &begun.unwrap_or(&self.changes[0]).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn cond(rows: i64, tokens: i64, value: f64) -> Cond {
        Cond::of(Tensor::full([rows, tokens, 2], value, (Kind::Float, tch::Device::Cpu)))
    }

    fn counted(cond: &Cond) -> Vec<i64> {
        let mask = cond.mask.as_ref().unwrap();
        Vec::<i64>::try_from(mask.sum_dim_intlist([1i64].as_slice(), false, Kind::Int64)).unwrap()
    }

    #[test]
    fn equal_lengths_need_no_mask() {
        let both = Cond::cat(&[&cond(1, 3, 1.0), &cond(1, 3, 2.0)]).unwrap();
        assert_eq!(both.tokens.size(), [2, 3, 2]);
        assert!(both.mask.is_none() && both.bias().is_none());
    }

    #[test]
    fn the_shorter_is_filled_up_and_what_was_filled_is_hidden() {
        let short = cond(1, 2, 1.0).for_batch(2);
        let both = Cond::cat(&[&short, &cond(2, 5, 2.0)]).unwrap();
        assert_eq!(both.tokens.size(), [4, 5, 2]);
        assert_eq!(counted(&both), [2, 2, 5, 5]);
        assert_eq!(both.tokens.get(0).get(2).sum(Kind::Double).double_value(&[]), 0.0);
        let bias = both.bias().unwrap();
        assert_eq!(bias.size(), [4, 1, 1, 5]);
        let row = Vec::<f32>::try_from(bias.get(0).flatten(0, -1)).unwrap();
        assert_eq!(row, [0.0, 0.0, f32::NEG_INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY]);
        // A mask of one's own stays.
        let again = Cond::cat(&[&both, &cond(1, 6, 0.0)]).unwrap();
        assert_eq!(counted(&again), [2, 2, 5, 5, 6]);
    }

    #[test]
    fn everything_goes_along() {
        let with = |value: f64| {
            let mut cond = cond(1, 2, value);
            cond.pooled = Some(Tensor::full([1, 3], value, (Kind::Float, tch::Device::Cpu)));
            cond.extras
                .insert("time_ids", Tensor::zeros([1, 6], (Kind::Float, tch::Device::Cpu)));
            cond
        };
        let both = Cond::cat(&[&with(1.0).for_batch(2), &with(2.0).for_batch(2)]).unwrap();
        assert_eq!(both.pooled.unwrap().size(), [4, 3]);
        assert_eq!(both.extras["time_ids"].size(), [4, 6]);
        for (one, other) in [(with(1.0), cond(1, 2, 1.0)), (cond(1, 2, 1.0), with(1.0))] {
            assert!(matches!(Cond::cat(&[&one, &other]), Err(Error::Defect)));
        }
        assert!(matches!(Cond::cat(&[]), Err(Error::Defect)));
    }

    #[rstest]
    #[case(0, 1.0)]
    #[case(2, 1.0)]
    #[case(3, 2.0)]
    #[case(6, 2.0)]
    #[case(7, 3.0)]
    #[case(99, 3.0)]
    fn prompts_change_at_their_step(#[case] step: usize, #[case] value: f64) {
        let guide = |value| Guide::of(cond(1, 1, value), None);
        let prompts = Prompts::changing(guide(1.0), [(7, guide(3.0)), (3, guide(2.0))]);
        assert_eq!(prompts.at(step).positive.tokens.double_value(&[0, 0, 0]), value);
        let constant = Prompts::constant(guide(1.0));
        assert_eq!(constant.at(step).positive.tokens.double_value(&[0, 0, 0]), 1.0);
    }
}
