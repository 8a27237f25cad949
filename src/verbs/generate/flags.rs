//! The flags: one a row of the parameter table, and those that concern this side only.

use clap::{Arg, ArgAction, Command};
use darkroom_protocol::params::{Category, Kind, Parameter};

use super::help;
use crate::verbs::preview_flag;

/// The row that is no flag but the argument.
pub(super) const PROMPT: &str = "prompt";

/// The verb. Its help is one screen; [`whole`] has the rest.
pub fn command() -> Command {
    whole().override_help(help::SHORT).arg(
        Arg::new("help-all")
            .long("help-all")
            .action(ArgAction::SetTrue)
            .help("Print every flag with its range and default"),
    )
}

/// The verb with the help of every flag.
pub fn whole() -> Command {
    all_flags(named())
}

fn named() -> Command {
    Command::new("generate")
        .about("Make pictures from a prompt")
        .long_about(
            "Make pictures from a prompt. The daemon is started when none runs. Without -o the pictures stay in the \
             gallery; their paths are printed.",
        )
        .arg(
            Arg::new(PROMPT)
                .value_name("PROMPT")
                .required_unless_present("like")
                .help("What to show; - reads it from standard input"),
        )
        .arg(
            Arg::new("like")
                .long("like")
                .value_name("PICTURE")
                .help(
                    "Begin with all that made this picture, its seed too: a number of `darkroom history`, JOB/0, or a file of this or \
                     another program; what is given beside counts instead",
                ),
        )
}

/// `command` with a flag for each row of the parameter table, and those that concern this side.
pub fn all_flags(command: Command) -> Command {
    let grouped = Category::ALL.into_iter().fold(command, |command, category| {
        let beside = (category == Category::Size).then(size);
        let flags = category.rows().filter(|row| row.name != PROMPT).map(flag);
        command
            .next_help_heading(category.label())
            .args(beside.into_iter().chain(flags))
    });
    local_flags(grouped)
}

/// `command` with the flags that concern this side.
pub fn local_flags(command: Command) -> Command {
    command.next_help_heading("Output").args(local())
}

/// A row's flag: its help says range and default, and the row itself checks the value.
pub fn flag(row: &'static Parameter) -> Arg {
    let range = match row.kind {
        Kind::Text { .. } | Kind::File => String::new(),
        Kind::Integer { .. }
        | Kind::Number { .. }
        | Kind::Choice { .. }
        | Kind::List { .. }
        | Kind::Switch
        | Kind::KeepAlive => {
            format!("{}; ", row.expects())
        }
    };
    // Of times, -1 is for ever, and others are refused by the row.
    let numeric = matches!(row.kind, Kind::Integer { .. } | Kind::Number { .. } | Kind::KeepAlive);
    let arg = Arg::new(row.name)
        .long(row.flag)
        .value_name(value_name(row))
        .help(format!("{} [{range}default: {}]", sentences(row), row.default_words()))
        .allow_negative_numbers(numeric)
        .aliases(aliases(row));
    let arg = match row.kind {
        Kind::List { .. } => arg.action(ArgAction::Append),
        _ => arg,
    };
    match row.short {
        Some(short) => arg.short(short),
        None => arg,
    }
}

/// Two rows at once.
fn size() -> Arg {
    Arg::new("size")
        .long("size")
        .value_name("WxH")
        .allow_hyphen_values(true)
        .help("Width and height at once, for instance 512x768")
}

/// What there is to say of a row.
fn sentences(row: &Parameter) -> String {
    [row.help, row.long].join(" ").trim_end().to_owned()
}

/// The JSON field and its aliases as flags, with `-` as well as `_`. They are accepted but not shown, so that the help has
/// one name a thing. One-letter names are for short flags.
fn aliases(row: &Parameter) -> Vec<String> {
    let names = [row.name].into_iter().chain(row.aliases.iter().copied());
    let mut all: Vec<String> = names
        .filter(|name| name.len() > 1)
        .flat_map(|name| [name.to_owned(), name.replace('_', "-")])
        .filter(|name| name != row.flag)
        .collect();
    all.sort();
    all.dedup();
    all
}

fn value_name(row: &Parameter) -> &'static str {
    match row.kind {
        Kind::Text { .. } => "TEXT",
        Kind::File => "FILE",
        Kind::List { .. } => "WORDS",
        Kind::Integer { .. } => "N",
        Kind::Number { .. } => "X",
        Kind::Choice { .. } => "NAME",
        Kind::Switch => "on|off",
        Kind::KeepAlive => "TIME",
    }
}

fn local() -> Vec<Arg> {
    let switch =
        |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    vec![
        Arg::new("output")
            .short('o')
            .long("output")
            .value_name("PATH")
            .help(
                "Write the picture here; its extension chooses png, jpg or webp. A folder (with a / at its end, made where it \
                 is not there) takes the gallery's names; {prompt} {model} {seed} {index} {date} {time} {job} {width} {height} \
                 {steps} {sampler} are filled in, {{ is a brace; a batch becomes fox-0.png, fox-1.png …; a name that is there \
                 already gets a number. With --detach the daemon writes it. - is standard output",
            ),
        switch("force", "With -o: replace files that are there, read-only ones too").requires("output"),
        switch("json", "Print a JSON object a picture").conflicts_with("events"),
        switch("events", "Print a JSON object an event").conflicts_with("detach"),
        switch("detach", "Do not wait: print the job's id").conflicts_with("show"),
        switch("show", "Show the pictures in the terminal"),
        preview_flag().conflicts_with("detach"),
        switch("quiet", "No progress and no notices").short('q'),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::params::TABLE;

    #[test]
    fn every_row_is_a_flag_under_all_its_names() {
        for row in TABLE.iter().filter(|row| row.name != PROMPT) {
            let names = aliases(row).into_iter().chain([row.flag.to_owned()]);
            let value = match row.kind {
                Kind::Integer { max, .. } => max.to_string(),
                Kind::Number { max, .. } => max.to_string(),
                Kind::Choice { names, .. } => names()[0].to_owned(),
                Kind::Text { .. } | Kind::File | Kind::List { .. } => "x".to_owned(),
                Kind::Switch => "off".to_owned(),
                Kind::KeepAlive => "3m".to_owned(),
            };
            let mut flags: Vec<String> = names.map(|name| format!("--{name}")).collect();
            flags.extend(row.short.map(|short| format!("-{short}")));
            for flag in flags {
                let matches = command()
                    .try_get_matches_from(["generate", "a fox", &flag, &value])
                    .unwrap();
                assert_eq!(matches.get_one::<String>(row.name), Some(&value), "{flag}");
            }
        }
    }

    #[test]
    fn every_row_says_its_range_and_default() {
        let help = whole().render_long_help().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for row in TABLE.iter().filter(|row| row.name != PROMPT) {
            assert!(help.contains(&sentences(row)), "{}", row.name);
            assert!(
                help.contains(&format!("default: {}]", row.default_words())),
                "{}",
                row.name
            );
            if !matches!(row.kind, Kind::Text { .. } | Kind::File) {
                assert!(help.contains(&row.expects()), "{}", row.name);
            }
        }
    }

    #[test]
    fn the_short_help_is_one_screen_of_flags_that_there_are() {
        assert!(help::SHORT.lines().count() <= 30);
        let command = command();
        let known: Vec<String> = command
            .get_arguments()
            .flat_map(|arg| {
                let long = arg.get_long().map(|long| format!("--{long}"));
                long.into_iter().chain(arg.get_short().map(|short| format!("-{short}")))
            })
            .collect();
        for line in help::SHORT.lines() {
            assert!(line.chars().count() <= 80, "{line}");
            let words = line
                .split([' ', ',', ';', '/', ':'])
                .filter(|word| word.len() > 1 && word.starts_with('-'));
            words.for_each(|word| assert!(known.iter().any(|flag| flag == word), "{word}"));
        }
    }

    #[test]
    fn negative_numbers_are_values() {
        let matches = command()
            .try_get_matches_from(["generate", "-", "--seed", "-1", "--keep-alive", "-1"])
            .unwrap();
        assert_eq!(matches.get_one::<String>("seed").unwrap(), "-1");
        assert_eq!(matches.get_one::<String>("keep_alive").unwrap(), "-1");
        assert_eq!(matches.get_one::<String>("prompt").unwrap(), "-");
    }
}
