//! Everything that can be done, one row each: what it is called, what it does, by which keys, and on which screen. The palette
//! and the help are lists of these rows, and the line at the bottom shows the first of them. Keys are looked up in `own/keymap.rs`, which
//! knows those that the person gave instead.

use super::screens::mask::Do;
use super::state::Screen;

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table says what each does")]
pub enum Act {
    Go(Screen),
    NextScreen,
    Palette,
    Help,
    Quit,
    Redraw,
    Suspend,
    Back,
    NextField,
    LastField,
    Generate,
    MoreParameters,
    SwapSides,
    RandomSeed,
    Editor,
    Choose,
    Weigh(i8),
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    First,
    Last,
    Open,
    Cancel,
    Retry,
    Hold,
    PauseAll,
    Earlier,
    Later,
    Search,
    Star,
    Trash,
    Restore,
    Undo,
    TagIt,
    Select,
    Reuse,
    Vary,
    CopyCommand,
    CopyPath,
    OnlyStarred,
    Parameters,
    Before,
    Next,
    ZoomIn,
    ZoomOut,
    Fit,
    Pan(i8, i8),
    Compare,
    EditMask,
    Pen(Do),
    Load,
    Unload,
    Pin,
    Use,
    Filter,
    NextLog,
    FromPicture,
    OlderPrompt,
    NewerPrompt,
    UndoEdit,
    RedoEdit,
    Find,
    Clear,
    Prefer(i8),
    KeepAlive,
}

/// A row of the table.
#[derive(Debug)]
pub struct Command {
    /// What it is.
    pub act: Act,
    /// What it is called.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// Its keys, the first of which is shown.
    pub keys: &'static [&'static str],
    /// Where it can be done; everywhere where this is empty.
    pub on: &'static [Screen],
    /// Whether the line at the bottom shows it.
    pub hint: bool,
}

const CREATE: &[Screen] = &[Screen::Create];
const QUEUE: &[Screen] = &[Screen::Queue];
const GALLERY: &[Screen] = &[Screen::Gallery];
const MASK: &[Screen] = &[Screen::Mask];
const MODELS: &[Screen] = &[Screen::Models];
const SYSTEM: &[Screen] = &[Screen::System];
/// Lists of things that open.
const OPENED: &[Screen] = &[Screen::Queue, Screen::Gallery, Screen::Models];
const LISTS: &[Screen] = &[Screen::Queue, Screen::Gallery, Screen::Models, Screen::System];

macro_rules! commands {
    ($($act:expr, $name:literal, $keys:expr, $on:expr, $hint:literal, $about:literal;)*) => {
        /// Every command, in the order of the help.
        pub const COMMANDS: &[Command] = &[$(Command {
            act: $act, name: $name, about: $about, keys: $keys, on: $on, hint: $hint,
        }),*];
    };
}

commands! {
    Act::Generate, "generate", &["ctrl-s", "f5"], CREATE, true, "Make what the prompt and the parameters say.";
    Act::NextField, "next field", &["tab"], CREATE, true, "Go to the next field.";
    Act::LastField, "last field", &["shift-tab"], CREATE, false, "Go to the field before.";
    Act::RandomSeed, "random seed", &["ctrl-r"], CREATE, true, "Draw another seed for each job, or keep the last one.";
    Act::MoreParameters, "more parameters", &["ctrl-o"], CREATE, true, "Show every parameter, or the usual ones.";
    Act::SwapSides, "swap sides", &["alt-x"], CREATE, false, "Change width and height about: portrait becomes landscape.";
    Act::Editor, "editor", &["ctrl-e"], CREATE, true, "Write the prompt in your own editor (VISUAL, EDITOR).";
    Act::Choose, "choose", &["enter"], CREATE, false, "Choose among the values of the parameter, or type one.";
    Act::Weigh(1), "more weight", &["ctrl-up"], CREATE, false, "Give the word at the cursor more weight: (word:1.1).";
    Act::Weigh(-1), "less weight", &["ctrl-down"], CREATE, false, "Give the word at the cursor less weight.";
    Act::OlderPrompt, "older prompt", &["alt-up"], CREATE, false, "Take the prompt that was sent before; so does Up on the first line.";
    Act::NewerPrompt, "newer prompt", &["alt-down"], CREATE, false, "Take the prompt that was sent after it, at last what was being written.";
    Act::Find, "find picture", &["ctrl-f"], CREATE, false, "Find a picture by its prompt, and take all that made it.";
    Act::UndoEdit, "undo edit", &["alt-z", "ctrl-_", "ctrl-7"], CREATE, false, "Take back what was written last in the prompt.";
    Act::RedoEdit, "redo edit", &["alt-y"], CREATE, false, "Write again what was taken back.";
    Act::Open, "open", &["enter"], OPENED, true, "Open what is selected.";
    Act::Cancel, "cancel", &["x"], QUEUE, true, "End the job, or take it out of the line.";
    Act::Retry, "retry", &["R"], QUEUE, true, "Put a failed or cancelled job into the queue again.";
    Act::Hold, "hold", &["h"], QUEUE, false, "Hold a waiting job back, or let it go.";
    Act::Earlier, "earlier", &["K"], QUEUE, true, "Move a waiting job before the one above it.";
    Act::Later, "later", &["J"], QUEUE, true, "Move a waiting job behind the one below it.";
    Act::Prefer(1), "raise", &["+"], QUEUE, false, "Give a waiting job a higher priority: it runs before those of a lower one.";
    Act::Prefer(-1), "lower", &["-"], QUEUE, false, "Give a waiting job a lower priority.";
    Act::Clear, "clear", &["C"], QUEUE, false, "Take the jobs that have ended off the list; their pictures stay.";
    Act::PauseAll, "pause", &["P"], QUEUE, true, "Start nothing new, or go on.";
    Act::Search, "search", &["/"], GALLERY, true, "Search: words, key:value, - excludes.";
    Act::Restore, "restore", &["R"], GALLERY, true, "Take the pictures out of the trash: is:trashed finds them.";
    Act::Select, "select", &["space"], GALLERY, true, "Select the picture, and go to the next.";
    Act::Reuse, "reuse", &["r"], GALLERY, true, "Make the same picture again.";
    Act::Vary, "vary", &["v"], GALLERY, true, "Take all that made it to Create.";
    Act::FromPicture, "image to image", &["i"], GALLERY, true, "Begin with the picture instead of noise, in Create.";
    Act::Star, "star", &["f"], GALLERY, true, "Mark the pictures, or take the mark off.";
    Act::TagIt, "tag", &["t"], GALLERY, true, "Give the pictures tags.";
    Act::Trash, "trash", &["d", "delete"], GALLERY, true, "Put the pictures into the trash.";
    Act::Undo, "undo", &["u"], GALLERY, false, "Take back what was put into the trash last.";
    Act::Parameters, "parameters", &["p"], GALLERY, false, "Show all that is kept of the picture.";
    Act::CopyCommand, "copy as command", &["y"], GALLERY, true, "Copy the command that makes the picture.";
    Act::CopyPath, "copy path", &["Y"], GALLERY, false, "Copy the path of the picture's file.";
    Act::OnlyStarred, "only starred", &["*"], GALLERY, false, "Show marked pictures only, or all.";
    Act::Compare, "compare", &["c"], GALLERY, true, "Mark the picture to be compared, or compare it with the marked one.";
    Act::EditMask, "mask", &["m"], GALLERY, true, "Paint what of the picture is to be changed.";
    Act::ZoomIn, "zoom in", &["+"], GALLERY, false, "See the picture larger.";
    Act::ZoomOut, "zoom out", &["-"], GALLERY, false, "See the picture smaller.";
    Act::Fit, "fit", &["0"], GALLERY, false, "See all of the picture.";
    Act::Before, "picture before", &["h"], GALLERY, false, "Go to the picture before.";
    Act::Next, "next picture", &["l"], GALLERY, false, "Go to the next picture.";
    Act::Pan(-1, 0), "pan left", &["shift-left"], GALLERY, false, "See what lies left; arrows do that where the picture is zoomed.";
    Act::Pan(1, 0), "pan right", &["shift-right"], GALLERY, false, "See what lies right.";
    Act::Pan(0, -1), "pan up", &["shift-up"], GALLERY, false, "See what lies above.";
    Act::Pan(0, 1), "pan down", &["shift-down"], GALLERY, false, "See what lies below.";
    Act::Pen(Do::Done), "done", &["enter"], MASK, true, "Close the outline that is begun; else save the mask, and go back.";
    Act::Pen(Do::Brush), "brush", &["b"], MASK, true, "Paint with a round brush.";
    Act::Pen(Do::Erase), "erase", &["e"], MASK, true, "Take off what is painted, with a round brush.";
    Act::Pen(Do::Put), "stamp", &["space"], MASK, true, "Paint a stamp at the cursor; of a rectangle a corner, of a lasso a point.";
    Act::Pen(Do::Pen), "pen", &["p"], MASK, false, "Press the brush down, so that it paints where the cursor goes, or lift it.";
    Act::Pen(Do::Narrower), "thinner", &["["], MASK, true, "Make the brush thinner; with a number before it, that radius in pixels.";
    Act::Pen(Do::Wider), "thicker", &["]"], MASK, true, "Make the brush thicker; with a number before it, that radius in pixels.";
    Act::Pen(Do::Rectangle), "rectangle", &["r"], MASK, true, "Paint all between two corners; after e, take it off.";
    Act::Pen(Do::Lasso), "lasso", &["l"], MASK, true, "Paint all inside of an outline of points; after e, take it off.";
    Act::Pen(Do::Close), "close lasso", &["c"], MASK, false, "Join the last point of the lasso with the first.";
    Act::Pen(Do::Fill), "fill", &["f"], MASK, true, "Paint from the cursor up to what is painted.";
    Act::Pen(Do::Invert), "invert", &["v"], MASK, true, "Paint what is not painted, and take off what is.";
    Act::Pen(Do::Undo), "undo change", &["u"], MASK, true, "Take the last change back.";
    Act::Pen(Do::Redo), "redo", &["U"], MASK, false, "Make the change again that was taken back last.";
    Act::Pen(Do::Grow), "grow", &["+"], MASK, false, "Paint a pixel more on every side; a number before it says how many.";
    Act::Pen(Do::Shrink), "shrink", &["-"], MASK, false, "Take off a pixel on every side; a number before it says how many.";
    Act::Pen(Do::Feather), "feather", &["F"], MASK, false, "Make the edges softer: 2, 4, 8, 16 pixels, or the number before it.";
    Act::Pen(Do::Clear), "clear mask", &["X"], MASK, false, "Take off all that is painted.";
    Act::Pen(Do::Frame), "outpaint", &["o"], MASK, true, "Widen the picture by empty space: arrows widen a side, with shift narrow it.";
    Act::Pen(Do::ZoomIn), "closer", &["z"], MASK, false, "See the picture larger around the cursor.";
    Act::Pen(Do::ZoomOut), "farther", &["Z"], MASK, false, "See the picture smaller.";
    Act::Pen(Do::Fit), "whole picture", &["="], MASK, false, "See all of the picture.";
    Act::Pen(Do::Move(-1, 0)), "cursor left", &["left"], MASK, false, "Move the cursor by a cell.";
    Act::Pen(Do::Move(1, 0)), "cursor right", &["right"], MASK, false, "Move the cursor by a cell.";
    Act::Pen(Do::Move(0, -1)), "cursor up", &["up"], MASK, false, "Move the cursor by a cell.";
    Act::Pen(Do::Move(0, 1)), "cursor down", &["down"], MASK, false, "Move the cursor by a cell.";
    Act::Pen(Do::Far(-1, 0)), "far left", &["H", "shift-left"], MASK, false, "Move the cursor by ten cells.";
    Act::Pen(Do::Far(1, 0)), "far right", &["L", "shift-right"], MASK, false, "Move the cursor by ten cells.";
    Act::Pen(Do::Far(0, -1)), "far up", &["K", "shift-up"], MASK, false, "Move the cursor by ten cells.";
    Act::Pen(Do::Far(0, 1)), "far down", &["J", "shift-down"], MASK, false, "Move the cursor by ten cells.";
    Act::Pen(Do::Half(-1)), "half up", &[","], MASK, false, "Move the cursor by half a cell.";
    Act::Pen(Do::Half(1)), "half down", &["."], MASK, false, "Move the cursor by half a cell.";
    Act::Pen(Do::Pan(-1, 0)), "see left", &["ctrl-left"], MASK, false, "See what lies left of it.";
    Act::Pen(Do::Pan(1, 0)), "see right", &["ctrl-right"], MASK, false, "See what lies right of it.";
    Act::Pen(Do::Pan(0, -1)), "see above", &["ctrl-up"], MASK, false, "See what lies above it.";
    Act::Pen(Do::Pan(0, 1)), "see below", &["ctrl-down"], MASK, false, "See what lies below it.";
    Act::Load, "load", &["l"], MODELS, true, "Bring the model into memory.";
    Act::Unload, "unload", &["U"], MODELS, true, "Remove the model from memory.";
    Act::Pin, "pin", &["p"], MODELS, true, "Keep the model in memory, or let it go when its time is over.";
    Act::KeepAlive, "keep-alive", &["t"], MODELS, true, "Say how long the model stays in memory when nobody uses it.";
    Act::Use, "use", &["g"], MODELS, true, "Make pictures with the model from now on.";
    Act::Filter, "filter", &["/"], SYSTEM, true, "Filter the log: words, level:warn for that level and weightier ones.";
    Act::NextLog, "next log", &["w"], SYSTEM, true, "Read the log of the daemon, the workers, or the job selected in Queue.";
    Act::Up, "up", &["up", "k"], LISTS, false, "Go up.";
    Act::Down, "down", &["down", "j"], LISTS, false, "Go down.";
    Act::Left, "left", &["left", "h"], LISTS, false, "Go left, or to the picture before.";
    Act::Right, "right", &["right", "l"], LISTS, false, "Go right, or to the next picture.";
    Act::PageUp, "page up", &["pageup", "ctrl-u"], LISTS, false, "Go up a page.";
    Act::PageDown, "page down", &["pagedown", "ctrl-d"], LISTS, false, "Go down a page.";
    Act::First, "first", &["home", "g"], LISTS, false, "Go to the first.";
    Act::Last, "last", &["end", "G"], LISTS, false, "Go to the last.";
    Act::Go(Screen::Create), "create", &["f1", "alt-1"], &[], false, "Go to Create: prompt and parameters.";
    Act::Go(Screen::Queue), "queue", &["f2", "alt-2"], &[], false, "Go to Queue: what runs and waits.";
    Act::Go(Screen::Gallery), "gallery", &["f3", "alt-3"], &[], false, "Go to Gallery: every picture.";
    Act::Go(Screen::Models), "models", &["f4", "alt-4"], &[], false, "Go to Models: those on disk and in memory.";
    Act::Go(Screen::System), "system", &["f6", "alt-5"], &[], false, "Go to System: devices and workers.";
    Act::NextScreen, "next screen", &["ctrl-t"], &[], true, "Go to the next screen.";
    Act::Palette, "palette", &["ctrl-p"], &[], true, "Find a command by a part of its name.";
    Act::Help, "help", &["?", "ctrl-g"], &[], true, "Show every key of this screen.";
    Act::Redraw, "redraw", &["ctrl-l"], &[], false, "Draw everything anew.";
    Act::Suspend, "suspend", &["ctrl-z"], &[], false, "Stop the client, and go back to the shell; fg goes on.";
    Act::Back, "back", &["esc"], &[], false, "Go back, or close what is open.";
    Act::Quit, "quit", &["ctrl-c", "ctrl-q"], &[], true, "Leave. Jobs go on.";
}

impl Act {
    /// Whether it only goes somewhere in a list, which nobody looks for by its name.
    pub fn is_a_way(self) -> bool {
        if let Self::Pen(to_do) = self {
            return to_do.is_a_way();
        }
        matches!(
            self,
            Self::Up
                | Self::Down
                | Self::Left
                | Self::Right
                | Self::PageUp
                | Self::PageDown
                | Self::First
                | Self::Last
                | Self::Before
                | Self::Next
                | Self::Pan(..)
                | Self::NextField
                | Self::LastField
        )
    }
}

impl Command {
    /// Whether it can be done on that screen.
    pub fn is_on(&self, screen: Screen) -> bool {
        self.on.is_empty() || self.on.contains(&screen)
    }
}

/// The commands of a screen, its own first.
pub fn of_screen(screen: Screen) -> impl Iterator<Item = &'static Command> {
    COMMANDS.iter().filter(move |command| command.is_on(screen))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_sentences_end() {
        let names: HashSet<&str> = COMMANDS.iter().map(|command| command.name).collect();
        assert_eq!(names.len(), COMMANDS.len());
        assert!(COMMANDS.iter().all(|command| command.about.ends_with('.')));
    }
}
