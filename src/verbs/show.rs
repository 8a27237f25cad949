//! `darkroom show FILE`: a picture in the terminal, and what it says of itself.

use std::io::IsTerminal;
use std::path::Path;

use clap::{Arg, ArgMatches, Command};
use darkroom_formats::Infotext;
use darkroom_tui::graphics::{self, Options, Protocol};

use crate::local::{expand_home, home};
use crate::{Error, Result, say};

pub fn command() -> Command {
    Command::new("show")
        .about("Show a picture in the terminal, with what was asked for when it was made")
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .num_args(1..)
                .help("PNG, JPEG or WebP files"),
        )
        .after_help(
            "DARKROOM_IMAGES=auto|kitty|sixel|iterm|blocks|off chooses how. Into a pipe only the words are printed.",
        )
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    let found = graphics::detect();
    if found.protocol == Protocol::Off && std::io::stdout().is_terminal() {
        say::note(&format!("Pictures are not shown: {}.", found.reason));
    }
    let options = Options {
        found: Some(found),
        ..Options::default()
    };
    let files = matches.get_many::<String>("file").into_iter().flatten();
    let mut failed = false;
    for file in files {
        let path = expand_home(file, home().as_deref());
        match show(&path, &options) {
            Err(e @ (Error::BrokenPipe | Error::Said(_))) => return Err(e),
            Err(e) => {
                say::error(&e);
                failed = true;
            }
            Ok(()) => {}
        }
    }
    if failed { Err(Error::Said(1)) } else { Ok(()) }
}

fn show(path: &Path, options: &Options) -> Result<()> {
    let picture = graphics::open(path)?;
    match graphics::print_inline(&picture, options) {
        Ok(_) | Err(graphics::Error::NoTerminal(_)) => {}
        Err(graphics::Error::Write(e)) if e.kind() == std::io::ErrorKind::BrokenPipe => return Err(Error::BrokenPipe),
        Err(e) => return Err(e.into()),
    }
    let bytes = std::fs::metadata(path).map_or(0, |meta| meta.len());
    let (width, height) = (picture.width(), picture.height());
    say::data(&format!("{}  {width}×{height}, {}", say::shown(path), say::size(bytes)))?;
    lines(&parameters(path)).iter().try_for_each(|line| say::data(line))
}

/// What the picture says of its making; empty for other kinds of file and pictures that say nothing.
fn parameters(path: &Path) -> String {
    let texts = darkroom_formats::png::read_text(path).unwrap_or_default();
    let found = texts.into_iter().find(|(key, _)| key == "parameters");
    found.map(|(_, text)| text).unwrap_or_default()
}

fn lines(parameters: &str) -> Vec<String> {
    if parameters.is_empty() {
        return vec![];
    }
    let info = Infotext::parse(parameters);
    let words = [("Prompt", &info.prompt), ("Negative prompt", &info.negative)];
    let words = words.into_iter().filter(|(_, text)| !text.is_empty());
    let settings = info.settings.iter().map(|(key, value)| (key.as_str(), value));
    let line = |(key, value): (&str, &String)| format!("{:<15}  {}", say::brief(key, 40), say::brief(value, 2000));
    words.chain(settings).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_picture_says() {
        let text = "a fox\x1b[2J\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 5, Seed: 7, Size: 64x64, Model: emoji";
        insta::assert_snapshot!(lines(text).join("\n"), @r"
        Prompt           a fox\u{1b}[2J
        Negative prompt  blurry
        Steps            20
        Sampler          Euler a
        CFG scale        5
        Seed             7
        Size             64x64
        Model            emoji
        ");
        assert!(lines("").is_empty());
    }
}
