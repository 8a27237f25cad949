//! All that the client knows and shows, as one value. `update.rs` alone changes it.

use std::path::PathBuf;

use darkroom_protocol::params::find;
use ratatui::layout::Rect;

use super::commands::Act;
use super::own::Own;
use super::pictures::{Key, Pictures};
use super::screens::mask::Editor;
use super::screens::{Create, Gallery, Models, Queue, System};
use super::widgets::{Ask, Palette};
use super::world::World;
use crate::app::own::keymap::Keymap;
use crate::app::own::theme::Theme;
use crate::app::pictures::zoom::Dots;

/// The screens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "names that say it")]
pub enum Screen {
    #[default]
    Create,
    Queue,
    Gallery,
    Models,
    System,
    /// No tab: it is there while a mask is painted.
    Mask,
}

impl Screen {
    /// Every one, in the order of the tabs.
    pub const ALL: [Self; 5] = [Self::Create, Self::Queue, Self::Gallery, Self::Models, Self::System];

    /// Every one that has keys of its own: the mask editor is no tab.
    pub const WITH_KEYS: [Self; 6] = [
        Self::Create,
        Self::Queue,
        Self::Gallery,
        Self::Mask,
        Self::Models,
        Self::System,
    ];

    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Queue => "Queue",
            Self::Gallery => "Gallery",
            Self::Models => "Models",
            Self::System => "System",
            Self::Mask => "Mask",
        }
    }

    /// The one after it.
    pub fn next(self) -> Self {
        let at = Self::ALL.iter().position(|screen| *screen == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }
}

/// What lies over a screen.
#[derive(Debug)]
pub enum Overlay {
    /// Commands by a part of their names.
    Palette(Palette),
    /// Every key of the screen, from this line on.
    Help(u16),
    /// A question: a line to type, or yes and no.
    Ask(Box<Ask>),
}

/// A line that is shown for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    /// In words.
    pub text: String,
    /// Whether it says that something went wrong.
    pub is_error: bool,
}

/// All of it.
#[derive(Debug)]
pub struct State {
    /// Which screen is shown.
    pub screen: Screen,
    /// What the daemon has told.
    pub world: World,
    /// The screens.
    pub create: Create,
    /// See there.
    pub queue: Queue,
    /// See there.
    pub gallery: Gallery,
    /// See there.
    pub models: Models,
    /// See there.
    pub system: System,
    /// The mask that is painted.
    pub mask: Option<Box<Editor>>,
    /// How many masks were begun: moments of one are told from those of another by it.
    pub masks_begun: u64,
    /// The file of the mask that was saved last.
    pub saved_mask: Option<PathBuf>,
    /// What lies over the screen.
    pub overlay: Option<Overlay>,
    /// What is shown for a while, and what went wrong until it is dismissed; the newest last, at most three.
    pub toasts: Vec<Toast>,
    /// Pictures that are ready.
    pub pictures: Pictures,
    /// How things look.
    pub theme: Theme,
    /// What the person has chosen.
    pub own: Own,
    /// The terminal, in cells.
    pub area: Rect,
    /// What its cells have.
    pub dots: Dots,
    /// Whether the client ends.
    pub quit: bool,
    /// Whether the client is to be stopped, as by Ctrl-Z.
    pub suspend: bool,
    /// Whether all is to be drawn anew, what is on the terminal included.
    pub redraw: bool,
    /// Whether what is shown is as it was before the last message.
    pub is_same: bool,
}

/// What screens are drawn by, besides their own state.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// What the daemon has told.
    pub world: &'a World,
    /// Pictures that are ready.
    pub pictures: &'a Pictures,
    /// How things look.
    pub theme: Theme,
    /// The keys of commands.
    pub keys: &'a Keymap,
    /// What cells have.
    pub dots: Dots,
    /// Whether the screen has the keys, not something over it.
    pub has_focus: bool,
}

/// The least terminal that all of it fits.
pub const LEAST: (u16, u16) = (60, 20);

impl State {
    /// An empty client on a terminal of that size.
    pub fn new(theme: Theme, area: Rect) -> Self {
        Self {
            screen: Screen::default(),
            world: World::default(),
            create: Create::default(),
            queue: Queue::default(),
            gallery: Gallery::default(),
            models: Models::default(),
            system: System::default(),
            mask: None,
            masks_begun: 0,
            saved_mask: None,
            overlay: None,
            toasts: Vec::new(),
            pictures: Pictures::default(),
            theme,
            own: Own::default(),
            area,
            dots: Dots::HALVES,
            quit: false,
            suspend: false,
            redraw: false,
            is_same: false,
        }
    }

    /// What screens are drawn by.
    pub fn scene(&self) -> Scene<'_> {
        Scene {
            world: &self.world,
            pictures: &self.pictures,
            theme: self.theme,
            keys: self.own.keys(),
            dots: self.dots,
            has_focus: self.overlay.is_none(),
        }
    }

    /// Where the screen is: between the head and the hints.
    pub fn body(&self) -> Rect {
        let area = self.area;
        Rect {
            y: area.y + 2,
            height: area.height.saturating_sub(4),
            ..area
        }
    }

    /// Whether the terminal is too small.
    pub fn is_too_small(&self) -> bool {
        self.area.width < LEAST.0 || self.area.height < LEAST.1
    }

    /// The pictures that the screen shows now, and where. Nothing lies over pictures: where something does, none is shown that the
    /// terminal would draw over it.
    pub fn pictures_shown(&self) -> Vec<(Key, Rect)> {
        if self.is_too_small() {
            return Vec::new();
        }
        let (scene, area) = (self.scene(), self.body());
        match self.screen {
            Screen::Create => self.create.pictures(&scene, area),
            Screen::Gallery => self.gallery.pictures(area, self.dots),
            Screen::Mask => {
                let editor = self.mask.iter();
                editor.flat_map(|editor| editor.pictures(area, self.dots)).collect()
            }
            Screen::Queue | Screen::Models | Screen::System => Vec::new(),
        }
    }

    /// Whether keys type text on the screen.
    pub fn is_typing(&self) -> bool {
        match self.screen {
            Screen::Create => self.create.is_typing(),
            Screen::Gallery => self.gallery.is_typing(),
            Screen::System => self.system.is_typing(),
            Screen::Queue | Screen::Models | Screen::Mask => false,
        }
    }

    /// Takes what went wrong off the screen: whether there was any.
    pub fn dismiss(&mut self) -> bool {
        let many = self.toasts.len();
        self.toasts.retain(|toast| !toast.is_error);
        self.toasts.len() < many
    }

    /// Says something for a while, or, where it went wrong, until it is dismissed.
    pub fn toast(&mut self, text: impl Into<String>, is_error: bool) {
        let text = text.into();
        self.toasts.retain(|toast| toast.text != text);
        self.toasts.push(Toast { text, is_error });
        let many = self.toasts.len();
        self.toasts.drain(..many.saturating_sub(3));
    }

    /// Whether a command can be done now: what no worker can do is not there.
    pub fn can(&self, act: Act) -> bool {
        match act {
            Act::Reuse | Act::Generate => self.world.can("image"),
            Act::Restore => self.gallery.is_in_trash(),
            Act::Trash => !self.gallery.is_in_trash(),
            Act::FromPicture => find("init_image").is_some_and(|row| self.world.can(row.needs)),
            _ => true,
        }
    }
}
