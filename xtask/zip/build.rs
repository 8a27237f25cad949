//! Ends a build that would start without libtorch with one sentence, where torch-sys would end in a wall of C++
//! errors. See `src/lib.rs` for why this runs first.

use std::env;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if let Err(sentence) = check() {
        println!("cargo::error={sentence}");
    }
}

fn check() -> Result<(), String> {
    if variable("LIBTORCH_USE_PYTORCH").is_some() {
        return Ok(());
    }
    let Some(libtorch) = variable("LIBTORCH") else {
        let system = Path::new("/usr/lib/libtorch.so").exists();
        return if system { Ok(()) } else { Err(UNSET.into()) };
    };
    let include = variable("LIBTORCH_INCLUDE").unwrap_or_else(|| libtorch.clone());
    let lib = variable("LIBTORCH_LIB").unwrap_or_else(|| libtorch.clone());
    let headers = include.join("include").join("ATen/ATen.h");
    let library = lib.join("lib").join(if cfg!(target_os = "macos") {
        "libtorch_cpu.dylib"
    } else {
        "libtorch_cpu.so"
    });
    // Cargo runs this again when the file is gone. Its time never changes: `cargo xtask libtorch` writes a fixed
    // one, so that choosing another backend of the same version does not compile torch-sys again.
    println!("cargo::rerun-if-changed={}", libtorch.join("build-version").display());
    if headers.exists() && library.exists() {
        Ok(())
    } else if libtorch.ends_with(".libtorch") {
        Err("libtorch is not here yet: run `cargo xtask libtorch` (530 MB, once).".into())
    } else {
        Err(format!(
            "LIBTORCH names {}, which holds no libtorch: unset it and run `cargo xtask libtorch` (530 MB, once).",
            libtorch.display()
        ))
    }
}

fn variable(name: &str) -> Option<PathBuf> {
    println!("cargo::rerun-if-env-changed={name}");
    env::var_os(name).map(PathBuf::from)
}

const UNSET: &str = "LIBTORCH is not set: run cargo inside Darkroom's own folder, whose .cargo/config.toml sets it.";
