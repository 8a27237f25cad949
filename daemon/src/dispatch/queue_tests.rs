//! What people do to the queue, with a worker that does what prompts say.

use darkroom_protocol::message::client::{Place, Subscribe};
use darkroom_protocol::{EventKind, JobId, JobState, Reply, Request};

use crate::testing::{Client, Rig};

/// Asks for a change of a job's standing.
async fn place(client: &mut Client, request: Request) {
    assert!(matches!(client.ask(request).await, Ok(Reply::Placed { .. })));
}

async fn pause(client: &mut Client, pause: bool) {
    let job = None;
    let request = if pause {
        Request::Pause { job }
    } else {
        Request::Resume { job }
    };
    assert_eq!(client.ask(request).await, Ok(Reply::Paused { paused: pause }));
}

/// The jobs in the order in which they began, once `last` has ended.
async fn began(client: &mut Client, jobs: &[JobId], last: JobId) -> Vec<JobId> {
    let mut rows = Vec::new();
    client.end(last).await;
    for job in jobs {
        rows.push(client.job(*job).await);
    }
    // Of those that began in one millisecond the one that ended first.
    rows.sort_by_key(|row| (row.started_ms, row.finished_ms));
    rows.into_iter().map(|row| row.id).collect()
}

#[tokio::test]
async fn jobs_run_as_they_were_placed() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    let first = client.submit("hold denoise").await;
    client.progress(first).await;
    let mut jobs = Vec::new();
    for _ in 0..4 {
        jobs.push(client.submit("draw").await);
    }
    let (a, b, c, d) = (jobs[0], jobs[1], jobs[2], jobs[3]);
    let name = |job: JobId| job.to_string();
    let priority = 3;
    place(&mut client, Request::Priority { job: name(d), priority }).await;
    let change = client.until(d, |kind| matches!(kind, EventKind::Queue(_))).await;
    assert!(matches!(change.last(), Some(EventKind::Queue(change)) if change.position == Some(1)));
    let before = Place::Before(name(b));
    place(
        &mut client,
        Request::Move {
            job: name(c),
            place: before,
        },
    )
    .await;
    place(
        &mut client,
        Request::Move {
            job: name(a),
            place: Place::Last,
        },
    )
    .await;
    client.cancel(first).await;
    assert_eq!(began(&mut client, &jobs, a).await, [d, c, b, a]);
    rig.stop().await;
}

#[tokio::test]
async fn a_paused_queue_starts_nothing_and_a_held_job_waits() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    pause(&mut client, true).await;
    let (held, free) = (client.submit("draw").await, client.submit("draw").await);
    let job = held.to_string();
    place(&mut client, Request::Pause { job: Some(job.clone()) }).await;
    let status = client.status().await;
    assert_eq!((status.paused, status.queued, status.held), (true, 2, 1));
    assert_eq!(client.job(free).await.state, JobState::Queued);
    pause(&mut client, false).await;
    assert_eq!(client.end(free).await.1.state, JobState::Done);
    assert_eq!(client.job(held).await.state, JobState::Queued);
    place(&mut client, Request::Resume { job: Some(job) }).await;
    assert_eq!(client.end(held).await.1.state, JobState::Done);
    assert!(!client.status().await.paused);
    rig.stop().await;
}

#[tokio::test]
async fn a_job_ends_after_the_picture_in_the_making() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    let job = client
        .submit_with("hold denoise", |request| request.batch = Some(3))
        .await;
    client.progress(job).await;
    let pid = client.status().await.workers[0].pid;
    assert_eq!(client.cancel_as(job, true).await, JobState::Cancelling);
    assert_eq!(client.end(job).await.1.state, JobState::Cancelled);
    let row = client.job(job).await;
    assert_eq!((row.pictures.len(), row.failure), (1, None));
    assert_eq!(client.status().await.workers[0].pid, pid);
    rig.stop().await;
}

#[tokio::test]
async fn a_failed_job_is_tried_again_and_everybody_hears_of_it() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    let job = client.submit("fail").await;
    assert_eq!(client.end(job).await.1.state, JobState::Failed);
    client.ask(Request::Subscribe(Subscribe::default())).await.unwrap();
    place(&mut client, Request::Retry { job: job.to_string() }).await;
    let (kinds, end) = client.end(job).await;
    assert_eq!(end.state, JobState::Failed);
    assert!(kinds.iter().any(|kind| matches!(kind, EventKind::Queue(_))));
    assert_eq!(client.job(job).await.attempts, 1);
    rig.stop().await;
}

#[tokio::test]
async fn all_are_cancelled() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    let running = client.submit("hold denoise").await;
    client.progress(running).await;
    let waiting = [client.submit("never").await, client.submit("never").await];
    let expected = Reply::CancellingAll { waiting: 2, running: 1 };
    assert_eq!(client.ask(Request::CancelAll {}).await, Ok(expected));
    for job in waiting.into_iter().chain([running]) {
        assert_eq!(client.end(job).await.1.state, JobState::Cancelled);
    }
    assert_eq!(client.status().await.queued, 0);
    rig.stop().await;
}
