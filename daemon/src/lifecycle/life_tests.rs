//! The socket from a daemon's beginning to its end: one daemon has it, it is made again, and nothing of it stays behind.

use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::time::Duration;

use darkroom_protocol::{Reply, Request, ServerMessage};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::lifecycle::{Daemon, Stop};
use crate::testing::{Client, Rig, SOON};
use crate::{Error, RunOptions};

#[tokio::test]
async fn a_shutdown_is_answered_and_leaves_no_socket_and_no_lock() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    assert_eq!(client.ask(Request::Shutdown {}).await, Ok(Reply::ShuttingDown {}));
    assert!(matches!(client.message().await, Some(ServerMessage::Bye { .. })));
    assert_eq!(client.message().await, None);
    let socket = rig.paths.socket();
    let home = rig.stop().await;
    assert!(!socket.exists());
    Rig::at(home, "", |_| {}).await.stop().await;
}

#[tokio::test]
async fn of_two_daemons_one_lives_and_the_other_says_who() {
    let home = Arc::new(tempfile::tempdir().unwrap());
    let rig = Rig::at(home, "", |_| {}).await;
    let second = Daemon::prepare(RunOptions::new(rig.paths.clone()), Stop::default(), None).await;
    let Err(Error::AlreadyRunning { pid, .. }) = second else {
        panic!("two daemons");
    };
    assert_eq!(pid, std::process::id());
    rig.client().await.status().await;
    rig.stop().await;
}

#[tokio::test]
async fn a_socket_that_was_taken_away_is_made_again() {
    let rig = Rig::with("", |options| options.limits.socket_check = Duration::from_millis(10)).await;
    let mut before = rig.client().await;
    let old = std::fs::metadata(rig.paths.socket()).unwrap().ino();
    std::fs::remove_dir_all(&rig.paths.run).unwrap();
    let again = async {
        loop {
            if let Ok(stream) = UnixStream::connect(rig.paths.socket()).await {
                return stream;
            }
            tokio::task::yield_now().await;
        }
    };
    let stream = timeout(SOON, again).await.unwrap();
    Client::greet(stream).await.status().await;
    before.status().await;
    assert_ne!(std::fs::metadata(rig.paths.socket()).unwrap().ino(), old);
    rig.stop().await;
}
