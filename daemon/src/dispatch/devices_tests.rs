//! Several workers, and jobs that ask for devices.

use std::sync::Arc;

use darkroom_protocol::JobState;
use darkroom_protocol::paths::Paths;

use crate::testing::{Client, Rig};

/// A daemon with such settings.
async fn rig(settings: &str) -> Rig {
    let home = Arc::new(tempfile::tempdir().unwrap());
    let file = Paths::under(home.path()).config_file();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, settings).unwrap();
    Rig::at(home, "", |_| {}).await
}

async fn devices(client: &mut Client) -> Vec<String> {
    client.status().await.workers.into_iter().map(|w| w.device).collect()
}

#[tokio::test]
async fn several_devices_run_several_jobs_at_once() {
    let rig = rig("devices = ['cpu', 'cuda']").await;
    let mut client = rig.client().await;
    let (first, second) = (client.submit("hold denoise").await, client.submit("hold denoise").await);
    client.progress(first).await;
    client.progress(second).await;
    assert_eq!(devices(&mut client).await, ["cpu", "cuda:0"]);
    // In the order of the devices.
    let running = client.status().await.running;
    assert_eq!(running.len(), 2);

    let on_cpu = client
        .submit_with("fine", |request| request.device = Some("cpu".to_owned()))
        .await;
    client.cancel(running[1]).await;
    client.end(running[1]).await;
    let anywhere = client.submit("fine").await;
    assert_eq!(client.end(anywhere).await.1.state, JobState::Done);
    assert_eq!(
        client.job(on_cpu).await.state,
        JobState::Queued,
        "it waits for its own device"
    );
    client.cancel(running[0]).await;
    assert_eq!(client.end(on_cpu).await.1.state, JobState::Done);
    assert_eq!(client.status().await.workers.len(), 2, "no third worker was needed");
    rig.stop().await;
}

#[tokio::test]
async fn one_device_that_is_set_takes_what_names_none() {
    let rig = rig("device = 'cuda'\ndevices = ['cpu', 'cuda']").await;
    let mut client = rig.client().await;
    let job = client.submit("hold denoise").await;
    client.progress(job).await;
    let waiting = client.submit("fine").await;
    assert_eq!(client.job(waiting).await.state, JobState::Queued);
    let on_cpu = client
        .submit_with("fine", |request| request.device = Some("cpu".to_owned()))
        .await;
    assert_eq!(client.end(on_cpu).await.1.state, JobState::Done);
    client.cancel(job).await;
    assert_eq!(client.end(waiting).await.1.state, JobState::Done);
    rig.stop().await;
}

#[tokio::test]
async fn a_job_that_names_another_device_of_the_machine_opens_it_for_such_jobs_alone() {
    let rig = rig("devices = ['cpu']").await;
    let mut client = rig.client().await;
    let job = client.submit("hold denoise").await;
    client.progress(job).await;
    let named = client
        .submit_with("fine", |request| request.device = Some("cuda".to_owned()))
        .await;
    assert_eq!(client.end(named).await.1.state, JobState::Done);
    let waiting = client.submit("fine").await;
    assert_eq!(client.job(waiting).await.state, JobState::Queued);
    client.cancel(job).await;
    assert_eq!(client.end(waiting).await.1.state, JobState::Done);
    rig.stop().await;
}
