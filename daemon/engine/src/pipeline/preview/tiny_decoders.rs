//! Finds a small decoder's file, loads it and keeps it, one at a time; what was not found is looked for again with the next job.
//! `painter.rs` asks for it by the name that the latents' format has. Its memory is in no budget: `residency/` does not know it.
//! The network is in `families/taesd/decoder.rs`.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use darkroom_protocol::ModelSource;
use darkroom_protocol::text::escape_line;

use crate::families::taesd::Decoder;
use crate::torch::{self, Device};
use crate::weights::{Source, Weights};
use crate::{Cancel, Result};

/// Decoders for previews, from the subfolders `vae_approx` of the person's models folders.
#[derive(Debug, Default)]
pub struct TinyDecoders {
    folders: Vec<PathBuf>,
    held: Option<Held>,
}

/// One that was looked for.
#[derive(Debug)]
struct Held {
    name: &'static str,
    device: Device,
    /// `None` for one that is not there or cannot be used.
    decoder: Option<Rc<Decoder>>,
}

/// What looking for a decoder came to.
pub struct Sought {
    /// The decoder, if there is one that can be used.
    pub decoder: Option<Rc<Decoder>>,
    /// One line for the person, the first time.
    pub notice: Option<String>,
}

impl TinyDecoders {
    /// Those in `folders`.
    pub fn new(folders: Vec<PathBuf>) -> Self {
        Self { folders, held: None }
    }

    /// Looks again, for a new job: a file may have come.
    pub fn look_again(&mut self) {
        self.held.take_if(|held| held.decoder.is_none());
    }

    /// The decoder called `name` for latents of so many channels.
    pub fn seek(&mut self, name: &'static str, channels: u32, device: Device) -> Sought {
        if let Some(held) = self.held.as_ref().filter(|h| (h.name, h.device) == (name, device)) {
            let decoder = held.decoder.clone();
            return Sought { decoder, notice: None };
        }
        let (decoder, notice) = self.load(name, channels, device);
        self.held = Some(Held {
            name,
            device,
            decoder: decoder.clone(),
        });
        Sought { decoder, notice }
    }

    /// Does without it from now on, because it failed: `why` is for the person.
    pub fn drop_decoder(&mut self) {
        if let Some(held) = &mut self.held {
            held.decoder = None;
        }
    }

    fn load(&self, name: &str, channels: u32, device: Device) -> (Option<Rc<Decoder>>, Option<String>) {
        let file = format!("{name}_decoder.safetensors");
        let folders = self.folders.iter().map(|folder| folder.join("vae_approx"));
        let Some(folder) = folders.into_iter().find(|folder| folder.join(&file).is_file()) else {
            let hint = self.folders.first().map(|models| {
                let place = shown(&models.join("vae_approx"));
                format!("Previews are coarse: {file} (of madebyollin/{name}) in {place} makes them finer.")
            });
            return (None, hint);
        };
        match open(&folder, &file, channels, device) {
            Ok(decoder) => (Some(Rc::new(decoder)), None),
            Err(error) => {
                let place = shown(&folder.join(&file));
                (
                    None,
                    Some(format!("Previews are coarse, for {place} cannot be used: {error}")),
                )
            }
        }
    }
}

fn open(folder: &Path, file: &str, channels: u32, device: Device) -> Result<Decoder> {
    let source = Source::open(&ModelSource::Folder(folder.to_string_lossy().into_owned()))?;
    let (kind, _) = torch::dtype_for(device, None);
    // It is small: nobody waits for its loading.
    let weights = Weights::open("taesd", &source, &[file.to_owned()], device, Some(kind), Cancel::new())?;
    Decoder::new(&weights, i64::from(channels))
}

fn shown(path: &Path) -> String {
    escape_line(&path.to_string_lossy()).into_owned()
}
