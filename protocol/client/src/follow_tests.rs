//! A [`Following`] against daemons of a few lines that come and go.

use darkroom_protocol::codec::preface::Hello;
use darkroom_protocol::{Reply, Request, ServerMessage};
use interprocess::local_socket::tokio::Stream;

use super::*;
use crate::tests::{Fake, notice, read, write};

/// Greets, and answers a subscription with these numbers: the connection, and what it was asked to replay from.
async fn subscribed(fake: &Fake, hello: &Hello, (seq, oldest): (u64, u64)) -> (Stream, Option<u64>) {
    let mut stream = fake.accept(&hello.encode()).await;
    let asked = read(&mut stream).await;
    let Request::Subscribe(subscribe) = asked.request else {
        panic!("{:?}", asked.request);
    };
    let result = Ok(Reply::Subscribed { seq, oldest });
    write(&mut stream, ServerMessage::Reply { id: asked.id, result }).await;
    (stream, subscribe.from)
}

async fn begin(fake: &Fake, when_gone: WhenGone) -> Following {
    let client = Client::connect(&fake.paths).await.unwrap();
    Following::begin(&fake.paths, client, Subscribe::default(), when_gone)
        .await
        .unwrap()
}

async fn event(following: &mut Following) -> u64 {
    match following.next().await.unwrap() {
        Told::Event(event) => event.seq,
        other => panic!("{other:?}"),
    }
}

async fn missed(following: &mut Following) -> bool {
    match following.next().await.unwrap() {
        Told::Again { missed, .. } => missed,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_same_daemon_tells_what_was_missed_and_another_cannot() {
    let fake = Fake::new();
    let hello = Hello::of("daemon");
    let other = Hello {
        pid: 1,
        ..hello.clone()
    };
    let daemon = async {
        let (mut stream, from) = subscribed(&fake, &hello, (5, 1)).await;
        assert_eq!(from, None);
        write(&mut stream, notice(6)).await;
        drop(stream);
        let (mut stream, from) = subscribed(&fake, &hello, (9, 3)).await;
        assert_eq!(from, Some(7), "it goes on after the last one");
        write(&mut stream, notice(7)).await;
        drop(stream);
        let (stream, from) = subscribed(&fake, &hello, (90, 40)).await;
        assert_eq!(from, Some(8));
        drop(stream);
        let (mut stream, from) = subscribed(&fake, &other, (2, 1)).await;
        assert_eq!(from, None, "it knows nothing of what the other told");
        write(&mut stream, notice(3)).await;
        stream
    };
    let client = async {
        let mut following = begin(&fake, WhenGone::Wait).await;
        assert_eq!(event(&mut following).await, 6);
        assert!(!missed(&mut following).await);
        assert_eq!(event(&mut following).await, 7);
        assert!(missed(&mut following).await, "it forgot 8 to 39");
        assert!(missed(&mut following).await);
        assert_eq!(event(&mut following).await, 3);
        assert_eq!(following.client().daemon().pid, 1);
    };
    tokio::join!(daemon, client);
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_nobody_follows_is_waited_for_once() {
    let fake = Fake::new();
    let hello = Hello::of("daemon");
    let ((stream, _), mut following) = tokio::join!(subscribed(&fake, &hello, (1, 1)), begin(&fake, WhenGone::Wait));
    std::fs::remove_file(fake.paths.socket()).unwrap();
    drop(stream);
    // Whoever looks at it again and again, as a screen does, waits no longer.
    let mut waited = 0;
    let error = loop {
        match tokio::time::timeout(Duration::from_secs(1), following.next()).await {
            Ok(told) => break told.unwrap_err(),
            Err(_) => waited += 1,
        }
    };
    assert!(error.to_string().contains("The daemon has ended"), "{error}");
    assert!((9..=10).contains(&waited), "{waited}");
}

#[tokio::test]
async fn one_that_hangs_up_at_once_again_and_again_is_given_up() {
    let fake = Fake::new();
    let hello = Hello::of("daemon");
    let daemon = async {
        for _ in 0..=TRIES {
            drop(subscribed(&fake, &hello, (1, 1)).await);
        }
    };
    let client = async {
        let mut following = begin(&fake, WhenGone::Wait).await;
        for _ in 0..TRIES {
            missed(&mut following).await;
        }
        let error = following.next().await.unwrap_err();
        assert!(error.to_string().contains("lost 3 times"), "{error}");
    };
    tokio::join!(daemon, client);
}
