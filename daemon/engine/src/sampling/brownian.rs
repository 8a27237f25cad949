//! Brownian motion over σ as torchsde's `BrownianTree` draws it, so that the SDE samplers' noise is that of k-diffusion and of the
//! programs built on it: a picture of theirs has the same noise here. The increment over any way is a function of the entropy alone,
//! whatever was asked before. [`super::noise`] makes a tree for each picture; tensors are on the CPU.

use std::collections::HashMap;

use tch::Tensor;

use super::seed_sequence::first_word;
use crate::Result;
use crate::torch::Generator;

/// The increments W(b) − W(a) of a Brownian motion between two times, halved again and again down to the times asked for.
pub(super) struct BrownianTree {
    entropy: u64,
    shape: Vec<i64>,
    whole: Node,
    /// Of the halves that the last question met, the left increments: the next one meets many of them again.
    kept: HashMap<(u32, u64), Tensor>,
}

/// A part of the whole: which one of the 2^depth is its key.
struct Node {
    depth: u32,
    key: u64,
    start: f64,
    end: f64,
    increment: Tensor,
}

impl BrownianTree {
    /// A motion between the times `low` and `high`, each number of `shape` for itself; torchsde's `BrownianTree(low, zeros(shape),
    /// high, entropy=entropy)`.
    ///
    /// # Errors
    /// `Error::OutOfMemory`.
    pub fn new(entropy: u64, low: f64, high: f64, shape: &[i64]) -> Result<Self> {
        Ok(Self {
            entropy,
            shape: shape.to_vec(),
            whole: Node {
                depth: 0,
                key: 0,
                start: rounded(low),
                end: rounded(high),
                increment: unit(first_word(entropy, &[]), shape)? * (high - low).sqrt(),
            },
            kept: HashMap::new(),
        })
    }

    /// Unit noise for the way from one σ to another (k-diffusion `BrownianTreeNoiseSampler`); none where there is no way.
    ///
    /// # Errors
    /// `Error::OutOfMemory`.
    pub fn noise(&mut self, from: f64, to: f64) -> Result<Tensor> {
        let (low, high) = (from.min(to), from.max(to));
        let sign = if from < to { 1.0 } else { -1.0 };
        let increment = self.increment(low, high)?;
        if low == high {
            return Ok(increment);
        }
        Ok(increment * sign / (high - low).sqrt())
    }

    /// W(b) − W(a). Times outside the motion's are its ends.
    pub fn increment(&mut self, a: f64, b: f64) -> Result<Tensor> {
        let within = |t: f64| rounded(t.clamp(self.whole.start, self.whole.end));
        let (a, b) = (within(a), within(b));
        let mut descent = Descent {
            entropy: self.entropy,
            shape: &self.shape,
            before: std::mem::take(&mut self.kept),
            met: HashMap::new(),
            sum: None,
        };
        if a < b {
            descent.gather(&self.whole, a, b)?;
        }
        let sum = descent.sum;
        self.kept = descent.met;
        Ok(sum.unwrap_or_else(|| self.whole.increment.zeros_like()))
    }
}

/// A question on its way down the tree.
struct Descent<'a> {
    entropy: u64,
    shape: &'a [i64],
    before: HashMap<(u32, u64), Tensor>,
    met: HashMap<(u32, u64), Tensor>,
    sum: Option<Tensor>,
}

impl Descent<'_> {
    /// Adds the increment over a..b, a way of `node`, from left to right. Both lie on the grid of [`rounded`] times as all ends of
    /// nodes do, so that a node of one grid step is never halved.
    fn gather(&mut self, node: &Node, a: f64, b: f64) -> Result<()> {
        if a <= node.start && node.end <= b {
            self.sum = Some(match self.sum.take() {
                Some(sum) => sum + &node.increment,
                None => node.increment.shallow_clone(),
            });
            return Ok(());
        }
        let (left, right) = self.halves(node)?;
        if a < left.end {
            self.gather(&left, a, b.min(left.end))?;
        }
        if left.end < b {
            self.gather(&right, a.max(left.end), b)?;
        }
        Ok(())
    }

    /// The two halves: given the whole's increment, the left one's is normal about its share (torchsde
    /// `_Interval._increment_and_space_time_levy_area` without Lévy area), from a seed that the place in the tree gives.
    fn halves(&mut self, node: &Node) -> Result<(Node, Node)> {
        let middle = rounded(0.5 * (node.end + node.start));
        let (before, after, way) = (middle - node.start, node.end - middle, 1.0 / (node.end - node.start));
        let place = (node.depth, node.key);
        let left = match self.before.get(&place) {
            Some(left) => left.shallow_clone(),
            None => {
                let seed = first_word(self.entropy, &[node.key, u64::from(node.depth)]);
                let deviation = (before * after * way).sqrt();
                &node.increment * before * way + unit(seed, self.shape)? * deviation
            }
        };
        self.met.insert(place, left.shallow_clone());
        let half = |key, start, end, increment| Node {
            depth: node.depth + 1,
            key: 2 * node.key + key,
            start,
            end,
            increment,
        };
        let rest = &node.increment - &left;
        Ok((half(0, node.start, middle, left), half(1, middle, node.end, rest)))
    }
}

fn unit(seed: u32, shape: &[i64]) -> Result<Tensor> {
    Generator::seeded(u64::from(seed))?.randn(shape)
}

/// To six places, as Python's `round(t, 6)`: the tree is no finer than 10⁻⁶, torchsde's `tol`.
pub(super) fn rounded(t: f64) -> f64 {
    format!("{t:.6}").parse().unwrap_or(t)
}
