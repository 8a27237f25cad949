//! Where things are in this checkout.

use std::env;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};

/// The workspace's folder.
pub fn root() -> PathBuf {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    manifest.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// The folder cargo builds into: this program stands in its `debug`.
///
/// # Errors
/// When the system does not say where this program is.
pub fn target() -> Result<PathBuf> {
    let own = env::current_exe().map_err(|error| Failure::file("find", Path::new("cargo xtask"), &error))?;
    own.ancestors()
        .nth(2)
        .map(Path::to_path_buf)
        .ok_or_else(|| Failure::new(format!("{} is in no target folder: run `cargo xtask`.", own.display())))
}

/// `LIBTORCH` when the shell, not `.cargo/config.toml`, set it.
pub fn own_libtorch() -> Option<PathBuf> {
    env::var_os("LIBTORCH")
        .map(PathBuf::from)
        .filter(|path| *path != root().join(".libtorch"))
}

/// The libtorch that cargo builds against.
pub fn libtorch() -> PathBuf {
    own_libtorch().unwrap_or_else(|| root().join(".libtorch"))
}
