use darkroom_protocol::{Dtype, ImageTask, Sampler};

/// A task of the embedded model.
pub fn task(batch: u32, micro_batch: u32) -> ImageTask {
    let mut task = ImageTask::of("emoji", "apple");
    task.size.width = 64;
    task.size.height = 64;
    task.sampling.steps = 1;
    task.guidance.cfg_scale = 4.0;
    task.sampling.sampler = Sampler::Ddim;
    task.size.batch = batch;
    task.compute.micro_batch = micro_batch;
    task.compute.device = "cpu".into();
    task.compute.dtype = Dtype::F32;
    task
}
