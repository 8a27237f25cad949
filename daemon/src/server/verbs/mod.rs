//! What each request does, one file a verb. A reply follows the commit it tells of, and the dispatcher's knowing of it; no verb
//! publishes an event or tells the dispatcher what it did, for another's commit may have come between. [`admit`] and [`obey`] are
//! what a door calls; only submits, which share a wait for the disk, have a way of their own ([`submit()`]).

mod cancel;
mod cancel_all;
mod clear;
mod count_tokens;
mod download;
mod history;
mod job;
mod load;
mod log;
mod log_filter;
mod metrics;
mod model;
mod models;
mod move_to;
mod outlook;
mod pause;
mod pictures;
mod pin;
mod priority;
mod pull;
mod queue;
mod retry;
mod shutdown;
mod standing;
mod status;
mod submit;
mod subscribe;
mod thumbnail;
mod unload;
mod upload;

pub use cancel::cancel;
pub use cancel_all::cancel_all;
pub use clear::clear;
pub use count_tokens::count_tokens;
pub use download::download;
pub use history::{history, picture, tags};
pub use job::{job, kept_job};
pub use load::load;
pub use log::log;
pub use log_filter::log_filter;
pub use metrics::metrics;
pub use model::model;
pub use models::models;
pub use move_to::{move_to, spot};
pub use pause::pause;
pub use pictures::change as change_pictures;
pub use pin::pin;
pub use priority::{check_priority, priority};
pub use pull::{cancel_pull, pull, pulls};
pub use queue::{Order, kept_jobs, queue};
pub use retry::retry;
pub use shutdown::shutdown;
pub use status::status;
pub use submit::{Accepting, submit};
pub use subscribe::subscribe;
pub use thumbnail::thumbnail;
pub use unload::unload;
pub use upload::upload;

use std::sync::Arc;
use std::time::Duration;

use darkroom_protocol::event::QueueChange;
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{FailureKind, JobId, Reply, Request};

use super::Context;
use super::answer::{Answer, Asker};

/// Whether a request may be done at all, with the settings as they are now where it depends on them.
///
/// # Errors
/// Which field is out of its range.
pub async fn admit(context: &Context, request: &Request) -> Result<(), RemoteError> {
    if uses_settings(request) {
        context.settings.refresh().await;
    }
    request.check()
}

/// Does what a request asks that was [admitted](admit).
///
/// # Errors
/// What the peer did wrong or what is in the way, in words.
pub async fn obey(asker: &Asker, request: Request) -> Result<Answer, RemoteError> {
    let context = &asker.context;
    match request {
        Request::Ping {} => Ok(Reply::Pong {}.into()),
        Request::Seen {} => {
            asker.subscription.seen();
            Ok(Reply::Pong {}.into())
        }
        Request::Status {} => Ok(self::status(context).await),
        Request::Submit(submit) => self::submit(asker, submit).await?.await,
        Request::Job { job } => self::job(context, &job).await,
        Request::Queue {
            states,
            limit,
            before,
            in_line,
            ended,
        } => {
            let order = Order::asked(in_line, ended)?;
            self::queue(context, &states, limit, before.as_deref(), order).await
        }
        Request::Cancel { job, after_picture } => self::cancel(context, &job, after_picture).await,
        Request::Subscribe(subscribe) => self::subscribe(asker, subscribe).await,
        Request::Model { model } => self::model(context, model).await,
        Request::CountTokens(what) => self::count_tokens(context, what).await,
        Request::Upload(upload) => self::upload(context, upload).await,
        Request::Download(download) => self::download(&context.store, &download).await,
        Request::Thumbnail(wanted) => self::thumbnail(&context.store, &context.thumbnails, &wanted).await,
        Request::History(look) => self::history(&context.store, &look).await,
        Request::Picture { picture } => self::picture(&context.store, &picture).await,
        Request::Tags {} => self::tags(&context.store).await,
        Request::Star { .. }
        | Request::Tag { .. }
        | Request::Trash { .. }
        | Request::EmptyTrash {}
        | Request::Import { .. }
        | Request::Scan { .. } => change_history(context, request).await,
        Request::Shutdown {} => Ok(self::shutdown(context)),
        Request::Priority { job, priority } => self::priority(context, &job, priority).await,
        Request::Move { job, place } => self::move_to(context, &job, place).await,
        Request::Pause { job } => self::pause(context, job.as_deref(), true).await,
        Request::Resume { job } => self::pause(context, job.as_deref(), false).await,
        Request::Retry { job } => self::retry(context, &job).await,
        Request::Clear { states, dry_run } => self::clear(&context.store, &states, dry_run).await,
        Request::CancelAll {} => self::cancel_all(context).await,
        Request::Log(look) => self::log(&context.store, &context.paths, look).await,
        Request::Metrics {} => self::metrics(context).await,
        Request::LogFilter { filter } => self::log_filter(context, filter.as_deref()),
        Request::Models {} => self::models(context).await,
        Request::Load(load) => self::load(asker, load).await,
        Request::Unload { model, device } => self::unload(context, model, &device).await,
        Request::Pin { model, pinned } => self::pin(asker, model, pinned).await,
        Request::Pull(ask) => self::pull(context, ask).await,
        Request::Pulls {} => self::pulls(context).await,
        Request::CancelPull { pull } => self::cancel_pull(context, pull).await,
    }
}

/// Does what changes history, to its end whoever goes away, and once that holds.
async fn change_history(context: &Arc<Context>, request: Request) -> Result<Answer, RemoteError> {
    let own = context.clone();
    let answer = wholly(async move { change_pictures(&own.store, &own.paths, request).await }).await?;
    context.dispatch.settled().await;
    Ok(answer)
}

/// Whether the answer depends on the settings, so that a change of their file counts for it.
fn uses_settings(request: &Request) -> bool {
    use Request as R;
    matches!(
        request,
        R::Submit(_)
            | R::Load(_)
            | R::Pin { .. }
            | R::Unload { .. }
            | R::Model { .. }
            | R::Models {}
            | R::Pull(_)
            | R::CountTokens(_)
    )
}

/// Files must have answered within this time: less than clients wait.
const DISK: Duration = Duration::from_secs(25);

/// Runs what blocks (files, sums) beside the tasks that must not. A disk that hangs is told, and its reader left to itself.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RemoteError> + Send + 'static,
) -> Result<T, RemoteError> {
    match tokio::time::timeout(DISK, tokio::task::spawn_blocking(work)).await {
        Ok(done) => done.unwrap_or_else(|e| Err(lost(&e))),
        Err(_) => {
            let message = format!(
                "The files do not answer within {} s: is their disk there? Try again when it is.",
                DISK.as_secs()
            );
            Err(RemoteError::new(FailureKind::Disk, message))
        }
    }
}

/// Runs what must not stop half-way when its peer goes away.
async fn wholly<T: Send + 'static>(
    work: impl Future<Output = Result<T, RemoteError>> + Send + 'static,
) -> Result<T, RemoteError> {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|e| Err(lost(&e)))
}

/// How a job stands in the queue now, once that holds.
async fn placed(context: &Context, job: JobId, change: QueueChange) -> Result<Answer, RemoteError> {
    context.dispatch.settled().await;
    Ok(Reply::Placed { job, change }.into())
}

fn lost(error: &tokio::task::JoinError) -> RemoteError {
    tracing::error!("a request was lost: {error}");
    RemoteError::new(
        FailureKind::Internal,
        "The daemon could not finish the request: `darkroom daemon logs` says why.",
    )
}
