//! `darkroom daemon install`: hands the daemon over to the person's service manager. Nothing here needs root.

mod launchd;
mod manager;
mod site;
mod systemd;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::stop;
use crate::{Error, Result, say};
use manager::Manager;
use site::Site;

const IN_PLACE: &str = "The files are in place.";
const REMOVED: &str = "The files are removed.";

pub fn command() -> Command {
    Command::new("install")
        .about(
            "Write the service files for systemd (launchd on macOS), so that the daemon starts with its first client",
        )
        .arg(
            Arg::new("now")
                .long("now")
                .action(ArgAction::SetTrue)
                .help("Hand over at once: a daemon that runs is ended and started again by the service manager"),
        )
}

pub fn uninstall_command() -> Command {
    Command::new("uninstall").about("End the service and remove its files; jobs and pictures stay")
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    let (manager, site) = (here(), Site::here()?);
    for (path, text) in manager.files(&site) {
        put(&path, &text)?;
    }
    if !matches.get_flag("now") {
        say::note(&format!("Now run: {}", lines(&manager.enable(&site))));
        say::note(manager.hint());
        return Ok(());
    }
    let ran = stop::end(false)?;
    manager::run(manager.as_ref(), &manager.enable(&site), IN_PLACE)?;
    if ran {
        manager::run(manager.as_ref(), &manager.start(&site), IN_PLACE)?;
        say::note(&format!(
            "The daemon runs under {} from now on; its jobs are kept.",
            manager.name()
        ));
    } else {
        say::note(&format!(
            "The daemon starts under {} with the next job.",
            manager.name()
        ));
    }
    say::note(manager.hint());
    Ok(())
}

pub fn uninstall() -> Result<()> {
    let (manager, site) = (here(), Site::here()?);
    let files: Vec<PathBuf> = manager.files(&site).into_iter().map(|(path, _)| path).collect();
    if !files.iter().any(|path| path.exists()) {
        say::note("No service is installed.");
        return Ok(());
    }
    // The files go all the same: a service that was never enabled, or a manager that is not here, is no reason to keep them.
    let ended = manager::run(manager.as_ref(), &manager.disable(&site), REMOVED);
    for path in &files {
        match std::fs::remove_file(path) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(failed("removed", path, &e)),
            _ => say::note(&format!("Removed {}.", say::shown(path))),
        }
    }
    ended.and_then(|()| manager::run(manager.as_ref(), &manager.forget(&site), REMOVED))
}

/// The service's files that are in place.
pub fn installed() -> Vec<PathBuf> {
    let Ok(site) = Site::here() else { return Vec::new() };
    let files = here().files(&site).into_iter().map(|(path, _)| path);
    files.filter(|path| path.exists()).collect()
}

fn here() -> Box<dyn Manager> {
    if cfg!(target_os = "macos") {
        Box::new(launchd::Launchd)
    } else {
        Box::new(systemd::Systemd)
    }
}

fn put(path: &Path, text: &str) -> Result<()> {
    let before = std::fs::read_to_string(path).ok();
    let word = match &before {
        Some(before) if before == text => "Unchanged",
        Some(_) => "Replaced",
        None => "Wrote",
    };
    crate::output::write_whole(path, text.as_bytes()).map_err(|trouble| Error::Failed(format!("{trouble}.")))?;
    say::note(&format!("{word} {}.", say::shown(path)));
    Ok(())
}

fn failed(verb: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::Failed(format!(
        "{} cannot be {verb}: {}.",
        say::shown(path),
        say::reason(error)
    ))
}

fn lines(commands: &[Vec<String>]) -> String {
    let lines: Vec<String> = commands.iter().map(|words| words.join(" ")).collect();
    lines.join(" && ")
}
