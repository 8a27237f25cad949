//! The safe face of libtorch: everything that `tch` cannot do, and the only place that reads libtorch's error texts.
//!
//! `tch` gives the operations. This room gives devices that `tch` has no name for, seeded generators, memory figures, typed
//! failures, backends loaded at run time, and the choice of a dtype. It knows nothing of models.

mod arena;
mod backends;
mod catch;
mod choose;
mod classify;
mod cores;
mod cpu;
mod device;
mod devices;
mod fast;
mod ffi;
#[cfg(test)]
mod ffi_tests;
mod fused;
mod generator;
mod inference;
mod int8;
mod kind;
mod load;
mod memory;
mod names;
mod profile;
mod system;
mod tensor;
mod threads;
mod view;
mod wide;

pub use arena::keep_memory;
pub use backends::{Backends, check_version, folder, load_backends, version};
pub use catch::catch;
pub use choose::{choose_dtype, dtype_for};
pub use cores::physical_cores;
pub use cpu::cpu_features;
pub use device::{Device, UnknownDevice};
pub use devices::{DeviceInfo, devices};
pub use fast::{Packed, fused_attention, pack_conv, pack_linear, raise};
pub use fused::{GroupNorm, fused_geglu, fused_group_norm};
pub use generator::Generator;
pub use inference::{InferenceMode, inference_mode, is_inference_mode};
pub use int8::{Int8, int8_possible};
pub use kind::kind_name;
pub use load::{FollowingLoad, follow_load};
pub use memory::{Memory, empty_cache, memory, reset_peak, synchronise};
pub use profile::{Operation, profile};
pub use tensor::{bytes_of, channels_last, device_of, from_bytes, keep, kind_of, to, zeros};
pub use threads::{set_threads, threads, threads_used};
pub use view::{Bytes, view};
pub use wide::{Products, products, wide_conv3x3, wide_linear, wide_pays, wide_serves, winograd_pays};
