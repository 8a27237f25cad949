//! `darkroom show FILE`: a picture in the terminal, and what it says of itself.

use std::io::IsTerminal;
use std::path::Path;

use clap::{Arg, ArgMatches, Command};
use darkroom_formats::Infotext;
use darkroom_tui::graphics::{self, Options, Protocol};
use image::{ImageDecoder as _, ImageReader};

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

/// What the picture says of its making; empty where it says nothing.
fn parameters(path: &Path) -> String {
    let texts = darkroom_formats::png::read_text(path).unwrap_or_default();
    let found = texts.into_iter().find(|(key, _)| key == "parameters");
    found
        .map(|(_, text)| text)
        .or_else(|| comment(path))
        .unwrap_or_default()
}

/// The comment of a picture that carries EXIF, as JPEG and WebP do.
fn comment(path: &Path) -> Option<String> {
    let reader = ImageReader::open(path).ok()?.with_guessed_format().ok()?;
    let block = reader.into_decoder().ok()?.exif_metadata().ok()??;
    darkroom_formats::exif::user_comment(&block)
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
    use image::codecs::{jpeg::JpegEncoder, webp::WebPEncoder};
    use image::{ExtendedColorType, ImageEncoder as _};

    #[test]
    fn pictures_of_other_kinds_say_it_in_exif() {
        let dir = tempfile::tempdir().unwrap();
        let (jpeg, webp) = (dir.path().join("a.jpg"), dir.path().join("a.webp"));
        // One list of one field that leads to another, whose only field is the comment.
        let block = b"MM\0\x2a\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x1a\0\0\0\0\0\x01\x92\x86\0\x07\0\0\0\x0d\0\0\0\x2c\0\0\0\0ASCII\0\0\0a fox";
        let (file, color) = (
            |path: &Path| std::fs::File::create(path).unwrap(),
            ExtendedColorType::Rgb8,
        );
        let mut encoder = JpegEncoder::new(file(&jpeg));
        encoder.set_exif_metadata(block.to_vec()).unwrap();
        encoder.write_image(&[0; 12], 2, 2, color).unwrap();
        let mut encoder = WebPEncoder::new_lossless(file(&webp));
        encoder.set_exif_metadata(block.to_vec()).unwrap();
        encoder.write_image(&[0; 12], 2, 2, color).unwrap();
        assert_eq!(
            (parameters(&jpeg).as_str(), parameters(&webp).as_str()),
            ("a fox", "a fox")
        );
        let silent = dir.path().join("b.png");
        image::RgbImage::new(2, 2).save(&silent).unwrap();
        assert_eq!(parameters(&silent), "");
    }

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
