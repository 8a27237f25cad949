//! `darkroom show FILE|JOB|-`: pictures in the terminal, and what they say of themselves; with `--json` as one flat object a
//! picture. Files are read here; a job's pictures are found by the daemon. What a picture says is read by
//! `darkroom_formats::foreign`, whichever program wrote it, and put into JSON in [`object`].

mod object;
mod source;

use std::io::IsTerminal;

use clap::builder::NonEmptyStringValueParser;
use clap::{Arg, ArgMatches, Command};
use darkroom_formats::foreign::{self, Said, Texts, Writer};
use darkroom_formats::{Infotext, Record};
use darkroom_tui::graphics::{self, Options, Protocol};
use source::Shown;

use super::json_flag;
use crate::{Error, Result, say};

pub fn command() -> Command {
    Command::new("show")
        .about("Show pictures in the terminal, with what was asked for when they were made")
        .arg(
            Arg::new("picture")
                .value_name("FILE|JOB")
                .required(true)
                .num_args(1..)
                .value_parser(NonEmptyStringValueParser::new())
                .help("PNG, JPEG or WebP files, or jobs: their ids, the beginnings of them, or @last; - is standard input"),
        )
        .arg(json_flag("Draw nothing: print a JSON object a picture, with all that it says of itself"))
        .after_help(
            "DARKROOM_IMAGES=auto|kitty|sixel|iterm|blocks|off chooses how. Into a pipe only the words are printed. Within tmux \
             pictures need `tmux set -p allow-passthrough on`.",
        )
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    let json = matches.get_flag("json");
    let options = (!json).then(options);
    let names = matches.get_many::<String>("picture").into_iter().flatten();
    let mut failed = None;
    for name in names {
        let shown =
            source::find(name).and_then(|found| found.iter().try_for_each(|shown| show(shown, options.as_ref())));
        match shown {
            Err(e @ (Error::BrokenPipe | Error::Said(_))) => return Err(e),
            Err(e) => {
                say::error(&e);
                failed.get_or_insert(e.code());
            }
            Ok(()) => {}
        }
    }
    failed.map_or(Ok(()), |code| Err(Error::Said(code)))
}

/// How pictures are drawn here; why not, or not as well as they could be, is said once.
pub fn options() -> Options {
    let found = graphics::detect();
    if found.protocol == Protocol::Off && std::io::stdout().is_terminal() {
        say::note(&format!("Pictures are not shown: {}.", found.reason));
    }
    if let Some(word) = &found.word {
        say::note(word);
    }
    Options {
        found: Some(found),
        ..Options::default()
    }
}

/// Without `options` as JSON.
fn show(shown: &Shown, options: Option<&Options>) -> Result<()> {
    let picture = shown.decode()?;
    // A picture whose texts cannot be read is shown all the same.
    let texts = shown.open().and_then(|input| foreign::texts(input).ok());
    let texts = texts.unwrap_or_default();
    let size = (picture.width(), picture.height());
    let Some(options) = options else {
        return say::json(&object::of(shown, size, &texts));
    };
    draw(&picture, options)?;
    let (name, times, bytes) = (say::shown(&shown.path), say::marks().times, say::size(shown.bytes()));
    say::data(&format!("{name}  {}{times}{}, {bytes}", size.0, size.1))?;
    lines(&texts).iter().try_for_each(|line| say::data(line))
}

/// Draws a picture in the terminal, where there is one.
///
/// # Errors
/// When it cannot be written.
pub fn draw(picture: &image::DynamicImage, options: &Options) -> Result<()> {
    match graphics::print_inline(picture, options) {
        Ok(_) | Err(graphics::Error::NoTerminal(_)) => Ok(()),
        Err(graphics::Error::Write(e)) if e.kind() == std::io::ErrorKind::BrokenPipe => Err(Error::BrokenPipe),
        Err(e) => Err(e.into()),
    }
}

fn lines(texts: &Texts) -> Vec<String> {
    let exact = texts.record.as_ref().and_then(Record::infotext);
    let Some(info) = exact.or_else(|| foreign::said(texts).map(infotext)) else {
        return vec![];
    };
    let words = [("Prompt", &info.prompt), ("Negative prompt", &info.negative)];
    let words = words.into_iter().filter(|(_, text)| !text.is_empty());
    let settings = info.settings.iter().map(|(key, value)| (key.as_str(), value));
    let line = |(key, value): (&str, &String)| format!("{:<15}  {}", say::brief(key, 40), say::brief(value, 2000));
    words.chain(settings).map(line).collect()
}

/// What a picture without a record says: the parameters under A1111's keys, then what no parameter is for, then who wrote it, where
/// the keys do not show that.
fn infotext(said: Said) -> Infotext {
    let prompt = said.request.prompt.as_deref().unwrap_or_default();
    let mut info = Infotext::new(prompt, said.request.metadata());
    // That is the version of this program, which did not make the picture.
    info.settings.retain(|(key, _)| key != "Version");
    info.settings.extend(said.others);
    let is_untold = matches!(said.writer, Writer::ComfyUi | Writer::InvokeAi | Writer::NovelAi);
    let writer = is_untold.then(|| said.writer.name().to_owned());
    let ends = [("Made with", writer), ("Not read", said.problem)];
    let ends = ends.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text?)));
    info.settings.extend(ends);
    info
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(keyword: &str, text: &str) -> Texts {
        Texts {
            texts: vec![(keyword.to_owned(), text.to_owned())],
            ..Texts::default()
        }
    }

    #[test]
    fn what_a_picture_says() {
        let text = "a fox\x1b[2J\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 5, Seed: 7, Size: 64x64, Model: emoji";
        insta::assert_snapshot!(lines(&with("parameters", text)).join("\n"), @r"
        Prompt           a fox\u{1b}[2J
        Negative prompt  blurry
        Steps            20
        Sampler          Euler a
        CFG scale        5
        Seed             7
        Size             64x64
        Model            emoji
        ");
        assert!(lines(&Texts::default()).is_empty());
    }

    #[test]
    fn what_a_picture_of_another_program_says() {
        let graph = r#"{"1": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 20, "sampler_name": "uni_pc", "positive": "a fox"}}}"#;
        insta::assert_snapshot!(lines(&with("prompt", graph)).join("\n"), @r"
        Prompt           a fox
        Steps            20
        Sampler          UniPC
        Seed             7
        Made with        ComfyUI
        ");
        let broken = lines(&with("invokeai_metadata", "{"));
        assert!(
            broken[1].starts_with("Not read         its text invokeai_metadata cannot be read"),
            "{broken:?}"
        );
    }
}
