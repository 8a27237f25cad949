//! Whole pulls from a server in the test's own process, which answers as hubs do: redirects to other ports, refusals, pauses, parts and
//! none, connections that break off. What the product does with killed processes is in `tests/product/pull.rs`.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use darkroom_protocol::hash::hex;
use darkroom_protocol::message::pull::{Access, Pull, PullAsk, PullState, Secret};
use darkroom_protocol::paths::Paths;
use rstest::rstest;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Pulls, Tuning, at_rest, cancel_at_rest};
use crate::settings::{Live, Settings};

/// What came, and what is to be answered.
#[derive(Clone, Debug)]
struct Asked {
    path: String,
    headers: HashMap<String, String>,
}

impl Asked {
    /// First and last byte of the part that is asked for.
    fn range(&self) -> Option<(usize, usize)> {
        let (from, to) = self.headers.get("range")?.strip_prefix("bytes=")?.split_once('-')?;
        Some((from.parse().ok()?, to.parse().ok()?))
    }
}

#[derive(Clone, Debug, Default)]
struct Told {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// The connection breaks off after so many bytes of the body.
    breaks: Option<usize>,
}

impl Told {
    fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            body: body.into(),
            ..Self::default()
        }
    }

    /// The part of `whole` that is asked for.
    fn part(asked: &Asked, whole: &[u8]) -> Self {
        let Some((from, to)) = asked.range() else {
            return Self::ok(whole);
        };
        let to = to.min(whole.len() - 1);
        let range = format!("bytes {from}-{to}/{}", whole.len());
        Self {
            status: 206,
            body: whole[from..=to].to_vec(),
            ..Self::default()
        }
        .with("Content-Range", range)
    }
}

type Answers = dyn Fn(&Asked) -> Told + Send + Sync;

/// A server on a port of its own.
struct Server {
    base: String,
    log: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    fn new(answers: impl Fn(&Asked) -> Told + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let log = Arc::<Mutex<Vec<Asked>>>::default();
        let (kept, answers): (_, Arc<Answers>) = (log.clone(), Arc::new(answers));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, answers) = (kept.clone(), answers.clone());
                std::thread::spawn(move || serve(stream, &kept, &*answers));
            }
        });
        Self { base, log }
    }

    fn asked(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }
}

/// One connection, to its end.
fn serve(stream: TcpStream, log: &Mutex<Vec<Asked>>, answers: &Answers) -> Option<()> {
    let mut out = stream.try_clone().ok()?;
    let mut lines = BufReader::new(stream).lines();
    loop {
        let first = lines.next()?.ok()?;
        let path = first.split(' ').nth(1)?.to_owned();
        let mut headers = HashMap::new();
        loop {
            let line = lines.next()?.ok()?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let asked = Asked { path, headers };
        log.lock().unwrap().push(asked.clone());
        let told = answers(&asked);
        let mut head = format!("HTTP/1.1 {} X\r\nContent-Length: {}\r\n", told.status, told.body.len());
        let lines = told.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        head.extend(lines);
        head.push_str("\r\n");
        out.write_all(head.as_bytes()).ok()?;
        out.write_all(&told.body[..told.breaks.unwrap_or(told.body.len())])
            .ok()?;
        if told.breaks.is_some() {
            return out.shutdown(std::net::Shutdown::Both).ok();
        }
    }
}

/// A home with a folder of models.
struct Place {
    dir: tempfile::TempDir,
    paths: Paths,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path());
        std::fs::create_dir_all(dir.path().join("m")).unwrap();
        Self { dir, paths }
    }

    fn pulls(&self) -> Pulls {
        let settings = Settings {
            models: vec![self.dir.path().join("m")],
            ..Settings::default()
        };
        let tuning = Tuning {
            block: 1000,
            span: 4,
            connections: 3,
            pause: Duration::from_millis(1),
            longest: Duration::from_millis(4),
            ..Tuning::default()
        };
        Pulls::start(&self.paths, Arc::new(Live::fixed(settings)), tuning)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join("m").join(name)
    }

    /// What lies in the folder of models.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path().join("m")).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn until(pulls: &Pulls, id: &str, when: impl Fn(&Pull) -> bool) -> Pull {
    let mut last = None;
    for _ in 0..30_000 {
        let pull = pulls.list().into_iter().find(|pull| pull.id == id).unwrap();
        if when(&pull) {
            return pull;
        }
        last = Some(pull);
        std::thread::park_timeout(Duration::from_millis(2));
    }
    panic!("{last:?}");
}

fn end(pulls: &Pulls, ask: PullAsk) -> Pull {
    let id = pulls.ask(ask).unwrap().id;
    until(pulls, &id, |pull| {
        pull.state.is_final() || pull.state == PullState::Asks
    })
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at * 7 + at / 251) as u8).collect()
}

fn sum(bytes: &[u8]) -> String {
    hex(Sha256::digest(bytes))
}

fn ask(what: &str, server: &Server) -> PullAsk {
    PullAsk {
        what: what.to_owned(),
        access: Access {
            hub: Some(server.base.clone()),
            hub_token: Some(Secret("hf_secret".into())),
            civitai: Some(server.base.clone()),
            civitai_token: Some(Secret("civ_secret".into())),
        },
        ..PullAsk::default()
    }
}

/// A hub with one repository of one file, whose content another port hands out.
fn hub(content: Vec<u8>, sha256: String, gated: bool, cdn: String) -> Server {
    Server::new(move |asked| {
        let file = json!({ "rfilename": "fox.safetensors", "size": content.len(), "lfs": { "sha256": sha256, "size": content.len() } });
        match asked.path.split('?').next().unwrap() {
            "/api/models/o/r/revision/main" => Told::ok(
                json!({ "sha": "0a1b", "gated": if gated { json!("auto") } else { json!(false) },
                    "cardData": { "license": "openrail++" }, "siblings": [file] })
                .to_string(),
            ),
            "/o/r/resolve/0a1b/fox.safetensors" => Told::status(302)
                .with("Location", format!("{cdn}/signed?X-Key=1"))
                .with("X-Linked-Etag", format!("\"{sha256}\"")),
            _ => Told::status(404).with("X-Error-Code", "RepoNotFound"),
        }
    })
}

#[tokio::test]
async fn a_repository_is_fetched_in_parts_and_its_token_stays_with_the_hub() {
    let content = bytes(12_345);
    let whole = content.clone();
    let cdn = Server::new(move |asked| Told::part(asked, &whole));
    let hub = hub(content.clone(), sum(&content), false, cdn.base.clone());
    let place = Place::new();
    let pull = end(&place.pulls(), ask("o/r", &hub));
    assert_eq!((pull.state, pull.problem), (PullState::Done, None));
    assert_eq!(
        (pull.bytes, pull.done, pull.licence.as_str()),
        (Some(12_345), 12_345, "openrail++")
    );
    assert_eq!(std::fs::read(place.at("fox.safetensors")).unwrap(), content);
    assert_eq!(place.names(), ["fox.safetensors"], "nothing else is left");
    let to_hub = hub.asked();
    assert!(
        to_hub
            .iter()
            .all(|asked| asked.headers["authorization"] == "Bearer hf_secret")
    );
    let to_cdn = cdn.asked();
    assert!(to_cdn.len() >= 4 && to_cdn.iter().all(|asked| !asked.headers.contains_key("authorization")));
    let parts: usize = to_cdn
        .iter()
        .map(|asked| asked.range().unwrap())
        .map(|(from, to)| to - from + 1)
        .sum();
    assert_eq!(parts, 12_345, "each byte once");
    // Nothing of what opens it is on the disk.
    for entry in std::fs::read_dir(place.paths.pulls()).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains("secret") && !text.contains("X-Key"), "{text}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_not_used_and_told() {
    let cdn = Server::new(|asked| Told::part(asked, &bytes(2500)));
    let hub = hub(bytes(2500), "0f".repeat(32), false, cdn.base.clone());
    let place = Place::new();
    let pull = end(&place.pulls(), ask("o/r", &hub));
    assert_eq!(pull.state, PullState::Failed);
    let problem = pull.problem.unwrap();
    assert!(
        problem.contains("fox.safetensors does not have the SHA-256") && problem.contains(&sum(&bytes(2500))),
        "{problem}"
    );
    assert!(!place.at("fox.safetensors").exists());
}

#[tokio::test]
async fn connections_that_break_off_go_on_where_they_were() {
    let content = bytes(20_000);
    let whole = content.clone();
    let count = Mutex::new(0);
    let server = Server::new(move |asked| {
        let mut count = count.lock().unwrap();
        *count += 1;
        let mut told = Told::part(asked, &whole);
        match *count % 5 {
            0 => Told::status(503),
            2 => Told::status(429).with("Retry-After", "0"),
            _ => {
                told.breaks = Some((told.body.len() * (*count % 7 + 1) / 8).max(1))
                    .filter(|_| !count.is_multiple_of(3) && told.body.len() > 1);
                told
            }
        }
    });
    let place = Place::new();
    let url = format!("{}/x/fox.safetensors#sha256={}", server.base, sum(&content));
    let pull = end(
        &place.pulls(),
        ask(&url.replace(&server.base, &other(&server)), &server),
    );
    assert_eq!((pull.state, pull.problem), (PullState::Done, None));
    assert_eq!(std::fs::read(place.at("fox.safetensors")).unwrap(), content);
}

/// The same server by another name, so that its addresses are no pages of the hub.
fn other(server: &Server) -> String {
    server.base.replace("127.0.0.1", "localhost")
}

#[tokio::test]
async fn a_server_without_parts_sends_all_of_it() {
    let content = bytes(9000);
    let whole = content.clone();
    let count = Mutex::new(0);
    let server = Server::new(move |_| {
        let mut count = count.lock().unwrap();
        *count += 1;
        let mut told = Told::ok(whole.clone());
        told.breaks = (*count == 3).then_some(4100);
        told
    });
    let place = Place::new();
    let pull = end(
        &place.pulls(),
        ask(&format!("{}/fox.safetensors?key=s3", other(&server)), &server),
    );
    assert_eq!((pull.state, pull.problem), (PullState::Done, None));
    assert!(pull.what.ends_with("/fox.safetensors?…"), "{}", pull.what);
    assert_eq!(std::fs::read(place.at("fox.safetensors")).unwrap(), content);
    assert!(
        server
            .asked()
            .iter()
            .all(|asked| !asked.headers.contains_key("authorization")),
        "no hub's address"
    );
}

#[rstest]
#[case(401, "GatedRepo", "wants its licence accepted by whom HF_TOKEN belongs to")]
#[case(403, "GatedRepo", "wants its licence accepted")]
#[case(401, "RepoNotFound", "has no repository o/r")]
#[case(404, "RevisionNotFound", "o/r has no revision main.")]
#[case(418, "", "does not give it (418)")]
#[tokio::test]
async fn refusals_say_what_to_do(#[case] status: u16, #[case] code: &'static str, #[case] words: &str) {
    let server = Server::new(move |_| Told::status(status).with("X-Error-Code", code));
    let place = Place::new();
    let pull = end(&place.pulls(), ask("o/r", &server));
    let problem = pull.problem.unwrap();
    assert_eq!(pull.state, PullState::Failed);
    assert!(problem.contains(words) && !problem.contains("secret"), "{problem}");
    assert_eq!(server.asked().len(), 1, "asked once");
}

#[tokio::test]
async fn a_file_of_the_hub_may_not_leave_its_folder() {
    let server = Server::new(|_| {
        Told::ok(json!({ "sha": "0a", "siblings": [{ "rfilename": "../../evil.safetensors", "size": 1 }] }).to_string())
    });
    let place = Place::new();
    let problem = end(&place.pulls(), ask("o/r", &server)).problem.unwrap();
    assert!(problem.contains("../../evil.safetensors"), "{problem}");
    assert_eq!(place.names(), [] as [&str; 0]);
}

#[tokio::test]
async fn a_licence_is_asked_for_once() {
    let content = bytes(1500);
    let cdn = Server::new(|asked| Told::part(asked, &bytes(1500)));
    let hub = hub(content.clone(), sum(&content), true, cdn.base.clone());
    let place = Place::new();
    let pulls = place.pulls();
    let asks = end(&pulls, ask("o/r", &hub));
    assert_eq!(asks.state, PullState::Asks);
    assert!(asks.notice.unwrap().contains("(openrail++) to be accepted"));
    assert_eq!(cdn.asked().len(), 0);
    let accepted = PullAsk {
        accept: true,
        ..ask("o/r", &hub)
    };
    let again = pulls.ask(accepted).unwrap();
    assert_eq!(again.id, asks.id);
    assert_eq!(
        until(&pulls, &asks.id, |pull| pull.state.is_final()).state,
        PullState::Done
    );
    // Once more, elsewhere: it is known.
    let elsewhere = PullAsk {
        to: Some("wolf".into()),
        ..ask("o/r", &hub)
    };
    assert_eq!(end(&pulls, elsewhere).state, PullState::Done);
    assert_eq!(place.names(), ["fox.safetensors", "wolf.safetensors"]);
    // And what is there is not fetched again, nor written over.
    let before = cdn.asked().len();
    assert_eq!(end(&pulls, ask("o/r", &hub)).id, asks.id);
    assert_eq!(cdn.asked().len(), before);
    let over = PullAsk {
        to: Some(place.at("wolf").to_str().unwrap().to_owned()),
        ..ask("o/r", &hub)
    };
    assert!(
        end(&pulls, over)
            .problem
            .unwrap()
            .contains("wolf.safetensors is there already")
    );
}

#[tokio::test]
async fn civitai_redirects_and_its_sum_is_compared() {
    let content = bytes(3210);
    let store = Server::new(|asked| {
        Told::part(asked, &bytes(3210)).with("Content-Disposition", "attachment; filename=\"other.bin\"")
    });
    let (to, upper) = (store.base.clone(), sum(&content).to_uppercase());
    let hub = Server::new(move |asked| {
        match asked.path.as_str() {
        "/api/v1/models/77" => Told::ok(
            json!({ "type": "LORA", "modelVersions": [{ "id": 5, "files": [{ "name": "ink.safetensors", "type": "Model", "primary": true,
                "hashes": { "SHA256": upper } }] }] })
            .to_string(),
        ),
        "/api/download/models/5" => Told::status(307).with("Location", format!("{to}/b?sig=1")),
        _ => Told::status(307).with("Location", "/login?reason=download-auth"),
    }
    });
    let place = Place::new();
    let pulls = place.pulls();
    let ask = |what: &str, server: &Server| {
        let mut ask = ask(what, server);
        ask.access.hub = Some(super::web::HUB.to_owned());
        ask
    };
    let pull = end(&pulls, ask("civitai:77", &hub));
    assert_eq!((pull.state, pull.problem), (PullState::Done, None));
    assert_eq!(
        std::fs::read(place.paths.loras().join("ink.safetensors")).unwrap(),
        content
    );
    assert!(
        store
            .asked()
            .iter()
            .all(|asked| !asked.headers.contains_key("authorization"))
    );
    assert!(
        hub.asked()
            .iter()
            .all(|asked| asked.headers["authorization"] == "Bearer civ_secret")
    );
    let problem = end(&pulls, ask("civitai:@8", &hub)).problem.unwrap();
    assert!(
        problem.contains("CIVITAI_TOKEN") && !problem.contains("secret"),
        "{problem}"
    );
}

#[tokio::test]
async fn what_is_ended_leaves_nothing_and_what_is_interrupted_goes_on() {
    let content = bytes(50_000);
    let (whole, gate) = (content.clone(), Arc::new((Mutex::new(3), std::sync::Condvar::new())));
    let opened = gate.clone();
    let cdn = Server::new(move |asked| {
        // So many answers, and no more until the gate is opened.
        let mut left = gate.0.lock().unwrap();
        while *left == 0 {
            left = gate.1.wait(left).unwrap();
        }
        *left -= 1;
        Told::part(asked, &whole)
    });
    let hub = hub(content.clone(), sum(&content), false, cdn.base.clone());
    let place = Place::new();
    let first = place.pulls();
    let id = first.ask(ask("o/r", &hub)).unwrap().id;
    // Three spans of four blocks are here, and three more are asked for.
    until(&first, &id, |pull| pull.done == 12_000 && cdn.asked().len() == 6);
    first.stop();
    drop(first);
    // The daemon has gone: another one goes on with what is marked.
    let rest = at_rest(&place.paths);
    assert_eq!((rest[0].id.as_str(), rest[0].state), (id.as_str(), PullState::Waiting));
    assert_eq!(
        cancel_at_rest(&place.paths, "no such")
            .unwrap_err()
            .message
            .split(':')
            .next()
            .unwrap(),
        "There is no pull no such"
    );
    let before = cdn.asked().len();
    *opened.0.lock().unwrap() = usize::MAX;
    opened.1.notify_all();
    let second = place.pulls();
    assert_eq!(until(&second, &id, |pull| pull.state.is_final()).state, PullState::Done);
    assert_eq!(std::fs::read(place.at("fox.safetensors")).unwrap(), content);
    let again: usize = cdn.asked()[before..]
        .iter()
        .filter_map(Asked::range)
        .map(|(from, to)| to - from + 1)
        .sum();
    assert_eq!(
        again,
        50_000 - 12_000,
        "what was here does not come again, and the rest comes once"
    );
    *opened.0.lock().unwrap() = 4;
    let other = PullAsk {
        to: Some("wolf".into()),
        ..ask("o/r", &hub)
    };
    let id = second.ask(other).unwrap().id;
    until(&second, &id, |pull| pull.done > 0);
    assert_eq!(second.cancel(&id[..6]).unwrap().state, PullState::Cancelled);
    *opened.0.lock().unwrap() = usize::MAX;
    opened.1.notify_all();
    until(&second, &id, |_| place.names() == ["fox.safetensors"]);
}

#[tokio::test]
async fn nonsense_is_refused_at_once() {
    let place = Place::new();
    let pulls = place.pulls();
    let error = pulls
        .ask(PullAsk {
            what: "no/such/thing".into(),
            ..PullAsk::default()
        })
        .unwrap_err();
    assert!(error.message.contains("sdxl"), "{error}");
    let open = pulls
        .ask(PullAsk {
            what: "http://example.org/x.safetensors".into(),
            ..PullAsk::default()
        })
        .unwrap();
    let pull = until(&pulls, &open.id, |pull| pull.state.is_final());
    assert!(
        pull.problem.unwrap().contains("only https"),
        "no connection is made for that"
    );
}
