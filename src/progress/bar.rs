use darkroom_protocol::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::words;

/// A bar on the terminal.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr_with_hz(10));
        let style = ProgressStyle::with_template("{prefix:>7} {bar:24.cyan/dim} {msg}");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("━━─"));
        }
        Self(bar)
    }

    pub(super) fn update(&mut self, progress: &Progress) {
        self.0.set_length(progress.steps.max(1).into());
        self.0.set_prefix(progress.phase.name());
        self.0.set_message(words::details(progress));
        self.0.set_position(progress.step.into());
    }

    pub(super) fn wait(&mut self, text: &str) {
        self.0.set_prefix("wait");
        self.0.set_message(text.to_owned());
        self.0.set_position(0);
    }

    pub(super) fn aside<T>(&mut self, print: impl FnOnce() -> T) -> T {
        self.0.suspend(print)
    }

    pub(super) fn clear(&mut self) {
        self.0.finish_and_clear();
    }
}
