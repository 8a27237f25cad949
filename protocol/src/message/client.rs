//! Between client and daemon: requests with what they carry, and replies. What replies carry is in `answer.rs`, and goes by this module's
//! name; bounds of requests are checked in `check.rs`.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::RemoteError;
pub use super::answer::{FoundModel, JobProgress, Loading, Page, Piece, Status, Submitted, TokenCount};
use super::history::{Album, Blob, Look, Scanned, Thumbnail};
use super::log::{LogLook, LogPage};
use super::pull::{Pull, PullAsk};
use crate::event::{EventName, QueueChange};
use crate::history::EntryDetail;
use crate::{Dtype, Event, GenerateRequest, Job, JobId, JobState, KeepAlive, ModelCard, Output, PromptSyntax, Quant};

/// A request with its number; the reply carries the same number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientMessage {
    /// Chosen by the client.
    pub id: u64,
    /// What it wants.
    pub request: Request,
}

/// What a client may want. In JSON-RPC the variant's name is the method, its content the params.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time on its way through a door, never kept in numbers"
)]
pub enum Request {
    /// Are you alive?
    Ping {},
    /// What are you doing?
    Status {},
    /// Make pictures. Answered once the job is durable.
    Submit(Submit),
    /// One job, by id or unique prefix.
    Job {
        /// Id or prefix of it; hyphens do not matter.
        job: String,
    },
    /// A page of jobs, newest first: at most `limit`, and at most about a MiB. Those that were cleared are left out.
    Queue {
        /// Only those in these states; empty for all.
        states: Vec<JobState>,
        /// At most so many, up to 1000.
        limit: u32,
        /// Where the page begins: the `next` of the page before, or a job after which it begins.
        #[serde(default)]
        before: Option<String>,
        /// In the order in which they run instead: those that run, then those that wait. Ended ones are left out.
        #[serde(default)]
        in_line: bool,
        /// Those that have ended, the last to end first. Others are left out.
        #[serde(default)]
        ended: bool,
    },
    /// End a job. Answered once that is durable; the job ends a moment later.
    Cancel {
        /// Id or prefix of it.
        job: String,
        /// Let a running job finish the picture that it is making.
        #[serde(default)]
        after_picture: bool,
    },
    /// Send events from now on.
    Subscribe(Subscribe),
    /// The last preview was seen: the next may be sent. Only where [`Subscribe::paced`] says so.
    Seen {},
    /// What is known of a model.
    Model {
        /// Its folder or name; empty for the default one.
        model: String,
    },
    /// A piece of an input picture or mask.
    Upload(Upload),
    /// A piece of a picture, for clients that cannot read the daemon's files.
    Download(Download),
    /// A small JPEG of a picture; made once.
    Thumbnail(Thumbnail),
    /// A page of pictures, the newest first, those in the trash left out where the search does not ask for them.
    History(Look),
    /// All that is kept of one picture.
    Picture {
        /// Its number, its file's SHA-256, or its job: see [`crate::history::PictureName`].
        picture: String,
    },
    /// Mark pictures, or take the mark off.
    Star {
        /// Their names.
        pictures: Vec<String>,
        /// Whether they are marked from now on.
        starred: bool,
    },
    /// Change pictures' tags.
    Tag {
        /// Their names.
        pictures: Vec<String>,
        /// Tags that they have from now on.
        #[serde(default)]
        add: Vec<String>,
        /// Tags that they have no longer.
        #[serde(default)]
        remove: Vec<String>,
    },
    /// Put pictures into the trash, or take them out again.
    Trash {
        /// Their names.
        pictures: Vec<String>,
        /// Whether they are in it from now on.
        trashed: bool,
    },
    /// Remove what is in the trash for good: rows, and files in the gallery. Files of imported pictures stay.
    EmptyTrash {},
    /// Take the pictures in a folder on the daemon's machine into history, where they lie: some of them, until the answer names no
    /// next place.
    Import {
        /// Its absolute path.
        folder: String,
        /// Whether it is looked at again from time to time.
        #[serde(default)]
        watch: bool,
        /// Where to go on: the `next` of the answer before.
        #[serde(default)]
        from: Option<String>,
    },
    /// Look where the files of all pictures are, in the gallery and in imported folders: of some of them, until the answer names no
    /// next place.
    Scan {
        /// Where to go on: the `next` of the answer before.
        #[serde(default)]
        from: Option<String>,
    },
    /// Every tag, and of how many pictures.
    Tags {},
    /// End the daemon. Running jobs return to the queue.
    Shutdown {},
    /// Give a waiting job another priority: higher runs first.
    Priority {
        /// Id or prefix of it.
        job: String,
        /// From −100 to 100.
        priority: i32,
    },
    /// Give a waiting job another place. It takes the priority that it needs to stand there.
    Move {
        /// Id or prefix of it.
        job: String,
        /// Where to.
        place: Place,
    },
    /// Start no waiting job from now on, also after a restart, or hold one back. What runs goes on.
    Pause {
        /// Id or prefix of the one to hold back; the whole queue when absent.
        #[serde(default)]
        job: Option<String>,
    },
    /// Start waiting jobs again, or let one go that was held back.
    Resume {
        /// Id or prefix of the one to let go; the whole queue when absent.
        #[serde(default)]
        job: Option<String>,
    },
    /// Put a failed or cancelled job into the queue again. Pictures that it has are not made again.
    Retry {
        /// Id or prefix of it.
        job: String,
    },
    /// Take ended jobs off the list. Their pictures stay.
    Clear {
        /// Only those in these states, which must be ends; empty for all that have ended.
        states: Vec<JobState>,
        /// Only say how many these are.
        #[serde(default)]
        dry_run: bool,
    },
    /// End every job that waits or runs.
    CancelAll {},
    /// A page of a log: the daemon's, the workers' or a job's.
    Log(LogLook),
    /// Counters, gauges and histograms.
    Metrics {},
    /// What is logged, or what is to be logged from now on.
    LogFilter {
        /// For instance `info,daemon::dispatch=debug`; absent to ask.
        #[serde(default)]
        filter: Option<String>,
    },
    /// The models in the configured folders, and the embedded one.
    Models {},
    /// Bring a model into memory. Answered at once; events about the load whose number is in the reply tell how it goes.
    Load(Load),
    /// Remove a model from memory, pinned or not, and stop loading it. A job that uses it ends first.
    Unload {
        /// Its name or path; empty for every model.
        model: String,
        /// Where; empty for everywhere.
        #[serde(default)]
        device: String,
    },
    /// Keep a model in memory from now on, which loads it where it is not, or no longer.
    Pin {
        /// Its name or path.
        model: String,
        /// Whether it stays.
        pinned: bool,
    },
    /// Fetch a model. Answered once that is durable; `pulls` tells how it goes.
    Pull(PullAsk),
    /// What is being fetched, and what was lately, the newest first.
    Pulls {},
    /// End a pull, and remove what was fetched of it.
    CancelPull {
        /// Its id or the beginning of it, or what was asked for.
        pull: String,
    },
    /// How many tokens a prompt has.
    CountTokens(CountTokens),
}

/// A place among the waiting jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Before all others.
    First,
    /// After all others.
    Last,
    /// Before the waiting job of that id or prefix.
    Before(String),
    /// After the waiting job of that id or prefix.
    After(String),
}

impl Request {
    /// Every method name of the JSON-RPC door.
    pub const METHODS: &'static [&'static str] = &[
        "ping",
        "status",
        "submit",
        "job",
        "queue",
        "cancel",
        "subscribe",
        "seen",
        "model",
        "upload",
        "download",
        "thumbnail",
        "history",
        "picture",
        "star",
        "tag",
        "trash",
        "empty_trash",
        "import",
        "scan",
        "tags",
        "shutdown",
        "priority",
        "move",
        "pause",
        "resume",
        "retry",
        "clear",
        "cancel_all",
        "log",
        "metrics",
        "log_filter",
        "models",
        "load",
        "unload",
        "pin",
        "pull",
        "pulls",
        "cancel_pull",
        "count_tokens",
    ];
}

/// A job to accept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submit {
    /// Chosen by the client: the same id twice is one job.
    pub request_id: Uuid,
    /// What is asked.
    pub request: GenerateRequest,
    /// Subscribe this connection to the job's events, from its first.
    #[serde(default)]
    pub watch: bool,
    /// With `watch`: at most so many previews a second; 0 for none.
    #[serde(default)]
    pub max_fps: u32,
    /// With `watch`: previews at most so wide and high; 0 for as they are.
    #[serde(default)]
    pub max_px: u32,
    /// Where its pictures go besides the gallery. The daemon brings them there.
    #[serde(default)]
    pub output: Option<Output>,
}

/// A prompt whose tokens are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountTokens {
    /// The prompt.
    pub text: String,
    /// The model that reads it, by name or path; empty for the default one.
    #[serde(default)]
    pub model: String,
    /// How it is written.
    #[serde(default)]
    pub syntax: PromptSyntax,
    /// Whether it is a negative prompt, in which `AND` is a word.
    #[serde(default)]
    pub negative: bool,
}

/// A model to bring into memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Its name or path; empty for the default one.
    pub model: String,
    /// Where; empty for the default device.
    #[serde(default)]
    pub device: String,
    /// The number format; the configured one when absent.
    #[serde(default)]
    pub dtype: Option<Dtype>,
    /// How the weights are quantised.
    #[serde(default)]
    pub quant: Quant,
    /// How long it stays when nobody uses it; the configured time when absent.
    #[serde(default)]
    pub keep_alive: Option<KeepAlive>,
    /// Whether it stays until it is unpinned.
    #[serde(default)]
    pub pinned: bool,
}

/// Which events to send.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// Only of this job (id or prefix); about everything when absent. State and pictures so far are told first; of everything, how
    /// far each running job is, and how the queue and the workers stand.
    #[serde(default)]
    pub job: Option<String>,
    /// Replay from this sequence number, as far as the daemon remembers: the reply says how far. Of what a newer event replaces
    /// only the newest is remembered, of previews none.
    #[serde(default)]
    pub from: Option<u64>,
    /// At most so many previews a second; 0 for none.
    #[serde(default)]
    pub max_fps: u32,
    /// Previews at most so wide and high; 0 for as they are. Small ones are never enlarged.
    #[serde(default)]
    pub max_px: u32,
    /// Only these kinds; all of them when empty.
    #[serde(default)]
    pub kinds: Vec<EventName>,
    /// Whether the next preview is sent only when [`Request::Seen`] has said that the last one was seen: then none waits on the way,
    /// however slow that is.
    #[serde(default)]
    pub paced: bool,
}

/// A piece of an input. The daemon names the whole by its hash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upload {
    /// SHA-256 of the whole, lower-case hexadecimal.
    pub sha256: String,
    /// Bytes of the whole, at most [`Upload::MAX_SIZE`].
    pub size: u64,
    /// Where this piece begins; pieces come in order.
    pub offset: u64,
    /// At most [`MAX_PIECE`]; base64 in JSON.
    #[serde(with = "crate::codec::blob")]
    pub bytes: Vec<u8>,
}

impl Upload {
    /// The most bytes of one input.
    pub const MAX_SIZE: u64 = 256 << 20;
}

/// The most bytes of a piece of a file, either way.
pub const MAX_PIECE: usize = 1 << 20;

/// Which piece of which picture. Its hash names it, so that whoever has those bytes needs not ask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Download {
    /// SHA-256 of its file, lower-case hexadecimal.
    pub sha256: String,
    /// Where the piece begins.
    pub offset: u64,
    /// Its bytes at most; 0 for as many as a piece may have. Over a slow link small pieces leave room for what else is said.
    #[serde(default)]
    pub limit: u32,
}

/// What the daemon sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerMessage {
    /// The answer to the request of that number.
    Reply {
        /// The request's number.
        id: u64,
        /// The answer.
        result: Result<Reply, RemoteError>,
    },
    /// Something happened.
    Event(Event),
    /// The daemon closes the connection, and why.
    Bye {
        /// For the person.
        reason: String,
    },
}

/// Answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// To `ping`.
    Pong {},
    /// To `status`.
    Status(Status),
    /// To `submit`.
    Submitted(Submitted),
    /// To `job`.
    Job(Box<Job>),
    /// To `queue`.
    Queue(Page),
    /// To `cancel`: the state the job is in now.
    Cancelling {
        /// The job.
        job: JobId,
        /// Final when the job had ended already or was waiting; `cancelling` when the worker has yet to stop.
        state: JobState,
    },
    /// To `subscribe`: events after this number follow.
    Subscribed {
        /// The last sequence number before the subscription.
        seq: u64,
        /// Everything from this number on can be replayed. A reader that asked for older ones has missed some.
        oldest: u64,
    },
    /// To `model`.
    Model(Box<ModelCard>),
    /// To `upload`: bytes held so far.
    Uploaded {
        /// Bytes held so far.
        held: u64,
    },
    /// To `download`.
    Piece(Piece),
    /// To `shutdown`: the daemon ends after this.
    ShuttingDown {},
    /// To `priority`, `move`, `retry`, and to `pause` and `resume` of a job: how it stands in the queue now.
    Placed {
        /// The job.
        job: JobId,
        /// How it stands.
        change: QueueChange,
    },
    /// To `pause` and `resume` of the whole queue.
    Paused {
        /// Whether no waiting job is started.
        paused: bool,
    },
    /// To `clear`.
    Cleared {
        /// Jobs that left the list, or would.
        jobs: u64,
        /// Jobs that stay on it: those that wait or run, and ended ones in other states.
        kept: u64,
    },
    /// To `cancel_all`.
    CancellingAll {
        /// Jobs that waited: these are cancelled.
        waiting: u64,
        /// Jobs that ran: these end as soon as their workers have stopped.
        running: u64,
    },
    /// To `metrics`: Prometheus' text format, version 0.0.4.
    Metrics(String),
    /// To `log_filter`: what is logged now.
    LogFilter {
        /// As it was set.
        filter: String,
    },
    /// To `log`.
    Log(LogPage),
    /// To `thumbnail`: a JPEG; base64 in JSON.
    Thumbnail(Blob),
    /// To `history`.
    History(Album),
    /// To `picture`.
    Picture(Box<EntryDetail>),
    /// To `star`, `tag`, `trash` and `empty_trash`: of how many pictures something changed.
    Changed {
        /// Pictures.
        pictures: u64,
    },
    /// To `import` and `scan`.
    Scanned(Scanned),
    /// To `tags`, in order of the alphabet.
    Tags(Vec<(String, u64)>),
    /// To `models`.
    Models(Vec<FoundModel>),
    /// To `load`, and to `pin` where it stays.
    Loading(Loading),
    /// To `unload`, and to `pin` where it stays no longer: the names of the models concerned. One that a job uses goes when
    /// the job ends.
    Released {
        /// The models.
        models: Vec<String>,
    },
    /// To `pull` and `cancel_pull`: how it stands now.
    Pull(Box<Pull>),
    /// To `pulls`.
    Pulls(Vec<Pull>),
    /// To `count_tokens`.
    Tokens {
        /// `None` for a model whose text encoder's tokens the daemon does not count: it counts CLIP's.
        count: Option<TokenCount>,
    },
}
