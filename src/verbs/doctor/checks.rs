//! What is wrong with the folders, the socket's path, the settings and the worker's answer, each with its remedy. `mod.rs`
//! collects it. Disk space, logs and the service are looked at in `place.rs`, a running daemon in `running.rs`; the worker is
//! asked in `worker.rs`.

use std::path::Path;

use darkroom_daemon::catalog::problem;
use darkroom_protocol::message::worker::Ready;
use darkroom_protocol::paths::{Paths, check_socket_path};

use crate::say;

/// What is wrong with the folders, each with its remedy.
pub(super) fn folders(paths: &Paths) -> Vec<String> {
    let (pictures, staging, inputs, logs) = (paths.pictures(), paths.staging(), paths.inputs(), paths.job_logs());
    let folders = [
        &paths.data,
        &pictures,
        &staging,
        &inputs,
        &paths.state,
        &logs,
        &paths.run,
    ]
    .into_iter();
    let mut problems: Vec<String> = folders.filter_map(|folder| writable(folder).err()).collect();
    // What is wrong with a folder is wrong with those below it.
    problems.dedup();
    problems.extend(check_socket_path(&paths.socket()).err().map(|e| e.to_string()));
    match darkroom_daemon::settings::Settings::load(&paths.config_file()) {
        Ok(settings) => problems.extend(settings.models.iter().filter_map(|folder| problem(folder))),
        Err(error) => problems.push(error.to_string()),
    }
    problems
}

/// What is wrong with the worker that answered.
pub(super) fn ready(ready: &Ready) -> Vec<String> {
    let mut problems = Vec::new();
    let ours = env!("CARGO_PKG_VERSION");
    if ready.version != ours {
        problems.push(format!(
            "The worker is {}, this command is {ours}: install both together with `cargo xtask install`.",
            ready.version
        ));
    }
    if ready.devices.is_empty() {
        problems.push(
            "The worker sees no device: fetch a libtorch for this machine with `cargo xtask libtorch`.".to_owned(),
        );
    }
    if ready.threads < ready.cores {
        problems.push(format!(
            "libtorch computes on {} of {} cores, as if it were built without OpenMP: fetch another with `cargo xtask libtorch`.",
            ready.threads, ready.cores
        ));
    }
    problems
}

/// Nothing is made here: a folder that is not there yet is fine when it can be made.
fn writable(folder: &Path) -> Result<(), String> {
    let existing = folder.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    if !existing.is_dir() {
        return Err(format!("{} is no folder: move it away.", say::shown(existing)));
    }
    rustix::fs::access(existing, access).map_err(|e| {
        let shown = say::shown(existing);
        format!("Nothing can be written in {shown} ({e}): change its rights, or set DARKROOM_HOME.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_to_be_is_fine_and_a_file_in_the_way_is_not() {
        let dir = tempfile::tempdir().unwrap();
        writable(&dir.path().join("a/b/c")).unwrap();
        assert!(!dir.path().join("a").exists());
        std::fs::write(dir.path().join("f"), "").unwrap();
        let problem = writable(&dir.path().join("f/b")).unwrap_err();
        assert!(problem.ends_with("f is no folder: move it away."), "{problem}");
    }

    #[test]
    fn wrong_settings_and_long_sockets_are_problems() {
        let dir = tempfile::tempdir().unwrap();
        let mut paths = Paths::under(dir.path());
        assert_eq!(folders(&paths), Vec::<String>::new());
        std::fs::create_dir_all(&paths.config).unwrap();
        std::fs::write(paths.config_file(), "nonsense = 1\n").unwrap();
        paths.run = dir.path().join("x".repeat(120));
        assert_eq!(folders(&paths).len(), 2);
    }

    #[test]
    fn folders_of_models_that_are_not_there_are_problems() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path());
        std::fs::create_dir_all(&paths.config).unwrap();
        let (there, gone) = (dir.path().join("there"), dir.path().join("gone"));
        std::fs::create_dir(&there).unwrap();
        std::fs::write(paths.config_file(), format!("models = [{there:?}, {gone:?}]\n")).unwrap();
        let problems = folders(&paths);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("gone does not exist"), "{problems:?}");
    }
}
