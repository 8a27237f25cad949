//! The parameters as a form: a row for each row of the daemon's table that a worker here can do, with what counts where nothing is said.
//! Nothing here knows which parameters there are. Left and right change a value, typing replaces it, Backspace returns it to the model's.

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyEvent};
use darkroom_protocol::GenerateRequest;
use darkroom_protocol::hash::is_sha256;
use darkroom_protocol::params::{Category, Kind, Parameter, TABLE, USUAL, Value, find};

use crate::app::given::Given;
use crate::app::own::keys;
use crate::app::widgets::{Ask, Asked, Input};
use crate::app::world::World;

/// The form.
#[derive(Debug, Default)]
pub struct Form {
    request: GenerateRequest,
    /// Files that were given, by the names of their rows; they count before what the request says.
    files: BTreeMap<String, Given>,
    at: usize,
    /// What is being typed for the row.
    typing: Option<Input>,
    /// What was wrong with what was typed.
    problem: Option<String>,
    more: bool,
}

impl Form {
    /// What is asked for.
    pub fn request(&self) -> &GenerateRequest {
        &self.request
    }

    /// Begins with these values. The prompts are written elsewhere.
    pub fn set(&mut self, request: GenerateRequest) {
        self.request = GenerateRequest {
            prompt: None,
            negative_prompt: None,
            ..request
        };
        self.files.clear();
        self.typing = None;
        self.problem = None;
    }

    /// The files that were given.
    pub fn files(&self) -> &BTreeMap<String, Given> {
        &self.files
    }

    /// Gives a row a file.
    pub fn give(&mut self, name: &str, file: Given) {
        self.clear(name);
        self.files.insert(name.to_owned(), file);
    }

    /// Sets a row; an empty text leaves it to the default.
    pub fn put(&mut self, name: &str, text: &str) {
        let kept = self.request.clone();
        let is_file = find(name).is_some_and(|row| matches!(row.kind, Kind::File));
        if is_file && !text.is_empty() && !is_sha256(text) {
            // A terminal puts quotes around what is dragged into it.
            let path = text.trim().trim_matches(['\'', '"']);
            self.give(name, Given::Path(path.to_owned()));
            return;
        }
        self.clear(name);
        if !text.is_empty()
            && let Err(error) = self.request.set_text(name, text)
        {
            self.problem = Some(error.to_string());
            self.request = kept;
        }
    }

    fn clear(&mut self, name: &str) {
        self.request.unset(name);
        self.files.remove(name);
        self.problem = None;
    }

    /// The rows that are shown: the usual ones and those that are set, or all that a worker here can do.
    pub fn rows(&self, world: &World) -> Vec<&'static Parameter> {
        // What goes with a file is there with it.
        let has_file = !self.files.is_empty() || self.request.init_image.is_some();
        let is_idle =
            |row: &Parameter| row.category == Category::Inputs && !matches!(row.kind, Kind::File) && !has_file;
        let mut rows = here(world);
        let usual = |row: &Parameter| USUAL.iter().position(|name| *name == row.name);
        rows.retain(|row| self.more || self.request.get(row.name).is_some() || (usual(row).is_some() && !is_idle(row)));
        let category = |row: &Parameter| Category::ALL.iter().position(|category| *category == row.category);
        rows.sort_by_key(|row| (usual(row).unwrap_or(USUAL.len()), category(row)));
        rows
    }

    /// How many rows more there are than those that are shown.
    pub fn hidden(&self, world: &World) -> usize {
        here(world).len() - self.rows(world).len()
    }

    /// Whether left and right change the row's value.
    pub fn is_movable(row: &Parameter) -> bool {
        match row.kind {
            Kind::Choice { .. } | Kind::Switch | Kind::Integer { .. } | Kind::Number { .. } => true,
            Kind::Text { .. } => row.name == "model",
            Kind::File | Kind::List { .. } | Kind::KeepAlive => false,
        }
    }

    /// The row that has the keys.
    pub fn at(&self) -> usize {
        self.at
    }

    /// What is being typed, and what was wrong with what was typed last.
    pub fn typing(&self) -> (Option<&Input>, Option<&str>) {
        (self.typing.as_ref(), self.problem.as_deref())
    }

    /// Whether a value is being typed.
    pub fn is_typing(&self) -> bool {
        self.typing.is_some()
    }

    /// Whether a path is being typed, which can be completed.
    pub fn is_typing_path(&self, world: &World) -> bool {
        let row = self.rows(world).get(self.at).copied();
        self.is_typing() && row.is_some_and(|row| matches!(row.kind, Kind::File))
    }

    /// Text was pasted.
    pub fn insert(&mut self, text: &str) {
        self.typing.get_or_insert_default().insert(text);
    }

    /// Shows every row, or the usual ones.
    pub fn toggle_more(&mut self, world: &World) {
        self.more = !self.more;
        self.at = self.at.min(self.rows(world).len().saturating_sub(1));
    }

    /// A seed of its own for each job, or the one of the last picture.
    pub fn toggle_seed(&mut self, last: Option<u64>) {
        self.request.seed = match self.request.seed {
            Some(_) => None,
            None => last.and_then(|seed| i64::try_from(seed).ok()),
        };
    }

    /// Whether there is a row further on.
    pub fn is_within(&self, forward: bool, world: &World) -> bool {
        if forward {
            self.at + 1 < self.rows(world).len()
        } else {
            self.at > 0
        }
    }

    /// Goes to the first row, or to the last.
    pub fn enter(&mut self, forward: bool, world: &World) {
        self.apply();
        self.at = if forward {
            0
        } else {
            self.rows(world).len().saturating_sub(1)
        };
    }

    /// Goes to the next row, or the one before.
    pub fn step(&mut self, forward: bool, world: &World) {
        self.apply();
        let last = self.rows(world).len().saturating_sub(1);
        self.at = if forward {
            (self.at + 1).min(last)
        } else {
            self.at.saturating_sub(1)
        };
    }

    /// A click on the nth row.
    pub fn click(&mut self, row: usize, world: &World) {
        self.apply();
        self.at = row.min(self.rows(world).len().saturating_sub(1));
    }

    /// Takes what was typed.
    fn apply(&mut self) {
        self.problem = None;
    }

    /// Takes a key for the row: whether another model was chosen, which has other defaults.
    pub fn key(&mut self, key: &KeyEvent, world: &World) -> bool {
        let before = self.request.model.clone();
        self.on_key(key, world);
        self.request.model != before
    }

    fn on_key(&mut self, key: &KeyEvent, world: &World) {
        let Some(name) = keys::name(key) else { return };
        let rows = self.rows(world);
        let Some(row) = rows.get(self.at).copied() else { return };
        if let Some(input) = &mut self.typing {
            match name.as_str() {
                "enter" => {
                    let text = input.text();
                    self.typing = None;
                    self.put(row.name, &text);
                }
                "esc" => self.typing = None,
                _ => drop(input.key(key, &name)),
            }
            return;
        }
        match name.as_str() {
            "up" => self.step(false, world),
            "down" => self.step(true, world),
            "left" | "right" => {
                let by = if name == "right" { 1 } else { -1 };
                if let Some(value) = self.moved(row, by, world) {
                    self.put(row.name, &value);
                }
            }
            "backspace" | "delete" => self.clear(row.name),
            _ => {
                if let KeyCode::Char(c) = key.code
                    && keys::is_text(key)
                {
                    self.typing = Some(Input::of(&c.to_string()));
                }
            }
        }
    }

    /// The values of the row to choose from; `None` where its value is typed from now on.
    pub fn choose(&mut self, world: &World) -> Option<Ask> {
        let rows = self.rows(world);
        let row = rows.get(self.at)?;
        if matches!(row.kind, Kind::File) {
            let path = match (self.typing.take(), self.files.get(row.name)) {
                (Some(typed), _) => typed.text(),
                (None, Some(Given::Path(path))) => path.clone(),
                (None, _) => String::new(),
            };
            return Some(Ask::file(Asked::File(row.name.to_owned()), row.help, &path));
        }
        let words: Vec<String> = match row.kind {
            Kind::Choice { names, .. } => names().into_iter().map(str::to_owned).collect(),
            Kind::Text { .. } if row.name == "model" => {
                let usable = world.models.iter().filter(|model| model.problem.is_empty());
                usable.map(|model| model.name.clone()).collect()
            }
            _ => vec![],
        };
        if words.is_empty() {
            self.typing = Some(Input::of(&self.value(row, world).unwrap_or_default()));
            return None;
        }
        Some(Ask::choice(Asked::Choice(row.name.to_owned()), row.help, words))
    }

    /// What counts for a row: what is set, else the model's or the table's.
    fn value(&self, row: &Parameter, world: &World) -> Option<String> {
        let of_card = || {
            let card = world.card.as_ref()?;
            // The model that counts where none is named is the one whose card this is.
            let name = (row.name == "model").then(|| Value::Text(card.name.clone()));
            name.or_else(|| row.default_value(card))
        };
        self.request
            .get(row.name)
            .or_else(of_card)
            .map(|value| value.to_string())
    }

    /// What is shown for a row, and whether somebody has set it.
    pub fn shown(&self, row: &Parameter, world: &World) -> (String, bool) {
        if let Some(file) = self.files.get(row.name) {
            return (file.brief(), true);
        }
        let is_set = self.request.get(row.name).is_some();
        match self.value(row, world) {
            Some(value) if !value.is_empty() => (value, is_set),
            _ => (row.default_words().to_owned(), false),
        }
    }

    /// The next value, or the one before.
    fn moved(&self, row: &Parameter, by: i64, world: &World) -> Option<String> {
        let now = self.value(row, world);
        match row.kind {
            Kind::Choice { names, .. } => {
                let names = names();
                let at = now.and_then(|now| names.iter().position(|name| **name == now));
                let at = at.map_or(0, |at| (at as i64 + by).rem_euclid(names.len() as i64) as usize);
                names.get(at).map(|name| (*name).to_owned())
            }
            Kind::Switch => Some(if now.as_deref() == Some("on") { "off" } else { "on" }.to_owned()),
            Kind::Integer { min, max } => {
                let step = if row.category == Category::Size && max > 1000 {
                    64
                } else {
                    1
                };
                let now = now.and_then(|now| now.parse::<i64>().ok()).unwrap_or(min);
                Some((now + by * step).clamp(min, max).to_string())
            }
            Kind::Number { min, max } => {
                let step = if max <= 1.0 { 0.05 } else { 0.5 };
                let now = now.and_then(|now| now.parse::<f64>().ok()).unwrap_or(min);
                let moved = ((now + by as f64 * step) / step).round() * step;
                Some(Value::Number((moved.clamp(min, max) * 100.0).round() / 100.0).to_string())
            }
            Kind::Text { .. } if row.name == "model" => {
                let names: Vec<&str> = world
                    .models
                    .iter()
                    .filter(|model| model.problem.is_empty())
                    .map(|model| model.name.as_str())
                    .collect();
                let at = now.and_then(|now| names.iter().position(|name| *name == now));
                let at = at.map_or(0, |at| (at as i64 + by).rem_euclid(names.len().max(1) as i64) as usize);
                names.get(at).map(|name| (*name).to_owned())
            }
            Kind::Text { .. } | Kind::File | Kind::List { .. } | Kind::KeepAlive => None,
        }
    }
}

/// Every row that a worker here can do; prompts are written elsewhere.
fn here(world: &World) -> Vec<&'static Parameter> {
    let is_prompt = |row: &Parameter| matches!(row.name, "prompt" | "negative_prompt");
    let rows = TABLE.iter().filter(|row| !is_prompt(row) && world.can(row.needs));
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::KeyModifiers;

    fn press(form: &mut Form, code: KeyCode) {
        form.key(&KeyEvent::new(code, KeyModifiers::NONE), &World::default());
    }

    fn go_to(form: &mut Form, name: &str) {
        let world = World::default();
        form.at = form.rows(&world).iter().position(|row| row.name == name).unwrap();
    }

    #[test]
    fn keys_change_what_the_row_says() {
        let mut form = Form::default();
        go_to(&mut form, "steps");
        press(&mut form, KeyCode::Char('2'));
        press(&mut form, KeyCode::Char('0'));
        assert!(form.is_typing());
        press(&mut form, KeyCode::Enter);
        assert_eq!(form.request().steps, Some(20));
        press(&mut form, KeyCode::Right);
        assert_eq!(form.request().steps, Some(21));
        press(&mut form, KeyCode::Backspace);
        assert_eq!(form.request().steps, None);
        go_to(&mut form, "cfg_scale");
        form.put("cfg_scale", "5");
        press(&mut form, KeyCode::Left);
        assert_eq!(form.request().cfg_scale, Some(4.5));
        go_to(&mut form, "sampler");
        press(&mut form, KeyCode::Right);
        assert!(form.request().sampler.is_some());
        go_to(&mut form, "width");
        form.put("width", "512");
        press(&mut form, KeyCode::Right);
        assert_eq!(form.request().width, Some(576));
    }

    #[test]
    fn a_wrong_value_is_told_and_changes_nothing() {
        let mut form = Form::default();
        form.put("steps", "7");
        form.put("steps", "0");
        assert_eq!(form.request().steps, Some(7));
        assert!(form.typing().1.unwrap().contains("from 1 to 1000"));
    }

    #[test]
    fn rows_come_from_the_table_and_from_what_workers_can() {
        let mut form = Form::default();
        let mut world = World::default();
        let usual = form.rows(&world).len();
        form.toggle_more(&world);
        assert!(form.rows(&world).len() > usual);
        world.capabilities = vec!["nothing".to_owned()];
        assert!(form.rows(&world).is_empty());
    }
}
