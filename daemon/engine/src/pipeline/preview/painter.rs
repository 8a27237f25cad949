//! From an estimate to a preview: by a small decoder where there is one, else by the matrix of `pixels.rs`. `worker/previews.rs`
//! keeps the one `Painter` of a worker. Decoders are found in `tiny_decoders.rs`, when the next is due is in `pace.rs`, and who
//! looks is known to the daemon alone.

use std::collections::HashSet;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use darkroom_formats::card::LatentFormat;
use darkroom_protocol::Preview;
use tch::{Kind, Tensor};

use super::pace::Pace;
use super::pixels::{preview, project, reduce};
use super::tiny_decoders::TinyDecoders;
use super::{Estimate, Wish};
use crate::families::taesd::Decoder;
use crate::torch;
use crate::{Cancel, Error, Result};

/// No preview is wider or higher than this, in pixels.
const MAX_PX: u32 = 1024;

/// Makes previews, no more of them than are wanted. One worker has one for all its jobs.
#[derive(Debug, Default)]
pub struct Painter {
    decoders: TinyDecoders,
    pace: Pace,
    /// What was said already.
    said: HashSet<String>,
}

/// What became of an estimate.
#[derive(Debug, Default, PartialEq)]
pub struct Painted {
    /// The picture, if it was time for one and it could be made.
    pub preview: Option<Preview>,
    /// Lines for the person.
    pub notices: Vec<String>,
}

impl Painter {
    /// One that finds decoders in the subfolders `vae_approx` of `models`.
    pub fn new(models: Vec<PathBuf>) -> Self {
        Self {
            decoders: TinyDecoders::new(models),
            ..Self::default()
        }
    }

    /// A job begins: decoders that were not there may be now.
    pub fn begin(&mut self) {
        self.decoders.look_again();
    }

    /// Shows an estimate, if it is time for it. A preview that cannot be made costs the job nothing.
    pub fn paint(&mut self, estimate: &Estimate<'_>, wish: Wish) -> Painted {
        let begun = Instant::now();
        let mut painted = Painted::default();
        if !self.pace.is_due(begun, wish.max_fps) {
            return painted;
        }
        match torch::catch(|| self.draw(estimate, wish, &mut painted.notices)) {
            Ok(preview) => painted.preview = preview,
            Err(Error::Cancelled) => {}
            Err(error) => painted.notices.push(format!("A preview could not be made: {error}")),
        }
        self.pace.made(begun, begun.elapsed(), wish.max_fps);
        painted.notices.retain(|line| self.said.insert(line.clone()));
        painted
    }

    fn draw(&mut self, estimate: &Estimate<'_>, wish: Wish, notices: &mut Vec<String>) -> Result<Option<Preview>> {
        let Some(format) = estimate.kind.format() else {
            notices
                .push("There are no previews of this model: its latents are of a kind that is not known.".to_owned());
            return Ok(None);
        };
        let max_px = match wish.max_px {
            0 => MAX_PX,
            wanted => wanted.min(MAX_PX),
        };
        let picture = match self.decoder(format, estimate, notices)? {
            Some(decoder) => self.decode(&decoder, estimate, notices)?,
            None => None,
        };
        let picture = match picture {
            Some(picture) => picture,
            None => project(estimate.latents, format)?,
        };
        preview(&picture, max_px, (estimate.image, estimate.step)).map(Some)
    }

    fn decoder(
        &mut self,
        format: &LatentFormat,
        estimate: &Estimate<'_>,
        notices: &mut Vec<String>,
    ) -> Result<Option<Rc<Decoder>>> {
        let Some(name) = format.decoder else { return Ok(None) };
        let device = torch::device_of(estimate.latents)?;
        let sought = self.decoders.seek(name, format.latents.channels, device);
        notices.extend(sought.notice);
        Ok(sought.decoder)
    }

    /// What the decoder makes of it. One that fails, for instance for want of memory, is not asked again.
    fn decode(
        &mut self,
        decoder: &Decoder,
        estimate: &Estimate<'_>,
        notices: &mut Vec<String>,
    ) -> Result<Option<Tensor>> {
        match torch::catch(|| decode(decoder, estimate.latents, estimate.cancel)) {
            Ok(picture) => Ok(Some(picture)),
            Err(Error::Cancelled) => Err(Error::Cancelled),
            Err(error) => {
                self.decoders.drop_decoder();
                notices.push(format!("Previews are coarse from now on: {error}"));
                Ok(None)
            }
        }
    }
}

/// Latents so large that their picture would exceed the most are reduced first.
fn decode(decoder: &Decoder, latents: &Tensor, cancel: &Cancel) -> Result<Tensor> {
    let size = latents.size();
    let most = i64::from(MAX_PX / 8);
    let factor = (size[2].max(size[3]) + most - 1) / most;
    Ok(decoder.forward(&reduce(latents, factor), cancel)?.to_kind(Kind::Float))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
