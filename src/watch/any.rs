//! `wait --any`: which of several jobs ends first.

use std::collections::HashSet;

use darkroom_protocol::client::Client;
use darkroom_protocol::message::client::Subscribe;
use darkroom_protocol::paths::Paths;
use darkroom_protocol::{EventKind, EventName, JobId, Subject};

use super::Interrupts;
use crate::{Error, Result, start};

/// The first of these jobs that has ended or ends; `None` when there are none. A daemon that is lost meanwhile is followed by
/// another.
///
/// # Errors
/// When one names no job, [`Error::Left`] when the person left.
pub async fn first(paths: &Paths, jobs: &[String]) -> Result<Option<String>> {
    let mut interrupts = Interrupts::new()?;
    if jobs.is_empty() {
        return Ok(None);
    }
    let mut client = start::kept_before(paths).await?;
    if !client.is_daemon()
        && let Some(job) = over(&mut client, jobs).await?
    {
        return Ok(Some(job.to_string()));
    }
    loop {
        let mut client = start::ensure(paths).await?;
        let ended = tokio::select! {
            ended = ended(&mut client, jobs) => ended,
            () = interrupts.next() => {
                return Err(Error::Left("The jobs go on: `darkroom wait --any` watches them again.".to_owned()));
            }
        };
        match ended {
            Err(e) if e.is_lost() => {}
            other => return other.map(|job| Some(job.to_string())),
        }
    }
}

async fn ended(client: &mut Client, jobs: &[String]) -> Result<JobId> {
    let subscribe = Subscribe {
        kinds: vec![EventName::State],
        ..Subscribe::default()
    };
    client.subscribe(subscribe).await?;
    if let Some(job) = over(client, jobs).await? {
        return Ok(job);
    }
    let mut left = HashSet::new();
    for job in jobs {
        left.insert(client.job(job).await?.id);
    }
    loop {
        let event = client.next_event().await?;
        match event.kind {
            EventKind::State(change) if change.state.is_final() => match event.of {
                Subject::Job(job) if left.contains(&job) => return Ok(job),
                _ => {}
            },
            _ => {}
        }
    }
}

/// The one of these jobs that ended first, where any has.
async fn over(client: &mut Client, jobs: &[String]) -> Result<Option<JobId>> {
    let mut over = Vec::new();
    for job in jobs {
        let job = client.job(job).await?;
        if job.state.is_final() {
            over.push((job.finished_ms, job.id));
        }
    }
    Ok(over.into_iter().min().map(|(_, job)| job))
}
