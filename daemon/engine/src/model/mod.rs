//! What every model is made of, whatever its family: components that are built from weights, conditioning, and the blueprint that
//! says where they come from. A family (`families/`) fills this in; `residency/` keeps the components, `pipeline/` uses them.
//! No family is named here.

mod adapt;
mod blueprint;
mod component;
mod cond;
mod extras;
mod family;
mod identity;
mod key;
mod loaded;
mod recall;

pub use adapt::Adapt;
pub use blueprint::Blueprint;
pub use component::{Autoencoder, Component, ComponentKind, Denoiser, Part, Plan, Posterior, Recipe};
pub use cond::{Composed, Cond, Guide, Prompts};
pub use extras::{Extras, FreeU, Residuals};
pub use family::{Encoded, Family, LatentSpace, Passage, SamplingWish, Says, Side};
pub use identity::Identity;
pub use key::Key;
pub use loaded::Model;
pub use recall::Recall;
