//! The verb `submit`: a request is worked out into a task and given to the store. Its place is drawn before the disk is waited for,
//! so that many submits share one wait; `session` sees to their order.

use std::io::BufReader;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use darkroom_formats::input;
use darkroom_protocol::lora::{Lora, without_tags};
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::message::client::{Submit, Submitted};
use darkroom_protocol::text::escape_line;
use darkroom_protocol::{
    EventKind, FailureKind, GenerateRequest, ImageTask, ModelCard, ModelSource, Output, PartFile, PartRole,
    PromptSyntax, Reply, Task, failpoint, hires, upscaler,
};

use super::blocking;
use super::standing::tell_standing;
use crate::catalog::{NO_MODEL, embeddings};
use crate::deliver::agree;
use crate::dispatch::Board;
use crate::events::{Filter, Subscription};
use crate::expand::{notices, random_seed, resolve, unused};
use crate::server::Context;
use crate::server::answer::{Answer, Asker, Then};
use crate::store::Accepted;

/// Told to whoever submits to a paused queue.
const PAUSED: &str = "The queue is paused: `darkroom queue resume` lets it go on.";

/// The folder of an output is looked at for so long.
const LOOK: Duration = Duration::from_secs(5);

/// A submit that has its place among all others: what is left is to wait for the disk and to tell.
pub type Accepting = Pin<Box<dyn Future<Output = Result<Answer, RemoteError>> + Send>>;

/// Works a request out and hands it to the store. Once this returns the job has its place before whatever is submitted later;
/// the answer says that it is durable. Events follow it, from the job's first, when they are wanted.
pub async fn submit(asker: &Asker, submit: Submit) -> Result<Accepting, RemoteError> {
    failpoint::hit(1);
    let Submit {
        request_id,
        request,
        watch,
        max_fps,
        max_px,
        output,
    } = submit;
    let (request, output, delivers) = destined(request, output, watch).await?;
    let WorkedOut { task, told, short } = work_out(&asker.context, &request).await?;
    let model = task.what.model.clone();
    let (context, subscription) = (asker.context.clone(), asker.subscription.clone());
    let seq = context.bus.seq();
    let accepting = context
        .store
        .accept_for(request_id, &request, &Task::Image(task), output.as_ref());
    Ok(Box::pin(async move {
        let accepted = accepting.await?;
        failpoint::hit(2);
        let reply = Reply::Submitted(Submitted {
            job: accepted.job,
            position: accepted.position,
            model,
            notice: told.notice,
            hint: told.hint,
            complaint: told.complaint,
            delivers,
        });
        let filter = Filter {
            of: Some(accepted.job.into()),
            max_fps,
            max_px,
            paced: false,
            kinds: vec![],
        };
        let then = watch.then(|| follow(context, subscription, accepted, filter, (seq, short)));
        Ok(Answer { reply, then })
    }))
}

/// What a request comes to.
struct WorkedOut {
    task: ImageTask,
    /// What the person should know about it.
    told: Told,
    /// The part of that about what keeps everything waiting.
    short: Option<String>,
}

/// A request with the format that its output says, the output where this daemon brings the pictures there, and whether it does.
/// Pictures that nobody waits for must not depend on who watches.
async fn destined(
    mut request: GenerateRequest,
    output: Option<Output>,
    watched: bool,
) -> Result<(GenerateRequest, Option<Output>, bool), RemoteError> {
    let Some(output) = output else {
        return Ok((request, None, false));
    };
    let path = output.path.clone();
    let looking = blocking(move || {
        let delivers = agree(&output, &mut request).map_err(RemoteError::usage)?;
        Ok((request, delivers.then_some(output), delivers))
    });
    let looked = tokio::time::timeout(LOOK, looking).await;
    let silent = |_| {
        let path: String = escape_line(&path).chars().take(200).collect();
        let what = format!("The folder of {path} does not answer: name another one.");
        RemoteError::new(FailureKind::Disk, what)
    };
    let (request, output, delivers) = looked.map_err(silent)??;
    if !delivers && !watched {
        return Err(RemoteError::usage(
            "The daemon is on another machine and cannot write there: leave out --detach, or use `darkroom wait JOB -o PATH` later.",
        ));
    }
    Ok((request, output, delivers))
}

/// The task that a request comes to, and what the person should know about it. The disk is asked beside the tasks that must
/// not wait, and only where the model is on it.
async fn work_out(context: &Arc<Context>, request: &GenerateRequest) -> Result<WorkedOut, RemoteError> {
    let alone = denoiser_alone(context, request).await?;
    let request = alone.as_ref().unwrap_or(request);
    let model = request.model.as_deref();
    let card = match context.catalog.at_hand(model) {
        Some(card) => card?,
        None => {
            let (context, model) = (context.clone(), request.model.clone());
            blocking(move || context.catalog.card(model.as_deref())).await?
        }
    };
    let (card, parts) = parts(context, request, card).await?;
    let input = looked(context, "init_image", request.init_image.clone()).await?;
    looked(context, "mask", request.mask.clone()).await?;
    let framed = framed(context, request).await?;
    let request = framed.as_ref().unwrap_or(request);
    let found = upscaler(context, request).await?;
    let request = found.as_ref().unwrap_or(request);
    let board = context.dispatch.board();
    check_needs(request, &board.capabilities)?;
    let loras = loras(context, request).await?;
    let settings = context.settings.current();
    let mut task = resolve(request, &card, &settings, &board.default_device, input, random_seed())?;
    task.what.loras = loras;
    task.what.parts = parts;
    if !settings.models.is_empty() && task.what.syntax != PromptSyntax::Plain {
        let folders = settings.models.clone();
        let texts = [without_tags(&task.what.prompt), without_tags(&task.what.negative)];
        task.inputs.embeddings = blocking(move || embeddings(&folders, &[&texts[0], &texts[1]])).await?;
    }
    let short = board.line.short.clone();
    let told = Told {
        notice: notice(&card, [notices(&task), unused(request, &task)].concat(), board),
        hint: card.notice.filter(|notice| notice == NO_MODEL),
        complaint: context.settings.complaint(),
    };
    Ok(WorkedOut { task, told, short })
}

/// The request with its denoiser as the model, where it names no other; the disk is asked only then.
async fn denoiser_alone(
    context: &Arc<Context>,
    request: &GenerateRequest,
) -> Result<Option<GenerateRequest>, RemoteError> {
    if request.denoiser.is_none() {
        return Ok(None);
    }
    let (context, request) = (context.clone(), request.clone());
    blocking(move || context.catalog.denoiser_as_model(&request).transpose()).await
}

/// The components of the model that come from files of their own, and the model's card with them. Where none are asked for, only
/// beside a model in one file is looked for a VAE.
async fn parts(
    context: &Arc<Context>,
    request: &GenerateRequest,
    card: ModelCard,
) -> Result<(ModelCard, Vec<PartFile>), RemoteError> {
    let names_any = request.vae.is_some() || request.text_encoders.is_some() || request.denoiser.is_some();
    if !names_any && card.lacks.is_empty() && !matches!(card.source, ModelSource::File(_)) {
        return Ok((card, Vec::new()));
    }
    request.check().map_err(|e| RemoteError::usage(e.to_string()))?;
    let (context, request) = (context.clone(), request.clone());
    blocking(move || {
        let parts = context.catalog.parts(&request, &card)?;
        if parts.is_empty() && card.lacks.is_empty() {
            return Ok((card, parts));
        }
        let mut whole = context.catalog.with_parts(&card, &parts)?;
        // Whoever named none is told of the one that was found.
        if let (None, Some(vae)) = (&request.vae, parts.iter().find(|part| part.role == PartRole::Vae)) {
            let line = format!(
                "Using the VAE {} beside the model; --vae none takes the model's own.",
                escape_line(&vae.name)
            );
            whole.notice = Some(whole.notice.map_or(line.clone(), |notice| format!("{notice} {line}")));
        }
        Ok((whole, parts))
    })
    .await
}

/// The request with its upscalers as a task has them; `None` where there is nothing to find.
async fn upscaler(context: &Arc<Context>, request: &GenerateRequest) -> Result<Option<GenerateRequest>, RemoteError> {
    let last = request
        .upscaler
        .clone()
        .filter(|upscaler| upscaler::known(upscaler).is_none());
    let between = request
        .hires_upscaler
        .clone()
        .filter(|upscaler| hires::known(upscaler).is_none());
    if last.is_none() && between.is_none() {
        return Ok(None);
    }
    let (context, mut found) = (context.clone(), request.clone());
    let looking = blocking(move || {
        let find = |given: Option<String>| given.map(|given| context.catalog.upscaler(&given)).transpose();
        Ok((find(last)?, find(between)?))
    });
    let (last, between) = looking.await?;
    found.upscaler = last.or(found.upscaler);
    found.hires_upscaler = between.or(found.hires_upscaler);
    Ok(Some(found))
}

/// The request with what the mask editor drew around its mask, where that says what is added to the picture and nobody says it otherwise.
async fn framed(context: &Arc<Context>, request: &GenerateRequest) -> Result<Option<GenerateRequest>, RemoteError> {
    let Some(mask) = request.mask.clone().filter(|_| request.outpaint.is_none()) else {
        return Ok(None);
    };
    let context = context.clone();
    let frame = blocking(move || {
        let file = context
            .uploads
            .file(&mask)
            .map(|path| darkroom_protocol::files::open(&path));
        let file = file.transpose().map_err(|e| RemoteError::usage(e.to_string()))?;
        Ok(file.and_then(|file| input::frame(BufReader::new(file))))
    });
    Ok(frame.await?.map(|frame| GenerateRequest {
        outpaint: Some(frame.words()),
        ..request.clone()
    }))
}

/// The LoRAs that the request names; the disk is asked only where it names any.
async fn loras(context: &Arc<Context>, request: &GenerateRequest) -> Result<Vec<Lora>, RemoteError> {
    let names_any = |prompt: &Option<String>| {
        prompt
            .as_deref()
            .is_some_and(|prompt| without_tags(prompt).len() < prompt.len())
    };
    if request.loras.is_none() && !names_any(&request.prompt) && !names_any(&request.negative_prompt) {
        return Ok(Vec::new());
    }
    request.check().map_err(|e| RemoteError::usage(e.to_string()))?;
    let (context, request) = (context.clone(), request.clone());
    blocking(move || context.catalog.loras(&request)).await
}

/// Width and height of the picture that was uploaded as `sha256`, for that row.
fn look(context: &Context, row: &str, sha256: &str) -> Result<(u32, u32), RemoteError> {
    let named: String = escape_line(sha256).chars().take(12).collect();
    let wrong = |what: String| RemoteError::usage(format!("{row} {named}…: {what}."));
    let path = context
        .uploads
        .file(sha256)
        .ok_or_else(|| wrong("no such file was uploaded: send it first".to_owned()))?;
    let file = darkroom_protocol::files::open(&path).map_err(|e| wrong(e.to_string()))?;
    input::look(BufReader::new(file)).map_err(|problem| wrong(problem.to_string()))
}

/// The same of the picture that a row names, where it names one.
async fn looked(
    context: &Arc<Context>,
    row: &'static str,
    sha256: Option<String>,
) -> Result<Option<(u32, u32)>, RemoteError> {
    let Some(sha256) = sha256 else {
        return Ok(None);
    };
    let context = context.clone();
    blocking(move || look(&context, row, &sha256)).await.map(Some)
}

/// Refuses what no worker here can do. Before the first one has told what it can, everything waits for it.
fn check_needs(request: &GenerateRequest, capabilities: &[String]) -> Result<(), RemoteError> {
    match request.unmet(capabilities) {
        Some(row) if !capabilities.is_empty() => Err(RemoteError::usage(format!(
            "--{} needs a worker with {}, and none here has it: leave it out.",
            row.flag, row.needs
        ))),
        _ => Ok(()),
    }
}

/// What the person is told besides.
struct Told {
    notice: Option<String>,
    hint: Option<String>,
    complaint: Option<String>,
}

/// One line about this job: what its model's card has to say, what the task's own words say, whether the queue is paused, and
/// what keeps everything waiting.
fn notice(card: &ModelCard, about: Vec<String>, board: Board) -> Option<String> {
    let of_card = card.notice.clone().filter(|notice| *notice != NO_MODEL);
    let paused = board.line.paused.then(|| PAUSED.to_owned());
    let notices: Vec<String> = of_card
        .into_iter()
        .chain(about)
        .chain(paused)
        .chain(board.line.short)
        .collect();
    (!notices.is_empty()).then(|| notices.join(" "))
}

/// Sends the job's events from its first, which came after number `seq`, and what has become short since `known` was told. Of a job that was accepted before, or so long ago that
/// its first are not remembered, how it stands.
fn follow(
    context: Arc<Context>,
    subscription: Arc<Subscription>,
    accepted: Accepted,
    filter: Filter,
    (seq, known): (u64, Option<String>),
) -> Then {
    Box::pin(async move {
        if !(accepted.fresh && subscription.resume(&filter, seq + 1)) {
            return tell_standing(&context, &subscription, accepted.job, &filter).await;
        }
        // What became short between the notice and the first event that it follows.
        if let Some(short) = context
            .dispatch
            .board()
            .line
            .short
            .filter(|short| known.as_ref() != Some(short))
        {
            subscription.tell(accepted.job, EventKind::Notice(short));
        }
    })
}
