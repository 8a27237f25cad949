//! Loads, unloads and pins without a job.

use std::path::Path;
use std::sync::Arc;

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::Load;
use darkroom_protocol::paths::Paths;
use darkroom_protocol::{EventKind, LoadState, Reply, Request};

use crate::testing::{Client, Rig};

const ASSETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/engine/assets/emoji");

/// A daemon whose home has the models `a/twin` and `b/twin`; with `known`, `twin` alone means the first.
async fn twins(known: bool) -> Rig {
    let home = Arc::new(tempfile::tempdir().unwrap());
    for folder in ["a", "b"] {
        std::fs::create_dir(home.path().join(folder)).unwrap();
        std::os::unix::fs::symlink(ASSETS, home.path().join(folder).join("twin")).unwrap();
    }
    if known {
        let file = Paths::under(home.path()).config_file();
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, format!("models = ['{}']", home.path().join("a").display())).unwrap();
    }
    Rig::at(home, "", |_| {}).await
}

fn path(rig: &Rig, folder: &str) -> String {
    rig.home.path().join(folder).join("twin").to_str().unwrap().to_owned()
}

/// What is told of a load that ends well.
async fn load(client: &mut Client, request: Request) -> Vec<EventKind> {
    match client.ask(request).await.unwrap() {
        Reply::Loading(loading) => {
            let is_end = |kind: &EventKind| matches!(kind, EventKind::Load(change) if change.state.is_final());
            let mut told = client.until(loading.load, is_end).await;
            match told.pop() {
                Some(EventKind::Load(change)) => assert_eq!(change.state, LoadState::Loaded),
                other => panic!("{other:?}"),
            }
            told
        }
        other => panic!("{other:?}"),
    }
}

fn wanted(model: &str) -> Request {
    Request::Load(Load {
        model: model.to_owned(),
        ..Load::default()
    })
}

fn pin(model: &str, pinned: bool) -> Request {
    let model = model.to_owned();
    Request::Pin { model, pinned }
}

async fn released(client: &mut Client, request: Request) -> Result<Vec<String>, RemoteError> {
    client.ask(request).await.map(|reply| match reply {
        Reply::Released { models } => models,
        other => panic!("{other:?}"),
    })
}

async fn unloaded(client: &mut Client, model: &str) -> Result<Vec<String>, RemoteError> {
    let (model, device) = (model.to_owned(), String::new());
    released(client, Request::Unload { model, device }).await
}

/// The folders of the models in memory, with a `!` where they are pinned, once there are `count` of them.
async fn held(client: &mut Client, count: usize) -> Vec<String> {
    loop {
        let models = client.status().await.workers.remove(0).resident.models;
        if models.len() == count {
            let folder = |path: &str| Path::new(path).parent()?.file_name()?.to_str().map(str::to_owned);
            let one = |m: &darkroom_protocol::ResidentModel| {
                let folder = folder(m.source.given()).unwrap_or_default();
                if m.pinned { format!("{folder}!") } else { folder }
            };
            return models.iter().map(one).collect();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn of_two_models_of_one_name_the_one_that_is_meant_leaves() {
    let rig = twins(false).await;
    let mut client = rig.client().await;
    let (a, b) = (path(&rig, "a"), path(&rig, "b"));
    for model in [&a, &b] {
        load(&mut client, wanted(model)).await;
    }
    for refused in [
        unloaded(&mut client, "twin").await,
        released(&mut client, pin("Twin", true)).await,
    ] {
        let message = refused.unwrap_err().message;
        assert!(message.contains(&format!("{a}, {b}")), "{message}");
    }
    load(&mut client, pin(&a, true)).await;
    load(&mut client, pin(&b, true)).await;
    assert_eq!(
        released(&mut client, pin(&b, false)).await.unwrap(),
        [format!("twin ({b})")]
    );
    while held(&mut client, 2).await != ["a!", "b"] {}
    // Only one of the name is pinned now.
    assert_eq!(
        released(&mut client, pin("twin", false)).await.unwrap(),
        [format!("twin ({a})")]
    );
    assert_eq!(unloaded(&mut client, &a).await.unwrap(), [format!("twin ({a})")]);
    assert_eq!(held(&mut client, 1).await, ["b"]);
    // What is in memory under a name can be pinned by it, though no folder of models has it.
    load(&mut client, pin("twin", true)).await;
    assert_eq!(held(&mut client, 1).await, ["b!"]);
    assert_eq!(unloaded(&mut client, "twin").await.unwrap(), ["twin"]);
    held(&mut client, 0).await;
    let message = unloaded(&mut client, "twin").await.unwrap_err().message;
    assert!(message.starts_with("twin is not in memory"), "{message}");
    rig.stop().await;
}

#[tokio::test]
async fn a_name_means_in_memory_what_it_means_in_a_request() {
    let rig = twins(true).await;
    let mut client = rig.client().await;
    let (a, b) = (path(&rig, "a"), path(&rig, "b"));
    for model in [&b, "twin"] {
        load(&mut client, wanted(model)).await;
    }
    assert_eq!(held(&mut client, 2).await, ["b", "a"]);
    assert_eq!(unloaded(&mut client, "twin").await.unwrap(), [format!("twin ({a})")]);
    assert_eq!(held(&mut client, 1).await, ["b"]);
    assert_eq!(unloaded(&mut client, "").await.unwrap(), ["twin"]);
    rig.stop().await;
}

#[tokio::test]
async fn who_loads_a_model_is_told_that_the_settings_are_wrong() {
    let rig = twins(true).await;
    let mut client = rig.client().await;
    std::fs::write(rig.paths.config_file(), "models = ['~/m']\nkeep_alive = 'soon'\n").unwrap();
    let told = load(&mut client, wanted("emoji")).await;
    let is_complaint =
        |kind: &EventKind| matches!(kind, EventKind::Notice(line) if line.contains("config.toml: line 2"));
    assert!(told.iter().any(is_complaint), "{told:?}");
    rig.stop().await;
}
