//! bincode in frames: a little-endian u32 length, then the message.
//!
//! Never stored: bincode has no field names, and the other end is always of the same version.

use std::io::Read;

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::codec::LengthDelimitedCodec;

use super::MAX_MESSAGE;
use crate::{Error, Result};

const CONFIG: Configuration<LittleEndian, Varint, Limit<MAX_MESSAGE>> =
    bincode::config::standard().with_limit::<MAX_MESSAGE>();

/// The body of a frame.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>> {
    let bytes = bincode::serde::encode_to_vec(message, CONFIG).map_err(|e| Error::Malformed(e.to_string()))?;
    if bytes.len() > MAX_MESSAGE {
        return Err(Error::TooLong {
            size: bytes.len() as u64,
            limit: MAX_MESSAGE as u64,
        });
    }
    Ok(bytes)
}

/// The message in the body of a frame. All bytes must be used.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let (message, used) =
        bincode::serde::decode_from_slice(bytes, CONFIG).map_err(|e| Error::Malformed(e.to_string()))?;
    if used != bytes.len() {
        return Err(Error::Malformed(format!("{} bytes are left over", bytes.len() - used)));
    }
    Ok(message)
}

/// The framing of an asynchronous stream.
pub fn framing() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder()
        .little_endian()
        .length_field_length(4)
        .max_frame_length(MAX_MESSAGE)
        .new_codec()
}

/// A whole frame: length and body.
pub fn frame<T: Serialize>(message: &T) -> Result<Vec<u8>> {
    let body = encode(message)?;
    let mut out = Vec::with_capacity(4 + body.len());
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(&body);
    Ok(out)
}

/// Writes one frame to a blocking stream.
pub fn write<T: Serialize>(out: &mut impl std::io::Write, message: &T) -> Result<()> {
    let bytes = frame(message)?;
    out.write_all(&bytes)
        .and_then(|()| out.flush())
        .map_err(|source| Error::Io {
            doing: "Writing a frame".to_owned(),
            source,
        })
}

/// Reads one frame from a blocking stream; `None` at its end. Memory grows with what arrives, not with what is announced.
pub fn read<T: DeserializeOwned>(input: &mut impl Read) -> Result<Option<T>> {
    let failed = |source| Error::Io {
        doing: "Reading a frame".to_owned(),
        source,
    };
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(failed(e)),
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_MESSAGE {
        return Err(Error::TooLong {
            size: length as u64,
            limit: MAX_MESSAGE as u64,
        });
    }
    let mut body = Vec::new();
    input.take(length as u64).read_to_end(&mut body).map_err(failed)?;
    if body.len() < length {
        Ok(None)
    } else {
        decode(&body).map(Some)
    }
}
