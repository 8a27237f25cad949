//! `cargo xtask install`: copies both binaries and libtorch's libraries to a prefix. `main.rs` calls it. That the worker looks
//! for the libraries there is set when it is linked (`daemon/engine/build.rs`). Service files are written by
//! `darkroom daemon install`.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::args::{Args, unknown};
use crate::cargo::cargo;
use crate::failure::{Failure, Result};
use crate::libtorch::{self, cache};
use crate::{repo, say};

const BINARIES: [&str; 2] = ["darkroom", "darkroom-worker"];

/// `cargo xtask install [--prefix DIR] [--debug]`: `DIR/bin/darkroom`, `DIR/bin/darkroom-worker` and libtorch's
/// libraries in `DIR/lib/darkroom`, where the worker looks for them.
pub fn run(mut args: Args) -> Result<()> {
    let (mut prefix, mut debug) = (None, false);
    while let Some((flag, inline)) = args.flag()? {
        match flag.as_str() {
            "--prefix" => prefix = Some(args.value(&flag, inline)?),
            "--debug" => debug = true,
            _ => return Err(unknown("install", &flag)),
        }
    }
    let prefix = match prefix {
        Some(prefix) => std::path::absolute(&prefix).map_err(|error| Failure::file("find", &prefix, &error))?,
        None => env::var_os("HOME")
            .map(|home| PathBuf::from(home).join(".local"))
            .ok_or_else(|| Failure::new("There is no HOME to install into: pass --prefix DIR."))?,
    };
    libtorch::ensure()?;
    if debug {
        cargo(&["build"])?
    } else {
        cargo(&["build", "--release"])?
    }
    let built = repo::target()?.join(if debug { "debug" } else { "release" });
    let started = Instant::now();
    let bytes = put(&built, &repo::libtorch().join("lib"), &prefix)?;
    eprintln!(
        "Installed into {}: {}, {}.",
        prefix.display(),
        say::size(bytes),
        say::time(started.elapsed())
    );
    eprintln!("{}", path_hint(&prefix.join("bin")));
    Ok(())
}

/// Copies binaries and libraries under `prefix`, each whole or not at all; says how many bytes.
fn put(built: &Path, lib: &Path, prefix: &Path) -> Result<u64> {
    let (bin, home) = (prefix.join("bin"), prefix.join("lib"));
    for folder in [&bin, &home] {
        fs::create_dir_all(folder).map_err(|error| Failure::file("make", folder, &error))?;
    }
    let mut bytes = libraries(lib, &home.join("darkroom"))?;
    for name in BINARIES {
        let (from, to) = (built.join(name), bin.join(name));
        let new = cache::beside(&to, ".new");
        bytes += fs::copy(&from, &new).map_err(|error| Failure::file("copy", &from, &error))?;
        fs::rename(&new, &to).map_err(|error| Failure::file("make", &to, &error))?;
    }
    Ok(bytes)
}

/// Copies the libraries of `lib`, or links to it when it belongs to another installation (`--from`): those look for
/// companions relative to where they are.
fn libraries(lib: &Path, place: &Path) -> Result<u64> {
    let new = cache::beside(place, ".new");
    cache::remove(&new)?;
    let mut bytes = 0;
    let foreign = fs::symlink_metadata(lib).is_ok_and(|metadata| metadata.is_symlink());
    if foreign {
        let home = fs::canonicalize(lib).map_err(|error| Failure::file("find", lib, &error))?;
        eprintln!("libtorch stays in {}: keep it there.", home.display());
        symlink(&home, &new).map_err(|error| Failure::file("make", &new, &error))?;
    } else {
        cache::fresh(&new)?;
        let cannot = |error| Failure::file("copy", lib, &error);
        for entry in fs::read_dir(lib).map_err(cannot)? {
            let entry = entry.map_err(cannot)?;
            bytes += fs::copy(entry.path(), new.join(entry.file_name())).map_err(cannot)?;
        }
    }
    cache::replace(&new, place)?;
    Ok(bytes)
}

fn path_hint(bin: &Path) -> String {
    let on_path = env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| folder == bin));
    let bin = bin.display();
    if on_path {
        format!("{bin} is on your PATH: `darkroom generate \"a red apple\" --show`.")
    } else {
        format!("{bin} is not on your PATH: add `export PATH=\"{bin}:$PATH\"` to your shell's profile.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_is_replaced_whole_and_a_foreign_libtorch_is_linked() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        for folder in ["built", "lib", "p/lib/darkroom"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        for (file, text) in [
            ("built/darkroom", "d"),
            ("built/darkroom-worker", "w"),
            ("lib/libc10.so", "10"),
            ("p/lib/darkroom/stale.so", ""),
        ] {
            fs::write(at(file), text).unwrap();
        }
        assert_eq!(put(&at("built"), &at("lib"), &at("p")).unwrap(), 4);
        assert_eq!(fs::read(at("p/lib/darkroom/libc10.so")).unwrap(), b"10");
        assert!(!at("p/lib/darkroom/stale.so").exists());
        assert_eq!(fs::read_dir(at("p/lib")).unwrap().count(), 1);
        assert_eq!(fs::read_dir(at("p/bin")).unwrap().count(), 2);

        symlink(at("lib"), at("foreign")).unwrap();
        assert_eq!(put(&at("built"), &at("foreign"), &at("p")).unwrap(), 2);
        assert_eq!(
            fs::read_link(at("p/lib/darkroom")).unwrap(),
            fs::canonicalize(at("lib")).unwrap()
        );
    }

    #[test]
    fn a_missing_binary_is_named() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("lib")).unwrap();
        let failure = put(home.path(), &home.path().join("lib"), &home.path().join("p")).unwrap_err();
        assert!(failure.to_string().contains("darkroom"), "{failure}");
    }
}
