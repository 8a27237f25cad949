//! Progress in words.

use darkroom_protocol::{Phase, Progress};
use unicode_width::UnicodeWidthStr as _;

use crate::say::{self, Marks};

/// `denoise 5/20 · σ 3.21 · 0.41 s/step · ETA 6 s`, with the picture's number when there are several.
pub(super) fn line(progress: &Progress, marks: &Marks) -> String {
    let parts: Vec<String> = parts(progress, marks).into_iter().map(|(_, part)| part).collect();
    format!("{} {}", progress.phase.name(), parts.join(marks.between))
}

/// The same without the phase, in at most so many columns: what matters least goes first.
pub(super) fn fitting(progress: &Progress, marks: &Marks, width: usize) -> String {
    let mut parts = parts(progress, marks);
    loop {
        let words: Vec<&str> = parts.iter().map(|(_, part)| part.as_str()).collect();
        let line = words.join(marks.between);
        if line.width() <= width {
            return line;
        }
        let least = parts.iter().enumerate().skip(1).max_by_key(|(_, (rank, _))| *rank);
        match least.map(|(at, _)| at) {
            Some(at) => drop(parts.remove(at)),
            None => return line.chars().take(width).collect(),
        }
    }
}

/// Each with its rank: those of a higher one go first.
fn parts(progress: &Progress, marks: &Marks) -> Vec<(u8, String)> {
    let mut parts = vec![(0, format!("{}/{}", progress.step, progress.steps))];
    if progress.images > 1 && progress.phase != Phase::Load {
        parts.push((2, format!("picture {}/{}", progress.image + 1, progress.images)));
    }
    if let Some(sigma) = progress.sigma {
        parts.push((4, format!("{} {sigma:.2}", marks.sigma)));
    }
    if let Some(seconds) = progress.step_s {
        parts.push((3, step_time(seconds)));
    }
    if let Some(eta) = progress.eta_s {
        parts.push((1, format!("ETA {}", say::duration(eta))));
    }
    parts
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
        insta::assert_snapshot!(line(&progress, &Marks::UTF8), @"denoise 5/20 · picture 2/4 · σ 3.21 · 0.41 s/step · ETA 1 min 5 s");
        progress.step_s = Some(0.02);
        progress.images = 1;
        insta::assert_snapshot!(line(&progress, &Marks::UTF8), @"denoise 5/20 · σ 3.21 · 50.0 steps/s · ETA 1 min 5 s");
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
        insta::assert_snapshot!(line(&loading, &Marks::UTF8), @"load 1/3");
    }
}
