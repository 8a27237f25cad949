//! The parameters as a form: a field for each row of the daemon's table that a worker here can do, with what counts where nothing is said.
//! Nothing here knows which parameters there are, but for width and height, which are one field. Left and right change a value, typing
//! replaces it, Backspace returns it to the model's. How fields lie is in `fields.rs`, how they look in `form_view.rs`.

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyEvent};
use darkroom_protocol::GenerateRequest;
use darkroom_protocol::hash::is_sha256;
use darkroom_protocol::params::{Category, Kind, Parameter, TABLE, USUAL, Value, find};

use super::fields::{self, Field};
use super::size;
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

    /// Sets a field; an empty text leaves it to the default.
    pub fn put_field(&mut self, field: Field, text: &str, world: &World) {
        match (field, text.is_empty()) {
            (Field::Row(row), _) => self.put(row.name, text),
            (Field::Size, true) => self.clear_size(),
            (Field::Size, false) => match size::parse(text, world.card.as_ref()) {
                Ok(sides) => self.put_size(sides, world),
                Err(problem) => self.problem = Some(problem),
            },
        }
    }

    /// Sets both sides; the model's own are left to it.
    fn put_size(&mut self, (width, height): size::Sides, world: &World) {
        let kept = (self.request.width, self.request.height);
        let is_models = |card: &darkroom_protocol::ModelCard| (card.width, card.height) == (width, height);
        self.clear_size();
        if world.card.as_ref().is_some_and(is_models) {
            return;
        }
        self.put("width", &width.to_string());
        if self.problem.is_none() {
            self.put("height", &height.to_string());
        }
        if self.problem.is_some() {
            (self.request.width, self.request.height) = kept;
        }
    }

    fn clear_size(&mut self) {
        self.clear("width");
        self.clear("height");
    }

    /// Changes the sides about.
    pub fn swap_sides(&mut self, world: &World) {
        if let Some((width, height)) = self.sides(world) {
            self.put_size((height, width), world);
        }
    }

    /// Width and height as they count, where both are known.
    pub fn sides(&self, world: &World) -> Option<size::Sides> {
        let card = world.card.as_ref();
        let width = self.request.width.or(card.map(|card| card.width));
        width.zip(self.request.height.or(card.map(|card| card.height)))
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

    /// What is shown, in order: width and height are one field.
    pub fn fields(&self, world: &World) -> Vec<Field> {
        let rows = self.rows(world);
        let has = |name: &str| rows.iter().any(|row| row.name == name);
        let is_one = has("width") && has("height");
        let field = |row: &&'static Parameter| match row.name {
            "width" if is_one => Some(Field::Size),
            "height" if is_one => None,
            _ => Some(Field::Row(row)),
        };
        rows.iter().filter_map(field).collect()
    }

    /// The field that has the keys.
    fn field(&self, world: &World) -> Option<Field> {
        self.fields(world).get(self.at).copied()
    }

    /// How many rows more there are than those that are shown.
    pub fn hidden(&self, world: &World) -> usize {
        here(world).len() - self.rows(world).len()
    }

    /// The place of the field that has the keys.
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
        self.is_typing() && matches!(self.field(world), Some(Field::Row(row)) if matches!(row.kind, Kind::File))
    }

    /// Text was pasted.
    pub fn insert(&mut self, text: &str) {
        self.typing.get_or_insert_default().insert(text);
    }

    /// Shows every row, or the usual ones.
    pub fn toggle_more(&mut self, world: &World) {
        self.more = !self.more;
        self.at = self.at.min(self.fields(world).len().saturating_sub(1));
    }

    /// A seed of its own for each job, or the one of the last picture.
    pub fn toggle_seed(&mut self, last: Option<u64>) {
        self.request.seed = match self.request.seed {
            Some(_) => None,
            None => last.and_then(|seed| i64::try_from(seed).ok()),
        };
    }

    /// Whether there is a field further on.
    pub fn is_within(&self, forward: bool, world: &World) -> bool {
        if forward {
            self.at + 1 < self.fields(world).len()
        } else {
            self.at > 0
        }
    }

    /// Goes to the first field, or to the last.
    pub fn enter(&mut self, forward: bool, world: &World) {
        self.apply();
        self.at = if forward {
            0
        } else {
            self.fields(world).len().saturating_sub(1)
        };
    }

    /// Goes to the next field, or the one before.
    pub fn step(&mut self, forward: bool, world: &World) {
        self.apply();
        let last = self.fields(world).len().saturating_sub(1);
        self.at = if forward {
            (self.at + 1).min(last)
        } else {
            self.at.saturating_sub(1)
        };
    }

    /// A click on a cell of the form, which has so many columns and rows.
    pub fn click(&mut self, (column, row): (u16, u16), (width, height): (u16, u16), world: &World) {
        self.apply();
        let all = self.fields(world);
        let lines = fields::lines(&all, width);
        let nth = self.top(&lines, usize::from(height)) + usize::from(row);
        let Some(line) = lines.get(nth.min(lines.len().saturating_sub(1))) else {
            return;
        };
        let is_right = line.is_pair && fields::half(width).is_some_and(|half| column >= half);
        self.at = line.first + usize::from(is_right);
    }

    /// The first line that is shown in so many rows, the last of which is the help's.
    pub fn top(&self, lines: &[fields::Line], rows: usize) -> usize {
        (fields::line_of(lines, self.at) + 1).saturating_sub(rows.saturating_sub(1).max(1))
    }

    /// Goes to the line above, or below.
    fn go(&mut self, forward: bool, width: u16, world: &World) {
        self.apply();
        self.at = fields::beyond(&fields::lines(&self.fields(world), width), self.at, forward);
    }

    /// Takes what was typed.
    fn apply(&mut self) {
        self.problem = None;
    }

    /// Takes a key, in a form of so many columns: whether another model was chosen, which has other defaults.
    pub fn key(&mut self, key: &KeyEvent, width: u16, world: &World) -> bool {
        let before = self.request.model.clone();
        self.on_key(key, width, world);
        self.request.model != before
    }

    fn on_key(&mut self, key: &KeyEvent, width: u16, world: &World) {
        let Some(name) = keys::name(key) else { return };
        let Some(field) = self.field(world) else { return };
        if let Some(input) = &mut self.typing {
            match name.as_str() {
                "enter" => {
                    let text = input.text();
                    self.typing = None;
                    self.put_field(field, &text, world);
                }
                "esc" => self.typing = None,
                _ => drop(input.key(key, &name)),
            }
            return;
        }
        match name.as_str() {
            "up" => self.go(false, width, world),
            "down" => self.go(true, width, world),
            "left" | "right" => {
                let by = if name == "right" { 1 } else { -1 };
                self.move_by(field, by, world);
            }
            "backspace" | "delete" => self.put_field(field, "", world),
            _ => {
                if let KeyCode::Char(c) = key.code
                    && keys::is_text(key)
                {
                    self.typing = Some(Input::of(&c.to_string()));
                }
            }
        }
    }

    /// Takes the next value, or the one before.
    fn move_by(&mut self, field: Field, by: i64, world: &World) {
        match field {
            Field::Row(row) => {
                if let Some(value) = self.moved(row, by, world) {
                    self.put(row.name, &value);
                }
            }
            Field::Size => {
                if let (Some(card), Some(sides)) = (&world.card, self.sides(world)) {
                    self.put_size(size::moved(sides, by, card), world);
                }
            }
        }
    }

    /// The values of the field to choose from; `None` where its value is typed from now on.
    pub fn choose(&mut self, world: &World) -> Option<Ask> {
        let row = match (self.field(world)?, &world.card) {
            (Field::Row(row), _) => row,
            (Field::Size, Some(card)) => {
                let word = |shape: &size::Shape| {
                    let sides = size::words(size::of_shape(*shape, card));
                    format!("{}:{}  {sides}", shape.0, shape.1)
                };
                let words = size::ALL.iter().map(word).collect();
                let title = "A shape at the model's area";
                return Some(Ask::choice(Asked::Choice(Field::Size.name().to_owned()), title, words));
            }
            (Field::Size, None) => {
                self.typing = Some(Input::default());
                return None;
            }
        };
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

    /// What was chosen for the size: its shape stands before it.
    pub fn choose_size(&mut self, chosen: &str, world: &World) {
        let shape = chosen.split_whitespace().next().unwrap_or_default();
        self.put_field(Field::Size, shape, world);
    }

    /// What is shown for a field, and whether somebody has set it.
    pub fn shown(&self, field: Field, world: &World) -> (String, bool) {
        let row = match field {
            Field::Row(row) => row,
            Field::Size => {
                let is_set = self.request.width.is_some() || self.request.height.is_some();
                let words = self.sides(world).map_or_else(|| "the model's".to_owned(), size::words);
                return (words, is_set);
            }
        };
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
        press_in(form, code, &World::default());
    }

    fn press_in(form: &mut Form, code: KeyCode, world: &World) {
        form.key(&KeyEvent::new(code, KeyModifiers::NONE), 56, world);
    }

    fn world() -> World {
        World {
            card: Some(crate::app::tests::card()),
            ..World::default()
        }
    }

    fn go_to(form: &mut Form, name: &str) {
        let world = World::default();
        form.at = form
            .fields(&world)
            .iter()
            .position(|field| field.name() == name)
            .unwrap();
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
    }

    #[test]
    fn a_size_is_a_shape_or_what_is_typed() {
        let (mut form, world) = (Form::default(), world());
        go_to(&mut form, "size");
        let sides = |form: &Form| (form.request().width, form.request().height);
        press_in(&mut form, KeyCode::Right, &world);
        assert_eq!(sides(&form), (Some(640), Some(448)), "3:2 at 512 × 512");
        form.swap_sides(&world);
        assert_eq!(sides(&form), (Some(448), Some(640)));
        press_in(&mut form, KeyCode::Backspace, &world);
        assert_eq!(sides(&form), (None, None));
        for c in "640x512".chars() {
            press_in(&mut form, KeyCode::Char(c), &world);
        }
        press_in(&mut form, KeyCode::Enter, &world);
        assert_eq!(sides(&form), (Some(640), Some(512)));
        form.choose_size("16:9   704 × 384", &world);
        assert_eq!(sides(&form), (Some(704), Some(384)));
        for wrong in ["7x9000", "9000x7", "wide"] {
            form.put_field(Field::Size, wrong, &world);
            assert!(form.typing().1.is_some(), "{wrong}");
            assert_eq!(sides(&form), (Some(704), Some(384)), "{wrong} changes nothing");
        }
        form.put_field(Field::Size, "1:1", &world);
        assert_eq!(sides(&form), (None, None), "that is the model's own");
    }

    #[test]
    fn a_click_finds_its_field() {
        let (mut form, world) = (Form::default(), world());
        let at = |form: &Form| form.field(&world).unwrap().name();
        form.click((30, 2), (56, 20), &world);
        assert_eq!(at(&form), "cfg_scale");
        form.click((3, 2), (56, 20), &world);
        assert_eq!(at(&form), "steps");
        form.click((30, 1), (56, 20), &world);
        assert_eq!(at(&form), "size");
        form.click((0, 90), (56, 20), &world);
        assert_eq!(at(&form), "init_image");
        // Three rows show three lines, of which the last has the keys.
        form.click((30, 1), (56, 4), &world);
        assert_eq!(at(&form), "batch");
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
