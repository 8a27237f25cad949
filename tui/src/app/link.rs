//! The way to the daemon: it is started where none runs, followed, and looked for again where it is lost, for as long as the client is
//! there. What it tells becomes messages; requests go over whatever connection there is now.

use std::time::Duration;

use darkroom_client::{Client, Following, Told, WhenGone, start};
use darkroom_protocol::message::client::Subscribe;
use darkroom_protocol::paths::Paths;
use tokio::sync::{mpsc, watch};

use super::msg::{Link, Msg};

/// A daemon that is away is looked for, and started, after this time, and after twice as long each time that it is not to be had.
const PAUSE: Duration = Duration::from_millis(500);
/// But no more seldom than this.
const LONGEST: Duration = Duration::from_secs(10);
/// What is said while another connection is made.
const LOST: &str = "The daemon is lost and looked for; what was handed over is kept.";
/// Previews that are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Previews {
    /// At most so many a second; 0 for none.
    pub fps: u32,
    /// Their longer side in pixels.
    pub px: u32,
}

/// Follows the daemon, at first on the connection that is there where one is. Never returns.
pub async fn follow(
    paths: Paths,
    mut first: Option<Client>,
    out: mpsc::Sender<Msg>,
    now: watch::Sender<Option<Client>>,
    previews: Previews,
) {
    let mut pause = PAUSE;
    loop {
        let why = match once(&paths, first.take(), &out, &now, previews).await {
            Ok(()) => return,
            Err(why) => why,
        };
        // One that was there is looked for soon.
        if now.send_replace(None).is_some() {
            pause = PAUSE;
        }
        if out.send(Msg::Link(Link::Away(why))).await.is_err() {
            return;
        }
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(LONGEST);
    }
}

/// Follows it until it is lost: why. `Ok` when nobody listens any more.
async fn once(
    paths: &Paths,
    first: Option<Client>,
    out: &mpsc::Sender<Msg>,
    now: &watch::Sender<Option<Client>>,
    previews: Previews,
) -> Result<(), String> {
    let words = |error: darkroom_client::Error| error.to_string();
    let client = match first {
        Some(client) => client,
        None => start::ensure(paths).await.map_err(words)?,
    };
    let subscribe = Subscribe {
        max_fps: previews.fps,
        // A link has less room than a socket.
        max_px: match paths.host {
            Some(_) => previews.px / 2,
            None => previews.px,
        },
        paced: true,
        ..Subscribe::default()
    };
    let mut following = Following::begin(paths, client, subscribe, WhenGone::Start)
        .await
        .map_err(words)?;
    loop {
        let client = following.client().clone();
        let status = client.status().await.map_err(|e| e.to_string())?;
        now.send_replace(Some(client));
        if out.send(Msg::Link(Link::There(Box::new(status)))).await.is_err() {
            return Ok(());
        }
        // After another connection how things stand is asked for anew, whether or not something was missed.
        loop {
            let msg = match following.next_or_loss().await.map_err(words)? {
                Some(Told::Event(event)) => Link::Event(event),
                Some(Told::Again { .. }) => break,
                None => {
                    // Nothing is asked of it until there is another.
                    now.send_replace(None);
                    Link::Away(LOST.to_owned())
                }
            };
            if out.send(Msg::Link(msg)).await.is_err() {
                return Ok(());
            }
        }
    }
}
