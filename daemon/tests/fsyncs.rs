//! What a job costs in fsyncs, counted by strace where the machine has it and lets it trace. The program starts itself
//! under strace, so it brings its own `main`.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use darkroom_daemon::store::{Start, Store};
use darkroom_protocol::{GenerateRequest, ImageTask, JobId, JobState, Sampler, Task};
use uuid::Uuid;

/// Jobs in the traced run: enough that the log is shortened several times on the way.
const JOBS: usize = 200;
/// The environment variable that makes this the traced run, with the database's path.
const DATABASE: &str = "DARKROOM_TEST_DATABASE";
/// The environment variable that makes it close the store in the end; else the log stays, as after a kill.
const CLOSE: &str = "DARKROOM_TEST_CLOSE";

fn task() -> Task {
    let mut task = ImageTask::of("emoji", "a red apple");
    task.size.width = 64;
    task.size.height = 64;
    task.sampling.steps = 25;
    task.guidance.cfg_scale = 4.0;
    task.sampling.sampler = Sampler::Ddim;
    task.sampling.seed = 7;
    task.compute.device = "cpu".to_owned();
    Task::Image(task)
}

/// Says where the run is, as a write that shows in the trace.
fn mark(what: &str) {
    std::io::stderr()
        .write_all(format!("mark {what}\n").as_bytes())
        .unwrap();
}

fn main() {
    match std::env::var_os(DATABASE) {
        Some(path) => run_jobs(path.as_ref()),
        None => a_job_costs_one_fsync_before_it_runs(),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run_jobs(path: &Path) {
    let store = Store::open(path).unwrap();
    store.recover().await.unwrap();
    for _ in 0..JOBS {
        behind(&store).await;
        mark("submit");
        let accepted = store
            .accept(Uuid::now_v7(), &GenerateRequest::default(), &task())
            .await
            .unwrap();
        mark("start");
        assert_eq!(store.start(accepted.job).await.unwrap(), Start::Begun);
        mark("run");
        store.finish(accepted.job, JobState::Done, None).await.unwrap();
        mark("done");
    }
    burst(&store).await;
    if std::env::var_os(CLOSE).is_some() {
        store.close().await.unwrap();
    }
}

/// Behind whatever the end of the last job left to do. A change that comes to nothing may be refused before what waits beside it,
/// a second one may not.
async fn behind(store: &Store) {
    for _ in 0..2 {
        store.start(JobId::new()).await.unwrap_err();
    }
}

/// Many jobs that are handed over before the first is answered.
async fn burst(store: &Store) {
    behind(store).await;
    mark("burst");
    let accepting: Vec<_> = (0..JOBS)
        .map(|_| store.accept(Uuid::now_v7(), &GenerateRequest::default(), &task()))
        .collect();
    for accepting in accepting {
        accepting.await.unwrap();
    }
    mark("done");
    store.cancel_all().await.unwrap();
}

fn a_job_costs_one_fsync_before_it_runs() {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    let database = dir.path().join("darkroom.db");
    for run in ["a new database", "one whose daemon was killed", "one that was closed"] {
        let traced = Command::new("strace")
            .args(["-f", "-e", "trace=fsync,fdatasync,write", "-s", "16", "-o"])
            .arg(&trace)
            .arg(std::env::current_exe().unwrap())
            .env(DATABASE, &database)
            .envs((run == "one whose daemon was killed").then_some((CLOSE, "1")))
            .output();
        match traced {
            Ok(output) if output.status.success() => {}
            why => {
                eprintln!("strace cannot trace here, nothing was counted: {why:?}");
                return;
            }
        }
        let counts = count(&std::fs::read_to_string(&trace).unwrap());
        assert_eq!(counts.submit, [1; JOBS], "{run}: accept");
        assert_eq!(counts.start, [0; JOBS], "{run}: start");
        // The log is shortened after the answer, which may be before this program has said that it has it.
        let shortened = counts.run.iter().filter(|syncs| **syncs > 1).count();
        assert!(
            counts.run.iter().all(|syncs| *syncs >= 1) && shortened < JOBS / 10,
            "{run}: finish {:?}",
            counts.run
        );
        assert!(
            (1..JOBS as u32 / 4).contains(&counts.burst),
            "{run}: {} for a burst",
            counts.burst
        );
        eprintln!(
            "{run}: 1 fsync a submit, 0 a start, 1 a finish, {} between {JOBS} jobs, {} for {JOBS} submits at once",
            counts.between, counts.burst
        );
    }
}

#[derive(Default)]
struct Counts {
    submit: Vec<u32>,
    start: Vec<u32>,
    run: Vec<u32>,
    between: u32,
    burst: u32,
}

/// fsyncs after each mark of the trace.
fn count(trace: &str) -> Counts {
    let mut counts = Counts::default();
    let mut at = "";
    for line in trace.lines() {
        let marked = ["submit", "start", "run", "done", "burst"]
            .into_iter()
            .find(|m| line.contains(&format!("\"mark {m}")));
        if let Some(mark) = marked {
            at = mark;
            match mark {
                "submit" => counts.submit.push(0),
                "start" => counts.start.push(0),
                "run" => counts.run.push(0),
                _ => {}
            }
        } else if line.contains("sync(") {
            let counter = match at {
                "submit" => counts.submit.last_mut(),
                "start" => counts.start.last_mut(),
                "run" => counts.run.last_mut(),
                "burst" => Some(&mut counts.burst),
                _ => Some(&mut counts.between),
            };
            *counter.unwrap() += 1;
        }
    }
    counts
}
