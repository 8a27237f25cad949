//! `darkroom generate`: a prompt in, pictures out. Starts the daemon when none runs.

mod flags;
mod help;
mod hint;
mod request;
mod submit;

use std::io::IsTerminal;

use clap::ArgMatches;
use darkroom_client::Client;
use darkroom_protocol::GenerateRequest;
use darkroom_protocol::message::client::Submitted;
use darkroom_protocol::paths::Paths;
use darkroom_tui::graphics::{self, Protocol};

pub use flags::{all_flags, command, flag, local_flags, whole};
pub use hint::is_due as hint_is_due;

use crate::output::{self, Delivery, Made, Report, Target, Wanted};
use crate::progress::Display;
use crate::verbs::{ask_for_previews, history};
use crate::watch::{Interrupts, OnInterrupt, Watch};
use crate::{Error, Result, block_on, say};

pub fn run(matches: &ArgMatches) -> Result<()> {
    let like = matches.get_one::<String>("like").map(|name| history::like(name));
    run_like(matches, like.transpose()?.unwrap_or_default())
}

/// Makes what flags say and, where they say nothing, `like`. `history` comes here too, with flags of its own.
pub fn run_like(matches: &ArgMatches, like: GenerateRequest) -> Result<()> {
    let (mut request, files) = request::build(matches, like, &mut std::io::stdin().lock())?;
    let mut display = Display::new(matches.get_flag("quiet"));
    if let Some(doubt) = request::doubt(&request) {
        display.notice(&doubt);
    }
    let delivery = delivery(matches, &mut request, &mut display)?;
    delivery.check()?;
    if matches.get_flag("preview") {
        ask_for_previews(delivery.report, &mut display);
    }
    let paths = crate::host::paths()?;
    let asked = submit::Asked {
        request,
        files,
        output: delivery.output(),
    };
    block_on(async {
        if matches.get_flag("detach") {
            return detach(&paths, asked, &delivery, matches.get_flag("json"), &mut display).await;
        }
        let hints = matches!(delivery.report, Report::Paths | Report::Nothing);
        let mut interrupts = Interrupts::new()?;
        let (client, submitted, interrupted) = submit_watched(&paths, asked, &mut display, &mut interrupts).await?;
        if let Some(hint) = submitted
            .hint
            .as_ref()
            .filter(|_| hints && !display.is_quiet() && hint::is_due(&paths))
        {
            display.notice(hint);
        }
        if submitted.position > 0 {
            let before = submitted.position;
            display.waiting(&format!("Waiting in the queue: {before} before this one."));
        }
        let job = (submitted.job, submitted.model);
        let interrupts = (interrupts, OnInterrupt::Cancel);
        Watch::new(&paths, client, job, &delivery, &mut display, interrupts)
            .brought_by_daemon(submitted.delivers)
            .follow(interrupted)
            .await
    })
}

/// Hands the job over to be watched; whether the person interrupted meanwhile. The job may be stored already then, so it is
/// not forgotten but ended once the daemon has told its id. A second interruption does not wait for that.
async fn submit_watched(
    paths: &Paths,
    asked: submit::Asked,
    display: &mut Display,
    interrupts: &mut Interrupts,
) -> Result<(Client, Submitted, bool)> {
    let mut interrupted = false;
    let submitting = submit::submit(paths, asked, true, display);
    tokio::pin!(submitting);
    loop {
        tokio::select! {
            submitted = &mut submitting => {
                let (client, submitted) = submitted?;
                return Ok((client, submitted, interrupted));
            }
            () = interrupts.next() => {
                if interrupted {
                    let what = "The job may have been accepted: `darkroom queue` tells.";
                    return Err(Error::Left(what.to_owned()));
                }
                interrupted = true;
                say::note("Cancelling as soon as the daemon has the job. Ctrl-C again does not wait for that.");
            }
        }
    }
}

/// Where the pictures go, with the format that the extension asks for written into the request.
fn delivery(matches: &ArgMatches, request: &mut GenerateRequest, display: &mut Display) -> Result<Delivery> {
    let output = matches.get_one::<String>("output").map(String::as_str);
    let flag = |name| matches.get_flag(name);
    let batch = request.only.map_or(request.batch.unwrap_or(1), |_| 1);
    let (target, format) = output::plan(Wanted {
        output,
        batch,
        made: Made::Asked(request.format),
        force: flag("force"),
    })?;
    request.format = format;
    if flag("detach") && matches!(target, Target::Stdout | Target::Special(_)) {
        let what = "-o - and pipes are written while the command waits: name a file, or leave out --detach.";
        return Err(Error::Usage(what.to_owned()));
    }
    let report = match (&target, flag("json"), flag("events")) {
        (Target::Stdout, false, false) => Report::Nothing,
        (Target::Stdout, ..) => {
            let what = "-o - puts the picture on standard output: leave out --json and --events.";
            return Err(Error::Usage(what.to_owned()));
        }
        (_, true, _) => Report::Json,
        (_, _, true) => Report::Events,
        _ => Report::Paths,
    };
    if target == Target::Stdout && std::io::stdout().is_terminal() {
        let what = "-o - would put a picture's bytes on the terminal: redirect it, or name a file.";
        return Err(Error::Usage(what.to_owned()));
    }
    if flag("show") && report != Report::Paths {
        let what = "--show draws on standard output: leave out --json, --events and -o -.";
        return Err(Error::Usage(what.to_owned()));
    }
    let mut show = flag("show").then(graphics::detect);
    if let Some(word) = show.as_ref().and_then(|found| found.word.as_ref()) {
        display.notice(word);
    }
    if let Some(found) = show.take_if(|found| found.protocol == Protocol::Off) {
        display.notice(&format!("Pictures are not shown: {}.", found.reason));
    }
    Ok(Delivery {
        target,
        batch,
        report,
        show,
    })
}

/// Hands the job over and prints its id.
async fn detach(
    paths: &Paths,
    asked: submit::Asked,
    delivery: &Delivery,
    json: bool,
    display: &mut Display,
) -> Result<()> {
    if let Some(host) = crate::host::chosen().filter(|_| matches!(delivery.target, Target::Files(_))) {
        let name = darkroom_protocol::text::escape_line(&host.name);
        return Err(Error::Usage(format!(
            "-o is written on this machine, which --detach does not wait for: leave it out, and bring the pictures here later with \
             `darkroom -H {name} wait JOB -o FILE`."
        )));
    }
    if asked.output.is_none() && matches!(delivery.target, Target::Files(_)) {
        let what = "The working directory has a name that the daemon cannot be told: give -o an absolute path.";
        return Err(Error::Usage(what.to_owned()));
    }
    let (_, submitted) = submit::submit(paths, asked, false, display).await?;
    let job = submitted.job.to_string();
    if json {
        say::json(&serde_json::json!({ "job": job, "position": submitted.position, "model": submitted.model }))
    } else {
        // A person gets what a double click takes, a program what never changes.
        say::data(&if std::io::stdout().is_terminal() {
            submitted.job.short()
        } else {
            job
        })
    }
}
