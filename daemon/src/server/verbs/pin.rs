use darkroom_protocol::Reply;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::Load;

use super::load::load;
use super::unload::{name_of, not_there};
use crate::server::session::{Answer, Session};

/// Keeps a model in memory, where it is or on the default device; or keeps it no longer.
pub async fn pin(session: &Session, model: String, pinned: bool) -> Result<Answer, RemoteError> {
    let context = &session.context;
    let name = name_of(context, model.clone()).await?;
    if !pinned {
        let models = context.dispatch.unpin(name).await;
        return if models.is_empty() {
            Err(not_pinned(&model))
        } else {
            Ok(Reply::Released { models }.into())
        };
    }
    let workers = context.dispatch.board().workers;
    let place = workers
        .iter()
        .find(|worker| worker.resident.models.iter().any(|held| held.name == name));
    let wanted = Load {
        model,
        device: place.map(|worker| worker.device.clone()).unwrap_or_default(),
        pinned: true,
        ..Load::default()
    };
    load(session, wanted).await
}

fn not_pinned(model: &str) -> RemoteError {
    let error = not_there(model);
    RemoteError::usage(error.message.replace("is not in memory", "is not pinned"))
}
