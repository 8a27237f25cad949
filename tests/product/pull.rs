//! `darkroom pull` from a hub in the test's own process: killed daemons and clients, what is listed and ended, and that no token is left
//! anywhere. How answers of hubs are understood is tested in the daemon's crate.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::{Home, Ran, kill, number, wait_until};

const TOKEN: &str = "hf_tokenthatnobodymaysee";
const BLOCK: usize = 1 << 20;

/// What the server has: a repository `o/r` of one file, which is behind a redirect to an address that is signed.
struct Hub {
    base: String,
    shared: Arc<Shared>,
}

struct Shared {
    content: Vec<u8>,
    sha256: String,
    gated: bool,
    /// Bytes of the file that may be sent, and those that were taken.
    flow: Mutex<(usize, usize)>,
    more: Condvar,
    /// Of the file: first and last byte of what was asked for.
    asked: Mutex<Vec<(usize, usize)>>,
    /// Paths and tokens of all requests.
    tokens: Mutex<Vec<(String, Option<String>)>>,
}

impl Hub {
    fn new(bytes: usize, gated: bool) -> Self {
        let mut random = fastrand::Rng::with_seed(7);
        let mut content = vec![0; bytes];
        random.fill(&mut content);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let store = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let to = format!("http://{}/blob?X-Signature=signedsecret", store.local_addr().unwrap());
        let sum = Sha256::digest(&content);
        let shared = Arc::new(Shared {
            sha256: sum.iter().map(|byte| format!("{byte:02x}")).collect(),
            content,
            gated,
            flow: Mutex::new((0, 0)),
            more: Condvar::new(),
            asked: Mutex::default(),
            tokens: Mutex::default(),
        });
        for listener in [listener, store] {
            let (shared, to) = (shared.clone(), to.clone());
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let (shared, to) = (shared.clone(), to.clone());
                    std::thread::spawn(move || shared.serve(stream, &to));
                }
            });
        }
        Self { base, shared }
    }

    /// Lets so many more bytes go, and waits until they are on their way.
    fn let_go(&self, bytes: usize) {
        self.shared.flow.lock().unwrap().0 += bytes;
        self.shared.more.notify_all();
        wait_until("bytes to go", || {
            let flow = self.shared.flow.lock().unwrap();
            flow.1 >= flow.0
        });
    }

    fn let_all_go(&self) {
        self.shared.flow.lock().unwrap().0 = usize::MAX;
        self.shared.more.notify_all();
    }
}

impl Shared {
    /// One connection, to its end.
    fn serve(&self, stream: TcpStream, to: &str) -> Option<()> {
        let mut out = stream.try_clone().ok()?;
        let mut lines = BufReader::new(stream).lines();
        loop {
            let first = lines.next()?.ok()?;
            let path = first.split(' ').nth(1)?.to_owned();
            let mut headers = HashMap::new();
            while let Some((name, value)) = lines.next()?.ok()?.split_once(':') {
                headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
            }
            let token = headers.get("authorization").cloned();
            self.tokens.lock().unwrap().push((path.clone(), token.clone()));
            let said = match path.split('?').next()? {
                "/api/models/o/r/revision/main" => {
                    let file = json!({ "rfilename": "fox.safetensors", "lfs": { "sha256": self.sha256, "size": self.content.len() } });
                    let body = json!({ "sha": "0a", "gated": self.gated, "siblings": [file] }).to_string();
                    format!("200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
                }
                "/o/r/resolve/0a/fox.safetensors" if self.gated && token.is_none() => {
                    "401 X\r\nX-Error-Code: GatedRepo\r\nContent-Length: 0\r\n\r\n".to_owned()
                }
                "/o/r/resolve/0a/fox.safetensors" => format!("302 X\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"),
                _ => {
                    let (from, last) = headers.get("range")?.strip_prefix("bytes=")?.split_once('-')?;
                    let (from, last): (usize, usize) = (from.parse().ok()?, last.parse().ok()?);
                    self.asked.lock().unwrap().push((from, last));
                    let (length, whole) = (last + 1 - from, self.content.len());
                    let head = format!(
                        "206 X\r\nContent-Range: bytes {from}-{last}/{whole}\r\nContent-Length: {length}\r\n\r\n"
                    );
                    out.write_all(format!("HTTP/1.1 {head}").as_bytes()).ok()?;
                    for piece in self.content[from..=last].chunks(64 << 10) {
                        self.take(piece.len());
                        out.write_all(piece).ok()?;
                    }
                    continue;
                }
            };
            out.write_all(format!("HTTP/1.1 {said}").as_bytes()).ok()?;
        }
    }

    /// Waits until so many bytes may go.
    fn take(&self, bytes: usize) {
        let mut flow = self.flow.lock().unwrap();
        while flow.1 >= flow.0 {
            flow = self.more.wait(flow).unwrap();
        }
        flow.1 += bytes;
    }
}

fn home() -> Home {
    let home = Home::empty();
    fs::create_dir_all(home.at("m")).unwrap();
    home.settings(&format!("threads = 1\nmodels = [\"{}\"]\n", home.at("m").display()));
    home
}

/// `darkroom ARGS…` that asks this hub.
fn command(home: &Home, hub: &Hub, line: &str) -> Command {
    let mut command = home.command(line.split_whitespace());
    command
        .env("HF_ENDPOINT", &hub.base)
        .env("HF_TOKEN", TOKEN)
        .env("DARKROOM_LOG", "trace");
    command
}

fn pull(home: &Home, hub: &Hub) -> Child {
    command(home, hub, "pull o/r").spawn().unwrap()
}

fn list(home: &Home) -> Vec<Value> {
    home.run("pull list --json").ok().json()
}

/// Blocks that are marked as finished.
fn finished(home: &Home) -> Vec<usize> {
    let workshops = fs::read_dir(home.at("m")).unwrap().map(|entry| entry.unwrap().path());
    let marks = workshops
        .map(|path| fs::read(path.join("marks/0")).unwrap_or_default())
        .max();
    let marks = marks.unwrap_or_default();
    let sums = marks.get(24..).unwrap_or_default().chunks_exact(32).enumerate();
    sums.filter(|(_, sum)| sum.iter().any(|byte| *byte > 0))
        .map(|(at, _)| at)
        .collect()
}

#[test]
fn whoever_is_killed_what_is_finished_is_not_fetched_again() {
    let kills = number("DARKROOM_KILLS", 6);
    let (home, hub) = (home(), Hub::new((8 * kills as usize + 8) * BLOCK + 4321, false));
    let mut random = fastrand::Rng::with_seed(number("DARKROOM_SEED", 3));
    let mut client = pull(&home, &hub);
    // Blocks that were there, and the requests that came before that was known.
    let mut known: Vec<(Vec<usize>, usize)> = Vec::new();
    for strike in 0..kills {
        hub.let_go(random.usize(2 << 20..8 << 20));
        if strike % 2 == 0 {
            let daemon = home.daemon_pid().unwrap();
            kill(daemon, "KILL");
            wait_until("the daemon to end", || !crate::support::is_alive(daemon));
        } else {
            client.kill().unwrap();
            client.wait().unwrap();
            client = pull(&home, &hub);
        }
        let here = finished(&home);
        known.push((here, hub.shared.asked.lock().unwrap().len()));
        // One that was lost is started again by the client that waits.
        wait_until("a daemon", || home.daemon_pid().is_some());
    }
    hub.let_all_go();
    let ran = Ran::of(client.wait_with_output().unwrap()).ok();
    let path = home.at("m/fox.safetensors");
    assert_eq!(ran.line(), path.to_str().unwrap());
    assert!(
        fs::read(&path).unwrap() == hub.shared.content,
        "the file is another one"
    );
    let asked = hub.shared.asked.lock().unwrap();
    for (here, before) in &known {
        for (from, last) in &asked[*before..] {
            let again = here
                .iter()
                .find(|at| *from < (**at + 1) * BLOCK && *last >= **at * BLOCK);
            assert_eq!(again, None, "bytes {from} to {last} came again; {here:?} were there");
        }
    }
    assert!(
        known.iter().any(|(here, _)| !here.is_empty()),
        "something was finished before the end: {known:?}"
    );
    assert_eq!(
        fs::read_dir(home.at("m")).unwrap().count(),
        1,
        "nothing is left of the way"
    );
    let all = list(&home);
    assert_eq!((all.len(), &all[0]["state"]), (1, &json!("done")));
}

#[test]
fn a_pull_is_listed_and_ended_with_a_daemon_and_without_one() {
    let (home, hub) = (home(), Hub::new(8 * BLOCK, false));
    home.run("pull").refused(2, &["WHAT"]);
    home.run("pull no/such/thing").refused(2, &["owner/repo", "sdxl"]);
    assert!(home.run("pull --names").ok().stdout.contains("openrail++"));
    home.run("daemon stop").ok();
    assert_eq!(list(&home), [] as [Value; 0]);
    let id = Ran::of(command(&home, &hub, "pull o/r --to wolf --detach").output().unwrap())
        .ok()
        .line()
        .to_owned();
    hub.let_go(1 << 20);
    let all = list(&home);
    assert_eq!((&all[0]["id"], &all[0]["state"]), (&json!(id), &json!("fetching")));
    assert_eq!(all[0]["to"], json!(home.at("m/wolf.safetensors")));
    home.run("daemon stop").ok();
    assert_eq!(list(&home)[0]["state"], json!("waiting"));
    home.run("pull cancel nonsense")
        .refused(2, &["There is no pull nonsense"]);
    home.run(&format!("pull cancel {id}")).ok();
    assert_eq!(list(&home)[0]["state"], json!("cancelled"));
    assert_eq!(fs::read_dir(home.at("m")).unwrap().count(), 0);
    assert!(
        home.status().is_none_or(|status| status["pid"] == json!(0)),
        "nobody started a daemon for that"
    );
    // The same once more is another pull.
    let client = pull(&home, &hub);
    hub.let_go(1 << 20);
    home.run("pull cancel o/r").ok();
    let ran = Ran::of(client.wait_with_output().unwrap());
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    assert_eq!(fs::read_dir(home.at("m")).unwrap().count(), 0);
}

#[test]
fn a_licence_is_asked_for_and_no_token_is_left_anywhere() {
    let (home, hub) = (home(), Hub::new(10_000, true));
    hub.let_all_go();
    let ran = Ran::of(command(&home, &hub, "pull o/r").output().unwrap());
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("to be accepted") && ran.stderr.contains("--yes"),
        "{}",
        ran.stderr
    );
    assert_eq!(list(&home)[0]["state"], json!("asks"));
    let ran = Ran::of(command(&home, &hub, "pull o/r --yes").output().unwrap()).ok();
    assert_eq!(ran.line(), home.at("m/fox.safetensors").to_str().unwrap());
    let tokens = hub.shared.tokens.lock().unwrap().clone();
    for (path, token) in &tokens {
        let own = !path.starts_with("/blob");
        assert_eq!(token.is_some(), own, "{path}");
    }
    assert!(tokens.iter().any(|(path, _)| path.starts_with("/blob")));
    let said = ["pull list --json", "pull list", "doctor", "status --json", "logs"].map(|line| {
        let ran = Ran::of(command(&home, &hub, line).output().unwrap());
        ran.stdout + &ran.stderr
    });
    for text in &said {
        assert!(!text.contains(TOKEN) && !text.contains("signedsecret"), "{text}");
    }
    no_secret_in(home.path());
    let daemon = home.daemon_pid().unwrap();
    let words = fs::read_to_string(format!("/proc/{daemon}/cmdline")).unwrap();
    assert!(!words.contains(TOKEN));
}

/// No file in the folder holds what opens a hub.
fn no_secret_in(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            no_secret_in(&path);
        } else if kind.is_file() {
            let bytes = fs::read(&path).unwrap();
            let holds = |word: &str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
            assert!(!holds(TOKEN) && !holds("signedsecret"), "{}", path.display());
        }
    }
}
