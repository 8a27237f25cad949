//! Memory that really runs out: the address space is limited, and libtorch's allocator fails.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::path::Path;
use std::process::Command;

use darkroom_engine::model::Key;
use darkroom_engine::pipeline::{Observer, Saved, Work, make_pictures};
use darkroom_engine::residency::Models;
use darkroom_engine::torch::{self, Device};
use darkroom_engine::{Cancel, Error};
use darkroom_protocol::{Dtype, ImageTask, ModelSource, Progress, Quant};
use rustix::process::{Resource, Rlimit, setrlimit};
use tch::Kind;

mod support;

/// Set in the process whose memory is limited.
const VARIABLE: &str = "DARKROOM_TEST_LIMIT";
/// Bytes beyond what the process has when it begins: enough for a tile, not for the whole picture.
const ROOM: u64 = 150 << 20;

#[derive(Default)]
struct Told {
    notices: Vec<String>,
    tasks: Vec<ImageTask>,
    saved: Vec<Saved>,
}

impl Observer for Told {
    fn progress(&mut self, _: Progress) {}
    fn notice(&mut self, line: &str) {
        self.notices.push(line.to_owned());
    }
    fn saved(&mut self, picture: Saved) {
        self.saved.push(picture);
    }
    fn adjusted(&mut self, task: &ImageTask) {
        self.tasks.push(task.clone());
    }
}

fn task(folder: &Path, side: u32, vae_tiling: bool) -> ImageTask {
    let mut task = ImageTask::of("tiny", "a fox");
    task.what.source = ModelSource::Folder(folder.display().to_string());
    task.size.width = side;
    task.size.height = side;
    task.sampling.steps = 1;
    task.guidance.cfg_scale = 1.0;
    task.sampling.seed = 1;
    task.compute.device = "cpu".into();
    task.compute.dtype = Dtype::F32;
    task.compute.threads = 1;
    task.compute.vae_tiling = vae_tiling;
    task
}

/// The file of the picture of `task`.
fn picture(models: &mut Models, task: &ImageTask, told: &mut Told) -> Result<Vec<u8>, Error> {
    let key = Key {
        source: task.what.source.clone(),
        parts: Vec::new(),
        name: task.what.model.clone(),
        device: Device::Cpu,
        kind: Kind::Float,
        quant: Quant::None,
    };
    let (cancel, staging) = (Cancel::new(), tempfile::tempdir().unwrap());
    let model = models.load(&key, &cancel, &mut |done, all| {
        told.progress(darkroom_engine::pipeline::loading(done, all))
    })?;
    let work = Work {
        job: "job".into(),
        staging: staging.path(),
        inputs: staging.path(),
        skip: &[],
        cancel: &cancel,
    };
    make_pictures(task, &work, &model, told)?;
    Ok(std::fs::read(staging.path().join(&told.saved.last().unwrap().file)).unwrap())
}

fn limited() {
    let folder = support::model_folder();
    let mut models = Models::new(u64::MAX);
    torch::set_threads(1);
    let small = picture(&mut models, &task(folder.path(), 64, false), &mut Told::default());
    small.unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let size: u64 = size.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024;
    let unlimited = Rlimit {
        current: None,
        maximum: None,
    };
    setrlimit(
        Resource::As,
        Rlimit {
            current: Some(size + ROOM),
            ..unlimited
        },
    )
    .unwrap();

    let mut told = Told::default();
    let made = picture(&mut models, &task(folder.path(), 768, false), &mut told).unwrap();
    assert_eq!(
        told.notices,
        [
            "Out of memory decoding 768×768: retrying with cached memory freed.",
            "Out of memory decoding 768×768: retrying with tiled decode.",
        ]
    );
    assert_eq!(told.tasks, [task(folder.path(), 768, true)]);
    // What was written down makes the same file, whatever memory there is.
    setrlimit(Resource::As, unlimited).unwrap();
    let mut again = Told::default();
    assert!(picture(&mut models, &told.tasks[0], &mut again).unwrap() == made);
    assert_eq!(again.notices, [] as [&str; 0]);
}

#[test]
fn a_picture_that_does_not_fit_whole_is_decoded_in_tiles() {
    if std::env::var_os(VARIABLE).is_some() {
        return limited();
    }
    // In a process of its own: the limit holds for all threads.
    let run = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_picture_that_does_not_fit_whole_is_decoded_in_tiles",
            "--nocapture",
        ])
        .env(VARIABLE, "1")
        // glibc takes addresses for its heaps by 64 MB, and keeps large freed blocks in them: by chance no room was left.
        .env("MALLOC_ARENA_MAX", "1")
        .env("MALLOC_MMAP_THRESHOLD_", "131072")
        .output()
        .unwrap();
    assert!(
        run.status.success(),
        "{}: {}",
        run.status,
        String::from_utf8_lossy(&run.stderr)
    );
}
