//! The text about a picture that A1111's readers look for; `pipeline/save.rs` asks for it once a picture. Its layout is in
//! `darkroom_formats::infotext`, its values come from the parameter table by `ImageTask::metadata`. Where a file has it is each
//! format's business.

use darkroom_formats::infotext::Infotext;
use darkroom_protocol::ImageTask;

/// A1111's `parameters` text for picture `index` of `task`.
pub fn parameters(task: &ImageTask, index: u32) -> String {
    Infotext::new(&task.what.prompt, task.metadata(index)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::{Dtype, ModelSource, Sampler, Schedule};

    fn task() -> ImageTask {
        let mut task = ImageTask::of("sd, 1.5", "a fox,\nred");
        task.what.source = ModelSource::Folder("/models/sd".into());
        task.what.negative = "blurry".to_owned();
        task.size.height = 768;
        task.guidance.cfg_scale = 6.5;
        task.sampling.sampler = Sampler::DpmPp2m;
        task.sampling.schedule = Schedule::Karras;
        task.sampling.seed = 41;
        task.size.batch = 4;
        task.compute.device = "cpu".into();
        task.compute.dtype = Dtype::F32;
        task
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
        let mut task = task();
        task.what.negative = "".to_owned();
        assert!(parameters(&task, 0).starts_with("a fox,\nred\nSteps: 20, "));
    }
}
