//! What CivitAI says of a model, read under caps: which version, which of its files, with which sum. `resolve.rs` has it fetched. The
//! shapes are those of its public API, `/api/v1/models/ID` and `/api/v1/model-versions/ID`.

use darkroom_protocol::hash::is_sha256;
use darkroom_protocol::text::escape_line;
use serde::Deserialize;

use super::listing::check_path;
use super::record::Kind;

/// The most versions or files that are looked at.
const MOST: usize = 1000;

/// The file to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The version's number.
    pub version: u64,
    /// The file's name.
    pub name: String,
    pub sha256: Option<String>,
    /// Where it is, as the hub says.
    pub url: String,
    pub kind: Kind,
    /// What may be done with it, in words.
    pub licence: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Model {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    allow_commercial_use: serde_json::Value,
    #[serde(default)]
    model_versions: Vec<Version>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    id: u64,
    #[serde(default)]
    download_url: String,
    #[serde(default)]
    model: Option<About>,
    #[serde(default)]
    files: Vec<File>,
}

#[derive(Deserialize)]
struct About {
    #[serde(default)]
    r#type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    name: String,
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    primary: bool,
    #[serde(default)]
    download_url: String,
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    hashes: Option<Hashes>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    format: Option<String>,
}

#[derive(Deserialize)]
struct Hashes {
    #[serde(default, rename = "SHA256")]
    sha256: Option<String>,
}

/// The file of a model: of its newest version, or of that one.
///
/// # Errors
/// The end of a sentence.
pub(super) fn of_model(json: &[u8], version: Option<u64>) -> Result<Found, String> {
    let model: Model =
        serde_json::from_slice(json).map_err(|e| format!("is not what CivitAI says of a model ({e})"))?;
    let licence = licence(&model.allow_commercial_use);
    let kind = kind(&model.r#type)?;
    let numbers: Vec<String> = model
        .model_versions
        .iter()
        .take(8)
        .map(|known| known.id.to_string())
        .collect();
    let wanted = model
        .model_versions
        .into_iter()
        .take(MOST)
        .find(|known| version.is_none_or(|version| known.id == version));
    let wanted = wanted.ok_or_else(|| match version {
        Some(version) => format!("has no version {version}: there is {}", numbers.join(", ")),
        None => "has no version that can be had".to_owned(),
    })?;
    file(wanted, kind, licence)
}

/// The file of a version.
///
/// # Errors
/// The end of a sentence.
pub(super) fn of_version(json: &[u8]) -> Result<Found, String> {
    let version: Version =
        serde_json::from_slice(json).map_err(|e| format!("is not what CivitAI says of a version ({e})"))?;
    let kind = kind(version.model.as_ref().map_or("", |about| &about.r#type))?;
    file(version, kind, String::new())
}

fn file(version: Version, kind: Kind, licence: String) -> Result<Found, String> {
    let is_safe = |file: &File| {
        let format = file.metadata.as_ref().and_then(|metadata| metadata.format.as_deref());
        format == Some("SafeTensor") || file.name.ends_with(".safetensors")
    };
    let is_model = |file: &File| ["Model", "Pruned Model", ""].contains(&file.r#type.as_str());
    // The first of those that rank highest.
    let rank = |file: &File| (is_model(file), is_safe(file), file.primary);
    let mut best: Option<File> = None;
    for file in version.files.into_iter().take(MOST) {
        if best.as_ref().is_none_or(|best| rank(&file) > rank(best)) {
            best = Some(file);
        }
    }
    let best = best.ok_or("has no file that can be had")?;
    check_path(&best.name)?;
    if best.name.contains('/') || best.name.starts_with('.') {
        return Err(format!(
            "names a file {}, which no file may be called",
            escape_line(&best.name)
        ));
    }
    let sum = best
        .hashes
        .and_then(|hashes| hashes.sha256)
        .map(|sum| sum.to_ascii_lowercase());
    Ok(Found {
        version: version.id,
        name: best.name,
        sha256: sum.filter(|sum| is_sha256(sum)),
        url: if best.download_url.is_empty() {
            version.download_url
        } else {
            best.download_url
        },
        kind,
        licence,
    })
}

/// Which folder is that of a type.
fn kind(word: &str) -> Result<Kind, String> {
    Ok(match word {
        "Checkpoint" | "" => Kind::Model,
        "LORA" | "LoCon" | "DoRA" => Kind::Lora,
        "TextualInversion" => Kind::Embedding,
        "Upscaler" => Kind::Upscaler,
        "VAE" => Kind::Vae,
        "Controlnet" => Kind::ControlNet,
        other => {
            return Err(format!(
                "is a {}, which pictures are not made with here",
                escape_line(other)
            ));
        }
    })
}

/// For what the makers of pictures may be paid, as the model's page says it.
fn licence(allowed: &serde_json::Value) -> String {
    let words: Vec<String> = match allowed {
        serde_json::Value::String(word) => vec![word.clone()],
        serde_json::Value::Array(words) => words
            .iter()
            .filter_map(|word| Some(word.as_str()?.to_owned()))
            .take(8)
            .collect(),
        _ => return String::new(),
    };
    let words: Vec<String> = words.iter().map(|word| escape_line(word).to_lowercase()).collect();
    match words.is_empty() || words == ["none"] {
        true => "CivitAI's: no commercial use".to_owned(),
        false => format!("CivitAI's: commercial use for {}", words.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The shape of CivitAI's answer, shortened.
    const MODEL: &str = r#"{"id":4384,"name":"DreamShaper","type":"Checkpoint","nsfw":false,"allowCommercialUse":["Image","RentCivit"],
        "modelVersions":[{"id":128713,"modelId":4384,"name":"8","baseModel":"SD 1.5","files":[
        {"id":1,"sizeKB":13.5,"name":"config.yaml","type":"Config","downloadUrl":"https://civitai.com/api/download/models/128713?type=Config"},
        {"id":2,"sizeKB":2082642.47,"name":"dreamshaper_8.ckpt","type":"Model","metadata":{"fp":"fp16","size":"pruned","format":"PickleTensor"},"primary":true,
         "downloadUrl":"https://civitai.com/api/download/models/128713?type=Model&format=PickleTensor"},
        {"id":3,"sizeKB":2082642.47,"name":"dreamshaper_8.safetensors","type":"Model","metadata":{"fp":"fp16","size":"pruned","format":"SafeTensor"},
         "hashes":{"AutoV2":"879DB523C3","SHA256":"879DB523C30D3B9017143D56705015E15A2CB5628762C11D086FED9538ABD7FD"},
         "downloadUrl":"https://civitai.com/api/download/models/128713"}]},
        {"id":109123,"name":"7","files":[]}]}"#;

    #[test]
    fn the_newest_version_and_its_safetensors() {
        let found = of_model(MODEL.as_bytes(), None).unwrap();
        assert_eq!(
            (found.version, found.name.as_str(), found.kind),
            (128_713, "dreamshaper_8.safetensors", Kind::Model)
        );
        assert!(found.sha256.unwrap().starts_with("879db523"));
        assert_eq!(found.licence, "CivitAI's: commercial use for image, rentcivit");
        assert!(
            of_model(MODEL.as_bytes(), Some(109_123))
                .unwrap_err()
                .contains("no file")
        );
        assert!(
            of_model(MODEL.as_bytes(), Some(1))
                .unwrap_err()
                .contains("there is 128713, 109123")
        );
    }

    #[test]
    fn a_version_says_what_it_is_of() {
        let json = r#"{"id":7,"model":{"name":"x","type":"LORA"},"files":[{"name":"x.safetensors","type":"Model","downloadUrl":"https://civitai.com/y"}]}"#;
        assert_eq!(of_version(json.as_bytes()).unwrap().kind, Kind::Lora);
        let bad = json.replace("x.safetensors", "../x.safetensors");
        assert!(of_version(bad.as_bytes()).unwrap_err().contains("../x.safetensors"));
        let other = json.replace("LORA", "Workflows");
        assert!(of_version(other.as_bytes()).unwrap_err().contains("Workflows"));
    }

    proptest! {
        #[test]
        fn whatever_comes_ends(at in 0..MODEL.len(), bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            let mut json = MODEL.as_bytes().to_vec();
            json.splice(at..(at + bytes.len()).min(MODEL.len()), bytes);
            for found in [of_model(&json, None), of_version(&json)].into_iter().flatten() {
                prop_assert!(!found.name.contains('/') && !found.name.chars().any(char::is_control));
            }
        }
    }
}
