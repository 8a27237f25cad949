//! Children: cargo, and what cargo built.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Instant;

use crate::failure::{Failure, Result};
use crate::{repo, say};

/// Runs `cargo ARGS` in the workspace and says how long it took.
///
/// # Errors
/// When cargo fails: it has said why.
pub fn cargo(args: &[impl AsRef<OsStr>]) -> Result<()> {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let line = args
        .iter()
        .map(|arg| arg.as_ref().to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ");
    eprintln!("cargo {line}");
    let started = Instant::now();
    let status = status(command(program).args(args).current_dir(repo::root()))?;
    if !status.success() {
        return Err(Failure::new(format!(
            "`cargo {line}` failed: mend what it says above and run this again."
        )));
    }
    eprintln!("cargo {line}: {}", say::time(started.elapsed()));
    Ok(())
}

/// Runs `command` to its end.
///
/// # Errors
/// When it cannot be started.
pub fn status(command: &mut Command) -> Result<ExitStatus> {
    command
        .status()
        .map_err(|error| Failure::file("run", Path::new(command.get_program()), &error))
}

/// A command in the environment that the person's shell has, without what `cargo run` put around this program:
/// a build script that looks at such a variable would run again for nothing, and a daemon would keep it for life.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name.as_ref());
        }
    }
    if repo::own_libtorch().is_none() {
        command.env_remove("LIBTORCH");
    }
    if let Some(path) = env::var_os("LD_LIBRARY_PATH") {
        let target = repo::target().unwrap_or_default();
        let kept: Vec<PathBuf> = env::split_paths(&path)
            .filter(|folder| !cargos_own(folder, &target))
            .collect();
        match env::join_paths(kept) {
            Ok(kept) if !kept.is_empty() => command.env("LD_LIBRARY_PATH", kept),
            _ => command.env_remove("LD_LIBRARY_PATH"),
        };
    }
    command
}

fn cargos_own(folder: &Path, target: &Path) -> bool {
    folder.as_os_str().is_empty()
        || folder.starts_with(target)
        || folder.join("rustlib").is_dir()
        || folder.components().any(|part| part.as_os_str() == "rustlib")
}
