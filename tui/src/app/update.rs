//! What happens changes the state, and has effects. Pure: a message in, effects out.

use crossterm::event::{Event as TerminalEvent, KeyEvent, KeyEventKind, MouseEvent, MouseEventKind};
use darkroom_protocol::{EventKind, JobState};
use ratatui::layout::Rect;

use super::commands::Act;
use super::msg::{Deed, Effect, Link, Msg, UNDO};
use super::own;
use super::pictures::{Key, Source};
use super::screens::{Opening, mask};
use super::state::{Overlay, Screen, State};
use super::view;
use super::widgets::{Ask, Asked, Palette};
use super::world::Daemon;
use crate::app::own::keys;
use crate::app::world::live;

/// Takes a message.
pub fn update(state: &mut State, msg: Msg) -> Vec<Effect> {
    let mut effects = take(state, msg);
    let count = state.create.ask_count(state.world.daemon == Daemon::There);
    effects.extend(state.create.draft_to_keep().map(Effect::Keep));
    state.pictures.covers = view::covers(state);
    if let Some(Overlay::Ask(ask)) = &mut state.overlay {
        effects.extend(ask.wants_list().map(Effect::List));
    }
    let wanted: Vec<Key> = state.pictures_shown().into_iter().map(|(key, _)| key).collect();
    // Where nobody looks at previews, nothing says that they were seen.
    let looks = wanted.iter().any(|key| matches!(key.source, Source::Preview(_)));
    if !looks && state.pictures.seen() {
        effects.push(Effect::Seen);
    }
    effects.extend(state.pictures.want(wanted).into_iter().map(Effect::Make));
    if state.toasts.iter().any(|toast| !toast.is_error) {
        effects.push(Effect::Wake);
    }
    if state.screen == Screen::System {
        effects.push(Effect::Pulse);
    }
    effects.extend(count.map(|(number, question)| Effect::Count(number, question)));
    effects
}

fn take(state: &mut State, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Terminal(TerminalEvent::Key(key)) if key.kind != KeyEventKind::Release => on_key(state, &key),
        Msg::Terminal(TerminalEvent::Paste(text)) => on_paste(state, &text),
        Msg::Terminal(TerminalEvent::Mouse(mouse)) => on_mouse(state, mouse),
        Msg::Terminal(TerminalEvent::Resize(width, height)) => {
            state.area = Rect::new(0, 0, width, height);
            state.redraw = true;
            state.gallery.more(state.body())
        }
        Msg::Terminal(TerminalEvent::FocusLost) => {
            state.own.is_seen = false;
            vec![]
        }
        Msg::Terminal(TerminalEvent::FocusGained) => {
            state.own.is_seen = true;
            state.redraw = true;
            vec![]
        }
        Msg::Terminal(_) => vec![],
        Msg::Link(link) => on_link(state, link),
        Msg::Jobs(jobs) => {
            state.world.put_jobs(jobs);
            state.create.look(&state.world);
            let mut effects = state.queue.keep(&state.world);
            effects.extend(own::tell(state));
            effects
        }
        Msg::Models(models) => {
            state.world.models = models;
            vec![Effect::Card(state.create.model())]
        }
        Msg::Card(card) => {
            state.world.card = Some(*card);
            vec![]
        }
        Msg::Counted(number, answer) => {
            state.create.counted(number, answer);
            vec![]
        }
        Msg::Submitted(submitted) => {
            for text in [submitted.notice, submitted.complaint].into_iter().flatten() {
                state.toast(text, false);
            }
            state.create.submitted(submitted.job);
            vec![Effect::Jobs]
        }
        Msg::Page(number, album) => state.gallery.page(number, album, state.body()),
        Msg::Detail(detail, for_what) => on_detail(state, *detail, for_what),
        Msg::Log(reader, page) => live::on_log(state, reader, page),
        Msg::Pulse => live::on_pulse(state),
        Msg::Listed(folder, entries) => live::on_listed(state, &folder, entries),
        Msg::Found(pictures) => live::on_found(state, &pictures),
        Msg::Done(text) => {
            if !text.is_empty() {
                let undo = state.own.keys().named(Act::Undo, state.theme.is_unicode);
                state.toast(text.replace(UNDO, &undo), false);
            }
            vec![]
        }
        Msg::Failed(text) => {
            state.toast(text, true);
            vec![]
        }
        Msg::Mended(complaint) => {
            state.toasts.retain(|toast| !toast.text.starts_with(&complaint));
            vec![]
        }
        Msg::Made(key, ready) => {
            state.pictures.made(key, ready);
            vec![]
        }
        Msg::Seen => {
            state.is_same = true;
            match state.pictures.seen() {
                true => vec![Effect::Seen],
                false => vec![],
            }
        }
        Msg::OpenMask(opening) => mask::open(state, *opening),
        Msg::Mask(told) => mask::told(state, *told),
        Msg::Edited(text) => {
            state.create.set_text(&text);
            state.redraw = true;
            vec![]
        }
        Msg::Settings(read) => own::read(state, *read),
        Msg::Tick => {
            if let Some(oldest) = state.toasts.iter().position(|toast| !toast.is_error) {
                state.toasts.remove(oldest);
            }
            vec![]
        }
    }
}

fn on_link(state: &mut State, link: Link) -> Vec<Effect> {
    match link {
        Link::There(status) => {
            let was_away = matches!(state.world.daemon, Daemon::Away(_));
            if let Daemon::Away(why) = &state.world.daemon {
                state.toasts.retain(|toast| toast.text != *why);
            }
            let mut effects = state.world.begin(*status);
            state.pictures.retry();
            effects.extend(state.gallery.begin());
            state.system.reset();
            if state.screen == Screen::System {
                effects.extend(state.system.enter());
            }
            if was_away {
                state.toast("The daemon is there again.", false);
            }
            effects
        }
        Link::Away(why) => {
            if state.world.daemon == Daemon::There {
                state.toast(why.clone(), true);
            }
            state.world.end(why);
            state.system.reset();
            state.pictures.end_preview();
            vec![]
        }
        Link::Event(event) => {
            let mut effects = state.world.take(&event);
            own::hear(state, &event);
            match event.kind {
                EventKind::Preview(preview) => state.pictures.put_preview(preview),
                EventKind::Picture(picture) => state.create.picture(&picture),
                EventKind::State(change) if change.state.is_final() => {
                    state.pictures.end_preview();
                    if change.state == JobState::Failed {
                        let why = change.failure.map_or_else(String::new, |failure| failure.message);
                        state.toast(why, true);
                    }
                }
                EventKind::History(change) => effects.extend(state.gallery.changed(&change, state.body())),
                EventKind::Warning(text) => state.toast(text, true),
                _ => {}
            }
            effects
        }
    }
}

fn on_detail(
    state: &mut State,
    detail: darkroom_protocol::history::EntryDetail,
    for_what: super::msg::For,
) -> Vec<Effect> {
    use super::msg::For;
    match for_what {
        For::Show => {
            let body = state.body();
            state.gallery.detail(detail, body);
            vec![]
        }
        For::Refresh => state.gallery.refreshed(detail.entry, state.body()),
        For::Reuse => {
            state.toast("The same again.", false);
            vec![Effect::Submit(detail.again)]
        }
        For::Vary => {
            state.create.fill(&detail.request);
            state.screen = Screen::Create;
            vec![Effect::Card(state.create.model())]
        }
        For::Command => {
            state.toast("Copied: the command that makes it.", false);
            vec![Effect::Copy(super::screens::as_command(&detail))]
        }
    }
}

fn on_paste(state: &mut State, text: &str) -> Vec<Effect> {
    match &mut state.overlay {
        Some(Overlay::Ask(ask)) => ask.insert(text),
        Some(Overlay::Palette(palette)) => palette.insert(text),
        Some(Overlay::Help(_)) => {}
        None => match state.screen {
            Screen::Create => state.create.paste(text),
            Screen::Gallery => return state.gallery.paste(text),
            Screen::System => return state.system.paste(text),
            Screen::Queue | Screen::Models | Screen::Mask => {}
        },
    }
    vec![]
}

fn on_key(state: &mut State, key: &KeyEvent) -> Vec<Effect> {
    let Some(name) = keys::name(key) else { return vec![] };
    if state.overlay.is_some() {
        return over(state, key, &name);
    }
    if name == "esc" && state.dismiss() {
        return vec![];
    }
    let typed = state.is_typing() && keys::is_text(key);
    let command = state.own.keys().meant(&name, state.screen).filter(|_| !typed);
    if let Some(command) = command {
        let used = !state.is_typing() || !is_for_text(command.act);
        if used {
            return act(state, command.act);
        }
    }
    match state.screen {
        Screen::Create => state.create.key(key, state.body(), &state.world),
        Screen::Gallery => state.gallery.key(key),
        Screen::System => state.system.key(key),
        Screen::Mask => {
            state.mask.iter_mut().for_each(|editor| editor.key(key));
            vec![]
        }
        Screen::Queue | Screen::Models => vec![],
    }
}

/// Keys that move a cursor belong to the text that is being written.
fn is_for_text(act: Act) -> bool {
    matches!(
        act,
        Act::Up
            | Act::Down
            | Act::Left
            | Act::Right
            | Act::PageUp
            | Act::PageDown
            | Act::First
            | Act::Last
            | Act::Open
            | Act::Choose
            | Act::Select
            | Act::Trash
            | Act::Back
    )
}

/// A key for what lies over the screen.
fn over(state: &mut State, key: &KeyEvent, name: &str) -> Vec<Effect> {
    let goes_back = state
        .own
        .keys()
        .meant(name, state.screen)
        .is_some_and(|command| match command.act {
            Act::Back => true,
            Act::Palette => matches!(state.overlay, Some(Overlay::Palette(_))),
            _ => false,
        });
    if matches!(name, "esc" | "ctrl-c") || goes_back && !keys::is_text(key) {
        state.overlay = None;
        return vec![];
    }
    match &mut state.overlay {
        Some(Overlay::Help(from)) => {
            match name {
                "up" | "k" => *from = from.saturating_sub(1),
                "down" | "j" => *from = from.saturating_add(1),
                "pageup" => *from = from.saturating_sub(10),
                "pagedown" | "space" => *from = from.saturating_add(10),
                _ => state.overlay = None,
            }
            vec![]
        }
        Some(Overlay::Palette(palette)) => match palette.key(key, name) {
            None => vec![],
            Some(chosen) => {
                state.overlay = None;
                chosen.map_or_else(Vec::new, |chosen| act(state, chosen))
            }
        },
        Some(Overlay::Ask(ask)) => match ask.key(key, name) {
            None => vec![],
            Some(answer) => {
                state.overlay = None;
                answer.map_or_else(Vec::new, |(asked, text)| answered(state, asked, &text))
            }
        },
        None => vec![],
    }
}

fn answered(state: &mut State, asked: Asked, text: &str) -> Vec<Effect> {
    match asked {
        Asked::Tags(pictures) => super::screens::tag(pictures, text),
        Asked::LeaveMask(to) => mask::answered(state, to, text),
        Asked::Choice(name) => state.create.choose(&name, text, &state.world),
        Asked::File(name) => state.create.choose(&name, text, &state.world),
        Asked::Picture => {
            let number = text.rsplit_once('#').and_then(|(_, number)| number.parse().ok());
            number
                .map(|id| Effect::Detail(id, super::msg::For::Vary))
                .into_iter()
                .collect()
        }
        Asked::Sure(deed) if !Ask::is_yes(text) => {
            drop(deed);
            vec![]
        }
        Asked::Sure(Deed::Trash(pictures, true)) => state.gallery.put_away(pictures),
        Asked::Sure(deed) => vec![Effect::Do(deed)],
        Asked::KeepAlive(model) => match text.trim().parse() {
            Ok(time) => vec![Effect::Do(Deed::KeepAlive(model, time))],
            Err(()) => {
                state.toast("That is no time: write for instance 10m, 2h, 0 or forever.", true);
                vec![]
            }
        },
    }
}

/// Does a command.
pub fn act(state: &mut State, act: Act) -> Vec<Effect> {
    if !state.can(act) {
        return vec![];
    }
    if state.screen == Screen::Mask && matches!(act, Act::Quit | Act::Go(_) | Act::NextScreen) {
        if !mask::may_leave(state, Some(act)) {
            return vec![];
        }
        mask::leave(state);
    }
    match act {
        // What no daemon takes, and perhaps is too long for its way there.
        Act::Generate if is_refused(state) => {}
        Act::Quit => state.quit = true,
        Act::Redraw => state.redraw = true,
        Act::Suspend => state.suspend = true,
        Act::Help => state.overlay = Some(Overlay::Help(0)),
        Act::Palette => state.overlay = Some(Overlay::Palette(Palette::new(state.screen))),
        Act::FromPicture => {
            let Some(given) = state.gallery.given() else {
                return vec![];
            };
            state.create.begin_with(given);
            state.toast(
                "It begins with that picture: denoise says how far it may change.",
                false,
            );
            return go(state, Screen::Create);
        }
        Act::Go(screen) => return go(state, screen),
        Act::NextScreen => return go(state, state.screen.next()),
        _ => return on_screen(state, act),
    }
    vec![]
}

/// Says so where what is asked for is nothing that can be made: whether it is.
fn is_refused(state: &mut State) -> bool {
    let refused = state.create.request().check().err();
    if let Some(error) = &refused {
        state.toast(error.to_string(), true);
    }
    refused.is_some()
}

fn go(state: &mut State, screen: Screen) -> Vec<Effect> {
    state.screen = screen;
    match screen {
        Screen::Gallery => state.gallery.more(state.body()),
        Screen::System => state.system.enter(),
        _ => vec![],
    }
}

fn on_screen(state: &mut State, act: Act) -> Vec<Effect> {
    let body = state.body();
    match state.screen {
        Screen::Create => match state.create.act(act, &state.world) {
            Ok(effects) => effects,
            Err(ask) => {
                state.overlay = Some(Overlay::Ask(ask));
                vec![]
            }
        },
        Screen::Queue => {
            let done = state.queue.act(act, &state.world, body);
            ask_first(state, done)
        }
        Screen::Gallery if act == Act::EditMask => {
            let picture = state.gallery.here().filter(|entry| !entry.missing).cloned();
            picture.map_or_else(Vec::new, |picture| {
                let opening = Opening {
                    picture,
                    output: None,
                    is_alone: false,
                };
                mask::open(state, opening)
            })
        }
        Screen::Mask => mask::on_screen(state, act, body),
        Screen::Gallery => match state.gallery.act(act, body, state.dots) {
            Ok(effects) => effects,
            Err(ask) => {
                state.overlay = Some(Overlay::Ask(ask));
                vec![]
            }
        },
        Screen::Models => {
            let done = state.models.act(act, &state.world, body);
            let effects = ask_first(state, done);
            if let Some(model) = state.models.take_chosen() {
                state.create.use_model(&model);
                state.screen = Screen::Create;
                return vec![Effect::Card(model)];
            }
            effects
        }
        Screen::System => {
            let around = live::around(&state.world, &state.queue, state.theme, body);
            state.system.act(act, &around)
        }
    }
}

/// What follows, or nothing before what is to be asked first is answered.
fn ask_first(state: &mut State, done: Result<Vec<Effect>, Box<Ask>>) -> Vec<Effect> {
    done.unwrap_or_else(|ask| {
        state.overlay = Some(Overlay::Ask(ask));
        vec![]
    })
}

fn on_mouse(state: &mut State, mouse: MouseEvent) -> Vec<Effect> {
    let at = (mouse.column, mouse.row);
    if state.overlay.is_some() {
        if matches!(mouse.kind, MouseEventKind::Down(_)) {
            state.overlay = None;
        }
        return vec![];
    }
    if matches!(mouse.kind, MouseEventKind::Down(_)) {
        if let Some(screen) = view::tab_at(state, at) {
            return act(state, Act::Go(screen));
        }
        if let Some(command) = view::hint_at(state, at) {
            return act(state, command);
        }
    }
    let (body, dots) = (state.body(), state.dots);
    match (state.screen, &mut state.mask) {
        (Screen::Gallery, _) => return state.gallery.mouse(mouse.kind, at, body, dots),
        (Screen::Mask, Some(editor)) => return editor.mouse(mouse.kind, at, body, dots),
        _ => {}
    }
    match mouse.kind {
        MouseEventKind::ScrollUp => act(state, Act::Up),
        MouseEventKind::ScrollDown => act(state, Act::Down),
        MouseEventKind::Down(_) => {
            match state.screen {
                Screen::Create => state.create.click(at, body, &state.world),
                Screen::Queue => state.queue.click(at, body, &state.world),
                Screen::Models => state.models.click(at, body, &state.world),
                Screen::Gallery | Screen::Mask | Screen::System => {}
            }
            vec![]
        }
        _ => vec![],
    }
}
