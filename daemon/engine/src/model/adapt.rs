use std::fmt::Debug;

use crate::weights::Weights;

/// What changes the weights of a model's components beside their files, as LoRAs do.
pub trait Adapt: Debug {
    /// From now on `weights`, which are of the component of that name, are changed so and not otherwise. Layers follow when they are used
    /// next.
    fn adapt(&self, component: &str, weights: &Weights);
}
