//! What effects do with this machine's files, on threads that may wait: files that are kept whole, what a folder holds, and the bytes of
//! files that a request names. Nothing here knows messages; `effects.rs` calls it.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use darkroom_client::{Client, Error, Wanted, fetch, name_of, upload, words};
use darkroom_protocol::GenerateRequest;
use darkroom_protocol::files;
use darkroom_protocol::message::client::Upload;
use darkroom_protocol::params::find;
use darkroom_protocol::text::escape_line;
use tokio::sync::Semaphore;

use super::given::{Given, choosable};

/// Entries of a folder that are looked at.
const ENTRIES: usize = 5000;

/// A file that is written whole or not at all, so that a client that dies leaves what was before; one at a time, and only the newest of the
/// texts that wait.
#[derive(Clone, Debug)]
pub struct Kept {
    path: PathBuf,
    turn: Arc<Semaphore>,
    newest: Arc<Mutex<Option<String>>>,
    /// Whether the last text could not be kept.
    has_failed: Arc<AtomicBool>,
}

/// What became of a text that was to be kept.
#[derive(Debug)]
pub enum Outcome {
    /// It is kept, or a newer one is.
    Kept,
    /// It is, and the one before was not.
    KeptAgain,
    /// It is not, and the one before was.
    Failed(std::io::Error),
    /// It is not either.
    FailedAgain,
}

impl Kept {
    /// The file at `path`.
    pub fn at(path: PathBuf) -> Self {
        Self {
            path,
            turn: Arc::new(Semaphore::new(1)),
            newest: Arc::default(),
            has_failed: Arc::default(),
        }
    }

    /// Keeps a text.
    pub async fn keep(&self, text: String) -> Outcome {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
        let Ok(_turn) = self.turn.acquire().await else {
            return Outcome::Kept;
        };
        let Some(text) = self.newest.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Outcome::Kept;
        };
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || write(&path, &text)).await;
        let error = written.unwrap_or(Ok(())).err();
        let has_failed = self.has_failed.swap(error.is_some(), Ordering::Relaxed);
        match error {
            None if has_failed => Outcome::KeptAgain,
            None => Outcome::Kept,
            Some(_) if has_failed => Outcome::FailedAgain,
            Some(error) => Outcome::Failed(error),
        }
    }
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(text.as_bytes())?;
    std::fs::rename(&beside, path)
}

fn here(path: &str) -> PathBuf {
    let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
    files::expand_home(path, home.as_deref())
}

/// What of a folder can be chosen; nothing of one that cannot be read.
pub async fn list(folder: String) -> Vec<String> {
    let listed = tokio::task::spawn_blocking(move || {
        let path = if folder.is_empty() {
            PathBuf::from(".")
        } else {
            here(&folder)
        };
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten().take(ENTRIES);
        // A link is what it leads to.
        let named = entries.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path().is_dir())));
        choosable(named.collect())
    });
    listed.await.unwrap_or_default()
}

/// The request with the files that were given for its parameters, which the daemon has then.
///
/// # Errors
/// With the flag and the path where one cannot be read, is no picture or is refused; when the daemon is gone.
pub async fn send(
    client: &Client,
    mut request: GenerateRequest,
    given: Vec<(String, Given)>,
) -> Result<GenerateRequest, Error> {
    for (name, given) in given {
        let flag = find(&name).map_or(name.as_str(), |row| row.flag);
        let wrong = |what: String| Error::Failed(format!("--{flag} {}: {what}", escape_line(given.shown())));
        let bytes = match &given {
            Given::Path(path) => read(here(path))
                .await
                .map_err(|e| wrong(format!("{}.", words::reason(&e))))?,
            Given::Picture { sha256, path, bytes } => {
                let wanted = Wanted {
                    path,
                    sha256,
                    bytes: *bytes,
                };
                fetch(client, wanted).await?
            }
        };
        if image::guess_format(&bytes).is_err() {
            return Err(wrong("it is no picture: give a PNG, JPEG or WebP.".to_owned()));
        }
        match upload(client, &bytes).await {
            Err(error) if !error.is_lost() => return Err(wrong(error.to_string())),
            sent => sent?,
        }
        request
            .set_text(&name, &name_of(&bytes))
            .map_err(|e| wrong(e.to_string()))?;
    }
    Ok(request)
}

async fn read(path: PathBuf) -> std::io::Result<Vec<u8>> {
    let read = tokio::task::spawn_blocking(move || files::read(&path, Upload::MAX_SIZE));
    read.await.map_err(std::io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_newest_text_is_kept_whole() {
        let dir = tempfile::tempdir().unwrap();
        let kept = Kept::at(dir.path().join("state/prompts.json"));
        let all = (0..20).map(|n| {
            let kept = kept.clone();
            async move { kept.keep(n.to_string()).await }
        });
        futures_util::future::join_all(all)
            .await
            .into_iter()
            .for_each(|kept| assert!(matches!(kept, Outcome::Kept)));
        assert_eq!(
            std::fs::read_to_string(dir.path().join("state/prompts.json")).unwrap(),
            "19"
        );
    }

    #[tokio::test]
    async fn what_cannot_be_kept_is_told_once_until_it_could() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("state");
        std::fs::write(&folder, "in the way").unwrap();
        let kept = Kept::at(folder.join("draft.json"));
        assert!(matches!(kept.keep("1".to_owned()).await, Outcome::Failed(_)));
        assert!(matches!(kept.keep("2".to_owned()).await, Outcome::FailedAgain));
        std::fs::remove_file(&folder).unwrap();
        assert!(matches!(kept.keep("3".to_owned()).await, Outcome::KeptAgain));
        assert!(matches!(kept.keep("3".to_owned()).await, Outcome::Kept));
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::write(&folder, "in the way").unwrap();
        assert!(matches!(kept.keep("4".to_owned()).await, Outcome::Failed(_)));
    }

    #[tokio::test]
    async fn a_folder_is_listed_and_one_that_is_none_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.png"), "").unwrap();
        std::fs::create_dir(dir.path().join("b")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("b"), dir.path().join("link")).unwrap();
        let folder = format!("{}/", dir.path().display());
        assert_eq!(list(folder.clone()).await, ["b/", "link/", "a.png"]);
        assert_eq!(list(folder + "none/").await, [] as [&str; 0]);
    }
}
