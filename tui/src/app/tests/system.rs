//! System, Queue and Models as the whole client shows them: a worker and its last minutes, the log, a job unfolded, and that a client which
//! shows nothing new draws nothing.

use crossterm::event::{KeyCode, KeyModifiers};
use darkroom_protocol::event::StateChange;
use darkroom_protocol::message::client::FoundModel;
use darkroom_protocol::message::log::{LogOf, LogPage};
use darkroom_protocol::{
    DeviceStatus, EventKind, Failure, FailureKind, JobState, KeepAlive, ModelSource, Phase, Progress, Residency,
    ResidentComponent, ResidentModel, Subject, WorkerState, WorkerStatus,
};

use crate::app::commands::Act;
use crate::app::msg::{Deed, Effect, Link, Msg, Reader};
use crate::app::state::{Screen, State};
use crate::app::tests::{drawn, event, full, id, job, key, press};
use crate::app::update::{act, update};
use crate::app::world::Daemon;

pub fn worker(state: WorkerState, pinned: bool) -> WorkerStatus {
    let part = |name: &str, bytes: u64| ResidentComponent {
        name: name.to_owned(),
        bytes: bytes << 20,
        shared: false,
    };
    let model = ResidentModel {
        name: "sd15".to_owned(),
        source: ModelSource::Embedded("sd15".to_owned()),
        dtype: "bf16".to_owned(),
        components: vec![part("text_encoder", 235), part("unet", 1640), part("vae", 160)],
        complete: true,
        bytes: 2035 << 20,
        pinned,
        busy: state == WorkerState::Busy,
        used_s: 130,
        expires_s: Some(470),
    };
    WorkerStatus {
        device: "cuda:0".to_owned(),
        pid: 7,
        state,
        restarts: 2,
        libtorch: "2.9.0".to_owned(),
        devices: vec![DeviceStatus {
            name: "cuda:0".to_owned(),
            label: "NVIDIA H100 80GB HBM3".to_owned(),
            total: 80 << 30,
            free: 60 << 30,
            dtype: "bf16".to_owned(),
            dtype_reason: String::new(),
        }],
        resident: Residency {
            budget: 4 << 30,
            used: 2200 << 20,
            models: vec![model],
        },
    }
}

fn tells(state: &mut State, now: u64, worker: WorkerStatus) -> Vec<Effect> {
    state.world.now = now;
    update(state, event(Subject::Worker(0), EventKind::Worker(worker)))
}

/// A client with a worker that was at work for some of the last five minutes, on System with its log.
fn system(width: u16, height: u16) -> State {
    let mut state = full(width, height);
    tells(&mut state, 1000, worker(WorkerState::Idle, false));
    for (begin, end) in [(60_000, 64_000), (100_000, 131_500), (200_000, 300_000)] {
        tells(&mut state, begin, worker(WorkerState::Busy, false));
        tells(&mut state, end, worker(WorkerState::Idle, false));
    }
    state.world.now = 330_000;
    let asked = act(&mut state, Act::Go(Screen::System));
    let line =
        |second: u32, level: &str, text: &str| format!("2026-11-30T17:56:{second:02}.123+01:00 {level:<5} {text}");
    let lines = vec![
        line(1, "INFO", "daemon::lifecycle: it lives pid=7"),
        line(7, "WARN", "daemon::store: a commit took 3 s"),
        line(9, "ERROR", "daemon::workers: the worker died: signal 9 \u{1b}[2J"),
        line(10, "DEBUG", "daemon::dispatch: looked"),
        "a line of no level".to_owned(),
    ];
    answer(&mut state, &asked, lines);
    state
}

/// Answers what was asked of System's log.
pub fn answer(state: &mut State, asked: &[Effect], lines: Vec<String>) -> Vec<Effect> {
    let reader = asked.iter().find_map(|effect| match effect {
        Effect::Log(reader, _) => Some(*reader),
        _ => None,
    });
    let page = LogPage {
        lines,
        newer: "1-2-3".to_owned(),
        ..LogPage::default()
    };
    update(state, Msg::Log(reader.expect("it was asked"), Ok(page)))
}

#[test]
fn a_worker_its_last_minutes_and_the_log() {
    for (width, height) in [(80, 24), (120, 40)] {
        insta::assert_snapshot!(format!("system_full_{width}"), drawn(&system(width, height)));
    }
    let mut many = system(80, 24);
    for place in 1..8 {
        many.world.now += 1;
        update(
            &mut many,
            event(
                Subject::Worker(place),
                EventKind::Worker(worker(WorkerState::Idle, true)),
            ),
        );
    }
    insta::assert_snapshot!("system_eight", drawn(&many));
}

#[test]
fn a_second_in_which_nothing_changes_draws_nothing() {
    let mut state = system(120, 40);
    let pulse = |state: &mut State, now: u64| {
        state.world.now = now;
        let effects = update(state, Msg::Pulse);
        (effects, std::mem::take(&mut state.is_same))
    };
    // What was is moved to the left.
    let (effects, is_same) = pulse(&mut state, 335_000);
    assert!(!is_same);
    answer(&mut state, &effects, vec![]);
    state.is_same = false;
    let (effects, is_same) = pulse(&mut state, 336_000);
    assert!(is_same, "an idle worker looks the same within five seconds");
    assert!(effects.contains(&Effect::Pulse));
    // Nothing new in the log.
    answer(&mut state, &effects, vec![]);
    assert!(std::mem::take(&mut state.is_same));
    let (effects, _) = pulse(&mut state, 337_000);
    answer(&mut state, &effects, vec!["another".to_owned()]);
    assert!(!std::mem::take(&mut state.is_same));
    // Five minutes later all is at zero, and stays.
    pulse(&mut state, 990_000);
    assert!(pulse(&mut state, 995_000).1 && pulse(&mut state, 1_000_000).1);
    // Who looks elsewhere is not woken again.
    act(&mut state, Act::Go(Screen::Create));
    let (effects, is_same) = pulse(&mut state, 1_001_000);
    assert_eq!((effects, is_same), (vec![], true));
}

#[test]
fn logs_are_switched_and_filtered_by_keys() {
    let mut state = system(120, 40);
    key(&mut state, '/');
    let asked = key(&mut state, 'w');
    assert!(
        matches!(&asked[..], [Effect::Log(_, look), ..] if look.filter == "w"),
        "a command's key is text here"
    );
    press(&mut state, KeyCode::Esc, KeyModifiers::NONE);
    assert!(!state.is_typing());
    let of = |effects: &[Effect]| match effects.first() {
        Some(Effect::Log(_, look)) => look.of.clone(),
        other => panic!("{other:?}"),
    };
    update(&mut state, Msg::Link(Link::Away("gone".to_owned())));
    state.world.daemon = Daemon::There;
    assert_eq!(of(&key(&mut state, 'w')), LogOf::Worker);
    update(&mut state, Msg::Log(Reader::System(99), Err("late".to_owned())));
    state.system.reset();
    assert_eq!(of(&key(&mut state, 'w')), LogOf::Job(id(1).to_string()));
    assert!(drawn(&state).contains("Log of the job gggggggh"));
}

#[test]
fn a_job_is_unfolded_with_its_phases_and_its_log() {
    for (width, height) in [(80, 24), (120, 40)] {
        let mut state = full(width, height);
        let progress = |phase| Progress {
            phase,
            image: 0,
            images: 2,
            step: 1,
            steps: 20,
            sigma: None,
            step_s: None,
            eta_s: Some(75.0),
        };
        let begins = StateChange {
            state: JobState::Running,
            failure: None,
        };
        update(&mut state, event(id(1).into(), EventKind::State(begins)));
        for (now, phase) in [(1000, Phase::Load), (3400, Phase::Encode), (3500, Phase::Denoise)] {
            state.world.now = now;
            update(&mut state, event(id(1).into(), EventKind::Progress(progress(phase))));
        }
        state.world.now = 9000;
        let mut running = job(1, "a lighthouse in a storm", JobState::Running);
        running.request.steps = Some(20);
        running.request.cfg_scale = Some(5.5);
        running.request.negative_prompt = Some("blurry".to_owned());
        let mut failed = job(4, "it failed", JobState::Failed);
        failed.failure = Some(Failure {
            kind: FailureKind::Disk,
            message:
                "The disk is full, so that the picture could not be written to /a/long/path/to/it.png: make room, then \
                      retry the job."
                    .to_owned(),
        });
        let mut waits = job(2, "a fox in the snow", JobState::Queued);
        waits.priority = 5;
        update(&mut state, Msg::Jobs(vec![running, waits, failed]));
        act(&mut state, Act::Go(Screen::Queue));
        let asked = press(&mut state, KeyCode::Enter, KeyModifiers::NONE);
        let Some(Effect::Log(reader, look)) = asked.first() else {
            panic!("{asked:?}")
        };
        assert_eq!(
            (look.of.clone(), *reader),
            (LogOf::Job(id(1).to_string()), Reader::Job(id(1)))
        );
        let page = LogPage {
            lines: vec!["libtorch says so \x1b[2J".to_owned()],
            unfinished: "and go".to_owned(),
            ..LogPage::default()
        };
        update(&mut state, Msg::Log(*reader, Ok(page)));
        insta::assert_snapshot!(format!("queue_unfolded_{width}"), drawn(&state));
        key(&mut state, 'G');
        press(&mut state, KeyCode::Enter, KeyModifiers::NONE);
        let text = drawn(&state);
        assert!(
            text.contains("make room, then") && text.contains("retry the job."),
            "{text}"
        );
        assert!(!text.contains("libtorch says so"));
    }
}

#[test]
fn what_went_wrong_stays_until_it_is_dismissed() {
    let mut state = full(120, 40);
    let effects = update(&mut state, Msg::Failed("It failed: try again.".to_owned()));
    assert!(!effects.contains(&Effect::Wake), "nothing to wake up for");
    assert!(update(&mut state, Msg::Done("It was done: {undo} takes it back.".to_owned())).contains(&Effect::Wake));
    assert!(drawn(&state).contains("u takes it back."), "by its key");
    update(&mut state, Msg::Tick);
    update(&mut state, Msg::Tick);
    let text = drawn(&state);
    assert!(text.contains("It failed: try again. [Esc]") && !text.contains("It was done."));
    for n in 0..4 {
        update(&mut state, Msg::Failed(format!("Failure {n}.")));
    }
    assert_eq!(state.toasts.len(), 3);
    update(&mut state, Msg::Mended("Failure 2".to_owned()));
    assert_eq!(state.toasts.len(), 2, "what is over is not told any longer");
    press(&mut state, KeyCode::Esc, KeyModifiers::NONE);
    assert!(state.toasts.is_empty());
    update(&mut state, Msg::Link(Link::Away("it died".to_owned())));
    assert!(drawn(&state).contains("✗ it died"));
    press(&mut state, KeyCode::Esc, KeyModifiers::NONE);
    assert!(!drawn(&state).contains("✗ it died"));
}

#[test]
fn models_are_grouped_and_kept_for_a_time() {
    let mut state = full(80, 24);
    let mut models: Vec<FoundModel> = state.world.models.clone();
    models[1].family = "SDXL".to_owned();
    update(&mut state, Msg::Models(models));
    tells(&mut state, 5, worker(WorkerState::Idle, true));
    act(&mut state, Act::Go(Screen::Models));
    insta::assert_snapshot!("models_grouped_80", drawn(&state));
    let asked = key(&mut state, 'U');
    assert!(
        asked.is_empty() && drawn(&state).contains("Remove sd15 from memory?"),
        "{asked:?}"
    );
    press(&mut state, KeyCode::Esc, KeyModifiers::NONE);
    key(&mut state, 't');
    "2h".chars().for_each(|c| drop(key(&mut state, c)));
    let done = press(&mut state, KeyCode::Enter, KeyModifiers::NONE);
    let deed = Deed::KeepAlive("sd15".to_owned(), KeepAlive::Seconds(7200));
    assert_eq!(done.first(), Some(&Effect::Do(deed)));
    key(&mut state, 't');
    key(&mut state, 'x');
    let done = press(&mut state, KeyCode::Enter, KeyModifiers::NONE);
    assert!(!done.iter().any(|effect| matches!(effect, Effect::Do(_))));
    assert!(drawn(&state).contains("no time"));
}
