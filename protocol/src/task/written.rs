//! A task as it is written: in groups, and until version 4 of the wire flat, as old databases and pictures have it. Both are read,
//! the groups alone are written. bincode has always the groups, since ends of different versions never speak.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Compute, Guidance, Hires, ImageTask, Inpaint, Inputs, ModelSource, Sampling, Size, What};
use crate::{Dtype, Format, Prediction, Quant, Sampler, Schedule};

impl Serialize for ImageTask {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for ImageTask {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let task = Self::from(<Written as Deserialize>::deserialize(deserializer)?);
            // Everything else has a default.
            if task.what.source.given().is_empty() {
                return Err(Error::custom("the task names no model"));
            }
            Ok(task)
        } else {
            Self::deserialize(deserializer)
        }
    }
}

/// Every field that a task has or had, where it stood.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Written {
    what: What,
    size: Size,
    sampling: Sampling,
    guidance: Guidance,
    inputs: Inputs,
    inpaint: Inpaint,
    hires: Hires,
    compute: Compute,
    #[serde(flatten)]
    flat: Flat,
}

/// The fields of a task before it had groups.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Flat {
    model: Option<String>,
    source: Option<ModelSource>,
    prompt: Option<Words>,
    negative: Option<Words>,
    format: Option<Format>,
    width: Option<u32>,
    height: Option<u32>,
    batch: Option<u32>,
    seed: Option<u64>,
    steps: Option<u32>,
    sampler: Option<Sampler>,
    schedule: Option<Schedule>,
    prediction: Option<Prediction>,
    cfg_scale: Option<f64>,
    device: Option<String>,
    dtype: Option<Dtype>,
    threads: Option<u32>,
    quant: Option<Quant>,
    micro_batch: Option<u32>,
    vae_tiling: Option<bool>,
    offload: Option<bool>,
    two_passes: Option<bool>,
}

/// A prompt as it was kept beside pieces of it that nothing made use of.
#[derive(Deserialize)]
struct Words {
    text: String,
}

impl From<Written> for ImageTask {
    fn from(written: Written) -> Self {
        let mut task = Self {
            what: written.what,
            size: written.size,
            sampling: written.sampling,
            guidance: written.guidance,
            inputs: written.inputs,
            inpaint: written.inpaint,
            hires: written.hires,
            compute: written.compute,
        };
        written.flat.put_into(&mut task);
        task
    }
}

impl Flat {
    fn put_into(self, task: &mut ImageTask) {
        let text = |words: Option<Words>| words.map(|words| words.text);
        put(&mut task.what.model, self.model);
        put(&mut task.what.source, self.source);
        put(&mut task.what.prompt, text(self.prompt));
        put(&mut task.what.negative, text(self.negative));
        put(&mut task.what.format, self.format);
        put(&mut task.size.width, self.width);
        put(&mut task.size.height, self.height);
        put(&mut task.size.batch, self.batch);
        put(&mut task.sampling.seed, self.seed);
        put(&mut task.sampling.steps, self.steps);
        put(&mut task.sampling.sampler, self.sampler);
        put(&mut task.sampling.schedule, self.schedule);
        put(&mut task.sampling.prediction, self.prediction.map(Some));
        put(&mut task.guidance.cfg_scale, self.cfg_scale);
        put(&mut task.compute.device, self.device);
        put(&mut task.compute.dtype, self.dtype);
        put(&mut task.compute.threads, self.threads);
        put(&mut task.compute.quant, self.quant);
        put(&mut task.compute.micro_batch, self.micro_batch);
        put(&mut task.compute.vae_tiling, self.vae_tiling);
        put(&mut task.compute.offload, self.offload);
        put(&mut task.compute.two_passes, self.two_passes);
    }
}

fn put<T>(to: &mut T, from: Option<T>) {
    if let Some(value) = from {
        *to = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Task;

    fn everything_set() -> ImageTask {
        let mut task = ImageTask::of("sd15", "a fox, \u{1f98a}");
        task.what.source = ModelSource::Folder("/models/sd15".into());
        task.what.negative = "blurry".into();
        task.what.format = Format::Webp;
        task.size = Size {
            width: 640,
            height: 768,
            batch: 3,
            only: None,
            ..Size::default()
        };
        task.sampling = Sampling {
            seed: u64::MAX >> 11,
            steps: 9,
            sampler: Sampler::DpmPp2m,
            schedule: Schedule::Karras,
            prediction: Some(Prediction::VPrediction),
            ..Sampling::default()
        };
        task.guidance.cfg_scale = 5.5;
        task.compute = Compute {
            device: "cuda:1".into(),
            dtype: Dtype::Bf16,
            threads: 4,
            quant: Quant::Int8,
            micro_batch: 2,
            vae_tiling: true,
            offload: true,
            two_passes: true,
            ..Compute::default()
        };
        task
    }

    #[test]
    fn what_is_written_reads_back_in_both_codecs() {
        let mut task = everything_set();
        task.sampling.eta = Some(0.5);
        task.sampling.sigmas = vec!["14.6".into(), "2.5".into()];
        task.sampling.noise_source = crate::NoiseSource::Philox;
        task.sampling.subseed = 3;
        let task = Task::Image(task);
        let json = serde_json::to_string(&task).unwrap();
        assert_eq!(serde_json::from_str::<Task>(&json).unwrap(), task);
        let bytes = crate::codec::frame::encode(&task).unwrap();
        assert_eq!(crate::codec::frame::decode::<Task>(&bytes).unwrap(), task);
    }

    #[test]
    fn a_flat_task_of_an_old_release_is_the_same_task() {
        let json = r#"{"image": {"model": "sd15", "source": {"folder": "/models/sd15"},
            "prompt": {"text": "a fox, 🦊", "chunks": [{"text": "a fox, 🦊", "weight": 1.0, "from": 0.0, "to": 1.0}]},
            "negative": {"text": "blurry", "chunks": []}, "width": 640, "height": 768, "steps": 9, "cfg_scale": 5.5,
            "sampler": "dpm_pp2m", "schedule": "karras", "prediction": "v_prediction", "seed": 9007199254740991, "batch": 3,
            "micro_batch": 2, "device": "cuda:1", "dtype": "bf16", "threads": 4, "format": "webp", "quant": "int8",
            "vae_tiling": true, "offload": true, "two_passes": true}}"#;
        assert_eq!(
            serde_json::from_str::<Task>(json).unwrap(),
            Task::Image(everything_set())
        );
    }

    #[test]
    fn what_a_record_lacks_has_its_default() {
        let json = r#"{"what": {"model": "emoji", "source": {"embedded": "emoji"}, "prompt": "a fox"}, "sampling": {"steps": 4},
            "later": {"x": 1}}"#;
        let task: ImageTask = serde_json::from_str(json).unwrap();
        let mut expected = ImageTask::of("emoji", "a fox");
        expected.sampling.steps = 4;
        assert_eq!(task, expected);
    }

    #[test]
    fn a_task_without_a_model_is_none() {
        let error = serde_json::from_str::<ImageTask>("{}").unwrap_err().to_string();
        assert_eq!(error, "the task names no model");
    }

    #[test]
    fn a_value_that_is_not_known_is_named() {
        let json = r#"{"sampling": {"sampler": "teleport"}}"#;
        let error = serde_json::from_str::<ImageTask>(json).unwrap_err().to_string();
        assert!(error.contains("teleport"), "{error}");
    }
}
