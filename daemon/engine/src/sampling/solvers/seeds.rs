//! SEEDS-2 and SEEDS-3 (Gonzalez et al. 2023, arXiv 2305.14267), after ComfyUI's `sample_seeds_2` and `sample_seeds_3`: exponential
//! single steps on the reverse SDE, with one look or two within a step. Noise of a part of the way goes on into the rest of it.

use tch::Tensor;

use crate::Result;
use crate::sampling::run::Run;

/// One look, halfway in λ.
pub(in crate::sampling) fn run_2(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let denoised = run.begin(i, &x)?;
        x = if to > 0.0 {
            let way = Way::new(from, to, run.eta(1.0));
            let mut noise = Fresh::default();
            noise.go_on(&way, 0.0, 0.5, run)?;
            let there = way.weighed(&x, 0.5, &[(&denoised, phi_1(0.5 * way.whole))], &noise);
            let again = run.denoised_within(&there, way.at(0.5))?.guided;
            noise.go_on(&way, 0.5, 1.0, run)?;
            way.weighed(&x, 1.0, &[(&again, phi_1(way.whole))], &noise)
        } else {
            denoised.shallow_clone()
        };
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// Two looks, at both thirds in λ.
pub(in crate::sampling) fn run_3(mut x: Tensor, run: &mut Run<'_>) -> Result<Tensor> {
    const THIRDS: (f64, f64) = (1.0 / 3.0, 2.0 / 3.0);
    for i in run.steps() {
        let (from, to) = (run.sigma(i), run.sigma(i + 1));
        let denoised = run.begin(i, &x)?;
        x = if to > 0.0 {
            let way = Way::new(from, to, run.eta(1.0));
            let mut noise = Fresh::default();
            noise.go_on(&way, 0.0, THIRDS.0, run)?;
            let there = way.weighed(&x, THIRDS.0, &[(&denoised, phi_1(THIRDS.0 * way.whole))], &noise);
            let second = run.denoised_within(&there, way.at(THIRDS.0))?.guided;
            noise.go_on(&way, THIRDS.0, THIRDS.1, run)?;
            let late = THIRDS.1 / THIRDS.0 * phi_2(THIRDS.1 * way.whole);
            let weights = [(&denoised, phi_1(THIRDS.1 * way.whole) - late), (&second, late)];
            let there = way.weighed(&x, THIRDS.1, &weights, &noise);
            let third = run.denoised_within(&there, way.at(THIRDS.1))?.guided;
            noise.go_on(&way, THIRDS.1, 1.0, run)?;
            let late = phi_2(way.whole) / THIRDS.1;
            way.weighed(&x, 1.0, &[(&denoised, phi_1(way.whole) - late), (&third, late)], &noise)
        } else {
            denoised.shallow_clone()
        };
        run.report(i, &denoised)?;
    }
    Ok(x)
}

/// h·φ₁(−h), the part of a way that the clean sample takes.
fn phi_1(h: f64) -> f64 {
    -(-h).exp_m1()
}

/// h·φ₂(−h).
fn phi_2(h: f64) -> f64 {
    ((-h).exp_m1() + h) / h
}

/// A step's way.
struct Way {
    from: f64,
    /// Its length in λ.
    h: f64,
    /// The same with what noise adds to it.
    whole: f64,
    eta: f64,
}

impl Way {
    fn new(from: f64, to: f64, eta: f64) -> Self {
        let h = (from / to).ln();
        Self {
            from,
            h,
            whole: h * (1.0 + eta),
            eta,
        }
    }

    /// σ that part of the way on.
    fn at(&self, part: f64) -> f64 {
        self.from * (-part * self.h).exp()
    }

    /// The state there, of `x`, clean samples and noise.
    fn weighed(&self, x: &Tensor, part: f64, clean: &[(&Tensor, f64)], noise: &Fresh) -> Tensor {
        let kept = x * (-part * self.whole).exp();
        let clean = clean.iter().fold(kept, |sum, (clean, weight)| sum + *clean * *weight);
        match &noise.0 {
            Some(noise) => clean + noise * self.at(part),
            None => clean,
        }
    }
}

/// The noise of a way so far, by σ there.
#[derive(Default)]
struct Fresh(Option<Tensor>);

impl Fresh {
    fn go_on(&mut self, way: &Way, from: f64, to: f64, run: &mut Run<'_>) -> Result<()> {
        if way.eta <= 0.0 {
            return Ok(());
        }
        let length = (to - from) * way.h * way.eta;
        let new = run.noise(way.at(from), way.at(to))? * (-(-2.0 * length).exp_m1()).sqrt();
        self.0 = Some(match self.0.take() {
            Some(old) => old * (-length).exp() + new,
            None => new,
        });
        Ok(())
    }
}
