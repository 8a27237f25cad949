//! [`Parts`]: the components of a task that have files of their own, each at its place in a family, and [`Assembled`]: a model's files
//! with those in place of its own. The daemon's catalogue makes a card of that, the engine a blueprint.

use darkroom_protocol::{PartFile, PartRole};
use serde_json::Map;

use super::own::{Given, OwnPart, Place, states};
use super::{called, role};
use crate::family::{Family, detect_folder};
use crate::folder::{Files, Folder};
use crate::{Error, Result};

/// Components in files of their own, each for a place in one model.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    own: Vec<OwnPart>,
}

impl Parts {
    /// What `given` are in the model of `base`. Only headers and configurations are read.
    ///
    /// # Errors
    /// Those of the base's own configuration; [`Error::SingleFile`] for a file that is no component of that family, or of which the
    /// model has none left; those of the files.
    pub fn of(base: &dyn Files, given: &[PartFile]) -> Result<Self> {
        let mut all = Self::default();
        if given.is_empty() {
            return Ok(all);
        }
        let folder = Folder::read(base)?;
        let family = detect_folder(&folder)?;
        for file in given {
            all.take(&folder, family, file)?;
        }
        Ok(all)
    }

    /// Puts a file at every place of its role that is left and that it fits: a checkpoint may hold both text encoders.
    fn take(&mut self, folder: &Folder, family: Family, file: &PartFile) -> Result<()> {
        let built = family.built();
        let opened = Given::open(&file.path)?;
        let none = Map::new();
        let mut places = 0;
        let before = self.own.len();
        for (component, class) in built.components {
            let taken = self.own.iter().any(|part| part.component() == *component);
            if role(built, component) != file.role || taken {
                continue;
            }
            places += 1;
            let weights = built.checkpoint.parts.iter().find(|part| part.component == *component);
            let place = Place {
                built,
                component,
                class,
                weights: weights.map_or("model.safetensors", |part| part.weights),
                base: folder.components.get(*component).map_or(&none, |part| &part.config),
            };
            self.own.extend(opened.at(place)?);
        }
        if self.own.len() > before {
            return Ok(());
        }
        let (label, wanted) = (family.label(), file.role.label());
        let what = match places {
            0 => format!(
                "is one {wanted} more than {label} has: leave {} out once.",
                file.role.flag()
            ),
            _ => format!(
                "is no {wanted} of {label}{}: it {}.",
                widths(folder, family, file.role),
                opened.seems()
            ),
        };
        Err(Error::SingleFile {
            file: file.path.clone(),
            what,
        })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.own.is_empty()
    }

    /// The component that the file of a model called `name` belongs to, and what the file is called in its folder.
    pub fn find<'n>(&self, name: &'n str) -> Option<(&OwnPart, &'n str)> {
        let (component, inside) = name.split_once('/')?;
        Some((self.component(component)?, inside))
    }

    /// The one that stands in for `component`.
    pub fn component(&self, component: &str) -> Option<&OwnPart> {
        self.own.iter().find(|part| part.component() == component)
    }

    /// `base` with these in place of its own.
    pub fn over<'a>(&'a self, base: &'a dyn Files) -> Assembled<'a> {
        let own = self.own.iter().filter_map(OwnPart::notice).cloned();
        Assembled {
            parts: self,
            base,
            notices: base.notices().iter().cloned().chain(own).collect(),
        }
    }
}

/// How wide the model's text encoders are, where that may be why a file is none.
fn widths(folder: &Folder, family: Family, of: PartRole) -> String {
    if of != PartRole::TextEncoder {
        return String::new();
    }
    let of_role = family
        .built()
        .components
        .iter()
        .filter(|(name, _)| role(family.built(), name) == of);
    let width = |name: &str| states(&folder.components.get(name)?.config);
    let widths: Vec<String> = of_role
        .filter_map(|(name, _)| Some(format!("{} is {} wide", called(family.built(), name), width(name)?)))
        .collect();
    match widths.is_empty() {
        true => String::new(),
        false => format!(", whose {}", widths.join(" and ")),
    }
}

/// A model's files with components of others in place of its own.
pub struct Assembled<'a> {
    parts: &'a Parts,
    base: &'a dyn Files,
    notices: Vec<String>,
}

impl Files for Assembled<'_> {
    fn place(&self) -> String {
        self.base.place()
    }

    fn called(&self, name: &str) -> String {
        match self.parts.find(name) {
            Some((part, inside)) => part.on_disk(inside).display().to_string(),
            None => self.base.called(name),
        }
    }

    fn len(&self, name: &str) -> Result<Option<u64>> {
        match self.parts.find(name) {
            Some((part, inside)) => part.len(inside),
            None => self.base.len(name),
        }
    }

    fn read(&self, name: &str, cap: u64) -> Result<Vec<u8>> {
        match self.parts.find(name) {
            Some((part, inside)) => part.read(inside, cap),
            None => self.base.read(name, cap),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>> {
        match self.parts.component(folder) {
            Some(part) => part.list(),
            None => self.base.list(folder),
        }
    }

    fn notices(&self) -> &[String] {
        &self.notices
    }

    fn lacks(&self) -> Vec<String> {
        let mut lacks = self.base.lacks();
        lacks.retain(|component| self.parts.component(component).is_none());
        lacks
    }
}
