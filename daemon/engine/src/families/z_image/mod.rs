//! Z-Image (Tongyi-MAI 2025, arXiv 2511.22699): one stream of picture and prompt through a transformer, noise that flows, a language model
//! for prompts and FLUX.1's autoencoder. Turbo and base are one network.

mod family;
mod keys;
mod transformer;

pub use darkroom_formats::schema::ZImageConfig;
pub use family::ZImage;
pub use transformer::ZImageTransformer2DModel;

#[cfg(test)]
mod tests;
