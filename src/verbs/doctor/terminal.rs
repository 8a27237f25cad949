//! `darkroom doctor --terminal`: what the terminal was asked, what it answered, and what follows from that, each with its reason. `mod.rs`
//! calls `run`; what is asked and concluded is the business of `darkroom_tui::graphics`, and the colours that of the client.

use std::fmt::Write as _;

use darkroom_protocol::paths::Paths;
use darkroom_protocol::text::escape_line;
use darkroom_tui::app::settings::{self, Settings};
use darkroom_tui::app::{Look, look};
use darkroom_tui::graphics::{self, Examination, Multiplexer, Size};
use serde_json::{Value, json};

use crate::{Result, say};

/// What is printed.
struct Report {
    terminal: Examination,
    look: Look,
    /// What is wrong with tui.toml.
    complaint: Option<String>,
}

/// Looks, and prints it. There is nothing to fail: a terminal that is missing is a finding.
pub(super) fn run(paths: &Paths, as_json: bool) -> Result<()> {
    let (settings, complaint) = match settings::load(&settings::file(paths)) {
        Ok(settings) => (settings, None),
        Err(why) => (Settings::default(), Some(why)),
    };
    let terminal = graphics::examine(settings.images);
    let look = look(&settings, &terminal.found);
    let report = Report {
        terminal,
        look,
        complaint,
    };
    if as_json {
        say::json(&json(&report))
    } else {
        say::bytes(table(&report).as_bytes())
    }
}

/// A row a finding. What came from the terminal is escaped.
fn table(report: &Report) -> String {
    let terminal = &report.terminal;
    let found = &terminal.found;
    let mut out = String::new();
    let mut row = |name: &str, text: &str| {
        let _ = writeln!(out, "{name:<12} {}", escape_line(text));
    };
    match terminal.missing {
        Some(why) => row("terminal", &format!("none: {why}")),
        None => row("terminal", found.name.as_deref().unwrap_or("of unknown name")),
    }
    if let Some(size) = terminal.size {
        let Size { columns, rows, pixels } = size;
        let pixels = pixels.map_or("unknown".to_owned(), |(x, y)| format!("{x} × {y}"));
        row("size", &format!("{columns} × {rows} cells; pixels: {pixels}"));
        let (width, height) = terminal.cell;
        row("cell", &format!("{width} × {height} pixels: {}", terminal.cell_from));
    }
    row("between", &between(terminal));
    match &terminal.record {
        Some(record) => {
            row("asked", &lossy(&record.asked));
            row("answered", &answered(record));
        }
        None => row("asked", "nothing: what is known without, or no terminal to ask"),
    }
    row("pictures", &format!("{}: {}", found.protocol.name(), found.reason));
    if let Some(passthrough) = found.passthrough {
        let colours = if passthrough.true_colour {
            "as they are"
        } else {
            "as 256"
        };
        row(
            "passthrough",
            &format!("pictures pass tmux; colours of 24 bits pass {colours}"),
        );
    }
    row("background", &report.look.background);
    row("theme", &format!("{}: {}", report.look.theme, report.look.why));
    row("notices", &report.look.notices);
    let utf8 = if terminal.is_utf8 {
        "UTF-8"
    } else {
        "not UTF-8: signs are ASCII, and there are no half blocks"
    };
    row("text", utf8);
    for (name, value) in &terminal.variables {
        row(name, value);
    }
    for problem in found.word.iter().chain(&report.complaint) {
        row("PROBLEM", problem);
    }
    out.lines()
        .fold(String::new(), |all, line| all + line.trim_end() + "\n")
}

fn between(terminal: &Examination) -> String {
    match terminal.found.mux {
        None => "nothing: no tmux, screen or Zellij",
        Some(Multiplexer::Tmux { passes: true }) => "tmux, which may pass pictures on",
        Some(Multiplexer::Tmux { passes: false }) => {
            "tmux, which passes no pictures on: `tmux set -p allow-passthrough on` lets it"
        }
        Some(Multiplexer::Screen) => "screen, which passes no pictures on",
        Some(Multiplexer::Zellij) => "Zellij",
    }
    .to_owned()
}

fn answered(record: &graphics::Record) -> String {
    let ms = record.took.as_millis();
    match (record.answered.is_empty(), record.is_whole) {
        (true, _) => format!("nothing within {ms} ms"),
        (false, true) => format!("{} in {ms} ms", lossy(&record.answered)),
        (false, false) => format!("{} and no more within {ms} ms", lossy(&record.answered)),
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The same for programs.
fn json(report: &Report) -> Value {
    let terminal = &report.terminal;
    let found = &terminal.found;
    let size = terminal.size.map(
        |Size { columns, rows, pixels }| json!({ "columns": columns, "rows": rows, "pixels": pixels.map(|(x, y)| [x, y]) }),
    );
    let record = terminal.record.as_ref().map(|record| {
        json!({
            "asked": lossy(&record.asked),
            "answered": lossy(&record.answered),
            "whole": record.is_whole,
            "ms": record.took.as_millis() as u64,
        })
    });
    let (mux, passes) = match found.mux {
        None => (None, None),
        Some(Multiplexer::Tmux { passes }) => (Some("tmux"), Some(passes)),
        Some(Multiplexer::Screen) => (Some("screen"), Some(false)),
        Some(Multiplexer::Zellij) => (Some("zellij"), None),
    };
    json!({
        "terminal": terminal.missing.is_none(),
        "missing": terminal.missing,
        "name": found.name,
        "size": size,
        "cell": { "width": terminal.cell.0, "height": terminal.cell.1, "from": terminal.cell_from },
        "multiplexer": mux,
        "multiplexer_passes": passes,
        "passthrough": found.passthrough.is_some(),
        "question": record,
        "protocol": found.protocol.name(),
        "reason": found.reason,
        "background": found.ground,
        "theme": report.look.theme,
        "theme_reason": report.look.why,
        "notices": report.look.notices,
        "utf8": terminal.is_utf8,
        "variables": terminal.variables.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<serde_json::Map<_, _>>(),
        "problems": found.word.iter().chain(&report.complaint).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_tui::graphics::{Found, Protocol, Record};
    use std::time::Duration;

    fn report(record: Option<Record>, missing: Option<&'static str>) -> Report {
        let found = Found {
            name: Some("foot(1.21.0)".to_owned()),
            ground: Some([0xff; 3]),
            ..Found::new(Protocol::Sixel, "the terminal's attributes name sixel")
        };
        let look = look(&Settings::default(), &found);
        Report {
            terminal: Examination {
                found,
                record,
                missing,
                size: missing.is_none().then_some(Size {
                    columns: 120,
                    rows: 40,
                    pixels: Some((1200, 800)),
                }),
                cell: (10, 20),
                cell_from: "the terminal, or tmux for it, told it",
                variables: vec![("TERM", "foot".to_owned())],
                is_utf8: true,
            },
            look: Look {
                theme: "light",
                why: "so".to_owned(),
                ..look
            },
            complaint: None,
        }
    }

    #[test]
    fn a_table() {
        let record = Record {
            asked: b"\x1b[16t\x1b]11;?\x1b\\\x1b[c".to_vec(),
            answered: b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62;4c".to_vec(),
            took: Duration::from_millis(3),
            is_whole: true,
        };
        insta::assert_snapshot!(table(&report(Some(record), None)), @"
        terminal     foot(1.21.0)
        size         120 × 40 cells; pixels: 1200 × 800
        cell         10 × 20 pixels: the terminal, or tmux for it, told it
        between      nothing: no tmux, screen or Zellij
        asked        \\u{1b}[16t\\u{1b}]11;?\\u{1b}\\\\u{1b}[c
        answered     \\u{1b}]11;rgb:ffff/ffff/ffff\\u{1b}\\\\u{1b}[?62;4c in 3 ms
        pictures     sixel: the terminal's attributes name sixel
        background   #ffffff, as the terminal told
        theme        light: so
        notices      off
        text         UTF-8
        TERM         foot
        ");
    }

    #[test]
    fn no_terminal_is_said() {
        let report = report(None, Some("standard output is no terminal"));
        let text = table(&report);
        assert!(
            text.starts_with("terminal     none: standard output is no terminal\n"),
            "{text}"
        );
        assert!(text.contains("asked        nothing"), "{text}");
        let json = json(&report);
        assert_eq!((&json["terminal"], &json["question"]), (&json!(false), &Value::Null));
    }

    #[test]
    fn silence_and_half_answers_are_told_apart() {
        let record = |answered: &[u8]| Record {
            asked: b"\x1b[c".to_vec(),
            answered: answered.to_vec(),
            took: Duration::from_millis(2000),
            is_whole: false,
        };
        assert_eq!(answered(&record(b"")), "nothing within 2000 ms");
        assert!(answered(&record(b"\x1b]11;x\x07")).ends_with("and no more within 2000 ms"));
    }
}
