use super::Tokenizer;
use crate::Result;

const LENGTH: usize = 77;

/// A prompt cut and padded to the 77 places of CLIP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The mark before, up to 75 ids, the mark after, padding: 77 in all.
    pub ids: Vec<i64>,
    /// How many ids of the text are in it, marks not counted.
    pub used: usize,
    /// What found no room.
    pub dropped: Option<Dropped>,
}

/// The end of a prompt that is longer than a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// How many ids.
    pub tokens: usize,
    /// The text they stand for, as it was written.
    pub text: String,
}

impl Tokenizer {
    /// The first 75 ids of `text` between the two marks, padded to 77.
    pub fn chunk77(&self, text: &str) -> Result<Chunk> {
        let encoding = self.encoding(text)?;
        let ids: Vec<i64> = encoding.get_ids().iter().map(|id| i64::from(*id)).collect();
        let used = ids.len().min(LENGTH - 2);
        let dropped = encoding.get_offsets().get(used).map(|(start, _)| Dropped {
            tokens: ids.len() - used,
            text: text.get(*start..).unwrap_or_default().to_owned(),
        });
        Ok(Chunk {
            ids: self.wrap77(&ids[..used]),
            used,
            dropped,
        })
    }

    /// Up to 75 ids between the two marks, padded to 77; more are left out.
    pub fn wrap77(&self, ids: &[i64]) -> Vec<i64> {
        let body = &ids[..ids.len().min(LENGTH - 2)];
        let mut wrapped = Vec::with_capacity(LENGTH);
        wrapped.push(self.bos);
        wrapped.extend_from_slice(body);
        wrapped.push(self.eos);
        wrapped.resize(LENGTH, self.pad);
        wrapped
    }
}
