//! Events that go on where a daemon was lost: what is asked for is durable, so another daemon goes on with it.
//!
//! [`again`] is the one rule of what may follow a daemon that went; [`Following`] is a stream of events over as many daemons as it
//! takes. Who needs more than events after a loss, such as to cancel what was being cancelled, uses [`again`] alone.

use std::time::Duration;

use darkroom_protocol::codec::preface::Hello;
use darkroom_protocol::message::client::Subscribe;
use darkroom_protocol::paths::Paths;
use darkroom_protocol::{Error as Wire, Event, Request};
use tokio::time::Instant;

use crate::elsewhere::{PERSISTENCE, persist};
use crate::{Client, Error, Result, is_lost, start};

/// A daemon that went may be followed by another one within this time, as after `darkroom daemon restart`.
const SUCCESSOR: Duration = Duration::from_secs(10);
/// It is looked for so often.
const PAUSE: Duration = Duration::from_millis(100);
/// A daemon may be lost so often without an event in between.
const TRIES: u32 = 3;

/// What is done where a daemon died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenGone {
    /// Another is started.
    Start,
    /// One is waited for, a moment.
    Wait,
}

impl WhenGone {
    /// A daemon that was told to end is not started again, for that was somebody's wish; another one may follow it all the same.
    #[must_use]
    pub fn after(self, why: &Wire) -> Self {
        match why {
            Wire::Bye(_) => Self::Wait,
            _ => self,
        }
    }
}

/// Another connection after the last one was lost; `None` when no daemon followed in time.
///
/// # Errors
/// When one runs and cannot be talked to, or cannot be started.
pub async fn again(paths: &Paths, when_gone: WhenGone) -> Result<Option<Client>> {
    again_until(paths, when_gone, Instant::now() + SUCCESSOR).await
}

async fn again_until(paths: &Paths, when_gone: WhenGone, end: Instant) -> Result<Option<Client>> {
    if paths.host.is_some() {
        return persist(end + PERSISTENCE, || Client::connect(paths))
            .await
            .map(Some)
            .map_err(Error::from);
    }
    if when_gone == WhenGone::Start {
        return start::ensure(paths).await.map(Some);
    }
    loop {
        match start::find(paths).await {
            Ok(Some(client)) => return Ok(Some(client)),
            Err(e) if !e.is_lost() => return Err(e),
            _ if Instant::now() >= end => return Ok(None),
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// What a [`Following`] tells.
#[derive(Debug)]
pub enum Told {
    /// Something has happened.
    Event(Event),
    /// The connection was lost, and there is another one.
    Again {
        /// Why it was lost.
        why: Wire,
        /// Whether events may be missing: how things stand is to be asked for anew. Where it was the same daemon, which remembers
        /// what it told lately, none are.
        missed: bool,
    },
}

/// A stream of events that goes on over lost connections.
#[derive(Debug)]
pub struct Following {
    paths: Paths,
    subscribe: Subscribe,
    when_gone: WhenGone,
    client: Client,
    /// Who told the events so far.
    daemon: Hello,
    /// The number of the newest event that was told.
    last: u64,
    /// While there is no connection: why, and since when.
    gone: Option<(Wire, Instant)>,
    lost: u32,
}

impl Following {
    /// Subscribes on `client`.
    ///
    /// # Errors
    /// When the daemon refuses, or is gone already.
    pub async fn begin(paths: &Paths, client: Client, subscribe: Subscribe, when_gone: WhenGone) -> Result<Self> {
        let (last, _) = client.subscribe(subscribe.clone()).await?;
        Ok(Self {
            paths: paths.clone(),
            subscribe,
            when_gone,
            daemon: client.daemon(),
            client,
            last,
            gone: None,
            lost: 0,
        })
    }

    /// The connection as it is now, for requests. One that fails because the daemon is lost is told by [`Self::next`] too.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What happens next. Dropping the future loses nothing, and a search for another daemon goes on where it was.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when no daemon follows one that went, or each is lost at once; any other error of the connection.
    pub async fn next(&mut self) -> Result<Told> {
        loop {
            if let Some(told) = self.next_or_loss().await? {
                return Ok(told);
            }
        }
    }

    /// As [`Self::next`], but `None` at once when the connection was lost, for who says so: whoever calls this again looks for another.
    ///
    /// # Errors
    /// As [`Self::next`] has them.
    pub async fn next_or_loss(&mut self) -> Result<Option<Told>> {
        if let Some((why, since)) = &self.gone {
            match self.resume(why, *since).await {
                Ok((client, seq, missed)) => return Ok(Some(self.resumed(client, seq, missed))),
                Err(Error::Wire(why)) if is_lost(&why) => self.on_lost(why)?,
                Err(e) => return Err(e),
            }
            return Ok(None);
        }
        match self.client.next_event().await {
            Ok(event) => {
                self.last = self.last.max(event.seq);
                self.lost = 0;
                return Ok(Some(Told::Event(event)));
            }
            Err(why) if is_lost(&why) => self.on_lost(why)?,
            Err(e) => return Err(e.into()),
        }
        Ok(None)
    }

    fn on_lost(&mut self, why: Wire) -> Result<()> {
        self.lost += 1;
        if self.lost > TRIES {
            return Err(Error::Unreachable(format!("The daemon was lost {TRIES} times: {why}")));
        }
        self.gone = Some((why, Instant::now()));
        Ok(())
    }

    /// Connects and subscribes again: the connection, the last event before, and whether some are missing.
    async fn resume(&self, why: &Wire, since: Instant) -> Result<(Client, u64, bool)> {
        let client = match self.paths.host {
            // It makes another link by itself.
            Some(_) => {
                self.client.call(Request::Ping {}).await?;
                self.client.clone()
            }
            None => again_until(&self.paths, self.when_gone.after(why), since + SUCCESSOR)
                .await?
                .ok_or_else(|| {
                    Error::Unreachable("The daemon has ended: `darkroom daemon start` starts it again.".to_owned())
                })?,
        };
        let same = client.daemon() == self.daemon;
        let from = same.then_some(self.last + 1);
        let subscribe = Subscribe {
            from,
            ..self.subscribe.clone()
        };
        let (seq, oldest) = client.subscribe(subscribe).await?;
        Ok((client, seq, from.is_none_or(|from| oldest > from)))
    }

    fn resumed(&mut self, client: Client, seq: u64, missed: bool) -> Told {
        if missed {
            self.last = seq;
        }
        self.daemon = client.daemon();
        self.client = client;
        let why = self
            .gone
            .take()
            .map_or_else(|| Wire::Closed(".".to_owned()), |(why, _)| why);
        Told::Again { why, missed }
    }
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
