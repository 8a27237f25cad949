//! How many previews are asked for and how large, and the terminal on which they are drawn. `Display` in `mod.rs` uses all of it;
//! the wish goes to the daemon with the job (`verbs/generate/submit.rs`) or the subscription (`watch/follow.rs`). Previews are
//! drawn by `darkroom-tui` and made by the engine.

use darkroom_protocol::Preview;
use darkroom_tui::graphics::{self, Live, Protocol, Stream};
use image::RgbImage;

/// Over a slow link a terminal is drawn no more often than this a second; elsewhere oftener.
const REMOTE_FPS: u32 = 2;
/// See [`REMOTE_FPS`].
const LOCAL_FPS: u32 = 5;
/// For programs: as large as previews usefully are.
const PASSED_PX: u32 = 512;

/// The previews that are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// A second at most; 0 for none.
    pub max_fps: u32,
    /// At most so wide and high.
    pub max_px: u32,
}

impl Wish {
    /// For a program that reads them.
    pub(super) const PASSED: Self = Self {
        max_fps: LOCAL_FPS,
        max_px: PASSED_PX,
    };

    /// For a terminal where so many pixels are seen.
    pub(super) fn drawn(max_px: u32, is_remote: bool) -> Self {
        let max_fps = if is_remote { REMOTE_FPS } else { LOCAL_FPS };
        Self { max_fps, max_px }
    }
}

/// The terminal on standard error to draw on, and what is to be said of it; why not, when that cannot be.
pub(super) fn canvas() -> Result<(Live, Option<String>), String> {
    let mut found = graphics::detect_on(Stream::Err);
    if found.protocol == Protocol::Off {
        return Err(found.reason);
    }
    let word = found.word.take();
    Ok((Live::new(Stream::Err, found), word))
}

/// Whether the terminal is at the other end of a network.
pub(super) fn is_remote() -> bool {
    ["SSH_CONNECTION", "SSH_TTY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some())
}

/// The preview as a picture; `None` when its bytes do not fit its size.
pub(super) fn picture(preview: &Preview) -> Option<image::DynamicImage> {
    RgbImage::from_raw(preview.width, preview.height, preview.rgb.clone()).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lying_preview_is_no_picture() {
        let mut preview = Preview {
            image: 0,
            step: 1,
            width: 2,
            height: 2,
            rgb: vec![0; 12],
        };
        assert!(picture(&preview).is_some_and(|p| p.width() == 2));
        preview.rgb.pop();
        assert!(picture(&preview).is_none());
    }

    #[test]
    fn a_slow_link_is_spared() {
        assert!(Wish::drawn(320, true).max_fps <= 2 && Wish::drawn(320, false).max_fps > 2);
    }
}
