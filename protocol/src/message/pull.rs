//! What `pull` asks for and how it stands: files fetched from a hub or an address into a folder of models. `client.rs` has the requests
//! and replies that carry these, `daemon/src/pull` does what they say, `src/verbs/pull` asks. Tokens travel here and nowhere else: from
//! the command's environment to the daemon, over the private socket of one person, never into a file or a line of a log.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Files to fetch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PullAsk {
    /// `owner/repo[:variant][@revision]`, a CivitAI id or address, an https address, or a short name. The same once more goes on
    /// with what was not finished.
    pub what: String,
    /// Where it goes: a name in the folder of models, or an absolute path; ending in `/`, or a folder that is there: into that. By
    /// default the folder that the settings name first, under the name that it has where it comes from.
    #[serde(default)]
    pub to: Option<String>,
    /// Whether the person accepts the licence that it asks for.
    #[serde(default)]
    pub accept: bool,
    /// The hubs, and what opens them.
    #[serde(default)]
    pub access: Access,
}

/// The hubs to ask, and the tokens that they know the person by. What is absent the daemon takes from its own environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// The Hugging Face hub, `HF_ENDPOINT`.
    #[serde(default)]
    pub hub: Option<String>,
    /// Its token, `HF_TOKEN`.
    #[serde(default)]
    pub hub_token: Option<Secret>,
    /// CivitAI's address, `CIVITAI_ENDPOINT`.
    #[serde(default)]
    pub civitai: Option<String>,
    /// Its token, `CIVITAI_TOKEN`.
    #[serde(default)]
    pub civitai_token: Option<Secret>,
}

/// What must not be read by anybody: it is never shown, whatever it is a part of.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// How far a pull is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullState {
    /// Others are fetched before it.
    #[default]
    Waiting,
    /// What it consists of is being asked.
    Resolving,
    /// Its licence must be accepted first: `pull` with `accept`.
    Asks,
    /// Its files come.
    Fetching,
    /// All bytes are here, and are compared with their SHA-256.
    Checking,
    /// It is in its place.
    Done,
    /// It ended with a problem. What was fetched is kept: the same pull goes on from there.
    Failed,
    /// Somebody ended it. Nothing of it is left.
    Cancelled,
}

impl PullState {
    /// Whether nothing happens any more by itself.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }

    /// In a list.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Resolving => "resolving",
            Self::Asks => "asks",
            Self::Fetching => "fetching",
            Self::Checking => "checking",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A pull, as lists show it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pull {
    /// What names it: eight letters and digits.
    pub id: String,
    /// What was asked for, without what an address may keep secret.
    pub what: String,
    /// How far it is.
    pub state: PullState,
    /// Where it goes; empty until that is known.
    pub to: String,
    /// Its files; 0 until that is known.
    pub files: u32,
    /// Bytes of all of them; absent where a server does not say.
    pub bytes: Option<u64>,
    /// Bytes that are here.
    pub done: u64,
    /// Bytes a second, of the last moments.
    pub speed: u64,
    /// Seconds that are left at this speed.
    pub eta_s: Option<u64>,
    /// The licence that is named where it comes from; empty where none is.
    pub licence: String,
    /// What the person should know: what the licence asks, that no checksum is published, that a server makes it wait.
    pub notice: Option<String>,
    /// Why it failed, and what to do.
    pub problem: Option<String>,
    /// When it was asked for, in milliseconds since 1970.
    pub created_ms: i64,
}
