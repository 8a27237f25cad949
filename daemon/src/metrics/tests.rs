//! What is counted and how it is written, read back by the strict reader of `grammar`.

use std::time::Duration;

use darkroom_protocol::event::StateChange;
use darkroom_protocol::{
    DeviceStatus, EventKind, Failure, FailureKind, JobId, JobState, Phase, Picture, Progress, Residency, WorkerState,
    WorkerStatus,
};
use rstest::rstest;

use super::grammar::{Samples, read};
use super::{DeathCause, Metrics, Now};
use crate::events::Observer as _;

fn state(state: JobState) -> EventKind {
    EventKind::State(StateChange { state, failure: None })
}

fn step(step: u32) -> EventKind {
    EventKind::Progress(Progress {
        phase: Phase::Denoise,
        image: 0,
        images: 1,
        step,
        steps: 4,
        sigma: None,
        step_s: Some(0.2),
        eta_s: None,
    })
}

fn told(metrics: &Metrics, now: &Now) -> Samples {
    let text = metrics.text(now).unwrap();
    read(&text).unwrap_or_else(|wrong| panic!("{wrong}\n{text}"))
}

#[test]
fn a_fresh_daemon_has_well_formed_metrics() {
    let samples = told(&Metrics::default(), &Now::default());
    assert_eq!(samples["darkroom_up{}"], 1.0);
    assert_eq!(samples["darkroom_jobs_total{state=\"done\"}"], 0.0);
    assert_eq!(samples["darkroom_queue_jobs{state=\"queued\"}"], 0.0);
    assert_eq!(samples["darkroom_store_commits_total{durability=\"durable\"}"], 0.0);
    assert!(samples.keys().all(|name| name.starts_with("darkroom_")));
}

#[test]
fn jobs_steps_and_pictures_are_counted() {
    let (metrics, job) = (Metrics::default(), JobId::new());
    let picture = EventKind::Picture(Picture {
        job,
        index: 0,
        path: "/p.png".into(),
        sha256: "ab".into(),
        bytes: 900,
        width: 64,
        height: 64,
        seed: 1,
        elapsed_ms: 5,
    });
    let events = [
        state(JobState::Queued),
        state(JobState::Running),
        step(1),
        step(2),
        step(4),
        picture,
        state(JobState::Done),
    ];
    for event in &events {
        metrics.published(job.into(), event);
    }
    let samples = told(&metrics, &Now::default());
    for (name, value) in [
        ("darkroom_jobs_total{state=\"queued\"}", 1.0),
        ("darkroom_jobs_total{state=\"done\"}", 1.0),
        ("darkroom_steps_total{}", 4.0),
        ("darkroom_step_seconds_count{}", 3.0),
        ("darkroom_step_seconds_bucket{le=\"0.1\"}", 0.0),
        ("darkroom_step_seconds_bucket{le=\"0.3\"}", 3.0),
        ("darkroom_pictures_total{}", 1.0),
        ("darkroom_picture_bytes_total{}", 900.0),
        ("darkroom_job_seconds_count{}", 1.0),
        ("darkroom_job_wait_seconds_count{}", 1.0),
        ("darkroom_job_phase_seconds_count{phase=\"denoise\"}", 1.0),
        ("darkroom_events_total{}", events.len() as f64),
    ] {
        assert_eq!(samples.get(name), Some(&value), "{name} of {samples:#?}");
    }
}

#[test]
fn failures_and_deaths_have_their_causes() {
    let (metrics, job) = (Metrics::default(), JobId::new());
    let failure = Some(Failure {
        kind: FailureKind::OutOfMemory,
        message: "x".into(),
    });
    let state = JobState::Failed;
    metrics.published(job.into(), &EventKind::State(StateChange { state, failure }));
    metrics.worker_died(DeathCause::Crash);
    metrics.worker_died(DeathCause::Other);
    metrics.reader_dropped();
    let samples = told(&metrics, &Now::default());
    assert_eq!(samples["darkroom_job_failures_total{kind=\"out_of_memory\"}"], 1.0);
    assert_eq!(samples["darkroom_worker_deaths_total{cause=\"crash\"}"], 1.0);
    assert_eq!(samples["darkroom_worker_deaths_total{cause=\"other\"}"], 1.0);
    assert_eq!(samples["darkroom_readers_dropped_total{}"], 1.0);
}

#[test]
fn what_is_so_now_is_told_and_labels_are_escaped() {
    let strange = "gpu\"0\\\n";
    let worker = WorkerStatus {
        device: strange.into(),
        pid: std::process::id(),
        state: WorkerState::Busy,
        restarts: 2,
        libtorch: String::new(),
        devices: vec![DeviceStatus {
            name: strange.into(),
            label: "GPU".into(),
            total: 80,
            free: 70,
            dtype: "bf16".into(),
            dtype_reason: String::new(),
        }],
        resident: Residency {
            budget: 9,
            used: 7,
            models: vec![],
        },
    };
    let now = Now {
        queued: 3,
        running: 0,
        workers: vec![worker],
        uptime: Duration::from_secs(5),
        subscribers: 2,
        commits: (7, 9),
        resident: Some(4096),
    };
    let samples = told(&Metrics::default(), &now);
    let labelled = |name: &str| samples[&format!("{name}{{device={strange:?}}}")];
    assert_eq!(labelled("darkroom_worker_restarts_total"), 2.0);
    assert_eq!(labelled("darkroom_worker_models_budget_bytes"), 9.0);
    assert_eq!(labelled("darkroom_worker_models_bytes"), 7.0);
    assert_eq!(labelled("darkroom_device_memory_bytes"), 80.0);
    assert_eq!(samples["darkroom_queue_jobs{state=\"queued\"}"], 3.0);
    assert_eq!(samples["darkroom_uptime_seconds{}"], 5.0);
    assert_eq!(samples["darkroom_store_commits_total{durability=\"durable\"}"], 7.0);
    assert_eq!(samples["darkroom_daemon_resident_bytes{}"], 4096.0);
}

/// The reader refuses what it is there to refuse.
#[rstest]
#[case("# HELP a_total A.\n# TYPE a_total counter\na_total -1\n")]
#[case("# HELP a A.\n# TYPE a counter\na 1\n")]
#[case("# HELP a A.\n# TYPE a gauge\na 1\na 2\n")]
#[case("# HELP a A.\n# TYPE a gauge\na{b=\"\\x\"} 1\n")]
#[case("# HELP a A.\n# TYPE a gauge\na{b=\"x} 1\n")]
#[case("# HELP a A.\n# TYPE a gauge\nb 1\n")]
#[case("# HELP a A.\n# TYPE a gauge\na one\n")]
#[case("# HELP a A.\n# TYPE a gauge\na 1")]
#[case("# HELP a A.\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n")]
#[case("# HELP a A.\n# TYPE a histogram\na_bucket{le=\"1\"} 1\na_sum 1\na_count 1\n")]
#[case("# HELP a A.\n# TYPE a gauge\na 1\n# HELP a A.\n# TYPE a gauge\na 1\n")]
fn broken_texts_are_refused(#[case] text: &str) {
    assert!(read(text).is_err());
}
