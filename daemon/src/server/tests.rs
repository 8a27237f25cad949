//! What is said over a socket, by clients that behave and by those that do not.

use std::time::Duration;

use darkroom_protocol::codec::preface::{HEAD, Head, MAGIC};
use darkroom_protocol::message::client::{Download, Subscribe, Upload};
use darkroom_protocol::{
    Event, EventKind, FailureKind, GenerateRequest, JobId, JobState, Reply, Request, ServerMessage,
};
use rstest::rstest;
use serde_json::{Value, json};
use sha2::Digest as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::testing::{Rig, SOON};

const BLINK: Duration = Duration::from_millis(100);

/// Everything that comes until the connection ends.
async fn rest(stream: &mut UnixStream) -> String {
    let mut text = Vec::new();
    // A reset after the last words is an end too.
    let _ = timeout(SOON, stream.read_to_end(&mut text)).await.unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

/// What `line` is answered.
async fn call(stream: &mut BufReader<UnixStream>, line: &str) -> Value {
    stream.write_all(line.as_bytes()).await.unwrap();
    stream.write_all(b"\n").await.unwrap();
    next_line(stream).await
}

async fn next_line(stream: &mut BufReader<UnixStream>) -> Value {
    let mut line = String::new();
    timeout(SOON, stream.read_line(&mut line)).await.unwrap().unwrap();
    serde_json::from_str(&line).unwrap()
}

fn of(job: Option<JobId>, from: Option<u64>) -> Request {
    Request::Subscribe(Subscribe {
        job: job.map(|job| job.to_string()),
        from,
        ..Subscribe::default()
    })
}

#[rstest]
#[case("GET / HTTP/1.1\r\n\r\n", "This is Darkroom's socket")]
#[case("[1]\n", "This is Darkroom's socket")]
#[case("\0XYZ\0\u{1}\0\0\0\0", "this is no Darkroom daemon")]
#[case("\0DKR\0\u{1}\u{7f}\0\0\0", "exceeds the limit")]
#[tokio::test]
async fn garbage_gets_one_readable_line(#[case] garbage: &str, #[case] answer: &str) {
    let rig = Rig::start().await;
    let mut stream = rig.dial().await;
    stream.write_all(garbage.as_bytes()).await.unwrap();
    let text = rest(&mut stream).await;
    assert!(
        text.contains(answer) && text.ends_with('\n') && text.matches('\n').count() == 1,
        "{text}"
    );
    rig.client().await.status().await;
    rig.stop().await;
}

#[rstest]
#[case("")]
#[case("{\"jsonrpc\":")]
#[case("\0DK")]
#[case("\0DKR\0\u{1}\0\0\0\u{9}{")]
#[tokio::test]
async fn the_first_message_is_due_soon(#[case] half: &str) {
    let rig = Rig::with("", |options| options.limits.first_message = BLINK).await;
    let mut stream = rig.dial().await;
    // On a busy machine it may be too late already.
    let _ = stream.write_all(half.as_bytes()).await;
    let text = rest(&mut stream).await;
    assert!(
        text.ends_with("The first message is due within 0.1 s of connecting.\n"),
        "{text}"
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_message_that_is_held_open_ends_its_connection_and_an_idle_one_lasts() {
    let rig = Rig::with("", |options| options.limits.stall = BLINK).await;
    let mut idle = rig.client().await;
    idle.status().await;
    let mut lines = BufReader::new(rig.dial().await);
    assert_eq!(
        call(&mut lines, r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).await["result"],
        json!({})
    );
    lines.write_all(b"{\"half").await.unwrap();
    let bye = next_line(&mut lines).await;
    assert_eq!(bye["method"], "bye");
    assert!(
        bye["params"]["reason"]
            .as_str()
            .unwrap()
            .contains("nothing came for 0.1 s"),
        "{bye}"
    );
    assert_eq!(rest(lines.get_mut()).await, "");
    idle.status().await;
    rig.stop().await;
}

#[tokio::test]
async fn too_long_messages_are_refused() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    client.status().await;
    let mut lines = rig.dial().await;
    let flood = vec![b' '; 1 << 20];
    lines.write_all(b"{").await.unwrap();
    while lines.write_all(&flood).await.is_ok() {}
    let text = rest(&mut lines).await;
    assert!(
        text.is_empty() || text.contains("more than 16777216 bytes has no end"),
        "{text}"
    );

    let mut raw = rig.client().await.into_inner();
    raw.write_all(&[0xff; 4]).await.unwrap();
    assert!(rest(&mut raw).await.contains("exceeds the limit of 2097152 bytes"));
    client.status().await;
    rig.stop().await;
}

#[tokio::test]
async fn a_frame_that_is_no_message_is_told_so() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    client.send(vec![7; 40]).await;
    let Some(ServerMessage::Bye { reason }) = client.message().await else {
        panic!("no farewell");
    };
    assert!(reason.contains("could not be read"), "{reason}");
    assert_eq!(client.message().await, None);
    rig.stop().await;
}

#[rstest]
#[case("{\"jsonrpc\": nonsense}", -32700, "is not JSON")]
#[case("{\"id\":1}", -32600, "must be \\\"2.0\\\"")]
#[case("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"statsu\"}", -32601, "did you mean status?")]
#[case("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"job\",\"params\":{}}", -32602, "missing field")]
#[case("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"job\",\"params\":{\"job\":\"ffff\"}}", -32602, "There is no job ffff")]
#[tokio::test]
async fn wrong_lines_get_json_rpcs_errors_and_the_next_line_is_read(
    #[case] line: &str,
    #[case] code: i64,
    #[case] message: &str,
) {
    let rig = Rig::start().await;
    let mut lines = BufReader::new(rig.dial().await);
    let answer = call(&mut lines, line).await;
    assert_eq!(answer["error"]["code"], code, "{answer}");
    assert!(answer["error"]["message"].to_string().contains(message), "{answer}");
    let ping = r#"{"jsonrpc":"2.0","id":"x","method":"ping"}"#;
    assert_eq!(call(&mut lines, ping).await["id"], "x");
    rig.stop().await;
}

#[tokio::test]
async fn tokens_are_counted_while_no_worker_is_asked() {
    let rig = Rig::start().await;
    let mut lines = BufReader::new(rig.dial().await);
    let ask = r#"{"jsonrpc":"2.0","id":1,"method":"count_tokens","params":{"text":"a fox BREAK in the snow"}}"#;
    let count = call(&mut lines, ask).await["result"]["count"].clone();
    assert_eq!(count, json!({"tokens": 78, "chunks": 2, "room": 75}));
    rig.stop().await;
}

#[tokio::test]
async fn a_job_from_a_line_to_its_picture() {
    let rig = Rig::start().await;
    let mut lines = BufReader::new(rig.dial().await);
    let submit = json!({"jsonrpc": "2.0", "id": 7, "method": "submit", "params": {
        "request_id": uuid::Uuid::now_v7(), "request": {"prompt": "draw", "seed": 3}, "watch": true,
    }});
    // A notification is obeyed and not answered.
    lines
        .write_all(b"{\"jsonrpc\":\"2.0\",\"method\":\"ping\"}\n")
        .await
        .unwrap();
    let answer = call(&mut lines, &submit.to_string()).await;
    assert_eq!(
        (&answer["id"], &answer["result"]["model"]),
        (&json!(7), &json!("emoji"))
    );
    let job = answer["result"]["job"].as_str().unwrap().to_owned();
    loop {
        let event = next_line(&mut lines).await;
        assert_eq!(
            (&event["method"], &event["params"]["of"]["job"]),
            (&json!("event"), &json!(job))
        );
        if event["params"]["kind"]["state"]["state"] == "done" {
            break;
        }
    }
    rig.stop().await;
}

#[tokio::test]
async fn half_closed_lines_are_answered() {
    let rig = Rig::start().await;
    let mut stream = rig.dial().await;
    let ping = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n";
    stream.write_all(ping.repeat(3).as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(rest(&mut stream).await.lines().count(), 3);
    rig.stop().await;
}

#[tokio::test]
async fn the_last_line_needs_no_end() {
    let rig = Rig::start().await;
    let mut stream = rig.dial().await;
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    stream.write_all(format!("{ping}\n{ping}").as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(rest(&mut stream).await.lines().count(), 2);
    let mut stream = rig.dial().await;
    stream.write_all(br#"{"jsonrpc":"2.0","id":1,"met"#).await.unwrap();
    stream.shutdown().await.unwrap();
    assert!(rest(&mut stream).await.contains("-32700"));
    rig.stop().await;
}

#[tokio::test]
async fn batches_are_refused_in_json_and_long_lines_are_passed_over() {
    let rig = Rig::start().await;
    let mut stream = rig.dial().await;
    stream
        .write_all(b"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]\n")
        .await
        .unwrap();
    let answer: Value = serde_json::from_str(&rest(&mut stream).await).unwrap();
    assert_eq!(
        (&answer["error"]["code"], &answer["error"]["data"]["kind"]),
        (&json!(-32600), &json!("usage"))
    );

    let mut lines = BufReader::new(rig.dial().await);
    let long = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":"{}"}}"#,
        "x".repeat(5 << 20)
    );
    let answer = call(&mut lines, &long).await;
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .contains("exceeds the limit of 2097152"),
        "{answer}"
    );
    let ping = r#"{"jsonrpc":"2.0","id":"x","method":"ping"}"#;
    assert_eq!(call(&mut lines, ping).await["id"], "x");
    rig.stop().await;
}

#[tokio::test]
async fn the_same_id_with_another_request_is_refused() {
    let rig = Rig::start().await;
    let mut lines = BufReader::new(rig.dial().await);
    let submit = |steps: u32, watch: bool| {
        let params = json!({
            "request_id": "01990000-0000-7000-8000-000000000001", "request": {"prompt": "draw", "steps": steps}, "watch": watch,
        });
        json!({"jsonrpc": "2.0", "id": 1, "method": "submit", "params": params}).to_string()
    };
    let first = call(&mut lines, &submit(3, false)).await;
    let other = call(&mut lines, &submit(4, false)).await;
    assert_eq!(other["error"]["data"]["kind"], "usage", "{other}");
    assert!(
        other["error"]["message"]
            .as_str()
            .unwrap()
            .contains("give another request its own id"),
        "{other}"
    );
    let again = call(&mut lines, &submit(3, true)).await;
    assert_eq!(again["result"]["job"], first["result"]["job"]);
    rig.stop().await;
}

#[tokio::test]
async fn half_closed_lines_get_the_events_that_they_asked_for() {
    let rig = Rig::start().await;
    let mut stream = rig.dial().await;
    let submit = json!({"jsonrpc": "2.0", "id": 7, "method": "submit", "params": {
        "request_id": uuid::Uuid::now_v7(), "request": {"prompt": "draw", "batch": 2}, "watch": true, "max_fps": 9,
    }});
    stream.write_all(format!("{submit}\n").as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let text = rest(&mut stream).await;
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["id"], 7);
    let kinds: Vec<&str> = lines[1..]
        .iter()
        .map(|line| {
            line["params"]["kind"]
                .as_object()
                .unwrap()
                .keys()
                .next()
                .unwrap()
                .as_str()
        })
        .collect();
    for kind in ["progress", "preview"] {
        assert!(kinds.contains(&kind), "{text}");
    }
    assert_eq!(kinds.iter().filter(|kind| **kind == "picture").count(), 2);
    assert_eq!(lines.last().unwrap()["params"]["kind"]["state"]["state"], "done");
    rig.stop().await;
}

#[tokio::test]
async fn a_half_closed_peer_that_leaves_frees_its_place() {
    let rig = Rig::with("", |options| options.limits.connections = 1).await;
    let mut stream = rig.dial().await;
    let subscribe = json!({"jsonrpc": "2.0", "id": 1, "method": "subscribe", "params": {}});
    let mut lines = BufReader::new(&mut stream);
    lines.write_all(format!("{subscribe}\n").as_bytes()).await.unwrap();
    lines.read_line(&mut String::new()).await.unwrap();
    stream.shutdown().await.unwrap();
    drop(stream);
    let served = async {
        loop {
            let mut client = rig.client().await;
            let sent = client.try_send(crate::testing::ping()).await;
            if sent.is_ok() && matches!(client.message().await, Some(ServerMessage::Reply { .. })) {
                return;
            }
        }
    };
    timeout(SOON, served).await.unwrap();
    rig.stop().await;
}

#[tokio::test]
async fn previews_without_a_rate_are_refused() {
    let rig = Rig::start().await;
    let mut lines = BufReader::new(rig.dial().await);
    let subscribe = r#"{"jsonrpc":"2.0","id":1,"method":"subscribe","params":{"kinds":["preview"]}}"#;
    let answer = call(&mut lines, subscribe).await;
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
    assert!(
        answer["error"]["message"].to_string().contains("max_fps is 0"),
        "{answer}"
    );
    rig.stop().await;
}

#[tokio::test]
async fn another_version_reads_ours_and_is_let_go() {
    let rig = Rig::start().await;
    let mut stream = rig.dial().await;
    let hello = br#"{"build":"9.9.9"}"#;
    let mut preface = MAGIC.to_vec();
    preface.extend(99_u16.to_be_bytes());
    preface.extend((hello.len() as u32).to_be_bytes());
    preface.extend(hello);
    stream.write_all(&preface).await.unwrap();
    let mut head = [0; HEAD];
    stream.read_exact(&mut head).await.unwrap();
    let head = Head::parse(&head).unwrap();
    assert_eq!(head.version, darkroom_protocol::VERSION);
    assert_eq!(rest(&mut stream).await.len(), head.length);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_idle_connections_do_not_matter() {
    let rig = Rig::start().await;
    let mut idle = Vec::new();
    for at in 0..1000 {
        let mut stream = rig.dial().await;
        if at % 2 == 0 {
            stream
                .write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n")
                .await
                .unwrap();
        }
        idle.push(stream);
    }
    let mut client = rig.client().await;
    let job = client.submit("draw").await;
    assert_eq!(client.end(job).await.1.state, JobState::Done);
    rig.stop().await;
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_in_its_language() {
    let rig = Rig::with("", |options| options.limits.connections = 2).await;
    let (mut first, second) = (rig.client().await, rig.client().await);
    first.status().await;
    let mut third = rig.client().await;
    assert!(matches!(third.message().await, Some(ServerMessage::Bye { reason }) if reason.contains("close some")));
    assert_eq!(third.message().await, None);
    let mut fourth = rig.dial().await;
    fourth
        .write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n")
        .await
        .unwrap();
    assert!(
        rest(&mut fourth)
            .await
            .starts_with("{\"jsonrpc\":\"2.0\",\"method\":\"bye\"")
    );
    drop(second);
    // Its place is free once the daemon has seen it go.
    let served = async {
        loop {
            let mut client = rig.client().await;
            let sent = client.try_send(crate::testing::ping()).await;
            if sent.is_ok() && matches!(client.message().await, Some(ServerMessage::Reply { .. })) {
                return;
            }
        }
    };
    timeout(SOON, served).await.unwrap();
    rig.stop().await;
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_dropped_with_a_reason() {
    let rig = Rig::start().await;
    let mut slow = rig.client().await;
    slow.ask(of(None, None)).await.unwrap();
    let mut quick = rig.client().await;
    quick.status().await;
    let line = "x".repeat(4000);
    for _ in 0..3000 {
        rig.context.bus.publish(JobId::new(), EventKind::Notice(line.clone()));
    }
    let mut last = None;
    while let Some(message) = slow.message().await {
        last = Some(message);
    }
    assert!(
        matches!(&last, Some(ServerMessage::Bye { reason }) if reason.contains("too slowly")),
        "{last:?}"
    );
    quick.status().await;
    rig.stop().await;
}

#[tokio::test]
async fn events_are_replayed_from_a_number_and_a_jobs_standing_is_told_first() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    let job = client.submit_with("draw", |request| request.batch = Some(2)).await;
    client.end(job).await;

    let mut late = rig.client().await;
    let Reply::Subscribed { seq, oldest } = late.ask(of(Some(job), None)).await.unwrap() else {
        panic!("no subscription");
    };
    let told: Vec<Event> = vec![late.event().await, late.event().await, late.event().await];
    assert!(told.iter().all(|event| event.seq == seq) && oldest <= seq);
    let is_picture = |event: &Event| matches!(event.kind, EventKind::Picture(_));
    assert!(told[..2].iter().all(is_picture));
    assert!(matches!(&told[2].kind, EventKind::State(change) if change.state == JobState::Done));

    let mut again = rig.client().await;
    again.ask(of(None, Some(1))).await.unwrap();
    let (kinds, end) = again.end(job).await;
    assert_eq!(
        (
            kinds.iter().filter(|k| matches!(k, EventKind::Picture(_))).count(),
            end.state
        ),
        (2, JobState::Done)
    );
    rig.stop().await;
}

#[tokio::test]
async fn previews_come_as_small_as_asked_for() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    let subscribe = Subscribe {
        max_fps: 30,
        max_px: 2,
        ..Subscribe::default()
    };
    client.ask(Request::Subscribe(subscribe)).await.unwrap();
    let mut other = rig.client().await;
    let job = other.submit("draw").await;
    let kinds = client.until(job, |kind| matches!(kind, EventKind::Preview(_))).await;
    assert!(matches!(kinds.last(), Some(EventKind::Preview(p)) if (p.width, p.height, p.rgb.len()) == (2, 2, 12)));
    let (kinds, _) = other.end(job).await;
    assert!(!kinds.iter().any(|kind| matches!(kind, EventKind::Preview(_))));
    rig.stop().await;
}

#[tokio::test]
async fn inputs_go_up_and_pictures_come_down_in_pieces() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    let whole = vec![5_u8; 1_500_000];
    let sha256: String = sha2::Sha256::digest(&whole)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let mut held = 0;
    while held < whole.len() as u64 {
        let from = held as usize;
        let upload = Upload {
            sha256: sha256.clone(),
            size: whole.len() as u64,
            offset: held,
            bytes: whole[from..whole.len().min(from + (1 << 20))].to_vec(),
        };
        match client.ask(Request::Upload(upload)).await.unwrap() {
            Reply::Uploaded { held: now } => held = now,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(std::fs::read(rig.paths.inputs().join(&sha256)).unwrap(), whole);

    let job = client.submit("draw").await;
    client.end(job).await;
    let picture = crate::workers::fake::bytes(job, 0);
    let hash = darkroom_protocol::hash::hex(sha2::Sha256::digest(&picture));
    for (sha256, offset, expected) in [
        (&hash, 0, Some(&picture[..])),
        (&hash, 3, Some(&picture[3..])),
        (&hash, 999, Some(&[][..])),
        (&"0f".repeat(32), 0, None),
    ] {
        let sha256 = sha256.clone();
        let download = Download {
            sha256,
            offset,
            limit: 0,
        };
        let piece = match client.ask(Request::Download(download)).await {
            Ok(Reply::Piece(piece)) => Some(piece),
            Ok(other) => panic!("{other:?}"),
            Err(error) => {
                assert!(
                    error.message.contains("no picture with the hash 0f0f0f0f0f0f"),
                    "{error}"
                );
                None
            }
        };
        assert_eq!(
            piece.map(|piece| (piece.size, piece.bytes)),
            expected.map(|e| (picture.len() as u64, e.to_vec()))
        );
    }
    rig.stop().await;
}

#[tokio::test]
async fn requests_that_cannot_be_met_are_refused_before_they_are_jobs() {
    let rig = Rig::start().await;
    let mut client = rig.client().await;
    let cases: [(GenerateRequest, FailureKind); 3] = [
        (
            GenerateRequest {
                width: Some(65),
                ..Default::default()
            },
            FailureKind::Usage,
        ),
        (
            GenerateRequest {
                model: Some("/nowhere".into()),
                ..Default::default()
            },
            FailureKind::ModelNotFound,
        ),
        (
            GenerateRequest {
                device: Some("tpu".into()),
                ..Default::default()
            },
            FailureKind::Usage,
        ),
    ];
    for (request, kind) in cases {
        let error = client.submit_as(uuid::Uuid::now_v7(), request).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
    }
    assert_eq!(client.status().await.queued, 0);
    rig.stop().await;
}
