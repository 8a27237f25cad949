use std::fmt::Write as _;

use clap::{Arg, ArgMatches, Command};
use darkroom_protocol::params::{Parameter, TABLE};

use crate::{Result, say};

/// `darkroom docs PAGE`: prints a page that the code knows best. For `cargo xtask docs`; hidden from help.
pub fn command() -> Command {
    Command::new("docs")
        .about("Print a generated page.")
        .hide(true)
        .arg(Arg::new("page").required(true).value_parser(["parameters"]))
}

/// Prints the page.
pub fn run(_: &ArgMatches) -> Result<()> {
    say::bytes(parameters().as_bytes())
}

/// Every request parameter, from the table that makes the flags.
fn parameters() -> String {
    let mut page = String::from(
        "# Parameters\n\nMade from the parameter table by `cargo xtask docs`. A row is a flag of `darkroom generate` and a field of \
         the JSON request; the metadata key is the one in a picture's `parameters` text.\n\n\
         | flag | JSON field | takes | when absent | metadata | |\n|---|---|---|---|---|---|\n",
    );
    for row in TABLE {
        let fields: Vec<String> = [row.name]
            .iter()
            .chain(row.aliases)
            .map(|name| format!("`{name}`"))
            .collect();
        let metadata = if row.metadata.is_empty() {
            String::new()
        } else {
            format!("`{}`", row.metadata)
        };
        let line = [
            flag(row),
            fields.join(" "),
            row.expects(),
            row.default.to_owned(),
            metadata,
            row.help.to_owned(),
        ];
        let _ = writeln!(page, "| {} |", line.join(" | "));
    }
    page
}

fn flag(row: &Parameter) -> String {
    match row.short {
        _ if row.name == "prompt" => "`PROMPT`".to_owned(),
        Some(short) => format!("`-{short}` `--{}`", row.flag),
        None => format!("`--{}`", row.flag),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_in_the_tree_is_current() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/parameters.md")).unwrap();
        assert_eq!(
            page,
            parameters(),
            "docs/parameters.md is stale: run `cargo xtask docs`"
        );
    }
}
