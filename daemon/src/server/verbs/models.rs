use std::sync::Arc;

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{Reply, Residency};

use super::blocking;
use crate::server::Context;
use crate::server::answer::Answer;

/// The models that requests can name, and where each is in memory.
pub async fn models(context: &Arc<Context>) -> Result<Answer, RemoteError> {
    let workers = context.dispatch.board().workers;
    let context = context.clone();
    let mut models = blocking(move || Ok(context.catalog.list())).await?;
    for model in &mut models {
        let has = |resident: &Residency| resident.models.iter().any(|held| held.source == model.source);
        let devices = workers.iter().filter(|worker| has(&worker.resident));
        model.resident = devices.map(|worker| worker.device.clone()).collect();
    }
    Ok(Reply::Models(models).into())
}
