use darkroom_protocol::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::words;

/// A bar on the terminal.
pub(super) struct Bar {
    bar: ProgressBar,
    /// Whether it has something to show: until then nothing is drawn.
    begun: bool,
}

impl Bar {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr_with_hz(10));
        let style = ProgressStyle::with_template("{prefix:>7} {bar:24.cyan/dim} {msg}");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("━━─"));
        }
        Self { bar, begun: false }
    }

    pub(super) fn update(&mut self, progress: &Progress) {
        self.begun = true;
        self.bar.set_length(progress.steps.max(1).into());
        self.bar.set_prefix(progress.phase.name());
        self.bar.set_message(words::details(progress));
        self.bar.set_position(progress.step.into());
    }

    pub(super) fn wait(&mut self, text: &str) {
        self.begun = true;
        self.bar.set_prefix("wait");
        self.bar.set_message(text.to_owned());
        self.bar.set_position(0);
    }

    pub(super) fn aside<T>(&mut self, print: impl FnOnce() -> T) -> T {
        if self.begun { self.bar.suspend(print) } else { print() }
    }

    pub(super) fn clear(&mut self) {
        self.bar.finish_and_clear();
    }
}
