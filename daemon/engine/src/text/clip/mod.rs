//! OpenAI's CLIP text encoder (Radford et al. 2021), as transformers' `CLIPTextModel` has it.

mod encoder_layer;
mod model;

pub use darkroom_formats::schema::ClipTextConfig;
pub use model::ClipTextModel;

#[cfg(test)]
mod tests;
