//! The files of one pull on their way: threads that each take a span of blocks that nobody has, ask for it, and write it where it
//! belongs. A connection that drops goes on from the byte where it was; pauses grow, are as long as a server asks, and end after some
//! failures without a byte between them. `run.rs` starts it and reads behind it; which blocks are here outlives the process (`marks.rs`).

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use darkroom_protocol::text::escape_line;
use sha2::{Digest as _, Sha256};

use super::marks::Marks;
use super::tuning::Tuning;
use super::web::{Problem, Web};
use crate::Error;

/// Who waits looks so often whether it still should.
const LOOK: Duration = Duration::from_millis(100);
/// Speeds are of the last so many seconds.
const WINDOW: Duration = Duration::from_secs(5);
/// Where a server does not say how large a file is, it has at most so many bytes.
const LARGEST: u64 = 1 << 40;
const BUFFER: usize = 256 << 10;

/// A file to fetch.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// Its name, for messages.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// Its bytes, where that is known.
    pub size: Option<u64>,
    /// What it is known by, where it may change at its address.
    pub etag: Option<String>,
    /// Where it grows.
    pub path: PathBuf,
    /// Where its marks are.
    pub marks: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Todo,
    Taken,
    Here,
}

#[derive(Debug)]
struct Coming {
    wanted: Wanted,
    content: File,
    /// `None` where its size is not known.
    marks: Option<Marks>,
}

#[derive(Debug, Default)]
struct State {
    blocks: Vec<Vec<Block>>,
    /// Files whose servers give no parts.
    whole: Vec<bool>,
    /// Where redirects led last.
    led_to: Vec<Option<String>>,
    /// Lengths that were not known before.
    found: Vec<Option<u64>>,
    here: u64,
    failed: Option<Problem>,
    quiet_until: Option<Instant>,
    notice: Option<String>,
}

/// Files on their way.
pub(super) struct Transfer {
    web: Web,
    tuning: Tuning,
    files: Vec<Coming>,
    state: Mutex<State>,
    changed: Condvar,
    /// Bytes of blocks that are not whole yet.
    flying: AtomicU64,
    meter: Meter,
    /// Set by whoever ends it.
    end: Arc<AtomicBool>,
}

/// A run of blocks that one thread fetches.
#[derive(Clone, Copy, Debug)]
struct Span {
    file: usize,
    from: usize,
    to: usize,
    whole: bool,
}

/// How far a thread is in its span.
struct Head {
    at: u64,
    sum: Sha256,
}

/// Why a request did not bring its span.
enum Setback {
    Problem(Problem),
    /// The server sends the whole file, whatever part is asked for.
    NoParts,
}

impl From<Problem> for Setback {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Transfer {
    /// Opens what is there of these files.
    ///
    /// # Errors
    /// What is wrong with the disk, in words.
    pub fn open(web: Web, tuning: Tuning, wanted: Vec<Wanted>, end: Arc<AtomicBool>) -> Result<Self, String> {
        let mut state = State::default();
        let mut files = Vec::new();
        for wanted in wanted {
            let failed = |e| Error::io("write", &wanted.path, e).to_string();
            if let Some(folder) = wanted.path.parent() {
                std::fs::create_dir_all(folder).map_err(failed)?;
            }
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let content = options.open(&wanted.path).map_err(failed)?;
            let (marks, blocks) = match wanted.size {
                Some(size) => {
                    content.set_len(size).map_err(failed)?;
                    let (marks, here) = Marks::open(&wanted.marks, &content, size, tuning.block).map_err(failed)?;
                    let length = |at: usize| if here[at] { marks.length(at) } else { 0 };
                    state.here += (0..here.len()).map(length).sum::<u64>();
                    let block = |here| if here { Block::Here } else { Block::Todo };
                    (Some(marks), here.into_iter().map(block).collect())
                }
                None => (None, vec![Block::Todo]),
            };
            state.blocks.push(blocks);
            state.whole.push(wanted.size.is_none());
            state.led_to.push(None);
            state.found.push(None);
            files.push(Coming { wanted, content, marks });
        }
        Ok(Self {
            web,
            tuning,
            files,
            state: Mutex::new(state),
            changed: Condvar::new(),
            flying: AtomicU64::new(0),
            meter: Meter::default(),
            end,
        })
    }

    /// Begins. Threads end by themselves when all is here, when it has failed and when somebody ends it; nobody waits for one.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(self: &Arc<Self>) -> std::io::Result<()> {
        for _ in 0..self.tuning.connections {
            let own = self.clone();
            std::thread::Builder::new()
                .name("pull".into())
                .spawn(move || own.work())?;
        }
        Ok(())
    }

    /// Bytes that are here.
    pub fn done(&self) -> u64 {
        self.state().here + self.flying.load(Ordering::Relaxed)
    }

    /// Bytes a second.
    pub fn speed(&self) -> u64 {
        self.meter.speed()
    }

    /// Why nothing comes for the moment.
    pub fn notice(&self) -> Option<String> {
        let state = self.state();
        state
            .notice
            .clone()
            .filter(|_| state.quiet_until.is_some_and(|until| until > Instant::now()))
    }

    /// The file's content, to be read as far as [`Self::front`] says.
    pub fn content(&self, file: usize) -> &File {
        &self.files[file].content
    }

    /// Bytes of the file that are here without a gap, and all that it has once that is known. Waits until there are more than `after`,
    /// or that is the end of it.
    ///
    /// # Errors
    /// Why no more will come; `None` when somebody ended it.
    pub fn front(&self, file: usize, after: u64) -> Result<(u64, Option<u64>), Option<Problem>> {
        let mut state = self.state();
        loop {
            if self.is_ended() {
                return Err(None);
            }
            let blocks = &state.blocks[file];
            let leading = blocks.iter().take_while(|block| **block == Block::Here).count();
            let size = self.files[file].wanted.size.or(state.found[file]);
            let front = match leading == blocks.len() {
                true => size.unwrap_or(0),
                false => leading as u64 * self.tuning.block,
            };
            if front > after || leading == blocks.len() {
                return Ok((front, size));
            }
            if let Some(problem) = &state.failed {
                return Err(Some(problem.clone()));
            }
            state = self.wait(state);
        }
    }

    /// Forgets what is here of a file, which is not what it should be.
    pub fn forget(&self, file: usize) {
        if let Some(marks) = &self.files[file].marks {
            let _ = marks.clear();
        }
    }

    fn work(&self) {
        while let Some(span) = self.claim() {
            let fetched = self.fetch(span);
            let mut state = self.state();
            for block in &mut state.blocks[span.file][span.from..span.to] {
                if *block == Block::Taken {
                    *block = Block::Todo;
                }
            }
            if let Err(problem) = fetched {
                state.failed.get_or_insert(problem);
            }
            drop(state);
            self.changed.notify_all();
        }
    }

    /// The next span for a thread; waits for one that others may give back. `None` when nothing is left.
    fn claim(&self) -> Option<Span> {
        let mut state = self.state();
        loop {
            if self.is_ended() || state.failed.is_some() {
                return None;
            }
            let mut is_open = false;
            for file in 0..self.files.len() {
                let whole = state.whole[file];
                let blocks = &mut state.blocks[file];
                let left = blocks.iter().filter(|block| **block == Block::Todo).count();
                is_open |= blocks.iter().any(|block| *block != Block::Here);
                if left == 0 || (whole && blocks.contains(&Block::Taken)) {
                    continue;
                }
                let most = match whole {
                    true => blocks.len(),
                    // Near the end everybody has something to do.
                    false => (left / (2 * self.tuning.connections)).clamp(1, self.tuning.span),
                };
                let first = blocks.iter().position(|block| *block == Block::Todo).unwrap_or(0);
                let from = if whole { 0 } else { first };
                let run = blocks[from..].iter().take(most);
                let to = from + run.take_while(|block| whole || **block == Block::Todo).count();
                for block in &mut blocks[from..to] {
                    if *block == Block::Todo {
                        *block = Block::Taken;
                    }
                }
                return Some(Span { file, from, to, whole });
            }
            if !is_open {
                return None;
            }
            state = self.wait(state);
        }
    }

    /// Brings a span, trying again what may pass.
    fn fetch(&self, span: Span) -> Result<(), Problem> {
        let begin = || Head {
            at: span.from as u64 * self.tuning.block,
            sum: Sha256::new(),
        };
        let (mut head, mut failures) = (begin(), 0);
        loop {
            if !self.wait_for_quiet() {
                return Ok(());
            }
            let was = head.at;
            let tried = self.once(span, &mut head);
            let moved = head.at > was && !span.whole;
            let setback = match tried {
                Ok(()) => return Ok(()),
                Err(setback) => setback,
            };
            if span.whole {
                // What came of the block in hand comes again.
                self.flying.fetch_sub(self.begun(span.file, head.at), Ordering::Relaxed);
                head = begin();
            }
            failures = if moved { 1 } else { failures + 1 };
            let problem = match setback {
                Setback::NoParts => {
                    self.flying.fetch_sub(self.begun(span.file, head.at), Ordering::Relaxed);
                    self.state().whole[span.file] = true;
                    return Ok(());
                }
                Setback::Problem(problem) => problem,
            };
            // An address that was signed for a while: the hub signs another.
            let was_led = self.state().led_to[span.file].take().is_some();
            match problem {
                Problem::Passing { what, wait } if failures < self.tuning.tries => self.pause(what, wait, failures),
                Problem::Refused { .. } if was_led && failures < self.tuning.tries => {}
                problem => {
                    self.flying.fetch_sub(self.begun(span.file, head.at), Ordering::Relaxed);
                    return Err(problem);
                }
            }
        }
    }

    /// Bytes of the block that `at` is in which came already.
    fn begun(&self, file: usize, at: u64) -> u64 {
        match self.files[file].marks {
            Some(_) => at % self.tuning.block,
            None => at,
        }
    }

    /// One request, from where the head is.
    fn once(&self, span: Span, head: &mut Head) -> Result<(), Setback> {
        let Coming { wanted, content, marks } = &self.files[span.file];
        let size = wanted.size;
        let end = (span.to as u64 * self.tuning.block).min(size.unwrap_or(LARGEST));
        let end = if size.is_none() { LARGEST } else { end };
        let led_to = self.state().led_to[span.file].clone();
        let url = led_to.as_deref().unwrap_or(&wanted.url);
        let range = (!span.whole).then(|| (head.at, end - 1));
        let mut answer = self.web.get(url, range, wanted.etag.as_deref())?;
        if answer.url != wanted.url {
            self.state().led_to[span.file] = Some(answer.url.clone());
        }
        let other = |what: String| Problem::Final(format!("{}: {what}.", escape_line(&wanted.name)));
        match (answer.range, size) {
            (Some((from, total)), Some(size)) if from != head.at || total.is_some_and(|total| total != size) => {
                return Err(other("the server sends other bytes than it was asked for".to_owned()).into());
            }
            (Some(_), _) if !span.whole => {}
            _ if head.at > 0 || (!span.whole && size != Some(end)) => return Err(Setback::NoParts),
            _ => {
                if let (Some(length), Some(size)) = (answer.length, size)
                    && length != size
                {
                    return Err(other(format!("it has {length} bytes now, not {size}")).into());
                }
            }
        }
        let mut buffer = vec![0; BUFFER];
        let broken = |why: String| Problem::Passing {
            what: format!("the connection broke off ({why})"),
            wait: None,
        };
        while head.at < end {
            if self.is_ended() {
                return Ok(());
            }
            let most = match marks {
                Some(_) => (self.tuning.block - head.at % self.tuning.block).min(end - head.at),
                None => end - head.at,
            };
            let most = most.min(BUFFER as u64) as usize;
            let read = answer
                .body
                .read(&mut buffer[..most])
                .map_err(|e| broken(e.to_string()))?;
            if read == 0 && size.is_none() {
                break;
            }
            if read == 0 {
                return Err(broken("too few bytes came".to_owned()).into());
            }
            if self.is_ended() {
                return Ok(());
            }
            self.take(span, head, &buffer[..read], content)
                .map_err(|e| Problem::Final(Error::io("write", &wanted.path, e).to_string()))?;
        }
        if size.is_none() {
            self.ended_at(span.file, head.at);
        }
        Ok(())
    }

    /// Writes bytes where they belong, and marks the block that they end.
    fn take(&self, span: Span, head: &mut Head, bytes: &[u8], content: &File) -> std::io::Result<()> {
        let Some(marks) = &self.files[span.file].marks else {
            content.write_all_at(bytes, head.at)?;
            head.at += bytes.len() as u64;
            self.flying.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            self.meter.add(bytes.len() as u64);
            return Ok(());
        };
        let at = (head.at / self.tuning.block) as usize;
        // What has been read behind this must not change.
        let is_here = self.state().blocks[span.file][at] == Block::Here;
        if !is_here {
            content.write_all_at(bytes, head.at)?;
        }
        head.sum.update(bytes);
        head.at += bytes.len() as u64;
        self.flying.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.meter.add(bytes.len() as u64);
        let length = marks.length(at);
        if head.at != at as u64 * self.tuning.block + length {
            return Ok(());
        }
        let sum = head.sum.finalize_reset();
        let mut state = self.state();
        if !is_here {
            marks.set(at, &sum)?;
            state.blocks[span.file][at] = Block::Here;
            state.here += length;
        }
        drop(state);
        self.flying.fetch_sub(length, Ordering::Relaxed);
        self.changed.notify_all();
        Ok(())
    }

    /// A file whose size was not known has come to its end.
    fn ended_at(&self, file: usize, size: u64) {
        let mut state = self.state();
        state.found[file] = Some(size);
        state.blocks[file] = vec![Block::Here];
        state.here += size;
        drop(state);
        self.flying.fetch_sub(size, Ordering::Relaxed);
        self.changed.notify_all();
    }

    /// Nobody asks for anything for a while.
    fn pause(&self, what: String, wait: Option<Duration>, failures: u32) {
        let grown = self
            .tuning
            .pause
            .saturating_mul(1 << failures.saturating_sub(1).min(16))
            .min(self.tuning.longest);
        let until = Instant::now() + wait.unwrap_or(grown);
        let mut state = self.state();
        state.quiet_until = Some(state.quiet_until.map_or(until, |known| known.max(until)));
        state.notice = Some(format!("{what}; trying again"));
    }

    /// Whether there is still something to do, once nobody asks for a pause.
    fn wait_for_quiet(&self) -> bool {
        let mut state = self.state();
        loop {
            if self.is_ended() || state.failed.is_some() {
                return false;
            }
            if state.quiet_until.is_none_or(|until| until <= Instant::now()) {
                return true;
            }
            state = self.wait(state);
        }
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let waited = self.changed.wait_timeout(state, LOOK);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn is_ended(&self) -> bool {
        self.end.load(Ordering::Relaxed)
    }

    /// A poisoned lock still guards whole states: each is changed in one step.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How fast bytes come.
#[derive(Debug, Default)]
struct Meter {
    samples: Mutex<VecDeque<(Instant, u64)>>,
    total: AtomicU64,
}

impl Meter {
    fn add(&self, bytes: u64) {
        let total = self.total.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let now = Instant::now();
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.back().is_none_or(|(at, _)| now.duration_since(*at) >= LOOK) {
            samples.push_back((now, total));
        }
        while samples.front().is_some_and(|(at, _)| now.duration_since(*at) > WINDOW) {
            samples.pop_front();
        }
    }

    fn speed(&self) -> u64 {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((begin, bytes)) = samples.front() else {
            return 0;
        };
        let took = begin.elapsed().as_secs_f64();
        if took <= 0.0 || samples.back().is_some_and(|(at, _)| at.elapsed() > WINDOW) {
            return 0;
        }
        let came = self.total.load(Ordering::Relaxed).saturating_sub(*bytes);
        (came as f64 / took) as u64
    }
}

/// Bytes that are free for this person where `folder` is, or will be.
pub(super) fn free(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|folder| folder.is_dir())?;
    let disk = rustix::fs::statvfs(there).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}
