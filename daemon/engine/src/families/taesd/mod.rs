//! TAESD, the tiny autoencoder for previews (madebyollin/taesd): its decoder, in the names of its own files.

mod block;
mod decoder;

pub use decoder::Decoder;

#[cfg(test)]
mod tests;
