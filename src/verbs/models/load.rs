//! `models load` and `models pin`: both start a daemon where none runs, and follow the load's events until the model is in
//! memory. `mod.rs` calls them. The opposites are in `unload.rs`; the daemon's part is `dispatch/loads.rs`.

use clap::ArgMatches;
use darkroom_client::Client;
use darkroom_protocol::message::client::{Load, Loading};
use darkroom_protocol::text::escape_line;
use darkroom_protocol::{EventKind, GenerateRequest, LoadState, Subject};

use super::named;
use crate::watch::Interrupts;
use crate::{Error, Result, block_on, say, start, typed};

/// Brings a model into memory and waits until it is there; Ctrl-C stops that.
pub fn run(matches: &ArgMatches) -> Result<()> {
    let mut request = GenerateRequest::default();
    for name in ["device", "dtype", "quant", "keep_alive"] {
        if let Some(text) = matches.get_one::<String>(name) {
            typed::set(&mut request, name, text)?;
        }
    }
    let load = Load {
        model: named(matches)?,
        device: request.device.unwrap_or_default(),
        dtype: request.dtype,
        quant: request.quant.unwrap_or_default(),
        keep_alive: request.keep_alive,
        pinned: matches.get_flag("pin"),
    };
    block_on(async {
        let client = start::ensure(&crate::host::paths()?).await?;
        let (asked, pinned) = (load.model.clone(), load.pinned);
        let loading = client.load(load).await?;
        follow(&client, &asked, &loading, pinned, matches.get_flag("json")).await
    })
}

/// Keeps a model in memory until it is unpinned.
pub fn pin(matches: &ArgMatches) -> Result<()> {
    let model = named(matches)?;
    block_on(async {
        let client = start::ensure(&crate::host::paths()?).await?;
        let loading = client.pin(&model).await?;
        follow(&client, &model, &loading, true, matches.get_flag("json")).await
    })
}

/// Until the model that was `asked` for is there.
async fn follow(client: &Client, asked: &str, loading: &Loading, pinned: bool, json: bool) -> Result<()> {
    let mut interrupts = Interrupts::new()?;
    loop {
        let event = tokio::select! {
            event = client.next_event() => event?,
            () = interrupts.next() => {
                client.unload(asked, &loading.device).await?;
                continue;
            }
        };
        if event.of != Subject::Load(loading.load) {
            continue;
        }
        if json {
            say::json(&crate::output::flat(&event)?)?;
        }
        match event.kind {
            EventKind::Notice(line) | EventKind::Warning(line) => say::note(&line),
            EventKind::Load(change) if change.state.is_final() => {
                let name = escape_line(&loading.model);
                return match (change.state, change.failure) {
                    (LoadState::Loaded, _) if json => Ok(()),
                    (LoadState::Loaded, _) if pinned => {
                        say::note(&format!(
                            "{name} is in memory and stays there: `darkroom models unpin` lets it go."
                        ));
                        Ok(())
                    }
                    (LoadState::Loaded, _) => {
                        say::note(&format!("{name} is in memory."));
                        Ok(())
                    }
                    (_, Some(failure)) => Err(Error::Job(failure)),
                    _ => Err(Error::Cancelled(format!("{name} is not loaded: that was stopped."))),
                };
            }
            _ => {}
        }
    }
}
