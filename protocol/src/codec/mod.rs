//! The two encodings of the same nouns, and the bytes that tell them apart.

pub mod blob;
pub mod frame;
pub mod preface;
pub mod rpc;

/// The longest frame or line in bytes.
pub const MAX_MESSAGE: usize = 16 << 20;
