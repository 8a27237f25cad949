//! The first bytes of a binary connection, in an encoding that never changes.
//!
//! `\0DKR`, the protocol version as a big-endian u16, the length of the Hello as a big-endian u32 (at most 64 KiB), the
//! Hello as a JSON object. Each end sends its own; who reads another version than its own says so with the remedy.
//! A connection that begins with `{` or white space speaks JSON lines instead.

use serde::{Deserialize, Serialize};

use crate::data_folder::DataFolder;
use crate::{Error, Result, VERSION};

/// The first four bytes.
pub const MAGIC: [u8; 4] = *b"\0DKR";
/// Magic, version and length.
pub const HEAD: usize = 10;
/// The longest Hello in bytes.
pub const MAX_HELLO: usize = 64 * 1024;

/// Who is speaking. Unknown fields are ignored and absent ones empty, in every version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hello {
    /// Release, for instance `0.1.0`.
    pub build: String,
    /// Process id.
    pub pid: u32,
    /// `client`, `daemon` or `worker`.
    pub role: String,
    /// What it can do beyond the version's minimum.
    pub capabilities: Vec<String>,
    /// The data folder that it serves, or whose daemon it looks for; `None` where it has none, as a worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<DataFolder>,
}

impl Hello {
    /// This process in that role.
    pub fn of(role: &str) -> Self {
        Self {
            build: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            role: role.to_owned(),
            capabilities: vec![],
            data: None,
        }
    }

    /// The preface that carries it.
    pub fn encode(&self) -> Vec<u8> {
        self.encode_as(VERSION)
    }

    fn encode_as(&self, version: u16) -> Vec<u8> {
        let body = serde_json::to_vec(self).unwrap_or_default();
        let mut out = Vec::with_capacity(HEAD + body.len());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&version.to_be_bytes());
        out.extend_from_slice(&(body.len() as u32).to_be_bytes());
        out.extend_from_slice(&body);
        out
    }
}

/// The head of a preface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The other end's protocol version.
    pub version: u16,
    /// Bytes of its Hello.
    pub length: usize,
}

impl Head {
    /// Reads the ten bytes.
    pub fn parse(bytes: &[u8; HEAD]) -> Result<Self> {
        if bytes[..4] != MAGIC {
            return Err(Error::Malformed(
                "the connection does not begin with \\0DKR: this is no Darkroom daemon".to_owned(),
            ));
        }
        let length = u32::from_be_bytes([bytes[6], bytes[7], bytes[8], bytes[9]]) as usize;
        if length > MAX_HELLO {
            return Err(Error::TooLong {
                size: length as u64,
                limit: MAX_HELLO as u64,
            });
        }
        Ok(Self {
            version: u16::from_be_bytes([bytes[4], bytes[5]]),
            length,
        })
    }

    /// Reads the Hello that follows; another version is an error that names both.
    pub fn hello(self, bytes: &[u8]) -> Result<Hello> {
        let hello: Hello = serde_json::from_slice(bytes).map_err(|e| Error::Malformed(format!("Hello: {e}")))?;
        if self.version != VERSION {
            return Err(Error::Version {
                theirs: self.version,
                pid: hello.pid,
                theirs_build: crate::text::escape_line(&hello.build).into_owned(),
                ours: VERSION,
                ours_build: env!("CARGO_PKG_VERSION").to_owned(),
            });
        }
        Ok(hello)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_never_change() {
        let hello = Hello {
            build: "0.1.0".into(),
            pid: 7,
            role: "client".into(),
            capabilities: vec![],
            data: None,
        };
        let golden = b"\0DKR\0\x01\0\0\0\x41{\"build\":\"0.1.0\",\"pid\":7,\"role\":\"client\",\"capabilities\":[]}";
        let bytes = hello.encode_as(1);
        assert_eq!(
            bytes[..HEAD],
            golden[..6]
                .iter()
                .chain(&((bytes.len() - HEAD) as u32).to_be_bytes())
                .copied()
                .collect::<Vec<_>>()[..]
        );
        assert_eq!(bytes[HEAD..], golden[HEAD..]);
        let head = Head::parse(bytes[..HEAD].try_into().unwrap()).unwrap();
        let ours = Head {
            version: VERSION,
            ..head
        };
        assert_eq!(ours.hello(&bytes[HEAD..]).unwrap(), hello);
    }

    #[test]
    fn another_version_is_refused_with_the_remedy() {
        let bytes = Hello::of("daemon").encode_as(99);
        let head = Head::parse(bytes[..HEAD].try_into().unwrap()).unwrap();
        let message = head.hello(&bytes[HEAD..]).unwrap_err().to_string();
        assert!(
            message.contains("protocol 99") && message.contains("darkroom daemon restart"),
            "{message}"
        );
    }

    #[test]
    fn fields_of_other_versions_are_ignored() {
        let head = Head {
            version: VERSION,
            length: 0,
        };
        assert_eq!(head.hello(br#"{"build":"9","color":"red"}"#).unwrap().build, "9");
    }

    #[test]
    fn a_lying_length_is_refused() {
        assert!(Head::parse(b"\0DKR\0\x01\xff\xff\xff\xff").is_err());
        assert!(Head::parse(b"GET / HTTP").is_err());
    }
}
