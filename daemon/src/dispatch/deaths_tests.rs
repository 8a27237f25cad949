use std::time::Duration;

use darkroom_protocol::{EventKind, FailureKind, JobId, JobState};
use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process};

use crate::testing::{Client, Rig};

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
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
    let rig = Rig::with("mute", |_| {}).await;
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
        assert_eq!(status.state, "starting");
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
    assert_eq!(client.cancel(job).await, JobState::Running);
    assert_eq!(client.end(job).await.1.state, JobState::Cancelled);
    let next = client.submit("fine").await;
    assert_eq!(client.end(next).await.1.state, JobState::Done);
    rig.stop().await;
}

#[tokio::test]
async fn a_worker_that_stands_still_with_a_job_is_replaced() {
    let rig = Rig::with("", |options| options.limits.worker_silence = Duration::from_millis(600)).await;
    let mut client = rig.client().await;
    let job = client.submit("hold denoise").await;
    client.progress(job).await;
    let pid = worker(&mut client).await;
    signal(pid, Signal::STOP);
    until_state(&mut client, job, JobState::Queued).await;
    client.progress(job).await;
    assert_ne!(worker(&mut client).await, pid);
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
