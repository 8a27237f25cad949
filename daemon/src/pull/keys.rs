//! Which hubs are asked, and with which tokens: what the command brought, else what the daemon's own environment says, as
//! `huggingface_hub` reads it. Read when it is needed and kept nowhere.

use std::path::{Path, PathBuf};

use darkroom_protocol::files;
use darkroom_protocol::message::pull::{Access, Secret};

use super::record::Record;
use super::web::{CIVITAI, HUB, Keys};

/// The longest file of a token.
const MAX_BYTES: u64 = 4096;

/// What a pull asks with.
pub(super) fn keys(access: &Access, record: &Record) -> Keys {
    let named = |given: &Option<String>, kept: &Option<String>, variable: &str, otherwise: &str| {
        let found = given.clone().or_else(|| kept.clone()).or_else(|| set(variable));
        found.unwrap_or_else(|| otherwise.to_owned())
    };
    let own = Access::of_environment();
    Keys {
        hub: named(&access.hub, &record.hub, "HF_ENDPOINT", HUB),
        hub_token: access.hub_token.clone().or(own.hub_token),
        civitai: named(&access.civitai, &record.civitai, "CIVITAI_ENDPOINT", CIVITAI),
        civitai_token: access.civitai_token.clone().or(own.civitai_token),
    }
}

/// What a person's environment says of hubs and tokens.
pub trait OfEnvironment {
    /// `HF_ENDPOINT`, `HF_TOKEN` or the file that `hf auth login` writes, `CIVITAI_ENDPOINT`, `CIVITAI_TOKEN`.
    fn of_environment() -> Self;
}

impl OfEnvironment for Access {
    fn of_environment() -> Self {
        let token = set("HF_TOKEN").or_else(|| {
            let text = files::read_text(&token_file()?, MAX_BYTES).ok()?;
            Some(text.trim().to_owned())
        });
        let usable = |token: &String| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        Self {
            hub: set("HF_ENDPOINT"),
            hub_token: token.filter(usable).map(Secret),
            civitai: set("CIVITAI_ENDPOINT"),
            civitai_token: set("CIVITAI_TOKEN").filter(usable).map(Secret),
        }
    }
}

fn set(variable: &str) -> Option<String> {
    std::env::var(variable)
        .ok()
        .filter(|value| !value.trim().is_empty())
        .map(|value| value.trim().to_owned())
}

/// Where `hf auth login` puts the token.
fn token_file() -> Option<PathBuf> {
    let path = |variable: &str| set(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
    let cache = || path("XDG_CACHE_HOME").or_else(|| home().map(|home| home.join(".cache")));
    let base = || path("HF_HOME").or_else(|| cache().map(|cache| cache.join("huggingface")));
    path("HF_TOKEN_PATH").or_else(|| base().map(|base| base.join(Path::new("token"))))
}
