//! What `-o` says: a path with fields in braces, as a file's name for each picture.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use darkroom_protocol::sampler::Named as _;
use darkroom_protocol::text::{closest, escape_line};
use darkroom_protocol::{Picture, Task};

use crate::clock::Moment;
use crate::slug::{slug, slug_name};

/// Every field, in the order in which help names them.
const FIELDS: &[&str] = &[
    "prompt", "model", "seed", "index", "date", "time", "job", "width", "height", "steps", "sampler",
];

/// Why a path is no pattern. The words go after the path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// There is no such field.
    #[error("there is no {{{shown}}}{hint}; there are {all}. Braces themselves are {{{{ and }}}}", shown = escape_line(.name), all = listed())]
    Unknown {
        /// What stands between the braces, at most 40 characters of it.
        name: String,
        /// `: did you mean {seed}?`, or nothing.
        hint: String,
    },
    /// A brace is not closed.
    #[error("a {{ has no }} after it; a brace itself is {{{{")]
    Open,
    /// A brace was not opened.
    #[error("a }} has no {{ before it; a brace itself is }}}}")]
    Close,
    /// It names no file.
    #[error("this is no file name")]
    NoName,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(&'static str),
}

/// A path with fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    pieces: Vec<Piece>,
    /// It ends in `/`: files have the gallery's names in it.
    folder: bool,
}

/// What the fields of a picture are.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// What made it.
    pub task: &'a Task,
    /// The picture.
    pub picture: &'a Picture,
    /// When it was made, where the person is.
    pub made: Moment,
}

/// The names that a picture's file may have, best first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    path: PathBuf,
    /// The first number in it, where several pictures share the pattern and nothing in it tells them apart.
    first: Option<u32>,
}

/// `text` as a pattern that means just that.
pub fn literal(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

fn listed() -> String {
    let all: Vec<String> = FIELDS.iter().map(|field| format!("{{{field}}}")).collect();
    all.join(" ")
}

impl Pattern {
    /// Reads `text`.
    ///
    /// # Errors
    /// [`PatternError`] for a field that does not exist, braces without their other half, and what names no file.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
            } else if brace == "{" {
                let end = rest.find('}').ok_or(PatternError::Open)?;
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
                pieces.push(Piece::Field(field(&rest[..end])?));
                rest = &rest[end + 1..];
            } else {
                return Err(PatternError::Close);
            }
        }
        plain.push_str(rest);
        pieces.push(Piece::Text(plain));
        let folder = text.ends_with('/');
        let last = text.rsplit('/').next().unwrap_or_default();
        if text.is_empty() || text.contains('\0') || matches!(last, "." | "..") {
            return Err(PatternError::NoName);
        }
        Ok(Self { pieces, folder })
    }

    /// The folder in which everything ends up, as far as it is the same for every picture; empty for the working directory.
    pub fn fixed_folder(&self) -> PathBuf {
        let Some(Piece::Text(head)) = self.pieces.first() else {
            return PathBuf::new();
        };
        let end = head.rfind('/').map_or(0, |at| at + 1);
        PathBuf::from(&head[..end])
    }

    /// The extension of its files, where the pattern says one: what follows the last dot of its name.
    pub(crate) fn extension(&self) -> Option<String> {
        if self.folder {
            return None;
        }
        let whole: String = self.pieces.iter().map(Piece::sketch).collect();
        let extension = Path::new(&whole).extension()?;
        Some(extension.to_string_lossy().into_owned())
    }

    /// The file of a picture that is one of `batch`.
    pub fn name(&self, facts: &Facts<'_>, batch: u32) -> Name {
        let whole: String = self.pieces.iter().map(|piece| piece.fill(facts)).collect();
        if self.folder {
            let gallery = Path::new(&facts.picture.path).file_name();
            let picture = facts.picture;
            let name = gallery.map_or_else(
                || OsString::from(format!("{}-{}", picture.job.short(), picture.index)),
                OsString::from,
            );
            return Name::of(Path::new(&whole).join(name));
        }
        let apart = |piece: &Piece| matches!(piece, Piece::Field("index" | "seed"));
        Name {
            path: PathBuf::from(whole),
            first: (batch > 1 && !self.pieces.iter().any(apart)).then_some(facts.picture.index),
        }
    }

    /// The one file that it names, where that is so.
    pub(crate) fn only(&self, batch: u32) -> Option<Name> {
        let [Piece::Text(path)] = self.pieces.as_slice() else {
            return None;
        };
        (batch == 1 && !self.folder).then(|| Name::of(path.into()))
    }
}

fn field(name: &str) -> Result<&'static str, PatternError> {
    let found = FIELDS.iter().find(|field| **field == name);
    found.copied().ok_or_else(|| {
        let name: String = name.chars().take(40).collect();
        let hint = closest(&name, FIELDS.iter().copied()).map(|close| format!(": did you mean {{{close}}}?"));
        PatternError::Unknown {
            hint: hint.unwrap_or_default(),
            name,
        }
    })
}

impl Piece {
    /// What it stands for, as far as a name's form goes.
    fn sketch(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Field(field) => format!("{{{field}}}"),
        }
    }

    fn fill(&self, facts: &Facts<'_>) -> String {
        let field = match self {
            Self::Text(text) => return text.clone(),
            Self::Field(field) => *field,
        };
        let picture = facts.picture;
        let Task::Image(image) = facts.task;
        match field {
            "prompt" => slug(&image.what.prompt, "picture"),
            "model" => slug_name(&image.what.model, "model"),
            "sampler" => slug_name(image.sampling.sampler.name(), "sampler"),
            "steps" => image.sampling.steps.to_string(),
            "seed" => picture.seed.to_string(),
            "index" => picture.index.to_string(),
            "date" => facts.made.date.clone(),
            "time" => facts.made.time.clone(),
            "job" => picture.job.short(),
            "width" => picture.width.to_string(),
            _ => picture.height.to_string(),
        }
    }
}

impl Name {
    /// A name that gets a number only when it is taken.
    pub fn of(path: PathBuf) -> Self {
        Self { path, first: None }
    }

    /// The `n`th choice, from 0.
    pub fn choice(&self, n: u32) -> PathBuf {
        match (self.first, n) {
            (None, 0) => self.path.clone(),
            (None, n) => numbered(&self.path, n),
            (Some(first), n) => numbered(&self.path, first.saturating_add(n)),
        }
    }
}

/// `fox.png` as `fox-3.png`.
fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}
