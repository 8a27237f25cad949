//! The exact record that Darkroom writes into its pictures: the whole task as JSON, beside A1111's text.
//!
//! A1111's text cannot carry every prompt: a line that begins with `Negative prompt:` reads back as one. So where a picture has a
//! record, it counts, and the text is for other programs.

use darkroom_protocol::{GenerateRequest, Task};
use serde::Deserialize;

use crate::Infotext;

/// The keyword of the record among a PNG's texts.
pub const KEYWORD: &str = "darkroom";

/// What a picture's record says.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Record {
    /// The work that the picture came from.
    pub task: Task,
    /// Which of its pictures this is, from 0.
    #[serde(default)]
    pub index: u32,
    /// The version that made it.
    #[serde(default)]
    pub version: Option<String>,
}

impl Record {
    /// The record that `json` spells; `None` for other JSON, and for a task that this version does not know.
    pub fn parse(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// The request that makes this picture alone; `None` where it is not one from a prompt.
    pub fn request(&self) -> Option<GenerateRequest> {
        let Task::Image(task) = &self.task;
        Some(task.alone(self.index).to_request())
    }

    /// The same as A1111's keys and values, the prompts exact; `None` where it is no picture from a prompt.
    pub fn infotext(&self) -> Option<Infotext> {
        let Task::Image(task) = &self.task;
        let mut info = Infotext::new(&task.what.prompt, task.metadata(self.index));
        info.negative.clone_from(&task.what.negative);
        if let (Some(version), Some((_, value))) =
            (&self.version, info.settings.iter_mut().find(|(k, _)| k == "Version"))
        {
            *value = format!("darkroom {version}");
        }
        Some(info)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::{Dtype, ImageTask, ModelSource, Sampler};

    fn record(prompt: &str, negative: &str) -> String {
        let mut task = ImageTask::of("sd15", prompt);
        task.what.source = ModelSource::Folder("/models/sd15".into());
        task.what.negative = negative.to_owned();
        task.size.width = 8;
        task.size.height = 16;
        task.sampling.steps = 2;
        task.guidance.cfg_scale = 4.0;
        task.sampling.sampler = Sampler::Ddim;
        task.sampling.seed = 7;
        task.size.batch = 3;
        task.compute.device = "cpu".into();
        task.compute.dtype = Dtype::F32;
        task.compute.threads = 1;
        serde_json::json!({ "task": { "image": task }, "index": 2, "version": "9.9" }).to_string()
    }

    #[test]
    fn prompts_that_the_text_cannot_carry_are_exact() {
        for prompt in [
            "a fox\nNegative prompt: hens",
            "a\nSteps: 3, Seed: 1, Size: 1x1",
            " spaced \r\n",
            "",
            "雪の狐",
        ] {
            let record = Record::parse(&record(prompt, "Steps: 4")).unwrap();
            let info = record.infotext().unwrap();
            assert_eq!((info.prompt.as_str(), info.negative.as_str()), (prompt, "Steps: 4"));
            assert_eq!(
                (info.get("Seed"), info.get("Version")),
                (Some("9"), Some("darkroom 9.9"))
            );
            let request = record.request().unwrap();
            assert_eq!((request.prompt.as_deref(), request.seed), (Some(prompt), Some(9)));
        }
    }

    #[test]
    fn other_json_is_no_record() {
        for text in [
            "",
            "{}",
            "[]",
            "{\"task\": {\"image\": {}}}",
            "{\"task\": {\"song\": {}}}",
            "null",
        ] {
            assert_eq!(Record::parse(text), None, "{text}");
        }
    }
}
