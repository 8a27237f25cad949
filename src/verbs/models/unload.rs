use clap::ArgMatches;
use darkroom_protocol::paths::Paths;

use super::named;
use crate::{Result, block_on, say, start};

/// Removes a model from memory.
pub fn run(matches: &ArgMatches) -> Result<()> {
    let model = named(matches)?;
    let device = matches.get_one::<String>("device").cloned().unwrap_or_default();
    block_on(async {
        let names = start::existing(&Paths::from_env()?)
            .await?
            .unload(&model, &device)
            .await?;
        told(matches, &names, "leaves memory", "No model is in memory.")
    })
}

/// Pins a model no longer.
pub fn unpin(matches: &ArgMatches) -> Result<()> {
    let model = named(matches)?;
    block_on(async {
        let names = start::existing(&Paths::from_env()?).await?.unpin(&model).await?;
        told(matches, &names, "is pinned no longer", "No model is pinned.")
    })
}

fn told(matches: &ArgMatches, names: &[String], what: &str, nothing: &str) -> Result<()> {
    if matches.get_flag("json") {
        return say::json(&names);
    }
    if names.is_empty() {
        say::note(nothing);
    }
    names.iter().for_each(|name| say::note(&format!("{name} {what}.")));
    Ok(())
}
