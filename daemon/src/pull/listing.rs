//! What a hub says of a repository, read under caps: its commit, its licence, its files with sizes and sums. `resolve.rs` has it fetched,
//! `choose.rs` picks files of it. A name that would leave the folder it belongs in is refused by name, whatever else is right.

use darkroom_protocol::hash::is_sha256;
use darkroom_protocol::text::escape_line;
use serde::Deserialize;

/// The most files of a repository.
const MOST_FILES: usize = 20_000;
/// The longest path of one, in bytes.
const LONGEST: usize = 1024;

/// What there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listing {
    /// The commit that was listed, which is the one to fetch.
    pub commit: String,
    /// The licence's name, as the hub has it.
    pub licence: String,
    /// Whether the hub wants it accepted before it hands out files.
    pub gated: bool,
    /// In the hub's order.
    pub files: Vec<HubFile>,
}

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HubFile {
    /// Where it lies in the repository.
    pub path: String,
    /// Its bytes, where the hub says so.
    pub size: Option<u64>,
    /// Its SHA-256, where it is kept in large file storage.
    pub sha256: Option<String>,
}

#[derive(Deserialize)]
struct Said {
    sha: String,
    #[serde(default)]
    gated: serde_json::Value,
    #[serde(default, rename = "cardData")]
    card: Option<serde_json::Value>,
    #[serde(default)]
    tags: Vec<serde_json::Value>,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    #[serde(default)]
    sha256: Option<String>,
    /// What another endpoint calls it.
    #[serde(default)]
    oid: Option<String>,
    #[serde(default)]
    size: Option<u64>,
}

impl Listing {
    /// Reads the answer to `/api/models/REPO/revision/REVISION?blobs=true`.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let said: Said =
            serde_json::from_slice(json).map_err(|e| format!("is not what a hub says of a repository ({e})"))?;
        if said.siblings.len() > MOST_FILES {
            return Err(format!(
                "lists {} files, the most are {MOST_FILES}",
                said.siblings.len()
            ));
        }
        let is_commit = !said.sha.is_empty() && said.sha.len() <= 64 && said.sha.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_commit {
            return Err("names no commit".to_owned());
        }
        let files: Result<Vec<HubFile>, String> = said.siblings.into_iter().map(HubFile::read).collect();
        Ok(Self {
            licence: licence(said.card.as_ref(), &said.tags),
            gated: !matches!(said.gated, serde_json::Value::Null | serde_json::Value::Bool(false)),
            commit: said.sha,
            files: files?,
        })
    }
}

impl HubFile {
    fn read(sibling: Sibling) -> Result<Self, String> {
        let path = sibling.rfilename;
        check_path(&path)?;
        let lfs = sibling.lfs;
        let sum = lfs
            .as_ref()
            .and_then(|lfs| lfs.sha256.clone().or_else(|| lfs.oid.clone()));
        let sum = sum.map(|sum| sum.trim_start_matches("sha256:").to_ascii_lowercase());
        Ok(Self {
            size: lfs.and_then(|lfs| lfs.size).or(sibling.size),
            sha256: sum.filter(|sum| is_sha256(sum)),
            path,
        })
    }
}

/// Whether a file may be called so below the folder it is put into.
///
/// # Errors
/// The end of a sentence, with the name.
pub(super) fn check_path(path: &str) -> Result<(), String> {
    let whole = path.len() <= LONGEST && !path.chars().any(|c| c.is_control() || c == '\\');
    let part = |part: &str| !part.is_empty() && part != "." && part != ".." && part.len() <= 255;
    if whole && !path.starts_with('/') && path.split('/').all(part) {
        return Ok(());
    }
    let begin: String = path.chars().take(80).collect();
    Err(format!(
        "names a file {}, which no file may be called",
        escape_line(&begin)
    ))
}

/// The licence that the model's card or its tags name.
fn licence(card: Option<&serde_json::Value>, tags: &[serde_json::Value]) -> String {
    let text = |key: &str| card.and_then(|card| card.get(key)).and_then(|value| value.as_str());
    // "other" says that its own name stands beside it.
    let named = text("license")
        .filter(|name| *name != "other")
        .or_else(|| text("license_name"))
        .or_else(|| text("license"));
    let tagged = || tags.iter().find_map(|tag| tag.as_str()?.strip_prefix("license:"));
    let found: String = named.or_else(tagged).unwrap_or_default().chars().take(80).collect();
    escape_line(&found).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[test]
    fn a_hubs_answer_is_read() {
        let json = br#"{"_id":"x","id":"o/r","sha":"0a1b","gated":"auto","cardData":{"license":"other","license_name":"flux-1-dev"},
            "siblings":[{"rfilename":"model_index.json","size":541,"blobId":"b"},
            {"rfilename":"unet/diffusion_pytorch_model.safetensors","size":10,"lfs":{"sha256":"0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F","size":10,"pointerSize":134}}]}"#;
        let listing = Listing::parse(json).unwrap();
        assert_eq!((listing.licence.as_str(), listing.gated), ("flux-1-dev", true));
        assert_eq!(listing.files[0].size, Some(541));
        assert_eq!(listing.files[1].sha256, Some("0f".repeat(32)));
    }

    #[rstest]
    #[case("../x")]
    #[case("/etc/passwd")]
    #[case("a/../../x")]
    #[case("a//b")]
    #[case("a\u{1b}[2J")]
    #[case("..\\x")]
    #[case("")]
    fn names_that_lead_out_are_refused_by_name(#[case] name: &str) {
        let json = serde_json::json!({ "sha": "0a", "siblings": [{ "rfilename": name }] }).to_string();
        let error = Listing::parse(json.as_bytes()).unwrap_err();
        assert!(
            error.contains(&*escape_line(name)) && !error.contains('\u{1b}'),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn whatever_comes_ends(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Listing::parse(&bytes);
        }

        #[test]
        fn whatever_is_accepted_stays_inside(names in prop::collection::vec("(\\.|/|\\\\|a|\\PC){0,6}", 0..5), gated in any::<bool>(), size in any::<Option<i64>>()) {
            let files: Vec<_> = names.iter().map(|name| serde_json::json!({ "rfilename": name, "size": size, "lfs": null })).collect();
            let json = serde_json::json!({ "sha": "0a", "gated": gated, "siblings": files }).to_string();
            if let Ok(listing) = Listing::parse(json.as_bytes()) {
                for file in listing.files {
                    let path = std::path::Path::new(&file.path);
                    let normal = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
                    prop_assert!(normal && !file.path.is_empty());
                }
            }
        }
    }
}
