//! A session as a value: lines and messages in, lines and effects out.

use super::*;
use crate::app::msg::Link;
use darkroom_protocol::event::StateChange;
use darkroom_protocol::message::client::{FoundModel, Status};
use darkroom_protocol::{
    Event, EventKind, Failure, FailureKind, ImageTask, ModelSource, Phase, Picture, Progress, Subject, Task,
};

fn id(number: u128) -> JobId {
    format!("{:032x}", 0x0199_0000_0000_7000_8000_0000_0000_0000u128 + number)
        .parse()
        .unwrap()
}

fn job(number: u128, prompt: &str, state: JobState) -> Job {
    Job {
        id: id(number),
        state,
        request: GenerateRequest::default(),
        task: Task::Image(ImageTask::of("emoji", prompt)),
        created_ms: 1,
        started_ms: None,
        finished_ms: None,
        attempts: 1,
        failure: None,
        pictures: vec![],
        priority: 0,
        held: false,
        position: None,
        progress: None,
        begins_s: (state == JobState::Queued).then_some(42.0),
        output: None,
        deliveries: vec![],
    }
}

fn event(job: u128, kind: EventKind) -> Msg {
    let of = Subject::Job(id(job));
    Msg::Link(Link::Event(Event { seq: 1, of, kind }))
}

fn state(state: JobState, failure: Option<Failure>) -> EventKind {
    EventKind::State(StateChange { state, failure })
}

fn at(session: &mut Session, msg: Msg, seconds: u64) -> Vec<String> {
    session.take(msg, Duration::from_secs(seconds)).lines
}

fn with_jobs() -> Session {
    let mut session = Session::default();
    let jobs = vec![
        job(1, "a fox\nin the snow", JobState::Running),
        job(2, "a lighthouse", JobState::Queued),
        job(3, "a boat", JobState::Failed),
    ];
    at(&mut session, Msg::Jobs(jobs), 0);
    session
}

#[test]
fn a_prompt_is_made_with_what_was_set() {
    let mut session = Session::default();
    assert_eq!(session.line("/set steps 4").lines, ["steps is 4."]);
    let said = session.line("a red fox");
    let Some(Effect::Submit(request)) = said.effects.first() else {
        panic!("{said:?}")
    };
    assert_eq!((request.prompt.as_deref(), request.steps), (Some("a red fox"), Some(4)));
    let submitted = Submitted {
        job: id(9),
        position: 2,
        model: "emoji".to_owned(),
        notice: Some("The queue is paused.".to_owned()),
        hint: None,
        complaint: None,
        delivers: false,
    };
    let said = session.take(Msg::Submitted(submitted), Duration::ZERO);
    assert_eq!(
        said.lines,
        ["Job 1 is taken, for emoji, behind 2 others.", "The queue is paused."]
    );
    assert_eq!(said.effects, [Effect::Jobs]);
    assert!(session.farewell().starts_with("One job goes on"));
}

#[test]
fn the_queue_is_lines_with_numbers() {
    let mut session = with_jobs();
    let progress = Progress {
        phase: Phase::Denoise,
        image: 0,
        images: 1,
        step: 10,
        steps: 20,
        sigma: None,
        step_s: None,
        eta_s: Some(12.0),
    };
    assert!(at(&mut session, event(1, EventKind::Progress(progress)), 0).is_empty());
    assert_eq!(
        session.line("/queue").lines,
        [
            "Job 1 runs, 50 %, 12 s left: a fox in the snow",
            "Job 2 waits, begins in 42 s: a lighthouse",
            "Job 3 failed: a boat",
        ]
    );
    let deeds = |said: Said| said.effects;
    assert_eq!(deeds(session.line("/cancel 1")), [Effect::Do(Deed::Cancel(id(1)))]);
    assert_eq!(deeds(session.line("/hold 2")), [Effect::Do(Deed::Hold(id(2), true))]);
    assert_eq!(deeds(session.line("/retry 3")), [Effect::Do(Deed::Retry(id(3)))]);
    assert_eq!(deeds(session.line("/pause")), [Effect::Do(Deed::Pause(true))]);
    assert!(session.line("/release 2").lines[0].ends_with("it is not held."));
    assert!(session.line("/retry 1").lines[0].contains("only what failed"));
    assert!(session.line("/cancel 7").lines[0].contains("no job 7"));
    assert!(session.farewell().starts_with("2 jobs go on"));
}

#[test]
fn an_end_that_comes_before_the_list_is_told_with_it() {
    let mut session = with_jobs();
    assert!(at(&mut session, event(9, state(JobState::Done, None)), 0).is_empty());
    let jobs = vec![job(9, "a rocket", JobState::Done)];
    let told = at(&mut session, Msg::Jobs(jobs.clone()), 1);
    assert!(
        matches!(&told[..], [line] if line.ends_with("is done: a rocket")),
        "{told:?}"
    );
    assert!(at(&mut session, Msg::Jobs(jobs), 2).is_empty(), "once");
}

#[test]
fn a_job_is_told_from_its_begin_to_its_end() {
    let mut session = with_jobs();
    let begins = at(&mut session, event(2, state(JobState::Running, None)), 0);
    assert_eq!(begins, ["Job 2 begins: a lighthouse"]);
    assert!(
        at(&mut session, event(2, state(JobState::Running, None)), 0).is_empty(),
        "once"
    );
    let progress = |step| {
        EventKind::Progress(Progress {
            phase: Phase::Denoise,
            image: 0,
            images: 1,
            step,
            steps: 20,
            sigma: None,
            step_s: None,
            eta_s: None,
        })
    };
    assert!(at(&mut session, event(2, progress(6)), 1).is_empty());
    assert_eq!(at(&mut session, event(2, progress(7)), 6), ["Job 2: 35 %."]);
    let picture = Picture {
        job: id(2),
        index: 0,
        path: "/p/1.png".to_owned(),
        sha256: "a".repeat(64),
        bytes: 1,
        width: 1,
        height: 1,
        seed: 1,
        elapsed_ms: 1,
    };
    let saved = at(&mut session, event(2, EventKind::Picture(picture)), 9);
    assert_eq!(saved, ["Job 2: picture 1 is saved: /p/1.png"]);
    assert_eq!(session.line("/last").lines, ["/p/1.png"]);
    let done = at(&mut session, event(2, state(JobState::Done, None)), 9);
    assert_eq!(done, ["Job 2 is done: a lighthouse"]);
    let failure = Failure {
        kind: FailureKind::Disk,
        message: "The disk is full.".to_owned(),
    };
    let failed = at(&mut session, event(1, state(JobState::Failed, Some(failure))), 9);
    assert_eq!(failed, ["Job 1 failed: The disk is full."]);
    assert!(session.farewell().starts_with("No job"));
}

#[test]
fn models_are_named_or_refused() {
    let mut session = Session::default();
    assert!(session.line("/model").lines[0].contains("the daemon is looked for"));
    let model = |name: &str, problem: &str| FoundModel {
        name: name.to_owned(),
        source: ModelSource::Embedded(name.to_owned()),
        family: "Stable Diffusion 1.x".to_owned(),
        bytes: 1,
        problem: problem.to_owned(),
        default: false,
        resident: vec![],
    };
    let models = vec![
        model("emoji", ""),
        model("My-Model", ""),
        model("broken", "it has no VAE"),
    ];
    at(&mut session, Msg::Models(models), 0);
    assert_eq!(session.line("/model").lines.len(), 3);
    let said = session.line("/model my model");
    assert_eq!(said.lines, ["model is My-Model."]);
    assert_eq!(said.effects, [Effect::Card("My-Model".to_owned())]);
    assert!(session.line("/model emojj").lines[0].contains("did you mean emoji?"));
    assert!(session.line("/model broken").lines[0].contains("no VAE"));
    assert_eq!(session.request.model.as_deref(), Some("My-Model"));
}

#[test]
fn a_daemon_that_is_away_is_told_once() {
    let mut session = Session::default();
    let away = || Msg::Link(Link::Away("it died.".to_owned()));
    assert_eq!(at(&mut session, away(), 0), ["The daemon is away: it died."]);
    assert!(at(&mut session, away(), 1).is_empty());
    assert!(session.is_settled());
    let status = Status {
        version: String::new(),
        protocol: 0,
        pid: 1,
        uptime_s: 0,
        socket: String::new(),
        data: String::new(),
        queued: 0,
        running: vec![],
        progress: vec![],
        cancelling: vec![],
        short: None,
        workers: vec![],
        capabilities: vec![],
        paused: false,
        held: 0,
    };
    let there = Msg::Link(Link::There(Box::new(status)));
    assert_eq!(at(&mut session, there, 2), ["The daemon is there again."]);
    assert!(!session.is_settled());
    assert_eq!(session.line("/queue").lines, ["No job is known."]);
    at(&mut session, Msg::Jobs(vec![]), 3);
    assert_eq!(session.line("/queue").lines, ["Nothing waits and nothing runs."]);
    assert!(session.line("/quit").leaves);
}
