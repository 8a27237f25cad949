//! The daemon's service, its logs and its disk, and complaints where room is short or the service starts another program.
//! `mod.rs` calls `look` once; `report.rs` prints what it found. Whether folders can be written is in `checks.rs`.

use std::path::{Path, PathBuf};

use darkroom_protocol::paths::Paths;

use crate::{say, verbs};

/// Less than this is soon too little for pictures and the job store.
const LOW: u64 = 1 << 30;
/// Fewer files than this are soon too few: each picture, job log and copy is one.
const FEW: u64 = 1000;
/// More of them than this is worth a look.
const LONG_LOGS: u64 = 1 << 30;

/// Where the daemon lives: its service, its logs, its disk.
#[derive(Default)]
pub(super) struct Place {
    /// The service's files; empty when there are none.
    pub service: Vec<PathBuf>,
    /// Bytes of all logs.
    pub logs: u64,
    /// Files that can still be made there, and in all; `None` where the file system does not count them.
    pub inodes: Option<(u64, u64)>,
    /// Bytes free for jobs and pictures, and bytes in all; `None` when the system does not tell.
    pub disk: Option<(u64, u64)>,
}

/// Looks, and adds what is wrong to `problems`.
pub(super) fn look(paths: &Paths, problems: &mut Vec<String>) -> Place {
    let place = Place {
        service: verbs::daemon::installed(),
        logs: bytes_under(&paths.state),
        disk: disk(&paths.data),
        inodes: inodes(&paths.data),
    };
    problems.extend(complaints(&place, paths));
    problems.extend(place.service.iter().filter_map(|unit| stale(unit)));
    place
}

impl Place {
    /// The service in words.
    pub fn service_words(&self) -> String {
        match self.service.last() {
            Some(unit) => format!("installed: {}", unit.display()),
            None => "not installed; `darkroom daemon install` starts the daemon with its first client".to_owned(),
        }
    }
}

fn complaints(place: &Place, paths: &Paths) -> Vec<String> {
    let mut all = Vec::new();
    if let Some((free, _)) = place.disk.filter(|(free, _)| *free < LOW) {
        all.push(format!(
            "Only {} are free for {}: make room, or set DARKROOM_HOME to another disk.",
            say::size(free),
            say::shown(&paths.data)
        ));
    }
    if let Some((free, _)) = place.inodes.filter(|(free, _)| *free < FEW) {
        all.push(format!(
            "Only {free} more files can be made on the disk of {} (its inodes are used up): remove some, or set DARKROOM_HOME to \
             another disk.",
            say::shown(&paths.data)
        ));
    }
    if place.logs > LONG_LOGS {
        all.push(format!(
            "The logs in {} have {}: remove old ones.",
            say::shown(&paths.state),
            say::size(place.logs)
        ));
    }
    all
}

/// A service file that starts another program than this one.
fn stale(unit: &Path) -> Option<String> {
    let text = darkroom_protocol::files::read_text(unit, 1 << 20).ok()?;
    let exec = text.lines().find(|line| line.starts_with("ExecStart="))?;
    let ours = std::env::current_exe().ok()?;
    let ours = ours.to_str()?;
    (!exec.contains(ours)).then(|| {
        format!(
            "{} starts another program ({}): run `darkroom daemon install` again if this one is meant.",
            say::shown(unit),
            say::brief(exec, 120)
        )
    })
}

fn inodes(folder: &Path) -> Option<(u64, u64)> {
    let found = file_system(folder)?;
    // File systems that make them as they need them say that they have none at all.
    (found.f_files > 0).then_some((found.f_favail, found.f_files))
}

fn file_system(folder: &Path) -> Option<rustix::fs::StatVfs> {
    let existing = folder.ancestors().find(|path| path.exists())?;
    rustix::fs::statvfs(existing).ok()
}

fn disk(folder: &Path) -> Option<(u64, u64)> {
    let found = file_system(folder)?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Some((bytes(found.f_bavail), bytes(found.f_blocks)))
}

fn bytes_under(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => bytes_under(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    entries.map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_room_and_long_logs_are_problems() {
        let paths = Paths::under("/h".as_ref());
        let mut place = Place {
            disk: Some((LOW, 10 * LOW)),
            ..Place::default()
        };
        assert_eq!(complaints(&place, &paths), Vec::<String>::new());
        place.disk = Some((3 << 20, 10 * LOW));
        place.logs = LONG_LOGS + 1;
        place.inodes = Some((3, 100_000));
        let said = complaints(&place, &paths).join(" ");
        assert!(
            said.contains("Only 3.0 MiB are free for /h/data")
                && said.contains("Only 3 more files")
                && said.contains("1.0 GiB"),
            "{said}"
        );
    }

    #[test]
    fn a_service_of_another_program_is_a_problem() {
        let dir = tempfile::tempdir().unwrap();
        let unit = dir.path().join("darkroom.service");
        std::fs::write(&unit, "[Service]\nExecStart=\"/old/darkroom\" daemon run\n").unwrap();
        assert!(stale(&unit).unwrap().contains("/old/darkroom"));
        let ours = std::env::current_exe().unwrap();
        std::fs::write(&unit, format!("ExecStart=\"{}\" daemon run\n", ours.display())).unwrap();
        assert_eq!(stale(&unit), None);
        assert_eq!(stale(&dir.path().join("none")), None);
    }

    #[test]
    fn bytes_and_room_are_found() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("jobs")).unwrap();
        std::fs::write(dir.path().join("jobs/a.log"), "four").unwrap();
        assert_eq!(bytes_under(dir.path()), 4);
        assert!(disk(&dir.path().join("to/be")).unwrap().1 > 0);
    }
}
