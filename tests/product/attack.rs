//! What a stranger sends or leaves on the disk to make the daemon large or slow: lines and files that are short to write and
//! long to parse. Whatever comes, the daemon stays below a bound, and answers others meanwhile.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Home, Model, header, memory, peak_memory};

/// What the daemon may have resident, whatever comes.
const MOST: u64 = 256 << 20;
/// Attackers at one time.
const AT_ONCE: usize = 8;
/// The daemon's limit for a line, and what strangers would like it to be.
const SIZES: [usize; 2] = [2 << 20, 16 << 20];

/// `begin`, as many of `unit` as fit into `size` bytes, and `end`.
fn filled(size: usize, begin: &str, unit: &str, end: &str) -> String {
    if unit.is_empty() {
        return format!("{begin}{end}");
    }
    let count = (size - begin.len() - end.len() - 8) / unit.len();
    format!("{begin}{}{end}", unit.repeat(count))
}

/// Ten lines of about `size` bytes.
fn lines(size: usize) -> Vec<String> {
    let call = |method: &str, begin: &str, unit: &str, end: &str| {
        let begin = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{begin}"#);
        filled(size, &begin, unit, &format!("{end}}}"))
    };
    let submit = |begin: &str, unit: &str, end: &str| {
        let begin = format!(r#"{{"request_id":"01990000-0000-7000-8000-000000000001","request":{{{begin}"#);
        call("submit", &begin, unit, &format!("{end}}}}}"))
    };
    vec![
        call("ping", r#"{"a":["#, "{},", "{}]}"),
        call("ping", "{", r#""a":{},"#, r#""b":1}"#),
        call("job", r#"{"job":""#, "x", r#""}"#),
        submit(r#""prompt":""#, r"\u0001", r#"""#),
        submit("", r#""steps":1,"#, r#""batch":1"#),
        call("queue", r#"{"limit":1,"states":["#, r#""done","#, r#""done"]}"#),
        call("ping", &"[".repeat(size / 3), "", &"]".repeat(size / 3)),
        filled(size, r#"{"jsonrpc":"2.0","method":"ping","id":"#, "9", "}"),
        filled(size, r#"{"jsonrpc":"2.0","method":"ping","id":["#, "{},", "1]}"),
        filled(size, r#"{"jsonrpc":"2.0","id":1,"method":""#, "é", r#""}"#),
    ]
}

/// Attacks with `work` from several threads, each of which is given its number, while somebody else asks for the status. The
/// longest that took.
fn beside(home: &Home, daemon: u32, work: impl Fn(usize) + Sync) -> Duration {
    let running = AtomicUsize::new(AT_ONCE);
    let mut other = home.rpc();
    let mut longest = Duration::ZERO;
    std::thread::scope(|scope| {
        for number in 0..AT_ONCE {
            let (work, running) = (&work, &running);
            scope.spawn(move || {
                let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(number)));
                running.fetch_sub(1, Ordering::SeqCst);
                done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            });
        }
        while running.load(Ordering::SeqCst) > 0 {
            let began = Instant::now();
            assert_eq!(other.call("status", &json!({}))["result"]["pid"], daemon);
            longest = longest.max(began.elapsed());
        }
    });
    let (most, now) = (peak_memory(daemon) >> 20, memory(daemon) >> 20);
    eprintln!("a status took at most {longest:.2?}; the daemon had at most {most} MiB, has {now} MiB");
    assert!(peak_memory(daemon) < MOST, "the daemon had {most} MiB");
    longest
}

#[test]
fn lines_that_are_long_to_parse_cost_little() {
    let home = Home::new();
    let (daemon, _) = home.warm();
    let all: Vec<String> = SIZES.into_iter().flat_map(lines).collect();
    beside(&home, daemon, |number| {
        for round in 0..all.len() {
            let line = &all[(number + round) % all.len()];
            let mut rpc = home.rpc();
            // A refusal in JSON, or the end of the connection.
            if rpc.send(format!("{line}\n").as_bytes()).is_ok() {
                let answer = rpc.line();
                if !answer.is_empty() {
                    let answer: Value = serde_json::from_str(&answer).unwrap();
                    assert_eq!(answer["error"]["data"]["kind"], "usage", "{}: {answer}", &line[..100]);
                    assert!(answer.to_string().len() < 4000, "{}", &line[..100]);
                    assert_eq!(
                        rpc.call("ping", &json!({}))["result"],
                        json!({}),
                        "the connection goes on"
                    );
                }
            }
        }
    });
    assert_eq!(home.jobs(), [] as [Value; 0]);
    home.still_works(daemon);
}

/// Files that are short for what they would become; each with the verb's words for it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let write = |name: &str, bytes: Vec<u8>| {
        let path = folder.join(format!("{name}.safetensors"));
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let mut paths = Vec::new();
    for size in [8 << 20, 100_000_000] {
        let headers = [
            ("keys", r#"{"__metadata__":{"#, r#""k":"","#, r#""x":""}}"#),
            (
                "shape",
                r#"{"a":{"dtype":"U8","shape":["#,
                "1,",
                r#"1],"data_offsets":[0,1]}}"#,
            ),
            (
                "nameless",
                "{",
                r#""":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"#,
                "\"a\":1}",
            ),
            (
                "nested",
                r#"{"a":{"x":["#,
                "{},",
                r#"1],"dtype":"U8","shape":[],"data_offsets":[0,1]}}"#,
            ),
            (
                "number",
                r#"{"a":{"dtype":"U8","shape":["#,
                "9",
                r#"],"data_offsets":[0,1]}}"#,
            ),
        ];
        for (name, begin, unit, end) in headers {
            paths.push(write(
                &format!("{name}{size}"),
                header(&filled(size, begin, unit, end), 1),
            ));
        }
        let counted = |begin: &str, one: &dyn Fn(usize) -> String, end: &str| {
            let room = size - 200;
            let mut json = begin.to_owned();
            let mut units = (0..).map(one);
            while json.len() < room {
                json.push_str(&units.next().unwrap());
            }
            header(&(json + end), 0)
        };
        let one = |n: usize| format!(r#""{n:x}":"","#);
        paths.push(write(
            &format!("metadata{size}"),
            counted(r#"{"__metadata__":{"#, &one, r#""x":""}}"#),
        ));
        let one = |n: usize| format!(r#""{n:x}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}},"#);
        paths.push(write(&format!("tensors{size}"), counted("{", &one, r#""x":{}}"#)));
    }
    for (name, file) in [
        ("index", "model_index.json"),
        ("config", "unet/config.json"),
        ("shards", "unet/diffusion_pytorch_model.safetensors.index.json"),
    ] {
        let model = Model::new(folder, name);
        if name == "shards" {
            model.remove("unet/diffusion_pytorch_model.safetensors");
        }
        let size = if name == "shards" { 8 << 20 } else { 1 << 20 };
        model.write(file, filled(size, r#"{"weight_map":{},"a":["#, r#"{"a":0},"#, "0]}"));
        paths.push(PathBuf::from(model.path()));
    }
    paths
}

#[test]
fn files_that_are_long_to_parse_cost_little() {
    let home = Home::new();
    let (daemon, _) = home.warm();
    let folder = home.at("hostile");
    std::fs::create_dir(&folder).unwrap();
    let paths = files(&folder);
    beside(&home, daemon, |number| {
        let mut rpc = home.rpc();
        for round in 0..paths.len() {
            let path = &paths[(number + round) % paths.len()];
            let answer = rpc.call("model", &json!({ "model": path }));
            let message = answer["error"]["message"].as_str().unwrap_or_default();
            assert!(
                !message.is_empty() && message.len() < 2000,
                "{}: {answer}",
                path.display()
            );
        }
    });
    home.still_works(daemon);
}

/// Prompts of 64 KB, hundreds of them: a list comes in pages, and no page is more than it says.
#[test]
fn long_lists_come_in_pages_and_nothing_is_lost() {
    const JOBS: usize = 40;
    let home = Home::new();
    home.run("daemon start").ok();
    home.run("queue pause").ok();
    let daemon = home.daemon_pid().unwrap();
    let mut rpc = home.rpc();
    let mut jobs: Vec<String> = Vec::new();
    for number in 0..JOBS {
        let prompt = format!("{number} {}", "fox ".repeat(16_000));
        let submit = json!({
            "request_id": format!("01990000-0000-7000-8000-{number:012}"), "request": { "prompt": prompt, "negative_prompt": prompt },
        });
        jobs.push(
            rpc.call("submit", &submit)["result"]["job"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    let before = peak_memory(daemon);
    for in_line in [true, false] {
        let mut found: Vec<String> = Vec::new();
        let mut next = Value::Null;
        loop {
            let ask = json!({ "states": ["queued"], "limit": 1000, "before": next, "in_line": in_line });
            let page = rpc.call("queue", &ask)["result"].clone();
            let listed = page["jobs"].as_array().unwrap();
            assert!(
                !listed.is_empty() && page.to_string().len() < 2 << 20,
                "{}",
                listed.len()
            );
            found.extend(listed.iter().map(|job| job["id"].as_str().unwrap().to_owned()));
            next = page["next"].clone();
            if next.is_null() {
                break;
            }
        }
        if !in_line {
            found.reverse();
        }
        assert_eq!(found, jobs);
    }
    assert_eq!(home.jobs().len(), JOBS, "the command pages through");
    beside(&home, daemon, |_| {
        let mut rpc = home.rpc();
        let ask = json!({ "states": [], "limit": 1000 });
        (0..4).for_each(|_| assert!(rpc.call("queue", &ask)["result"]["next"].is_string()));
    });
    let now = peak_memory(daemon);
    assert!(
        now < before + (100 << 20),
        "{} MiB, then {} MiB",
        before >> 20,
        now >> 20
    );
    home.run("cancel --all").ok();
}
