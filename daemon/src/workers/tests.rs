//! Worker processes that are fake: started, heard, silent, killed.

use std::time::Duration;

use darkroom_protocol::{Order, Report};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use super::{Ask, Death, Word, Worker, WorkerLog, fake};

const SOON: Duration = Duration::from_secs(300);

struct Rig {
    dir: tempfile::TempDir,
    worker: Worker,
    words: UnboundedReceiver<Word>,
}

fn start(mode: &str, change: impl FnOnce(&mut Ask)) -> Rig {
    let dir = tempfile::tempdir().unwrap();
    let staging = dir.path().join("staging");
    std::fs::create_dir(&staging).unwrap();
    let mut ask = Ask {
        memory_budget: None,
        models: vec![],
        program: fake::program(mode),
        device: String::new(),
        staging,
        inputs: dir.path().join("inputs"),
        start: SOON,
        silence: SOON,
        beat: SOON / 6,
        talkative: f32::INFINITY,
    };
    change(&mut ask);
    let (sender, words) = unbounded_channel();
    let log = WorkerLog::new(&dir.path().join("worker.log"));
    let hear = move |word| std::future::ready(sender.send(word).is_ok());
    let worker = Worker::start(ask, log, hear).unwrap();
    Rig { dir, worker, words }
}

impl Rig {
    async fn next(&mut self) -> Word {
        timeout(SOON, self.words.recv()).await.unwrap().unwrap()
    }

    async fn ready(&mut self) {
        assert!(matches!(self.next().await, Word::Ready(_)));
    }

    async fn death(&mut self) -> Death {
        loop {
            if let Word::Gone(death) = self.next().await {
                return death;
            }
        }
    }
}

#[tokio::test]
async fn it_says_that_it_is_ready_and_ends_when_told() {
    let mut rig = start("", |_| {});
    rig.ready().await;
    rig.worker.send(Order::Shutdown {});
    assert_eq!(rig.death().await.code, Some(0));
}

/// A daemon that somebody started with `nice` has workers that give way as much and more, never less.
#[tokio::test]
async fn its_niceness_adds_to_the_daemons() {
    let niceness = |pid| rustix::process::getpriority_process(pid).unwrap();
    let mut rig = start("", |_| {});
    rig.ready().await;
    let worker = rustix::process::Pid::from_raw(rig.worker.pid().cast_signed());
    assert_eq!(niceness(worker), (niceness(None) + 5).min(19));
}

#[tokio::test]
async fn it_ends_with_its_owner() {
    let Rig { worker, mut words, dir } = start("", |_| {});
    assert!(matches!(
        timeout(SOON, words.recv()).await.unwrap(),
        Some(Word::Ready(_))
    ));
    drop(worker);
    let end = timeout(SOON, words.recv()).await.unwrap();
    assert!(matches!(end, Some(Word::Gone(death)) if death.code == Some(0)));
    drop(dir);
}

#[tokio::test]
async fn another_release_is_refused_by_name() {
    let death = start("version", |_| {}).death().await.to_string();
    assert!(
        death.contains("is release 0.0.0, the daemon") && death.contains("install both"),
        "{death}"
    );
}

#[tokio::test]
async fn one_that_cannot_start_tells_why() {
    let death = start("dies", |_| {}).death().await;
    assert_eq!(death.code, Some(127));
    assert!(death.to_string().contains("libtorch_cpu.so: cannot open"), "{death}");
}

#[tokio::test]
async fn one_that_is_never_ready_is_ended() {
    let death = start("mute", |ask| ask.start = Duration::from_millis(50)).death().await;
    assert!(death.to_string().contains("was not ready within 0.05 s"), "{death}");
    assert!(!death.is_tasks_doing());
}

#[tokio::test]
async fn why_it_ended_is_in_the_log_that_breaks_off() {
    let mut rig = start("mute", |ask| ask.start = Duration::from_millis(50));
    let death = rig.death().await;
    let log = std::fs::read_to_string(rig.dir.path().join("worker.log")).unwrap();
    assert!(
        log.ends_with("-- The worker was not ready within 0.05 s and was ended.\n"),
        "{log}"
    );
    assert!(
        death.last_lines.iter().all(|line| !line.contains("The worker")),
        "{death}"
    );
}

#[tokio::test]
async fn one_that_sends_garbage_is_ended() {
    let death = start("garbage", |_| {}).death().await;
    assert!(death.to_string().contains("cannot be read"), "{death}");
}

#[tokio::test]
async fn one_that_is_silent_is_ended() {
    let mut rig = start("", |ask| {
        ask.silence = Duration::from_millis(600);
        ask.beat = Duration::from_millis(100);
    });
    rig.ready().await;
    let pid = rustix::process::Pid::from_raw(rig.worker.pid().cast_signed()).unwrap();
    // On a machine so busy that it was silent for so long anyhow, it may be gone already.
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::STOP);
    let death = rig.death().await;
    assert!(death.to_string().contains("was silent"), "{death}");
}

#[tokio::test]
async fn one_that_floods_is_ended() {
    // It is looked at four times a second, and a hundred reports are enough: no machine is too busy for that.
    let mut rig = start("", |ask| {
        ask.beat = Duration::from_millis(250);
        ask.talkative = 400.0;
    });
    rig.ready().await;
    let task = Box::new(crate::testing::task("flood"));
    rig.worker.send(Order::Run {
        job: darkroom_protocol::JobId::new(),
        task,
        skip: vec![],
        keep_alive: darkroom_protocol::KeepAlive::Forever,
    });
    let death = rig.death().await;
    assert!(death.to_string().contains("reports at once"), "{death}");
}

#[tokio::test]
async fn a_kill_gives_its_reason() {
    let mut rig = start("", |_| {});
    rig.ready().await;
    rig.worker.kill("was ended because it did not stop");
    let death = rig.death().await;
    assert!(
        death.to_string().starts_with("was ended because it did not stop"),
        "{death}"
    );
    assert_eq!(death.signal, Some(libc::SIGKILL));
}

#[tokio::test]
async fn what_it_prints_is_in_the_log_and_in_its_death() {
    let mut rig = start("", |_| {});
    rig.ready().await;
    let log = rig.dir.path().join("job.log");
    rig.worker.log().begin_job(&log);
    let job = darkroom_protocol::JobId::new();
    let task = Box::new(crate::testing::task("abort now"));
    let skip = vec![];
    let keep_alive = darkroom_protocol::KeepAlive::Forever;
    rig.worker.send(Order::Run {
        job,
        task,
        skip,
        keep_alive,
    });
    assert_eq!(
        rig.next().await,
        Word::Report(Box::new(Report::Started {
            of: darkroom_protocol::Assignment::Job(job)
        }))
    );
    let death = rig.death().await;
    assert_eq!(death.signal, Some(libc::SIGABRT));
    assert!(death.is_tasks_doing());
    assert!(
        death.last_lines.iter().any(|line| line == "doing abort now"),
        "{death:?}"
    );
    assert!(std::fs::read_to_string(log).unwrap().contains("doing abort now"));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let error = runtime.block_on(async {
        let ask = Ask {
            memory_budget: None,
            models: vec![],
            program: super::Program {
                path: "/nowhere/darkroom-worker".into(),
                ..Default::default()
            },
            device: String::new(),
            staging: "/tmp".into(),
            inputs: "/tmp".into(),
            start: SOON,
            silence: SOON,
            beat: SOON / 6,
            talkative: f32::INFINITY,
        };
        let log = WorkerLog::new(std::path::Path::new("/nowhere/w.log"));
        Worker::start(ask, log, |_| std::future::ready(true))
            .unwrap_err()
            .to_string()
    });
    assert!(error.contains("/nowhere/darkroom-worker"), "{error}");
}
