//! The settings file as every verb meets it: one that is wrong is told before anything else, on a line of its own, `--quiet` or
//! not. What the settings mean is the daemon's business.

use darkroom_daemon::settings::Settings;
use darkroom_protocol::paths::Paths;

use crate::say;

/// Verbs that say it themselves, for they cannot do without the settings.
const THEMSELVES: [&str; 3] = ["bench", "doctor", "docs"];

/// Says what is wrong with config.toml: the file, the line, the column and what to do.
pub fn complain(verb: &str) {
    if THEMSELVES.contains(&verb) {
        return;
    }
    let Ok(paths) = Paths::from_env() else { return };
    let path = paths.config_file();
    if let Err(error) = Settings::load(&path) {
        say::note(&error.to_string());
    }
}

/// Whether [`complain`] had something to say.
pub fn is_wrong(paths: &Paths) -> bool {
    Settings::load(&paths.config_file()).is_err()
}
