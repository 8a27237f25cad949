//! NovelAI: `Software` names it, `Description` is the prompt, `Comment` its settings as JSON, `Source` its model. In WebP all of
//! them stand in one JSON object in the user comment. What it hides in the lowest bits of the alpha channel is not read.

use serde_json::{Map, Value};

use super::collect::{looks_like_object, object, plain};
use super::{Said, Texts, Writer};

const NAME: &str = "NovelAI";

const ROWS: &[(&str, &str)] = &[
    ("steps", "steps"),
    ("sampler", "sampler"),
    ("seed", "seed"),
    ("scale", "cfg_scale"),
    ("cfg_rescale", "guidance_rescale"),
    ("noise_schedule", "schedule"),
    ("width", "width"),
    ("height", "height"),
];

/// Hexadecimal digits behind a model's name.
const HASH: usize = 8;

pub(super) fn read(texts: &Texts) -> Option<Said> {
    if texts.get("Software").is_some_and(|name| name.starts_with(NAME)) {
        let text = |name: &str| texts.get(name).map(str::to_owned);
        return Some(parameters(text("Description"), text("Comment"), text("Source")));
    }
    let comment = texts.get("UserComment").filter(|text| looks_like_object(text))?;
    let all = object(comment).ok()?;
    let text = |name: &str| all.get(name).map(plain);
    let is_its = text("Software").is_some_and(|name| name.starts_with(NAME));
    is_its.then(|| parameters(text("Description"), text("Comment"), text("Source")))
}

fn parameters(description: Option<String>, comment: Option<String>, source: Option<String>) -> Said {
    let mut said = Said::new(Writer::NovelAi);
    let mut settings = match comment.as_deref().map(object) {
        Some(Ok(settings)) => settings,
        Some(Err(why)) => {
            said.cannot_read("Comment", &why);
            Map::new()
        }
        None => Map::new(),
    };
    let captions = [("v4_prompt", "prompt"), ("v4_negative_prompt", "uc")];
    let [prompt, negative] = captions.map(|(key, plain)| {
        let whole = captioned(&mut said, &mut settings, key).map(Value::from);
        [(key, whole), (plain, settings.remove(plain))]
    });
    let described = ("Description", description.map(Value::from));
    choose(&mut said, "prompt", prompt.into_iter().chain([described]));
    choose(&mut said, "negative_prompt", negative.into_iter());
    model(&mut said, source.as_deref());
    // It is there for pictures that began with noise, too.
    let kind = settings.get("request_type").and_then(Value::as_str).unwrap_or_default();
    let is_from_picture = ["Img2Img", "Infill"].iter().any(|known| kind.contains(known));
    let strength = settings.remove("strength").unwrap_or_default();
    match is_from_picture {
        true => said.put("denoise", "strength", &strength),
        false => said.other("strength", &strength),
    }
    said.all(&settings, ROWS);
    said
}

/// The first of several texts of one prompt counts; others are kept beside it, each once.
fn choose<'a>(said: &mut Said, row: &str, texts: impl Iterator<Item = (&'a str, Option<Value>)>) {
    let mut known = Vec::new();
    for (key, text) in texts.filter_map(|(key, text)| Some((key, text?))) {
        if !known.contains(&text) {
            said.put(row, key, &text);
            known.push(text);
        }
    }
}

/// The caption of version 4 and later: that of the picture, and one for each character, on lines of their own. Where there are
/// characters the whole stays beside it, as they have places.
fn captioned(said: &mut Said, settings: &mut Map<String, Value>, key: &str) -> Option<String> {
    let whole = settings.remove(key)?;
    let caption = &whole["caption"];
    let Some(base) = caption["base_caption"].as_str() else {
        said.other(key, &whole);
        return None;
    };
    let characters = caption["char_captions"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let mut lines = vec![base];
    lines.extend(characters.iter().filter_map(|one| one["char_caption"].as_str()));
    let text = lines.join("\n");
    if !characters.is_empty() {
        said.other(key, &whole);
    }
    Some(text)
}

/// "NovelAI Diffusion V4.5 4BDE2A90" is a model and its hash.
fn model(said: &mut Said, source: Option<&str>) {
    let Some(source) = source else { return };
    match source.rsplit_once(' ') {
        Some((name, hash)) if hash.len() == HASH && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            said.put("model", "Source", &name.into());
            said.other("Source", &source.into());
        }
        _ => said.put("model", "Source", &source.into()),
    }
}
