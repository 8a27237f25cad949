use darkroom_formats::infotext::Infotext;
use darkroom_protocol::ImageTask;

/// A1111's `parameters` text for picture `index` of `task`.
pub fn parameters(task: &ImageTask, index: u32) -> String {
    Infotext::new(&task.prompt.text, task.metadata(index)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::{Conditioning, Dtype, Format, ModelSource, Quant, Sampler, Schedule};

    fn task() -> ImageTask {
        ImageTask {
            model: "sd, 1.5".into(),
            source: ModelSource::Folder("/models/sd".into()),
            prompt: Conditioning::plain("a fox,\nred"),
            negative: Conditioning::plain("blurry"),
            width: 512,
            height: 768,
            steps: 20,
            cfg_scale: 6.5,
            sampler: Sampler::DpmPp2m,
            schedule: Schedule::Karras,
            prediction: None,
            seed: 41,
            batch: 4,
            micro_batch: 1,
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

    #[test]
    fn the_text_is_laid_out_as_a1111_does() {
        let text = parameters(&task(), 1);
        let version = env!("CARGO_PKG_VERSION");
        let expected = format!(
            "a fox,\nred\nNegative prompt: blurry\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, \
             Seed: 42, Size: 512x768, Model: \"sd, 1.5\", Version: darkroom {version}"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn an_empty_negative_prompt_has_no_line() {
        let task = ImageTask {
            negative: Conditioning::plain(""),
            ..task()
        };
        assert!(parameters(&task, 0).starts_with("a fox,\nred\nSteps: 20, "));
    }
}
