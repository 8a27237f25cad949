//! Every family that is recognised, one row each, in the order in which they are tried. To build one, fill in its row.
//!
//! Order matters where one row's marks are a part of another's; tests try every row's own example, and the tensors of published
//! models, against the whole table. Marks of original layouts are those of ComfyUI (`detect_unet_config` of
//! comfy/model_detection.py) and stable-diffusion.cpp (`get_sd_version` of src/model_loader.cpp); those of diffusers are the
//! names in its 0.42 classes. A ControlNet has its model's first layers and not its last: marks of diffusers' layout name one
//! near the end, or what a ControlNet has more.

mod transformers;
mod unets;
mod videos;

use super::Row;
pub(super) use transformers::{CHROMA, FLUX_1, Z_IMAGE};
pub(super) use unets::{STABLE_DIFFUSION_1, STABLE_DIFFUSION_2, STABLE_DIFFUSION_XL, STABLE_DIFFUSION_XL_REFINER};

/// The rows, in order.
pub(crate) fn families() -> impl Iterator<Item = &'static Row> {
    unets::ROWS.iter().chain(transformers::ROWS).chain(videos::ROWS)
}
