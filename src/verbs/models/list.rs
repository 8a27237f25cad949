//! `darkroom models`, also as `models list`: every model that `-m` can name, a line each, or why it cannot be used. `mod.rs`
//! calls it. The list is made in `daemon/src/catalog/list.rs`, by a running daemon or in this process. What models take in memory
//! is `ps.rs`.

use clap::ArgMatches;
use darkroom_protocol::ModelSource;
use darkroom_protocol::message::client::FoundModel;
use darkroom_protocol::text::escape_line;

use crate::{Result, block_on, say, start};

pub fn run(matches: &ArgMatches) -> Result<()> {
    block_on(async {
        let models = start::kept(&crate::host::paths()?).await?.models().await?;
        if matches.get_flag("json") {
            return models.iter().try_for_each(say::json);
        }
        let width = models
            .iter()
            .map(|model| shown(model).chars().count())
            .max()
            .unwrap_or(0);
        models.iter().try_for_each(|model| say::data(&row(model, width)))?;
        if models.len() == 1 {
            say::note("Name the folder of your models in config.toml (models = [\"~/models\"]) to see them here.");
        }
        Ok(())
    })
}

fn shown(model: &FoundModel) -> String {
    say::brief(&model.name, 60)
}

fn row(model: &FoundModel, width: usize) -> String {
    let name = shown(model);
    if !model.problem.is_empty() {
        return format!("{name:<width$}  cannot be used: {}", escape_line(&model.problem));
    }
    let mut notes = Vec::new();
    if matches!(model.source, ModelSource::Embedded(_)) {
        notes.push("embedded".to_owned());
    }
    if model.default {
        notes.push("default".to_owned());
    }
    if !model.resident.is_empty() {
        notes.push(format!("in memory on {}", model.resident.join(", ")));
    }
    let line = format!(
        "{name:<width$}  {:>9}  {:<22}  {}",
        say::size(model.bytes),
        model.family,
        notes.join(", ")
    );
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows() {
        let mut model = FoundModel {
            name: "sd15\x1b[2J".into(),
            source: ModelSource::Folder("/m/sd15".into()),
            family: "Stable Diffusion 1.x".into(),
            bytes: 2 << 30,
            problem: String::new(),
            default: true,
            resident: vec!["cpu".into()],
        };
        insta::assert_snapshot!(row(&model, 20), @r"sd15\u{1b}[2J           2.0 GiB  Stable Diffusion 1.x    default, in memory on cpu");
        model.problem = format!(
            "/{}/unet/config.json: it is no JSON. Download it again.",
            "m".repeat(80)
        );
        let row = row(&model, 0);
        assert!(
            row.ends_with("no JSON. Download it again."),
            "what to do stands at the end: {row}"
        );
    }
}
