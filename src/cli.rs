//! The command line: one command a verb, errors in one line.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Command};

use crate::style::Style;
use crate::verbs::{VERBS, Verb, generate, habits, tui};
use crate::{Error, Result, host, say, settings};

/// The whole command.
pub fn command() -> Command {
    let root = Command::new("darkroom")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Makes pictures from words, on this machine.")
        .after_help(
            "Begin with: darkroom generate \"a red apple\" -o apple.png\n\
             Exit codes: 0 ok, 1 failed, 2 usage, 3 daemon unreachable, 4 model not found, 5 out of memory, 130 cancelled.",
        )
        .disable_help_subcommand(true)
        .color(clap::ColorChoice::Auto);
    let root = root.arg(host::short_flag()).arg(host::long_flag());
    VERBS.iter().fold(root, |root, verb| root.subcommand((verb.command)()))
}

/// Parses and runs.
///
/// # Errors
/// [`Error::Usage`] in one line; else what the verb says.
pub fn run(args: impl IntoIterator<Item = OsString>) -> Result<()> {
    let args = spelled_out(args.into_iter().collect());
    let word = |at: usize| args.get(at).and_then(|arg| arg.to_str());
    if let Some(answer) = word(1).and_then(habits::answer) {
        return Err(Error::Usage(format!(
            "There is no verb {}: {answer}.",
            word(1).unwrap_or_default()
        )));
    }
    if word(1) == Some("generate")
        && args
            .iter()
            .skip(2)
            .take_while(|arg| *arg != "--")
            .any(|arg| arg == "--help-all")
    {
        return print(generate::whole().bin_name("darkroom generate").render_long_help());
    }
    match command().try_get_matches_from(&args) {
        Ok(matches) => dispatch(&matches, &args),
        Err(e) if matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => print(e.render()),
        Err(e) => Err(Error::Usage(one_line(&e))),
    }
}

fn dispatch(matches: &ArgMatches, args: &[OsString]) -> Result<()> {
    host::choose(matches)?;
    let Some((name, inner)) = matches.subcommand() else {
        return match tui::is_wanted() {
            true => tui::run(matches),
            false => print(command().render_help()),
        };
    };
    let matches = inner;
    if let Some(host) = host::chosen().filter(|_| host::is_of_a_machine(name)) {
        return host::run_there(host, args);
    }
    settings::complain(name);
    match VERBS.iter().find(|verb| verb.name == name) {
        Some(Verb { run, .. }) => run(matches),
        None => Err(Error::Usage(format!("There is no verb {name}."))),
    }
}

/// `darkroom help VERB…` and `darkroom version` as the flags that they mean; `darkroom queue help` too.
fn spelled_out(mut args: Vec<OsString>) -> Vec<OsString> {
    let is = |at: usize, word: &str| args.get(at).is_some_and(|arg| arg == word);
    let is_search = is(1, "history") && (is(2, "search") || is(2, "export"));
    if is(1, "version") && args.len() == 2 {
        args[1] = "--version".into();
    } else if is(1, "help") {
        args.remove(1);
        args.push("--help".into());
    } else if is(2, "help")
        && ["queue", "history", "models", "pull", "daemon"]
            .iter()
            .any(|group| is(1, group))
    {
        args.remove(2);
        args.push("--help".into());
    }
    if is_search {
        args.iter_mut().skip(3).for_each(excluding);
    }
    args
}

/// `-word` in a search as the grammar's other spelling of it, which no flag has. What is a flag of these verbs stays one.
fn excluding(arg: &mut OsString) {
    let Some(rest) = arg.to_str().and_then(|arg| arg.strip_prefix('-')) else {
        return;
    };
    let is_limit = rest
        .strip_prefix(['l', 'n'])
        .is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    if rest.is_empty() || rest.starts_with('-') || is_limit || ["a", "h", "o", "V"].contains(&rest) {
        return;
    }
    *arg = format!("!{rest}").into();
}

/// Help and version are data, coloured where standard output is a terminal that has colour.
fn print(text: clap::builder::StyledStr) -> Result<()> {
    let text = if Style::of_stdout().has_colour() {
        text.ansi().to_string()
    } else {
        text.to_string()
    };
    say::bytes(text.as_bytes())
}

/// clap's message without its paragraphs: the sentence, the suggestion, where help is.
fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let first: Vec<&str> = first.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let hint = match error
        .get(ContextKind::SuggestedArg)
        .or(error.get(ContextKind::SuggestedSubcommand))
    {
        Some(ContextValue::String(close)) => format!("; did you mean {close}?"),
        Some(ContextValue::Strings(close)) if !close.is_empty() => format!("; did you mean {}?", close.join(" or ")),
        _ if error.kind() == ErrorKind::UnknownArgument && !first.join(" ").contains("'-") => {
            "; put a prompt of several words in quotes".to_owned()
        }
        _ => String::new(),
    };
    format!("{}{hint} (see --help)", first.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn message(args: &[&str]) -> String {
        let error = run(args.iter().map(OsString::from)).unwrap_err();
        assert_eq!(error.code(), 2);
        error.to_string()
    }

    #[rstest]
    #[case(&["darkroom", "help"], &["darkroom", "--help"])]
    #[case(&["darkroom", "help", "queue", "move"], &["darkroom", "queue", "move", "--help"])]
    #[case(&["darkroom", "queue", "help", "move"], &["darkroom", "queue", "move", "--help"])]
    #[case(&["darkroom", "version"], &["darkroom", "--version"])]
    #[case(&["darkroom", "history", "search", "fox", "-lighthouse", "-l", "5", "-n9", "--json", "-tag:x", "-"],
        &["darkroom", "history", "search", "fox", "!lighthouse", "-l", "5", "-n9", "--json", "!tag:x", "-"])]
    #[case(&["darkroom", "show", "help"], &["darkroom", "show", "help"])]
    #[case(&["darkroom", "generate", "help"], &["darkroom", "generate", "help"])]
    fn help_and_version_are_flags_too(#[case] args: &[&str], #[case] meant: &[&str]) {
        assert_eq!(spelled_out(args.iter().map(OsString::from).collect()), meant);
    }

    #[test]
    fn the_command_is_well_formed() {
        command().debug_assert();
    }

    #[rstest]
    #[case(&["darkroom", "generate", "x", "--stepps", "4"], "unexpected argument '--stepps' found; did you mean --steps? (see --help)")]
    #[case(&["darkroom", "generat"], "unrecognized subcommand 'generat'; did you mean generate? (see --help)")]
    #[case(&["darkroom", "generate", "a", "red"], "unexpected argument 'red' found; put a prompt of several words in quotes (see --help)")]
    #[case(&["darkroom", "generate"], "the following required arguments were not provided: <PROMPT> (see --help)")]
    #[case(&["darkroom", "generate", "x", "--json", "--events"], "the argument '--json' cannot be used with '--events' (see --help)")]
    #[case(&["darkroom", "cancel", "019a", ""], "a value is required for '[JOB]...' but none was supplied (see --help)")]
    #[case(&["darkroom", "models", "unload", ""], "a value is required for '[MODEL]' but none was supplied (see --help)")]
    #[case(&["darkroom", "wait"], "the following required arguments were not provided: <JOB>... (see --help)")]
    #[case(&["darkroom", "run", "sd15", "a fox", "--steps", "3"], "There is no verb run: `darkroom generate \"a red apple\" -m MODEL` makes a picture.")]
    #[case(&["darkroom", "ls"], "There is no verb ls: `darkroom models` lists models, `darkroom queue` jobs.")]
    fn usage_errors_are_one_line(#[case] args: &[&str], #[case] expected: &str) {
        assert_eq!(message(args), expected);
    }
}
