//! What is made from a picture in history, or from any picture's file: `history reuse`, `history vary`, and `generate --like`. The
//! request that is kept is the beginning, and what flags say counts before it.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Arg, ArgMatches, Command};
use darkroom_formats::foreign;
use darkroom_protocol::GenerateRequest;
use darkroom_protocol::history::{EntryDetail, PictureName};
use darkroom_protocol::params::TABLE;
use darkroom_protocol::text::escape_line;

use super::picture;
use crate::local::{expand_home, home};
use crate::verbs::generate;
use crate::{Error, Result, block_on, say, start};

pub fn reuse_command() -> Command {
    let command = Command::new("reuse")
        .about("Make the same picture again: the same bytes, where build, device and threads are the same");
    generate::local_flags(command.arg(picture()))
}

pub fn vary_command() -> Command {
    let command = Command::new("vary")
        .about("Make a picture like another, but for what flags say; with another seed where they say nothing")
        .arg(picture())
        .arg(
            Arg::new("prompt")
                .value_name("PROMPT")
                .value_parser(NonEmptyStringValueParser::new())
                .help("What to show instead; - reads it from standard input"),
        );
    generate::all_flags(command)
}

pub fn reuse(matches: &ArgMatches) -> Result<()> {
    let name = matches
        .get_one::<String>("picture")
        .map(String::as_str)
        .unwrap_or_default();
    generate::run_like(matches, kept(name)?.again)
}

pub fn vary(matches: &ArgMatches) -> Result<()> {
    let name = matches
        .get_one::<String>("picture")
        .map(String::as_str)
        .unwrap_or_default();
    let mut request = kept(name)?.request;
    let says = |id: &str| matches.try_contains_id(id).unwrap_or(false);
    if !TABLE.iter().any(|row| says(row.name)) && !says("size") {
        request.seed = Some(-1);
    }
    generate::run_like(matches, request)
}

/// What makes a picture like the one that is named: a file's own words, or what is kept of a picture in history.
///
/// # Errors
/// [`Error::Usage`] where there is none, or it says nothing.
pub fn like(name: &str) -> Result<GenerateRequest> {
    let path = expand_home(name, home().as_deref());
    if path.is_file() {
        return of_file(&path);
    }
    if PictureName::parse(name).is_none() {
        let what = format!(
            "--like {}: there is no such file, and no picture in history is named so.",
            escape_line(name)
        );
        return Err(Error::Usage(what));
    }
    Ok(kept(name)?.request)
}

fn of_file(path: &PathBuf) -> Result<GenerateRequest> {
    let shown = say::shown(path);
    let wrong = |what: String| Error::Usage(format!("--like {shown}: {what}."));
    let file = File::open(path).map_err(|e| wrong(say::reason(&e)))?;
    let texts = foreign::texts(BufReader::new(file)).map_err(|problem| wrong(problem.to_string()))?;
    let said = foreign::said(&texts).ok_or_else(|| wrong("it does not say how it was made".to_owned()))?;
    if let Some(problem) = &said.problem {
        say::note(&format!("{shown}: {problem}."));
    }
    if !said.others.is_empty() {
        let names: Vec<&str> = said.others.iter().map(|(name, _)| name.as_str()).take(12).collect();
        say::note(&format!("Left out, as nothing here is like it: {}.", names.join(", ")));
    }
    let mut request = said.request;
    request.batch = None;
    Ok(request)
}

fn kept(name: &str) -> Result<EntryDetail> {
    block_on(async {
        let client = start::kept(&crate::host::paths()?).await?;
        Ok(client.picture(name).await?)
    })
}
