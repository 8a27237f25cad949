//! A job's pictures, brought where they were asked for, or told of where the daemon has brought them.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use darkroom_client::{Client, fetch, place_here};
use darkroom_daemon::deliver::{Facts, Wish, check, place};
use darkroom_protocol::{self as protocol, Event, EventKind, Picture};
use darkroom_tui::graphics::{self, Found, Options};

use super::{Files, Origin, Report, Target, report, special};
use crate::progress::Display;
use crate::{Error, Result, host, say};

/// Brings a job's pictures where they were asked for and says so.
pub struct Delivery {
    /// Where they go.
    pub target: Target,
    /// How many there will be.
    pub batch: u32,
    /// What standard output gets.
    pub report: Report,
    /// The terminal's protocol, when pictures are shown.
    pub show: Option<Found>,
}

impl Delivery {
    /// Finds out before any work is done whether the target can be written.
    ///
    /// # Errors
    /// [`Error::Failed`] with the reason.
    pub fn check(&self) -> Result<()> {
        match &self.target {
            Target::Files(files) => {
                check(&files.pattern, self.batch, files.force).map_err(|trouble| Error::Failed(format!("{trouble}.")))
            }
            Target::Special(path) => special::check(path),
            Target::Gallery | Target::Stdout => Ok(()),
        }
    }

    /// What the daemon is asked to bring; `None` where that is left to this command.
    pub fn output(&self) -> Option<protocol::Output> {
        // Another machine's daemon cannot write here.
        if host::chosen().is_some() {
            return None;
        }
        match &self.target {
            Target::Files(files) => files.output(),
            _ => None,
        }
    }

    /// Whether writing may take for ever, as into a pipe that nobody reads.
    pub fn may_block(&self) -> bool {
        matches!(self.target, Target::Special(_))
    }

    /// Brings one picture.
    ///
    /// # Errors
    /// When it cannot be had or written; it stays in the gallery, and the message says where.
    pub async fn deliver(
        &self,
        client: &Client,
        event: &Event,
        facts: &Facts<'_>,
        origin: &Origin,
        display: &mut Display,
    ) -> Result<()> {
        let picture = facts.picture;
        let path = match &self.target {
            Target::Gallery => match client.cache() {
                None => PathBuf::from(&picture.path),
                Some(cache) => {
                    fetch(client, picture).await?;
                    place_here(cache, picture)
                }
            },
            Target::Stdout => {
                let bytes = fetch(client, picture).await?;
                display.clear();
                return say::bytes(&bytes).map_err(|e| match e {
                    Error::Failed(why) => Error::Failed(format!("{why} {}", gallery(picture))),
                    other => other,
                });
            }
            Target::Special(path) => {
                let bytes = fetch(client, picture).await?;
                special::write(path, bytes).await.map_err(|e| kept(path, picture, &e))?;
                path.clone()
            }
            Target::Files(files) => {
                let bytes = fetch(client, picture).await?;
                self.write(files, facts, &bytes, display)?
            }
        };
        self.tell(client, event, picture, &path, origin, display).await
    }

    /// Says where the daemon has brought a picture.
    ///
    /// # Errors
    /// When it could not: the picture is in the gallery, and the message says where.
    pub async fn delivered(
        &self,
        client: &Client,
        event: &Event,
        picture: &Picture,
        delivery: &protocol::Delivery,
        origin: &Origin,
        display: &mut Display,
    ) -> Result<()> {
        if let Some(problem) = &delivery.problem {
            return Err(Error::Failed(format!("{problem}. {}", gallery(picture))));
        }
        let spelled = |path: &str| match &self.target {
            Target::Files(files) => files.spelled(path),
            _ => PathBuf::from(path),
        };
        let path = spelled(&delivery.path);
        if let Some(taken) = &delivery.taken {
            display.notice(&numbered(&spelled(taken), &path));
        }
        self.tell(client, event, picture, &path, origin, display).await
    }

    fn write(&self, files: &Files, facts: &Facts<'_>, bytes: &[u8], display: &mut Display) -> Result<PathBuf> {
        let wish = Wish {
            force: files.force,
            umask: files.umask,
            part: &protocol::id::fresh().simple().to_string(),
            same: None,
        };
        let name = files.pattern.name(facts, self.batch);
        let placed = place(&name, &wish, |file| file.write_all(bytes))
            .map_err(|trouble| Error::Failed(format!("{trouble}. {}", gallery(facts.picture))))?;
        if let Some(taken) = &placed.taken {
            display.notice(&numbered(taken, &placed.path));
        }
        Ok(placed.path)
    }

    /// A picture is at `path`: says so, and shows it.
    async fn tell(
        &self,
        client: &Client,
        event: &Event,
        picture: &Picture,
        path: &Path,
        origin: &Origin,
        display: &mut Display,
    ) -> Result<()> {
        display.aside(|| {
            self.report.picture(picture, path, origin)?;
            self.report.event(&relocated(event, picture, path))
        })?;
        match &self.show {
            Some(found) => {
                let bytes = fetch(client, picture).await?;
                let shown = graphics::decode(path, &bytes)?;
                let options = Options {
                    found: Some(found.clone()),
                    ..Options::default()
                };
                display.aside(|| graphics::print_inline(&shown, &options))?;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// Told where a file had the name already.
fn numbered(taken: &Path, path: &Path) -> String {
    let (taken, path) = (say::shown(taken), say::shown(path));
    format!("{taken} is there already: the picture is {path} (--force would replace it).")
}

/// The event of a picture that is now elsewhere.
fn relocated(event: &Event, picture: &Picture, path: &Path) -> Event {
    let picture = Picture {
        path: report::absolute(path),
        ..picture.clone()
    };
    Event {
        kind: EventKind::Picture(picture),
        ..event.clone()
    }
}

fn kept(path: &Path, picture: &Picture, error: &std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        return Error::BrokenPipe;
    }
    Error::Failed(format!(
        "{} could not be written: {}. {}",
        say::shown(path),
        say::reason(error),
        gallery(picture)
    ))
}

fn gallery(picture: &Picture) -> String {
    format!("The picture is kept as {}.", say::shown(Path::new(&picture.path)))
}
