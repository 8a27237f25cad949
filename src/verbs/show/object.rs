//! A picture as one flat JSON object: where it is, what it is, and every parameter under the name that requests have for it.

use darkroom_protocol::GenerateRequest;
use darkroom_protocol::params::TABLE;
use serde_json::{Map, Value};

use super::about::About;
use super::source::Shown;

/// The object of a picture of that width and height.
pub(super) fn of(shown: &Shown, (width, height): (u32, u32), about: &About) -> Map<String, Value> {
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
    for (key, value) in parameters(about) {
        put(&key, value);
    }
    object
}

/// From the exact record where there is one; else from A1111's text, whose keys that are no parameters keep their names in small
/// letters.
fn parameters(about: &About) -> Map<String, Value> {
    let source = |text: &str| ("source".to_owned(), text.into());
    let raw = about
        .parameters
        .clone()
        .map(|text| ("parameters".to_owned(), text.into()));
    let exact = about
        .record
        .as_ref()
        .and_then(|record| Some((record, record.request()?)));
    if let Some((record, request)) = exact {
        let mut fields = fields(&request);
        fields.insert("index".to_owned(), record.index.into());
        fields.insert("version".to_owned(), record.version.clone().into());
        return fields.into_iter().chain([source("darkroom")]).chain(raw).collect();
    }
    let Some(info) = about.infotext() else {
        return Map::new();
    };
    let mut request = GenerateRequest::default();
    let mut others = Map::new();
    let texts = [("prompt", &info.prompt), ("negative_prompt", &info.negative)];
    let settings = info.settings.iter().map(|(key, value)| (field(key), value));
    for (name, value) in texts
        .map(|(name, text)| (name.to_owned(), text))
        .into_iter()
        .chain(settings)
    {
        if request.set_text(&name, value).is_err() {
            others.insert(name, value.clone().into());
        }
    }
    let mut all = fields(&request);
    all.extend(others);
    all.into_iter().chain([source("a1111")]).chain(raw).collect()
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

    #[test]
    fn other_programs_parameters_have_our_names() {
        let text = "a fox\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 5.5, Seed: 7, Size: 64x64, Model hash: e1441589a6, Clip skip: 2, Model: sd15";
        let about = About {
            record: None,
            parameters: Some(text.to_owned()),
        };
        let found = parameters(&about);
        let expected = [
            ("prompt", Value::from("a fox")),
            ("negative_prompt", "blurry".into()),
            ("steps", 20.into()),
            ("sampler", "Euler a".into()),
            ("cfg_scale", 5.5.into()),
            ("seed", 7.into()),
            ("size", "64x64".into()),
            ("model", "sd15".into()),
            ("model_hash", "e1441589a6".into()),
            ("clip_skip", "2".into()),
            ("source", "a1111".into()),
            ("parameters", text.into()),
        ];
        for (key, value) in expected {
            assert_eq!(found[key], value, "{key}");
        }
        assert!(found.values().all(|value| !value.is_object() && !value.is_array()));
        assert!(parameters(&About::default()).is_empty());
    }
}
