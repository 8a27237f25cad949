//! `history import DIR` and `history scan`: folders on the daemon's machine are walked through, part after part, with a word on how far
//! it is. Ctrl-C ends it between two parts; what was found stays.

use clap::builder::NonEmptyStringValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command};
use darkroom_client::Client;
use darkroom_protocol::message::history::Scanned;
use darkroom_protocol::text::escape_line;

use crate::local::{expand_home, home};
use crate::progress::Display;
use crate::verbs::json_flag;
use crate::{Error, Result, block_on, output, say, start};

pub fn import_command() -> Command {
    Command::new("import")
        .about("Take the pictures in a folder into history, where they lie; those of other programs with what they say")
        .arg(
            Arg::new("folder")
                .value_name("DIR")
                .required(true)
                .value_parser(NonEmptyStringValueParser::new())
                .help("The folder, with all in it"),
        )
        .arg(
            Arg::new("watch")
                .long("watch")
                .action(ArgAction::SetTrue)
                .help("Look at it again every minute while the daemon runs"),
        )
        .arg(json_flag("Print a JSON object: what was found"))
}

pub fn scan_command() -> Command {
    Command::new("scan")
        .about("Look where the pictures' files are: in the gallery, and in folders that were imported")
        .arg(json_flag("Print a JSON object: what was found"))
}

pub fn import(matches: &ArgMatches) -> Result<()> {
    let given = matches
        .get_one::<String>("folder")
        .map(String::as_str)
        .unwrap_or_default();
    let folder = output::absolute(&expand_home(given, home().as_deref()));
    let watch = matches.get_flag("watch");
    walk(matches, async |client, from| {
        Ok(client.import(&folder, watch, from).await?)
    })
}

pub fn scan(matches: &ArgMatches) -> Result<()> {
    walk(matches, async |client, from| Ok(client.scan(from).await?))
}

fn walk(matches: &ArgMatches, mut part: impl AsyncFnMut(&Client, Option<String>) -> Result<Scanned>) -> Result<()> {
    block_on(async {
        let client = start::kept(&crate::host::paths()?).await?;
        let mut display = Display::new(matches.get_flag("json"));
        let mut all = Scanned::default();
        loop {
            let from = all.next.take();
            all = all.and(part(&client, from).await?);
            if all.next.is_none() {
                break;
            }
            display.waiting(&format!("{} …", words(&all)));
        }
        if matches.get_flag("json") {
            return say::json(&all);
        }
        for (path, why) in &all.unreadable {
            say::note(&format!("{}: {}.", escape_line(path), escape_line(why)));
        }
        say::note(&format!("{}.", words(&all)));
        Ok::<_, Error>(())
    })
}

/// What was found so far.
fn words(all: &Scanned) -> String {
    let parts = [
        (all.added, "new"),
        (all.found, "found again"),
        (all.missing, "missing since the last look"),
        (all.kept, "known"),
        (all.unreadable_all, "unreadable"),
    ];
    let parts = parts.into_iter().filter(|(n, word)| *n > 0 || *word == "new");
    let parts: Vec<String> = parts.map(|(n, word)| format!("{n} {word}")).collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_counted() {
        assert_eq!(words(&Scanned::default()), "0 new");
        let all = Scanned {
            added: 2,
            missing: 1,
            unreadable_all: 3,
            ..Scanned::default()
        };
        assert_eq!(words(&all), "2 new, 1 missing since the last look, 3 unreadable");
    }
}
