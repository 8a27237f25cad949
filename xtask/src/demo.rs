//! `cargo xtask build` and `cargo xtask demo`: set-up, both binaries, and for the demo a picture through `darkroom generate`.
//! `main.rs` calls them. Fetching libtorch is in `libtorch/`, running other programs in `cargo.rs`.

use std::time::Instant;

use crate::args::{Args, unknown};
use crate::cargo::{cargo, command, status};
use crate::failure::{Failure, Result};
use crate::{libtorch, repo, say};

/// `cargo xtask build [--release]`: set-up and both binaries.
pub fn build(mut args: Args) -> Result<()> {
    let mut release = false;
    while let Some((flag, _)) = args.flag()? {
        match flag.as_str() {
            "--release" => release = true,
            _ => return Err(unknown("build", &flag)),
        }
    }
    libtorch::ensure()?;
    if release {
        cargo(&["build", "--release"])
    } else {
        cargo(&["build"])
    }
}

/// `cargo xtask demo [PROMPT] [FLAG…]`: the main job on a fresh machine. What follows goes to `darkroom generate`.
pub fn run(args: Args) -> Result<()> {
    let started = Instant::now();
    libtorch::ensure()?;
    eprintln!("Building Darkroom; the first time compiles libtorch's bindings, which takes minutes.");
    cargo(&["build"])?;
    let mut words = args.rest();
    if words
        .first()
        .is_none_or(|word| word.as_encoded_bytes().starts_with(b"-"))
    {
        words.insert(0, "a red apple".into());
    }
    let darkroom = repo::target()?.join("debug").join("darkroom");
    let line = words
        .iter()
        .map(|word| format!("{word:?}"))
        .collect::<Vec<_>>()
        .join(" ");
    eprintln!("{} generate {line} --show", darkroom.display());
    let picture = Instant::now();
    let status = status(command(&darkroom).arg("generate").args(&words).arg("--show"))?;
    if !status.success() {
        let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
        return Err(Failure::Said { code });
    }
    let (picture, all) = (say::time(picture.elapsed()), say::time(started.elapsed()));
    eprintln!("The picture took {picture}, everything {all}. The daemon stays for the next one; to end it:");
    eprintln!("{} daemon stop", darkroom.display());
    Ok(())
}
