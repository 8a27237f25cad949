use darkroom_client::Client;
use darkroom_protocol::message::client::{Submit, Submitted};
use darkroom_protocol::paths::Paths;
use darkroom_protocol::{GenerateRequest, Output};

use crate::progress::{Display, Wish};
use crate::{Error, Result, settings, start};

/// A daemon that dies while it takes the job is replaced so often.
const TRIES: u32 = 3;

/// Hands the job over. The request carries an id, so that a daemon that died after it had stored the job, but before it
/// said so, does not make it twice.
pub(super) async fn submit(
    paths: &Paths,
    request: GenerateRequest,
    output: Option<Output>,
    watch: bool,
    display: &mut Display,
) -> Result<(Client, Submitted)> {
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
        match client.submit(submit.clone()).await.map_err(Error::from) {
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
