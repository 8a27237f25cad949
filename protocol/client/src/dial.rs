//! From a path to an open connection: connect, check whose it is, exchange Hellos. What is said on it afterwards is
//! [`super::line`]'s.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use darkroom_protocol::codec::preface::{HEAD, Head, Hello};
use darkroom_protocol::data_folder::DataFolder;
use darkroom_protocol::paths::check_socket_path;
use darkroom_protocol::{Error, Result};
use interprocess::local_socket::tokio::Stream;
use interprocess::local_socket::tokio::prelude::*;
use interprocess::local_socket::{GenericFilePath, ToFsName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::CONNECT;

/// Opens the socket, says whose daemon is looked for, and agrees on the version.
///
/// # Errors
/// [`Error::Unreachable`] when nobody listens there, [`Error::Timeout`] when somebody does and is silent,
/// [`Error::Version`] when it speaks another version.
pub(super) async fn dial(socket: &Path, data: Option<DataFolder>) -> Result<(Stream, Hello)> {
    check_socket_path(socket)?;
    let opened = async {
        let mut stream = connect(socket).await?;
        check_owner(&stream, socket)?;
        match greet(&mut stream, data, LOCAL).await {
            Ok(hello) => Ok((stream, hello)),
            Err(error) => Err(known(error, &stream)),
        }
    };
    within(CONNECT, "connecting", opened).await
}

/// `future`, or [`Error::Timeout`] after `limit`.
pub(super) async fn within<T>(limit: Duration, doing: &str, future: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(limit, future).await {
        Ok(result) => result,
        Err(_) => Err(Error::Timeout {
            doing: doing.to_owned(),
            seconds: limit.as_secs(),
        }),
    }
}

async fn connect(socket: &Path) -> Result<Stream> {
    let unreachable = |why: String| Error::Unreachable {
        socket: socket.to_path_buf(),
        why,
    };
    loop {
        let name = socket.to_fs_name::<GenericFilePath>().map_err(|e| failed(socket, e))?;
        match Stream::connect(name).await {
            Ok(stream) => return Ok(stream),
            // The listener's backlog is full for a moment.
            Err(e) if e.kind() == ErrorKind::WouldBlock => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(e) if e.kind() == ErrorKind::NotFound => return Err(unreachable("there is no socket".to_owned())),
            Err(e) if e.kind() == ErrorKind::NotADirectory => {
                return Err(unreachable("a file is where its folder is to be".to_owned()));
            }
            Err(e) if e.kind() == ErrorKind::ConnectionRefused => {
                return Err(unreachable("nobody listens".to_owned()));
            }
            Err(e) => return Err(failed(socket, e)),
        }
    }
}

fn failed(socket: &Path, source: io::Error) -> Error {
    Error::Io {
        doing: format!("Connecting to {}", socket.display()),
        source,
    }
}

/// A prompt is told to nobody but this user's own daemon: `/tmp/darkroom-UID` can be squatted.
fn check_owner(stream: &Stream, socket: &Path) -> Result<()> {
    let ours = rustix::process::geteuid().as_raw();
    let theirs = stream.peer_creds().map_err(|e| failed(socket, e))?.euid();
    match theirs {
        Some(uid) if uid != ours => Err(Error::Unreachable {
            socket: socket.to_path_buf(),
            why: format!("it belongs to user {uid}, not to you; set XDG_RUNTIME_DIR or DARKROOM_HOME"),
        }),
        _ => Ok(()),
    }
}

/// A pid that the other end gives counts only when the system says the same: it may be of another namespace.
fn known(error: Error, stream: &Stream) -> Error {
    let seen = stream.peer_creds().ok().and_then(|creds| creds.pid());
    match error {
        Error::Version {
            theirs,
            theirs_build,
            pid,
            ours,
            ours_build,
        } => Error::Version {
            theirs,
            theirs_build,
            pid: seen
                .and_then(|seen| u32::try_from(seen).ok())
                .filter(|seen| *seen == pid)
                .unwrap_or(0),
            ours,
            ours_build,
        },
        other => other,
    }
}

/// What to do where a daemon of this machine says nothing.
const LOCAL: &str = ": see `darkroom daemon logs`.";

/// Says who asks and hears who answers; `remedy` goes on from "before it said who it is" where nobody does.
pub(super) async fn greet(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    data: Option<DataFolder>,
    remedy: &str,
) -> Result<Hello> {
    let lost = |e: io::Error| match e.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
            Error::Closed(format!(" before it said who it is{remedy}"))
        }
        _ => Error::Io {
            doing: "Greeting the daemon".to_owned(),
            source: e,
        },
    };
    let ours = Hello {
        data,
        ..Hello::of("client")
    };
    stream.write_all(&ours.encode()).await.map_err(lost)?;
    stream.flush().await.map_err(lost)?;
    let mut head = [0; HEAD];
    stream.read_exact(&mut head).await.map_err(lost)?;
    let head = Head::parse(&head)?;
    let mut body = vec![0; head.length];
    stream.read_exact(&mut body).await.map_err(lost)?;
    head.hello(&body)
}
