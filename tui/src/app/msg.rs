//! What happens to the client, and what it does about it: messages come in through one queue, effects go out to the tasks that do them.

use std::sync::Arc;

use crossterm::event::Event as TerminalEvent;
use darkroom_protocol::history::EntryDetail;
use darkroom_protocol::message::client::{FoundModel, Place, Status, Submitted};
use darkroom_protocol::message::history::{Album, Look};
use darkroom_protocol::{Event, GenerateRequest, Job, JobId, ModelCard};

use super::mask::task::{Task, Told};
use super::pictures::Key;
use super::screens::Opening;
use crate::graphics::pane::Ready;

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
    /// A job was taken.
    Submitted(Submitted),
    /// A page of history for the search of that number.
    Page(u64, Album),
    /// All that is kept of a picture, and what it was asked for.
    Detail(Box<EntryDetail>, For),
    /// Something was done, in words.
    Done(String),
    /// Something could not be done, in words.
    Failed(String),
    /// A picture is ready to be drawn, or cannot be.
    Made(Key, Option<Arc<Ready>>),
    /// The mask editor is to be opened.
    OpenMask(Box<Opening>),
    /// What came of something that was done for the mask editor.
    Mask(Box<Told>),
    /// The prompt as the person's editor left it.
    Edited(String),
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
    /// Hand a job over.
    Submit(GenerateRequest),
    /// Change something at the daemon.
    Do(Deed),
    /// Ask for a page of history, under a number.
    Page(u64, Look),
    /// Ask for all that is kept of a picture.
    Detail(u64, For),
    /// Make a picture ready to be drawn.
    Make(Key),
    /// Do something for the mask editor.
    Mask(Box<Task>),
    /// Keep what is being written.
    Keep(String),
    /// Put text into the terminal's clipboard.
    Copy(String),
    /// Let the person's editor have the text.
    Edit(String),
    /// Wake up when the oldest toast is over.
    Wake,
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
    /// Hold a job back, or let it go.
    Hold(JobId, bool),
    /// Start nothing, or go on.
    Pause(bool),
    /// Bring a model into memory.
    Load(String),
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
