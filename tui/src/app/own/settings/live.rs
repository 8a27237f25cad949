//! The settings' file while the client is there: it is looked at once a second, which draws nothing, and read where it has changed. What
//! was read becomes a message; the loop starts this, and `own.rs` takes what it says.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;

use super::load;
use crate::app::msg::Msg;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// What shows that the file has changed: time in nanoseconds, length, inode; `None` while there is no file.
pub type Stamp = Option<(i128, u64, u64)>;

/// The file's stamp now. Taken before it is read, so that no change is missed.
pub fn stamp(path: &Path) -> Stamp {
    let meta = std::fs::metadata(path).ok()?;
    let changed = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
    Some((changed, meta.len(), meta.ino()))
}

/// Follows the file from that stamp on. Ends with the client.
pub async fn follow(path: PathBuf, mut known: Stamp, out: mpsc::Sender<Msg>) {
    loop {
        tokio::time::sleep(PAUSE).await;
        let (looked_at, before) = (path.clone(), known);
        let look = move || {
            let now = stamp(&looked_at);
            (now != before).then(|| (now, load(&looked_at)))
        };
        // A disk that does not answer keeps this task waiting, and nothing else.
        let Ok(Some((now, read))) = tokio::task::spawn_blocking(look).await else {
            continue;
        };
        known = now;
        if out.send(Msg::Settings(Box::new(read))).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::own::settings::Settings;

    #[tokio::test(start_paused = true)]
    async fn a_change_is_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tui.toml");
        let (out, mut inbox) = mpsc::channel(4);
        tokio::spawn(follow(path.clone(), stamp(&path), out));
        std::fs::write(&path, "mouse = false").unwrap();
        let Some(Msg::Settings(read)) = inbox.recv().await else {
            panic!("settings")
        };
        assert_eq!(read.map(|settings| settings.mouse), Ok(false));
        let quiet = tokio::time::timeout(Duration::from_secs(10), inbox.recv()).await;
        assert!(quiet.is_err(), "{quiet:?}");
        std::fs::write(&path, "mouse = 3").unwrap();
        let Some(Msg::Settings(read)) = inbox.recv().await else {
            panic!("a complaint")
        };
        assert!(read.unwrap_err().contains("tui.toml: line 1, column 9"));
        std::fs::remove_file(&path).unwrap();
        let Some(Msg::Settings(read)) = inbox.recv().await else {
            panic!("defaults")
        };
        assert_eq!(*read, Ok(Settings::default()));
    }
}
