//! What a service manager hands over, and what it is told. Without one, nothing here does anything.

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::NotifyState;

use crate::dispatch::Board;
use crate::{Error, Result};

/// How often it is told what the daemon does.
const TELL: Duration = Duration::from_secs(1);
/// Messages that wait for a manager that does not read.
const BACKLOG: usize = 16;
/// The variable that says where it reads.
const SOCKET: &str = "NOTIFY_SOCKET";

/// The socket that the manager listens on for us (`LISTEN_FDS`, `LISTEN_PID`).
///
/// # Errors
/// When it handed over something else: another kind of socket, or several.
pub fn socket() -> Result<Option<UnixListener>> {
    let mut given = ListenFd::from_env();
    let refused = |e: std::io::Error| Error::io("take over", Path::new("the service manager's socket"), e);
    if given.len() > 1 {
        let why = format!(
            "{} sockets were handed over: darkroom.socket is to have one ListenStream",
            given.len()
        );
        return Err(refused(std::io::Error::other(why)));
    }
    if given.len() == 0 {
        return Ok(None);
    }
    given.take_unix_listener(0).map_err(refused)
}

/// The daemon listens.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The daemon ends.
pub fn stopping() {
    tell(&[
        NotifyState::Stopping,
        NotifyState::Status("ending: running jobs return to the queue"),
    ]);
}

/// The settings are read again.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// Tells what the daemon does as it changes, and that it lives as often as the manager asks (`WATCHDOG_USEC`). The sign of life
/// comes from the runtime that serves requests: when that hangs, so does the daemon. Never returns.
pub async fn keep_told(board: impl Fn() -> Board) {
    if std::env::var_os(SOCKET).is_none() {
        std::future::pending::<()>().await;
    }
    let watched = sd_notify::watchdog_enabled();
    let pause = watched
        .map_or(TELL, |every| TELL.min(every / 2))
        .max(Duration::from_millis(10));
    let mut beat = tokio::time::interval(pause);
    let mut told = String::new();
    loop {
        beat.tick().await;
        if watched.is_some() {
            tell(&[NotifyState::Watchdog]);
        }
        let status = in_words(&board());
        if status != told {
            tell(&[NotifyState::Status(&status)]);
            told = status;
        }
    }
}

fn in_words(board: &Board) -> String {
    match (board.running.len(), board.line.queued) {
        (0, 0) => "idle".to_owned(),
        (running, queued) => format!("{running} running, {queued} waiting"),
    }
}

/// Says it from a thread of its own: a manager that does not read keeps nobody waiting, least of all whoever ends the daemon.
fn tell(state: &[NotifyState]) {
    static SPEAKER: OnceLock<Option<SyncSender<String>>> = OnceLock::new();
    if std::env::var_os(SOCKET).is_none() {
        return;
    }
    let lines: Vec<String> = state.iter().map(ToString::to_string).collect();
    if let Some(speaker) = SPEAKER.get_or_init(speaker) {
        // One that does not fit is dropped: signs of life come again, and nobody reads those that wait.
        let _ = speaker.try_send(lines.join("\n"));
    }
}

/// The way to that thread; `None` where the system gives none.
fn speaker() -> Option<SyncSender<String>> {
    let (sender, messages) = sync_channel::<String>(BACKLOG);
    let speak = move || {
        for message in messages {
            // The manager may have gone; the daemon serves clients all the same.
            if let Err(error) = sd_notify::notify(&[NotifyState::Custom(&message)]) {
                tracing::debug!("the service manager cannot be told: {error}");
            }
        }
    };
    let thread = std::thread::Builder::new().name("notify".to_owned()).spawn(speak);
    thread.ok().map(|_| sender)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0, 0, "idle")]
    #[case(1, 3, "1 running, 3 waiting")]
    #[case(0, 2, "0 running, 2 waiting")]
    fn the_work_in_words(#[case] running: usize, #[case] queued: u64, #[case] words: &str) {
        let running = (0..running).map(|_| darkroom_protocol::JobId::new()).collect();
        let board = Board {
            running,
            line: darkroom_protocol::event::LineStatus {
                queued,
                ..Default::default()
            },
            ..Board::default()
        };
        assert_eq!(in_words(&board), words);
    }
}
