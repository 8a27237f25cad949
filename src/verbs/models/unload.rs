use clap::ArgMatches;
use darkroom_protocol::message::client::Status;
use darkroom_protocol::paths::Paths;

use super::named;
use crate::{Result, block_on, say, start};

/// Removes a model from memory.
pub fn run(matches: &ArgMatches) -> Result<()> {
    let model = named(matches)?;
    let device = matches.get_one::<String>("device").cloned().unwrap_or_default();
    block_on(async {
        let mut client = start::existing(&Paths::from_env()?).await?;
        let names = client.unload(&model, &device).await?;
        let busy = busy(&client.status().await?);
        let what = |name: &str| match busy.iter().any(|busy| busy == name) {
            true => "leaves memory once the job that uses it has ended",
            false => "leaves memory",
        };
        told(matches, &names, what, "No model is in memory.")
    })
}

/// Pins a model no longer.
pub fn unpin(matches: &ArgMatches) -> Result<()> {
    let model = named(matches)?;
    block_on(async {
        let names = start::existing(&Paths::from_env()?).await?.unpin(&model).await?;
        told(matches, &names, |_| "is pinned no longer", "No model is pinned.")
    })
}

/// The models that jobs use, as the daemon names them: with their places where that tells them apart.
fn busy(status: &Status) -> Vec<String> {
    let all = status.workers.iter().flat_map(|worker| &worker.resident.models);
    let busy = all.filter(|model| model.busy);
    busy.flat_map(|model| [model.name.clone(), format!("{} ({})", model.name, model.source.place())])
        .collect()
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
