//! When the hint is due that no model is configured: once a day and to people only. `generate` and `bench` ask; the words are the
//! daemon's.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use darkroom_protocol::paths::Paths;

/// The hint that no model is configured is given once in this time.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether the hint that the embedded model is used is due: a person reads both streams, and was not told within a day. Notes that
/// it is given now.
pub fn is_due(paths: &Paths) -> bool {
    std::io::stdout().is_terminal() && std::io::stderr().is_terminal() && !was_told(&paths.state.join("hint"))
}

/// Whether it was given within a day; notes that it is given now where it was not. What cannot be noted is given again.
fn was_told(stamp: &Path) -> bool {
    let modified = std::fs::metadata(stamp).and_then(|meta| meta.modified());
    // A time yet to come is that of a clock that was wrong.
    if modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age < DAY)) {
        return true;
    }
    if let Some(folder) = stamp.parent() {
        drop(darkroom_protocol::paths::private_folder(folder));
    }
    drop(std::fs::write(stamp, "The hint about the embedded model was given.\n"));
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn once_a_day_whatever_the_clock_did() {
        let dir = tempfile::tempdir().unwrap();
        let stamp = dir.path().join("state/hint");
        assert_eq!([(); 2].map(|()| was_told(&stamp)), [false, true]);
        let file = std::fs::File::options().write(true).open(&stamp).unwrap();
        for other in [SystemTime::now() - 2 * DAY, SystemTime::now() + 2 * DAY] {
            file.set_modified(other).unwrap();
            assert_eq!([(); 2].map(|()| was_told(&stamp)), [false, true]);
        }
    }
}
