//! Many jobs at once over one connection: none is lost, and the daemon stays quick and small.

use std::io::{BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use darkroom_protocol::codec::frame;
use darkroom_protocol::codec::preface::{HEAD, Head, Hello};
use darkroom_protocol::message::client::Submit;
use darkroom_protocol::{ClientMessage, GenerateRequest, JobState, Reply, Request, ServerMessage};
use uuid::Uuid;

use crate::support::{Home, Model, peak_memory};

/// The environment variable that asks for another number of jobs, to measure.
const JOBS: &str = "DARKROOM_TEST_FLOOD";

/// A connection in frames.
struct Frames(UnixStream);

impl Frames {
    fn connect(home: &Home) -> Self {
        let mut stream = UnixStream::connect(home.socket()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(300))).unwrap();
        stream.write_all(&Hello::of("client").encode()).unwrap();
        let mut head = [0; HEAD];
        stream.read_exact(&mut head).unwrap();
        let mut hello = vec![0; Head::parse(&head).unwrap().length];
        stream.read_exact(&mut hello).unwrap();
        Self(stream)
    }

    /// Sends every request without waiting for answers, then hears them all: in their order, with the time it took.
    fn flood(&self, requests: Vec<Request>) -> (Vec<Reply>, Duration) {
        let mut writer = self.0.try_clone().unwrap();
        let mut reader = BufReader::new(self.0.try_clone().unwrap());
        let count = requests.len() as u64;
        let messages = (0..).zip(requests).map(|(id, request)| ClientMessage { id, request });
        let frames: Vec<u8> = messages.flat_map(|message| frame::frame(&message).unwrap()).collect();
        let began = Instant::now();
        let writing = std::thread::spawn(move || writer.write_all(&frames).unwrap());
        let mut replies = Vec::new();
        for expected in 0..count {
            match frame::read(&mut reader).unwrap() {
                Some(ServerMessage::Reply { id, result }) => {
                    assert_eq!(id, expected);
                    replies.push(result.unwrap());
                }
                other => panic!("{other:?}"),
            }
        }
        writing.join().unwrap();
        (replies, began.elapsed())
    }
}

fn submit(n: u64, request_id: Uuid, model: &str) -> Request {
    let request = GenerateRequest {
        model: Some(model.to_owned()),
        prompt: Some(format!(
            "job {n}: a red apple on a wooden table, morning light from the left, photograph"
        )),
        ..GenerateRequest::default()
    };
    let submit = Submit {
        request_id,
        request,
        watch: false,
        max_fps: 0,
        max_px: 0,
        output: None,
    };
    Request::Submit(submit)
}

#[test]
fn a_flood_of_jobs_is_accepted_in_order_and_listed_at_once() {
    let jobs: u64 = std::env::var(JOBS).map_or(1000, |n| n.parse().unwrap());
    let home = Home::new();
    home.run("daemon start").ok();
    home.run("queue pause").ok();
    let daemon = home.daemon_pid().unwrap();
    let frames = Frames::connect(&home);
    // On the disk, where it is looked at for every job.
    let model = Model::new(home.path(), "copy").path().to_owned();
    let ids: Vec<Uuid> = (0..jobs).map(|_| Uuid::now_v7()).collect();
    let all = || {
        ids.iter()
            .zip(0..)
            .map(|(id, n)| submit(n, *id, &model))
            .collect::<Vec<_>>()
    };
    let (replies, took) = frames.flood(all());
    let mut accepted = Vec::new();
    for (reply, position) in replies.into_iter().zip(0..) {
        let Reply::Submitted(submitted) = reply else {
            panic!("{reply:?}")
        };
        assert_eq!(submitted.position, position);
        accepted.push(submitted.job);
    }
    assert!(accepted.is_sorted());
    eprintln!(
        "{jobs} submits in {took:.2?}: {:.0} a second",
        jobs as f64 / took.as_secs_f64()
    );

    // The same again, as after a lost connection, makes no job.
    let (again, _) = frames.flood(all().split_off(jobs as usize - 100));
    let again = again.into_iter().map(|reply| match reply {
        Reply::Submitted(submitted) => submitted.job,
        other => panic!("{other:?}"),
    });
    assert!(again.eq(accepted[jobs as usize - 100..].iter().copied()));

    for in_line in [true, false] {
        let page = Request::Queue {
            states: vec![JobState::Queued],
            limit: 100,
            before: None,
            in_line,
            ended: false,
        };
        let pages: Vec<_> = (0..10).map(|_| frames.flood(vec![page.clone()])).collect();
        let best = pages.iter().map(|(_, took)| *took).min().unwrap();
        let Reply::Queue(listed) = &pages[0].0[0] else {
            panic!("{pages:?}")
        };
        let first = if in_line {
            accepted[0]
        } else {
            accepted[jobs as usize - 1]
        };
        assert_eq!((listed.jobs.len(), listed.jobs[0].id), (100, first));
        eprintln!("a page of 100, in_line {in_line}: {best:.2?}");
    }
    let memory = peak_memory(daemon);
    eprintln!("the daemon's memory: at most {} MB", memory >> 20);
    assert!(memory < 100 << 20, "{memory}");

    let (_, took) = frames.flood(vec![Request::CancelAll {}]);
    eprintln!("all cancelled in {took:.2?}");
    let status = home.status().unwrap();
    assert_eq!(status["queued"], 0);
}
