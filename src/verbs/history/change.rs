//! Verbs that change pictures in history: marks, tags, the trash. Each is done for all pictures that are named, or for none.

use clap::builder::NonEmptyStringValueParser;
use clap::{Arg, ArgMatches, Command};
use darkroom_client::Client;
use darkroom_protocol::tag as tags;
use darkroom_protocol::text::escape_line;
use serde_json::json;

use super::pictures;
use crate::verbs::json_flag;
use crate::{Error, Result, block_on, say, start};

fn verb(name: &'static str, about: &'static str) -> Command {
    Command::new(name)
        .about(about)
        .arg(json_flag("Print a JSON object: of how many pictures something changed"))
}

pub fn star_command() -> Command {
    verb("star", "Mark pictures, to find them with is:starred").arg(pictures())
}

pub fn unstar_command() -> Command {
    verb("unstar", "Take the mark off").arg(pictures())
}

pub fn tag_command() -> Command {
    verb("tag", "Give pictures tags").arg(words()).arg(pictures())
}

pub fn untag_command() -> Command {
    verb("untag", "Take tags off pictures").arg(words()).arg(pictures())
}

pub fn rm_command() -> Command {
    verb("rm", "Put pictures into the trash; `restore` brings them back").arg(pictures())
}

pub fn restore_command() -> Command {
    verb("restore", "Take pictures out of the trash").arg(pictures())
}

pub fn empty_trash_command() -> Command {
    verb(
        "empty-trash",
        "Remove what is in the trash for good; files of imported pictures stay where they are",
    )
}

fn words() -> Arg {
    Arg::new("tags")
        .value_name("TAGS")
        .required(true)
        .value_parser(NonEmptyStringValueParser::new())
        .help("A tag, or several separated by commas")
}

pub fn star(matches: &ArgMatches) -> Result<()> {
    change(matches, "Starred", async |client, names| {
        Ok(client.star(names, true).await?)
    })
}

pub fn unstar(matches: &ArgMatches) -> Result<()> {
    change(matches, "No longer starred", async |client, names| {
        Ok(client.star(names, false).await?)
    })
}

pub fn tag(matches: &ArgMatches) -> Result<()> {
    let words = given(matches)?;
    change(matches, "Tagged", async |client, names| {
        Ok(client.tag(names, words, vec![]).await?)
    })
}

pub fn untag(matches: &ArgMatches) -> Result<()> {
    let words = given(matches)?;
    change(matches, "No longer tagged", async |client, names| {
        Ok(client.tag(names, vec![], words).await?)
    })
}

pub fn rm(matches: &ArgMatches) -> Result<()> {
    change(matches, "In the trash now", async |client, names| {
        Ok(client.trash(names, true).await?)
    })
}

pub fn restore(matches: &ArgMatches) -> Result<()> {
    change(matches, "Out of the trash", async |client, names| {
        Ok(client.trash(names, false).await?)
    })
}

pub fn empty_trash(matches: &ArgMatches) -> Result<()> {
    change(matches, "Gone for good", async |client, _| {
        Ok(client.empty_trash().await?)
    })
}

/// The tags that were typed.
fn given(matches: &ArgMatches) -> Result<Vec<String>> {
    let text = matches
        .get_one::<String>("tags")
        .map(String::as_str)
        .unwrap_or_default();
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let tag = |word: &str| {
        tags::canonical(word).ok_or_else(|| {
            Error::Usage(format!(
                "{} is no tag: a tag has at most {} characters and no quotation mark.",
                escape_line(word),
                tags::MAX_CHARS
            ))
        })
    };
    words.map(tag).collect()
}

fn change(matches: &ArgMatches, done: &str, work: impl AsyncFnOnce(&Client, Vec<String>) -> Result<u64>) -> Result<()> {
    let names = matches.try_get_many::<String>("picture").ok().flatten();
    let names: Vec<String> = names.into_iter().flatten().cloned().collect();
    block_on(async {
        let client = start::kept(&crate::host::paths()?).await?;
        let pictures = work(&client, names).await?;
        if matches.get_flag("json") {
            return say::json(&json!({ "pictures": pictures }));
        }
        say::note(&match pictures {
            0 => "Nothing to change: it is so already.".to_owned(),
            1 => format!("{done}: 1 picture."),
            n => format!("{done}: {n} pictures."),
        });
        Ok(())
    })
}
