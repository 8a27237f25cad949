//! Who follows everything need not ask again: how the queue, the workers, the models and the settings stand comes as events.

use darkroom_protocol::message::client::{Load, Subscribe};
use darkroom_protocol::{EventKind, EventName, LoadState, Reply, Request, Subject, WorkerState, WorkerStatus};

use crate::testing::{Client, Rig};

async fn follow(client: &mut Client) {
    let reply = client.ask(Request::Subscribe(Subscribe::default())).await.unwrap();
    assert!(matches!(reply, Reply::Subscribed { .. }));
}

/// Waits until the first worker stands `so`.
async fn worker(client: &mut Client, so: impl Fn(&WorkerStatus) -> bool) {
    let is_so = |kind: &EventKind| matches!(kind, EventKind::Worker(worker) if so(worker));
    client.until(Subject::Worker(0), is_so).await;
}

/// Waits until the queue stands so: jobs that wait, and whether it is paused.
async fn line(client: &mut Client, queued: u64, paused: bool) {
    let is_so =
        |kind: &EventKind| matches!(kind, EventKind::Line(line) if line.queued == queued && line.paused == paused);
    client.until(Subject::Queue, is_so).await;
}

#[tokio::test]
async fn the_queue_and_the_workers_are_told() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    follow(&mut client).await;
    line(&mut client, 0, false).await;
    worker(&mut client, |worker| worker.state == WorkerState::Idle).await;
    let job = client.submit("hold denoise").await;
    worker(&mut client, |worker| worker.state == WorkerState::Busy).await;
    client.submit("be quick").await;
    line(&mut client, 1, false).await;
    client.ask(Request::Pause { job: None }).await.unwrap();
    line(&mut client, 1, true).await;
    client.cancel(job).await;
    worker(&mut client, |worker| {
        worker.state == WorkerState::Idle && worker.resident.models.len() == 1
    })
    .await;
    let (states, dry_run) = (vec![], false);
    client.ask(Request::Clear { states, dry_run }).await.unwrap();
    let is_cleared = |kind: &EventKind| matches!(kind, EventKind::Line(line) if line.lists == 1);
    client.until(Subject::Queue, is_cleared).await;
    let mut late = rig.client().await;
    follow(&mut late).await;
    line(&mut late, 1, true).await;
    worker(&mut late, |worker| worker.state == WorkerState::Idle).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_load_is_told_and_is_no_job() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    follow(&mut client).await;
    for _ in 0..2 {
        let load = match client.ask(Request::Load(Load::default())).await.unwrap() {
            Reply::Loading(loading) => loading.load,
            other => panic!("{other:?}"),
        };
        let is_loaded = |kind: &EventKind| matches!(kind, EventKind::Load(change) if change.state == LoadState::Loaded);
        let told = client.until(load, is_loaded).await;
        assert!(told.iter().any(|kind| kind.name() == EventName::Progress), "{told:?}");
    }
    worker(&mut client, |worker| worker.resident.models.len() == 1).await;
    let Reply::Metrics(text) = client.ask(Request::Metrics {}).await.unwrap() else {
        panic!("no metrics");
    };
    for counted in [
        "state=\"running\"} 0",
        "state=\"done\"} 0",
        "darkroom_job_seconds_count 0",
    ] {
        assert!(text.contains(counted), "{text}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn settings_and_models_are_told() {
    let rig = Rig::start().await;
    let models = rig.home.path().join("models");
    std::fs::create_dir(&models).unwrap();
    let file = rig.paths.config_file();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let mut client = rig.client().await;
    follow(&mut client).await;
    std::fs::write(&file, format!("models = ['{}']\n", models.display())).unwrap();
    rig.context.settings.refresh().await;
    let in_use = |kind: &EventKind| matches!(kind, EventKind::Settings(change) if change.complaint.is_none());
    client.until(Subject::Settings, in_use).await;
    // The folder is new to the catalogue too; then a model comes into it.
    let is_told = |kind: &EventKind| matches!(kind, EventKind::Models {});
    client.until(Subject::Models, is_told).await;
    std::fs::write(models.join("new.safetensors"), "x").unwrap();
    client.until(Subject::Models, is_told).await;
    std::fs::write(&file, "models = 3\n").unwrap();
    rig.context.settings.refresh().await;
    let is_wrong = |kind: &EventKind| matches!(kind, EventKind::Settings(change) if change.complaint.is_some());
    client.until(Subject::Settings, is_wrong).await;
    rig.stop().await;
}
