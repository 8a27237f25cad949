//! A network of an upscaler from its file, ready to make pictures larger: what the file holds is read by `detect.rs`, the layers are
//! in `rrdb.rs` and `compact.rs`, tiles in `tiles.rs`. It computes in f32 everywhere: coarser formats show in 8 bits a channel.
//! `pipeline/upscale.rs` opens one for a task and lets it go after it; no budget counts it, the largest usual ones have 67 MB.

use std::path::Path;

use darkroom_protocol::ModelSource;
use darkroom_protocol::text::escape_line;
use darkroom_protocol::upscaler;
use tch::{Kind, Tensor};

use super::compact::SrVggNetCompact;
use super::detect::{Architecture, Found, detect};
use super::rrdb::RrdbNet;
use super::tiles::tiled;
use crate::torch::{self, Device};
use crate::weights::{Source, Weights, embedded_upscaler};
use crate::{Cancel, Error, Result};

/// A network that makes pictures larger.
#[derive(Debug)]
pub struct Network {
    layers: Layers,
    scale: i64,
    device: Device,
}

#[derive(Debug)]
enum Layers {
    Rrdb(Box<RrdbNet>),
    Compact(SrVggNetCompact),
}

impl Network {
    /// The one that a task calls `name`: inside the program, or the absolute path of a file.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a name that is none; [`Error::Model`] for a file of something else; those of its reading.
    pub fn open(name: &str, device: Device, cancel: &Cancel) -> Result<Self> {
        let (source, file) = match name {
            upscaler::EMBEDDED => embedded_upscaler()?,
            _ => on_disk(name)?,
        };
        let files = [file];
        let plain = Weights::open("upscaler", &source, &files, device, Some(Kind::Float), cancel.clone())?;
        let found = detect(&plain.shapes()).map_err(|what| Error::Model {
            path: name.into(),
            what: format!("{what}."),
        })?;
        let spell = |key: &str| found.spell(key);
        let weights = Weights::open_renamed(
            "upscaler",
            &source,
            &files,
            &spell,
            (device, Kind::Float),
            cancel.clone(),
        )?;
        Self::new(&weights, &found, device)
    }

    /// The network that was `found`, with these weights.
    pub(super) fn new(weights: &Weights, found: &Found, device: Device) -> Result<Self> {
        let layers = match &found.architecture {
            Architecture::Rrdb(shape) => Layers::Rrdb(Box::new(RrdbNet::new(weights, shape)?)),
            Architecture::Compact(shape) => Layers::Compact(SrVggNetCompact::new(weights, shape)?),
        };
        Ok(Self {
            layers,
            scale: found.scale(),
            device,
        })
    }

    /// How much larger it makes the sides.
    pub fn scale(&self) -> u32 {
        self.scale as u32
    }

    /// `picture` [1, 3, H, W] in 0..1, f32 on the CPU, → [1, 3, scale·H, scale·W] in 0..1, the same; in tiles of at most about `tile`
    /// pixels, of which `on_tile` is told how many are done.
    ///
    /// # Errors
    /// [`Error::Cancelled`], [`Error::OutOfMemory`], [`Error::NotANumber`].
    pub fn enlarge(
        &self,
        picture: &Tensor,
        tile: u32,
        cancel: &Cancel,
        on_tile: &mut dyn FnMut(u32, u32),
    ) -> Result<Tensor> {
        let one = |part: &Tensor| {
            cancel.check()?;
            self.forward(&torch::to(part, self.device, Kind::Float)?, cancel)
        };
        let made = tiled(picture, (self.scale, tile), &one, on_tile)?;
        // NaN is neither below nor above, and a sum of finite bytes never overflows f64.
        match made.sum(Kind::Double).double_value(&[]).is_finite() {
            true => Ok(made.clamp(0.0, 1.0)),
            false => Err(Error::NotANumber {
                component: "upscaler".to_owned(),
            }),
        }
    }
}

impl Network {
    /// One tile [B, 3, H, W] on the network's device → [B, 3, scale·H, scale·W] as the last layer has it.
    pub(super) fn forward(&self, tile: &Tensor, cancel: &Cancel) -> Result<Tensor> {
        match &self.layers {
            Layers::Rrdb(network) => network.forward(tile, cancel),
            Layers::Compact(network) => network.forward(tile, cancel),
        }
    }
}

fn on_disk(name: &str) -> Result<(Source, String)> {
    let path = Path::new(name);
    let file = path.file_name().and_then(|file| file.to_str());
    match (path.parent(), file) {
        (Some(folder), Some(file)) if path.is_absolute() => {
            let folder = ModelSource::Folder(folder.to_string_lossy().into_owned());
            Ok((Source::open(&folder)?, file.to_owned()))
        }
        _ => Err(Error::Unsupported(format!(
            "There is no upscaler {}: name a filter, {}, or a file.",
            escape_line(name),
            upscaler::EMBEDDED
        ))),
    }
}
