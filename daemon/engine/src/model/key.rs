use darkroom_protocol::{ModelSource, PartFile, Quant};
use tch::Kind;

use crate::torch::{self, Device};

/// What makes two loads the same model.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Its files.
    pub source: ModelSource,
    /// Components that come from files of their own in place of the model's.
    pub parts: Vec<PartFile>,
    /// Its name, for people.
    pub name: String,
    /// Where it is to be.
    pub device: Device,
    /// The number format of its weights.
    pub kind: Kind,
    /// How the weights of its components that quantise are quantised.
    pub quant: Quant,
}

impl Key {
    /// The number format in words: `bf16`, `bf16 int8`.
    pub fn format(&self) -> String {
        let kind = torch::kind_name(self.kind);
        match self.quant {
            Quant::None => kind,
            Quant::Int8 => format!("{kind} int8"),
        }
    }
}
