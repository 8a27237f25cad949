//! Create, the screen one lives in: prompt and negative prompt, the parameters as the table has them, and the picture in the making.
//! `form.rs` has the parameters, `view.rs` draws.

mod counts;
mod fields;
mod form;
mod form_view;
mod size;
mod view;
mod weight;

use crossterm::event::{KeyCode, KeyEvent};
use darkroom_protocol::{GenerateRequest, JobId, Picture};
use ratatui::layout::Rect;
use ratatui_textarea::{Input as TextInput, TextArea};

use crate::app::clusters;
use crate::app::commands::Act;
use crate::app::draft::Draft;
use crate::app::given::Given;
use crate::app::msg::Effect;
use crate::app::own::settings::Layout;
use crate::app::pictures::{Key, Source};
use crate::app::prompts::Prompts;
use crate::app::state::Scene;
use crate::app::widgets::Ask;
use crate::app::world::World;
use counts::Counts;
pub use counts::{Answer, Question};
use fields::Field;
use form::Form;

/// Which part has the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Focus {
    #[default]
    Prompt,
    Negative,
    Form,
}

/// The screen.
#[derive(Debug, Default)]
pub struct Create {
    /// Where things stand.
    pub layout: Layout,
    prompt: TextArea<'static>,
    negative: TextArea<'static>,
    form: Form,
    focus: Focus,
    /// Prompts that were sent before.
    prompts: Prompts,
    /// The job that was begun here last.
    job: Option<JobId>,
    /// The last picture that came.
    shown: Option<Picture>,
    /// What was kept last.
    kept: Draft,
    /// A change that is not kept yet.
    is_new: bool,
    /// How many tokens the prompts have.
    counts: Counts,
}

impl Create {
    /// Begins with what was being written.
    pub fn restore(&mut self, draft: Draft) {
        self.prompt = text_of(&draft.prompt);
        self.negative = text_of(&draft.negative);
        self.form.set(draft.request.clone());
        for (name, file) in &draft.files {
            self.form.give(name, file.clone());
        }
        self.kept = draft;
    }

    /// Begins with the prompts that were sent before.
    pub fn remember(&mut self, prompts: Prompts) {
        self.prompts = prompts;
    }

    /// What is to be counted, with its number: where it has changed, or the daemon is there anew. To be asked before
    /// [`Self::draft_to_keep`].
    pub fn ask_count(&mut self, is_there: bool) -> Option<(u64, Question)> {
        if !is_there {
            self.counts.forget();
            return None;
        }
        if !self.is_new && !self.counts.is_first() {
            return None;
        }
        self.counts.ask(Question {
            prompt: self.prompt.lines().join("\n"),
            negative: self.negative.lines().join("\n"),
            model: self.model(),
            syntax: self.form.request().prompt_syntax.unwrap_or_default(),
        })
    }

    /// How many tokens the prompts have that were asked about under that number.
    pub fn counted(&mut self, number: u64, answer: Answer) {
        self.counts.take(number, answer);
    }

    /// What is being written, where that has changed.
    pub fn draft_to_keep(&mut self) -> Option<String> {
        if !std::mem::take(&mut self.is_new) {
            return None;
        }
        let draft = self.draft();
        if draft == self.kept {
            return None;
        }
        self.kept = draft.clone();
        draft.to_json()
    }

    /// What is being written.
    pub fn draft(&self) -> Draft {
        Draft {
            prompt: self.prompt.lines().join("\n"),
            negative: self.negative.lines().join("\n"),
            request: self.form.request().clone(),
            files: self.form.files().clone(),
        }
    }

    /// Whether keys type text: always, but for commands.
    pub fn is_typing(&self) -> bool {
        self.focus != Focus::Form || self.form.is_typing()
    }

    /// The model's name; empty for the default one.
    pub fn model(&self) -> String {
        self.form.request().model.clone().unwrap_or_default()
    }

    /// Makes pictures with that model from now on.
    pub fn use_model(&mut self, model: &str) {
        self.form.put("model", model);
        self.is_new = true;
    }

    /// Begins with what made a picture.
    pub fn fill(&mut self, request: &GenerateRequest) {
        self.prompt = text_of(request.prompt.as_deref().unwrap_or_default());
        self.negative = text_of(request.negative_prompt.as_deref().unwrap_or_default());
        self.form.set(request.clone());
        self.focus = Focus::Prompt;
        self.is_new = true;
    }

    /// The prompt, or the negative one, as an editor left it.
    pub fn set_text(&mut self, text: &str) {
        *self.text_mut() = text_of(text.trim_end_matches('\n'));
        self.is_new = true;
    }

    fn text_mut(&mut self) -> &mut TextArea<'static> {
        match self.focus {
            Focus::Negative => &mut self.negative,
            Focus::Prompt | Focus::Form => &mut self.prompt,
        }
    }

    /// Text was pasted: as text, whatever is in it.
    pub fn paste(&mut self, text: &str) {
        let text: String = text.replace("\r\n", "\n").replace('\r', "\n");
        let harmless: String = text.chars().filter(|c| !c.is_control() || *c == '\n').collect();
        match self.focus {
            Focus::Form => self.form.insert(&harmless),
            Focus::Prompt | Focus::Negative => drop(self.text_mut().insert_str(harmless)),
        }
        self.is_new = true;
    }

    /// A job that was begun here was taken.
    pub fn submitted(&mut self, job: JobId) {
        self.job = Some(job);
    }

    /// A picture has come.
    pub fn picture(&mut self, picture: &Picture) {
        self.shown = Some(picture.clone());
    }

    /// Looks at the jobs: at first the last picture that was made is shown.
    pub fn look(&mut self, world: &World) {
        if self.shown.is_none() {
            self.shown = world
                .jobs
                .iter()
                .filter_map(|job| job.pictures.last())
                .max_by_key(|picture| picture.job)
                .cloned();
        }
    }

    /// Does a command; `Err` with a question that is to be asked first.
    pub fn act(&mut self, act: Act, world: &World) -> Result<Vec<Effect>, Box<Ask>> {
        match act {
            Act::Generate => return Ok(self.generate()),
            Act::NextField if self.form.is_typing_path(world) => {
                if let Some(ask) = self.form.choose(world) {
                    return Err(Box::new(ask));
                }
            }
            Act::OlderPrompt => self.older(),
            Act::NewerPrompt => self.newer(),
            Act::UndoEdit => self.is_new |= self.text_mut().undo(),
            Act::RedoEdit => self.is_new |= self.text_mut().redo(),
            Act::Find => return Ok(vec![Effect::Find]),
            Act::NextField => self.step(true, world),
            Act::LastField => self.step(false, world),
            Act::RandomSeed => {
                self.form.toggle_seed(self.shown.as_ref().map(|picture| picture.seed));
                self.is_new = true;
            }
            Act::SwapSides => {
                self.form.swap_sides(world);
                self.is_new = true;
            }
            Act::MoreParameters => self.form.toggle_more(world),
            Act::Choose => {
                if let Some(ask) = self.form.choose(world) {
                    return Err(Box::new(ask));
                }
            }
            Act::Editor => return Ok(vec![Effect::Edit(self.text_mut().lines().join("\n"))]),
            Act::Weigh(by) => {
                weight::weigh(self.text_mut(), by);
                self.is_new = true;
            }
            _ => {}
        }
        Ok(vec![])
    }

    /// Hands the job over, with its files, and remembers its prompt.
    fn generate(&mut self) -> Vec<Effect> {
        let request = self.request();
        let is_new = self.prompts.sent(request.prompt.as_deref().unwrap_or_default());
        let files = self.form.files();
        let submit = match files.is_empty() {
            true => Effect::Submit(request),
            false => Effect::SubmitWith(request, files.clone().into_iter().collect()),
        };
        let kept = self.prompts.to_json().filter(|_| is_new).map(Effect::KeepPrompts);
        std::iter::once(submit).chain(kept).collect()
    }

    /// Puts the prompt that was sent before this one into the field.
    fn older(&mut self) {
        let now = self.prompt.lines().join("\n");
        if let Some(prompt) = self.prompts.older(&now) {
            replace(&mut self.prompt, prompt);
            self.is_new = true;
        }
    }

    fn newer(&mut self) {
        if let Some(prompt) = self.prompts.newer() {
            replace(&mut self.prompt, prompt);
            self.is_new = true;
        }
    }

    /// Begins with a picture instead of noise.
    pub fn begin_with(&mut self, file: Given) {
        self.form.give("init_image", file);
        self.focus = Focus::Prompt;
        self.is_new = true;
    }

    fn step(&mut self, forward: bool, world: &World) {
        self.focus = match (self.focus, forward) {
            (Focus::Prompt, true) | (Focus::Form, false) if !self.form.is_within(forward, world) => Focus::Negative,
            (Focus::Negative, true) | (Focus::Prompt, false) => {
                self.form.enter(forward, world);
                Focus::Form
            }
            (Focus::Form, _) if self.form.is_within(forward, world) => {
                self.form.step(forward, world);
                Focus::Form
            }
            (Focus::Prompt, true) => Focus::Negative,
            _ => Focus::Prompt,
        };
    }

    /// What is asked for.
    pub fn request(&self) -> GenerateRequest {
        let text = |area: &TextArea<'_>| Some(area.lines().join("\n")).filter(|text| !text.is_empty());
        GenerateRequest {
            prompt: Some(text(&self.prompt).unwrap_or_default()),
            negative_prompt: text(&self.negative),
            ..self.form.request().clone()
        }
    }

    /// A choice was made for the parameter of that name.
    pub fn choose(&mut self, name: &str, value: &str, world: &World) -> Vec<Effect> {
        match name == Field::Size.name() {
            true => self.form.choose_size(value, world),
            false => self.form.put(name, value),
        }
        self.is_new = true;
        match name {
            "model" => vec![Effect::Card(self.model())],
            _ => vec![],
        }
    }

    /// Takes a key that is no command; `area` is the screen's.
    pub fn key(&mut self, key: &KeyEvent, area: Rect, world: &World) -> Vec<Effect> {
        self.is_new = true;
        match self.focus {
            Focus::Form => match self.form.key(key, view::places(area, self.layout).form.width, world) {
                true => vec![Effect::Card(self.model())],
                false => vec![],
            },
            Focus::Prompt | Focus::Negative => {
                let text = self.text_mut();
                let before = text.cursor();
                let is_new = clusters::input(text, TextInput::from(*key));
                let is_still = text.cursor() == before && !is_new;
                match (self.focus, key.code) {
                    (Focus::Prompt, KeyCode::Up) if is_still || before.0 == 0 => self.older(),
                    (Focus::Prompt, KeyCode::Down) if is_still => self.newer(),
                    (Focus::Prompt, _) if is_new => self.prompts.leave(),
                    _ => {}
                }
                vec![]
            }
        }
    }

    /// A click.
    pub fn click(&mut self, at: (u16, u16), area: Rect, world: &World) {
        let places = view::places(area, self.layout);
        let is_in = |rect: Rect| rect.contains(at.into());
        if is_in(places.prompt) {
            self.focus = Focus::Prompt;
        } else if is_in(places.negative) {
            self.focus = Focus::Negative;
        } else if is_in(places.form) {
            self.focus = Focus::Form;
            let form = places.form;
            self.form
                .click((at.0 - form.x, at.1 - form.y), (form.width, form.height), world);
        }
    }

    /// The picture that is shown, and where it may be.
    pub fn pictures(&self, scene: &Scene<'_>, area: Rect) -> Vec<(Key, Rect)> {
        let place = view::places(area, self.layout).picture;
        if place.width < 4 || place.height < 2 {
            return vec![];
        }
        let source = match (scene.pictures.preview(), &self.shown) {
            (Some((source, _)), _) => source,
            (None, Some(picture)) => Source::File {
                sha256: picture.sha256.clone(),
                path: picture.path.clone(),
                bytes: picture.bytes,
            },
            (None, None) => return vec![],
        };
        let room = (place.width, place.height);
        vec![(Key { source, room }, place)]
    }
}

/// Puts another text into a field, so that it can be taken back.
fn replace(area: &mut TextArea<'static>, text: &str) {
    area.select_all();
    area.cut();
    area.insert_str(text);
}

fn text_of(text: &str) -> TextArea<'static> {
    let lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let mut area = TextArea::new(lines);
    area.move_cursor(ratatui_textarea::CursorMove::Bottom);
    area.move_cursor(ratatui_textarea::CursorMove::End);
    area
}
