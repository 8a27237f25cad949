//! `darkroom metrics`: what the daemon counted, as Prometheus' text format.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command};

use crate::output::write_whole;
use crate::{Error, Result, block_on, say, start};

/// What a collector reads while no daemon runs.
const DOWN: &str = "# HELP darkroom_up 1 while the daemon answers.\n# TYPE darkroom_up gauge\ndarkroom_up 0\n";

pub fn command() -> Command {
    Command::new("metrics")
        .about("Print counters, gauges and histograms as Prometheus' text format")
        .arg(
            Arg::new("output")
                .short('o')
                .long("output")
                .value_name("FILE")
                .value_parser(clap::value_parser!(PathBuf))
                .help("Replace FILE as a whole, also when no daemon runs (darkroom_up 0): for node_exporter's textfile collector; - is standard output"),
        )
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    let paths = crate::host::paths()?;
    match matches.get_one::<PathBuf>("output") {
        None => say::bytes(block_on(async { Ok(start::existing(&paths).await?.metrics().await?) })?.as_bytes()),
        Some(file) => {
            let text = block_on(async {
                match start::find(&paths).await? {
                    Some(daemon) => Ok(daemon.metrics().await?),
                    None => Ok(DOWN.to_owned()),
                }
            });
            write(file, &text?)
        }
    }
}

fn write(file: &Path, text: &str) -> Result<()> {
    if file == Path::new("-") {
        return say::bytes(text.as_bytes());
    }
    // A pipe or a device is written as it is.
    if std::fs::metadata(file).is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
        return std::fs::write(file, text)
            .map_err(|e| Error::Failed(format!("{} cannot be written: {}.", say::shown(file), say::reason(&e))));
    }
    write_whole(file, text.as_bytes()).map_err(|trouble| Error::Failed(format!("{trouble}.")))
}
