use std::sync::Arc;

use darkroom_protocol::event::StateChange;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::{Submit, Submitted};
use darkroom_protocol::{EventKind, GenerateRequest, ImageTask, JobState, Reply, Task, failpoint};

use super::standing::tell_standing;
use super::{blocking, wholly};
use crate::events::Filter;
use crate::expand::{random_seed, resolve};
use crate::server::Context;
use crate::server::session::{Answer, Session, Then};
use crate::store::{Accepted, Waiting};

/// Accepts a job. The reply says that it is durable; events follow it, from the job's first, when they are wanted.
pub async fn submit(session: &Session, submit: Submit) -> Result<Answer, RemoteError> {
    failpoint::hit(1);
    let context = session.context.clone();
    let Submit {
        request_id,
        request,
        watch,
        max_fps,
        max_px,
    } = submit;
    let asked = request.clone();
    let (task, notice) = blocking(move || work_out(&context, &asked)).await?;
    let model = task.model.clone();
    let seq = session.context.bus.seq();
    let context = session.context.clone();
    let accepted = wholly(async move {
        let waiting = |job| Waiting {
            job,
            priority: 0,
            model: task.model.clone(),
            device: task.device.clone(),
        };
        let accepted = context
            .store
            .accept(request_id, &request, &Task::Image(task.clone()))
            .await?;
        if accepted.fresh {
            announce(&context, waiting(accepted.job)).await;
        }
        failpoint::hit(2);
        Ok(accepted)
    });
    let accepted = accepted.await?;
    let reply = Reply::Submitted(Submitted {
        job: accepted.job,
        position: accepted.position,
        model,
        notice,
    });
    let filter = Filter {
        job: Some(accepted.job),
        max_fps,
        max_px,
        kinds: vec![],
    };
    let then = watch.then(|| follow(session, accepted, filter, seq));
    Ok(Answer { reply, then })
}

/// The task that a request comes to, and what the person should know about it.
fn work_out(context: &Arc<Context>, request: &GenerateRequest) -> Result<(ImageTask, Option<String>), RemoteError> {
    request.check().map_err(|e| RemoteError::usage(e.to_string()))?;
    let card = context.catalog.card(request.model.as_deref())?;
    let device = context.dispatch.board().default_device;
    let settings = context.settings.current();
    let task = resolve(request, &card, &settings, &device, random_seed())?;
    let notices: Vec<String> = card.notice.into_iter().chain(context.settings.complaint()).collect();
    Ok((task, Some(notices.join(" ")).filter(|notice| !notice.is_empty())))
}

async fn announce(context: &Context, waiting: Waiting) {
    let change = StateChange {
        state: JobState::Queued,
        failure: None,
    };
    context.bus.publish(waiting.job, EventKind::State(change));
    context.dispatch.accepted(waiting).await;
}

/// Sends the job's events from its first, which came after number `seq`. Of a job that was accepted before, or so long ago that
/// its first are not remembered, how it stands.
fn follow(session: &Session, accepted: Accepted, filter: Filter, seq: u64) -> Then {
    let subscription = session.subscription.clone();
    let context = session.context.clone();
    Box::pin(async move {
        if !(accepted.fresh && subscription.resume(&filter, seq + 1)) {
            tell_standing(&context, &subscription, accepted.job, &filter).await;
        }
    })
}
