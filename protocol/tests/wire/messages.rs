//! A message of every kind, with every field set to something of its own: what the golden bytes and the round trips are made of.

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::{
    CountTokens, Download, FoundModel, JobProgress, Load, Loading, Page, Piece, Place, Status, Submit, Submitted,
    Subscribe, TokenCount, Upload,
};
use darkroom_protocol::message::log::{LogLook, LogOf, LogPage};
use darkroom_protocol::message::pull::{Access, Pull, PullAsk, PullState, Secret};
use darkroom_protocol::message::worker::{Ready, Staged, Wanted};
use darkroom_protocol::*;
use serde_json::json;
use uuid::Uuid;

use super::history;

const JOB: JobId = JobId(Uuid::from_u128(0x019a_0000_0000_7000_8000_0000_0000_0001));
const LOAD: LoadId = LoadId(Uuid::from_u128(0x019a_0000_0000_7000_8000_0000_0000_0002));

pub fn request() -> GenerateRequest {
    serde_json::from_value(json!({ "prompt": "a fox", "steps": 20, "cfg_scale": 5.5, "sampler": "euler a" })).unwrap()
}

pub fn image() -> ImageTask {
    ImageTask {
        what: task::What {
            model: "emoji".into(),
            source: ModelSource::Embedded("emoji".into()),
            prompt: "a fox".into(),
            negative: "x".into(),
            syntax: PromptSyntax::Compel,
            emphasis: Some(Emphasis::NoNorm),
            clip_skip: Some(1.5),
            format: Format::Png,
            parts: vec![darkroom_protocol::PartFile {
                role: darkroom_protocol::PartRole::Vae,
                name: "sea.vae.pt".into(),
                path: "/models/vae/sea.vae.pt".into(),
                bytes: 334_643_268,
                changed_ms: 1_700_000_000_000,
                sha256: Some("ab".repeat(32)),
            }],
            loras: vec![lora::Lora {
                name: "detail".into(),
                path: "/l/detail.safetensors".into(),
                sha256: "1e".repeat(32),
                unet: 0.8,
                text: 0.5,
            }],
        },
        size: task::Size {
            width: 64,
            height: 72,
            batch: 2,
            only: Some(1),
            upscaler: "lanczos".into(),
            upscale: Some(1.5),
            tiling: darkroom_protocol::Tiling::X,
            original_size: Some("1024x768".into()),
            crop: Some("0x8".into()),
            target_size: Some("512x384".into()),
        },
        sampling: task::Sampling {
            seed: 7,
            steps: 20,
            sampler: Sampler::EulerAncestral,
            schedule: Schedule::Karras,
            prediction: Some(Prediction::VPrediction),
            ..task::Sampling::default()
        },
        guidance: task::Guidance {
            cfg_scale: 5.5,
            guidance_rescale: 0.7,
            image_cfg_scale: Some(1.5),
            distilled_cfg_scale: Some(3.5),
            aesthetic_score: Some(6.0),
            negative_aesthetic_score: Some(2.5),
            method: GuidanceMethod::Apg,
            start: 0.1,
            end: 0.8,
            apg_eta: 0.25,
            apg_threshold: 2.5,
            apg_momentum: -0.75,
            zero_init_steps: 1,
            pag_scale: 1.5,
            mimic_scale: 6.5,
            mimic_scale_min: 1.5,
            mimic_mode: darkroom_protocol::ScaleCurve::CosineDown,
            cfg_mode: darkroom_protocol::ScaleCurve::LinearDown,
            cfg_scale_min: 2.5,
            mimic_curve_value: 3.5,
            mimic_percentile: 99.5,
            mimic_phi: 0.5,
            freeu_b1: 1.5,
            freeu_b2: 1.6,
            freeu_s1: 0.9,
            freeu_s2: 0.2,
        },
        inputs: task::Inputs {
            init_image: Some("0f".repeat(32)),
            denoise: Some(0.6),
            resize_mode: Some(darkroom_protocol::ResizeMode::Fill),
            color_correction: true,
            embeddings: vec![task::EmbeddingFile {
                name: "style".into(),
                path: "/models/embeddings/style.safetensors".into(),
                sha256: "1e".repeat(32),
            }],
        },
        inpaint: darkroom_protocol::Inpaint {
            mask: Some("0e".repeat(32)),
            outpaint: vec!["left=64".into()],
            ..darkroom_protocol::Inpaint::default()
        },
        hires: darkroom_protocol::Hires {
            scale: Some(1.5),
            upscaler: Some("Latent".into()),
            denoise: Some(0.6),
            ..darkroom_protocol::Hires::default()
        },
        compute: task::Compute {
            device: "cpu".into(),
            dtype: Dtype::Bf16,
            threads: 2,
            quant: Quant::Int8,
            micro_batch: 1,
            vae_tiling: true,
            offload: false,
            token_merging: 0.5,
            deep_cache: 3,
            deep_cache_branch: 1,
            two_passes: false,
            upscale_tile: 128,
        },
    }
}

fn tasks() -> Vec<Task> {
    let of = |source| {
        let mut task = image();
        task.what.source = source;
        Task::Image(task)
    };
    vec![
        Task::Image(image()),
        of(ModelSource::Folder("/m".into())),
        of(ModelSource::File("/f".into())),
    ]
}

pub fn picture() -> Picture {
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

pub fn job() -> Job {
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

pub fn requests() -> Vec<Request> {
    let mut all = jobs_and_models();
    let after = all.iter().position(|request| matches!(request, Request::Download(_)));
    let after = after.map_or(all.len(), |at| at + 1);
    all.splice(after..after, history::requests());
    all
}

fn jobs_and_models() -> Vec<Request> {
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
            paced: true,
        }),
        Request::Seen {},
        Request::Model { model: "emoji".into() },
        Request::Upload(Upload {
            sha256: "ab".into(),
            size: 4,
            offset: 0,
            bytes: vec![0, 1, 2, 255],
        }),
        Request::Download(Download {
            sha256: "0f".repeat(32),
            offset: 4,
            limit: 65536,
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
        Request::Log(LogLook {
            of: LogOf::Job("019a".into()),
            before: Some("1a-2b-3c".into()),
            after: None,
            limit: 9,
            filter: "fox level:warn".into(),
        }),
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
        Request::Pull(PullAsk {
            what: "owner/repo:fp16".into(),
            to: Some("fox".into()),
            accept: true,
            access: Access {
                hub: Some("https://hub.example".into()),
                hub_token: Some(Secret("hf_x".into())),
                civitai: None,
                civitai_token: None,
            },
        }),
        Request::Pulls {},
        Request::CancelPull {
            pull: "0a1b2c3d".into(),
        },
        Request::CountTokens(CountTokens {
            text: "a fox".into(),
            model: "emoji".into(),
            syntax: PromptSyntax::Comfy,
            negative: true,
        }),
    ]
}

pub fn replies() -> Vec<Reply> {
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
        workers: vec![worker()],
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
        distilled_cfg_scale: None,
        sampler: Sampler::Ddim,
        schedule: Schedule::Auto,
        prediction: Prediction::Epsilon,
        upscaler: "none".to_owned(),
        task: darkroom_protocol::ModelTask::Generate,
        lacks: vec![
            darkroom_protocol::PartRole::TextEncoder,
            darkroom_protocol::PartRole::Vae,
        ],
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
        Reply::Log(LogPage {
            lines: vec!["one".into()],
            older: Some("1a-2b-3c".into()),
            newer: "1a-2f-3c".into(),
            more: true,
            unfinished: "tw".into(),
            gap: true,
        }),
    ]
    .into_iter()
    .chain(history::replies(JOB))
    .chain([
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
            load: LOAD,
            model: "emoji".into(),
            device: "cpu".into(),
        }),
        Reply::Released {
            models: vec!["emoji".into()],
        },
        Reply::Pull(Box::new(pull())),
        Reply::Pulls(vec![pull()]),
        Reply::Tokens {
            count: Some(TokenCount {
                tokens: 80,
                chunks: 2,
                room: 75,
            }),
        },
    ])
    .collect()
}

fn pull() -> Pull {
    Pull {
        id: "0a1b2c3d".into(),
        what: "owner/repo:fp16".into(),
        state: PullState::Fetching,
        to: "/m/repo".into(),
        files: 3,
        bytes: Some(9),
        done: 4,
        speed: 2,
        eta_s: Some(3),
        licence: "openrail++".into(),
        notice: None,
        problem: Some("x".into()),
        created_ms: 5,
    }
}

fn worker() -> WorkerStatus {
    WorkerStatus {
        device: "cpu".into(),
        pid: 7,
        state: WorkerState::Idle,
        restarts: 1,
        libtorch: "2.11.0".into(),
        devices: vec![device()],
        resident: residency(),
    }
}

pub fn events() -> Vec<Event> {
    let of_job = [
        EventKind::State(event::StateChange {
            state: JobState::Failed,
            failure: Some(failure()),
        }),
        EventKind::Progress(progress()),
        EventKind::Preview(preview()),
        EventKind::Picture(picture()),
        EventKind::Notice("Look.".into()),
        EventKind::Warning("Look out.".into()),
        EventKind::Queue(change()),
        EventKind::Delivery(delivery()),
    ];
    let load = EventKind::Load(LoadChange {
        model: "emoji".into(),
        device: "cpu".into(),
        state: LoadState::Failed,
        failure: Some(failure()),
    });
    let line = EventKind::Line(event::LineStatus {
        queued: 4,
        held: 1,
        paused: true,
        short: Some("The disk is full.".into()),
        lists: 2,
    });
    let settings = EventKind::Settings(event::SettingsChange {
        complaint: Some("config.toml: line 1: no.".into()),
    });
    let others = [
        (Subject::Load(LOAD), load),
        (Subject::Worker(1), EventKind::Worker(worker())),
        (Subject::Queue, line),
        (Subject::Models, EventKind::Models {}),
        (Subject::Settings, settings),
        (Subject::History, history::event()),
    ];
    of_job
        .map(|kind| (Subject::Job(JOB), kind))
        .into_iter()
        .chain(others)
        .zip(1..)
        .map(|((of, kind), seq)| Event { seq, of, kind })
        .collect()
}

pub fn server_messages() -> Vec<ServerMessage> {
    let reply = |id, result| ServerMessage::Reply { id, result };
    let mut all: Vec<_> = replies().into_iter().map(|r| reply(1, Ok(r))).collect();
    all.push(reply(2, Err(RemoteError::usage("No."))));
    all.extend(events().into_iter().map(ServerMessage::Event));
    all.push(ServerMessage::Bye {
        reason: "The daemon ends.".into(),
    });
    all
}

pub fn orders() -> Vec<Order> {
    let mut all = vec![Order::Configure {
        staging: "/s".into(),
        inputs: "/i".into(),
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
            of: Assignment::Job(JOB),
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
            load: LOAD,
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

pub fn reports() -> Vec<Report> {
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
        of: Assignment::Load(LOAD),
        outcome,
        resident: residency(),
    };
    vec![
        Report::Ready(ready),
        Report::Started {
            of: Assignment::Job(JOB),
        },
        Report::Progress {
            of: Assignment::Job(JOB),
            progress: progress(),
        },
        Report::Preview {
            job: JOB,
            preview: preview(),
        },
        Report::Staged(staged),
        Report::Notice {
            of: Assignment::Job(JOB),
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
