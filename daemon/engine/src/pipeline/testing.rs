use darkroom_protocol::{Conditioning, Dtype, Format, ImageTask, ModelSource, Quant, Sampler, Schedule};

/// A task of the embedded model.
pub fn task(batch: u32, micro_batch: u32) -> ImageTask {
    ImageTask {
        model: "emoji".into(),
        source: ModelSource::Embedded("emoji".into()),
        prompt: Conditioning::plain("apple"),
        negative: Conditioning::plain(""),
        width: 64,
        height: 64,
        steps: 1,
        cfg_scale: 4.0,
        sampler: Sampler::Ddim,
        schedule: Schedule::Auto,
        prediction: None,
        seed: 0,
        batch,
        micro_batch,
        device: "cpu".into(),
        dtype: Dtype::F32,
        threads: 0,
        format: Format::Png,
        quant: Quant::None,
        vae_tiling: false,
        offload: false,
        two_passes: false,
    }
}
