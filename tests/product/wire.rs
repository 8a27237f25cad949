//! The socket itself, spoken to by strangers.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

use crate::support::{Home, Watched, peak_memory, wait_until};

#[test]
fn a_stranger_submits_and_watches_to_the_end() {
    let home = Home::new();
    home.warm();
    let mut rpc = home.rpc();
    assert_eq!(rpc.call("ping", &json!({}))["result"], json!({}));
    let request = json!({ "prompt": "fox", "steps": 2, "width": 16, "height": 16, "seed": 5, "sampler": "euler a" });
    let submit = json!({ "request_id": "01990000-0000-7000-8000-000000000001", "request": request, "watch": true });
    let submitted = rpc.call("submit", &submit);
    let job = submitted["result"]["job"].as_str().unwrap().to_owned();
    let mut kinds: Vec<Value> = Vec::new();
    while kinds.last().is_none_or(|kind: &Value| kind["state"]["state"] != "done") {
        let event = rpc.json();
        assert_eq!(
            (&event["method"], &event["params"]["of"]["job"]),
            (&"event".into(), &job.as_str().into())
        );
        kinds.push(event["params"]["kind"].clone());
    }
    assert_eq!(kinds[0]["state"]["state"], "queued");
    let picture = &kinds.iter().find(|kind| kind["picture"].is_object()).unwrap()["picture"];
    let piece = &rpc.call("download", &json!({ "sha256": picture["sha256"], "offset": 0 }))["result"];
    assert_eq!(piece["size"], picture["bytes"]);
    let again = rpc.call("submit", &submit);
    assert_eq!(again["result"]["job"], job.as_str(), "the same request is the same job");
    assert_eq!(home.jobs().len(), 1);
    let card = &rpc.call("model", &json!({ "model": "" }))["result"];
    assert_eq!(card["name"], "emoji", "{card}");
    let counted = rpc.call("count_tokens", &json!({ "text": "(a fox:1.2) BREAK in the snow" }));
    assert_eq!(
        counted["result"]["count"],
        json!({ "tokens": 78, "chunks": 2, "room": 75 })
    );
}

#[test]
fn lines_that_are_no_requests_are_answered_and_the_connection_stays() {
    let home = Home::new();
    home.warm();
    let mut rpc = home.rpc();
    let cases: &[(&str, i64, &str)] = &[
        ("{\"jsonrpc\":\"2.0\",", -32700, "not JSON"),
        ("[1,2]", -32600, "object"),
        ("{}", -32600, "2.0"),
        (r#"{"jsonrpc":"2.0","id":1}"#, -32600, "method"),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"stats"}"#,
            -32601,
            "did you mean status?",
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method":"\u001b[2J"}"#, -32601, "\\u{1b}"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"job"}"#, -32602, "job"),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"job","params":{"job":7}}"#,
            -32602,
            "string",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"submit","params":{"request_id":"x","request":{}}}"#,
            -32602,
            "submit",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"queue","params":{"states":["odd"],"limit":1}}"#,
            -32602,
            "odd",
        ),
    ];
    for (line, code, words) in cases {
        // The first byte of a connection must be a brace: the others come later.
        rpc.call("ping", &json!({}));
        rpc.send(format!("{line}\n").as_bytes()).unwrap();
        let answer = rpc.json();
        assert_eq!(answer["error"]["code"], *code, "{line}: {answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(
            message.contains(words) && !message.contains('\u{1b}'),
            "{line}: {message}"
        );
    }
    for (field, value, words) in [
        ("steps", json!(0), "1 to 1000"),
        ("steps", json!("four"), "whole number"),
        ("stepps", json!(4), "did you mean steps?"),
        ("width", json!(1e6), "8 to 8192"),
        ("batch", json!(1_000_000), "1 to 256"),
        ("seed", json!(9_007_199_254_740_992u64), "9007199254740991"),
        ("prompt", json!("x".repeat(1 << 20)), "65536"),
        ("prompt", json!(7), "text"),
    ] {
        let mut request = json!({ "prompt": "fox" });
        request[field] = value;
        let submit = json!({ "request_id": "01990000-0000-7000-8000-000000000002", "request": request });
        let answer = rpc.call("submit", &submit);
        assert_eq!(answer["error"]["code"], -32602, "{field}: {answer}");
        assert!(
            answer["error"]["message"].as_str().unwrap().contains(words),
            "{field}: {answer}"
        );
    }
    assert_eq!(home.jobs(), [] as [Value; 0]);
}

#[test]
fn garbage_gets_one_readable_line() {
    let home = Home::new();
    let (daemon, _) = home.warm();
    let random: Vec<u8> = (1..5000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 | 0x80)
        .collect();
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..],
        b"[]",
        b"hello\n",
        &random,
    ] {
        let mut rpc = home.rpc();
        let _ = rpc.send(bytes);
        let said = String::from_utf8(rpc.rest()).unwrap();
        assert_eq!(said.lines().count(), 1, "{said:?}");
        assert!(
            said.contains("This is Darkroom's socket") && said.contains("JSON-RPC"),
            "{said:?}"
        );
    }
    home.still_works(daemon);
}

/// The preface of another version, and frames that lie.
#[test]
fn frames_that_lie_are_refused() {
    let home = Home::new();
    let (daemon, _) = home.warm();
    let hello = br#"{"build":"9.9.9","pid":1,"role":"client","capabilities":["x"],"color":"red"}"#;
    let preface = |version: u16| {
        let mut bytes = b"\0DKR".to_vec();
        bytes.extend(version.to_be_bytes());
        bytes.extend((hello.len() as u32).to_be_bytes());
        bytes.extend(hello);
        bytes
    };
    let mut future = home.rpc();
    future.send(&preface(99)).unwrap();
    let answer = future.rest();
    assert!(
        answer.starts_with(&[&b"\0DKR"[..], &darkroom_protocol::VERSION.to_be_bytes()].concat()),
        "its own preface, so that the other side can say what to do: {answer:?}"
    );
    assert!(String::from_utf8_lossy(&answer).contains("0.1.0"));

    let mut frames: Vec<(&str, Vec<u8>)> = vec![
        ("a frame of 4 GB", vec![0xff; 4]),
        ("a frame of 17 MiB", (17u32 << 20).to_le_bytes().to_vec()),
        ("a frame of nonsense", [&8u32.to_le_bytes()[..], &[0xfe; 8]].concat()),
        ("an empty frame", vec![0; 4]),
        // A string that claims 2⁶⁴ − 1 bytes.
        (
            "a string that lies",
            [&12u32.to_le_bytes()[..], &[1, 3, 253], &[0xff; 9]].concat(),
        ),
    ];
    for (name, frame) in &mut frames {
        let mut rpc = home.rpc();
        let mut bytes = preface(darkroom_protocol::VERSION);
        bytes.append(frame);
        rpc.send(&bytes).unwrap();
        let answer = rpc.rest();
        assert!(
            answer.len() > 100,
            "{name}: it says why: {:?}",
            String::from_utf8_lossy(&answer)
        );
    }
    let mut rpc = home.rpc();
    rpc.send(b"\0DKR\0\x01\xff\xff\xff\xff").unwrap();
    let said = String::from_utf8(rpc.rest()).unwrap();
    assert!(said.contains("65536"), "a Hello of 4 GB: {said}");
    home.still_works(daemon);
}

#[test]
fn a_client_of_another_version_says_what_to_do() {
    use std::io::Write;
    let home = Home::new();
    std::fs::create_dir(home.at("run")).unwrap();
    let listener = std::os::unix::net::UnixListener::bind(home.socket()).unwrap();
    let peer = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let hello = br#"{"build":"7.0.0"}"#;
        stream.write_all(b"\0DKR\0\x63\0\0\0\x11").unwrap();
        stream.write_all(hello).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    });
    home.run("status")
        .refused(3, &["7.0.0", "protocol 99", "darkroom daemon restart"]);
    peer.join().unwrap();
    std::fs::remove_file(home.socket()).unwrap();
}

#[test]
fn a_line_that_never_ends_is_cut_off() {
    let home = Home::new();
    let (daemon, _) = home.warm();
    let before = peak_memory(daemon);
    let mut rpc = home.rpc();
    rpc.call("ping", &json!({}));
    let piece = vec![b' '; 1 << 20];
    rpc.send(b"{").unwrap();
    let sent = (0..20).take_while(|_| rpc.send(&piece).is_ok()).count();
    let said = String::from_utf8(rpc.rest()).unwrap();
    assert!(
        sent <= 18 && (said.is_empty() || said.contains("16777216")),
        "{sent}: {said}"
    );
    assert!(peak_memory(daemon) < before + (64 << 20), "memory is bounded");
    home.still_works(daemon);
}

#[test]
fn half_a_line_and_silence_are_ended() {
    let home = Home::new();
    let (daemon, _) = home.warm();
    let begun = Instant::now();
    let (mut half, mut silent, mut magic) = (home.rpc(), home.rpc(), home.rpc());
    half.send(br#"{"jsonrpc":"2.0","#).unwrap();
    magic.send(b"\0DK").unwrap();
    for rpc in [&mut half, &mut silent, &mut magic] {
        let said = String::from_utf8(rpc.rest()).unwrap();
        assert!(said.contains("due within 2 s"), "{said:?}");
    }
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(1500), "{took:?}");
    home.still_works(daemon);
}

#[test]
fn a_thousand_idle_connections_leave_room() {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(4096);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(most),
            maximum: limit.maximum,
        },
    )
    .unwrap();
    let home = Home::new();
    let (daemon, _) = home.warm();
    // Each says something at once: one that is silent for two seconds is hung up on.
    let greeted = |mut rpc: crate::support::Rpc| {
        assert_eq!(rpc.call("ping", &json!({}))["result"], json!({}));
        rpc
    };
    let mut idle: Vec<_> = (0..1000).map(|_| greeted(home.rpc())).collect();
    let status = home.run("status --json").ok();
    assert_eq!(status.json()[0]["pid"], daemon);
    home.generate("fox").ok();
    assert!(
        idle.iter_mut()
            .all(|rpc| rpc.call("ping", &json!({}))["result"] == json!({})),
        "all are still there"
    );
    let crowd: Vec<UnixStream> = (0..1500)
        .filter_map(|_| UnixStream::connect(home.socket()).ok())
        .collect();
    assert!(crowd.len() > 1000);
    drop((crowd, idle));
    // So many hang up at once that a busy machine needs a while to see it.
    wait_until("the crowd to be gone", || home.status().is_some());
    home.still_works(daemon);
}

#[test]
fn a_reader_that_reads_nothing_does_not_hold_up_the_others() {
    let home = Home::new();
    let (daemon, _) = home.warm();
    let mut deaf = home.rpc();
    deaf.call("ping", &json!({}));
    deaf.send(b"{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"subscribe\",\"params\":{}}\n")
        .unwrap();
    let call = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\",\"params\":{}}\n".repeat(500);
    let stream = UnixStream::connect(home.socket()).unwrap();
    stream.set_nonblocking(true).unwrap();
    // As much as the socket takes; nobody reads the answers.
    let _ = std::io::Write::write(&mut &stream, &call);
    let args = "generate fox --steps 100 -W 16 -H 16 --events".split(' ');
    Watched::start(home.command(args)).finish().0.ok();
    home.still_works(daemon);
}

/// Cases B11 and B12: what is not known is refused by name and does nothing; the last line needs no newline.
#[test]
fn what_is_not_known_is_refused_by_name_and_nothing_is_done() {
    let home = Home::new();
    home.run("daemon start").ok();
    home.run("queue pause").ok();
    let mut rpc = home.rpc();
    let id = "01990000-0000-7000-8000-000000000003";
    let refused: &[(&str, Value, &str)] = &[
        (
            "submit",
            json!({ "request_id": id, "request": { "prompt": "fox" }, "priority": 50 }),
            "priority",
        ),
        (
            "submit",
            json!({ "request_id": id, "request": { "prompt": "fox", "n": 2, "batch": 2 } }),
            "batch is given twice",
        ),
        (
            "submit",
            json!({ "request_id": id, "request": { "prompt": "fox", "colour": 2 } }),
            "colour",
        ),
        ("submit", json!({ "request_id": id, "request": ["fox"] }), "request"),
    ];
    for (method, params, words) in refused {
        let answer = rpc.call(method, params);
        assert!(answer["error"]["message"].as_str().unwrap().contains(words), "{answer}");
        assert_eq!(answer["error"]["data"]["kind"], "usage", "{answer}");
    }
    assert_eq!(home.jobs(), [] as [Value; 0]);
    let job = rpc.call("submit", &json!({ "request_id": id, "request": { "prompt": "fox" } }))["result"]["job"].clone();
    let answer = rpc.call("cancel", &json!({ "job": job, "afterPicture": true }));
    assert!(
        answer["error"]["message"].as_str().unwrap().contains("after_picture"),
        "{answer}"
    );
    assert_eq!(home.jobs()[0]["state"], "queued");
    let other = rpc.call("submit", &json!({ "request_id": id, "request": { "prompt": "apple" } }));
    assert_eq!(other["error"]["data"]["kind"], "usage", "{other}");

    let mut stream = UnixStream::connect(home.socket()).unwrap();
    std::io::Write::write_all(&mut stream, br#"{"jsonrpc":"2.0","id":1,"method":"status"}"#).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["id"], 1, "{said}");
}

/// A prompt may hold anything; what JSON prints of it drives no terminal and hides nothing, and means the same.
#[test]
fn json_is_safe_to_look_at() {
    let home = Home::new();
    home.run("queue pause").ok();
    let prompt = "a\u{9b}31mfox\u{202e}b\u{200b}c\u{feff}d\u{2066}e\u{7f}f\u{2028}g";
    home.run_args(["generate", prompt, "--detach", "--json"]).ok();
    let ran = home.run("queue --json").ok();
    assert!(ran.stdout.is_ascii(), "{}", ran.stdout);
    assert_eq!(ran.json()[0]["request"]["prompt"], prompt);
}
