//! The way to a daemon on another machine: a program such as ssh runs `darkroom stdio` there, and its standard input and output carry
//! the same wire as a socket. A link that is cut is made again, and what was asked on it and can be asked twice is asked again.
//!
//! `connection.rs` has one of these in place of a socket. Which machine is meant, and by which command it is reached, is in the
//! protocol's `Host`; who follows events hears of every cut, for `follow.rs` goes on with them.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use darkroom_protocol::host::Host;
use darkroom_protocol::text::escape_line;
use darkroom_protocol::{Error, Reply, Request, Result};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, Join, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, sleep, timeout};

use super::REPLY;
use super::cache::Cache;
use super::connection::{Line, body};
use super::dial::{greet, within};
use super::error::is_lost;

/// What the `darkroom` there is to do: lead to its daemon, which is started where none runs.
pub(super) const START: &[&str] = &["stdio"];
/// The same, without starting one.
pub(super) const LOOK: &[&str] = &["stdio", "--look"];
/// It ends so where no daemon runs.
pub const NO_DAEMON: i32 = 3;

/// A machine answers within this time, its daemon started where need be.
const PATIENCE: Duration = Duration::from_secs(45);
/// And within this where a person may have to type a password.
const PATIENCE_WITH_PERSON: Duration = Duration::from_secs(180);
/// A link that was cut is tried again for so long.
pub(super) const PERSISTENCE: Duration = Duration::from_secs(60);
/// With so long between the first two tries, and twice as long each time up to the second of these.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(3));
/// What the program says of a failure is waited for so long.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// And no more of it is kept than this.
const MOST_WORDS: usize = 4096;

/// A machine elsewhere, and the link to it as it is now.
#[derive(Debug)]
pub(super) struct Elsewhere {
    pub host: Host,
    pub cache: Cache,
    arguments: &'static [&'static str],
    line: Mutex<Arc<Line>>,
    /// The link on which events were asked for last: who waits for them must hear that it was cut, though another is there by then.
    followed: Mutex<Option<Arc<Line>>>,
    /// The right to make another link.
    dialling: tokio::sync::Mutex<()>,
}

impl Elsewhere {
    /// Makes the first link; what it needs to know of the person is asked for where it may ask.
    ///
    /// # Errors
    /// [`Error::Elsewhere`].
    pub(super) async fn reach(host: &Host, cache: &Path, arguments: &'static [&'static str]) -> Result<Self> {
        let line = Arc::new(dial(host, arguments).await?);
        Ok(Self {
            host: host.clone(),
            cache: Cache::of(cache, host),
            arguments,
            line: Mutex::new(line),
            followed: Mutex::default(),
            dialling: tokio::sync::Mutex::default(),
        })
    }

    /// The link as it is now.
    pub(super) fn line(&self) -> Arc<Line> {
        held(&self.line).clone()
    }

    /// The link on which events come.
    pub(super) fn followed(&self) -> Arc<Line> {
        held(&self.followed).clone().unwrap_or_else(|| self.line())
    }

    /// Asks, over as many links as it takes.
    ///
    /// # Errors
    /// What the daemon says; why the link was lost, where the request may have been done and must not be done twice, or where no other
    /// link could be made in time.
    pub(super) async fn exchange(&self, number: &(dyn Fn() -> u64 + Sync), request: &Request) -> Result<Reply> {
        let end = Instant::now() + PERSISTENCE;
        loop {
            let mut line = self.line();
            if line.shared.is_over() {
                // Nothing was asked on it yet.
                self.again(&line, end).await?;
                line = self.line();
            }
            let id = number();
            let body = body(id, request.clone())?;
            match within(REPLY, "after a request", line.exchange(id, body)).await {
                Err(why) if is_lost(&why) => {
                    line.shared.give_up();
                    if !may_repeat(request) || Instant::now() >= end {
                        return Err(why);
                    }
                }
                answer => {
                    if answer.is_ok() && asks_for_events(request) {
                        *held(&self.followed) = Some(line);
                    }
                    return answer;
                }
            }
        }
    }

    /// Another link in place of `lost`, unless somebody has made one meanwhile.
    async fn again(&self, lost: &Arc<Line>, end: Instant) -> Result<()> {
        let _turn = self.dialling.lock().await;
        if !Arc::ptr_eq(lost, &self.line()) {
            return Ok(());
        }
        let line = persist(end, || dial(&self.host, self.arguments)).await?;
        *held(&self.line) = Arc::new(line);
        Ok(())
    }
}

/// Tries until it works, something is wrong that does not pass, or `end`.
pub(super) async fn persist<T, F: Future<Output = Result<T>>>(end: Instant, attempt: impl Fn() -> F) -> Result<T> {
    let mut pause = PAUSE.0;
    loop {
        match attempt().await {
            Err(Error::Elsewhere { is_passing: true, .. }) if Instant::now() + pause < end => sleep(pause).await,
            other => return other,
        }
        pause = (2 * pause).min(PAUSE.1);
    }
}

fn held<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever held it only moved values: they are whole.
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether it is the same done twice as once. A job is: it is submitted under an id of its own. Pieces of
/// files are smaller the next time (`pieces.rs`).
fn may_repeat(request: &Request) -> bool {
    !matches!(
        request,
        Request::Retry { .. } | Request::Shutdown {} | Request::Download(_) | Request::Upload(_)
    )
}

fn asks_for_events(request: &Request) -> bool {
    match request {
        Request::Subscribe(_) => true,
        Request::Submit(submit) => submit.watch,
        Request::Load(_) => true,
        _ => false,
    }
}

/// The program that leads there, and what it carries.
struct Link {
    carried: Join<ChildStdout, ChildStdin>,
    /// Ends with the link.
    child: Child,
}

impl AsyncRead for Link {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.carried).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Link {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.carried).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.carried).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.carried).poll_shutdown(cx)
    }
}

/// Why there is no link.
enum Failed {
    /// What goes on with it is said.
    Said(Error),
    /// The program ended so, with these words.
    Ended(Option<ExitStatus>, String),
}

/// Makes a link. Nobody is asked anything where that can be done without; a program in a group of its own hears nothing of Ctrl-C, which
/// is for the command that started it.
async fn dial(host: &Host, arguments: &[&str]) -> Result<Line> {
    let quiet = Host {
        may_ask: false,
        ..host.clone()
    };
    let first = attempt(&quiet, arguments).await;
    let asking = match &first {
        Err(Failed::Ended(Some(status), _)) => host.may_ask && host.is_ssh() && status.code() == Some(255),
        _ => false,
    };
    let found = match asking {
        true => attempt(host, arguments).await,
        false => first,
    };
    found.map_err(|failed| match failed {
        Failed::Said(error) => error,
        Failed::Ended(status, words) => in_words(host, status, &words),
    })
}

async fn attempt(host: &Host, arguments: &[&str]) -> std::result::Result<Line, Failed> {
    let elsewhere = |why: String, is_passing| {
        Failed::Said(Error::Elsewhere {
            host: escape_line(&host.name).into_owned(),
            why,
            is_passing,
        })
    };
    let words = host.command(arguments);
    let (program, rest) = words
        .split_first()
        .map_or(("ssh", &[][..]), |(p, rest)| (p.as_str(), rest));
    let mut command = Command::new(program);
    command
        .args(rest)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if !host.may_ask {
        command.process_group(0);
    }
    let mut child = command
        .spawn()
        .map_err(|e| elsewhere(format!("`{}` cannot be run: {e}.", escape_line(program)), false))?;
    let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(elsewhere("the system gives no pipes.".to_owned(), false));
    };
    let said = tokio::spawn(last_words(stderr));
    let mut link = Link {
        carried: tokio::io::join(stdout, stdin),
        child,
    };
    let patience = if host.may_ask { PATIENCE_WITH_PERSON } else { PATIENCE };
    match within(patience, "connecting", greet(&mut link, None, ".")).await {
        Ok(daemon) => Ok(Line::of(link, daemon)),
        Err(Error::Closed(_) | Error::Io { .. }) => {
            let status = timeout(LAST_WORDS, link.child.wait()).await.ok().and_then(io::Result::ok);
            drop(link);
            let words = timeout(LAST_WORDS, said).await.ok().and_then(std::result::Result::ok);
            Err(Failed::Ended(status, words.unwrap_or_default()))
        }
        Err(Error::Timeout { seconds, .. }) => Err(elsewhere(format!("no answer within {seconds} s."), true)),
        Err(Error::Version {
            theirs,
            theirs_build,
            ours,
            ours_build,
            ..
        }) => Err(elsewhere(
            format!(
                "darkroom there is {theirs_build} (protocol {theirs}), here it is {ours_build} (protocol {ours}): install the same \
                 version on both, and `darkroom daemon restart` there."
            ),
            false,
        )),
        // What came first is no greeting: a shell that says something at login.
        Err(Error::Malformed(_)) => Err(elsewhere(
            "something there writes to standard output before `darkroom stdio` does, such as a word in ~/.bashrc: let it be silent \
             where no terminal is."
                .to_owned(),
            false,
        )),
        Err(other) => Err(Failed::Said(other)),
    }
}

/// What the program says of its end, in words for the person.
fn in_words(host: &Host, status: Option<ExitStatus>, words: &str) -> Error {
    let code = status.and_then(|status| status.code());
    let last = words
        .lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty())
        .unwrap_or_default();
    let last = escape_line(last.strip_prefix("darkroom: ").unwrap_or(last)).into_owned();
    let is_missing = code == Some(127) || last.contains("command not found") || last.ends_with("darkroom: not found");
    if code == Some(NO_DAEMON) && last.is_empty() {
        return Error::Unreachable {
            socket: host.name.clone().into(),
            why: "none runs there".to_owned(),
        };
    }
    let (why, is_passing) = match code {
        _ if is_missing => (
            "there is no `darkroom` there: install it with `cargo xtask install`, or say under `[hosts]` in config.toml where it is."
                .to_owned(),
            false,
        ),
        _ if last.is_empty() => {
            let how = status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            (format!("the link ended before the daemon there answered ({how})."), true)
        }
        // ssh's own words: the machine is away, or does not let anybody in.
        _ => (last.clone(), !is_refusal(&last)),
    };
    Error::Elsewhere {
        host: escape_line(&host.name).into_owned(),
        why,
        is_passing,
    }
}

/// Whether trying again cannot help: the person has to do something.
fn is_refusal(words: &str) -> bool {
    [
        "Permission denied",
        "Host key verification failed",
        "Could not resolve hostname",
        "unexpected argument",
        "unrecognized subcommand",
    ]
    .iter()
    .any(|refusal| words.contains(refusal))
}

/// The end of what the program says, read to its end so that it never waits.
async fn last_words(mut stderr: ChildStderr) -> String {
    let (mut kept, mut piece) = (Vec::new(), [0; 1024]);
    while let Ok(read) = stderr.read(&mut piece).await {
        if read == 0 {
            break;
        }
        kept.extend_from_slice(&piece[..read]);
        let surplus = kept.len().saturating_sub(MOST_WORDS);
        kept.drain(..surplus);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
#[path = "elsewhere_tests.rs"]
mod tests;
