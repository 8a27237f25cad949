//! `models ps`: the models in each worker's memory, how large they are, and why they are there. `mod.rs` calls it, and `status`
//! prints the same rows. The numbers are the worker's own account and come with the daemon's status; the words for why a model
//! stays are in the client crate (`words.rs`).

use std::collections::HashSet;
use std::fmt::Write as _;

use clap::ArgMatches;
use darkroom_client::words;
use darkroom_protocol::WorkerStatus;
use darkroom_protocol::text::escape_line;
use darkroom_protocol::{Residency, ResidentModel};
use serde::Serialize;

use crate::{Result, block_on, say, start};

/// A device and what is in its memory.
#[derive(Serialize)]
struct Place<'a> {
    device: &'a str,
    #[serde(flatten)]
    resident: &'a Residency,
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    block_on(async {
        let status = start::existing(&crate::host::paths()?).await?.status().await?;
        for worker in &status.workers {
            if matches.get_flag("json") {
                say::json(&Place {
                    device: &worker.device,
                    resident: &worker.resident,
                })?;
            } else {
                say::data(&head(worker))?;
                rows(&worker.resident)
                    .iter()
                    .try_for_each(|row| say::data(&format!("  {row}")))?;
            }
        }
        Ok(())
    })
}

fn head(worker: &WorkerStatus) -> String {
    let Residency { budget, used, .. } = worker.resident;
    let device = escape_line(&worker.device);
    format!("{device}: {} of {} in use", say::size(used), say::size(budget))
}

/// A line a model: its name (with its place where two have one name), format, size, why it is in memory, what it shares. Then
/// what makes the sizes add up to what is in use: parts that models share, and what is there beside models.
pub fn rows(residency: &Residency) -> Vec<String> {
    let named = |name: &str| residency.models.iter().filter(|m| m.name == name).count();
    let mut rows: Vec<String> = residency.models.iter().map(|m| row(m, named(&m.name) > 1)).collect();
    let sum: u64 = residency.models.iter().map(|m| m.bytes).sum();
    let twice = twice(residency);
    if twice > 0 {
        rows.push(format!("shared by models, so not twice: -{}", say::size(twice)));
    }
    let beside = residency.used.saturating_sub(sum.saturating_sub(twice));
    if beside > 0 {
        rows.push(format!(
            "beside models: {} (libtorch, and room for pictures in the making)",
            say::size(beside)
        ));
    }
    rows
}

/// Bytes of parts that several models share, for each model but the first: they are in memory once.
fn twice(residency: &Residency) -> u64 {
    let mut known = HashSet::new();
    let shared = residency
        .models
        .iter()
        .flat_map(|m| m.components.iter().filter(|c| c.shared));
    let again = shared.filter(|part| !known.insert((part.name.as_str(), part.bytes)));
    again.map(|part| part.bytes).sum()
}

fn row(model: &ResidentModel, ambiguous: bool) -> String {
    let shared: Vec<&str> = model
        .components
        .iter()
        .filter(|c| c.shared)
        .map(|c| c.name.as_str())
        .collect();
    let mut name = say::brief(&model.name, 60);
    if ambiguous {
        let _ = write!(name, " ({})", model.source.place());
    }
    let mut line = format!(
        "{name}  {}  {}  {}",
        model.dtype,
        say::size(model.bytes),
        words::why_resident(model)
    );
    if !shared.is_empty() {
        let _ = write!(line, ", shares {}", shared.join(" and "));
    }
    escape_line(&line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::{ModelSource, ResidentComponent};

    #[test]
    fn a_line_says_where_how_much_and_why() {
        let component = |name: &str, shared| ResidentComponent {
            name: name.into(),
            bytes: 1 << 20,
            shared,
        };
        let model = ResidentModel {
            name: "sd15".into(),
            source: ModelSource::Folder("/m/sd15".into()),
            dtype: "bf16".into(),
            components: vec![component("text_encoder", true), component("unet", false)],
            complete: false,
            bytes: 2 << 20,
            pinned: true,
            busy: false,
            used_s: 120,
            expires_s: None,
        };
        let residency = Residency {
            budget: 4 << 30,
            used: 3 << 30,
            models: vec![model.clone()],
        };
        insta::assert_snapshot!(rows(&residency).join("\n"), @"
        sd15  bf16  2.0 MiB  pinned, used 2 min ago, in part, shares text_encoder
        beside models: 3.0 GiB (libtorch, and room for pictures in the making)
        ");
        let mut twin = residency.clone();
        twin.models.push(model.clone());
        assert_eq!(twice(&twin), 1 << 20);
        assert!(rows(&twin)[2].contains("-1.0 MiB"), "{:?}", rows(&twin));
        let other = ResidentModel {
            source: ModelSource::Embedded("sd15".into()),
            components: vec![],
            ..model.clone()
        };
        let two = Residency {
            models: vec![model, other],
            ..residency
        };
        assert!(rows(&two)[0].starts_with("sd15 (/m/sd15)  bf16"), "{:?}", rows(&two));
        assert!(
            rows(&two)[1].starts_with("sd15 (in the worker)  bf16"),
            "{:?}",
            rows(&two)
        );
    }
}
