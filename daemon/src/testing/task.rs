use darkroom_protocol::{Conditioning, Dtype, Format, ImageTask, ModelSource, Quant, Sampler, Schedule, Task};

/// A task of one small picture with that prompt.
pub fn task(prompt: &str) -> Task {
    Task::Image(ImageTask {
        model: "emoji".to_owned(),
        source: ModelSource::Embedded("emoji".to_owned()),
        prompt: Conditioning::plain(prompt),
        negative: Conditioning::plain(""),
        width: 64,
        height: 64,
        steps: 2,
        cfg_scale: 1.0,
        sampler: Sampler::Euler,
        schedule: Schedule::Auto,
        prediction: None,
        seed: 7,
        batch: 1,
        micro_batch: 1,
        device: String::new(),
        dtype: Dtype::Auto,
        threads: 0,
        format: Format::Png,
        quant: Quant::None,
        vae_tiling: false,
        offload: false,
        two_passes: false,
    })
}
