//! `darkroom history`: every picture that was made or imported; found, shown, made again, varied, marked, tagged, thrown away and brought
//! back, written elsewhere. Rows and files are the daemon's; where none runs, what needs no worker is answered from what it kept.

mod again;
mod change;
mod export;
mod folders;
mod list;
mod mask;
mod show;

use clap::builder::NonEmptyStringValueParser;
use clap::{Arg, ArgMatches, Command};
use darkroom_protocol::history::{FORMS, KEYS};

use super::{Verb, run_below};
use crate::Result;

pub use again::like;

/// What may be said after `history`.
const VERBS: &[Verb] = &[
    Verb {
        name: "list",
        command: list::command,
        run: list::run,
    },
    Verb {
        name: "search",
        command: list::search_command,
        run: list::run,
    },
    Verb {
        name: "show",
        command: show::command,
        run: show::run,
    },
    Verb {
        name: "reuse",
        command: again::reuse_command,
        run: again::reuse,
    },
    Verb {
        name: "vary",
        command: again::vary_command,
        run: again::vary,
    },
    Verb {
        name: "mask",
        command: mask::command,
        run: mask::run,
    },
    Verb {
        name: "star",
        command: change::star_command,
        run: change::star,
    },
    Verb {
        name: "unstar",
        command: change::unstar_command,
        run: change::unstar,
    },
    Verb {
        name: "tag",
        command: change::tag_command,
        run: change::tag,
    },
    Verb {
        name: "untag",
        command: change::untag_command,
        run: change::untag,
    },
    Verb {
        name: "tags",
        command: list::tags_command,
        run: list::tags,
    },
    Verb {
        name: "rm",
        command: change::rm_command,
        run: change::rm,
    },
    Verb {
        name: "restore",
        command: change::restore_command,
        run: change::restore,
    },
    Verb {
        name: "empty-trash",
        command: change::empty_trash_command,
        run: change::empty_trash,
    },
    Verb {
        name: "export",
        command: export::command,
        run: export::run,
    },
    Verb {
        name: "import",
        command: folders::import_command,
        run: folders::import,
    },
    Verb {
        name: "scan",
        command: folders::scan_command,
        run: folders::scan,
    },
];

pub fn command() -> Command {
    let history = Command::new("history")
        .about("Every picture that was made or imported: list, search, show, make again, tag, throw away")
        .long_about(
            "Every picture that was made or imported, the newest first. A picture is named by its number (17 or #17), by its job \
             (JOB where it has one picture, else JOB/0, JOB/1 …; @last), or by its file's SHA-256.",
        )
        .args(list::arguments())
        .args_conflicts_with_subcommands(true)
        .disable_help_subcommand(true);
    VERBS
        .iter()
        .fold(history, |history, verb| history.subcommand((verb.command)()))
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    run_below("history", VERBS, list::run, matches)
}

/// The pictures that a verb is for.
fn pictures() -> Arg {
    picture()
        .num_args(1..)
        .help("Pictures: their numbers, JOB/0, @last, or their files' SHA-256")
}

/// The picture that a verb is for.
fn picture() -> Arg {
    Arg::new("picture")
        .value_name("PICTURE")
        .required(true)
        .value_parser(NonEmptyStringValueParser::new())
        .help("A picture: its number, JOB/0, @last, or its file's SHA-256")
}

/// What a search may say, for the help: from the table that reads it.
fn grammar() -> String {
    let keys = KEYS.iter().map(|key| (key.example, key.help));
    let all = FORMS.iter().copied().chain(keys);
    let lines = all.map(|(example, help)| format!("  {example:<26} {help}"));
    format!("All of it must hold:\n{}", lines.collect::<Vec<_>>().join("\n"))
}
