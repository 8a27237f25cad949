//! What verbs on several jobs share: the argument, the ids, and one request after the other. `moves.rs`, `pause.rs`,
//! `priority.rs`, `retry.rs` and `verbs/cancel.rs` use it; `wait` takes the argument and the ids alone. Which job an id means is
//! found by the daemon.

use clap::builder::NonEmptyStringValueParser;
use clap::{Arg, ArgMatches};
use darkroom_client::Client;

use crate::{Error, Result, say};

/// One or more jobs' ids.
pub fn jobs_argument() -> Arg {
    Arg::new("job")
        .value_name("JOB")
        .num_args(1..)
        // An empty variable in a script is told before anything is done.
        .value_parser(NonEmptyStringValueParser::new())
        .help("Jobs' ids or the beginnings of them; @last, @2 for the second newest, @running")
}

/// The ids that were given.
pub fn ids(matches: &ArgMatches) -> Vec<String> {
    let ids = matches.get_many::<String>("job").into_iter().flatten();
    ids.cloned().collect()
}

/// Does `work` to every job in turn. One that is refused does not keep the others from it.
///
/// # Errors
/// Of a single job its own; of several [`Error::Said`] with the first one's code when some were refused. A daemon that is gone ends it.
pub async fn each(
    client: &Client,
    jobs: &[String],
    mut work: impl AsyncFnMut(&Client, &str) -> Result<()>,
) -> Result<()> {
    let mut refused = None;
    for job in jobs {
        match work(client, job).await {
            Err(error @ Error::Wire(darkroom_protocol::Error::Remote(_))) if jobs.len() > 1 => {
                say::error(&error);
                refused.get_or_insert(error.code());
            }
            other => other?,
        }
    }
    refused.map_or(Ok(()), |code| Err(Error::Said(code)))
}
