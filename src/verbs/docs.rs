//! `darkroom docs`: docs/parameters.md, docs/config.md, docs/history.md and docs/keys.md, printed from the tables that the code itself uses. `cargo xtask docs`
//! writes them to the tree (`xtask/src/docs.rs`), and a test here fails when they are stale. The other pages of docs/ are written
//! by hand.

use std::fmt::Write as _;

use clap::{Arg, ArgMatches, Command};
use darkroom_daemon::settings::KEYS;
use darkroom_protocol::history::{FORMS, KEYS as KEYS_OF_SEARCH, TIMES};
use darkroom_protocol::params::{Category, Parameter};
use darkroom_tui::app::reference;

use crate::{Result, say};

/// `darkroom docs PAGE`: prints a page that the code knows best. For `cargo xtask docs`; hidden from help.
pub fn command() -> Command {
    Command::new("docs").about("Print a generated page.").hide(true).arg(
        Arg::new("page")
            .required(true)
            .value_parser(["parameters", "config", "history", "keys"]),
    )
}

/// Prints the page.
pub fn run(matches: &ArgMatches) -> Result<()> {
    let page = match matches.get_one::<String>("page").map(String::as_str) {
        Some("config") => config(),
        Some("history") => history(),
        Some("keys") => reference::keys(),
        _ => parameters(),
    };
    say::bytes(page.as_bytes())
}

/// Every key of config.toml and of tui.toml, from the tables beside what reads them.
fn config() -> String {
    let mut page = String::from(
        "# Settings\n\nMade from the daemon's own list by `cargo xtask docs`. Settings are in `~/.config/darkroom/config.toml`, or in \
         `config/config.toml` of the folder that `DARKROOM_HOME` names; `darkroom doctor` says where. A missing file is no settings. \
         A change counts from the next request on. While a file is wrong, every verb says where and why, and a daemon that runs goes on \
         with the settings from before.\n\n| key | takes | when absent | |\n|---|---|---|---|\n",
    );
    for key in KEYS {
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} |",
            key.name, key.takes, key.default, key.help
        );
    }
    page.push_str("\n```toml\n");
    for key in KEYS {
        let _ = writeln!(page, "{}", key.example);
    }
    page.push_str("```\n");
    page.push_str(&reference::settings());
    page
}

/// What a search of history may say, from the tables beside what reads it.
fn history() -> String {
    let mut page = String::from(
        "# History\n\nMade from the search's own tables by `cargo xtask docs`. Every picture that was made or imported is in history, for \
         good: `darkroom history` lists them, `darkroom history search …` those that a search finds, JSON-RPC's `history` both. All parts of \
         a search must hold.\n\n| part | |\n|---|---|\n",
    );
    let keys = KEYS_OF_SEARCH.iter().map(|key| (key.example, key.help));
    for (example, help) in FORMS.iter().copied().chain(keys) {
        let _ = writeln!(page, "| `{example}` | {help} |");
    }
    page.push_str("\n| time | |\n|---|---|\n");
    for (example, meaning) in TIMES {
        let _ = writeln!(page, "| `{example}` | {meaning} |");
    }
    page.push_str(
        "\nUpper and lower case are the same, and so are compatible forms of letters. A word is found anywhere, also within another word, \
         in any script. What is in the trash is left out where `is:trashed` does not ask for it.\n\n\
         A picture is named by its number (`17` or `#17`), by its job (`JOB` where it has one picture, else `JOB/0`, `JOB/1`, …; `@last`), \
         or by its file's SHA-256.\n\n| verb | |\n|---|---|\n",
    );
    for verb in super::history::command().get_subcommands() {
        let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(page, "| `history {}` | {about} |", verb.get_name());
    }
    page
}

/// Every request parameter by category, from the table that makes the flags.
fn parameters() -> String {
    let mut page = String::from(
        "# Parameters\n\nMade from the parameter table by `cargo xtask docs`. A row is a flag of `darkroom generate` and a field of \
         the JSON request; the metadata key is the one in a picture's `parameters` text.\n",
    );
    for category in Category::ALL {
        let _ = write!(
            page,
            "\n## {}\n\n| flag | JSON field | takes | when absent | metadata | |\n|---|---|---|---|---|---|\n",
            category.label()
        );
        for row in category.rows() {
            let _ = writeln!(page, "{}", line(row));
        }
    }
    page
}

fn line(row: &Parameter) -> String {
    let fields = [row.name].into_iter().chain(row.aliases.iter().copied());
    let fields: Vec<String> = fields.map(|name| format!("`{name}`")).collect();
    let metadata = match row.metadata {
        "" => String::new(),
        key => format!("`{key}`"),
    };
    let cells = [
        flag(row),
        fields.join(" "),
        row.expects(),
        row.default_words().to_owned(),
        metadata,
        [row.help, row.long].join(" ").trim_end().to_owned(),
    ];
    format!("| {} |", cells.join(" | "))
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
    fn the_pages_in_the_tree_are_current() {
        for (name, page) in [
            ("parameters", parameters()),
            ("config", config()),
            ("history", history()),
            ("keys", reference::keys()),
        ] {
            let path = format!("{}/docs/{name}.md", env!("CARGO_MANIFEST_DIR"));
            let found = std::fs::read_to_string(path).unwrap_or_default();
            assert_eq!(found, page, "docs/{name}.md is stale: run `cargo xtask docs`");
        }
    }
}
