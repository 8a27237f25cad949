//! Set-up, demo, tests and docs of Darkroom: `cargo xtask …`.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod args;
mod cargo;
mod demo;
mod docs;
mod failure;
#[cfg(test)]
mod files;
mod fuzz;
mod install;
mod libtorch;
mod repo;
#[cfg(test)]
mod rooms;
mod sanitize;
mod say;
mod soak;
mod test;

use std::env;
use std::process::ExitCode;

use args::Args;
use failure::{Failure, Result};

const USAGE: &str = "\
cargo xtask libtorch [--backend cpu|cuda|rocm|xpu] [--from DIR] [--force]
                                       put libtorch 2.11.0 into .libtorch (cpu: 530 MB, once)
cargo xtask build [--release]          set-up, then both binaries
cargo xtask demo [PROMPT] [FLAG…]      set-up, build, then a picture of PROMPT
cargo xtask test [ARG…]                set-up, then all tests (ARG… goes to cargo test)
cargo xtask fuzz [TARGET…] [--seconds N]
                                       libFuzzer on what reads strangers' bytes, N (30) seconds each
cargo xtask sanitize [CHECK…] [--rounds N] [--seed N]
                                       the C++ shim under ASan and UBSan: every kernel, N (12) random rounds
cargo xtask soak kills [--kills N] [--seed N]
                                       kill daemon and workers N (200) times while batches run
cargo xtask soak jobs [--minutes N] [--seed N]
                                       mixed jobs for N (60) minutes: memory stays where it is
cargo xtask install [--prefix DIR] [--debug]
                                       both binaries and libtorch into DIR (default ~/.local)
cargo xtask docs                       write the generated pages";

fn main() -> ExitCode {
    match run(Args::new(env::args_os().skip(1))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(mut args: Args) -> Result<()> {
    match args.verb()?.as_deref() {
        Some("libtorch") => libtorch::run(args),
        Some("build") => demo::build(args),
        Some("demo") => demo::run(args),
        Some("test") => test::run(args),
        Some("fuzz") => fuzz::run(args),
        Some("sanitize") => sanitize::run(args),
        Some("soak") => soak::run(args),
        Some("install") => install::run(args),
        Some("docs") => docs::run(args),
        Some("help" | "--help" | "-h") => {
            println!("{USAGE}");
            Ok(())
        }
        Some(other) => Err(Failure::new(format!(
            "There is no `cargo xtask {other}`. What there is:\n{USAGE}"
        ))),
        None => Err(Failure::new(format!("Say what to do:\n{USAGE}"))),
    }
}
