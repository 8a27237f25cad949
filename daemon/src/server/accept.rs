//! Who is let in: peers of this user, as many as there are places. Each is served in a task of its own (`connection`).

use std::sync::Arc;
use std::time::Duration;

use interprocess::local_socket::tokio::Stream;
use interprocess::local_socket::tokio::prelude::*;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{Context, Socket, connection};

/// Connections beyond the cap that are told of it at one time; further ones are closed without a word.
const TURNED_AWAY: usize = 32;
/// After the system would give no connection, so long is waited.
const BREATHER: Duration = Duration::from_millis(100);

/// Lets peers in until the daemon stops, then waits until all have been told. The socket's file is made again when somebody
/// took it away.
pub async fn accept(mut socket: Socket, context: Arc<Context>) {
    let places = Arc::new(Semaphore::new(context.limits.connections));
    let turned_away = Arc::new(Semaphore::new(TURNED_AWAY));
    let mut peers = JoinSet::new();
    let every = context.limits.socket_check;
    let mut gone = std::pin::pin!(socket.taken_away(every));
    loop {
        tokio::select! {
            () = context.stop.cancelled() => break,
            Some(_) = peers.join_next() => {}
            () = &mut gone => {
                socket.mend();
                gone.set(socket.taken_away(every));
            }
            accepted = socket.accept() => match accepted {
                Ok(stream) if is_ours(&stream) => {
                    let place = places.clone().try_acquire_owned();
                    let crowded = place.is_err();
                    if let Ok(place) = place.or_else(|_| turned_away.clone().try_acquire_owned()) {
                        let context = context.clone();
                        peers.spawn(async move {
                            connection::serve(stream, context, crowded).await;
                            drop(place);
                        });
                    }
                }
                Ok(_) => tracing::warn!("another user's connection was closed"),
                Err(error) => {
                    tracing::warn!("a connection could not be accepted: {error}");
                    sleep(BREATHER).await;
                }
            },
        }
    }
    drop(socket);
    while peers.join_next().await.is_some() {}
}

/// Whether the other end runs as this user.
fn is_ours(stream: &Stream) -> bool {
    let user = stream.peer_creds().ok().and_then(|creds| creds.euid());
    user == Some(rustix::process::geteuid().as_raw())
}
