//! What a service manager would do: how the service of a home is called, and whether connecting to its socket starts its daemon.

use std::path::{Path, PathBuf};

use darkroom_protocol::data_folder;
use darkroom_protocol::paths::Paths;

/// The name of the service of that home. Only the one whose socket has the plain name has the plain name here.
pub fn unit(paths: &Paths) -> String {
    let apart = std::env::var_os("DARKROOM_HOME").is_some_and(|home| !home.is_empty());
    match &paths.tag {
        None if !apart => "darkroom".to_owned(),
        _ => format!("darkroom-{}", data_folder::tag(&paths.data)),
    }
}

/// The folder of this user's configurations: `XDG_CONFIG_HOME`, else `~/.config`. `None` without a home.
pub fn config_folder() -> Option<PathBuf> {
    let set = |folder: &Path| !folder.as_os_str().is_empty();
    let given = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let home = || Some(std::env::home_dir().filter(|home| set(home))?.join(".config"));
    given.filter(|folder| set(folder)).or_else(home)
}

/// Whether a service manager starts the daemon of these folders for whoever connects to its socket.
pub fn is_started_by_connecting(paths: &Paths) -> bool {
    let socket = format!("{}.socket", unit(paths));
    let own = config_folder().map(|config| config.join("systemd/user"));
    let system = [
        "/etc/systemd/user",
        "/usr/local/lib/systemd/user",
        "/usr/lib/systemd/user",
    ]
    .map(PathBuf::from);
    own.into_iter()
        .chain(system)
        .any(|folder| folder.join(&socket).exists())
}
