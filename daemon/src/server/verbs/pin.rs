//! The verb `pin`: a model stays in memory, or need not any more. Pinning is a load that stays.

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::Load;
use darkroom_protocol::{Reply, WorkerStatus};

use super::load::load;
use super::unload::{is_not, named, until_none};
use crate::dispatch::Held;
use crate::server::answer::{Answer, Asker};

/// Keeps a model in memory, where it is or on the default device; or keeps it no longer.
pub async fn pin(asker: &Asker, model: String, pinned: bool) -> Result<Answer, RemoteError> {
    let context = &asker.context;
    let named = named(context, model.clone()).await?;
    if !pinned {
        let models = context.dispatch.unpin(named).await?;
        if models.is_empty() {
            return Err(is_not(&model, "pinned"));
        }
        until_none(context, &models, "", |held| held.pinned).await;
        return Ok(Reply::Released { models }.into());
    }
    let workers = context.dispatch.board().workers;
    let all = workers.iter().flat_map(|worker| &worker.resident.models);
    let held: Vec<Held> = all.map(|model| (model.name.clone(), model.source.clone())).collect();
    let found = named.among(&held)?;
    let has = |worker: &&WorkerStatus| {
        worker
            .resident
            .models
            .iter()
            .any(|held| Some(&held.source) == found.as_ref())
    };
    let wanted = Load {
        model: found.as_ref().map_or(model, |source| source.given().to_owned()),
        device: workers
            .iter()
            .find(has)
            .map(|worker| worker.device.clone())
            .unwrap_or_default(),
        pinned: true,
        ..Load::default()
    };
    load(asker, wanted).await
}
