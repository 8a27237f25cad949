//! What `daemon install` needs of a service manager, and the one function that runs its commands. `launchd.rs` and `systemd.rs`
//! are the two managers; `mod.rs` uses one of them. Files are written and removed in `mod.rs`.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::site::Site;
use crate::{Error, Result};

/// A service manager: the files it wants and the commands that make it use them. Only [`run`] touches the system.
pub trait Manager {
    /// What people call it.
    fn name(&self) -> &'static str;
    /// Its files for this site.
    fn files(&self, site: &Site) -> Vec<(PathBuf, String)>;
    /// Makes it listen for clients, or start the daemon.
    fn enable(&self, site: &Site) -> Vec<Vec<String>>;
    /// Starts the daemon, where enabling does not.
    fn start(&self, site: &Site) -> Vec<Vec<String>>;
    /// Ends the daemon and what listens for it.
    fn disable(&self, site: &Site) -> Vec<Vec<String>>;
    /// After the files are gone.
    fn forget(&self, site: &Site) -> Vec<Vec<String>>;
    /// What a person should know about it.
    fn hint(&self) -> &'static str;
}

/// Runs commands one after the other. `state` says in a sentence where things stand when one fails.
///
/// # Errors
/// When one is not there or fails, with what it said.
pub fn run(manager: &dyn Manager, commands: &[Vec<String>], state: &str) -> Result<()> {
    for words in commands {
        let Some((program, args)) = words.split_first() else {
            continue;
        };
        let line = words.join(" ");
        let output = Command::new(program).args(args).stdin(Stdio::null()).output();
        let why = match output {
            Ok(output) if output.status.success() => continue,
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().replace('\n', " "),
            Err(e) if e.kind() == ErrorKind::NotFound => format!("there is no {program} here"),
            Err(e) => e.to_string(),
        };
        return Err(Error::Failed(format!(
            "`{line}` failed ({why}): is this a session with {}? {state} Run it there.",
            manager.name()
        )));
    }
    Ok(())
}
