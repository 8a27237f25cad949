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
use darkroom_protocol::paths::Paths;
use futures_util::StreamExt as _;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::draft::{self, Draft};
use super::effects::Doer;
use super::link::{self, Previews};
use super::msg::{Effect, Msg};
use super::notify::Route;
use super::over::Over;
use super::own::{self, Own};
use super::settings;
use super::state::State;
use super::theme::Surroundings;
use super::update::update;
use super::{Error, view};
use crate::graphics::{self, Found};
use crate::{locale, restore};

/// The least time between two frames that no key asked for.
const FRAME: Duration = Duration::from_millis(16);
/// A toast is shown for so long.
const TOAST: Duration = Duration::from_secs(5);
/// Previews on Create.
const PREVIEWS: Previews = Previews { fps: 5, px: 256 };
/// Messages on their way; who sends more waits.
const WAITING: usize = 256;

/// Runs the client until it is left: how many jobs go on.
///
/// # Errors
/// [`Error::NoTerminal`]; when the terminal cannot be used.
pub async fn run(paths: &Paths) -> Result<u64, Error> {
    if !std::io::IsTerminal::is_terminal(&stdout()) {
        return Err(Error::NoTerminal);
    }
    // Taken before the file is read, so that no change is missed.
    let stamp = settings::stamp(&settings::file(paths));
    let read = settings::load(&settings::file(paths));
    let images = read.as_ref().map_or("auto", |settings| settings.images);
    // The terminal is asked before anything else reads from it.
    let found = graphics::detect_for(graphics::Stream::Out, images);
    let screen = Screen::enter()?;
    let mut client = Client::new(paths, found, stamp)?;
    client.begin_with(read)?;
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
    inbox: mpsc::Receiver<Msg>,
    outbox: mpsc::Sender<Msg>,
    /// When the oldest toast is over.
    wake: Option<Instant>,
    drawn: Instant,
    is_dirty: bool,
}

impl Client {
    fn new(paths: &Paths, found: Found, stamp: settings::Stamp) -> Result<Self, Error> {
        let (outbox, inbox) = mpsc::channel(WAITING);
        let (now, client) = watch::channel(None);
        tokio::spawn(link::follow(paths.clone(), outbox.clone(), now, PREVIEWS));
        tokio::spawn(settings::follow(settings::file(paths), stamp, outbox.clone()));
        let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (width, height) = size()?;
        let own = Own {
            around: Surroundings::of(&env, locale::is_utf8(), found.ground),
            route: Route::of(&found),
            ..Own::default()
        };
        let mut state = State::new(own.theme(), Rect::new(0, 0, width, height));
        state.own = own;
        let kept = paths.state.join("draft.json");
        state.create.restore(read_draft(&kept));
        if let Some(word) = &found.word {
            state.toast(word.clone(), false);
        }
        Ok(Self {
            state,
            terminal: Terminal::new(CrosstermBackend::new(stdout()))?,
            doer: Doer::new(outbox.clone(), client, found.clone(), kept),
            over: Over::new(found),
            inbox,
            outbox,
            wake: None,
            drawn: Instant::now(),
            is_dirty: true,
        })
    }

    /// The settings as they are at the start; what is wrong with them is shown.
    fn begin_with(&mut self, read: Result<settings::Settings, String>) -> Result<(), Error> {
        for effect in own::read(&mut self.state, read) {
            if let Effect::Mouse(is_wanted) = effect {
                mouse(is_wanted)?;
            }
        }
        Ok(())
    }

    async fn live(mut self) -> Result<u64, Error> {
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
            for effect in update(&mut self.state, msg) {
                self.begin(effect, &mut events)?;
            }
            if std::mem::take(&mut self.state.suspend) {
                suspend()?;
                mouse(self.state.own.settings.mouse)?;
                self.state.redraw = true;
            }
            if is_key {
                self.draw()?;
            }
        }
        let mut out = stdout();
        out.write_all(&self.over.clean())?;
        out.flush()?;
        let going_on = self.state.world.jobs.iter().filter(|job| !job.state.is_final());
        Ok(going_on.count() as u64)
    }

    fn begin(&mut self, effect: Effect, events: &mut EventStream) -> Result<(), Error> {
        match effect {
            Effect::Wake => {
                self.wake.get_or_insert_with(|| Instant::now() + TOAST);
            }
            Effect::Copy(text) => execute!(stdout(), CopyToClipboard::to_clipboard_from(text))?,
            Effect::Mouse(is_wanted) => mouse(is_wanted)?,
            Effect::Notify(way, text) => {
                let mut out = stdout();
                out.write_all(&self.state.own.route.bytes(way, &text))?;
                out.flush()?;
            }
            Effect::Edit(text) => {
                let edited = edit(&text)?;
                mouse(self.state.own.settings.mouse)?;
                *events = EventStream::new();
                let msg = match edited {
                    Ok(text) => Msg::Edited(text),
                    Err(why) => Msg::Failed(why),
                };
                let _ = self.outbox.try_send(msg);
                self.state.redraw = true;
            }
            effect => {
                let preview = self.state.pictures.preview().map(|(_, preview)| preview);
                self.doer.begin(effect, preview);
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

/// Takes the mouse, or leaves it to the terminal.
fn mouse(is_wanted: bool) -> std::io::Result<()> {
    match is_wanted {
        true => execute!(stdout(), EnableMouseCapture),
        false => execute!(stdout(), DisableMouseCapture),
    }
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
