use std::path::{Path, PathBuf};

use darkroom_protocol::client::Client;
use darkroom_protocol::{Event, EventKind, Picture};
use darkroom_tui::graphics::{self, Found, Options};

use super::{Origin, Report, Target, fetch, report, save};
use crate::progress::Display;
use crate::{Error, Result, say};

/// Brings a job's pictures where they were asked for and says so.
pub struct Delivery {
    /// Where they go.
    pub target: Target,
    /// What standard output gets.
    pub report: Report,
    /// The terminal's protocol, when pictures are shown.
    pub show: Option<Found>,
}

impl Delivery {
    /// Pictures stay in the gallery.
    pub fn gallery(report: Report) -> Self {
        Self {
            target: Target::Gallery,
            report,
            show: None,
        }
    }

    /// Finds out before any work is done whether the target can be written.
    ///
    /// # Errors
    /// [`Error::Failed`] with the reason.
    pub fn check(&self) -> Result<()> {
        match &self.target {
            Target::Files(pattern) => save::check(pattern),
            Target::Gallery | Target::Stdout => Ok(()),
        }
    }

    /// Brings one picture.
    ///
    /// # Errors
    /// When it cannot be had or written; it stays in the gallery, and the message says where.
    pub async fn deliver(
        &self,
        client: &mut Client,
        event: &Event,
        picture: &Picture,
        origin: &Origin,
        display: &mut Display,
    ) -> Result<()> {
        let path = match &self.target {
            Target::Gallery => PathBuf::from(&picture.path),
            Target::Stdout => {
                let bytes = fetch(client, picture).await?;
                display.clear();
                return say::bytes(&bytes).map_err(|e| match e {
                    Error::Failed(why) => Error::Failed(format!("{why} {}", gallery(picture))),
                    other => other,
                });
            }
            Target::Files(pattern) => {
                let path = pattern.path(picture);
                let bytes = fetch(client, picture).await?;
                save::write(&path, &bytes, pattern.is_replacing()).map_err(|e| kept(&path, picture, &e))?;
                path
            }
        };
        display.aside(|| {
            self.report.picture(picture, &path, origin)?;
            self.report.event(&relocated(event, picture, &path))
        })?;
        match &self.show {
            Some(found) => {
                let shown = self.picture(client, picture, &path).await?;
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

    async fn picture(&self, client: &mut Client, picture: &Picture, path: &Path) -> Result<image::DynamicImage> {
        let bytes = fetch(client, picture).await?;
        Ok(graphics::decode(path, &bytes)?)
    }
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
