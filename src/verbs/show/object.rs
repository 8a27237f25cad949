//! A picture as one flat JSON object: where it is, what it is, and every parameter under the name that requests have for it.

use darkroom_formats::foreign::{self, Said, Texts};
use darkroom_protocol::GenerateRequest;
use darkroom_protocol::params::TABLE;
use serde_json::map::Entry;
use serde_json::{Map, Value};

use super::source::Shown;

/// The object of a picture of that width and height.
pub(super) fn of(shown: &Shown, (width, height): (u32, u32), texts: &Texts) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| {
        object.entry(key).or_insert(value);
    };
    put("path", shown.absolute().into());
    if let Some((job, index)) = &shown.of {
        put("job", job.clone().into());
        put("index", (*index).into());
    }
    put("width", width.into());
    put("height", height.into());
    put("bytes", shown.bytes().into());
    for (key, value) in parameters(texts) {
        put(&key, value);
    }
    object
}

/// From the exact record where there is one; else what the texts say, whose keys that are no parameters keep their names in small
/// letters.
fn parameters(texts: &Texts) -> Map<String, Value> {
    let raw = texts.parameters().map(|text| ("parameters".to_owned(), text.into()));
    let exact = texts
        .record
        .as_ref()
        .and_then(|record| Some((record, record.request()?)));
    if let Some((record, request)) = exact {
        let mut fields = fields(&request);
        fields.insert("index".to_owned(), record.index.into());
        fields.insert("version".to_owned(), record.version.clone().into());
        fields.insert("source".to_owned(), "darkroom".into());
        return fields.into_iter().chain(raw).collect();
    }
    let Some(said) = foreign::said(texts) else {
        return Map::new();
    };
    of_another(said).into_iter().chain(raw).collect()
}

/// Of values that have one name each has a line of its text, as the object stays flat.
fn of_another(said: Said) -> Map<String, Value> {
    let mut all = fields(&said.request);
    if let (Some(width), Some(height)) = (said.request.width, said.request.height) {
        // Beside it stands the picture's own, which may be another.
        all.insert("size".to_owned(), format!("{width}x{height}").into());
    }
    let mut others = Map::new();
    for (key, value) in said.others {
        let name = field(&key);
        let name = if all.contains_key(&name) {
            format!("other_{name}")
        } else {
            name
        };
        match others.entry(name) {
            Entry::Occupied(mut before) => {
                if let Value::String(before) = before.get_mut() {
                    before.push('\n');
                    before.push_str(&value);
                }
            }
            Entry::Vacant(none) => {
                none.insert(value.into());
            }
        }
    }
    all.extend(others);
    all.insert("source".to_owned(), said.writer.name().to_lowercase().into());
    all.extend(said.problem.map(|problem| ("problem".to_owned(), problem.into())));
    all
}

fn fields(request: &GenerateRequest) -> Map<String, Value> {
    match serde_json::to_value(request) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// The parameter of that metadata key, or the key as a field would be called.
fn field(key: &str) -> String {
    let row = TABLE.iter().find(|row| !row.metadata.is_empty() && row.metadata == key);
    row.map_or_else(
        || key.to_lowercase().replace([' ', '-', '/'], "_"),
        |row| row.name.to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(keyword: &str, text: &str) -> Texts {
        Texts {
            texts: vec![(keyword.to_owned(), text.to_owned())],
            ..Texts::default()
        }
    }

    #[test]
    fn other_programs_parameters_have_our_names() {
        let text = "a fox\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 5.5, Seed: 7, Size: 64x64, Model hash: e1441589a6, Clip skip: 2, Model: sd15";
        let found = parameters(&with("parameters", text));
        let expected = [
            ("prompt", Value::from("a fox")),
            ("negative_prompt", "blurry".into()),
            ("steps", 20.into()),
            ("sampler", "Euler a".into()),
            ("cfg_scale", 5.5.into()),
            ("seed", 7.into()),
            ("width", 64.into()),
            ("height", 64.into()),
            ("size", "64x64".into()),
            ("model", "sd15".into()),
            ("model_hash", "e1441589a6".into()),
            ("clip_skip", 2.0.into()),
            ("source", "a1111".into()),
            ("parameters", text.into()),
        ];
        for (key, value) in expected {
            assert_eq!(found[key], value, "{key}");
        }
        assert!(found.values().all(|value| !value.is_object() && !value.is_array()));
        assert!(parameters(&Texts::default()).is_empty());
    }

    #[test]
    fn no_value_of_one_name_hides_another() {
        let text = r#"{"positive_prompt": "a fox", "scheduler": "unipc", "seed": 7, "loras": [{"model": {"name": "a"}, "weight": 1},
            {"model": {"name": "b"}, "weight": 2}]}"#;
        let found = parameters(&with("invokeai_metadata", text));
        assert_eq!(
            (&found["lora"], &found["sampler"]),
            (&"a 1\nb 2".into(), &"UniPC".into())
        );
        assert_eq!((&found["source"], &found["seed"]), (&"invokeai".into(), &7.into()));
        let twice = parameters(&with("parameters", "a fox\nSteps: 20, Steps: 30, Steps: 40"));
        assert_eq!((&twice["steps"], &twice["other_steps"]), (&20.into(), &"30\n40".into()));
    }
}
