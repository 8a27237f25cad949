use serde_json::{Map, Value};

/// One part of a model that has weights of its own, for instance `unet`.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// Its folder, and its key in model_index.json.
    pub name: String,
    /// The class that model_index.json names, for instance `UNet2DConditionModel`.
    pub class: String,
    /// Its config.json.
    pub config: Map<String, Value>,
    /// Its safetensors files, relative to the model: one, or its shards in order.
    pub weights: Vec<String>,
    /// For instance `fp16`, where only such a twin is there.
    pub variant: Option<String>,
    /// One line for the person where its folder left a choice of weights.
    pub notice: Option<String>,
    /// Bytes of the files together.
    pub bytes: u64,
}
