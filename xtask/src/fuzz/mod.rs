//! `cargo xtask fuzz`: real libFuzzer with any compiler. What cargo-fuzz adds are flags; without a sanitizer these are stable,
//! and safe Rust needs no sanitizer.

mod report;
mod seeds;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::available_parallelism;
use std::time::Instant;

use report::Report;

use crate::args::{Args, unknown};
use crate::cargo::{command, status};
use crate::failure::{Failure, Result};
use crate::{repo, say};

/// A file of protocol/fuzz/fuzz_targets each.
const TARGETS: [&str; 12] = [
    "frames",
    "lines",
    "preface",
    "parameters",
    "safetensors",
    "pickle",
    "infotext",
    "png",
    "exif",
    "foreign",
    "folder",
    "history",
];
/// Coverage by edges, with comparisons seen; checksums of PNG chunks are taken as right under `fuzzing`.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";
/// The longest that one input may take, in seconds.
const TIMEOUT: u32 = 5;
/// The most memory, in MiB: several times the longest message.
const MEMORY: u32 = 512;
/// The longest input in bytes.
const LONGEST: u32 = 16 * 1024;

/// Where things are built, kept and left.
struct Places {
    source: PathBuf,
    host: String,
    build: PathBuf,
    corpus: PathBuf,
    artifacts: PathBuf,
}

/// `cargo xtask fuzz [TARGET…] [--seconds N]`: runs each target so long, as many at a time as there are cores.
pub fn run(mut args: Args) -> Result<()> {
    let mut seconds = 30;
    let mut wanted: Vec<&str> = Vec::new();
    while let Some((word, inline)) = args.flag()? {
        match word.as_str() {
            "--seconds" => seconds = args.number(&word, inline)?,
            target => {
                let known = TARGETS.iter().find(|known| **known == target);
                wanted.push(known.ok_or_else(|| unknown("fuzz", target))?);
            }
        }
    }
    if wanted.is_empty() {
        wanted.extend(TARGETS);
    }
    let places = Places::find()?;
    build(&places)?;
    let cores = available_parallelism().map_or(1, usize::from);
    let mut found = Vec::new();
    for some in wanted.chunks(cores) {
        let running: Vec<_> = some
            .iter()
            .map(|target| places.start(target, seconds))
            .collect::<Result<_>>()?;
        for run in running {
            found.extend(run.finish()?);
        }
    }
    match found.as_slice() {
        [] => Ok(()),
        some => Err(Failure::new(format!("Inputs that fail: {}.", some.join(", ")))),
    }
}

fn build(places: &Places) -> Result<()> {
    let started = Instant::now();
    let mut cargo = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--release", "--locked", "--manifest-path"])
        .arg(places.source.join("Cargo.toml"))
        // With a target named, the flags are not for build scripts and macros, which run without a fuzzer around them.
        .args(["--target", &places.host])
        .env("CARGO_TARGET_DIR", &places.build)
        .env("RUSTFLAGS", FLAGS);
    if !status(&mut cargo)?.success() {
        return Err(Failure::new(
            "The fuzz targets do not compile: mend what cargo says above.",
        ));
    }
    eprintln!("fuzz targets built: {}", say::time(started.elapsed()));
    Ok(())
}

impl Places {
    fn find() -> Result<Self> {
        let own = repo::target()?.join("fuzz");
        Ok(Self {
            source: repo::root().join("protocol").join("fuzz"),
            host: host()?,
            build: own.join("build"),
            corpus: own.join("corpus"),
            artifacts: own.join("artifacts"),
        })
    }

    fn start(&self, target: &str, seconds: u32) -> Result<Running> {
        let (corpus, artifacts) = (self.corpus.join(target), self.artifacts.join(target));
        for folder in [&corpus, &artifacts] {
            fs::create_dir_all(folder).map_err(|e| Failure::file("make", folder, &e))?;
        }
        seeds::write(target, &corpus)?;
        let log = self.artifacts.join(format!("{target}.log"));
        let output = File::create(&log).map_err(|e| Failure::file("write", &log, &e))?;
        let program = self.build.join(&self.host).join("release").join(target);
        let child = Command::new(&program)
            .arg(&corpus)
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-timeout={TIMEOUT}"))
            .arg(format!("-rss_limit_mb={MEMORY}"))
            .arg(format!("-max_len={LONGEST}"))
            .arg("-print_final_stats=1")
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .map_err(|e| Failure::file("run", &program, &e))?;
        Ok(Running {
            target: target.to_owned(),
            child,
            log,
        })
    }
}

/// The machine that the compiler compiles for by itself.
fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = Command::new(&rustc).arg("-vV").output();
    let said = said.map_err(|e| Failure::file("run", Path::new(&rustc), &e))?;
    let text = String::from_utf8_lossy(&said.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| Failure::new("`rustc -vV` does not say its host: is it a Rust compiler?"))
}

/// A fuzzer at work.
struct Running {
    target: String,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Waits for its end and says what it did; where it found an input that fails, what to look at.
    fn finish(mut self) -> Result<Option<String>> {
        let ended = self
            .child
            .wait()
            .map_err(|e| Failure::file("wait for", Path::new(&self.target), &e))?;
        let text = fs::read_to_string(&self.log).map_err(|e| Failure::file("read", &self.log, &e))?;
        println!("{:<12} {}", self.target, Report::read(&text));
        Ok((!ended.success()).then(|| format!("{} (see {})", self.target, self.log.display())))
    }
}
