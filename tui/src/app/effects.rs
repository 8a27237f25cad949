//! What the client does: requests to the daemon, pictures made ready, the draft written, the clipboard. Each effect is a task of its own,
//! whose result is a message; none is waited for.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use darkroom_client::{Cache, Client, Wanted, cached, cached_thumbnail, fetch, fetch_thumbnail};
use darkroom_protocol::history::Entry;
use darkroom_protocol::message::client::{CountTokens, Load, Submit};
use darkroom_protocol::message::history::{Look, Thumbnail};
use darkroom_protocol::{Error as Wire, GenerateRequest, Preview, Request, id};
use image::DynamicImage;
use tokio::sync::{Semaphore, mpsc, watch};
use uuid::Uuid;

use super::disk::{self, Kept, Outcome};
use super::draft::Draft;
use super::mask::{Sheet, task};
use super::msg::{Deed, Effect, Msg, UNDO};
use super::pictures::{Key, Source};
use super::screens::{Answer, Question};
use crate::app::pictures::compose::composed;
use crate::app::pictures::cut::{Cut, File, Of};
use crate::app::pictures::decoded::Decoded;
use crate::app::pictures::pacing;
use crate::graphics::{self, Found, pane};

/// Jobs that run and wait, and jobs that have ended, of which the screens know.
const JOBS: (u32, u32) = (200, 50);
/// A daemon that is away is waited for so long before a person is told.
const PATIENCE: Duration = Duration::from_secs(30);
/// A job is handed over so often where the daemon dies meanwhile, with so long between.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(300);
/// Text that has not changed for so long rests: its tokens are counted.
const REST: Duration = Duration::from_millis(250);
/// Pictures that are decoded at one time.
const AT_ONCE: usize = 2;
/// Pages of pictures among which one is chosen to begin with.
const PAGES: usize = 4;
/// Where prompts are kept, beside the draft.
pub const PROMPTS: &str = "prompts.json";

/// What pictures are made of that the state has and an effect does not: taken from it when the effect begins.
#[derive(Clone, Debug, Default)]
pub struct With {
    /// The picture in the making.
    pub preview: Option<Arc<Preview>>,
    /// The mask that is painted.
    pub sheet: Option<Sheet>,
}

/// Where the client keeps its files.
#[derive(Clone, Debug)]
pub struct Files {
    /// What is being written in Create.
    pub draft: PathBuf,
    /// The folder of the masks.
    pub masks: PathBuf,
    /// What is kept here of another machine's pictures.
    pub cache: Option<Cache>,
}

/// Who does effects.
#[derive(Clone, Debug)]
pub struct Doer {
    out: mpsc::Sender<Msg>,
    client: watch::Receiver<Option<Client>>,
    found: Found,
    /// What is kept here of another machine's pictures, which is shown while that is away.
    cache: Option<Cache>,
    masks: PathBuf,
    draft: Kept,
    prompts: Kept,
    decoding: Arc<Semaphore>,
    decoded: Arc<Mutex<Decoded>>,
    /// Pixels a side that a preview may have, as the way to the terminal has room.
    preview_px: Arc<AtomicU32>,
    /// The last question about tokens.
    counting: Arc<AtomicU64>,
}

impl Doer {
    /// Over whatever connection there is, for a terminal that was found so.
    pub fn new(out: mpsc::Sender<Msg>, client: watch::Receiver<Option<Client>>, found: Found, files: Files) -> Self {
        Self {
            out,
            client,
            found,
            cache: files.cache,
            masks: files.masks,
            prompts: Kept::at(files.draft.with_file_name(PROMPTS)),
            draft: Kept::at(files.draft),
            decoding: Arc::new(Semaphore::new(AT_ONCE)),
            decoded: Arc::default(),
            preview_px: Arc::new(AtomicU32::new(pacing::FIRST_PX)),
            counting: Arc::default(),
        }
    }

    /// From now on previews have at most so many pixels a side.
    pub fn limit_previews(&self, px: u32) {
        self.preview_px.store(px, Ordering::Relaxed);
    }

    /// Waits until what is being written is kept, at the end. What cannot be kept was told.
    pub async fn settle(&self, draft: Draft) {
        if let Some(text) = draft.to_json() {
            self.draft.keep(text).await;
        }
    }

    /// Begins an effect.
    pub fn begin(&self, effect: Effect, with: With) {
        let own = self.clone();
        tokio::spawn(async move {
            if let Some(msg) = own.answer(effect, with).await {
                let _ = own.out.send(msg).await;
            }
        });
    }

    /// Does an effect, and says what came of it.
    pub async fn answer(&self, effect: Effect, with: With) -> Option<Msg> {
        match effect {
            Effect::Make(key) => Some(self.make(key, with).await),
            Effect::Mask(task) => self.mask(*task).await,
            Effect::Keep(text) => kept("draft", self.draft.keep(text).await),
            Effect::KeepPrompts(text) => kept("list of prompts", self.prompts.keep(text).await),
            Effect::List(folder) => Some(Msg::Listed(folder.clone(), disk::list(folder).await)),
            Effect::Count(number, question) => self.count(number, question).await,
            effect => self.ask(effect).await,
        }
    }

    /// Has the prompts' tokens counted, where nothing newer is asked for a moment. What cannot be counted, as a prompt that names an
    /// embedding which is not there, is told when the job is begun.
    async fn count(&self, number: u64, question: Question) -> Option<Msg> {
        self.counting.fetch_max(number, Ordering::Relaxed);
        tokio::time::sleep(REST).await;
        if self.counting.load(Ordering::Relaxed) != number {
            return None;
        }
        let client = self.client.borrow().clone()?;
        let mut answer = Answer::default();
        for (text, (count, negative)) in [question.prompt, question.negative]
            .into_iter()
            .zip(answer.iter_mut().zip([false, true]))
        {
            let what = CountTokens {
                text,
                model: question.model.clone(),
                syntax: question.syntax,
                negative,
            };
            match client.count_tokens(what).await {
                Ok(counted) => *count = counted,
                Err(error) if darkroom_client::is_lost(&error) => return None,
                Err(_) => {}
            }
        }
        Some(Msg::Counted(number, answer))
    }

    /// Asks the daemon. Where it is away, what only looks is left: it is asked for again when the daemon is there. What changes something
    /// waits for it.
    async fn ask(&self, effect: Effect) -> Option<Msg> {
        let changes = is_submit(&effect) || matches!(effect, Effect::Do(_));
        // A job keeps its id over every try, so that it is one job.
        let request_id = id::fresh();
        let mut tries = 0;
        loop {
            let client = match changes {
                true => self.there().await,
                false => self.client.borrow().clone(),
            };
            let Some(client) = client else {
                return changes.then(|| Msg::Failed("The daemon is away: try again when it is there.".to_owned()));
            };
            tries += 1;
            match of_daemon(&client, effect.clone(), request_id).await {
                Ok(msg) => return msg,
                Err(error) if darkroom_client::is_lost(&error) && !changes => return None,
                Err(error) if darkroom_client::is_lost(&error) && tries < TRIES && is_submit(&effect) => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Some(Msg::Failed(error.to_string())),
            }
        }
    }

    /// The daemon, once it is there.
    async fn there(&self) -> Option<Client> {
        let mut client = self.client.clone();
        let found = tokio::time::timeout(PATIENCE, client.wait_for(Option::is_some)).await;
        found.ok()?.ok()?.clone()
    }

    async fn make(&self, key: Key, with: With) -> Msg {
        let Some(picture) = self.picture(&key, with).await else {
            return Msg::Made(key, None);
        };
        let Ok(_turn) = self.decoding.acquire().await else {
            return Msg::Made(key, None);
        };
        let (found, room, number) = (self.found.clone(), key.room, key.number());
        let is_draft = matches!(key.source, Source::Preview(_));
        let draft = is_draft.then(|| self.preview_px.load(Ordering::Relaxed));
        let made = tokio::task::spawn_blocking(move || {
            let picture = match picture {
                Pixels::Bytes(bytes) => graphics::decode("picture".as_ref(), &bytes).ok()?,
                Pixels::Ready(picture) => picture,
                Pixels::Kept(picture) => {
                    return pane::ready(&picture, &found, room, number, draft).ok().map(Arc::new);
                }
                Pixels::Cut(cut, pictures, sheet) => {
                    let pictures: Vec<&DynamicImage> = pictures.iter().map(|picture| &**picture).collect();
                    let dots = pane::dots(&found);
                    let dots = (dots.0 * u32::from(room.0), dots.1 * u32::from(room.1));
                    composed(&cut, &pictures, sheet.as_ref(), dots)?
                }
            };
            pane::ready(&picture, &found, room, number, draft).ok().map(Arc::new)
        });
        Msg::Made(key, made.await.ok().flatten())
    }

    async fn picture(&self, key: &Key, with: With) -> Option<Pixels> {
        let client = || self.client.borrow().clone();
        match &key.source {
            Source::Preview(_) => {
                let preview = with.preview?;
                let pixels = image::RgbImage::from_raw(preview.width, preview.height, preview.rgb.clone())?;
                Some(Pixels::Ready(pixels.into()))
            }
            Source::File { sha256, path, bytes } => {
                let file = File {
                    sha256: sha256.clone(),
                    path: path.clone(),
                    bytes: *bytes,
                };
                self.decoded(&file).await.map(Pixels::Kept)
            }
            Source::Cut(cut) => {
                let mut pictures = vec![self.decoded(cut.of.file()).await?];
                if let Of::Pair { second, .. } = &cut.of {
                    pictures.push(self.decoded(second).await?);
                }
                Some(Pixels::Cut(cut.clone(), pictures, with.sheet))
            }
            Source::Thumbnail { sha256, side } => {
                let wanted = Thumbnail {
                    sha256: sha256.clone(),
                    side: *side,
                };
                match client() {
                    Some(client) => fetch_thumbnail(&client, wanted).await.ok(),
                    None => cached_thumbnail(self.cache.as_ref()?, &wanted),
                }
                .map(Pixels::Bytes)
            }
        }
    }

    /// A file's picture: the one that is kept, or fetched and kept from now on.
    async fn decoded(&self, file: &File) -> Option<Arc<DynamicImage>> {
        let kept = || self.decoded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(picture) = kept().get(&file.sha256) {
            return Some(picture);
        }
        let client = self.client.borrow().clone();
        let wanted = Wanted {
            path: &file.path,
            sha256: &file.sha256,
            bytes: file.bytes,
        };
        let bytes = match client {
            Some(client) => fetch(&client, wanted).await.ok()?,
            None => cached(self.cache.as_ref()?, wanted)?,
        };
        let _turn = self.decoding.acquire().await.ok()?;
        let decoding = tokio::task::spawn_blocking(move || graphics::decode("picture".as_ref(), &bytes).ok());
        let picture = Arc::new(decoding.await.ok()??);
        kept().put(file.sha256.clone(), picture.clone());
        Some(picture)
    }

    async fn mask(&self, task: task::Task) -> Option<Msg> {
        let folder = self.masks.clone();
        let told = tokio::task::spawn_blocking(move || task::done(task, &folder)).await;
        Some(match told {
            Ok(told) => Msg::Mask(Box::new(told)),
            Err(error) => Msg::Failed(format!("The mask cannot be worked on: {error}.")),
        })
    }
}

enum Pixels {
    /// A file's bytes.
    Bytes(Vec<u8>),
    /// They are there.
    Ready(DynamicImage),
    /// They were decoded before.
    Kept(Arc<DynamicImage>),
    /// They are put together of these.
    Cut(Box<Cut>, Vec<Arc<DynamicImage>>, Option<Sheet>),
}

async fn of_daemon(client: &Client, effect: Effect, request_id: Uuid) -> Result<Option<Msg>, Wire> {
    Ok(Some(match effect {
        Effect::Jobs => {
            let mut jobs = client.line(JOBS.0).await?;
            let ended = client.ended(JOBS.1).await?;
            jobs.retain(|job| ended.iter().all(|end| end.id != job.id));
            jobs.extend(ended);
            Msg::Jobs(jobs)
        }
        Effect::Models => Msg::Models(client.models().await?),
        Effect::Card(model) => Msg::Card(Box::new(client.model(&model).await?)),
        Effect::Submit(request) => Msg::Submitted(client.submit(submission(request_id, request)).await?),
        Effect::SubmitWith(request, given) => match disk::send(client, request, given).await {
            Ok(request) => Msg::Submitted(client.submit(submission(request_id, request)).await?),
            Err(darkroom_client::Error::Wire(error)) => return Err(error),
            Err(error) => Msg::Failed(error.to_string()),
        },
        Effect::Find => Msg::Found(newest(client).await?),
        Effect::Page(number, look) => Msg::Page(number, client.history(look).await?),
        Effect::Detail(picture, for_what) => {
            Msg::Detail(Box::new(client.picture(&picture.to_string()).await?), for_what)
        }
        Effect::Do(deed) => Msg::Done(done(client, deed).await?),
        Effect::Seen => {
            client.seen().await?;
            return Ok(None);
        }
        Effect::Log(reader, look) => Msg::Log(reader, told(client.log(look).await)?),
        Effect::Make(_)
        | Effect::Mask(_)
        | Effect::Keep(_)
        | Effect::KeepPrompts(_)
        | Effect::List(_)
        | Effect::Copy(_)
        | Effect::Edit(_)
        | Effect::Mouse(_)
        | Effect::Notify(..)
        | Effect::Wake
        | Effect::Count(..)
        | Effect::Pulse => return Ok(None),
    }))
}

fn is_submit(effect: &Effect) -> bool {
    matches!(effect, Effect::Submit(_) | Effect::SubmitWith(..))
}

fn submission(request_id: Uuid, request: GenerateRequest) -> Submit {
    Submit {
        request_id,
        request,
        watch: false,
        max_fps: 0,
        max_px: 0,
        output: None,
    }
}

/// Says so where something could not be kept, until it can.
fn kept(what: &str, outcome: Outcome) -> Option<Msg> {
    let complaint = format!("The {what} cannot be kept");
    match outcome {
        Outcome::Failed(error) => Some(Msg::Failed(format!(
            "{complaint}: {error}. It is tried again with every change."
        ))),
        Outcome::KeptAgain => Some(Msg::Mended(complaint)),
        Outcome::Kept | Outcome::FailedAgain => None,
    }
}

/// The newest pictures, some pages of them.
async fn newest(client: &Client) -> Result<Vec<Entry>, Wire> {
    let mut look = Look {
        limit: Look::MOST,
        ..Look::default()
    };
    let mut found = Vec::new();
    for _ in 0..PAGES {
        let page = client.history(look.clone()).await?;
        found.extend(page.pictures);
        look.before = page.next;
        if look.before.is_none() {
            break;
        }
    }
    Ok(found)
}

/// Why there is no answer, in words where the daemon says it: whoever asks again and again shows it in its place.
fn told<T>(answer: Result<T, Wire>) -> Result<Result<T, String>, Wire> {
    match answer {
        Err(error) if !darkroom_client::is_lost(&error) => Ok(Err(error.to_string())),
        answer => answer.map(Ok),
    }
}

/// Does it, and says so where that is not seen on the screen.
async fn done(client: &Client, deed: Deed) -> Result<String, Wire> {
    let names = |pictures: &[u64]| pictures.iter().map(u64::to_string).collect::<Vec<_>>();
    let many = |pictures: &[u64]| match pictures.len() {
        1 => "1 picture".to_owned(),
        n => format!("{n} pictures"),
    };
    match deed {
        Deed::Cancel(job) => client.cancel(&job.to_string(), false).await.map(drop)?,
        Deed::Retry(job) => drop(client.place(Request::Retry { job: job.to_string() }).await?),
        Deed::Move(job, place) => {
            let job = job.to_string();
            client.place(Request::Move { job, place }).await?;
        }
        Deed::Priority(job, priority) => {
            let job = job.to_string();
            client.place(Request::Priority { job, priority }).await?;
        }
        Deed::Clear => {
            let (jobs, _) = client.clear(vec![], false).await?;
            return Ok(match jobs {
                1 => "1 job left the list.".to_owned(),
                jobs => format!("{jobs} jobs left the list."),
            });
        }
        Deed::Hold(job, held) => {
            let job = Some(job.to_string());
            let request = if held {
                Request::Pause { job }
            } else {
                Request::Resume { job }
            };
            client.place(request).await?;
        }
        Deed::Pause(paused) => {
            let paused = client.pause_queue(paused).await?;
            let words = if paused {
                "Paused: nothing new starts."
            } else {
                "The queue goes on."
            };
            return Ok(words.to_owned());
        }
        Deed::Load(model) => {
            let load = Load {
                model: model.clone(),
                ..Load::default()
            };
            client.load(load).await?;
            return Ok(format!("{model} comes into memory."));
        }
        Deed::KeepAlive(model, keep_alive) => {
            let load = Load {
                model: model.clone(),
                keep_alive: Some(keep_alive),
                ..Load::default()
            };
            client.load(load).await?;
            return Ok(format!("{model} stays {keep_alive} when nobody uses it."));
        }
        Deed::Unload(model) => drop(client.unload(&model, "").await?),
        Deed::Pin(model, true) => drop(client.pin(&model).await?),
        Deed::Pin(model, false) => drop(client.unpin(&model).await?),
        Deed::Star(pictures, starred) => drop(client.star(names(&pictures), starred).await?),
        Deed::Tag(pictures, tags) => {
            client.tag(names(&pictures), tags.clone(), vec![]).await?;
            return Ok(format!("Tagged {}: {}.", tags.join(", "), many(&pictures)));
        }
        Deed::Trash(pictures, trashed) => {
            client.trash(names(&pictures), trashed).await?;
            let words = if trashed {
                format!("In the trash: {UNDO} takes it back.")
            } else {
                "Out of the trash.".to_owned()
            };
            return Ok(format!("{words} ({})", many(&pictures)));
        }
    }
    Ok(String::new())
}
