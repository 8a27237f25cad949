//! FLUX.1 and Chroma (`FluxTransformer2DModel` and `ChromaTransformer2DModel` of diffusers): a transformer whose first blocks keep prompt
//! and picture apart, and two text encoders or one. Their autoencoder is `autoencoder_kl/`.

mod blocks;
mod family;
mod keys;
mod time;
mod transformer;

pub use darkroom_formats::schema::FluxConfig;
pub use family::Flux;
pub use transformer::FluxTransformer2DModel;

#[cfg(test)]
mod file_tests;
#[cfg(test)]
mod tests;
