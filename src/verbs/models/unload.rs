//! `models unload` and `models unpin`: neither starts a daemon, and the first waits until the model has left memory. `mod.rs`
//! calls them. Which models a name means is decided in the daemon (`dispatch/named.rs`); loading is in `load.rs`.

use std::time::Duration;

use clap::ArgMatches;
use darkroom_client::Client;
use darkroom_protocol::message::client::Status;

use super::named;
use crate::{Result, block_on, say, start};

/// What is in memory is looked at so often.
const PAUSE: Duration = Duration::from_millis(200);

/// Removes a model from memory, and waits until it has left.
pub fn run(matches: &ArgMatches) -> Result<()> {
    let model = named(matches)?;
    let device = matches.get_one::<String>("device").cloned().unwrap_or_default();
    block_on(async {
        let client = start::existing(&crate::host::paths()?).await?;
        let names = client.unload(&model, &device).await?;
        let status = client.status().await?;
        let busy: Vec<&String> = names.iter().filter(|name| is_used(&status, name)).collect();
        if busy.is_empty() || matches.get_flag("no-wait") {
            let what = |name: &str| match busy.iter().any(|busy| *busy == name) {
                true => "leaves memory once the job that uses it has ended",
                false => "has left memory",
            };
            return told(matches, &names, what, "No model is in memory.");
        }
        for name in &busy {
            say::note(&format!(
                "{name} leaves memory once the job that uses it has ended. Waiting for that; --no-wait does not."
            ));
        }
        leave(&client, &busy, &status).await?;
        told(matches, &names, |_| "has left memory", "No model is in memory.")
    })
}

/// Waits until these models have left, or the jobs that used them have ended: another job may have brought one back since.
async fn leave(client: &Client, names: &[&String], before: &Status) -> Result<()> {
    loop {
        tokio::time::sleep(PAUSE).await;
        let now = client.status().await?;
        let here = names.iter().any(|name| is_here(&now, name));
        let runs = before.running.iter().any(|job| now.running.contains(job));
        if !here || !(runs || names.iter().any(|name| is_here(&now, name) && !is_used(&now, name))) {
            return Ok(());
        }
    }
}

/// Pins a model no longer.
pub fn unpin(matches: &ArgMatches) -> Result<()> {
    let model = named(matches)?;
    block_on(async {
        let names = start::existing(&crate::host::paths()?).await?.unpin(&model).await?;
        told(matches, &names, |_| "is pinned no longer", "No model is pinned.")
    })
}

fn is_here(status: &Status, name: &str) -> bool {
    let mut all = status.workers.iter().flat_map(|worker| &worker.resident.models);
    all.any(|model| model.is_called(name))
}

/// Whether a job uses that model.
fn is_used(status: &Status, name: &str) -> bool {
    let mut all = status.workers.iter().flat_map(|worker| &worker.resident.models);
    all.any(|model| model.busy && model.is_called(name))
}

fn told(matches: &ArgMatches, names: &[String], what: impl Fn(&str) -> &'static str, nothing: &str) -> Result<()> {
    if matches.get_flag("json") {
        return say::json(&names);
    }
    if names.is_empty() {
        say::note(nothing);
    }
    names
        .iter()
        .for_each(|name| say::note(&format!("{name} {}.", what(name))));
    Ok(())
}
