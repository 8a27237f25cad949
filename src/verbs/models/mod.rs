//! `darkroom models …`: what there is, what is in memory, and bringing one in or out.

mod list;
mod load;
mod ps;
mod unload;

use clap::builder::NonEmptyStringValueParser;
use clap::{Arg, ArgMatches, Command};
use darkroom_protocol::params::find;

use super::generate::flag;
use super::json_flag;
use crate::{Result, local};

pub use ps::rows;

pub fn command() -> Command {
    Command::new("models")
        .about("List models; bring one into memory, keep it there, remove it")
        .disable_help_subcommand(true)
        .arg(json_flag("Print a JSON object a model"))
        .subcommand(
            Command::new("list")
                .alias("ls")
                .about("List the models that -m can name")
                .arg(json_flag("Print a JSON object a model")),
        )
        .subcommand(
            Command::new("ps")
                .about("List the models in memory: where, how large, and why")
                .arg(json_flag("Print a JSON object a device")),
        )
        .subcommand(
            Command::new("load")
                .about("Bring a model into memory")
                .arg(model())
                .args(
                    ["device", "dtype", "quant", "keep_alive"]
                        .iter()
                        .filter_map(|name| find(name))
                        .map(flag),
                )
                .arg(switch("pin", "Keep it until it is unpinned"))
                .arg(json_flag("Print an event a line")),
        )
        .subcommand(
            Command::new("unload")
                .alias("stop")
                .about("Remove a model from memory, or stop loading it; a job that uses it ends first")
                .arg(model().required(false).required_unless_present("all"))
                .arg(switch("all", "Every model").conflicts_with("model"))
                .arg(switch("no-wait", "Do not wait until the jobs that use them have ended"))
                .args(find("device").map(flag))
                .arg(json_flag("Print the names as a JSON array")),
        )
        .subcommand(
            Command::new("pin")
                .about("Keep a model in memory until it is unpinned; loads it where it is not there")
                .arg(model())
                .arg(json_flag("Print an event a line")),
        )
        .subcommand(
            Command::new("unpin")
                .about("Let a pinned model go when its time is over or its room is needed")
                .arg(model())
                .arg(json_flag("Print the names as a JSON array")),
        )
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    match matches.subcommand() {
        Some(("ps", matches)) => ps::run(matches),
        Some(("load", matches)) => load::run(matches),
        Some(("pin", matches)) => load::pin(matches),
        Some(("unload", matches)) => unload::run(matches),
        Some(("unpin", matches)) => unload::unpin(matches),
        Some((_, matches)) => list::run(matches),
        None => list::run(matches),
    }
}

fn model() -> Arg {
    Arg::new("model")
        .value_name("MODEL")
        .required(true)
        // An empty name would mean every model.
        .value_parser(NonEmptyStringValueParser::new())
        .help("A model's folder or .safetensors file, or its name")
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(clap::ArgAction::SetTrue).help(help)
}

/// The model that is named, a path seen from here; empty when there is none.
fn named(matches: &ArgMatches) -> Result<String> {
    let name = matches.try_get_one::<String>("model").ok().flatten();
    name.map_or_else(|| Ok(String::new()), |name| local::model(name))
}
