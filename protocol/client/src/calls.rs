//! One method of [`Client`] a request, with the answer it has. Lists are read page after page, since an answer holds about a MiB.

use std::collections::HashSet;

use darkroom_protocol::event::QueueChange;
use darkroom_protocol::history::EntryDetail;
use darkroom_protocol::message::client::{
    CountTokens, Download, FoundModel, Load, Loading, Piece, Status, Submit, Submitted, Subscribe, TokenCount, Upload,
};
use darkroom_protocol::message::history::{Album, Look, Scanned, Thumbnail};
use darkroom_protocol::message::log::{LogLook, LogPage};
use darkroom_protocol::message::pull::{Pull, PullAsk};
use darkroom_protocol::{Error, Job, JobId, JobState, ModelCard, Reply, Request, Result};

use super::Client;

/// A reply of another kind than the request's: the daemon is broken or of another build.
fn unexpected(reply: &Reply) -> Error {
    let shown = format!("{reply:?}");
    let kind = shown.split([' ', '(', '{']).next().unwrap_or_default();
    Error::Malformed(format!(
        "the reply `{kind}` does not answer the request: run `darkroom daemon restart`"
    ))
}

macro_rules! answer {
    ($reply:expr, $pattern:pat => $value:expr) => {
        match $reply {
            $pattern => Ok($value),
            other => Err(unexpected(&other)),
        }
    };
}

impl Client {
    /// What the daemon is doing.
    pub async fn status(&self) -> Result<Status> {
        answer!(self.call(Request::Status {}).await?, Reply::Status(status) => status)
    }

    /// Hands over a job; it is durable once this returns.
    pub async fn submit(&self, submit: Submit) -> Result<Submitted> {
        answer!(self.call(Request::Submit(submit)).await?, Reply::Submitted(submitted) => submitted)
    }

    /// One job, by id or unique prefix.
    pub async fn job(&self, job: &str) -> Result<Job> {
        let job = job.to_owned();
        answer!(self.call(Request::Job { job }).await?, Reply::Job(job) => *job)
    }

    /// Jobs, newest first.
    pub async fn queue(&self, states: Vec<JobState>, limit: u32) -> Result<Vec<Job>> {
        self.jobs(states, limit, false, false).await
    }

    /// Jobs that run, then those that wait, in the order in which they run.
    pub async fn line(&self, limit: u32) -> Result<Vec<Job>> {
        self.jobs(vec![], limit, true, false).await
    }

    /// Jobs that have ended, the last to end first.
    pub async fn ended(&self, limit: u32) -> Result<Vec<Job>> {
        self.jobs(vec![], limit, false, true).await
    }

    /// Page after page, as an answer holds about a MiB. A job that moves between two pages is there once.
    async fn jobs(&self, states: Vec<JobState>, limit: u32, in_line: bool, ended: bool) -> Result<Vec<Job>> {
        let mut jobs: Vec<Job> = Vec::new();
        let mut before = None;
        loop {
            let request = Request::Queue {
                states: states.clone(),
                limit: limit - jobs.len() as u32,
                before: before.take(),
                in_line,
                ended,
            };
            let page = answer!(self.call(request).await?, Reply::Queue(page) => page)?;
            let known: HashSet<JobId> = jobs.iter().map(|job| job.id).collect();
            jobs.extend(page.jobs.into_iter().filter(|job| !known.contains(&job.id)));
            before = page.next;
            if before.is_none() || jobs.len() as u32 >= limit {
                return Ok(jobs);
            }
        }
    }

    /// Ends a job, at once or after the picture that it is making: its id and the state it is in now.
    pub async fn cancel(&self, job: &str, after_picture: bool) -> Result<(JobId, JobState)> {
        let job = job.to_owned();
        let request = Request::Cancel { job, after_picture };
        answer!(self.call(request).await?, Reply::Cancelling { job, state } => (job, state))
    }

    /// Ends every job: how many waited and how many ran.
    pub async fn cancel_all(&self) -> Result<(u64, u64)> {
        answer!(self.call(Request::CancelAll {}).await?, Reply::CancellingAll { waiting, running } => (waiting, running))
    }

    /// Changes how a job stands in the queue, by [`Request::Priority`], [`Request::Move`], [`Request::Retry`], or
    /// [`Request::Pause`] and [`Request::Resume`] with a job: its id and how it stands now.
    pub async fn place(&self, request: Request) -> Result<(JobId, QueueChange)> {
        answer!(self.call(request).await?, Reply::Placed { job, change } => (job, change))
    }

    /// Pauses the whole queue, or lets it go on.
    pub async fn pause_queue(&self, pause: bool) -> Result<bool> {
        let request = if pause {
            Request::Pause { job: None }
        } else {
            Request::Resume { job: None }
        };
        answer!(self.call(request).await?, Reply::Paused { paused } => paused)
    }

    /// Takes ended jobs off the list, or only counts them: how many, and how many stay.
    pub async fn clear(&self, states: Vec<JobState>, dry_run: bool) -> Result<(u64, u64)> {
        let request = Request::Clear { states, dry_run };
        answer!(self.call(request).await?, Reply::Cleared { jobs, kept } => (jobs, kept))
    }

    /// How many tokens a prompt has; `None` for a model whose tokens the daemon does not count.
    pub async fn count_tokens(&self, what: CountTokens) -> Result<Option<TokenCount>> {
        answer!(self.call(Request::CountTokens(what)).await?, Reply::Tokens { count } => count)
    }

    /// A page of a log.
    pub async fn log(&self, look: LogLook) -> Result<LogPage> {
        answer!(self.call(Request::Log(look)).await?, Reply::Log(page) => page)
    }

    /// Asks for events: the last sequence number before them, and the oldest from which all can be replayed.
    pub async fn subscribe(&self, subscribe: Subscribe) -> Result<(u64, u64)> {
        answer!(self.call(Request::Subscribe(subscribe)).await?, Reply::Subscribed { seq, oldest } => (seq, oldest))
    }

    /// Says that the last preview was seen, where [`Subscribe::paced`] asks for that.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn seen(&self) -> Result<()> {
        answer!(self.call(Request::Seen {}).await?, Reply::Pong {} => ())
    }

    /// The models that requests can name.
    pub async fn models(&self) -> Result<Vec<FoundModel>> {
        answer!(self.call(Request::Models {}).await?, Reply::Models(models) => models)
    }

    /// Brings a model into memory; events under the number in the answer tell how it goes.
    pub async fn load(&self, load: Load) -> Result<Loading> {
        answer!(self.call(Request::Load(load)).await?, Reply::Loading(loading) => loading)
    }

    /// Removes a model from memory; the names of those that leave.
    pub async fn unload(&self, model: &str, device: &str) -> Result<Vec<String>> {
        let (model, device) = (model.to_owned(), device.to_owned());
        answer!(self.call(Request::Unload { model, device }).await?, Reply::Released { models } => models)
    }

    /// Keeps a model in memory from now on; events under the number in the answer tell how it goes.
    pub async fn pin(&self, model: &str) -> Result<Loading> {
        let request = Request::Pin {
            model: model.to_owned(),
            pinned: true,
        };
        answer!(self.call(request).await?, Reply::Loading(loading) => loading)
    }

    /// Keeps a model in memory no longer; its name.
    pub async fn unpin(&self, model: &str) -> Result<Vec<String>> {
        let request = Request::Pin {
            model: model.to_owned(),
            pinned: false,
        };
        answer!(self.call(request).await?, Reply::Released { models } => models)
    }

    /// What is known of a model; of the default one when the name is empty.
    pub async fn model(&self, model: &str) -> Result<ModelCard> {
        let model = model.to_owned();
        answer!(self.call(Request::Model { model }).await?, Reply::Model(card) => *card)
    }

    /// One piece of a file that a request will name; how many bytes of it the daemon holds now.
    pub async fn upload(&self, upload: Upload) -> Result<u64> {
        answer!(self.call(Request::Upload(upload)).await?, Reply::Uploaded { held } => held)
    }

    /// A page of history.
    pub async fn history(&self, look: Look) -> Result<Album> {
        answer!(self.call(Request::History(look)).await?, Reply::History(album) => album)
    }

    /// All that is kept of the picture that `picture` names.
    pub async fn picture(&self, picture: &str) -> Result<EntryDetail> {
        let picture = picture.to_owned();
        answer!(self.call(Request::Picture { picture }).await?, Reply::Picture(detail) => *detail)
    }

    /// A small JPEG of a picture.
    pub async fn thumbnail(&self, wanted: Thumbnail) -> Result<Vec<u8>> {
        answer!(self.call(Request::Thumbnail(wanted)).await?, Reply::Thumbnail(blob) => blob.bytes)
    }

    /// Every tag, and of how many pictures.
    pub async fn tags(&self) -> Result<Vec<(String, u64)>> {
        answer!(self.call(Request::Tags {}).await?, Reply::Tags(tags) => tags)
    }

    /// Marks pictures, or takes the mark off; how many changed.
    pub async fn star(&self, pictures: Vec<String>, starred: bool) -> Result<u64> {
        answer!(self.call(Request::Star { pictures, starred }).await?, Reply::Changed { pictures } => pictures)
    }

    /// Gives tags and takes them; how many pictures changed.
    pub async fn tag(&self, pictures: Vec<String>, add: Vec<String>, remove: Vec<String>) -> Result<u64> {
        answer!(self.call(Request::Tag { pictures, add, remove }).await?, Reply::Changed { pictures } => pictures)
    }

    /// Puts pictures into the trash, or takes them out; how many changed.
    pub async fn trash(&self, pictures: Vec<String>, trashed: bool) -> Result<u64> {
        answer!(self.call(Request::Trash { pictures, trashed }).await?, Reply::Changed { pictures } => pictures)
    }

    /// Removes what is in the trash; how many pictures.
    pub async fn empty_trash(&self) -> Result<u64> {
        answer!(self.call(Request::EmptyTrash {}).await?, Reply::Changed { pictures } => pictures)
    }

    /// Takes the next part of a folder into history.
    pub async fn import(&self, folder: &str, watch: bool, from: Option<String>) -> Result<Scanned> {
        let folder = folder.to_owned();
        answer!(self.call(Request::Import { folder, watch, from }).await?, Reply::Scanned(scanned) => scanned)
    }

    /// Looks where the next part of all files is.
    pub async fn scan(&self, from: Option<String>) -> Result<Scanned> {
        answer!(self.call(Request::Scan { from }).await?, Reply::Scanned(scanned) => scanned)
    }

    /// One piece of a finished picture.
    pub async fn download(&self, download: Download) -> Result<Piece> {
        answer!(self.call(Request::Download(download)).await?, Reply::Piece(piece) => piece)
    }

    /// Fetches a model; durable once this returns. [`Self::pulls`] tells how it goes.
    pub async fn pull(&self, ask: PullAsk) -> Result<Pull> {
        answer!(self.call(Request::Pull(ask)).await?, Reply::Pull(pull) => *pull)
    }

    /// What is being fetched, and what was lately.
    pub async fn pulls(&self) -> Result<Vec<Pull>> {
        answer!(self.call(Request::Pulls {}).await?, Reply::Pulls(pulls) => pulls)
    }

    /// Ends a pull; how it stands then.
    pub async fn cancel_pull(&self, pull: &str) -> Result<Pull> {
        let pull = pull.to_owned();
        answer!(self.call(Request::CancelPull { pull }).await?, Reply::Pull(pull) => *pull)
    }

    /// Ends the daemon. It has taken the order once this returns; it is gone when its lock is free.
    pub async fn shutdown(&self) -> Result<()> {
        answer!(self.call(Request::Shutdown {}).await?, Reply::ShuttingDown {} => ())
    }

    /// Counters, gauges and histograms as Prometheus' text format.
    pub async fn metrics(&self) -> Result<String> {
        answer!(self.call(Request::Metrics {}).await?, Reply::Metrics(text) => text)
    }

    /// Asks what is logged, or sets it.
    pub async fn log_filter(&self, filter: Option<String>) -> Result<String> {
        answer!(self.call(Request::LogFilter { filter }).await?, Reply::LogFilter { filter } => filter)
    }
}
