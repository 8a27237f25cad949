//! The client's own tables as pages for people: every command with its keys, and every setting. `darkroom docs` prints them. The words are
//! in the tables themselves (`commands.rs`, `settings/mod.rs`).

use std::fmt::Write as _;

use crate::app::commands::{COMMANDS, Command};
use crate::app::own::settings::KEYS;
use crate::app::state::Screen;

/// docs/keys.md.
pub fn keys() -> String {
    let mut page = String::from(
        "# Keys\n\nMade from the client's table of commands by `cargo xtask docs`. In the client, `?` shows the keys of a screen and \
         `ctrl-p` finds a command by a part of its name. `[keys]` in `tui.toml` gives commands other keys: docs/config.md says how. \
         Where text is being written, keys that type something type it, and keys that move the cursor move it.\n",
    );
    let everywhere = COMMANDS.iter().filter(|command| command.on.is_empty());
    section(&mut page, "Everywhere", everywhere);
    for screen in Screen::WITH_KEYS {
        let own = COMMANDS.iter().filter(|command| command.on == [screen]);
        section(&mut page, screen.title(), own);
    }
    let several = COMMANDS.iter().filter(|command| command.on.len() > 1);
    let mut page_of_several = String::new();
    section(&mut page_of_several, "On several screens", several);
    page.push_str(&page_of_several);
    page
}

fn section<'a>(page: &mut String, title: &str, commands: impl Iterator<Item = &'a Command>) {
    let rows: Vec<String> = commands.map(row).collect();
    if rows.is_empty() {
        return;
    }
    let _ = write!(
        page,
        "\n## {title}\n\n| command | keys | screens | |\n|---|---|---|---|\n"
    );
    page.push_str(&rows.concat());
}

fn row(command: &Command) -> String {
    let keys: Vec<String> = command
        .keys
        .iter()
        .map(|key| format!("`{}`", key.replace('|', "\\|")))
        .collect();
    let screens: Vec<&str> = match command.on {
        [] => vec!["all"],
        screens => screens.iter().map(|screen| screen.title()).collect(),
    };
    format!(
        "| {} | {} | {} | {} |\n",
        command.name,
        keys.join(" "),
        screens.join(", "),
        command.about
    )
}

/// The part of docs/config.md about `tui.toml`.
pub fn settings() -> String {
    let mut page = String::from(
        "\n## The terminal client\n\nIts settings are in `tui.toml` beside `config.toml`. A missing file is no settings. A change counts \
         about a second later, without a new start. While a file is wrong, the client says where and why, and goes on with the settings \
         from before.\n\n| key | takes | when absent | |\n|---|---|---|---|\n",
    );
    for key in KEYS {
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} |",
            key.name, key.takes, key.default, key.help
        );
    }
    page.push_str("\n```toml\n");
    page.push_str(&example());
    page.push_str(
        "```\n\nA key is a character (`J`, `?`), `f1` to `f24`, or one of enter, tab, esc, space, backspace, delete, up, down, left, right, \
         home, end, pageup, pagedown, with `ctrl-`, `alt-` or `shift-` before it. A command with an empty list has no key and is found \
         with the palette. `quit`, `back` and `palette` must keep one.\n",
    );
    page
}

/// A file with a line for every setting.
fn example() -> String {
    let mut text = String::new();
    for key in KEYS.iter().filter(|key| !key.name.contains('.') && key.name != "keys") {
        let _ = writeln!(text, "{}", key.example);
    }
    text.push_str("[layout]\n");
    for key in KEYS.iter().filter(|key| key.name.starts_with("layout.")) {
        let _ = writeln!(text, "{}", key.example);
    }
    text.push_str("[keys]\n");
    for key in KEYS.iter().filter(|key| key.name == "keys") {
        let _ = writeln!(text, "{}", key.example);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_on_the_page_once() {
        let page = keys();
        for command in COMMANDS {
            let line = format!("\n| {} |", command.name);
            assert_eq!(page.matches(&line).count(), 1, "{}", command.name);
        }
    }

    #[test]
    fn the_example_is_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tui.toml");
        std::fs::write(&path, example()).unwrap();
        let settings = crate::app::own::settings::load(&path).unwrap();
        assert!(!settings.mouse && settings.plain && settings.layout.prompt_width == 64);
        for key in KEYS {
            assert!(settings_page_has(key.name), "{}", key.name);
        }
    }

    fn settings_page_has(name: &str) -> bool {
        super::settings().contains(&format!("| `{name}` |"))
    }
}
