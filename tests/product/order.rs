//! Four connections that undo each other's work: whatever the order of their commits, what a subscriber was told last is what
//! the row says, `status` is the database's, and nothing is left lying.
//!
//! `DARKROOM_TEST_ROUNDS` is how many rounds are played.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::{Home, Rpc, number, wait_until};

/// Jobs that the connections quarrel about.
const JOBS: usize = 6;

/// What a subscriber to everything was told last of each job: its state, and how it stands in the queue.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<HashMap<String, (String, Value)>>>);

impl Heard {
    /// Listens from now on.
    fn listen(home: &Home) -> Self {
        let mut stream = UnixStream::connect(home.socket()).unwrap();
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"subscribe","params":{"kinds":["state","queue"]}}"#;
        stream.write_all(format!("{call}\n").as_bytes()).unwrap();
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        // From its answer on, nothing is missed.
        assert!(lines.next().unwrap().contains("seq"));
        let heard = Self::default();
        let told = heard.clone();
        std::thread::spawn(move || {
            for line in lines {
                let line: Value = serde_json::from_str(&line).unwrap();
                told.note(&line["params"]);
            }
        });
        heard
    }

    fn note(&self, event: &Value) {
        let Some(job) = event["of"]["job"].as_str() else { return };
        let mut jobs = self.0.lock().unwrap();
        let last = jobs.entry(job.to_owned()).or_default();
        let kind = &event["kind"];
        if let Some(state) = kind["state"]["state"].as_str() {
            last.0 = state.to_owned();
        } else if kind["queue"].is_object() {
            last.1 = kind["queue"].clone();
        }
    }

    /// Whether the last word on a job is its row.
    fn agrees_with(&self, row: &Value) -> bool {
        let jobs = self.0.lock().unwrap();
        let Some((state, queue)) = jobs.get(row["id"].as_str().unwrap()) else {
            return false;
        };
        let stands = queue.is_null() || (queue["priority"] == row["priority"] && queue["held"] == row["held"]);
        row["state"] == *state && (stands || *state != "queued")
    }
}

fn submit(rpc: &mut Rpc, steps: u32) -> String {
    let id: String = (0..32)
        .map(|_| char::from_digit(fastrand::u32(0..16), 16).unwrap())
        .collect();
    let request = json!({ "prompt": "fox", "steps": steps, "width": 16, "height": 16 });
    let answer = rpc.call("submit", &json!({ "request_id": id, "request": request }));
    answer["result"]["job"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"))
        .to_owned()
}

/// One request of a connection; refusals are fine, a lost one is not.
fn quarrel(rpc: &mut Rpc, chance: &mut fastrand::Rng, jobs: &[String]) {
    let job = &jobs[chance.usize(0..jobs.len())];
    let other = &jobs[chance.usize(0..jobs.len())];
    let (method, params) = match chance.u32(0..20) {
        0..6 => ("cancel", json!({ "job": job })),
        6..12 => ("retry", json!({ "job": job })),
        12 => ("move", json!({ "job": job, "place": "first" })),
        13 => ("move", json!({ "job": job, "place": { "after": other } })),
        14 => ("pause", json!({ "job": job })),
        15 => ("resume", json!({ "job": job })),
        16 => ("priority", json!({ "job": job, "priority": chance.i32(-2..=2) })),
        17 => ("pause", json!({})),
        _ => ("resume", json!({})),
    };
    let answer = rpc.call(method, &params);
    assert!(answer["result"].is_object() || answer["error"].is_object(), "{answer}");
}

/// Waits until all say the same; a job may go on meanwhile.
#[track_caller]
fn agree(rpc: &mut Rpc, heard: &Heard, jobs: &[String]) {
    wait_until("the last events, the rows and the status to agree", || {
        let rows: Vec<Value> = jobs
            .iter()
            .map(|job| rpc.call("job", &json!({ "job": job }))["result"].clone())
            .collect();
        let status = rpc.call("status", &json!({}))["result"].clone();
        let count = |states: &[&str]| {
            rows.iter()
                .filter(|row| states.iter().any(|s| row["state"] == **s))
                .count()
        };
        let held = rows
            .iter()
            .filter(|row| row["state"] == "queued" && row["held"] == true)
            .count();
        rows.iter().all(|row| heard.agrees_with(row))
            && status["queued"] == count(&["queued"])
            && status["held"] == held
            && status["running"].as_array().map(Vec::len) == Some(count(&["running", "cancelling"]))
            && status["cancelling"].as_array().map(Vec::len) == Some(count(&["cancelling"]))
    });
}

#[test]
fn whoever_asks_in_whatever_order_everybody_is_told_the_same() {
    let rounds = number("DARKROOM_TEST_ROUNDS", 150);
    let seed = number("DARKROOM_TEST_SEED", 7);
    let home = Home::new();
    home.warm();
    let heard = Heard::listen(&home);
    let mut rpc = home.rpc();
    // Some that end by themselves, some that run until they are cancelled.
    let mut jobs: Vec<String> = (0..JOBS)
        .map(|n| submit(&mut rpc, if n % 2 == 0 { 1000 } else { 1 }))
        .collect();
    let mut peers: Vec<(Rpc, fastrand::Rng)> = (0..4)
        .map(|n| (home.rpc(), fastrand::Rng::with_seed(seed + n)))
        .collect();
    for round in 0..rounds {
        std::thread::scope(|scope| {
            for (rpc, chance) in &mut peers {
                let jobs = &jobs;
                scope.spawn(move || (0..3).for_each(|_| quarrel(rpc, chance, jobs)));
            }
        });
        agree(&mut rpc, &heard, &jobs);
        for job in &mut jobs {
            // One that is done cannot be quarrelled about any more.
            if rpc.call("job", &json!({ "job": job }))["result"]["state"] == "done" {
                *job = submit(&mut rpc, if round % 2 == 0 { 1000 } else { 1 });
            }
        }
    }
    let waiting = |rpc: &mut Rpc| rpc.call("status", &json!({}))["result"]["queued"].clone();
    // Who waits runs once it is let go; what runs for long is ended for the next.
    for job in &jobs {
        rpc.call("resume", &json!({ "job": job }));
    }
    rpc.call("resume", &json!({}));
    wait_until("an empty line", || {
        for job in &jobs {
            if rpc.call("job", &json!({ "job": job }))["result"]["state"] == "running" {
                rpc.call("cancel", &json!({ "job": job }));
            }
        }
        waiting(&mut rpc) == 0
    });
    agree(&mut rpc, &heard, &jobs);
    home.run("daemon stop").ok();
    paused_is_stored(&home);
}

/// `pause` beside `resume`: what `status` says is what the next daemon finds.
fn paused_is_stored(home: &Home) {
    home.warm();
    for _ in 0..5 {
        std::thread::scope(|scope| {
            for method in ["pause", "resume", "pause", "resume"] {
                let mut rpc = home.rpc();
                scope.spawn(move || (0..5).for_each(|_| drop(rpc.call(method, &json!({})))));
            }
        });
        let said = home.status().unwrap()["paused"].clone();
        let database = rusqlite::Connection::open(home.at("data/darkroom.db")).unwrap();
        let stored: bool = database
            .query_row("SELECT paused FROM line", [], |row| row.get(0))
            .unwrap();
        assert_eq!(said, stored);
    }
}
