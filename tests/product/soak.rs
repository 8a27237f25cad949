//! Mixed jobs, cancels, retries and changes of model for a while: memory stays where it is, and every job ends as it should.
//!
//! `DARKROOM_SOAK_S` sets the seconds, `DARKROOM_SEED` the seed: `cargo xtask soak jobs` does both.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Home, Model, Rpc, memory, number, wait_until};

/// Jobs that wait or run at a time.
const AT_ONCE: usize = 4;
/// Models, of which two fit, and part of a third.
const MODELS: u8 = 4;

struct Soak<'a> {
    home: &'a Home,
    rpc: Rpc,
    chance: fastrand::Rng,
    models: Vec<Model>,
    /// Those that have not ended, as far as is known.
    open: Vec<String>,
    done: u64,
    cancelled: u64,
    /// Ended by a cancel, not yet put into the queue again.
    idle: Vec<String>,
    samples: Vec<Sample>,
}

/// Bytes that the processes have resident, and those of models that the worker tells of.
#[derive(Clone, Copy)]
struct Sample {
    daemon: u64,
    worker: u64,
    models: u64,
}

impl<'a> Soak<'a> {
    fn new(home: &'a Home, seed: u64) -> Self {
        let models = (0..MODELS).map(|n| {
            let model = Model::new(home.path(), &format!("model-{n}"));
            model.tilt(n);
            model
        });
        Self {
            models: models.collect(),
            home,
            rpc: home.rpc(),
            chance: fastrand::Rng::with_seed(seed),
            open: Vec::new(),
            done: 0,
            cancelled: 0,
            idle: Vec::new(),
            samples: Vec::new(),
        }
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        let answer = self.rpc.call(method, params);
        assert!(answer["error"].is_null(), "{method} {params}: {answer}");
        answer["result"].clone()
    }

    /// Every model once, and as much as there is to compute at a time: what the worker takes more after that would be a leak.
    fn warm_up(&mut self) {
        for model in 0..self.models.len() {
            let path = self.models[model].path();
            let request =
                json!({ "prompt": "fox", "model": path, "width": 192, "height": 192, "batch": 3, "steps": 2 });
            self.ask("submit", &json!({ "request_id": Uuid::now_v7(), "request": request }));
        }
        self.home.all_end();
    }

    fn submit(&mut self) {
        let side = |chance: &mut fastrand::Rng| 64 * chance.u32(1..=3);
        let prompt = self
            .chance
            .choice(["fox", "red apple", "rocket", "a pizza on the moon"]);
        let request = json!({
            "prompt": prompt,
            "model": self.models[self.chance.usize(0..self.models.len())].path(),
            "width": side(&mut self.chance),
            "height": side(&mut self.chance),
            "batch": self.chance.u32(1..=3),
            "steps": self.chance.u32(1..=8),
            "cfg_scale": if self.chance.bool() { 1.0 } else { 5.0 },
            "priority": self.chance.i32(-1..=1),
        });
        let submit = json!({ "request_id": Uuid::now_v7(), "request": request });
        let job = self.ask("submit", &submit)["job"].as_str().unwrap().to_owned();
        self.open.push(job);
    }

    /// One thing that a person might do.
    fn act(&mut self) {
        match self.chance.u8(0..10) {
            0 | 1 if !self.open.is_empty() => {
                let job = self.open[self.chance.usize(0..self.open.len())].clone();
                let after_picture = self.chance.bool();
                // It may have ended meanwhile.
                self.rpc
                    .call("cancel", &json!({ "job": job, "after_picture": after_picture }));
            }
            2 if !self.idle.is_empty() => {
                let job = self.idle.swap_remove(self.chance.usize(0..self.idle.len()));
                self.ask("retry", &json!({ "job": job }));
                self.cancelled -= 1;
                self.open.push(job);
            }
            3 => {
                let model = self.models[self.chance.usize(0..self.models.len())].path().to_owned();
                // It may not be in memory.
                self.rpc.call("unload", &json!({ "model": model }));
            }
            _ => {}
        }
    }

    /// Notes which jobs have ended.
    fn look(&mut self) {
        for job in std::mem::take(&mut self.open) {
            let row = self.ask("job", &json!({ "job": job }));
            match row["state"].as_str().unwrap() {
                "queued" | "running" | "cancelling" => self.open.push(job),
                "done" => {
                    assert_eq!(
                        row["pictures"].as_array().unwrap().len() as u64,
                        row["task"]["image"]["size"]["batch"]
                    );
                    self.done += 1;
                }
                "cancelled" => {
                    self.cancelled += 1;
                    self.idle.push(job);
                }
                _ => panic!("{row:#}"),
            }
        }
    }

    fn sample(&mut self) {
        let status = self.ask("status", &json!({}));
        let worker = &status["workers"][0];
        let pid = |value: &Value| value["pid"].as_u64().unwrap() as u32;
        self.samples.push(Sample {
            daemon: memory(pid(&status)),
            worker: memory(pid(worker)),
            models: worker["resident"]["models"]
                .as_array()
                .unwrap()
                .iter()
                .map(|model| model["bytes"].as_u64().unwrap())
                .sum(),
        });
    }

    fn run(&mut self, time: Duration) {
        let begun = Instant::now();
        let mut sampled = Duration::ZERO;
        // A busy machine gives less than a sample in each sixth of the time.
        while begun.elapsed() < time || self.samples.len() < 12 {
            while self.open.len() < AT_ONCE {
                self.submit();
            }
            self.act();
            let before = self.open.len();
            wait_until("a job's end", || {
                self.look();
                self.open.len() < before || self.chance.u8(0..20) == 0
            });
            if begun.elapsed() - sampled > time / 200 {
                sampled = begun.elapsed();
                self.sample();
            }
        }
        self.home.all_end();
        self.look();
        self.sample();
    }
}

/// The middle one of the values of `samples`.
fn median(samples: &[Sample], value: fn(&Sample) -> u64) -> u64 {
    let mut values: Vec<u64> = samples.iter().map(value).collect();
    values.sort_unstable();
    values[values.len() / 2]
}

/// Starts the daemon with a budget for two models and a half, beside what the worker needs without any. Returns the budget and
/// a model's bytes.
fn room_for_two(home: &Home) -> (u64, u64) {
    home.settings("threads = 1\n");
    home.generate("fox -W 192 -H 192 -b 3").ok();
    let resident = home.run("models ps --json").ok().json().remove(0);
    let (used, one) = (&resident["used"], &resident["models"][0]["bytes"]);
    let (used, one) = (used.as_u64().unwrap(), one.as_u64().unwrap());
    let budget = used + one * 3 / 2;
    home.settings(&format!("threads = 1\nmemory_budget = '{budget}'\n"));
    home.run("daemon restart").ok();
    (budget, one)
}

#[test]
fn memory_stays_where_it_is() {
    let (seconds, seed) = (number("DARKROOM_SOAK_S", 6), number("DARKROOM_SEED", 1));
    let home = Home::new();
    let (budget, one) = room_for_two(&home);
    let (daemon, worker) = home.warm();
    let mut soak = Soak::new(&home, seed);
    soak.warm_up();
    soak.run(Duration::from_secs(seconds));

    assert_eq!((home.daemon_pid(), home.worker_pid()), (Some(daemon), Some(worker)));
    assert_eq!(soak.open, [] as [String; 0]);
    assert!(home.staged().is_empty());
    let sixth = soak.samples.len() / 6;
    let (early, late) = (&soak.samples[sixth..2 * sixth], &soak.samples[5 * sixth..]);
    let [before, after] = [early, late].map(|samples| median(samples, |s| s.daemon));
    let [worker_before, worker_after] = [early, late].map(|samples| median(samples, |s| s.worker));
    let most = |value: fn(&Sample) -> u64| soak.samples.iter().map(value).max().unwrap();
    let (worst, models, idle) = (most(|s| s.worker), most(|s| s.models), memory(worker));
    let megabytes = |bytes: u64| bytes / 1_000_000;
    println!(
        "{seconds} s, seed {seed}: {} jobs done, {} cancelled\n\
         daemon: {} KiB in the second sixth, {} KiB in the last\n\
         worker: {} MB in the second sixth, {} MB in the last, at most {} MB, {} MB idle at the end; budget {} MB\n\
         models: at most {} MB at a time, {} MB each",
        soak.done,
        soak.cancelled,
        before >> 10,
        after >> 10,
        megabytes(worker_before),
        megabytes(worker_after),
        megabytes(worst),
        megabytes(idle),
        megabytes(budget),
        megabytes(models),
        megabytes(one),
    );
    assert!((2 * one..3 * one).contains(&models), "{models}, {one}");
    assert!(idle <= budget + budget / 20, "{idle} of {budget}");
    assert!(
        after <= before + before / 10 + (4 << 20),
        "the daemon grew from {before} to {after}"
    );
    assert!(
        worker_after <= worker_before + worker_before / 10 + (16 << 20),
        "the worker grew from {worker_before} to {worker_after}"
    );
}
