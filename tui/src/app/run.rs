//! The loop: what the terminal and the daemon say goes into [`update()`], its effects are begun, and what has changed is drawn. A key is
//! drawn at once, everything else at most every 16 ms, and nothing where nothing has changed. The terminal is as it was when this ends,
//! however it ends.

use std::io::{Stdout, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::Event as TerminalEvent;
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, size};
use crossterm::{execute, queue};
use darkroom_client::Cache;
use darkroom_protocol::history::Entry;
use darkroom_protocol::paths::Paths;
use darkroom_protocol::text::escape_line;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use signal_hook::consts::SIGCONT;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::draft::{self, Draft};
use super::effects::{Doer, Files, PROMPTS, With};
use super::link::{self, Previews};
use super::mask::file;
use super::msg::{Effect, Msg};
use super::own::{self, Own};
use super::pictures::Source;
use super::prompts::{self, Prompts};
use super::screens::Opening;
use super::state::State;
use super::update::update;
use super::{Error, view};
use crate::app::own::notify::Route;
use crate::app::own::settings;
use crate::app::own::theme::Surroundings;
use crate::app::pictures::doled::{CELL_BYTES, Doled, Frames};
use crate::app::pictures::over::{self, Over};
use crate::app::pictures::pacing::{Next, Pacing};
use crate::app::pictures::zoom::Dots;
use crate::app::terminal::input::{self, Input};
use crate::app::terminal::screen::Screen;
use crate::graphics::{self, Found, pane};
use crate::locale;

/// The least time between two frames that no key asked for.
const FRAME: Duration = Duration::from_millis(16);
/// What did not go wrong is said for so long.
const TOAST: Duration = Duration::from_secs(5);
/// What is shown and moves by itself is looked at so often.
const SECOND: Duration = Duration::from_secs(1);
/// Previews on Create.
const PREVIEWS: Previews = Previews { fps: 5, px: 256 };
/// Messages on their way; who sends more waits.
const WAITING: usize = 256;

/// Runs the client until it is left: how many jobs go on. `first` is a connection to the daemon where there is one already.
///
/// # Errors
/// [`Error::NoTerminal`]; when the terminal cannot be used.
pub async fn run(paths: &Paths, first: Option<darkroom_client::Client>) -> Result<u64, Error> {
    let state = opened(paths, first, None).await?;
    let going_on = state.world.jobs.iter().filter(|job| !job.state.is_final());
    Ok(going_on.count() as u64)
}

/// Lets a person paint the mask of a picture: the file that it was saved to, or `None` where the editor was left. `output` is that file;
/// where it is there, it must be a mask of the picture, on which one goes on.
///
/// # Errors
/// [`Error::NotThatMask`]; those of [`run`].
pub async fn edit_mask(
    paths: &Paths,
    first: Option<darkroom_client::Client>,
    picture: Entry,
    output: Option<PathBuf>,
) -> Result<Option<PathBuf>, Error> {
    if let Some(path) = &output {
        let shown = || escape_line(&path.to_string_lossy()).into_owned();
        let loaded = file::load(path, (picture.width, picture.height));
        loaded.map_err(|why| Error::NotThatMask { path: shown(), why })?;
    }
    let opening = Opening {
        picture,
        output,
        is_alone: true,
    };
    let state = opened(paths, first, Some(opening)).await?;
    Ok(state.saved_mask)
}

/// Runs the client until it is left, beginning with a mask where one is to be painted: what it knows then.
async fn opened(
    paths: &Paths,
    first: Option<darkroom_client::Client>,
    opening: Option<Opening>,
) -> Result<State, Error> {
    if !std::io::IsTerminal::is_terminal(&stdout()) {
        return Err(Error::NoTerminal);
    }
    // Taken before the file is read, so that no change is missed.
    let stamp = settings::stamp(&settings::file(paths));
    let read = settings::load(&settings::file(paths));
    let images = read.as_ref().map_or("auto", |settings| settings.images);
    // The terminal is asked before anything else reads from it.
    let found = graphics::detect_for(graphics::Stream::Out, images);
    let typed = graphics::hand_over();
    let result = match Client::new(paths, first, found, stamp) {
        Ok(client) => client.live(read, typed, opening).await,
        Err(error) => Err(error),
    };
    graphics::settle();
    result
}

struct Client {
    screen: Screen,
    state: State,
    terminal: Terminal<CrosstermBackend<Stdout>>,
    doer: Doer,
    over: Over,
    frames: Frames,
    /// Whether cells of pictures wait for room.
    is_behind: bool,
    found: Found,
    inbox: mpsc::Receiver<Msg>,
    outbox: mpsc::Sender<Msg>,
    pacing: Pacing,
    /// When the oldest toast is over.
    wake: Option<Instant>,
    /// When a second is over, where something is shown that moves by itself.
    pulse: Option<Instant>,
    begun: Instant,
    drawn: Instant,
    is_dirty: bool,
}

impl Client {
    fn new(
        paths: &Paths,
        first: Option<darkroom_client::Client>,
        found: Found,
        stamp: settings::Stamp,
    ) -> Result<Self, Error> {
        let screen = Screen::enter()?;
        let (outbox, inbox) = mpsc::channel(WAITING);
        let (now, client) = watch::channel(None);
        tokio::spawn(link::follow(paths.clone(), first, outbox.clone(), now, PREVIEWS));
        tokio::spawn(settings::follow(settings::file(paths), stamp, outbox.clone()));
        let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (width, height) = size()?;
        // Fixed, so that a frame has the size that the state has, whatever the terminal became meanwhile.
        let whole = TerminalOptions {
            viewport: Viewport::Fixed(Rect::new(0, 0, width, height)),
        };
        let terminal = Terminal::with_options(CrosstermBackend::new(stdout()), whole)?;
        let own = Own {
            around: Surroundings::of(&env, locale::is_utf8(), found.ground).named(found.name.is_some()),
            route: Route::of(&found),
            ..Own::default()
        };
        let mut state = State::new(own.theme(), Rect::new(0, 0, width, height));
        state.own = own;
        state.dots = dots(&found);
        state.pictures.is_over_text = over::is_over_text(&found);
        let host = paths.host.as_ref();
        state.world.host = host.map(|host| escape_line(&host.name).into_owned());
        let draft = host.map_or_else(|| "draft.json".to_owned(), draft::file_of);
        let files = Files {
            draft: paths.state.join(draft),
            masks: paths.data.join("masks"),
            cache: host.map(|host| Cache::of(&paths.cache, host)),
        };
        let draft = read(&files.draft, draft::MOST).map_or_else(Draft::default, |text| Draft::from_json(&text));
        state.create.restore(draft);
        let prompts = read(&files.draft.with_file_name(PROMPTS), prompts::MOST_BYTES);
        state
            .create
            .remember(prompts.map_or_else(Prompts::default, |text| Prompts::from_json(&text)));
        if let Some(word) = &found.word {
            state.toast(word.clone(), false);
        }
        Ok(Self {
            screen,
            state,
            terminal,
            doer: Doer::new(outbox.clone(), client, found.clone(), files),
            over: Over::new(found.clone()),
            frames: Frames::default(),
            is_behind: false,
            found,
            inbox,
            outbox,
            pacing: Pacing::default(),
            wake: None,
            pulse: None,
            begun: Instant::now(),
            drawn: Instant::now(),
            is_dirty: true,
        })
    }

    /// The settings as they are at the start; what is wrong with them is shown.
    fn begin_with(&mut self, read: Result<settings::Settings, String>) -> Result<(), Error> {
        for effect in own::read(&mut self.state, read) {
            if let Effect::Mouse(is_wanted) = effect {
                self.screen.mouse(is_wanted)?;
            }
        }
        Ok(())
    }

    /// `typed` while the terminal was asked. A mask that is to be painted is there before the first frame: whoever sees that may type.
    async fn live(
        mut self,
        read: Result<settings::Settings, String>,
        typed: Vec<u8>,
        opening: Option<Opening>,
    ) -> Result<State, Error> {
        self.begin_with(read)?;
        let mut events = input::Terminal::open(typed)?;
        if let Some(opening) = opening {
            for effect in update(&mut self.state, Msg::OpenMask(Box::new(opening))) {
                self.begin(effect, &mut events)?;
            }
        }
        let mut continued = signal(SignalKind::from_raw(SIGCONT))?;
        // The first frame is there before the daemon is.
        self.draw()?;
        self.begin_pacing()?;
        while !self.state.quit {
            let due = self.drawn + FRAME;
            let (wake, pulse, overdue) = (self.wake, self.pulse, self.pacing.due());
            let msg = tokio::select! {
                biased;
                input = events.next() => match input {
                    Some(Input::Event(event)) => Msg::Terminal(event),
                    Some(Input::Answered) => {
                        let next = self.pacing.answered(Instant::now().into_std());
                        self.doer.limit_previews(self.pacing.px());
                        self.go_on(next)?;
                        self.send()?;
                        self.catch_up()?;
                        continue;
                    }
                    // The terminal has gone.
                    None => break,
                },
                _ = continued.recv() => {
                    // Whoever had the terminal meanwhile left it as it is now.
                    self.screen.again()?;
                    self.begin_pacing()?;
                    self.state.redraw = true;
                    self.draw()?;
                    continue;
                }
                Some(msg) = self.inbox.recv() => msg,
                () = tokio::time::sleep_until(due), if self.is_dirty => {
                    self.draw()?;
                    continue;
                }
                () = until(overdue), if overdue.is_some() => {
                    let next = self.pacing.give_up(Instant::now().into_std());
                    self.go_on(next)?;
                    self.send()?;
                    self.catch_up()?;
                    Msg::Seen
                }
                () = until(wake), if wake.is_some() => {
                    self.wake = None;
                    Msg::Tick
                }
                () = until(pulse), if pulse.is_some() => {
                    self.pulse = None;
                    Msg::Pulse
                }
            };
            let is_key = matches!(
                msg,
                Msg::Terminal(TerminalEvent::Key(_) | TerminalEvent::Paste(_) | TerminalEvent::Resize(..))
            );
            self.state.world.now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            if matches!(msg, Msg::Terminal(TerminalEvent::Resize(..))) {
                self.state.dots = dots(&self.found);
            }
            for effect in update(&mut self.state, msg) {
                self.begin(effect, &mut events)?;
            }
            self.is_dirty |= !std::mem::take(&mut self.state.is_same);
            if std::mem::take(&mut self.state.suspend) {
                self.suspend()?;
            } else if is_key {
                self.draw()?;
            }
        }
        self.doer.settle(self.state.create.draft()).await;
        Ok(self.state)
    }

    fn begin(&mut self, effect: Effect, events: &mut input::Terminal) -> Result<(), Error> {
        match effect {
            Effect::Wake => {
                self.wake.get_or_insert_with(|| Instant::now() + TOAST);
            }
            Effect::Pulse => {
                self.pulse.get_or_insert_with(|| Instant::now() + SECOND);
            }
            Effect::Copy(text) => execute!(stdout(), CopyToClipboard::to_clipboard_from(text))?,
            Effect::Mouse(is_wanted) => self.screen.mouse(is_wanted)?,
            Effect::Notify(way, text) => {
                let mut out = stdout();
                out.write_all(&self.state.own.route.bytes(way, &text))?;
                out.flush()?;
            }
            Effect::Edit(text) => {
                // Every key is the editor's.
                events.pause();
                self.screen.leave()?;
                let edited = edit(&text);
                self.screen.again()?;
                events.go_on()?;
                self.begin_pacing()?;
                let msg = match edited {
                    Ok(text) => Msg::Edited(text),
                    Err(why) => Msg::Failed(why),
                };
                let _ = self.outbox.try_send(msg);
                self.state.redraw = true;
            }
            effect => {
                let with = match effect {
                    Effect::Make(_) => With {
                        preview: self.state.pictures.preview().map(|(_, preview)| preview),
                        sheet: self.state.mask.as_ref().map(|editor| editor.sheet().clone()),
                    },
                    _ => With::default(),
                };
                self.doer.begin(effect, with);
            }
        }
        Ok(())
    }

    /// What the pacing says is done.
    fn go_on(&mut self, next: Next) -> Result<(), Error> {
        match next {
            Next::Nothing => {}
            Next::Ask => self.ask_for_state()?,
            Next::Seen => drop(self.outbox.try_send(Msg::Seen)),
        }
        Ok(())
    }

    /// Asks the terminal for its state: it answers when it has come to this.
    fn ask_for_state(&self) -> std::io::Result<()> {
        let mut out = stdout();
        match self.screen.turn() {
            Some(_turn) => out.write_all(b"\x1b[5n").and_then(|()| out.flush()),
            None => Ok(()),
        }
    }

    /// The terminal is ours: how long it takes to answer is found out anew.
    fn begin_pacing(&mut self) -> Result<(), Error> {
        self.pacing.begin(Instant::now().into_std());
        Ok(self.ask_for_state()?)
    }

    /// Sends the next part of the pictures that are on their way, where there is room.
    fn send(&mut self) -> Result<(), Error> {
        while let Some(room) = self.pacing.room() {
            let Some(mut turn) = self.screen.turn() else {
                return Ok(());
            };
            let part = self.over.next(room);
            if part.bytes.is_empty() {
                return Ok(());
            }
            turn.pictures = self.over.taken_off();
            let mut out = stdout();
            out.write_all(&part.bytes)?;
            out.flush()?;
            drop(turn);
            let now = Instant::now().into_std();
            let next = self.pacing.sent(part.bytes.len(), part.ends_preview, now);
            self.go_on(next)?;
        }
        Ok(())
    }

    /// Stops the process as Ctrl-Z does; when it goes on, the system says so.
    fn suspend(&mut self) -> Result<(), Error> {
        self.screen.leave()?;
        let stopped = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
        Ok(stopped.map_err(std::io::Error::from)?)
    }

    /// Draws what waits of pictures in cells, while there is room for more.
    fn catch_up(&mut self) -> Result<(), Error> {
        while self.is_behind && self.pacing.room().is_some() {
            self.draw()?;
        }
        Ok(())
    }

    fn draw(&mut self) -> Result<(), Error> {
        self.is_dirty = false;
        // Whoever takes the terminal over again draws all anew.
        let Some(mut turn) = self.screen.turn() else {
            return Ok(());
        };
        let mut out = stdout();
        queue!(out, BeginSynchronizedUpdate)?;
        if std::mem::take(&mut self.state.redraw) | self.over.leaves_any(&self.state) {
            out.write_all(&self.over.forget_all())?;
            self.frames.forget();
            queue!(out, Clear(ClearType::All))?;
            // Its own `clear` asks the terminal where the cursor is, and takes keys for the answer.
            self.terminal.resize(self.state.area)?;
        }
        self.over.give(&self.state);
        turn.pictures = self.over.taken_off();
        let (state, frames) = (&self.state, &mut self.frames);
        let most = self.pacing.room().unwrap_or(0) / CELL_BYTES;
        let mut doled = Doled::default();
        self.terminal.draw(|frame| {
            view::view(state, frame);
            doled = frames.dole(frame.buffer_mut(), most);
        })?;
        self.over.draw(&mut out, state)?;
        turn.pictures = self.over.taken_off();
        queue!(out, EndSynchronizedUpdate)?;
        out.flush()?;
        drop(turn);
        self.drawn = Instant::now();
        self.is_behind = doled.is_behind;
        self.send()?;
        // A picture of kitty's or of sixels is on its way by itself; any other was drawn with the frame.
        let shows = self.state.pictures_shown();
        let preview = shows.iter().any(|(key, _)| matches!(key.source, Source::Preview(_)));
        let newest = match preview && self.over.draws_with_frames() {
            true if !doled.is_behind => self.state.pictures.ready(),
            _ => 0,
        };
        let bytes = doled.changed * CELL_BYTES;
        let next = match self.pacing.drew(newest, bytes, self.drawn.into_std()) {
            Next::Nothing if bytes > 0 => self.pacing.sent(bytes, false, self.drawn.into_std()),
            next => next,
        };
        self.go_on(next)
    }
}

fn dots(found: &Found) -> Dots {
    let (across, down) = pane::dots(found);
    Dots(across, down)
}

async fn until(wake: Option<impl Into<Instant>>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake.into()).await,
        None => std::future::pending().await,
    }
}

/// A file that was kept; `None` where there is none, or one that is not ours.
fn read(path: &Path, most: u64) -> Option<String> {
    darkroom_protocol::files::read_text(path, most).ok()
}

/// Lets the person's editor have the text: what it left, or why there is none.
fn edit(text: &str) -> Result<String, String> {
    let editor = ["VISUAL", "EDITOR"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    let path = std::env::temp_dir().join(format!("darkroom-{}.txt", darkroom_protocol::id::fresh().simple()));
    let edited = with_editor(&editor, &path, text);
    let _ = std::fs::remove_file(&path);
    edited
}

fn with_editor(editor: &str, path: &PathBuf, text: &str) -> Result<String, String> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let plain = |e: std::io::Error| format!("The editor {editor} cannot be used: {e}.");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(plain)?;
    // As the shell has it: an editor may come with words of its own.
    let status = Command::new("sh")
        .arg("-c")
        .arg(format!("{editor} \"$1\""))
        .arg("sh")
        .arg(path)
        .status()
        .map_err(plain)?;
    match status.success() {
        true => std::fs::read_to_string(path).map_err(plain),
        false => Err(format!(
            "The editor {editor} ended with {status}; the text is as it was."
        )),
    }
}
