//! What is being written, kept in a file so that it outlives the client, however that ends. A file of another version, or a damaged
//! one, is no draft.

use std::collections::BTreeMap;

use darkroom_protocol::GenerateRequest;
use darkroom_protocol::host::Host;
use serde::{Deserialize, Serialize};

use super::given::Given;

/// The longest draft that is read, in bytes: far more than a prompt may have, for what is written is kept before it is shortened.
pub const MOST: u64 = 64 << 20;

/// The file for what is made on another machine.
pub fn file_of(host: &Host) -> String {
    format!("draft-{}.json", host.file_name())
}

/// What is being written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Draft {
    /// The prompt.
    pub prompt: String,
    /// The negative prompt.
    pub negative: String,
    /// The parameters.
    pub request: GenerateRequest,
    /// Files for them, by their names.
    pub files: BTreeMap<String, Given>,
}

impl Draft {
    /// As it is kept.
    pub fn to_json(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }

    /// As it was kept.
    pub fn from_json(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_comes_back() {
        let draft = Draft {
            prompt: "a fox\nin the snow".to_owned(),
            negative: "夜".to_owned(),
            request: GenerateRequest {
                steps: Some(4),
                ..GenerateRequest::default()
            },
            files: [("init_image".to_owned(), Given::Path("~/a.png".to_owned()))].into(),
        };
        assert_eq!(Draft::from_json(&draft.to_json().unwrap()), draft);
        for text in ["", "{", "[]", "{\"request\": {\"steps\": 0}}"] {
            assert_eq!(Draft::from_json(text), Draft::default(), "{text}");
        }
    }
}
