//! What the files of a service are made from: this program, its variables, its socket and the service's name. `mod.rs` looks
//! before it installs or uninstalls, and when `doctor` asks what is installed. How a home's service is called is decided in the
//! client crate (`start/service.rs`), which looks for the same one when it seeks a daemon.

use std::ffi::OsString;
use std::path::PathBuf;

use darkroom_client::start::{config_folder, unit};
use darkroom_protocol::paths::{self, Paths};

use crate::{Error, Result, local};

/// Variables that say where things are; a service manager does not have the shell's.
const VARIABLES: [&str; 6] = [
    "DARKROOM_HOME",
    "DARKROOM_WORKER",
    "DARKROOM_LIBTORCH",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_CONFIG_HOME",
];

/// What a service's files are made from.
pub struct Site {
    /// The service's name: `darkroom`, with the home's tag where another home has that name.
    pub unit: String,
    /// This program.
    pub program: String,
    /// Variables that are set here.
    pub variables: Vec<(String, String)>,
    /// The socket, where `DARKROOM_HOME` puts it; else it is in the session's runtime folder, called like the unit.
    pub socket: Option<String>,
    /// The person's home.
    pub home: PathBuf,
    /// The folder of configurations.
    pub config: PathBuf,
}

impl Site {
    /// As things are in this process.
    ///
    /// # Errors
    /// When there is no home, or a path has characters that no service file can hold.
    pub fn here() -> Result<Self> {
        let home = local::home().ok_or_else(|| Error::Failed("There is no home directory: set HOME.".to_owned()))?;
        let program = std::env::current_exe();
        let program = program.map_err(|e| Error::Failed(format!("This program cannot be found: {e}.")))?;
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let mut variables = Vec::new();
        for name in VARIABLES {
            if let Some(value) = set(name) {
                let path = std::path::absolute(value).map_err(|e| Error::Failed(format!("{name}: {e}.")))?;
                variables.push((name.to_owned(), plain(path.into())?));
            }
        }
        if paths::login_home().is_some_and(|login| login != home) {
            variables.push(("HOME".to_owned(), plain(home.clone().into())?));
        }
        let paths = Paths::from_env()?;
        let socket = match set("DARKROOM_HOME") {
            Some(_) => Some(plain(paths.socket().into())?),
            None => None,
        };
        Ok(Self {
            unit: unit(&paths),
            program: plain(program.into())?,
            variables,
            socket,
            config: config_folder().unwrap_or_else(|| home.join(".config")),
            home,
        })
    }
}

/// A path that a service file can hold.
fn plain(path: OsString) -> Result<String> {
    let refused = |shown: String| {
        let shown = darkroom_protocol::text::escape_line(&shown).into_owned();
        Error::Failed(format!(
            "The path {shown} cannot stand in a service file: choose a plain one."
        ))
    };
    match path.into_string() {
        Ok(text) if !text.chars().any(char::is_control) => Ok(text),
        Ok(text) => Err(refused(text)),
        Err(path) => Err(refused(path.to_string_lossy().into_owned())),
    }
}
