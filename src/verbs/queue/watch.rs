//! `darkroom queue --watch`: the list again and again. On a terminal it is drawn in place; elsewhere a line is printed whenever
//! a job begins, gets on, changes its place or ends. Ctrl-C ends it.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::Duration;

use darkroom_client::{Client, Following, WhenGone};
use darkroom_protocol::message::client::Subscribe;
use darkroom_protocol::paths::Paths;
use darkroom_protocol::{EventName, Job, JobId};

use super::list::{Extent, jobs, notes, object, table};
use super::row::percent;
use crate::watch::Interrupts;
use crate::{Result, say, start};

/// The list is asked for no oftener than this.
const PAUSE: Duration = Duration::from_millis(200);
/// Without any event it is asked for this often: times go on.
const TICK: Duration = Duration::from_secs(1);

/// Shows the list until the person interrupts, or nobody reads it any more.
///
/// # Errors
/// [`crate::Error::Unreachable`] when no daemon runs, or it has gone and none has followed it.
pub async fn watch(paths: &Paths, extent: Extent, json: bool) -> Result<()> {
    let mut interrupts = Interrupts::new()?;
    let mut shown = Shown::new(json);
    tokio::select! {
        ended = follow(paths, extent, &mut shown) => ended,
        () = interrupts.next() => Ok(()),
    }
}

async fn follow(paths: &Paths, extent: Extent, shown: &mut Shown) -> Result<()> {
    let kinds = vec![
        EventName::State,
        EventName::Progress,
        EventName::Picture,
        EventName::Queue,
    ];
    let subscribe = Subscribe {
        kinds,
        ..Subscribe::default()
    };
    let client = start::existing(paths).await?;
    let mut following = Following::begin(paths, client, subscribe, WhenGone::Wait).await?;
    loop {
        match look(following.client(), extent).await {
            Ok((jobs, notes)) => shown.show(&jobs, &notes)?,
            // The loss is told below.
            Err(e) if e.is_lost() => {}
            Err(e) => return Err(e),
        }
        tokio::time::sleep(PAUSE).await;
        if let Ok(told) = tokio::time::timeout(TICK, following.next()).await {
            told?;
        }
    }
}

async fn look(client: &Client, extent: Extent) -> Result<(Vec<Job>, Vec<String>)> {
    let jobs = jobs(client, extent).await?;
    let notes = notes(&jobs, &client.status().await?);
    Ok((jobs, notes))
}

/// What was shown so far.
enum Shown {
    /// Drawn on a terminal, so many lines.
    Screen(usize),
    /// Printed, by job: what a new line would differ in.
    Lines { json: bool, last: HashMap<JobId, Key> },
}

/// What a line is printed for: state, pictures, place, tenths of the way.
type Key = (&'static str, usize, bool, i32, u32);

impl Shown {
    fn new(json: bool) -> Self {
        if std::io::stdout().is_terminal() && !json {
            Self::Screen(0)
        } else {
            let last = HashMap::new();
            Self::Lines { json, last }
        }
    }

    fn show(&mut self, jobs: &[Job], notes: &[String]) -> Result<()> {
        match self {
            Self::Screen(before) => {
                let mut lines = table(jobs);
                lines.extend(notes.iter().cloned());
                let (text, height) = redrawn(*before, &lines, height());
                *before = height;
                say::bytes(text.as_bytes())
            }
            Self::Lines { json, last } => {
                let rows = if *json { Vec::new() } else { table(jobs) };
                for (at, job) in jobs.iter().enumerate() {
                    let key = key(job);
                    if last.insert(job.id, key) == Some(key) {
                        continue;
                    }
                    match rows.get(at) {
                        Some(row) => say::data(row)?,
                        None => say::json(&object(job))?,
                    }
                }
                last.retain(|id, _| jobs.iter().any(|job| job.id == *id));
                Ok(())
            }
        }
    }
}

fn key(job: &Job) -> Key {
    let tenths = job.progress.as_ref().map_or(0, |progress| percent(job, progress) / 10);
    (job.state.name(), job.pictures.len(), job.held, job.priority, tenths)
}

/// The lines over those that were drawn before, as many as fit the screen; how many that are.
fn redrawn(before: usize, lines: &[String], height: usize) -> (String, usize) {
    // The cursor stands below the last line.
    let lines = &lines[..lines.len().min(height.saturating_sub(1))];
    // Lines too long for a screen that shrank are cut off by it, not wrapped: their number must hold.
    let mut text = String::from("\r\x1b[?7l");
    if before > 0 {
        text.extend(["\x1b[", &before.to_string(), "A"]);
    }
    for line in lines {
        text.push_str(line);
        text.push_str("\x1b[K\n");
    }
    text.push_str("\x1b[J\x1b[?7h");
    (text, lines.len())
}

/// Lines of the terminal on standard output.
fn height() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stdout());
    size.ok()
        .map(|size| usize::from(size.ws_row))
        .filter(|rows| *rows > 1)
        .unwrap_or(24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_drawn_over_the_one_before() {
        let lines = ["a".to_owned(), "b".to_owned()];
        assert_eq!(
            redrawn(0, &lines, 24),
            ("\r\x1b[?7la\x1b[K\nb\x1b[K\n\x1b[J\x1b[?7h".to_owned(), 2)
        );
        let (text, height) = redrawn(2, &lines[..1], 24);
        assert!(
            text.starts_with("\r\x1b[?7l\x1b[2Aa\x1b[K\n\x1b[J") && height == 1,
            "{text:?}"
        );
        assert_eq!(redrawn(0, &vec![String::new(); 100], 10).1, 9);
    }
}
