//! `darkroom stdio`: standard input and output as a way to this machine's daemon, for a `darkroom -H` elsewhere that comes over ssh. It
//! starts the daemon where none runs, and then carries bytes that it does not read.

use clap::{Arg, ArgAction, ArgMatches, Command};
use darkroom_client::NO_DAEMON;
use darkroom_protocol::paths::Paths;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, copy, split, stdin, stdout};
use tokio::net::UnixStream;

use crate::{Error, Result, block_on, start};

pub fn command() -> Command {
    Command::new("stdio")
        .about("Lead to the daemon over standard input and output: what `darkroom -H` runs on the other machine")
        .hide(true)
        .arg(
            Arg::new("look")
                .long("look")
                .action(ArgAction::SetTrue)
                .help("Start no daemon: exit with 3 where none runs"),
        )
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    block_on(async {
        // This machine's, whatever DARKROOM_HOST says.
        let paths = Paths::from_env()?;
        let client = match matches.get_flag("look") {
            false => start::ensure(&paths).await?,
            true => match start::find(&paths).await? {
                Some(client) => client,
                None => return Err(Error::Said(NO_DAEMON as u8)),
            },
        };
        let socket = client.socket();
        let stream = UnixStream::connect(&socket).await.map_err(|e| {
            Error::Unreachable(format!(
                "The daemon's socket {} cannot be opened: {e}.",
                socket.display()
            ))
        })?;
        drop(client);
        carry(stream, stdin(), stdout()).await
    })
}

/// Until either end has gone. What the daemon said last is passed on.
async fn carry(
    stream: UnixStream,
    mut input: impl AsyncRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
) -> Result<()> {
    let (mut from_daemon, mut to_daemon) = split(stream);
    let outward = async {
        let copied = copy(&mut input, &mut to_daemon).await;
        // Who asked has gone, or asks nothing more.
        let _ = to_daemon.shutdown().await;
        copied
    };
    let homeward = async {
        let copied = copy(&mut from_daemon, &mut output).await;
        let _ = output.flush().await;
        copied
    };
    tokio::select! {
        // A daemon that ends hangs up, with or without a word.
        _ = homeward => {}
        _ = async { let _ = outward.await; std::future::pending::<()>().await } => {}
    }
    Ok(())
}
