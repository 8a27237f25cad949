//! Components: what a model is made of and what each kind of them does. A family lists its own; `residency/` builds and keeps
//! them without knowing more than this.

use std::any::Any;
use std::fmt::Debug;
use std::rc::Rc;

use tch::{Kind, Tensor};

use super::{Cond, Extras};
use crate::text::TextEncoder;
use crate::weights::Weights;
use crate::{Cancel, Result};

/// Predicts the noise, the velocity or the clean latents, as its family's noising has it.
pub trait Denoiser: Debug {
    /// `x` [B, channels, H, W] at `timestep`, in the model's own measure of time, → the same size. All lie on the model's device.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for what another kind of model takes, [`crate::Error::Cancelled`].
    fn forward(&self, x: &Tensor, timestep: f64, cond: &Cond, extras: &Extras, cancel: &Cancel) -> Result<Tensor>;

    /// Whether it has an attention in its middle that can be left out: [`Extras::perturbed`].
    fn can_be_perturbed(&self) -> bool {
        false
    }

    /// Whether it is a UNet, with the ways down and up of which [`Extras::free_u`], [`Extras::merging`] and [`Extras::recall`] tell.
    fn is_u_shaped(&self) -> bool {
        false
    }
}

/// Between pictures and the denoiser's latents, scaled as the denoiser has them.
pub trait Autoencoder: Debug {
    /// Latents [B, channels, h, w] → pictures [B, 3, H, W], about −1..1; tile by tile where they are larger than one, if `tiled`.
    ///
    /// # Errors
    /// [`crate::Error::Cancelled`].
    fn to_pixels(&self, latents: &Tensor, tiled: bool, cancel: &Cancel) -> Result<Tensor>;

    /// Pictures [B, 3, H, W] in −1..1 → what their latents may be.
    ///
    /// # Errors
    /// [`crate::Error::Cancelled`].
    fn to_latents(&self, pixels: &Tensor, cancel: &Cancel) -> Result<Posterior>;
}

/// What the latents of pictures may be: a normal distribution, scaled as the denoiser has them. Each tensor [B, channels, h, w].
#[derive(Debug)]
pub struct Posterior {
    /// Where it is densest.
    pub mean: Tensor,
    /// Its standard deviation.
    pub std: Tensor,
}

impl Posterior {
    /// One of them for each of unit `noise` [N, channels, h, w], in f32. One picture serves all.
    pub fn sample(&self, noise: &Tensor) -> Tensor {
        self.mean.to_kind(Kind::Float) + self.std.to_kind(Kind::Float) * noise
    }
}

/// What a component does for its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComponentKind {
    /// Token ids to hidden states.
    TextEncoder,
    /// See [`Denoiser`].
    Denoiser,
    /// See [`Autoencoder`].
    Autoencoder,
}

/// A component in memory. Cheap to clone: the weights are there once.
#[derive(Clone, Debug)]
pub enum Part {
    /// A text encoder.
    TextEncoder(Rc<dyn TextEncoder>),
    /// The denoiser.
    Denoiser(Rc<dyn Denoiser>),
    /// The autoencoder.
    Autoencoder(Rc<dyn Autoencoder>),
}

/// How a component is built. Two components of equal plans and equal weights are one.
pub trait Plan: Debug {
    /// The component with these weights.
    ///
    /// # Errors
    /// A tensor that is missing or of another shape, out of memory, cancelled.
    fn build(&self, weights: &Weights) -> Result<Part>;

    /// Whether the other builds the same from the same weights.
    fn is_same(&self, other: &dyn Plan) -> bool;

    /// For [`Self::is_same`].
    fn as_any(&self) -> &dyn Any;
}

/// A plan that is a checked config and a function of it.
#[derive(Debug)]
pub struct Recipe<C> {
    /// What the component's config.json says.
    pub config: C,
    /// Builds it.
    pub build: fn(&Weights, &C) -> Result<Part>,
}

impl<C: Debug + PartialEq + 'static> Plan for Recipe<C> {
    fn build(&self, weights: &Weights) -> Result<Part> {
        (self.build)(weights, &self.config)
    }

    // A type of config has one builder.
    fn is_same(&self, other: &dyn Plan) -> bool {
        other
            .as_any()
            .downcast_ref::<Self>()
            .is_some_and(|other| other.config == self.config)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A component of a family.
#[derive(Debug)]
pub struct Component {
    /// Its folder's name, for instance `text_encoder_2`.
    pub name: &'static str,
    /// What it does.
    pub kind: ComponentKind,
    /// How it is built.
    pub plan: Box<dyn Plan>,
    /// Whether its layers are quantised where that is asked for.
    pub quantises: bool,
}

impl Component {
    /// One that stays as it is stored.
    pub fn new<C: Debug + PartialEq + 'static>(
        name: &'static str,
        kind: ComponentKind,
        config: C,
        build: fn(&Weights, &C) -> Result<Part>,
    ) -> Self {
        Self {
            name,
            kind,
            plan: Box::new(Recipe { config, build }),
            quantises: false,
        }
    }

    /// The same, quantised where that is asked for.
    pub fn quantised(self) -> Self {
        Self {
            quantises: true,
            ..self
        }
    }
}
