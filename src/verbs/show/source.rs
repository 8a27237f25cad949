//! What the person named: a file, standard input, or a job of the daemon's. Reads no more than it must.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, IsTerminal, Read, Seek};
use std::path::PathBuf;

use darkroom_client::fetch;
use darkroom_protocol::{Job, JobName};
use darkroom_tui::graphics;
use image::DynamicImage;

use crate::local::{expand_home, home};
use crate::{Error, Result, block_on, say, start};

/// The longest picture that is taken from standard input, in bytes.
const MOST: u64 = 256 << 20;

/// A picture to show.
pub(super) struct Shown {
    /// Its file, or a name for people.
    pub path: PathBuf,
    /// Its content where that is no file here.
    content: Option<Vec<u8>>,
    /// The job that made it, and its place there.
    pub of: Option<(String, u32)>,
}

/// A picture's bytes, from wherever.
pub(super) trait Input: BufRead + Seek {}
impl<T: BufRead + Seek> Input for T {}

impl Shown {
    /// The picture itself.
    ///
    /// # Errors
    /// [`Error::Graphics`] when it cannot be read or is none.
    pub fn decode(&self) -> Result<DynamicImage> {
        Ok(match &self.content {
            Some(bytes) => graphics::decode(&self.path, bytes)?,
            None => graphics::open(&self.path)?,
        })
    }

    /// Its bytes from the beginning; `None` when they cannot be read.
    pub fn open(&self) -> Option<Box<dyn Input + '_>> {
        match &self.content {
            Some(bytes) => Some(Box::new(Cursor::new(bytes.as_slice()))),
            None => Some(Box::new(BufReader::new(File::open(&self.path).ok()?))),
        }
    }

    /// How many bytes it has.
    pub fn bytes(&self) -> u64 {
        match &self.content {
            Some(bytes) => bytes.len() as u64,
            None => std::fs::metadata(&self.path).map_or(0, |meta| meta.len()),
        }
    }

    /// Its path for programs; `None` where it has none.
    pub fn absolute(&self) -> Option<String> {
        let has_file = self.content.is_none() || self.of.is_some();
        has_file.then(|| crate::output::absolute(&self.path))
    }
}

/// The pictures that `name` means.
///
/// # Errors
/// When there is none, in words that say what was looked for.
pub(super) fn find(name: &str) -> Result<Vec<Shown>> {
    if name == "-" {
        return Ok(vec![standard_input()?]);
    }
    let path = expand_home(name, home().as_deref());
    // A file counts before a job of that name, which has a longer one too; a mistyped file's name starts no daemon.
    if path.exists() || JobName::parse(name).is_none() {
        return Ok(vec![Shown {
            path,
            content: None,
            of: None,
        }]);
    }
    block_on(of_job(name))
}

fn standard_input() -> Result<Shown> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        let what = "- reads a picture from standard input, which is a terminal: redirect it, or name a file.";
        return Err(Error::Usage(what.to_owned()));
    }
    let mut bytes = Vec::new();
    let read = stdin.lock().take(MOST + 1).read_to_end(&mut bytes);
    read.map_err(|e| Error::Failed(format!("Standard input cannot be read: {}.", say::reason(&e))))?;
    if bytes.len() as u64 > MOST {
        return Err(Error::Failed(format!(
            "The picture on standard input is larger than {}.",
            say::size(MOST)
        )));
    }
    Ok(Shown {
        path: PathBuf::from("standard input"),
        content: Some(bytes),
        of: None,
    })
}

async fn of_job(name: &str) -> Result<Vec<Shown>> {
    let paths = crate::host::paths()?;
    let client = start::kept(&paths).await?;
    let job = client.job(name).await.map_err(|e| {
        let error = Error::from(e);
        if error.is_lost() || name.starts_with('@') {
            return error;
        }
        Error::Usage(format!("There is no file {name} here, and no such job: {error}"))
    })?;
    if job.pictures.is_empty() {
        return Err(none_yet(&job));
    }
    let mut found = Vec::new();
    for picture in &job.pictures {
        found.push(Shown {
            path: PathBuf::from(&picture.path),
            content: Some(fetch(&client, picture).await?),
            of: Some((job.id.to_string(), picture.index)),
        });
    }
    Ok(found)
}

fn none_yet(job: &Job) -> Error {
    let (short, state) = (job.id.short(), job.state.name());
    let why = match &job.failure {
        Some(failure) => format!(": {}", failure.message),
        None if job.state.is_final() => ".".to_owned(),
        None => format!(": `darkroom wait {short}` waits for it."),
    };
    Error::Failed(format!("Job {short} has no picture, it is {state}{why}"))
}
