//! UniPC (Zhao et al. 2023, arXiv 2302.04867), a row of [`crate::sampling::samplers`] for each of its two B(h). A step predicts the next
//! state from the last clean samples; where the next one looks from, that state is corrected by what is seen there, without a call more.
//! Formulas are those of diffusers' UniPCMultistepScheduler with `predict_x0`, in the frame of [`Run::by_ratio`].

use darkroom_protocol::Sampler;
use tch::Tensor;

use super::linear::solve;
use crate::Result;
use crate::sampling::config_error;
use crate::sampling::draft::Asked;
use crate::sampling::plan::Settings;
use crate::sampling::run::{Run, Seen};

/// The highest order that is stable.
const HIGHEST: usize = 3;
/// Steps that are looked at, this one included.
pub(in crate::sampling) const REMEMBERS: usize = HIGHEST + 1;

/// Both forms; which B(h) it is, is the plan's.
pub(in crate::sampling) fn run(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    let (order, lower_order_final, bh1) = match run.plan.settings {
        Settings::Multistep {
            order,
            lower_order_final,
            bh1,
        } => (order, lower_order_final, bh1),
        _ => (2, true, false),
    };
    let steps = run.steps();
    let (first, end) = (steps.start, steps.end);
    let (mut before, mut last_order) = (x.shallow_clone(), 0);
    for i in steps {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let denoised = run.begin(i, &x)?;
        let seen: Vec<&Seen> = run.all_seen().collect();
        if i > first {
            // What was seen before, and of it how far the last step reached.
            x = Way::new(&seen[1..], from, bh1).corrected(&before, &denoised, last_order);
        }
        let left = if lower_order_final { end - i } else { order };
        let ends = if to == 0.0 { 1 } else { order };
        last_order = order.min(left).min(ends).min(i - first + 1);
        before = x.shallow_clone();
        x = Way::new(&seen, to, bh1).predicted(&x, last_order);
        run.report(i, &denoised)?;
    }
    Ok(super::dpmpp_2m::closed(x, run))
}

/// The way from the step that began last to a σ.
struct Way<'a> {
    /// What was seen, the latest first.
    seen: &'a [&'a Seen],
    /// σ' by σ.
    shrink: f64,
    /// −h.
    h: f64,
    bh1: bool,
}

impl<'a> Way<'a> {
    fn new(seen: &'a [&'a Seen], to: f64, bh1: bool) -> Self {
        let shrink = to / seen[0].sigma;
        Self {
            seen,
            shrink,
            h: shrink.ln(),
            bh1,
        }
    }

    fn b(&self) -> f64 {
        if self.bh1 { self.h } else { self.h.exp_m1() }
    }

    /// Where steps before began, in parts of this way; negative.
    fn reach(&self, back: usize) -> f64 {
        -(self.seen[0].sigma / self.seen[back].sigma).ln() / self.h
    }

    /// Both sides of the equations of an order (the paper's appendix, equation 9).
    fn system(&self, order: usize) -> (Vec<Vec<f64>>, Vec<f64>) {
        let reaches: Vec<f64> = (1..order).map(|back| self.reach(back)).chain([1.0]).collect();
        let mut phi = self.h.exp_m1() / self.h - 1.0;
        let mut factorial = 1.0;
        let (mut rows, mut right) = (Vec::new(), Vec::new());
        for k in 1..=order {
            rows.push(reaches.iter().map(|r| r.powi(k as i32 - 1)).collect());
            right.push(phi * factorial / self.b());
            factorial *= (k + 1) as f64;
            phi = phi / self.h - 1.0 / factorial;
        }
        (rows, right)
    }

    /// The change of the clean sample since a step before, by how far that is.
    fn difference(&self, back: usize) -> Tensor {
        (&self.seen[back].denoised - &self.seen[0].denoised) / self.reach(back)
    }

    fn straight(&self, x: &Tensor) -> Tensor {
        self.seen[0].denoised.lerp(x, self.shrink)
    }

    /// Whether the step has no length, which rounded timesteps give.
    fn is_none(&self) -> bool {
        self.h.abs() < 1e-9
    }

    fn predicted(&self, x: &Tensor, order: usize) -> Tensor {
        if self.is_none() {
            return x.shallow_clone();
        }
        let mut next = self.straight(x);
        let weights = match order {
            0 | 1 => return next,
            2 => vec![0.5],
            _ => {
                let (mut rows, mut right) = self.system(order);
                rows.pop();
                right.pop();
                rows.iter_mut().for_each(|row| row.truncate(order - 1));
                solve(rows, right)
            }
        };
        for (back, weight) in weights.iter().enumerate() {
            next = &next - self.difference(back + 1) * (self.b() * weight);
        }
        next
    }

    fn corrected(&self, x: &Tensor, seen_there: &Tensor, order: usize) -> Tensor {
        if self.is_none() {
            return x.shallow_clone();
        }
        let weights = if order <= 1 {
            vec![0.5]
        } else {
            let (rows, right) = self.system(order);
            solve(rows, right)
        };
        let (there, others) = weights
            .split_last()
            .map_or((0.5, [].as_slice()), |(last, rest)| (*last, rest));
        let mut next = self.straight(x) - (seen_there - &self.seen[0].denoised) * (self.b() * there);
        for (back, weight) in others.iter().enumerate() {
            next = &next - self.difference(back + 1) * (self.b() * weight);
        }
        next
    }
}

/// What a configuration says of the solver.
pub(in crate::sampling) fn settings(asked: &Asked<'_>) -> Result<Settings> {
    let order = order(asked, HIGHEST)?;
    let config = asked.config;
    Ok(Settings::Multistep {
        order,
        lower_order_final: config.lower_order_final.unwrap_or(true),
        bh1: asked.sampler == Sampler::UniPcBh1 || config.solver_type.as_deref() == Some("bh1"),
    })
}

/// The order that was asked for, else the configuration's, else 2.
pub(super) fn order(asked: &Asked<'_>, highest: usize) -> Result<usize> {
    let order = asked
        .tuning
        .order
        .map_or(asked.config.solver_order, |order| Some(order as i64));
    match order.unwrap_or(2) {
        order if (1..=highest as i64).contains(&order) => Ok(order as usize),
        order => Err(config_error(
            "solver_order",
            format!("{order} is not between 1 and {highest}."),
        )),
    }
}
