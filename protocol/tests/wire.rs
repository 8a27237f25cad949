//! The wire, pinned: every message through both codecs, and the bytes of each kind. A change here is a new protocol version.
#![allow(clippy::unwrap_used)]

use darkroom_protocol::codec::{frame, rpc};
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::{
    Download, FoundModel, JobProgress, Load, Loading, Page, Piece, Place, Status, Submit, Submitted, Subscribe, Upload,
    WorkerStatus,
};
use darkroom_protocol::message::worker::{Ready, Staged, Wanted};
use darkroom_protocol::*;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use uuid::Uuid;

const JOB: JobId = JobId(Uuid::from_u128(0x019a_0000_0000_7000_8000_0000_0000_0001));

fn request() -> GenerateRequest {
    serde_json::from_value(json!({ "prompt": "a fox", "steps": 20, "cfg_scale": 5.5, "sampler": "euler a" })).unwrap()
}

fn image() -> ImageTask {
    ImageTask {
        model: "emoji".into(),
        source: ModelSource::Embedded("emoji".into()),
        prompt: Conditioning::plain("a fox"),
        negative: Conditioning {
            text: "x".into(),
            chunks: vec![Chunk {
                text: "x".into(),
                weight: 1.5,
                from: 0.25,
                to: 1.0,
            }],
        },
        width: 64,
        height: 72,
        steps: 20,
        cfg_scale: 5.5,
        sampler: Sampler::EulerAncestral,
        schedule: Schedule::Karras,
        prediction: Some(Prediction::VPrediction),
        seed: 7,
        batch: 2,
        micro_batch: 1,
        device: "cpu".into(),
        dtype: Dtype::Bf16,
        threads: 2,
        format: Format::Png,
        quant: Quant::Int8,
        vae_tiling: true,
        offload: false,
        two_passes: false,
    }
}

fn tasks() -> Vec<Task> {
    let source = ModelSource::Folder("/m".into());
    vec![
        Task::Image(image()),
        Task::Upscale(task::UpscaleTask {
            source: source.clone(),
            input: "ab".into(),
            scale: 2.0,
        }),
        Task::Caption(task::CaptionTask {
            source: ModelSource::File("/f".into()),
            input: "ab".into(),
            question: "?".into(),
        }),
        Task::Train(task::TrainTask {
            source,
            examples: vec![("ab".into(), "a fox".into())],
            steps: 10,
            rank: 8,
            seed: 1,
        }),
    ]
}

fn picture() -> Picture {
    Picture {
        job: JOB,
        index: 1,
        path: "/p.png".into(),
        sha256: "ab".into(),
        bytes: 9,
        width: 64,
        height: 72,
        seed: 8,
        elapsed_ms: 5,
    }
}

fn failure() -> Failure {
    Failure {
        kind: FailureKind::OutOfMemory,
        message: "Out of memory.".into(),
    }
}

fn job() -> Job {
    Job {
        id: JOB,
        state: JobState::Failed,
        request: request(),
        task: Task::Image(image()),
        created_ms: 1,
        started_ms: Some(2),
        finished_ms: None,
        attempts: 1,
        failure: Some(failure()),
        pictures: vec![picture()],
        priority: -3,
        held: true,
        position: Some(4),
        progress: Some(progress()),
        begins_s: Some(12.5),
        output: Some(output()),
        deliveries: vec![delivery()],
    }
}

fn output() -> Output {
    Output {
        path: "/home/me/{seed}.png".into(),
        force: true,
        umask: 0o022,
        zone: Some("UTC".into()),
        seen: Some(output::Seen {
            folder: "/home/me".into(),
            system: "ab".into(),
            device: 1,
            inode: 2,
        }),
    }
}

fn delivery() -> Delivery {
    Delivery {
        index: 1,
        path: "/home/me/8-1.png".into(),
        taken: Some("/home/me/8.png".into()),
        problem: None,
    }
}

fn device() -> DeviceStatus {
    DeviceStatus {
        name: "cpu".into(),
        label: "EPYC".into(),
        total: 10,
        free: 5,
        dtype: "bf16".into(),
        dtype_reason: "it can".into(),
    }
}

fn progress() -> Progress {
    Progress {
        phase: Phase::Denoise,
        image: 0,
        images: 2,
        step: 3,
        steps: 20,
        sigma: Some(1.5),
        step_s: Some(0.25),
        eta_s: None,
    }
}

fn preview() -> Preview {
    Preview {
        image: 0,
        step: 3,
        width: 1,
        height: 1,
        rgb: vec![255, 0, 127],
    }
}

fn change() -> event::QueueChange {
    event::QueueChange {
        priority: 100,
        held: false,
        position: Some(2),
    }
}

fn residency() -> Residency {
    let model = ResidentModel {
        name: "emoji".into(),
        source: ModelSource::Embedded("emoji".into()),
        dtype: "bf16".into(),
        components: vec![ResidentComponent {
            name: "unet".into(),
            bytes: 21,
            shared: true,
        }],
        complete: false,
        bytes: 21,
        pinned: true,
        busy: false,
        used_s: 3,
        expires_s: Some(597),
    };
    Residency {
        budget: 100,
        used: 25,
        models: vec![model],
    }
}

fn requests() -> Vec<Request> {
    vec![
        Request::Ping {},
        Request::Status {},
        Request::Submit(Submit {
            request_id: Uuid::from_u128(5),
            request: request(),
            watch: true,
            max_fps: 4,
            max_px: 128,
            output: Some(output()),
        }),
        Request::Job { job: "019a".into() },
        Request::Queue {
            states: vec![JobState::Queued, JobState::Running],
            limit: 10,
            before: Some("019b".into()),
            in_line: true,
            ended: false,
        },
        Request::Cancel {
            job: "019a".into(),
            after_picture: true,
        },
        Request::Subscribe(Subscribe {
            job: Some("019a".into()),
            from: Some(3),
            max_fps: 2,
            max_px: 64,
            kinds: vec![EventName::State, EventName::Preview],
        }),
        Request::Model { model: "emoji".into() },
        Request::Upload(Upload {
            sha256: "ab".into(),
            size: 4,
            offset: 0,
            bytes: vec![0, 1, 2, 255],
        }),
        Request::Download(Download {
            job: "019a".into(),
            index: 0,
            offset: 4,
        }),
        Request::Shutdown {},
        Request::Priority {
            job: "019a".into(),
            priority: -100,
        },
        Request::Move {
            job: "019a".into(),
            place: Place::Before("019b".into()),
        },
        Request::Pause { job: None },
        Request::Resume {
            job: Some("019a".into()),
        },
        Request::Retry { job: "019a".into() },
        Request::Clear {
            states: vec![JobState::Failed],
            dry_run: true,
        },
        Request::CancelAll {},
        Request::Log {
            job: "019a".into(),
            offset: 4,
        },
        Request::Metrics {},
        Request::LogFilter {
            filter: Some("info".into()),
        },
        Request::Models {},
        Request::Load(Load {
            model: "emoji".into(),
            device: "cpu".into(),
            dtype: Some(Dtype::F32),
            quant: Quant::None,
            keep_alive: Some(KeepAlive::Seconds(60)),
            pinned: true,
        }),
        Request::Unload {
            model: "emoji".into(),
            device: String::new(),
        },
        Request::Pin {
            model: "emoji".into(),
            pinned: false,
        },
    ]
}

fn replies() -> Vec<Reply> {
    let worker = WorkerStatus {
        device: "cpu".into(),
        pid: 7,
        state: "idle".into(),
        restarts: 1,
        libtorch: "2.11.0".into(),
        devices: vec![device()],
        resident: residency(),
    };
    let status = Status {
        version: "0.1.0".into(),
        protocol: VERSION,
        pid: 6,
        uptime_s: 3,
        socket: "/s".into(),
        data: "/d".into(),
        queued: 1,
        running: vec![JOB],
        progress: vec![JobProgress {
            job: JOB,
            progress: progress(),
        }],
        cancelling: vec![JOB],
        short: Some("The disk is full.".into()),
        workers: vec![worker],
        capabilities: vec!["image".into()],
        paused: true,
        held: 1,
    };
    let card = ModelCard {
        name: "emoji".into(),
        family: "Stable Diffusion 1.x".into(),
        source: ModelSource::Embedded("emoji".into()),
        vae_factor: 4,
        width: 64,
        height: 64,
        steps: 25,
        cfg_scale: 4.0,
        sampler: Sampler::Ddim,
        schedule: Schedule::Auto,
        prediction: Prediction::Epsilon,
        bytes: 38,
        notice: None,
    };
    vec![
        Reply::Pong {},
        Reply::Status(status),
        Reply::Submitted(Submitted {
            job: JOB,
            position: 2,
            model: "emoji".into(),
            notice: Some("Look.".into()),
            hint: Some("Words.".into()),
            complaint: Some("Line 2.".into()),
            delivers: true,
        }),
        Reply::Job(Box::new(job())),
        Reply::Queue(Page {
            jobs: vec![job()],
            next: Some("019a".into()),
        }),
        Reply::Cancelling {
            job: JOB,
            state: JobState::Cancelling,
        },
        Reply::Subscribed { seq: 9, oldest: 4 },
        Reply::Model(Box::new(card)),
        Reply::Uploaded { held: 4 },
        Reply::Piece(Piece {
            size: 9,
            bytes: vec![1, 2],
        }),
        Reply::ShuttingDown {},
        Reply::Placed {
            job: JOB,
            change: change(),
        },
        Reply::Paused { paused: true },
        Reply::Cleared { jobs: 3, kept: 2 },
        Reply::CancellingAll {
            waiting: 300,
            running: 1,
        },
        Reply::Metrics("# HELP".into()),
        Reply::LogFilter { filter: "info".into() },
        Reply::Models(vec![FoundModel {
            name: "emoji".into(),
            source: ModelSource::Embedded("emoji".into()),
            family: "Stable Diffusion 1.x".into(),
            bytes: 38,
            problem: String::new(),
            default: true,
            resident: vec!["cpu".into()],
        }]),
        Reply::Loading(Loading {
            load: JOB,
            model: "emoji".into(),
            device: "cpu".into(),
        }),
        Reply::Released {
            models: vec!["emoji".into()],
        },
    ]
}

fn events() -> Vec<Event> {
    let kinds = vec![
        EventKind::State(event::StateChange {
            state: JobState::Failed,
            failure: Some(failure()),
        }),
        EventKind::Progress(progress()),
        EventKind::Preview(preview()),
        EventKind::Picture(picture()),
        EventKind::Notice("Look.".into()),
        EventKind::Queue(change()),
        EventKind::Delivery(delivery()),
    ];
    kinds
        .into_iter()
        .zip(1..)
        .map(|(kind, seq)| Event { seq, job: JOB, kind })
        .collect()
}

fn server_messages() -> Vec<ServerMessage> {
    let reply = |id, result| ServerMessage::Reply { id, result };
    let mut all: Vec<_> = replies().into_iter().map(|r| reply(1, Ok(r))).collect();
    all.push(reply(2, Err(RemoteError::usage("No."))));
    all.extend(events().into_iter().map(ServerMessage::Event));
    all.push(ServerMessage::Bye {
        reason: "The daemon ends.".into(),
    });
    all
}

fn orders() -> Vec<Order> {
    let mut all = vec![Order::Configure {
        staging: "/s".into(),
        device: "cpu".into(),
        models: vec!["/m".into()],
        memory_budget: Some(9),
    }];
    all.extend(tasks().into_iter().map(|task| Order::Run {
        job: JOB,
        task: Box::new(task),
        skip: vec![0, 2],
        keep_alive: KeepAlive::Forever,
    }));
    all.extend([
        Order::Cancel {
            job: JOB,
            after_picture: true,
        },
        Order::Unload { source: None },
        Order::Unload {
            source: Some(ModelSource::Folder("/m/sd15".into())),
        },
        Order::Ping { n: 1 },
        Order::Shutdown {},
        Order::Previews {
            max_fps: 5,
            max_px: 256,
        },
        Order::Load {
            job: JOB,
            model: Box::new(Wanted {
                name: "emoji".into(),
                source: ModelSource::Embedded("emoji".into()),
                dtype: Dtype::Auto,
                quant: Quant::Int8,
            }),
            keep_alive: KeepAlive::Seconds(600),
            pinned: true,
        },
        Order::Unpin {
            source: ModelSource::Embedded("emoji".into()),
        },
    ]);
    all
}

fn reports() -> Vec<Report> {
    let ready = Ready {
        version: "0.1.0".into(),
        pid: 7,
        libtorch: "2.11.0".into(),
        folder: "/t".into(),
        device: "cpu".into(),
        devices: vec![device()],
        cpu: vec!["avx2".into()],
        capabilities: vec!["image".into()],
        embedded: vec!["emoji".into()],
        cores: 2,
        threads: 2,
    };
    let staged = Staged {
        job: JOB,
        index: 0,
        file: "f.png".into(),
        sha256: "ab".into(),
        bytes: 9,
        width: 64,
        height: 64,
        seed: 7,
        elapsed_ms: 5,
    };
    let ended = |outcome| Report::Ended {
        job: JOB,
        outcome,
        resident: residency(),
    };
    vec![
        Report::Ready(ready),
        Report::Started { job: JOB },
        Report::Progress {
            job: JOB,
            progress: progress(),
        },
        Report::Preview {
            job: JOB,
            preview: preview(),
        },
        Report::Staged(staged),
        Report::Notice {
            job: JOB,
            text: "Look.".into(),
        },
        ended(Outcome::Done),
        ended(Outcome::Failed(failure())),
        ended(Outcome::Cancelled),
        Report::Pong { n: 1 },
        Report::Resident(residency()),
        Report::Adjusted {
            job: JOB,
            task: Box::new(Task::Image(image())),
        },
    ]
}

/// Through bincode and through JSON, both ways.
#[track_caller]
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(messages: &[T]) {
    for message in messages {
        let bytes = frame::encode(message).unwrap();
        assert_eq!(&frame::decode::<T>(&bytes).unwrap(), message);
        let json = serde_json::to_string(message).unwrap();
        assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), message, "{json}");
    }
}

#[test]
fn every_message_goes_through_both_codecs() {
    let clients: Vec<_> = requests()
        .into_iter()
        .map(|request| ClientMessage { id: 3, request })
        .collect();
    round_trip(&clients);
    round_trip(&server_messages());
    round_trip(&orders());
    round_trip(&reports());
}

#[test]
fn every_request_is_a_method_and_every_reply_its_result() {
    let mut methods = Vec::new();
    for request in requests() {
        let json = serde_json::to_value(&request).unwrap();
        let (method, params) = json.as_object().unwrap().iter().next().unwrap();
        let line = json!({ "jsonrpc": "2.0", "id": "x", "method": method, "params": params }).to_string();
        let call = rpc::parse(line.as_bytes()).unwrap();
        assert_eq!((call.id, &call.request), (Some(json!("x")), &request));
        methods.push(method.clone());
    }
    assert_eq!(methods, Request::METHODS);
    for reply in replies() {
        let line = rpc::reply(&json!(1), &Ok(reply));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(line.ends_with('\n') && !value["result"].is_null(), "{line}");
    }
}

#[test]
fn refusals_have_json_rpcs_codes() {
    let code = |line: &str| rpc::parse(line.as_bytes()).unwrap_err().code;
    assert_eq!(code("nonsense"), rpc::PARSE_ERROR);
    for id in ["[]", "{}", "true", "[{},{},{},{},{},{},{},{},{},{}]"] {
        let line = format!(r#"{{"jsonrpc":"2.0","method":"ping","id":{id}}}"#);
        assert_eq!(code(&line), rpc::INVALID_REQUEST, "{line}");
    }
    assert_eq!(code("[]"), rpc::INVALID_REQUEST);
    assert_eq!(code(r#"{"id":1,"method":"ping"}"#), rpc::INVALID_REQUEST);
    assert_eq!(code(r#"{"jsonrpc":"2.0","id":1}"#), rpc::INVALID_REQUEST);
    assert_eq!(
        code(r#"{"jsonrpc":"2.0","id":1,"method":"pign"}"#),
        rpc::METHOD_NOT_FOUND
    );
    assert_eq!(
        code(r#"{"jsonrpc":"2.0","id":1,"method":"job","params":{"jobb":1}}"#),
        rpc::INVALID_PARAMS
    );
    let refusal = rpc::parse(br#"{"jsonrpc":"2.0","id":1,"method":"subscibe"}"#).unwrap_err();
    assert_eq!(refusal.message, "There is no method subscibe: did you mean subscribe?");
    let steps = br#"{"jsonrpc":"2.0","id":1,"method":"submit","params":{"request_id":"00000000-0000-0000-0000-000000000005","request":{"steps":0}}}"#;
    let refusal = rpc::parse(steps).unwrap_err();
    assert!(
        refusal
            .message
            .contains("steps must be a whole number from 1 to 1000, not 0."),
        "{}",
        refusal.message
    );
}

/// Whatever is not known is refused by name, at every level, and so is what is there twice.
#[test]
fn lines_are_closed() {
    const ID: &str = "00000000-0000-0000-0000-000000000005";
    let submit = |request: &str, more: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":7,"method":"submit","params":{{"request_id":"{ID}","request":{{{request}}}{more}}}}}"#
        )
    };
    let call =
        |method: &str, params: &str| format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{params}}}"#);
    let cases = [
        (
            submit("", r#","priority":50"#),
            "no field priority here: it belongs inside request",
        ),
        (submit("", r#","wach":true"#), "wach: did you mean watch?"),
        (submit(r#""stepps":4"#, ""), "stepps: did you mean steps?"),
        (
            submit(r#""steps":4,"num_inference_steps":4"#, ""),
            "steps is given twice (steps and num_inference_steps)",
        ),
        (
            submit(r#""batch":null,"n":2"#, ""),
            "batch is given twice (batch and n)",
        ),
        (
            submit(r#""prompt":"a","prompt":"a""#, ""),
            "prompt is given twice (prompt)",
        ),
        (submit("", r#","watch":true,"watch":true"#), "watch is there twice"),
        (
            call("cancel", r#"{"job":"a","afterPicture":true}"#),
            "afterPicture: did you mean after_picture?",
        ),
        (
            call("clear", r#"{"states":[],"state":["failed"]}"#),
            "state: did you mean states?",
        ),
        (call("status", r#"{"x":1}"#), "no field x: this takes none"),
        (call("subscribe", r#"{"maxfps":1}"#), "maxfps: did you mean max_fps?"),
        (call("load", r#"{"model":"m","pin":true}"#), "there is no field pin"),
        (
            call("move", r#"{"job":"a","place":{"before":"b","after":"c"}}"#),
            "place: give one of before, after",
        ),
        (
            call("move", r#"{"job":"a","place":{"befor":"b"}}"#),
            "place: there is no befor: did you mean before?",
        ),
        (
            call("move", r#"{"job":"a","place":"before"}"#),
            "place: it lacks its value",
        ),
        (call("job", r#"["a"]"#), "params must be an object"),
        (
            call("job", r#"{"job":7}"#),
            "job: invalid type: integer `7`, expected a string",
        ),
        (
            call("submit", &format!(r#"{{"request_id":"{ID}","request":[]}}"#)),
            "request: invalid type: sequence",
        ),
        (
            call("upload", r#"{"sha256":"a","size":1,"offset":0,"bytes":"","more":1}"#),
            "there is no field more",
        ),
        (
            call("download", r#"{"job":"a","index":0,"offset":0,"length":9}"#),
            "there is no field length",
        ),
        (
            r#"{"jsonrpc":"2.0","id":7,"method":"ping","parms":{}}"#.to_owned(),
            "parms beside the method: did you mean params?",
        ),
        (
            r#"{"jsonrpc":"2.0","id":7,"method":"ping","method":"ping"}"#.to_owned(),
            "\"method\" is there twice",
        ),
        (
            r#"{"priority":1,"jsonrpc":"2.0","method":"ping","id":7}"#.to_owned(),
            "no field priority beside the method",
        ),
    ];
    for (line, words) in cases {
        let refusal = rpc::parse(line.as_bytes()).unwrap_err();
        assert!(refusal.message.contains(words), "{line}: {}", refusal.message);
        assert_eq!(refusal.id, json!(7), "{line}");
        let answer: serde_json::Value = serde_json::from_str(&rpc::refusal(&refusal)).unwrap();
        assert_eq!(answer["error"]["data"]["kind"], "usage", "{answer}");
    }
}

/// What a refusal repeats of a stranger's text is short, and safe to print.
#[test]
fn refusals_are_short() {
    let long = "y\\u001b".repeat(200_000);
    for line in [
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{long}"}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":"{long}","method":"ping"}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","{long}":1}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"{long}":1}}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"job","params":{{"job":["{long}"]}}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"queue","params":{{"limit":"{long}","states":[]}}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"queue","params":{{"limit":1,"states":["{long}"]}}}}"#),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"a":{}}}}}"#,
            "[".repeat(1000) + &"]".repeat(1000)
        ),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"a":[{}1]}}}}"#,
            "{},".repeat(100_000)
        ),
        "[".repeat(1_000_000),
    ] {
        let refusal = rpc::parse(line.as_bytes()).unwrap_err();
        assert!(refusal.message.len() < 2000, "{}", &line[..60]);
        assert!(
            !refusal.message.contains(|c: char| c.is_control()),
            "{}",
            refusal.message
        );
    }
}

/// Found by fuzzing: a number beyond 64 bits came back as its neighbour.
#[test]
fn an_id_comes_back_as_it_was_sent() {
    for id in ["65555555550000000000000000000000000005555555", "-0.1", "\"a\"", "null"] {
        let refusal = rpc::parse(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"x"}}"#).as_bytes()).unwrap_err();
        let answer: serde_json::Value = serde_json::from_str(&rpc::refusal(&refusal)).unwrap();
        assert_eq!(answer["id"], refusal.id);
    }
}

fn hex(messages: &[impl Serialize]) -> String {
    let line = |m| {
        frame::encode(m)
            .unwrap()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect::<String>()
    };
    messages.iter().map(|m| line(m) + "\n").collect()
}

#[test]
fn the_bytes_are_those_of_version_3() {
    assert_eq!(VERSION, 3, "a new version has new golden files");
    let clients: Vec<_> = requests()
        .into_iter()
        .map(|request| ClientMessage { id: 3, request })
        .collect();
    insta::assert_snapshot!("client_messages", hex(&clients));
    insta::assert_snapshot!("server_messages", hex(&server_messages()));
    insta::assert_snapshot!("orders", hex(&orders()));
    insta::assert_snapshot!("reports", hex(&reports()));
}

#[test]
fn what_is_left_over_or_too_long_is_refused() {
    let mut bytes = frame::encode(&Order::Shutdown {}).unwrap();
    bytes.push(0);
    assert!(
        frame::decode::<Order>(&bytes)
            .unwrap_err()
            .to_string()
            .contains("left over")
    );
    let long = ((codec::MAX_MESSAGE + 1) as u32).to_le_bytes();
    assert!(matches!(
        frame::read::<Order>(&mut &long[..]),
        Err(Error::TooLong { .. })
    ));
    assert!(frame::read::<Order>(&mut &b""[..]).unwrap().is_none());
    assert!(frame::read::<Order>(&mut &b"\x05\0\0\0ab"[..]).unwrap().is_none());
}

proptest! {
    #[test]
    fn garbage_is_an_error_and_nothing_worse(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = frame::decode::<ClientMessage>(&bytes);
        let _ = frame::decode::<ServerMessage>(&bytes);
        let _ = frame::decode::<Order>(&bytes);
        let _ = frame::decode::<Report>(&bytes);
        let _ = rpc::parse(&bytes);
        let _ = frame::read::<Order>(&mut &bytes[..]);
    }

    #[test]
    fn a_spoiled_message_is_an_error_or_another_message(at in 0usize..10_000, flip in 1u8.., which in 0usize..100) {
        let all = server_messages();
        let mut bytes = frame::encode(&all[which % all.len()]).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        if let Ok(message) = frame::decode::<ServerMessage>(&bytes) {
            prop_assert!(frame::encode(&message).is_ok());
        }
    }

    #[test]
    fn requests_from_json_are_checked_or_refused(text in "\\{\"(prompt|steps|cfg|seed|width|x)\":(-?[0-9]{1,20}(\\.5)?|\"[a-z+ ]{0,9}\"|null|\\[\\])\\}") {
        if let Ok(request) = serde_json::from_str::<GenerateRequest>(&text) {
            prop_assert!(request.check().is_ok());
        }
    }
}
