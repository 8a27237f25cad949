use darkroom_protocol::{ImageTask, Task};

/// A task of one small picture with that prompt.
pub fn task(prompt: &str) -> Task {
    let mut task = ImageTask::of("emoji", prompt);
    task.size.width = 64;
    task.size.height = 64;
    task.sampling.steps = 2;
    task.guidance.cfg_scale = 1.0;
    task.sampling.seed = 7;
    Task::Image(task)
}
