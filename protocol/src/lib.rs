//! What travels between Darkroom's processes: requests, tasks, reports, events and their codecs.
//!
//! One vocabulary, two encodings on one socket: bincode in length-prefixed frames between Darkroom's own processes
//! ([`codec::frame`]), JSON-RPC 2.0 lines for everybody else ([`codec::rpc`]). Nothing here opens a connection: `darkroom-client`
//! and the daemon do.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod bench;
pub mod codec;
pub mod data_folder;
pub mod device;
pub mod event;
pub mod failpoint;
pub mod files;
pub mod guidance;
pub mod hash;
pub mod hires;
pub mod history;
pub mod host;
pub mod id;
pub mod inpaint;
pub mod job;
pub mod job_name;
pub mod keep_alive;
pub mod load;
pub mod log;
pub mod lora;
pub mod message;
pub mod model;
pub mod output;
pub mod params;
pub mod part;
pub mod paths;
pub mod picture;
pub mod prediction;
pub mod prompting;
pub mod quant;
pub mod residency;
pub mod resize;
pub mod sampler;
pub mod tag;
pub mod task;
pub mod text;
pub mod tiling;
pub mod time;
pub mod upscaler;
pub mod worker_status;

mod error;

pub use device::{DeviceStatus, Dtype};
pub use error::Error;
pub use event::{Event, EventKind, EventName, Phase, Preview, Progress, Subject};
pub use guidance::{GuidanceMethod, ScaleCurve};
pub use hires::Hires;
pub use inpaint::{Inpaint, InpaintArea, InpaintFill, MaskMode};
pub use job::{Failure, FailureKind, Job, JobId, JobState, MAX_FAILURE};
pub use job_name::JobName;
pub use keep_alive::KeepAlive;
pub use load::{LoadChange, LoadId, LoadState};
pub use message::client::{ClientMessage, Reply, Request, ServerMessage};
pub use message::worker::{Assignment, Order, Outcome, Report};
pub use model::{ModelCard, ModelTask};
pub use output::{Delivery, Output};
pub use params::GenerateRequest;
pub use part::{PartFile, PartRole};
pub use picture::{Format, Picture};
pub use prediction::Prediction;
pub use prompting::{Emphasis, PromptSyntax};
pub use quant::Quant;
pub use residency::{Residency, ResidentComponent, ResidentModel};
pub use resize::ResizeMode;
pub use sampler::{NoiseSource, Sampler, Schedule};
pub use task::{ImageTask, ModelSource, Task};
pub use tiling::Tiling;
pub use worker_status::{WorkerState, WorkerStatus};

/// The version of the wire. Processes of different versions refuse each other with the remedy.
pub const VERSION: u16 = 10;

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;
