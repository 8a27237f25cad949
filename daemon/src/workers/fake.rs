//! A worker without torch: this test program run again, doing what the task's prompt says.

use std::collections::HashMap;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex};

use darkroom_protocol::codec::frame;
use darkroom_protocol::message::worker::{Ready, Staged, Wanted};
use darkroom_protocol::{
    Assignment, DeviceStatus, Failure, FailureKind, ImageTask, JobId, ModelSource, Order, Outcome, Phase, Preview,
    Progress, Report, Residency, ResidentModel, Task,
};
use sha2::Digest as _;

use super::Program;

const VARIABLE: &str = "DARKROOM_FAKE_WORKER";

/// A program that is this worker. `mode` is what is wrong with it: nothing when empty; `version`, `mute`, `dies`, `garbage`.
pub(crate) fn program(mode: &str) -> Program {
    let args = ["--exact", "workers::fake::worker_process", "--nocapture", "--quiet"];
    Program {
        path: std::env::current_exe().unwrap(),
        args: args.map(Into::into).to_vec(),
        env: vec![(VARIABLE.into(), format!("mode:{mode}").into())],
    }
}

/// Microseconds since 1970, alike in every process.
pub(crate) fn micros() -> u128 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_micros()
}

/// The bytes of a picture that the fake makes.
pub(crate) fn bytes(job: JobId, index: u32) -> Vec<u8> {
    format!("picture {index} of {job}").into_bytes()
}

/// The process's body when this test program was started as a worker; else a check that it is not taken for one.
#[test]
fn worker_process() {
    match std::env::var(VARIABLE) {
        Ok(mode) => serve(mode.trim_start_matches("mode:")),
        Err(_) => assert_eq!(program("x").env[0].1, "mode:x"),
    }
}

fn serve(mode: &str) -> ! {
    let channel = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    match mode {
        "dies" => {
            eprintln!("libtorch_cpu.so: cannot open shared object file");
            std::process::exit(127);
        }
        "mute" => loop {
            std::thread::park();
        },
        "garbage" => {
            use std::io::Write as _;
            (&channel).write_all(&[0xff; 64]).unwrap();
        }
        _ => {}
    }
    let cancels = Cancels::default();
    let orders = read(channel.try_clone().unwrap(), cancels.clone());
    let mut worker = Fake {
        channel,
        cancels,
        staging: PathBuf::new(),
        shown: false,
        version: if mode == "version" {
            "0.0.0"
        } else {
            env!("CARGO_PKG_VERSION")
        },
        resident: vec![],
    };
    for order in orders {
        worker.obey(order);
    }
    std::process::exit(0)
}

#[derive(Clone, Default)]
struct Cancels(Arc<(Mutex<HashMap<Assignment, bool>>, Condvar)>);

impl Cancels {
    fn raise(&self, of: Assignment, after_picture: bool) {
        self.0.0.lock().unwrap().insert(of, after_picture);
        self.0.1.notify_all();
    }

    /// Waits for a cancel; whether the picture is to be finished first.
    fn wait(&self, of: Assignment) -> bool {
        let flags = self.0.0.lock().unwrap();
        let flags = self.0.1.wait_while(flags, |flags| !flags.contains_key(&of)).unwrap();
        flags[&of]
    }
}

fn read(mut channel: UnixStream, cancels: Cancels) -> Receiver<Order> {
    let (sender, orders) = self::channel();
    std::thread::spawn(move || {
        let mut pongs = channel.try_clone().unwrap();
        while let Ok(Some(order)) = frame::read::<Order>(&mut channel) {
            match order {
                Order::Cancel { of, after_picture } => cancels.raise(of, after_picture),
                Order::Ping { n } => frame::write(&mut pongs, &Report::Pong { n }).unwrap(),
                order => sender.send(order).unwrap(),
            }
        }
        std::process::exit(0);
    });
    orders
}

struct Fake {
    channel: UnixStream,
    cancels: Cancels,
    staging: PathBuf,
    /// Whether somebody wants previews.
    shown: bool,
    version: &'static str,
    resident: Vec<ResidentModel>,
}

impl Fake {
    fn say(&mut self, report: &Report) {
        frame::write(&mut self.channel, report).unwrap();
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Configure { staging, device, .. } => {
                self.staging = staging.into();
                let ready = ready(self.version, &device);
                self.say(&Report::Ready(ready));
            }
            Order::Run { job, task, skip, .. } => {
                let Task::Image(task) = *task;
                let of = Assignment::Job(job);
                self.say(&Report::Started { of });
                let outcome = self.run(job, &task, &skip);
                self.resident = vec![held(&task.what.model, task.what.source.clone(), false)];
                let resident = self.residency();
                self.say(&Report::Ended { of, outcome, resident });
            }
            Order::Load {
                load, model, pinned, ..
            } => {
                let of = Assignment::Load(load);
                self.say(&Report::Started { of });
                let outcome = self.load(of, &model, pinned);
                let resident = self.residency();
                self.say(&Report::Ended { of, outcome, resident });
            }
            Order::Unload { source } => {
                self.resident
                    .retain(|held| source.as_ref().is_some_and(|source| held.source != *source));
                self.tell();
            }
            Order::Unpin { source } => {
                self.resident
                    .iter_mut()
                    .filter(|held| held.source == source)
                    .for_each(|held| held.pinned = false);
                self.tell();
            }
            Order::Previews { max_fps, .. } => self.shown = max_fps > 0,
            Order::Shutdown {} => std::process::exit(0),
            _ => {}
        }
    }

    fn tell(&mut self) {
        let residency = self.residency();
        self.say(&Report::Resident(residency));
    }

    fn residency(&self) -> Residency {
        Residency {
            budget: 100,
            used: 10,
            models: self.resident.clone(),
        }
    }

    fn load(&mut self, of: Assignment, model: &Wanted, pinned: bool) -> Outcome {
        self.progress(of, Phase::Load);
        if model.name == "Slow" {
            self.cancels.wait(of);
            return Outcome::Cancelled;
        }
        self.resident.retain(|held| held.source != model.source);
        self.resident.push(held(&model.name, model.source.clone(), pinned));
        Outcome::Done
    }

    fn run(&mut self, job: JobId, task: &ImageTask, skip: &[u32]) -> Outcome {
        let began = micros();
        let of = Assignment::Job(job);
        let (verb, rest) = task.what.prompt.split_once(' ').unwrap_or((&task.what.prompt, ""));
        eprintln!("doing {verb} {rest}");
        match verb {
            "abort" => std::process::abort(),
            "abort-once" if first(&self.staging, job) => std::process::abort(),
            "exit-once" if first(&self.staging, job) => std::process::exit(1),
            "hang" => loop {
                std::thread::park();
            },
            "flood" => loop {
                self.progress(of, Phase::Denoise);
            },
            "garbage" => loop {
                use std::io::Write as _;
                self.channel.write_all(&[0xff; 64]).unwrap();
            },
            "exit" => std::process::exit(3),
            "hold" => {
                self.progress(of, phase(rest));
                if self.cancels.wait(of) {
                    self.stage(job, skip.len() as u32, task);
                }
                return Outcome::Cancelled;
            }
            "fail" => {
                let message = format!("No memory: make it smaller.{}", "x".repeat(rest.parse().unwrap_or(0)));
                let kind = FailureKind::OutOfMemory;
                return Outcome::Failed(Failure { kind, message });
            }
            "notice" => self.say(&Report::Notice {
                of,
                text: rest.to_owned(),
            }),
            "clock" => self.say(&Report::Notice {
                of,
                text: began.to_string(),
            }),
            _ => {}
        }
        for phase in [Phase::Load, Phase::Denoise] {
            self.progress(of, phase);
        }
        if self.shown {
            self.preview(job);
        }
        for index in (0..task.size.batch).filter(|i| !skip.contains(i) && task.size.only.is_none_or(|only| only == *i))
        {
            self.stage(job, index, task);
            if verb == "half" && first(&self.staging, job) {
                std::process::abort();
            }
        }
        Outcome::Done
    }

    fn progress(&mut self, of: Assignment, phase: Phase) {
        let progress = Progress {
            phase,
            image: 0,
            images: 1,
            step: 1,
            steps: 1,
            sigma: None,
            step_s: Some(0.001),
            eta_s: None,
        };
        self.say(&Report::Progress { of, progress });
    }

    fn preview(&mut self, job: JobId) {
        let preview = Preview {
            image: 0,
            step: 1,
            width: 4,
            height: 4,
            rgb: vec![9; 48],
        };
        self.say(&Report::Preview { job, preview });
    }

    fn stage(&mut self, job: JobId, index: u32, task: &ImageTask) {
        let bytes = bytes(job, index);
        let file = format!("{job}-{index}.png");
        std::fs::write(self.staging.join(&file), &bytes).unwrap();
        let sha256 = sha2::Sha256::digest(&bytes)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        self.say(&Report::Staged(Staged {
            job,
            index,
            file: if task.what.prompt == "lie" {
                "../../etc/passwd".to_owned()
            } else {
                file
            },
            sha256,
            bytes: bytes.len() as u64,
            width: task.size.width,
            height: task.size.height,
            seed: task.sampling.seed + u64::from(index),
            elapsed_ms: 1,
        }));
    }
}

/// Whether the job meets this for the first time; across processes.
fn first(staging: &Path, job: JobId) -> bool {
    let mark = staging.join("../..").join(format!("mark-{job}"));
    std::fs::File::create_new(mark).is_ok()
}

fn held(name: &str, source: ModelSource, pinned: bool) -> ResidentModel {
    ResidentModel {
        name: name.to_owned(),
        source,
        dtype: "f32".to_owned(),
        components: vec![],
        complete: true,
        bytes: 9,
        pinned,
        busy: false,
        used_s: 0,
        expires_s: Some(600),
    }
}

fn phase(name: &str) -> Phase {
    let all = [Phase::Load, Phase::Encode, Phase::Denoise, Phase::Decode, Phase::Save];
    all.into_iter().find(|p| p.name() == name).unwrap()
}

fn ready(version: &str, device: &str) -> Ready {
    let devices = ["cpu", "cuda:0"].map(|name| DeviceStatus {
        name: name.to_owned(),
        label: "fake".to_owned(),
        total: 1 << 30,
        free: 1 << 29,
        dtype: "f32".to_owned(),
        dtype_reason: "it is fake".to_owned(),
    });
    Ready {
        version: version.to_owned(),
        pid: std::process::id(),
        libtorch: "0".to_owned(),
        folder: String::new(),
        device: if device.is_empty() { "cpu" } else { device }.to_owned(),
        devices: devices.to_vec(),
        cpu: vec![],
        capabilities: vec![
            "image".to_owned(),
            "inpaint".to_owned(),
            "hires".to_owned(),
            "tiling".to_owned(),
        ],
        embedded: vec!["emoji".to_owned()],
        cores: 1,
        threads: 1,
    }
}
