//! Hands a job to the daemon: the files that it needs, then the request under an id, again where the daemon dies meanwhile.
//! `mod.rs` calls it, with `--detach` and without. Ctrl-C meanwhile is dealt with in `mod.rs`; the job is watched in
//! `src/watch/`.

use darkroom_client::{Client, upload};
use darkroom_protocol::message::client::{Submit, Submitted};
use darkroom_protocol::paths::Paths;
use darkroom_protocol::{GenerateRequest, Output};

use crate::progress::{Display, Wish};
use crate::{Result, settings, start};

/// A daemon that dies while it takes the job is replaced so often.
const TRIES: u32 = 3;

/// What is asked for.
pub(super) struct Asked {
    pub request: GenerateRequest,
    /// The files that the request names by their hashes.
    pub files: Vec<Vec<u8>>,
    pub output: Option<Output>,
}

/// Sends the files first: a job is taken only with all that it needs.
async fn send(client: &Client, files: &[Vec<u8>], submit: Submit) -> Result<Submitted> {
    for bytes in files {
        upload(client, bytes).await?;
    }
    Ok(client.submit(submit).await?)
}

/// Hands the job over. The request carries an id, so that a daemon that died after it had stored the job, but before it
/// said so, does not make it twice.
pub(super) async fn submit(
    paths: &Paths,
    asked: Asked,
    watch: bool,
    display: &mut Display,
) -> Result<(Client, Submitted)> {
    let Asked { request, files, output } = asked;
    let Wish { max_fps, max_px } = display.wish();
    let submit = Submit {
        request_id: darkroom_protocol::id::fresh(),
        request,
        watch,
        max_fps,
        max_px,
        output,
    };
    let mut tries = 1;
    loop {
        let client = start::ensure(paths).await?;
        match send(&client, &files, submit.clone()).await {
            Ok(submitted) => {
                if let Some(notice) = &submitted.notice {
                    display.notice(notice);
                }
                // Its own settings file a daemon elsewhere alone can tell of; ours was told before.
                if let Some(complaint) = submitted.complaint.as_ref().filter(|_| !settings::is_wrong(paths)) {
                    display.warn(complaint);
                }
                return Ok((client, submitted));
            }
            Err(e) if e.is_lost() && tries < TRIES => {
                display.warn(&format!("{e} Trying again."));
                tries += 1;
            }
            Err(e) => return Err(e),
        }
    }
}
