//! Model families, one folder each. Fields are named as the checkpoint's tensors (diffusers' spelling) and `forward` shows
//! every layer.

#[cfg(test)]
pub(crate) mod fixture;
pub mod stable_diffusion;
pub mod taesd;
