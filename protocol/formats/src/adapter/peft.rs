//! The scales of adapters that PEFT trained: they are not among the tensors but in the header's metadata, as diffusers writes them
//! (`lora_adapter_metadata`, the fields of PEFT's `LoraConfig` by component).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The longest JSON that is read, in bytes.
const MOST: usize = 1 << 20;

/// What PEFT's configurations say, by component: `unet`, `text_encoder`, or empty for one that names none.
#[derive(Debug, Default)]
pub(super) struct Scales(BTreeMap<String, Config>);

/// What counts of a component's.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    lora_alpha: Option<f64>,
    alpha_pattern: BTreeMap<String, f64>,
    use_rslora: bool,
}

impl Scales {
    /// What the metadata say; nothing where they are of another form.
    pub fn read(metadata: &BTreeMap<String, String>) -> Self {
        let text = metadata.get("lora_adapter_metadata").filter(|text| text.len() <= MOST);
        let Some(Ok(Value::Object(fields))) = text.map(|text| serde_json::from_str(text)) else {
            return Self::default();
        };
        let mut by_component: BTreeMap<String, serde_json::Map<String, Value>> = BTreeMap::new();
        for (key, value) in fields {
            let (component, field) = key.rsplit_once('.').unwrap_or(("", &key));
            let fields = by_component.entry(component.to_owned()).or_default();
            fields.insert(field.to_owned(), value);
        }
        let parse = |fields| serde_json::from_value(Value::Object(fields)).unwrap_or_default();
        Self(
            by_component
                .into_iter()
                .map(|(name, fields)| (name, parse(fields)))
                .collect(),
        )
    }

    /// Alpha over rank of a module with so many ranks, or over its root; `None` where nothing is said of it.
    pub fn scale(&self, module: &str, rank: u64) -> Option<f64> {
        let of = |component: &String| match component.as_str() {
            "" => Some(module),
            component => module.strip_prefix(component)?.strip_prefix('.'),
        };
        // `text_encoder` is not `text_encoder_2`: a dot follows.
        let (rest, config) = self
            .0
            .iter()
            .rev()
            .find_map(|(component, config)| Some((of(component)?, config)))?;
        let ends = |pattern: &str| {
            rest.strip_suffix(pattern)
                .is_some_and(|before| before.is_empty() || before.ends_with('.'))
        };
        let own = config
            .alpha_pattern
            .iter()
            .find(|(pattern, _)| ends(pattern))
            .map(|(_, alpha)| *alpha);
        let alpha = own.or(config.lora_alpha).filter(|alpha| alpha.is_finite())?;
        let rank = rank.max(1) as f64;
        Some(alpha / if config.use_rslora { rank.sqrt() } else { rank })
    }
}
