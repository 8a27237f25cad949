//! The client in plain lines, for screen readers, pipes and terminals that can do nothing: what is typed is read line by line, and what
//! happens is written as whole lines, never again and in no colour. `session.rs` has what is known and says what a line or a message
//! means; `command.rs` reads lines, `told.rs` what the daemon tells, `params.rs` has the parameters, `tell.rs` the moments worth
//! a line. Here is the loop alone.

mod command;
mod params;
mod session;
mod tell;
mod told;

use std::io::{BufRead as _, ErrorKind, Read as _, Write as _};
use std::time::Duration;

use darkroom_protocol::paths::Paths;
use darkroom_protocol::text::{decode, escape_line};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::app::effects::{Doer, Files, With};
use crate::app::link::{self, Previews};
use crate::app::msg::{Effect, Msg};
use crate::app::{Error, settings};
use crate::graphics::{Found, Protocol};
use session::{Said, Session};

/// The longest line that is read, in bytes.
const MOST: u64 = 1 << 20;
/// Messages and lines on their way; who sends more waits.
const WAITING: usize = 256;
/// Before it is left, the jobs are waited for so long where they are not known yet.
const PATIENCE: Duration = Duration::from_secs(5);

/// A line of input.
enum Line {
    Text(String),
    /// It is no text, or too long.
    Wrong(String),
}

/// Whether the settings ask for plain lines.
pub fn is_wanted(paths: &Paths) -> bool {
    settings::load(&settings::file(paths)).is_ok_and(|settings| settings.plain)
}

/// Runs the client in plain lines until `/quit` or the end of standard input.
///
/// # Errors
/// [`Error::Terminal`] when standard output cannot be written. That nobody reads it any more is an end, and no error.
pub async fn run(paths: &Paths) -> Result<(), Error> {
    match live(paths).await {
        Err(Error::Terminal(e)) if e.kind() == ErrorKind::BrokenPipe => Ok(()),
        ended => ended,
    }
}

async fn live(paths: &Paths) -> Result<(), Error> {
    let (outbox, mut inbox) = mpsc::channel(WAITING);
    let (now, client) = watch::channel(None);
    tokio::spawn(link::follow(
        paths.clone(),
        None,
        outbox.clone(),
        now,
        Previews::default(),
    ));
    let found = Found::new(Protocol::Off, "lines are plain");
    let files = Files {
        draft: paths.state.join("draft.json"),
        masks: paths.data.join("masks"),
        cache: None,
    };
    let doer = Doer::new(outbox, client, found, files);
    let mut lines = read_lines();
    let mut session = Session::default();
    // Changes are waited for before the client is left; what only looks is not.
    let mut changes: JoinSet<Option<Msg>> = JoinSet::new();
    let begun = Instant::now();
    let mut leave_by: Option<Instant> = None;
    print(&session.greet(settings::load(&settings::file(paths)).err()))?;
    loop {
        if let Some(by) = leave_by
            && changes.is_empty()
            && (session.is_settled() || Instant::now() >= by)
        {
            return print(&[session.farewell()]);
        }
        let said = tokio::select! {
            biased;
            Some(done) = changes.join_next() => match done.ok().flatten() {
                Some(msg) => session.take(msg, begun.elapsed()),
                None => Said::default(),
            },
            Some(msg) = inbox.recv() => session.take(msg, begun.elapsed()),
            line = lines.recv(), if leave_by.is_none() => match line {
                Some(Line::Text(text)) => session.line(&text),
                Some(Line::Wrong(why)) => Said::of(why),
                None => Said::leave(),
            },
            () = tokio::time::sleep_until(leave_by.unwrap_or(begun)), if leave_by.is_some() && changes.is_empty() => Said::default(),
        };
        print(&said.lines)?;
        for effect in said.effects {
            if matches!(effect, Effect::Submit(_) | Effect::Do(_)) {
                let doer = doer.clone();
                changes.spawn(async move { doer.answer(effect, With::default()).await });
            } else {
                doer.begin(effect, With::default());
            }
        }
        if said.leaves {
            leave_by.get_or_insert_with(|| Instant::now() + PATIENCE);
        }
    }
}

/// Lines as they come, each made harmless; a line is there as soon as it is known.
fn print(lines: &[String]) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    for line in lines {
        writeln!(out, "{}", escape_line(line))?;
    }
    out.flush()?;
    Ok(())
}

/// Standard input, line by line, read by a thread that nobody waits for: a read cannot be taken back.
fn read_lines() -> mpsc::Receiver<Line> {
    let (sender, receiver) = mpsc::channel(WAITING);
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        loop {
            let mut bytes = Vec::new();
            let read = input.by_ref().take(MOST + 1).read_until(b'\n', &mut bytes);
            if !matches!(read, Ok(1..)) {
                return;
            }
            let is_too_long = bytes.len() as u64 > MOST;
            if is_too_long && bytes.last() != Some(&b'\n') && input.skip_until(b'\n').is_err() {
                return;
            }
            let line = match decode(&bytes) {
                _ if is_too_long => Line::Wrong(format!("The line has more than {MOST} bytes: shorten it.")),
                Ok(text) => Line::Text(text),
                Err(why) => Line::Wrong(format!("The line is {why}.")),
            };
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
