//! Which machine's daemon is meant: `-H`, `--host` or `DARKROOM_HOST`, a name that `[hosts]` in config.toml knows or that ssh does.
//! `cli.rs` finds it out before any verb runs; verbs that talk to a daemon take [`paths`], and those that are about a machine are run
//! there ([`run_there`]). How the machine is reached is the client crate's.

use std::ffi::OsString;
use std::process::Command;
use std::sync::OnceLock;

use clap::{Arg, ArgMatches};
use darkroom_daemon::settings::Settings;
use darkroom_protocol::host::Host;
use darkroom_protocol::paths::Paths;
use darkroom_protocol::text::escape_line;

use crate::{Error, Result, say};

/// The variable that names the machine where no flag does.
const VARIABLE: &str = "DARKROOM_HOST";
/// The command that stands for ssh where the settings name none.
const SSH: &str = "DARKROOM_SSH";
/// The name of this machine, for who has set the variable and means this one.
const HERE: &str = "here";
/// Verbs that are about the machine on which they run.
const OF_A_MACHINE: [&str; 4] = ["bench", "daemon", "doctor", "logs"];

static CHOSEN: OnceLock<Host> = OnceLock::new();

/// `-H` before the verb, where `-H` of `generate` is no height.
pub fn short_flag() -> Arg {
    Arg::new("on").short('H').value_name("HOST").help(
        "The daemon of another machine, over ssh: user@box, or a name from [hosts] in config.toml; before the verb",
    )
}

/// `--host`, anywhere.
pub fn long_flag() -> Arg {
    Arg::new("host")
        .long("host")
        .value_name("HOST")
        .global(true)
        .hide(true)
        .help("The same as -H, before or after the verb")
}

/// Finds out which machine is meant, once.
///
/// # Errors
/// [`Error::Usage`] with what is wrong with its name.
pub fn choose(matches: &ArgMatches) -> Result<()> {
    let flag = |name: &str| matches.get_one::<String>(name).cloned();
    let named = flag("on").or_else(|| flag("host"));
    let variable = || std::env::var(VARIABLE).ok().filter(|name| !name.is_empty());
    let (name, source) = match named {
        Some(name) => (name, "-H"),
        None => match variable() {
            Some(name) => (name, VARIABLE),
            None => return Ok(()),
        },
    };
    if name == HERE {
        return Ok(());
    }
    let wrong = |why: String| Error::Usage(format!("{source} {}: {why}.", say::brief(&name, 100)));
    let settings = Paths::from_env()
        .ok()
        .and_then(|paths| Settings::load(&paths.config_file()).ok());
    let known = settings.as_ref().and_then(|settings| settings.hosts.get(&name));
    let ssh = std::env::var(SSH).ok().filter(|command| !command.is_empty());
    let host = match known {
        Some(known) => Host {
            name: name.clone(),
            ..known.clone()
        },
        None => Host::new(&name, ssh.as_deref()).map_err(wrong)?,
    };
    CHOSEN.get_or_init(|| host);
    Ok(())
}

/// The machine that is meant where it is not this one.
pub fn chosen() -> Option<&'static Host> {
    CHOSEN.get()
}

/// The folders of this user, and the machine that is meant.
///
/// # Errors
/// As [`Paths::from_env`].
pub fn paths() -> Result<Paths> {
    Ok(Paths {
        host: chosen().cloned(),
        ..Paths::from_env()?
    })
}

/// Whether a verb is to be run on the machine that is meant.
pub fn is_of_a_machine(verb: &str) -> bool {
    OF_A_MACHINE.contains(&verb)
}

/// Runs the command line there, with this one's input and output.
///
/// # Errors
/// [`Error::Said`] with the exit code that it ended with.
pub fn run_there(host: &Host, arguments: &[OsString]) -> Result<()> {
    let name = escape_line(&host.name).into_owned();
    let mut words = Vec::new();
    for argument in without_host(arguments) {
        let word = argument.to_str();
        words.push(word.ok_or_else(|| Error::Usage(format!("{} is not UTF-8.", argument.to_string_lossy())))?);
    }
    let line = host.command(&words);
    let Some((program, rest)) = line.split_first() else {
        return Err(Error::Failed(format!("{name}: there is no command that leads there.")));
    };
    let status = Command::new(program)
        .args(rest)
        .status()
        .map_err(|e| Error::Unreachable(format!("{name}: `{}` cannot be run: {e}.", escape_line(program))))?;
    match status.code() {
        Some(0) => Ok(()),
        Some(127) => Err(Error::Unreachable(format!(
            "{name}: there is no `darkroom` there: install it with `cargo xtask install`, or say under `[hosts]` in config.toml where it is."
        ))),
        code => Err(Error::Said(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))),
    }
}

/// The arguments after the program's name, without those that name a machine.
fn without_host(arguments: &[OsString]) -> Vec<&OsString> {
    let mut kept = Vec::new();
    let (mut is_before_verb, mut is_over) = (true, false);
    let mut rest = arguments.iter().skip(1);
    while let Some(argument) = rest.next() {
        let text = argument.to_str().unwrap_or_default();
        is_over |= text == "--";
        let is_short = is_before_verb && text.starts_with("-H") && !text.starts_with("--");
        if !is_over && (text == "--host" || (is_short && text == "-H")) {
            rest.next();
            continue;
        }
        if !is_over && (text.starts_with("--host=") || is_short) {
            continue;
        }
        is_before_verb &= text.starts_with('-');
        kept.push(argument);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("darkroom -H box daemon status", "daemon status")]
    #[case("darkroom -Hbox doctor --json", "doctor --json")]
    #[case("darkroom --host box bench -H 64", "bench -H 64")]
    #[case("darkroom logs --host=box -f", "logs -f")]
    #[case("darkroom bench --host box -- --host x", "bench -- --host x")]
    fn a_verb_goes_there_without_the_machines_name(#[case] typed: &str, #[case] there: &str) {
        let words: Vec<OsString> = typed.split(' ').map(OsString::from).collect();
        let kept: Vec<&str> = without_host(&words).iter().map(|w| w.to_str().unwrap()).collect();
        assert_eq!(kept.join(" "), there);
    }
}
