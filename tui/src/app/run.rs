//! The loop: what the terminal and the daemon say goes into [`update()`], its effects are begun, and what has changed is drawn. A key is
//! drawn at once, everything else at most every 16 ms, and nothing where nothing has changed. The terminal is as it was when this ends,
//! however it ends.

use std::io::{Stdout, Write, stdout};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
    EnableMouseCapture, Event as TerminalEvent, EventStream,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode, size,
};
use crossterm::{cursor, execute, queue};
use darkroom_protocol::history::Entry;
use darkroom_protocol::paths::Paths;
use darkroom_protocol::text::escape_line;
use futures_util::StreamExt as _;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::draft::{self, Draft};
use super::effects::{Doer, Files, With};
use super::link;
use super::mask::file;
use super::msg::{Effect, Msg};
use super::over::Over;
use super::screens::Opening;
use super::state::State;
use super::theme::Theme;
use super::update::update;
use super::zoom::Dots;
use super::{Error, view};
use crate::graphics::{self, Found, pane};
use crate::{locale, restore};

/// The least time between two frames that no key asked for.
const FRAME: Duration = Duration::from_millis(16);
/// A toast is shown for so long.
const TOAST: Duration = Duration::from_secs(5);
/// Messages on their way; who sends more waits.
const WAITING: usize = 256;

/// Runs the client until it is left: how many jobs go on.
///
/// # Errors
/// [`Error::NoTerminal`]; when the terminal cannot be used.
pub async fn run(paths: &Paths) -> Result<u64, Error> {
    let state = opened(paths, None).await?;
    let going_on = state.world.jobs.iter().filter(|job| !job.state.is_final());
    Ok(going_on.count() as u64)
}

/// Lets a person paint the mask of a picture: the file that it was saved to, or `None` where the editor was left. `output` is that file;
/// where it is there, it must be a mask of the picture, on which one goes on.
///
/// # Errors
/// [`Error::NotThatMask`]; those of [`run`].
pub async fn edit_mask(paths: &Paths, picture: Entry, output: Option<PathBuf>) -> Result<Option<PathBuf>, Error> {
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
    let state = opened(paths, Some(opening)).await?;
    Ok(state.saved_mask)
}

/// Runs the client until it is left, beginning with a mask where one is to be painted: what it knows then.
async fn opened(paths: &Paths, opening: Option<Opening>) -> Result<State, Error> {
    if !std::io::IsTerminal::is_terminal(&stdout()) {
        return Err(Error::NoTerminal);
    }
    // The terminal is asked before anything else reads from it.
    let found = graphics::detect();
    let screen = Screen::enter()?;
    let mut client = Client::new(paths, found)?;
    if let Some(opening) = opening {
        // Nothing else is seen before it.
        client.state.screen = super::state::Screen::Mask;
        let _ = client.outbox.try_send(Msg::OpenMask(Box::new(opening)));
    }
    let result = client.live().await;
    drop(screen);
    graphics::settle();
    result
}

/// The terminal, taken over. It is given back when this goes, and when a signal ends or stops the process.
struct Screen {
    _undo: restore::Undo,
}

impl Screen {
    fn enter() -> Result<Self, Error> {
        let undo = restore::on_signal(|| drop(leave()));
        enable_raw_mode()?;
        let entered = execute!(
            stdout(),
            EnterAlternateScreen,
            EnableBracketedPaste,
            EnableMouseCapture,
            EnableFocusChange,
            cursor::Hide
        );
        entered.inspect_err(|_| drop(leave()))?;
        Ok(Self { _undo: undo })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = leave();
    }
}

fn leave() -> std::io::Result<()> {
    execute!(
        stdout(),
        EndSynchronizedUpdate,
        DisableFocusChange,
        DisableMouseCapture,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        cursor::Show
    )?;
    disable_raw_mode()
}

struct Client {
    state: State,
    terminal: Terminal<CrosstermBackend<Stdout>>,
    doer: Doer,
    over: Over,
    found: Found,
    inbox: mpsc::Receiver<Msg>,
    outbox: mpsc::Sender<Msg>,
    /// When the oldest toast is over.
    wake: Option<Instant>,
    drawn: Instant,
    is_dirty: bool,
}

impl Client {
    fn new(paths: &Paths, found: Found) -> Result<Self, Error> {
        let (outbox, inbox) = mpsc::channel(WAITING);
        let (now, client) = watch::channel(None);
        tokio::spawn(link::follow(paths.clone(), outbox.clone(), now));
        let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (width, height) = size()?;
        let mut state = State::new(Theme::of(&env, locale::is_utf8()), Rect::new(0, 0, width, height));
        state.dots = dots(&found);
        let files = Files {
            draft: paths.state.join("draft.json"),
            masks: paths.data.join("masks"),
        };
        state.create.restore(read_draft(&files.draft));
        if let Some(word) = &found.word {
            state.toast(word.clone(), false);
        }
        Ok(Self {
            state,
            terminal: Terminal::new(CrosstermBackend::new(stdout()))?,
            doer: Doer::new(outbox.clone(), client, found.clone(), files),
            over: Over::new(found.clone()),
            found,
            inbox,
            outbox,
            wake: None,
            drawn: Instant::now(),
            is_dirty: true,
        })
    }

    async fn live(mut self) -> Result<State, Error> {
        let mut events = EventStream::new();
        // The first frame is there before the daemon is.
        self.draw()?;
        while !self.state.quit {
            let due = self.drawn + FRAME;
            let wake = self.wake;
            let msg = tokio::select! {
                biased;
                event = events.next() => match event {
                    Some(event) => Msg::Terminal(event?),
                    // The terminal has gone.
                    None => break,
                },
                Some(msg) = self.inbox.recv() => msg,
                () = tokio::time::sleep_until(due), if self.is_dirty => {
                    self.draw()?;
                    continue;
                }
                () = until(wake), if wake.is_some() => {
                    self.wake = None;
                    Msg::Tick
                }
            };
            let is_key = matches!(
                msg,
                Msg::Terminal(TerminalEvent::Key(_) | TerminalEvent::Paste(_) | TerminalEvent::Resize(..))
            );
            self.is_dirty = true;
            if matches!(msg, Msg::Terminal(TerminalEvent::Resize(..))) {
                self.state.dots = dots(&self.found);
            }
            for effect in update(&mut self.state, msg) {
                self.begin(effect, &mut events)?;
            }
            if std::mem::take(&mut self.state.suspend) {
                suspend()?;
                self.state.redraw = true;
            }
            if is_key {
                self.draw()?;
            }
        }
        let mut out = stdout();
        out.write_all(&self.over.clean())?;
        out.flush()?;
        Ok(self.state)
    }

    fn begin(&mut self, effect: Effect, events: &mut EventStream) -> Result<(), Error> {
        match effect {
            Effect::Wake => {
                self.wake.get_or_insert_with(|| Instant::now() + TOAST);
            }
            Effect::Copy(text) => execute!(stdout(), CopyToClipboard::to_clipboard_from(text))?,
            Effect::Edit(text) => {
                let edited = edit(&text)?;
                *events = EventStream::new();
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

    fn draw(&mut self) -> Result<(), Error> {
        let mut out = stdout();
        queue!(out, BeginSynchronizedUpdate)?;
        if std::mem::take(&mut self.state.redraw) {
            self.terminal.clear()?;
            self.over.forget_all();
        }
        self.over.give(&mut out, &self.state)?;
        let state = &self.state;
        self.terminal.draw(|frame| view::view(state, frame))?;
        self.over.draw(&mut out, state)?;
        queue!(out, EndSynchronizedUpdate)?;
        out.flush()?;
        self.drawn = Instant::now();
        self.is_dirty = false;
        Ok(())
    }
}

fn dots(found: &Found) -> Dots {
    let (across, down) = pane::dots(found);
    Dots(across, down)
}

async fn until(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake).await,
        None => std::future::pending().await,
    }
}

fn read_draft(path: &PathBuf) -> Draft {
    let is_small = std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() <= draft::MOST);
    let text = is_small.then(|| std::fs::read_to_string(path).ok()).flatten();
    text.map_or_else(Draft::default, |text| Draft::from_json(&text))
}

/// Stops the process as Ctrl-Z does, and goes on when it is continued.
fn suspend() -> Result<(), Error> {
    leave()?;
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)
        .map_err(std::io::Error::from)?;
    again()
}

/// Takes the terminal over once more.
fn again() -> Result<(), Error> {
    enable_raw_mode()?;
    execute!(
        stdout(),
        EnterAlternateScreen,
        EnableBracketedPaste,
        EnableMouseCapture,
        EnableFocusChange,
        cursor::Hide
    )?;
    Ok(())
}

/// Lets the person's editor have the text: what it left, or why there is none.
fn edit(text: &str) -> Result<Result<String, String>, Error> {
    let editor = ["VISUAL", "EDITOR"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    let path = std::env::temp_dir().join(format!("darkroom-{}.txt", darkroom_protocol::id::fresh().simple()));
    leave()?;
    let edited = with_editor(&editor, &path, text);
    let _ = std::fs::remove_file(&path);
    again()?;
    Ok(edited)
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
