//! Progress in words.

use darkroom_protocol::{Phase, Progress};

use crate::say;

/// `denoise 5/20 · σ 3.21 · 0.41 s/step · ETA 6 s`, with the picture's number when there are several.
pub(super) fn line(progress: &Progress) -> String {
    format!("{} {}", progress.phase.name(), details(progress))
}

/// The same without the phase.
pub(super) fn details(progress: &Progress) -> String {
    let mut parts = vec![format!("{}/{}", progress.step, progress.steps)];
    if progress.images > 1 && progress.phase != Phase::Load {
        parts.push(format!("picture {}/{}", progress.image + 1, progress.images));
    }
    if let Some(sigma) = progress.sigma {
        parts.push(format!("σ {sigma:.2}"));
    }
    if let Some(seconds) = progress.step_s {
        parts.push(step_time(seconds));
    }
    if let Some(eta) = progress.eta_s {
        parts.push(format!("ETA {}", say::duration(eta)));
    }
    parts.join(" · ")
}

/// Below a tenth of a second, steps a second say more.
fn step_time(seconds: f64) -> String {
    if seconds > 0.0 && seconds < 0.1 {
        format!("{:.1} steps/s", 1.0 / seconds)
    } else {
        format!("{seconds:.2} s/step")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_words() {
        let mut progress = Progress {
            phase: Phase::Denoise,
            image: 1,
            images: 4,
            step: 5,
            steps: 20,
            sigma: Some(3.2071),
            step_s: Some(0.412),
            eta_s: Some(65.2),
        };
        insta::assert_snapshot!(line(&progress), @"denoise 5/20 · picture 2/4 · σ 3.21 · 0.41 s/step · ETA 1 min 5 s");
        progress.step_s = Some(0.02);
        progress.images = 1;
        insta::assert_snapshot!(line(&progress), @"denoise 5/20 · σ 3.21 · 50.0 steps/s · ETA 1 min 5 s");
        let loading = Progress {
            phase: Phase::Load,
            image: 0,
            images: 4,
            step: 1,
            steps: 3,
            sigma: None,
            step_s: None,
            eta_s: None,
        };
        insta::assert_snapshot!(line(&loading), @"load 1/3");
    }
}
