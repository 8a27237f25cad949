use darkroom_protocol::ImageTask;

/// The order in which A1111 writes what it knows; other keys follow in the parameter table's order.
const ORDER: [&str; 7] = [
    "Steps",
    "Sampler",
    "Schedule type",
    "CFG scale",
    "Seed",
    "Size",
    "Model",
];

/// A1111's `parameters` text for picture `index` of `task`: the prompt, a line `Negative prompt: …`, a line of values.
pub fn parameters(task: &ImageTask, index: u32) -> String {
    let mut values: Vec<(&str, String)> = task.metadata(index);
    values.retain(|(key, _)| !matches!(*key, "Negative prompt" | "Width" | "Height"));
    values.push(("Size", format!("{}x{}", task.width, task.height)));
    values.sort_by_key(|(key, _)| ORDER.iter().position(|known| known == key).unwrap_or(ORDER.len()));
    values.push(("Version", concat!("Darkroom ", env!("CARGO_PKG_VERSION")).into()));
    let line: Vec<String> = values
        .into_iter()
        .map(|(key, value)| format!("{key}: {}", quoted(&value)))
        .collect();
    let mut text = task.prompt.text.clone();
    if !task.negative.text.is_empty() {
        text += "\nNegative prompt: ";
        text += &task.negative.text;
    }
    text + "\n" + &line.join(", ")
}

/// As JSON where the value has a character that divides values.
fn quoted(value: &str) -> String {
    if value.contains([',', '\n', ':']) {
        serde_json::Value::from(value).to_string()
    } else {
        value.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::{Conditioning, Dtype, Format, ModelSource, Sampler, Schedule};

    fn task() -> ImageTask {
        ImageTask {
            model: "sd, 1.5".into(),
            source: ModelSource::Folder("/models/sd".into()),
            prompt: Conditioning::plain("a fox,\nred"),
            negative: Conditioning::plain("blurry"),
            width: 512,
            height: 768,
            steps: 20,
            cfg_scale: 6.5,
            sampler: Sampler::DpmPp2m,
            schedule: Schedule::Karras,
            seed: 41,
            batch: 4,
            micro_batch: 1,
            device: "cpu".into(),
            dtype: Dtype::F32,
            threads: 0,
            format: Format::Png,
        }
    }

    #[test]
    fn the_text_is_laid_out_as_a1111_does() {
        let text = parameters(&task(), 1);
        let version = env!("CARGO_PKG_VERSION");
        let expected = format!(
            "a fox,\nred\nNegative prompt: blurry\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, \
             Seed: 42, Size: 512x768, Model: \"sd, 1.5\", Version: Darkroom {version}"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn an_empty_negative_prompt_has_no_line() {
        let task = ImageTask {
            negative: Conditioning::plain(""),
            ..task()
        };
        assert!(parameters(&task, 0).starts_with("a fox,\nred\nSteps: 20, "));
    }
}
