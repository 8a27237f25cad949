//! Text as ids, all of them or as many as the text encoder reads, between two marks; and a line about what found no room. How a
//! long prompt becomes several chunks, and its syntax, are the business of `prompt/chunks.rs`.

use super::{Result, Tokenizer, error};

/// A prompt cut and padded to the places that the text encoder reads: 77 for CLIP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The mark before, the ids of the text, the mark after, padding: as many in all as the text encoder has places, 77 of CLIP.
    pub ids: Vec<i64>,
    /// How many ids of the text are in it, marks not counted.
    pub used: usize,
    /// What found no room.
    pub dropped: Option<Dropped>,
}

/// The part of a prompt that is longer than a chunk: its end, where the tokenizer does not cut at the left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// How many ids.
    pub tokens: usize,
    /// The text they stand for, as it was written.
    pub text: String,
}

impl Tokenizer {
    /// One line about the part of a prompt that found no room.
    pub fn describe(&self, dropped: &Dropped) -> String {
        let text = darkroom_protocol::text::escape_line(dropped.text.trim()).into_owned();
        let shown = match text.char_indices().nth(60) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        };
        let which = if self.truncates_left { "first" } else { "last" };
        format!(
            "the model reads {} tokens, the {which} {} are not used: “{shown}”.",
            self.length - 2,
            dropped.tokens
        )
    }

    /// As many ids of `text` as there is room for between the two marks, padded.
    ///
    /// # Errors
    /// [`super::Error::Tokenizer`] naming a token of the text whose number is beyond the text encoder's table.
    pub fn chunk(&self, text: &str) -> Result<Chunk> {
        let encoding = self.encoding(text)?;
        let ids: Vec<i64> = encoding.get_ids().iter().map(|id| i64::from(*id)).collect();
        let used = ids.len().min(self.length - 2);
        let over = ids.len() - used;
        let range = if self.truncates_left { over..ids.len() } else { 0..used };
        let offsets = encoding.get_offsets();
        self.check(text, &ids, offsets, range.clone())?;
        let text_of = |range: std::ops::Range<usize>| {
            let start = offsets.get(range.start).map_or(text.len(), |(start, _)| *start);
            let end = if range.end < ids.len() {
                offsets[range.end].0
            } else {
                text.len()
            };
            text.get(start..end).unwrap_or_default().to_owned()
        };
        let dropped = (over > 0).then(|| Dropped {
            tokens: over,
            text: text_of(if self.truncates_left { 0..over } else { used..ids.len() }),
        });
        Ok(Chunk {
            ids: self.wrap(&ids[range]),
            used,
            dropped,
        })
    }

    /// All ids of `text`, however many, without marks.
    ///
    /// # Errors
    /// As [`Self::chunk`].
    pub fn ids(&self, text: &str) -> Result<Vec<i64>> {
        let encoding = self.encoding(text)?;
        let ids: Vec<i64> = encoding.get_ids().iter().map(|id| i64::from(*id)).collect();
        self.check(text, &ids, encoding.get_offsets(), 0..ids.len())?;
        Ok(ids)
    }

    /// How many ids of a text a chunk holds: 75 of CLIP.
    pub fn room(&self) -> usize {
        self.length - 2
    }

    /// The id of a comma that ends a word, where the vocabulary has one.
    pub fn comma(&self) -> Option<i64> {
        self.inner.token_to_id(",</w>").map(i64::from)
    }

    /// Refuses ids of `range` that the text encoder's table lacks.
    fn check(
        &self,
        text: &str,
        ids: &[i64],
        offsets: &[(usize, usize)],
        mut range: std::ops::Range<usize>,
    ) -> Result<()> {
        let Some(at) = range.find(|at| ids[*at] >= self.rows) else {
            return Ok(());
        };
        let (start, end) = offsets.get(at).copied().unwrap_or_default();
        let word = text.get(start..end).unwrap_or_default().trim();
        let what = format!(
            "{word:?} in the prompt is token {}, and the text encoder's table has {} rows: the model's tokenizer and text \
             encoder do not fit each other; leave the word out.",
            ids[at], self.rows
        );
        Err(error("vocabulary", what))
    }

    /// Ids between the two marks, padded to the length; what is more than fits is left out at the end.
    pub fn wrap(&self, ids: &[i64]) -> Vec<i64> {
        let body = &ids[..ids.len().min(self.length - 2)];
        let padding = std::iter::repeat_n(self.pad, self.length - 2 - body.len());
        let text = [self.bos].into_iter().chain(body.iter().copied()).chain([self.eos]);
        if self.pads_left {
            padding.chain(text).collect()
        } else {
            text.chain(padding).collect()
        }
    }

    /// At which place of [`Self::wrap`] the first of so many ids stands.
    pub fn first_place(&self, ids: usize) -> usize {
        if self.pads_left {
            self.length - 1 - ids.min(self.length - 2)
        } else {
            1
        }
    }
}
