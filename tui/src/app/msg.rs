//! What happens to the client, and what it does about it: messages come in through one queue, effects go out to the tasks that do them.

use std::sync::Arc;

use crossterm::event::Event as TerminalEvent;
use darkroom_protocol::history::{Entry, EntryDetail};
use darkroom_protocol::message::client::{FoundModel, Place, Status, Submitted};
use darkroom_protocol::message::history::{Album, Look};
use darkroom_protocol::message::log::{LogLook, LogPage};
use darkroom_protocol::{Event, GenerateRequest, Job, JobId, KeepAlive, ModelCard};

use super::given::Given;
use super::mask::task::{Task, Told};
use super::pictures::Key;
use super::screens::{Answer, Opening, Question};
use crate::app::own::notify::Way;
use crate::app::own::settings::Settings;
use crate::graphics::pane::Ready;

/// In what is said was done, the key that takes it back.
pub const UNDO: &str = "{undo}";

/// Something that happened.
#[derive(Debug)]
pub enum Msg {
    /// A key, the mouse, text that was pasted, another size.
    Terminal(TerminalEvent),
    /// The daemon is there, was lost, or has told something.
    Link(Link),
    /// Jobs that run and wait, and those that ended last.
    Jobs(Vec<Job>),
    /// Models that can be named.
    Models(Vec<FoundModel>),
    /// What is known of the model that was asked about.
    Card(Box<ModelCard>),
    /// How many tokens the prompts have that were asked about under that number.
    Counted(u64, Answer),
    /// A job was taken.
    Submitted(Submitted),
    /// A page of history for the search of that number.
    Page(u64, Album),
    /// All that is kept of a picture, and what it was asked for.
    Detail(Box<EntryDetail>, For),
    /// A page of a log, or why there is none.
    Log(Reader, Result<LogPage, String>),
    /// A second has passed while something is shown that moves by itself.
    Pulse,
    /// What of a folder can be chosen.
    Listed(String, Vec<String>),
    /// The newest pictures.
    Found(Vec<Entry>),
    /// Something was done, in words. [`UNDO`] stands for the key that takes it back.
    Done(String),
    /// Something could not be done, in words.
    Failed(String),
    /// What was told in words that begin so is over.
    Mended(String),
    /// A picture is ready to be drawn, or cannot be.
    Made(Key, Option<Arc<Ready>>),
    /// The terminal has come to the end of the last preview.
    Seen,
    /// The mask editor is to be opened.
    OpenMask(Box<Opening>),
    /// What came of something that was done for the mask editor.
    Mask(Box<Told>),
    /// The prompt as the person's editor left it.
    Edited(String),
    /// The settings' file has changed: what it says, or what is wrong with it.
    Settings(Box<Result<Settings, String>>),
    /// The oldest toast has been there long enough.
    Tick,
}

/// How it stands with the daemon.
#[derive(Debug)]
pub enum Link {
    /// It answers; how things stand.
    There(Box<Status>),
    /// It does not, and why. Another is looked for.
    Away(String),
    /// Something happened.
    Event(Event),
}

/// Who reads a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// System, by the number of its question.
    System(u64),
    /// Queue, below that job.
    Job(JobId),
}

/// What a picture's detail was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// To be shown over the picture.
    Show,
    /// To be as it is now in the list.
    Refresh,
    /// To make the same again.
    Reuse,
    /// To begin with it in Create.
    Vary,
    /// To be copied as a command.
    Command,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Ask for the jobs anew.
    Jobs,
    /// Ask for the models anew.
    Models,
    /// Ask what is known of a model; of the default one where the name is empty.
    Card(String),
    /// Ask how many tokens the prompts have, under a number, when nothing newer is asked for a moment.
    Count(u64, Question),
    /// Hand a job over.
    Submit(GenerateRequest),
    /// Hand a job over with files that were given for its parameters.
    SubmitWith(GenerateRequest, Vec<(String, Given)>),
    /// Look what a folder holds.
    List(String),
    /// Ask for the newest pictures, to choose one to begin with.
    Find,
    /// Keep the prompts that were sent.
    KeepPrompts(String),
    /// Change something at the daemon.
    Do(Deed),
    /// Ask for a page of history, under a number.
    Page(u64, Look),
    /// Ask for all that is kept of a picture.
    Detail(u64, For),
    /// Make a picture ready to be drawn.
    Make(Key),
    /// Say that the last preview was seen.
    Seen,
    /// Do something for the mask editor.
    Mask(Box<Task>),
    /// Keep what is being written.
    Keep(String),
    /// Put text into the terminal's clipboard.
    Copy(String),
    /// Let the person's editor have the text.
    Edit(String),
    /// Ask for a page of a log.
    Log(Reader, LogLook),
    /// Take the mouse, or leave it to the terminal.
    Mouse(bool),
    /// Tell somebody who looks elsewhere.
    Notify(Way, String),
    /// Wake up when the oldest toast is over.
    Wake,
    /// Wake up when a second has passed.
    Pulse,
}

/// A change at the daemon.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// End a job.
    Cancel(JobId),
    /// Put a job into the queue again.
    Retry(JobId),
    /// Give a waiting job another place.
    Move(JobId, Place),
    /// Give a waiting job another priority.
    Priority(JobId, i32),
    /// Take the jobs that have ended off the list.
    Clear,
    /// Hold a job back, or let it go.
    Hold(JobId, bool),
    /// Start nothing, or go on.
    Pause(bool),
    /// Bring a model into memory.
    Load(String),
    /// Bring a model into memory, to stay so long when nobody uses it.
    KeepAlive(String, KeepAlive),
    /// Remove a model from memory.
    Unload(String),
    /// Keep a model in memory, or no longer.
    Pin(String, bool),
    /// Mark pictures.
    Star(Vec<u64>, bool),
    /// Put pictures into the trash, or take them out.
    Trash(Vec<u64>, bool),
    /// Give pictures tags.
    Tag(Vec<u64>, Vec<String>),
}
