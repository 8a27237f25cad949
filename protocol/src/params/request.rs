use super::parameter::{Kind, Parameter, ParameterError, choice};
use super::value::{Field, Value};
use super::{MAX_NAME, MAX_PRIORITY, MAX_PROMPT, MAX_SEED, MIN_PRIORITY};
use crate::device::Dtype;
use crate::keep_alive::KeepAlive;
use crate::picture::Format;
use crate::prediction::Prediction;
use crate::quant::Quant;
use crate::sampler::{Named, Sampler, Schedule};

macro_rules! parameters {
    ($($field:ident: $type:ty {
        flag: $flag:literal, short: $short:expr, aliases: $aliases:expr, kind: $kind:expr,
        default: $default:literal, metadata: $metadata:literal, help: $help:literal $(,)?
    })*) => {
        /// What a person asks for. A field that is `None` takes the default that its row names.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct GenerateRequest {
            $(#[doc = $help] pub $field: Option<$type>,)*
        }

        /// Every parameter, in the order in which help and metadata show them.
        pub const TABLE: &[Parameter] = &[$(Parameter {
            name: stringify!($field), flag: $flag, short: $short, aliases: $aliases, kind: $kind,
            default: $default, metadata: $metadata, help: $help,
        }),*];

        impl GenerateRequest {
            /// The value of the row called `name`.
            pub fn get(&self, name: &str) -> Option<Value> {
                match name {
                    $(stringify!($field) => self.$field.as_ref().map(Field::to_value),)*
                    _ => None,
                }
            }

            /// Sets the row called `name` to a value that [`Parameter::check`] has passed.
            fn put(&mut self, name: &str, value: &Value) {
                match name {
                    $(stringify!($field) => self.$field = Field::from_value(value),)*
                    _ => {}
                }
            }
        }
    };
}

parameters! {
    prompt: String {
        flag: "prompt", short: None, aliases: &[],
        kind: Kind::Text { max_bytes: MAX_PROMPT },
        default: "empty", metadata: "",
        help: "What to show.",
    }
    negative_prompt: String {
        flag: "negative", short: Some('n'), aliases: &[],
        kind: Kind::Text { max_bytes: MAX_PROMPT },
        default: "empty", metadata: "Negative prompt",
        help: "What to avoid.",
    }
    model: String {
        flag: "model", short: Some('m'), aliases: &["model_name", "checkpoint"],
        kind: Kind::Text { max_bytes: MAX_NAME },
        default: "the configured model, else emoji", metadata: "Model",
        help: "A model's folder or .safetensors file, or its name.",
    }
    width: u32 {
        flag: "width", short: Some('W'), aliases: &[],
        kind: Kind::Integer { min: 8, max: 8192 },
        default: "the model's", metadata: "Width",
        help: "Width in pixels; a multiple of the model's VAE factor.",
    }
    height: u32 {
        flag: "height", short: Some('H'), aliases: &[],
        kind: Kind::Integer { min: 8, max: 8192 },
        default: "the model's", metadata: "Height",
        help: "Height in pixels; a multiple of the model's VAE factor.",
    }
    steps: u32 {
        flag: "steps", short: None, aliases: &["num_inference_steps", "sample_steps"],
        kind: Kind::Integer { min: 1, max: 1000 },
        default: "the model's", metadata: "Steps",
        help: "Denoising steps.",
    }
    cfg_scale: f64 {
        flag: "cfg", short: None, aliases: &["guidance_scale", "guidance"],
        kind: Kind::Number { min: 0.0, max: 100.0 },
        default: "the model's", metadata: "CFG scale",
        help: "How closely to follow the prompt; 1 and below is the prompt alone, without the negative prompt, in half the time.",
    }
    sampler: Sampler {
        flag: "sampler", short: None, aliases: &["sampler_name", "sample_method"],
        kind: choice::<Sampler>(),
        default: "the model's", metadata: "Sampler",
        help: "How to step from noise to picture; a schedule may follow, as in 'DPM++ 2M Karras'.",
    }
    schedule: Schedule {
        flag: "schedule", short: None, aliases: &["scheduler", "schedule_type"],
        kind: choice::<Schedule>(),
        default: "the model's", metadata: "Schedule type",
        help: "How the noise levels of the steps are spaced.",
    }
    prediction: Prediction {
        flag: "prediction", short: None, aliases: &["prediction_type", "parameterization"],
        kind: choice::<Prediction>(),
        default: "what the model's files say", metadata: "Prediction type",
        help: "What the model predicts, where its files say nothing or the wrong thing.",
    }
    seed: i64 {
        flag: "seed", short: None, aliases: &[],
        kind: Kind::Integer { min: -1, max: MAX_SEED },
        default: "random", metadata: "Seed",
        help: "Start of the random numbers; picture i of a batch takes seed + i; -1 is random.",
    }
    batch: u32 {
        flag: "batch", short: Some('b'), aliases: &["batch_size", "n", "num_images"],
        kind: Kind::Integer { min: 1, max: 256 },
        default: "1", metadata: "",
        help: "How many pictures to make.",
    }
    device: String {
        flag: "device", short: None, aliases: &[],
        kind: Kind::Text { max_bytes: 64 },
        default: "the best that the machine has", metadata: "",
        help: "Where to compute: cpu, cuda:0, xpu:0, mps.",
    }
    dtype: Dtype {
        flag: "dtype", short: None, aliases: &["precision"],
        kind: choice::<Dtype>(),
        default: "auto: what the device does best", metadata: "",
        help: "The number format to compute in.",
    }
    quant: Quant {
        flag: "quant", short: None, aliases: &["quantization", "quantize"],
        kind: choice::<Quant>(),
        default: "none", metadata: "Quantization",
        help: "How the weights of linear layers are quantised; int8 trades a little likeness for speed on a CPU.",
    }
    threads: u32 {
        flag: "threads", short: None, aliases: &[],
        kind: Kind::Integer { min: 1, max: 1024 },
        default: "one a physical core", metadata: "",
        help: "Threads of the CPU device.",
    }
    format: Format {
        flag: "format", short: None, aliases: &["output_format"],
        kind: choice::<Format>(),
        default: "that of -o, else png", metadata: "",
        help: "The file format of the pictures.",
    }
    priority: i32 {
        flag: "priority", short: None, aliases: &[],
        kind: Kind::Integer { min: MIN_PRIORITY as i64, max: MAX_PRIORITY as i64 },
        default: "0", metadata: "",
        help: "Jobs of a higher priority run first.",
    }
    vae_tiling: bool {
        flag: "vae-tiling", short: None, aliases: &["vae_tile", "enable_vae_tiling", "tiled_vae"],
        kind: Kind::Switch,
        default: "off, until memory runs out", metadata: "VAE tiling",
        help: "Decode a large picture in tiles: less memory, slightly different pixels.",
    }
    offload: bool {
        flag: "offload", short: None, aliases: &["model_offload", "cpu_offload", "enable_model_cpu_offload"],
        kind: Kind::Switch,
        default: "off, until memory runs out", metadata: "",
        help: "Keep each part of the model on the device only while it is used: less memory, slower; nothing on the CPU.",
    }
    keep_alive: KeepAlive {
        flag: "keep-alive", short: None, aliases: &[],
        kind: Kind::KeepAlive,
        default: "the configured one, else 10m", metadata: "",
        help: "How long the model stays in memory afterwards.",
    }
}

impl GenerateRequest {
    /// Sets a row by name or alias from text, as a flag or a grid axis does. Errors name the row as `name` does.
    pub fn set_text(&mut self, name: &str, text: &str) -> Result<(), ParameterError> {
        let row = super::find(name).ok_or_else(|| ParameterError::unknown(name))?;
        let set = match self.set_with_schedule(row, text) {
            Some(set) => set,
            None => row.parse(text).and_then(|value| self.put_beside(row, &value)),
        };
        set.map_err(|e| e.named(name))
    }

    /// Sets a row by name or alias from a JSON value; `null` leaves it to the default. Errors name the row as `name` does.
    pub fn set_json(&mut self, name: &str, json: &serde_json::Value) -> Result<(), ParameterError> {
        let row = super::find(name).ok_or_else(|| ParameterError::unknown(name))?;
        if json.is_null() {
            return Ok(());
        }
        let set = match json.as_str().and_then(|text| self.set_with_schedule(row, text)) {
            Some(set) => set,
            None => row.from_json(json).and_then(|value| self.put_beside(row, &value)),
        };
        set.map_err(|e| e.named(name))
    }

    /// Sets sampler and schedule from a name that says both, as "DPM++ 2M Karras" does. `None` where `text` is none.
    fn set_with_schedule(&mut self, row: &Parameter, text: &str) -> Option<Result<(), ParameterError>> {
        if row.name != "sampler" {
            return None;
        }
        let (sampler, Some(schedule)) = Sampler::with_schedule(text)? else {
            return None;
        };
        let set = self.agree(row, schedule, |set| format!("the schedule is {}", set.name()));
        Some(set.map(|()| self.sampler = Some(sampler)))
    }

    /// Sets a row; a schedule only where it says what a sampler's name has said before.
    fn put_beside(&mut self, row: &Parameter, value: &Value) -> Result<(), ParameterError> {
        match (row.name, Schedule::from_value(value)) {
            ("schedule", Some(schedule)) => {
                self.agree(row, schedule, |set| format!("the sampler's name says {}", set.name()))
            }
            _ => {
                self.put(row.name, value);
                Ok(())
            }
        }
    }

    /// Sets the schedule that `row` names. Automatic gives way to any other.
    fn agree(
        &mut self,
        row: &Parameter,
        schedule: Schedule,
        against: impl Fn(Schedule) -> String,
    ) -> Result<(), ParameterError> {
        match self.schedule {
            Some(set) if schedule == Schedule::Auto && set != schedule => {}
            Some(set) if set != Schedule::Auto && set != schedule => {
                return Err(ParameterError::Contradiction {
                    name: row.name.to_owned(),
                    found: schedule.name(),
                    against: against(set),
                });
            }
            _ => self.schedule = Some(schedule),
        }
        Ok(())
    }

    /// Sets a row to a value, checked.
    pub fn set(&mut self, row: &Parameter, value: Value) -> Result<(), ParameterError> {
        let value = row.check(value)?;
        self.put(row.name, &value);
        Ok(())
    }

    /// Checks type and range of every field: what came over the wire is as little trusted as what was typed.
    pub fn check(&self) -> Result<(), ParameterError> {
        for row in TABLE {
            if let Some(value) = self.get(row.name) {
                row.check(value)?;
            }
        }
        Ok(())
    }

    /// Metadata key and value of every row that is set and has a key, in table order.
    pub fn metadata(&self) -> Vec<(&'static str, String)> {
        let keyed = TABLE.iter().filter(|row| !row.metadata.is_empty());
        keyed
            .filter_map(|row| Some((row.metadata, self.get(row.name)?.to_string())))
            .collect()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
