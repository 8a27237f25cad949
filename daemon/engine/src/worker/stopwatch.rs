//! An `Observer` that notes the time of each progress, and the time of each phase and step made of that, for `bench.rs` alone.
//! The times in a job's progress are measured in `pipeline/denoise.rs`, single operations in `torch/profile.rs`.

use std::time::Instant;

use darkroom_protocol::{Phase, Progress};

use crate::pipeline::{Observer, Saved};

/// Notes when a pipeline passes from one phase or step to the next.
pub struct Stopwatch {
    start: Instant,
    /// Milliseconds since the start, and what began then: the phase and the number of finished steps.
    marks: Vec<(f64, Phase, u32)>,
    notices: Vec<String>,
}

/// How long each part took, in milliseconds.
#[derive(Debug, Default, PartialEq)]
pub struct Times {
    /// Files to a model.
    pub load: f64,
    /// Prompts to embeddings.
    pub encode: f64,
    /// Each step, in order.
    pub steps: Vec<f64>,
    /// From the start to the first step's.
    pub to_first_step: f64,
    /// Latents to pixels, of all pictures.
    pub decode: f64,
    /// From the start to the end.
    pub total: f64,
    /// What the person was told.
    pub notices: Vec<String>,
}

impl Stopwatch {
    /// A watch that runs; the first part is loading.
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
            marks: vec![(0.0, Phase::Load, 0)],
            notices: Vec::new(),
        }
    }

    /// The times until now.
    pub fn stop(self) -> Times {
        let end = 1e3 * self.start.elapsed().as_secs_f64();
        Times {
            notices: self.notices,
            ..times(&self.marks, end)
        }
    }
}

impl Times {
    /// The steps after the first, which pays for what is done once; the first where it is the only one.
    pub fn later_steps(&self) -> &[f64] {
        &self.steps[usize::from(self.steps.len() > 1)..]
    }
}

impl Observer for Stopwatch {
    fn progress(&mut self, progress: Progress) {
        self.marks
            .push((1e3 * self.start.elapsed().as_secs_f64(), progress.phase, progress.step));
    }

    fn notice(&mut self, line: &str) {
        self.notices.push(line.to_owned());
    }

    fn saved(&mut self, _: Saved) {}
}

/// What lies between the marks belongs to the earlier one.
fn times(marks: &[(f64, Phase, u32)], end: f64) -> Times {
    let mut times = Times {
        total: end,
        ..Times::default()
    };
    let ends = marks
        .iter()
        .skip(1)
        .map(|(at, phase, step)| (*at, *phase, *step))
        .chain([(end, Phase::Save, 0)]);
    for ((at, phase, step), (until, next, next_step)) in marks.iter().zip(ends) {
        let took = until - at;
        match phase {
            Phase::Load => times.load += took,
            Phase::Encode => times.encode += took,
            // After the last step latents are only checked.
            Phase::Denoise if next == Phase::Denoise && next_step == step + 1 => {
                if times.steps.is_empty() {
                    times.to_first_step = *at;
                }
                times.steps.push(took);
            }
            Phase::Decode => times.decode += took,
            Phase::Prepare | Phase::Denoise | Phase::Upscale | Phase::Save => {}
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart() {
        use Phase::{Decode, Denoise, Encode, Load, Save};
        let marks = [
            (0.0, Load, 0),
            (1.0, Load, 1),
            (10.0, Encode, 0),
            (15.0, Denoise, 0),
            (35.0, Denoise, 1),
            (45.0, Denoise, 2),
            (46.0, Decode, 0),
            (50.0, Save, 0),
            // The second group of the batch.
            (51.0, Denoise, 0),
            (62.0, Denoise, 1),
            (73.0, Denoise, 2),
            (74.0, Decode, 1),
            (79.0, Save, 1),
        ];
        let expected = Times {
            load: 10.0,
            encode: 5.0,
            steps: vec![20.0, 10.0, 11.0, 11.0],
            to_first_step: 15.0,
            decode: 9.0,
            total: 80.0,
            notices: vec![],
        };
        let found = times(&marks, 80.0);
        assert_eq!(found, expected);
        assert_eq!(found.later_steps(), [10.0, 11.0, 11.0]);
    }

    #[test]
    fn a_single_step_is_its_own_later_one() {
        let one = Times {
            steps: vec![7.0],
            ..Times::default()
        };
        assert_eq!(
            (one.later_steps(), Times::default().later_steps()),
            (&[7.0][..], &[][..])
        );
    }
}
