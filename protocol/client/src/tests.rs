//! A client against a daemon of a few lines on a real socket; also what the tests of [`crate::follow`] talk to.

use darkroom_protocol::codec::frame;
use darkroom_protocol::codec::preface::{HEAD, Head, Hello};
use darkroom_protocol::data_folder::DataFolder;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::ClientMessage;
use darkroom_protocol::paths::Paths;
use darkroom_protocol::{Error, Event, EventKind, FailureKind, JobId, Reply, Request, ServerMessage};
use interprocess::local_socket::tokio::prelude::*;
use interprocess::local_socket::tokio::{Listener, Stream};
use interprocess::local_socket::{GenericFilePath, ListenerOptions, ToFsName};
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Client;

pub(crate) struct Fake {
    pub paths: Paths,
    listener: Listener,
    _dir: tempfile::TempDir,
}

impl Fake {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path());
        std::fs::create_dir_all(&paths.run).unwrap();
        let name = paths.socket().to_fs_name::<GenericFilePath>().unwrap();
        let listener = ListenerOptions::new().name(name).create_tokio().unwrap();
        Self {
            paths,
            listener,
            _dir: dir,
        }
    }

    /// Accepts one connection, reads the client's Hello and sends `preface`.
    pub async fn accept(&self, preface: &[u8]) -> Stream {
        let mut stream = self.listener.accept().await.unwrap();
        let mut head = [0; HEAD];
        stream.read_exact(&mut head).await.unwrap();
        let mut body = vec![0; Head::parse(&head).unwrap().length];
        stream.read_exact(&mut body).await.unwrap();
        stream.write_all(preface).await.unwrap();
        stream
    }
}

pub(crate) async fn read(stream: &mut Stream) -> ClientMessage {
    let length = stream.read_u32_le().await.unwrap();
    let mut body = vec![0; length as usize];
    stream.read_exact(&mut body).await.unwrap();
    frame::decode(&body).unwrap()
}

pub(crate) async fn write(stream: &mut Stream, message: ServerMessage) {
    stream.write_all(&frame::frame(&message).unwrap()).await.unwrap();
}

pub(crate) fn notice(seq: u64) -> ServerMessage {
    ServerMessage::Event(Event {
        seq,
        of: JobId::new().into(),
        kind: EventKind::Notice("hello".into()),
    })
}

#[tokio::test]
async fn events_before_a_reply_are_kept_in_order() {
    let fake = Fake::new();
    let daemon = async {
        let mut stream = fake.accept(&Hello::of("daemon").encode()).await;
        let asked = read(&mut stream).await;
        assert_eq!(asked.request, Request::Ping {});
        let stale = ServerMessage::Reply {
            id: 999,
            result: Err(RemoteError::usage("nobody asked")),
        };
        for message in [notice(1), stale, notice(2)] {
            write(&mut stream, message).await;
        }
        let result = Ok(Reply::Pong {});
        write(&mut stream, ServerMessage::Reply { id: asked.id, result }).await;
        write(&mut stream, notice(3)).await;
        stream
    };
    let client = async {
        let client = Client::connect(&fake.paths).await.unwrap();
        assert_eq!(client.daemon().role, "daemon");
        assert_eq!(client.call(Request::Ping {}).await.unwrap(), Reply::Pong {});
        for seq in 1..=3 {
            assert_eq!(client.next_event().await.unwrap().seq, seq);
        }
    };
    tokio::join!(daemon, client);
}

#[tokio::test]
async fn a_daemon_of_another_home_is_passed_over() {
    let fake = Fake::new();
    let other = tempfile::tempdir().unwrap();
    std::fs::create_dir(&fake.paths.data).unwrap();
    let hello = |data| Hello {
        data,
        ..Hello::of("daemon")
    };
    let stranger = hello(DataFolder::at(other.path())).encode();
    let (_, client) = tokio::join!(fake.accept(&stranger), Client::connect(&fake.paths));
    let error = client.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("serves another home"), "{error}");
    let ours = hello(DataFolder::at(&fake.paths.data)).encode();
    let (_, client) = tokio::join!(fake.accept(&ours), Client::connect(&fake.paths));
    client.unwrap();
}

#[tokio::test]
async fn a_refusal_keeps_its_kind() {
    let fake = Fake::new();
    let daemon = async {
        let mut stream = fake.accept(&Hello::of("daemon").encode()).await;
        let id = read(&mut stream).await.id;
        let result = Err(RemoteError::new(FailureKind::ModelNotFound, "no such model"));
        write(&mut stream, ServerMessage::Reply { id, result }).await;
        stream
    };
    let client = async {
        let client = Client::connect(&fake.paths).await.unwrap();
        let error = client.model("x").await.unwrap_err();
        assert!(
            matches!(&error, Error::Remote(e) if e.kind == FailureKind::ModelNotFound),
            "{error}"
        );
    };
    tokio::join!(daemon, client);
}

#[tokio::test]
async fn an_answer_to_another_question_is_an_error() {
    let fake = Fake::new();
    let daemon = async {
        let mut stream = fake.accept(&Hello::of("daemon").encode()).await;
        let id = read(&mut stream).await.id;
        let result = Ok(Reply::Pong {});
        write(&mut stream, ServerMessage::Reply { id, result }).await;
        stream
    };
    let client = async {
        let client = Client::connect(&fake.paths).await.unwrap();
        let message = client.status().await.unwrap_err().to_string();
        assert!(message.contains("the reply `Pong` does not answer"), "{message}");
    };
    tokio::join!(daemon, client);
}

/// A daemon of the next version.
fn newer() -> Vec<u8> {
    let mut bytes = Hello::of("daemon").encode();
    bytes[5] += 1;
    bytes
}

#[rstest]
#[case::newer(newer(), "run `darkroom daemon restart`")]
#[case::something_else(b"HTTP/1.1 400 Bad Request\r\n".to_vec(), "this is no Darkroom daemon")]
#[case::a_lying_length(b"\0DKR\0\x01\xff\xff\xff\xff".to_vec(), "exceeds the limit")]
#[case::nothing(vec![], "before it said who it is")]
#[tokio::test]
async fn a_bad_greeting_is_explained(#[case] preface: Vec<u8>, #[case] expected: &str) {
    let fake = Fake::new();
    let daemon = async { drop(fake.accept(&preface).await) };
    let (_, client) = tokio::join!(daemon, Client::connect(&fake.paths));
    let message = client.unwrap_err().to_string();
    assert!(message.contains(expected), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_daemon_times_out() {
    let fake = Fake::new();
    let error = Client::connect(&fake.paths).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { seconds: 2, .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_falls_silent_is_asked_and_given_up() {
    let fake = Fake::new();
    let hello = Hello::of("daemon").encode();
    let (_stream, client) = tokio::join!(fake.accept(&hello), Client::connect(&fake.paths));
    let error = client.unwrap().next_event().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { seconds: 10, .. }), "{error}");
}

#[rstest]
#[case(Some("shutting\x1b down"), "The daemon closed the connection: shutting\\u{1b} down")]
#[case(None, "The daemon closed the connection: see `darkroom daemon logs`.")]
#[tokio::test]
async fn an_end_comes_with_its_reason(#[case] reason: Option<&str>, #[case] expected: &str) {
    let fake = Fake::new();
    let daemon = async {
        let mut stream = fake.accept(&Hello::of("daemon").encode()).await;
        if let Some(reason) = reason {
            let reason = reason.to_owned();
            write(&mut stream, ServerMessage::Bye { reason }).await;
        }
    };
    let client = async {
        let client = Client::connect(&fake.paths).await.unwrap();
        assert_eq!(client.next_event().await.unwrap_err().to_string(), expected);
    };
    tokio::join!(daemon, client);
}

#[tokio::test]
async fn a_corpse_and_an_absence_are_unreachable() {
    let dir = tempfile::tempdir().unwrap();
    let paths = Paths::under(dir.path());
    let absent = Client::connect(&paths).await.unwrap_err();
    assert!(matches!(absent, Error::Unreachable { .. }), "{absent}");
    std::fs::create_dir_all(&paths.run).unwrap();
    drop(std::os::unix::net::UnixListener::bind(paths.socket()).unwrap());
    let corpse = Client::connect(&paths).await.unwrap_err();
    assert!(matches!(corpse, Error::Unreachable { .. }), "{corpse}");
}

#[tokio::test]
async fn whoever_asks_waits_for_no_other() {
    let fake = Fake::new();
    let daemon = async {
        let mut stream = fake.accept(&Hello::of("daemon").encode()).await;
        let (first, second) = (read(&mut stream).await, read(&mut stream).await);
        for asked in [second, first] {
            let result = match asked.request {
                Request::Metrics {} => Ok(Reply::Metrics("m".into())),
                _ => Ok(Reply::Pong {}),
            };
            write(&mut stream, ServerMessage::Reply { id: asked.id, result }).await;
        }
        stream
    };
    let client = async {
        let client = Client::connect(&fake.paths).await.unwrap();
        let other = client.clone();
        let (pong, metrics) = tokio::join!(client.call(Request::Ping {}), other.metrics());
        assert_eq!((pong.unwrap(), metrics.unwrap().as_str()), (Reply::Pong {}, "m"));
    };
    tokio::join!(daemon, client);
}

#[tokio::test]
async fn events_that_nobody_takes_keep_no_reply() {
    const EVENTS: u64 = 10_000;
    let fake = Fake::new();
    let daemon = async {
        let mut stream = fake.accept(&Hello::of("daemon").encode()).await;
        for seq in 1..=EVENTS {
            write(&mut stream, notice(seq)).await;
        }
        let id = read(&mut stream).await.id;
        write(
            &mut stream,
            ServerMessage::Reply {
                id,
                result: Ok(Reply::Pong {}),
            },
        )
        .await;
        stream
    };
    let client = async {
        let client = Client::connect(&fake.paths).await.unwrap();
        assert_eq!(client.call(Request::Ping {}).await.unwrap(), Reply::Pong {});
        for seq in 1..=EVENTS {
            assert_eq!(client.next_event().await.unwrap().seq, seq);
        }
    };
    tokio::join!(daemon, client);
}

#[tokio::test]
async fn why_it_ended_is_told_to_all_who_wait_or_ask_later() {
    let fake = Fake::new();
    let daemon = async {
        let mut stream = fake.accept(&Hello::of("daemon").encode()).await;
        drop((read(&mut stream).await, read(&mut stream).await));
        let reason = "enough".to_owned();
        write(&mut stream, ServerMessage::Bye { reason }).await;
    };
    let client = async {
        let client = Client::connect(&fake.paths).await.unwrap();
        let (pong, metrics) = tokio::join!(client.call(Request::Ping {}), client.metrics());
        let later = client.status().await;
        let event = client.next_event().await;
        for error in [
            pong.unwrap_err(),
            metrics.unwrap_err(),
            later.unwrap_err(),
            event.unwrap_err(),
        ] {
            assert_eq!(error.to_string(), "The daemon closed the connection: enough");
        }
    };
    tokio::join!(daemon, client);
}

#[tokio::test]
async fn the_last_one_who_goes_closes_it() {
    let fake = Fake::new();
    let hello = Hello::of("daemon").encode();
    let (mut stream, client) = tokio::join!(fake.accept(&hello), Client::connect(&fake.paths));
    let client = client.unwrap();
    drop(client.clone());
    let answered = async {
        let id = read(&mut stream).await.id;
        write(
            &mut stream,
            ServerMessage::Reply {
                id,
                result: Ok(Reply::Pong {}),
            },
        )
        .await;
    };
    let (pong, ()) = tokio::join!(client.call(Request::Ping {}), answered);
    pong.unwrap();
    drop(client);
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
}
