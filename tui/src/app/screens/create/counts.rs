//! How many tokens the prompts have, as the daemon counts them: what is asked, which answer counts, and the words for it. A question is
//! an effect of its own, asked when the text rests (`effects.rs`); nothing is counted here. What was counted before stays on the screen
//! until the next answer, and goes with the daemon.

use darkroom_protocol::PromptSyntax;
use darkroom_protocol::message::client::TokenCount;

/// What is to be counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// The prompt.
    pub prompt: String,
    /// The negative prompt.
    pub negative: String,
    /// The model's name; empty for the default one.
    pub model: String,
    /// How they are written.
    pub syntax: PromptSyntax,
}

/// The prompt's tokens and the negative one's, where they are known.
pub type Answer = [Option<TokenCount>; 2];

/// What was asked and answered.
#[derive(Debug, Default)]
pub struct Counts {
    /// The number of the last question.
    number: u64,
    asked: Option<Question>,
    answer: Answer,
}

impl Counts {
    /// Whether nothing was asked since the daemon is there.
    pub fn is_first(&self) -> bool {
        self.asked.is_none()
    }

    /// Asks, where that was not asked last: the question with its number.
    pub fn ask(&mut self, question: Question) -> Option<(u64, Question)> {
        if self.asked.as_ref() == Some(&question) {
            return None;
        }
        self.number += 1;
        self.asked = Some(question.clone());
        Some((self.number, question))
    }

    /// The daemon is away: nothing is known.
    pub fn forget(&mut self) {
        // Answers that are on their way are too late.
        self.number += u64::from(self.asked.is_some());
        self.asked = None;
        self.answer = Answer::default();
    }

    /// Takes the answer to the question of that number; an older one's is too late.
    pub fn take(&mut self, number: u64, answer: Answer) {
        if number == self.number && self.asked.is_some() {
            self.answer = answer;
        }
    }

    /// `23/75` for the prompt, or the negative one.
    pub fn words(&self, is_negative: bool) -> Option<String> {
        let count = self.answer[usize::from(is_negative)]?;
        Some(format!("{}/{}", count.tokens, count.limit()))
    }
}
