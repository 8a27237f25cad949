//! Workers that die, hang or talk nonsense, and what becomes of their jobs.

use std::time::Duration;

use darkroom_protocol::{EventKind, FailureKind, JobId, JobState, WorkerState};
use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process};

use crate::testing::{Client, Rig};

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
}

/// `false` when the process is gone.
fn try_signal(pid: u32, signal: Signal) -> bool {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).is_ok()
}

async fn worker(client: &mut Client) -> u32 {
    client.status().await.workers[0].pid
}

async fn until_state(client: &mut Client, job: JobId, state: JobState) {
    let is_it = move |kind: &EventKind| matches!(kind, EventKind::State(change) if change.state == state);
    client.until(job, is_it).await;
}

#[tokio::test]
async fn however_often_somebody_kills_the_worker_the_job_waits_for_the_next() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    let job = client.submit("hold denoise").await;
    for _ in 0..6 {
        client.progress(job).await;
        let pid = worker(&mut client).await;
        signal(pid, Signal::KILL);
        until_state(&mut client, job, JobState::Queued).await;
    }
    client.progress(job).await;
    client.cancel(job).await;
    assert_eq!(client.end(job).await.1.state, JobState::Cancelled);
    rig.stop().await;
}

#[tokio::test]
async fn a_worker_killed_while_it_starts_is_not_a_broken_one() {
    let rig = Rig::with("mute", |options| options.limits.farewell = Duration::from_secs(2)).await;
    let mut client = rig.client().await;
    let job = client.submit("x").await;
    for deaths in 0..4 {
        let status = loop {
            let status = client.status().await.workers.remove(0);
            if status.restarts == deaths && status.pid != 0 {
                break status;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(status.state, WorkerState::Starting);
        signal(status.pid, Signal::KILL);
    }
    assert_eq!(client.job(job).await.state, JobState::Queued);
    rig.stop().await;
}

#[rstest]
#[case("exit", "ended with code 3")]
#[case("garbage", "cannot be read")]
#[tokio::test]
async fn a_job_whose_workers_end_for_no_known_reason_fails_at_last(#[case] prompt: &str, #[case] reason: &str) {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    let job = client.submit(prompt).await;
    let failure = client.end(job).await.1.failure.unwrap();
    assert_eq!(failure.kind, FailureKind::Crash);
    for part in [reason, "5 workers", &job.to_string()] {
        assert!(failure.message.contains(part), "{}", failure.message);
    }
    let next = client.submit("fine").await;
    assert_eq!(client.end(next).await.1.state, JobState::Done);
    rig.stop().await;
}

#[tokio::test]
async fn a_worker_that_repeats_itself_shows_no_sign_of_life_after_a_cancel() {
    let rig = Rig::with("", |options| options.limits.cancel = Duration::from_millis(100)).await;
    let mut client = rig.client().await;
    let job = client.submit("flood").await;
    client.progress(job).await;
    assert_eq!(client.cancel(job).await, JobState::Cancelling);
    assert_eq!(client.end(job).await.1.state, JobState::Cancelled);
    let next = client.submit("fine").await;
    assert_eq!(client.end(next).await.1.state, JobState::Done);
    rig.stop().await;
}

#[tokio::test]
async fn a_worker_that_stands_still_with_a_job_is_replaced() {
    let rig = Rig::with("", |options| options.limits.worker_silence = Duration::from_secs(2)).await;
    let mut client = rig.client().await;
    let job = client.submit("hold denoise").await;
    // On a busy machine one may be taken for one that stands still before it is made to.
    loop {
        client.progress(job).await;
        let pid = worker(&mut client).await;
        if pid > 0 && try_signal(pid, Signal::STOP) {
            until_state(&mut client, job, JobState::Queued).await;
            client.progress(job).await;
            assert_ne!(worker(&mut client).await, pid);
            break;
        }
    }
    client.cancel(job).await;
    assert_eq!(client.end(job).await.1.state, JobState::Cancelled);
    rig.stop().await;
}

#[tokio::test]
async fn what_a_dead_worker_left_half_written_goes_with_it() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    let job = client.submit("hold save").await;
    client.progress(job).await;
    let trays = || {
        std::fs::read_dir(rig.paths.staging())
            .unwrap()
            .map(|tray| tray.unwrap().path())
    };
    let tray = trays().next().unwrap();
    std::fs::write(tray.join("x.part"), "half").unwrap();
    let pid = worker(&mut client).await;
    signal(pid, Signal::KILL);
    until_state(&mut client, job, JobState::Queued).await;
    client.progress(job).await;
    assert!(!tray.exists());
    assert_eq!(trays().count(), 1);
    client.cancel(job).await;
    client.end(job).await;
    rig.stop().await;
}

/// A worker's program that is a link, which can be taken away.
fn linked(home: &std::path::Path) -> crate::workers::Program {
    let mut program = crate::workers::fake::program("");
    let link = home.join("worker");
    std::os::unix::fs::symlink(&program.path, &link).unwrap();
    program.path = link;
    program
}

#[tokio::test]
async fn a_worker_that_was_taken_away_is_waited_for_and_no_queue_is_burnt() {
    let home = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let program = linked(home.path());
    let rig = Rig::at(home.clone(), "", |options| options.worker = Some(program.clone())).await;
    let mut client = rig.client().await;
    let first = client.submit("fine").await;
    assert_eq!(client.end(first).await.1.state, JobState::Done);
    std::fs::rename(&program.path, home.path().join("aside")).unwrap();
    signal(worker(&mut client).await, Signal::KILL);
    let jobs = [client.submit("fine").await, client.submit("fine").await];
    let is_waiting = |kind: &EventKind| matches!(kind, EventKind::Notice(line) if line.contains("The queue waits"));
    client.until(jobs[0], is_waiting).await;
    assert!(client.status().await.short.unwrap().contains("/worker"));
    std::fs::rename(home.path().join("aside"), &program.path).unwrap();
    for job in jobs {
        assert_eq!(client.end(job).await.1.state, JobState::Done);
    }
    assert_eq!(client.status().await.short, None);

    // Nor one that was there before the daemon; whoever comes to a broken worker is told at once.
    client
        .ask(darkroom_protocol::Request::Pause { job: None })
        .await
        .unwrap();
    let kept = client.submit("fine").await;
    client
        .ask(darkroom_protocol::Request::Pause {
            job: Some(kept.to_string()),
        })
        .await
        .unwrap();
    let before = client.submit("fine").await;
    rig.stop().await;
    std::fs::rename(&program.path, home.path().join("aside")).unwrap();
    let rig = Rig::at(home.clone(), "", |options| options.worker = Some(program.clone())).await;
    let mut client = rig.client().await;
    client
        .ask(darkroom_protocol::Request::Resume { job: None })
        .await
        .unwrap();
    let late = client.submit("fine").await;
    assert_eq!(client.end(late).await.1.state, JobState::Failed);
    assert_eq!(client.job(before).await.state, JobState::Queued);
    std::fs::rename(home.path().join("aside"), &program.path).unwrap();
    while client.job(before).await.state != JobState::Done {
        tokio::task::yield_now().await;
    }
    rig.stop().await;
}
