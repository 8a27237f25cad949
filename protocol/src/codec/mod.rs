//! The two encodings of the same nouns, and the bytes that tell them apart.

pub mod blob;
pub mod frame;
pub mod preface;
pub mod rpc;
mod tree;
mod typed;

/// The longest frame in bytes. What the daemon and its workers say to each other, and its answers, stay below it.
pub const MAX_MESSAGE: usize = 16 << 20;
/// The longest request in bytes, as a frame or a line: a piece of an upload in base64, or two of the longest prompts with every
/// character escaped, and room to spare.
pub const MAX_REQUEST: usize = 2 << 20;
