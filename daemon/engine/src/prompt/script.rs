//! A prompt as a whole: composed of parts, each a text for every step. This is where the syntaxes meet; what each means is in the files
//! beside. `pipeline/encode_prompts.rs` asks for it and lays parts and steps together.

use std::rc::Rc;

use darkroom_protocol::{Emphasis, ImageTask, PromptSyntax};

use darkroom_formats::prompt::{Laying, parts, pieces, tags};

use super::wording::{Piece, Wording};
use super::{Concept, attention};
use crate::Result;

/// How a task's prompts are read.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Whose syntax they are written in.
    pub syntax: PromptSyntax,
    /// What weights do.
    pub emphasis: Emphasis,
    /// The text encoder's layer from its end, from 1, where somebody asked for one.
    pub clip_skip: Option<f64>,
    /// The steps that times in prompts are parts of, at least 1.
    pub steps: usize,
    /// The steps of the pass before, where this is a second one: times in prompts count on from it.
    pub before: Option<usize>,
    /// Embeddings that prompts may name.
    pub concepts: Rc<[Concept]>,
}

impl Rules {
    /// Those of `task`, whose embeddings are `concepts`.
    pub fn of(task: &ImageTask, concepts: Vec<Concept>) -> Self {
        Self {
            syntax: task.what.syntax,
            emphasis: task.what.emphasis(),
            clip_skip: task.what.clip_skip,
            steps: task.sampling.steps.max(1) as usize,
            before: None,
            concepts: concepts.into(),
        }
    }

    /// The same for a text encoder that reads a prompt as it is written: no syntax, no weights, no layer to leave out.
    #[must_use]
    pub fn plain(self) -> Self {
        Self {
            syntax: PromptSyntax::Plain,
            emphasis: Emphasis::None,
            clip_skip: None,
            concepts: Rc::new([]),
            ..self
        }
    }

    /// `text` as it goes to the encoders.
    fn word(&self, text: &str) -> Result<Wording> {
        let plain = self.syntax == PromptSyntax::Plain;
        let pieces = match self.emphasis {
            Emphasis::None => vec![Piece::plain(text)],
            _ => pieces(text, self.syntax)?,
        };
        Ok(Wording {
            pieces,
            emphasis: self.emphasis,
            clip_skip: self.clip_skip,
            concepts: if plain { Rc::new([]) } else { self.concepts.clone() },
            laying: Laying::of(self.syntax),
            names: !plain,
        })
    }
}

/// Whether somebody wrote a number of their own for how much words weigh, as in `(word:1.2)`. Brackets alone are prose.
pub fn writes_weights(prompt: &str) -> bool {
    let of_brackets = |weight: f64| {
        let power = weight.ln() / 1.1f64.ln();
        (power - power.round()).abs() < 1e-6
    };
    attention::parse(prompt)
        .iter()
        .any(|piece| matches!(piece, Piece::Text(_, weight) if !(*weight > 0.0 && of_brackets(*weight))))
}

/// A part of a composition.
#[derive(Clone, Debug)]
pub struct Part {
    /// How much it counts.
    pub weight: f64,
    /// What it says over the steps; never empty, the last up to the last step.
    pub spans: Vec<Span>,
}

impl Part {
    /// What it says at step `step`, from 0, by the index among its spans. As AUTOMATIC1111 does it, which counts steps from 0 and ends
    /// of spans from 1: a span is for one step more than its number says, but for the last.
    pub fn at(&self, step: usize) -> usize {
        self.spans
            .iter()
            .position(|span| step <= span.last)
            .unwrap_or(self.spans.len() - 1)
    }
}

/// A text for some steps.
#[derive(Clone, Debug)]
pub struct Span {
    /// The last step that it is for.
    pub last: usize,
    /// The text.
    pub wording: Wording,
}

/// `prompt` as `rules` read it. Where `composes` is false, `AND` is a word: negative prompts are one.
///
/// # Errors
/// [`crate::Error::Unsupported`] naming a tag or a method that is not known.
pub fn read(prompt: &str, rules: &Rules, composes: bool) -> Result<Vec<Part>> {
    let text = if rules.syntax == PromptSyntax::Plain {
        prompt.to_owned()
    } else {
        let (text, found) = tags::split(prompt);
        tags::refuse(&found)?;
        text
    };
    let parts = parts(&text, rules.syntax, composes, rules.steps, rules.before);
    let part = |(weight, spans): darkroom_formats::prompt::Part| {
        let span = |(last, text): (usize, String)| {
            let wording = rules.word(&text)?;
            Ok(Span { last, wording })
        };
        let spans = spans.into_iter().map(span).collect::<Result<_>>()?;
        Ok(Part { weight, spans })
    };
    parts.into_iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("a cat", false)]
    #[case("a cat (an orange one), [small], ((very)) small: 3", false)]
    #[case("a (cat:1.2)", true)]
    #[case("a (cat:0) and a dog", true)]
    fn weights_are_numbers(#[case] prompt: &str, #[case] expected: bool) {
        assert_eq!(writes_weights(prompt), expected);
    }
}
