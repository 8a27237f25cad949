//! `wait --any`: which of several jobs ends first. A daemon that is lost meanwhile is followed by another.

use std::collections::HashSet;

use darkroom_client::{Client, Following, Told, WhenGone};
use darkroom_protocol::message::client::Subscribe;
use darkroom_protocol::paths::Paths;
use darkroom_protocol::{EventKind, EventName, JobId, Subject};

use super::Interrupts;
use crate::{Error, Result, start};

/// The first of these jobs that has ended or ends; `None` when there are none.
///
/// # Errors
/// When one names no job, [`Error::Left`] when the person left.
pub async fn first(paths: &Paths, jobs: &[String]) -> Result<Option<String>> {
    let mut interrupts = Interrupts::new()?;
    if jobs.is_empty() {
        return Ok(None);
    }
    let client = start::kept_before(paths).await?;
    if !client.is_daemon()
        && let (Some(job), _) = over(&client, jobs).await?
    {
        return Ok(Some(job.to_string()));
    }
    tokio::select! {
        ended = ended(paths, jobs) => Ok(Some(ended?.to_string())),
        () = interrupts.next() => Err(Error::Left("The jobs go on: `darkroom wait --any` watches them again.".to_owned())),
    }
}

async fn ended(paths: &Paths, jobs: &[String]) -> Result<JobId> {
    let subscribe = Subscribe {
        kinds: vec![EventName::State],
        ..Subscribe::default()
    };
    let client = start::ensure(paths).await?;
    let mut following = Following::begin(paths, client, subscribe, WhenGone::Start).await?;
    let mut wanted: HashSet<JobId> = HashSet::new();
    let mut ask = true;
    loop {
        if ask {
            match over(following.client(), jobs).await {
                Ok((Some(job), _)) => return Ok(job),
                Ok((None, all)) => (wanted, ask) = (all, false),
                // The loss is told below.
                Err(e) if e.is_lost() => {}
                Err(e) => return Err(e),
            }
        }
        match following.next().await? {
            // What was asked when it was lost is asked again.
            Told::Again { missed, .. } => ask |= missed,
            Told::Event(event) => match (event.kind, event.of) {
                (EventKind::State(change), Subject::Job(job)) if change.state.is_final() && wanted.contains(&job) => {
                    return Ok(job);
                }
                _ => {}
            },
        }
    }
}

/// The one of these jobs that ended first, where any has; all of them.
async fn over(client: &Client, jobs: &[String]) -> Result<(Option<JobId>, HashSet<JobId>)> {
    let (mut over, mut all) = (Vec::new(), HashSet::new());
    for job in jobs {
        let job = client.job(job).await?;
        all.insert(job.id);
        if job.state.is_final() {
            over.push((job.finished_ms, job.id));
        }
    }
    Ok((over.into_iter().min().map(|(_, job)| job), all))
}
