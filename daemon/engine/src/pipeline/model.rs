use std::cell::RefCell;
use std::rc::Rc;

use darkroom_formats::card::Latents;
use tch::{Kind, Tensor};

use super::Frame;
use crate::families::stable_diffusion::{AutoencoderKl, UNet2DConditionModel};
use crate::residency::{Part, Role};
use crate::sampling::SchedulerConfig;
use crate::text::clip::{ClipSelect, ClipTextModel};
use crate::torch::{self, Device};
use crate::{Cancel, Error, Result};

/// A Stable Diffusion ready to use: its parts are in memory, or come when they are asked for.
#[derive(Debug)]
pub struct Model {
    frame: Rc<Frame>,
    held: RefCell<Vec<Part>>,
    cancel: Cancel,
}

impl Model {
    /// A model with these parts. One that is not among them is read when it is asked for, until `cancel`, and leaves memory with
    /// its last user.
    pub fn new(frame: Rc<Frame>, parts: Vec<Part>, cancel: Cancel) -> Self {
        Self {
            frame,
            held: RefCell::new(parts),
            cancel,
        }
    }

    /// Holds no part any longer: from now on each is in memory only while it is used. The file cache of the system keeps them
    /// near.
    pub fn offload(&self) {
        self.held.borrow_mut().clear();
    }

    /// The text encoder.
    ///
    /// # Errors
    /// As when a model is loaded.
    pub fn text_encoder(&self) -> Result<Rc<ClipTextModel>> {
        match self.part(Role::TextEncoder)? {
            Part::TextEncoder(part) => Ok(part),
            _ => Err(Error::Defect),
        }
    }

    /// The denoiser.
    ///
    /// # Errors
    /// As when a model is loaded.
    pub fn unet(&self) -> Result<Rc<UNet2DConditionModel>> {
        match self.part(Role::Unet)? {
            Part::Unet(part) => Ok(part),
            _ => Err(Error::Defect),
        }
    }

    /// Between latents and pixels.
    ///
    /// # Errors
    /// As when a model is loaded.
    pub fn vae(&self) -> Result<Rc<AutoencoderKl>> {
        match self.part(Role::Vae)? {
            Part::Vae(part) => Ok(part),
            _ => Err(Error::Defect),
        }
    }

    fn part(&self, role: Role) -> Result<Part> {
        let held = self.held.borrow().iter().find(|part| part.role() == role).cloned();
        match held {
            Some(part) => Ok(part),
            None => self.frame.plan(role)?.build(&self.frame.weights(role, &self.cancel)?),
        }
    }

    /// Whether its files are still those it was read from.
    pub fn is_current(&self) -> bool {
        self.frame.is_current()
    }

    /// Where it computes.
    pub fn device(&self) -> Device {
        self.frame.device()
    }

    /// What scheduler_config.json says.
    pub(super) fn scheduler(&self) -> &SchedulerConfig {
        &self.frame.scheduler
    }

    /// Pixels a latent covers along each side.
    pub fn vae_factor(&self) -> u32 {
        self.frame.vae.factor() as u32
    }

    /// The largest side of latents that tiled decoding leaves whole.
    pub fn tile(&self) -> u32 {
        self.frame.vae.tile() as u32
    }

    /// What its latents mean.
    pub(super) fn latents(&self) -> Latents {
        self.frame.vae.latents()
    }

    /// Channels of a latent.
    pub(super) fn latent_channels(&self) -> i64 {
        self.frame.vae.latent_channels
    }

    /// Token ids [1, N] of `text`, as many as the model reads, and one line when its end found no room.
    pub(super) fn tokens(&self, text: &str) -> Result<(Tensor, Option<String>)> {
        let chunk = self.frame.tokenizer.chunk(text)?;
        let line = chunk.dropped.map(|dropped| {
            let text = darkroom_protocol::text::escape_line(dropped.text.trim()).into_owned();
            let reads = self.frame.tokenizer.length() - 2;
            let which = if self.frame.tokenizer.truncates_left() {
                "first"
            } else {
                "last"
            };
            format!(
                "the model reads {reads} tokens, the {which} {} are not used: “{}”.",
                dropped.tokens,
                shorten(&text)
            )
        });
        Ok((Tensor::from_slice(&chunk.ids).unsqueeze(0), line))
    }

    /// Token ids [1, N] to hidden states [1, N, width].
    pub(super) fn encode(&self, text_encoder: &ClipTextModel, ids: &Tensor, cancel: &Cancel) -> Result<Tensor> {
        let ids = torch::to(ids, self.device(), Kind::Int64)?;
        Ok(text_encoder.forward(&ids, ClipSelect::default(), cancel)?.hidden_states)
    }
}

/// The first 60 characters.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
