//! A bench run: what `darkroom bench` asks of a worker outside the queue, and what it is told.

use serde::{Deserialize, Serialize};

use crate::{Failure, ImageTask, Quant};

/// What to measure. It is the argument of `darkroom-worker --bench`, as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchOrder {
    /// The work.
    pub task: ImageTask,
    /// An empty folder for its pictures.
    pub staging: String,
    /// When the worker process was started, in seconds of Unix time.
    pub started: f64,
}

/// How a bench run ended: the line of JSON that the worker prints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BenchOutcome {
    /// It was measured.
    Done(Box<BenchReport>),
    /// It failed.
    Failed(Failure),
}

/// What was measured. Times are in milliseconds, memory is in bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BenchReport {
    /// The model's name.
    pub model: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Denoising steps.
    pub steps: u32,
    /// Pictures.
    pub batch: u32,
    /// How many of them are computed together; a step is a step of so many.
    pub micro_batch: u32,
    /// Where it was computed.
    pub device: String,
    /// The number format it was computed in.
    pub dtype: String,
    /// How weights were quantised.
    pub quant: Quant,
    /// Threads of the processor.
    pub threads: u32,
    /// From the worker's start to the first step's: the process, libtorch, the weights, the prompt.
    pub process_start_to_first_step_ms: f64,
    /// Files to a model that is ready.
    pub load_ms: f64,
    /// Both prompts to embeddings.
    pub encode_ms: f64,
    /// The first step.
    pub first_step_ms: f64,
    /// Median of the steps after the first, of the first where it is the only one.
    pub step_ms_median: f64,
    /// The same steps' 90th percentile (nearest rank).
    pub step_ms_p90: f64,
    /// Every step, in order.
    pub step_ms: Vec<f64>,
    /// Latents to pixels, mean of a picture.
    pub decode_ms: f64,
    /// From the beginning of loading to the last picture's file.
    pub total_ms: f64,
    /// The most main memory that the worker has used; mapped weights count once they were read.
    pub rss_peak: u64,
    /// The most memory of the device that tensors have used; of the processor, the same as `rss_peak`.
    pub device_peak: u64,
    /// Lines for the person, for instance that another number format was taken.
    pub notices: Vec<String>,
}
