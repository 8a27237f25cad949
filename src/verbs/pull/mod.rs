//! `darkroom pull WHAT`: has the daemon fetch a model, and shows how that goes until it is done. `pull list` shows what is on its way and
//! was, `pull cancel` ends one. Here are the words and the waiting; what is fetched from where is `daemon/src/pull`'s. Tokens are taken
//! from the environment, so that none stands in a command line.

mod progress;

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use darkroom_client::Client;
use darkroom_daemon::pull::{NAMES, OfEnvironment as _};
use darkroom_protocol::files::expand_home;
use darkroom_protocol::message::pull::{Access, Pull, PullAsk, PullState};
use darkroom_protocol::text::escape_line;

use self::progress::Line;
use super::json_flag;
use crate::watch::Interrupts;
use crate::{Error, Result, block_on, host, local, say, start};

/// How it goes is looked at so often.
const PAUSE: Duration = Duration::from_millis(200);
/// A daemon that is lost is looked for so often, one after the other.
const LOST: u32 = 20;
/// And one that does not start is started so often.
const STARTS: u32 = 3;

pub fn command() -> Command {
    Command::new("pull")
        .about("Fetch a model: from a Hugging Face hub, CivitAI, an address, or by a short name")
        .long_about(
            "Fetch a model into the folder of models. Only the files that are needed come, in parts side by side; what is finished is \
             never fetched again, also after a restart, and everything is compared with its published SHA-256 before it is put in its \
             place in one step. Nothing else that Darkroom does opens a network connection.\n\n\
             WHAT is owner/repo[:variant][@revision] of the Hugging Face hub (or of HF_ENDPOINT), where a variant is fp16, full or a \
             file's name; civitai:MODEL, civitai:MODEL@VERSION or the address of a model's page on CivitAI; an https address, with \
             #sha256=… after it where one is known; or a short name (--names). Without a variant the fp16 weights are taken where \
             every part has them.\n\n\
             What is not for everybody needs a token, taken from the environment alone: HF_TOKEN (or what `hf auth login` wrote), \
             CIVITAI_TOKEN.",
        )
        .disable_help_subcommand(true)
        .args_conflicts_with_subcommands(true)
        .subcommand_negates_reqs(true)
        .arg(
            Arg::new("what")
                .value_name("WHAT")
                .required_unless_present_any(["list", "names"])
                .help("owner/repo[:variant][@revision], civitai:ID, an address, or a short name"),
        )
        .arg(
            Arg::new("to")
                .long("to")
                .value_name("NAME/FOLDER")
                .help("A name in the folder of models, or a path; ending in /, or a folder that is there: into that"),
        )
        .arg(switch("yes", "Accept the licence that it asks for, without asking").short('y'))
        .arg(switch("detach", "Leave it to the daemon, and print its id"))
        .arg(switch("list", "List what is being fetched, and what was").conflicts_with_all(["what", "to", "yes", "detach"]))
        .arg(switch("names", "List the short names").conflicts_with_all(["what", "to", "yes", "detach", "list"]))
        .arg(json_flag("Print a JSON object a pull"))
        .subcommand(
            Command::new("list")
                .alias("ls")
                .about("List what is being fetched, and what was")
                .arg(json_flag("Print a JSON object a pull")),
        )
        .subcommand(
            Command::new("cancel")
                .about("End a pull, and remove what was fetched of it")
                .arg(
                    Arg::new("pull")
                        .value_name("PULL")
                        .required(true)
                        .num_args(1..)
                        .help("Its id or the beginning of it, or what was asked for"),
                )
                .arg(json_flag("Print a JSON object a pull")),
        )
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    match matches.subcommand() {
        Some(("cancel", matches)) => cancel(matches),
        Some((_, matches)) => list(matches),
        None if matches.get_flag("list") => list(matches),
        None if matches.get_flag("names") => names(),
        None => pull(matches),
    }
}

fn pull(matches: &ArgMatches) -> Result<()> {
    let what = matches.get_one::<String>("what").cloned().unwrap_or_default();
    let to = matches.get_one::<String>("to").map(|to| target(to)).transpose()?;
    // What is set here is of this machine: another one's daemon has an environment of its own.
    let access = match host::chosen() {
        None => Access::of_environment(),
        Some(_) => Access::default(),
    };
    let mut ask = PullAsk {
        what,
        to,
        accept: matches.get_flag("yes"),
        access,
    };
    let json = matches.get_flag("json");
    block_on(async {
        let (mut client, begun) = begin(&ask).await?;
        if matches.get_flag("detach") {
            return match json {
                true => say::json(&begun),
                false => say::data(&begun.id),
            };
        }
        loop {
            let pull = follow(&mut client, &begun.id, &ask).await?;
            if pull.state != PullState::Asks {
                return told(&pull, json);
            }
            say::note(
                pull.notice
                    .as_deref()
                    .unwrap_or("It asks for its licence to be accepted."),
            );
            if !agrees()? {
                return Err(Error::Failed(format!(
                    "The licence was not accepted: nothing was fetched. `darkroom pull {} --yes` accepts it.",
                    escape_line(&ask.what)
                )));
            }
            ask.accept = true;
            (client, _) = begin(&ask).await?;
        }
    })
}

/// Hands it over. The same twice is one pull, so that a daemon which is lost meanwhile may be asked again.
async fn begin(ask: &PullAsk) -> Result<(Client, Pull)> {
    let mut tries = 0;
    loop {
        tries += 1;
        let asked = match start::ensure(&host::paths()?).await {
            Ok(client) => client
                .pull(ask.clone())
                .await
                .map(|pull| (client, pull))
                .map_err(Error::from),
            Err(error) => Err(error),
        };
        match asked {
            Err(error) if tries < LOST && error.is_lost() => tokio::time::sleep(PAUSE).await,
            Err(Error::Unreachable(_)) if tries < STARTS => {}
            other => return other,
        }
    }
}

/// Until it ends or asks. A daemon that is lost is started again and goes on with it.
async fn follow(client: &mut Client, id: &str, ask: &PullAsk) -> Result<Pull> {
    let mut interrupts = Interrupts::new()?;
    let mut line = Line::new();
    loop {
        let pulls = match client.pulls().await {
            Ok(pulls) => pulls,
            Err(error) if darkroom_client::is_lost(&error) => {
                // It brings the tokens again, which the daemon before kept in memory alone.
                (*client, _) = begin(ask).await?;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let Some(pull) = pulls.into_iter().find(|pull| pull.id == id) else {
            return Err(Error::Failed(format!("The pull {id} is not known any more.")));
        };
        line.show(&pull);
        if pull.state.is_final() || pull.state == PullState::Asks {
            line.clear();
            return Ok(pull);
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = interrupts.next() => {
                line.clear();
                return Err(Error::Left(format!("The daemon goes on with it; `darkroom pull cancel {id}` ends it.")));
            }
        }
    }
}

/// What became of it.
fn told(pull: &Pull, json: bool) -> Result<()> {
    if json {
        say::json(pull)?;
    }
    match pull.state {
        PullState::Failed if json => Err(Error::Said(1)),
        PullState::Failed => Err(Error::Failed(pull.problem.clone().unwrap_or_default())),
        PullState::Cancelled => Err(Error::Cancelled(format!("The pull {} was ended.", pull.id))),
        _ if json => Ok(()),
        _ => {
            if let Some(notice) = &pull.notice {
                say::note(notice);
            }
            if !pull.licence.is_empty() {
                say::note(&format!("Licence: {}", pull.licence));
            }
            say::path(Path::new(&pull.to))
        }
    }
}

/// Whether the person at the terminal agrees.
fn agrees() -> Result<bool> {
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Ok(false);
    }
    let failed = |e: std::io::Error| Error::Failed(format!("The terminal cannot be asked: {e}."));
    let mut stderr = std::io::stderr();
    write!(stderr, "Do you accept it? [y/N] ")
        .and_then(|()| stderr.flush())
        .map_err(failed)?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(failed)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

fn list(matches: &ArgMatches) -> Result<()> {
    block_on(async {
        let client = start::kept(&host::paths()?).await?;
        let pulls = client.pulls().await?;
        if matches.get_flag("json") {
            return pulls.iter().try_for_each(say::json);
        }
        if pulls.is_empty() {
            say::note("Nothing was pulled: `darkroom pull --names` lists what can be by a short name.");
        }
        pulls.iter().try_for_each(|pull| say::data(&progress::row(pull)))
    })
}

fn cancel(matches: &ArgMatches) -> Result<()> {
    let names = matches.get_many::<String>("pull").into_iter().flatten();
    block_on(async {
        let client = start::kept(&host::paths()?).await?;
        for name in names {
            let pull = client.cancel_pull(name).await?;
            match (matches.get_flag("json"), pull.state) {
                (true, _) => say::json(&pull)?,
                (false, PullState::Cancelled) => say::note(&format!(
                    "The pull {} is ended, and what it had fetched is gone.",
                    pull.id
                )),
                (false, _) => say::note(&format!(
                    "The pull {} had been done already: {} stays.",
                    pull.id,
                    escape_line(&pull.to)
                )),
            }
        }
        Ok(())
    })
}

fn names() -> Result<()> {
    NAMES.iter().try_for_each(|name| {
        let line = format!(
            "{:<13}  {:>8}  {:<32}  {:<22}  {}",
            name.name, name.size, name.family, name.licence, name.what
        );
        say::data(&line)
    })
}

/// `--to` as the daemon understands it: a path is absolute, a name stays one.
fn target(to: &str) -> Result<String> {
    let is_path = to.starts_with('/')
        || to.starts_with('~')
        || [".", ".."].contains(&to)
        || ["./", "../"].iter().any(|up| to.starts_with(up));
    if !is_path || host::chosen().is_some() {
        return Ok(to.to_owned());
    }
    let path = expand_home(to, local::home().as_deref());
    let wrong = |why: &str| Error::Usage(format!("--to {}: {why}.", escape_line(to)));
    let absolute = std::path::absolute(&path).map_err(|e| wrong(&e.to_string()))?;
    // Dots are followed here, where they mean something.
    let absolute = match absolute.canonicalize() {
        Ok(there) => there,
        Err(_) => absolute,
    };
    let mut text = absolute
        .into_os_string()
        .into_string()
        .map_err(|_| wrong("the path is not UTF-8"))?;
    if to.ends_with('/') && !text.ends_with('/') {
        text.push('/');
    }
    Ok(text)
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}
