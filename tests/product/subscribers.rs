//! A crowd that watches, with previews: pictures are made as fast as alone.
//!
//! `DARKROOM_SUBSCRIBERS`, `DARKROOM_PAIRS` and `DARKROOM_WATCHED` (arguments of `generate`) make it a measurement.

use std::io::{BufRead, BufReader, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;
use std::time::Instant;

use crate::support::{Home, number, processor_time, wait_until};

/// A worker that waits for its watchers is slower by far; less than that drowns in a busy machine's noise.
const MOST: f64 = 1.5;

/// Clients that want every event, and previews.
struct Crowd {
    streams: Vec<UnixStream>,
    /// The previews that each has seen.
    readers: Vec<JoinHandle<usize>>,
}

impl Crowd {
    /// So many; the first of them never reads.
    fn gather(home: &Home, count: u64) -> Self {
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"subscribe","params":{"max_fps":5,"max_px":256}}"#;
        let streams: Vec<UnixStream> = (0..count)
            .map(|_| {
                let mut stream = UnixStream::connect(home.socket()).unwrap();
                stream.write_all(format!("{call}\n").as_bytes()).unwrap();
                stream
            })
            .collect();
        let reading = streams.iter().skip(1).map(|stream| stream.try_clone().unwrap());
        let readers = reading.map(|stream| std::thread::spawn(move || previews(stream)));
        Self {
            readers: readers.collect(),
            streams,
        }
    }

    /// Sends them home. The previews that the one saw who saw the fewest.
    fn leave(self) -> usize {
        for stream in &self.streams {
            // The daemon may have hung up on the one that never reads.
            let _ = stream.shutdown(Shutdown::Both);
        }
        let seen = self.readers.into_iter().map(|reader| reader.join().unwrap());
        seen.min().unwrap_or(0)
    }
}

fn previews(stream: UnixStream) -> usize {
    let lines = BufReader::new(stream).split(b'\n').map_while(Result::ok);
    let sign = b"\"preview\"";
    lines
        .filter(|line| line.windows(sign.len()).any(|part| part == sign))
        .count()
}

/// The median time of a step in seconds.
fn step(home: &Home, line: &str) -> f64 {
    let events = home.run(&format!("generate {line} --events")).ok().events();
    let mut steps: Vec<f64> = events
        .iter()
        .filter_map(|event| event["kind"]["progress"]["step_s"].as_f64())
        .collect();
    steps.sort_by(f64::total_cmp);
    steps[steps.len() / 2]
}

/// A run of [`step`]: the median time of a step, and which part of one core the daemon took meanwhile.
fn run(home: &Home, line: &str) -> (f64, f64) {
    let daemon = || processor_time(home.daemon_pid().unwrap());
    let (begun, before) = (Instant::now(), daemon());
    let step = step(home, line);
    (step, (daemon() - before).div_duration_f64(begun.elapsed()))
}

#[test]
fn a_crowd_does_not_slow_the_picture() {
    let (crowd, pairs) = (number("DARKROOM_SUBSCRIBERS", 20), number("DARKROOM_PAIRS", 0));
    let line = std::env::var("DARKROOM_WATCHED").unwrap_or_else(|_| "fox -W 128 -H 128 --steps 20".to_owned());
    let home = Home::new();
    home.generate("fox").ok();
    step(&home, &line);
    let mut ratios = Vec::new();
    // To measure, so many; else until one shows it: other load may fall on the second half of a pair, but not on each time.
    while (ratios.len() as u64) < pairs.max(1) || (pairs == 0 && ratios.len() < 10 && ratios.iter().all(|r| *r >= MOST))
    {
        let (alone, _) = run(&home, &line);
        let watchers = Crowd::gather(&home, crowd);
        let (watched, daemon) = run(&home, &line);
        let seen = watchers.leave();
        println!(
            "a step alone {:.1} ms, watched by {crowd} {:.1} ms; the daemon took {:.2} % of a core; each saw at least {seen} \
             previews",
            alone * 1e3,
            watched * 1e3,
            daemon * 1e2,
        );
        assert!(seen > 0, "nobody saw a preview");
        ratios.push(watched / alone);
    }
    ratios.sort_by(f64::total_cmp);
    let ratio = if pairs == 0 {
        ratios[0]
    } else {
        ratios[ratios.len() / 2]
    };
    println!("ratio {ratio:.4}");
    assert!(ratio < MOST, "{ratios:?}");
    wait_until("an idle daemon", || {
        home.status().is_some_and(|s| s["workers"][0]["state"] == "idle")
    });
}
