//! Chunks of tokens: 75 between two marks for CLIP, as many as a text needs. A comma near the end of a full chunk takes what follows
//! it into the next, `BREAK` begins one, and the vectors of an embedding stay together: `tokenize_line` of AUTOMATIC1111's
//! `modules/sd_hijack_clip.py`. ComfyUI's way, which keeps short pieces whole, is here too. What an embedding's vectors are is the
//! engine's business, as is what weights do.

use super::embedding::{self, Embedding};
use super::{Error, Laying, Piece, Result, Tokenizer};

/// How many tokens from the end of a full chunk a comma still parts it.
const BACKTRACK: usize = 20;
/// From so many tokens on a piece is cut where a chunk ends, in ComfyUI's way.
const LARGE: usize = 8;

/// A chunk as the text encoder reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// Marks, ids and padding.
    pub ids: Vec<i64>,
    /// The weight of each place; 1 of marks and padding.
    pub weights: Vec<f32>,
    /// Which piece of the text each place is of.
    pub pieces: Vec<Option<usize>>,
    /// Embeddings by their number among the text's: the place of the first vector of each.
    pub vectors: Vec<(i64, usize)>,
}

impl Chunk {
    /// How many places are a text's: neither marks nor padding.
    pub fn used(&self) -> usize {
        self.pieces.iter().flatten().count()
    }
}

/// What takes a place of a chunk.
#[derive(Clone, Debug)]
struct Place {
    id: i64,
    weight: f32,
    piece: usize,
    /// The embedding whose first vector stands here.
    concept: Option<usize>,
}

/// An id, or an embedding of so many vectors.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Unit {
    Id(i64),
    Concept { number: usize, vectors: usize },
}

/// A text that is to be laid into chunks.
#[derive(Clone, Copy, Debug)]
pub struct Laid<'a> {
    /// Its pieces, in order.
    pub pieces: &'a [Piece],
    /// How tokens are laid.
    pub laying: Laying,
    /// Whether `embedding:name` is one.
    pub names: bool,
    /// Embeddings that it may name.
    pub embeddings: &'a [Embedding],
}

/// The chunks of a text, at least one.
///
/// # Errors
/// Those of the tokenizer; [`Error::Refused`] for weights that are no numbers and embeddings that are not there or too long.
pub fn lay(tokenizer: &Tokenizer, text: Laid<'_>) -> Result<Vec<Chunk>> {
    let mut table = Table {
        tokenizer,
        comma: tokenizer.comma(),
        chunks: Vec::new(),
        places: Vec::new(),
        last_comma: None,
    };
    let names = Names::new(tokenizer, text.embeddings)?;
    for (number, piece) in text.pieces.iter().enumerate() {
        match piece {
            Piece::Break => table.next(),
            Piece::Text(words, weight) => {
                let weight = finite(*weight)?;
                let units = names.units(tokenizer, words, text.names)?;
                match text.laying {
                    Laying::Commas => table.lay_by_commas(&units, weight, number),
                    Laying::Pieces => table.lay_whole(&units, weight, number),
                }
            }
        }
    }
    if !table.places.is_empty() || table.chunks.is_empty() {
        table.next();
    }
    Ok(table.chunks)
}

/// A chunk without words.
pub fn empty(tokenizer: &Tokenizer) -> Chunk {
    chunk(tokenizer, &[])
}

fn finite(weight: f64) -> Result<f32> {
    let short = weight as f32;
    if short.is_finite() {
        return Ok(short);
    }
    Err(Error::Refused(format!(
        "A weight in the prompt comes to {weight:e}, which is no number to compute with: weights are near 1."
    )))
}

struct Table<'a> {
    tokenizer: &'a Tokenizer,
    comma: Option<i64>,
    chunks: Vec<Chunk>,
    /// What is in the chunk that is being filled.
    places: Vec<Place>,
    /// Where the last comma is in it.
    last_comma: Option<usize>,
}

impl Table<'_> {
    fn lay_by_commas(&mut self, units: &[Unit], weight: f32, piece: usize) {
        let room = self.tokenizer.room();
        for unit in units {
            let full = self.places.len() == room;
            if matches!(unit, Unit::Id(id) if Some(*id) == self.comma) {
                self.last_comma = Some(self.places.len());
            } else if let Some(comma) = self.last_comma.filter(|comma| full && room - comma <= BACKTRACK) {
                let moved = self.places.split_off((comma + 1).min(room));
                self.next();
                self.places = moved;
            }
            if self.places.len() == room {
                self.next();
            }
            self.put(*unit, weight, piece);
        }
    }

    fn lay_whole(&mut self, units: &[Unit], weight: f32, piece: usize) {
        let size: usize = units.iter().map(|unit| unit.places()).sum();
        if size < LARGE && self.places.len() + size > self.tokenizer.room() {
            self.next();
        }
        for unit in units {
            if self.places.len() == self.tokenizer.room() {
                self.next();
            }
            self.put(*unit, weight, piece);
        }
    }

    fn put(&mut self, unit: Unit, weight: f32, piece: usize) {
        if self.places.len() + unit.places() > self.tokenizer.room() {
            self.next();
        }
        let (id, concept) = match unit {
            Unit::Id(id) => (id, None),
            // Any id of the table: the vector takes its place.
            Unit::Concept { number, .. } => (self.tokenizer.eos(), Some(number)),
        };
        for vector in 0..unit.places() {
            let concept = concept.filter(|_| vector == 0);
            self.places.push(Place {
                id,
                weight,
                piece,
                concept,
            });
        }
    }

    fn next(&mut self) {
        self.chunks.push(chunk(self.tokenizer, &self.places));
        self.places.clear();
        self.last_comma = None;
    }
}

impl Unit {
    fn places(self) -> usize {
        match self {
            Self::Id(_) => 1,
            Self::Concept { vectors, .. } => vectors,
        }
    }
}

fn chunk(tokenizer: &Tokenizer, places: &[Place]) -> Chunk {
    let ids: Vec<i64> = places.iter().map(|place| place.id).collect();
    let first = tokenizer.first_place(places.len());
    let ids = tokenizer.wrap(&ids);
    let (mut weights, mut pieces) = (vec![1.0; ids.len()], vec![None; ids.len()]);
    let mut vectors = Vec::new();
    for (at, place) in (first..).zip(places) {
        weights[at] = place.weight;
        pieces[at] = Some(place.piece);
        vectors.extend(place.concept.map(|number| (at as i64, number)));
    }
    Chunk {
        ids,
        weights,
        pieces,
        vectors,
    }
}

/// The names of embeddings as the tokenizer spells them, the longest first.
struct Names<'a> {
    embeddings: &'a [Embedding],
    spelled: Vec<(Vec<i64>, usize)>,
}

impl<'a> Names<'a> {
    fn new(tokenizer: &Tokenizer, embeddings: &'a [Embedding]) -> Result<Self> {
        let mut spelled = Vec::new();
        for (number, embedding) in embeddings.iter().enumerate() {
            if embedding.vectors > tokenizer.room() {
                return Err(embedding.refused(&format!(
                    "has {} vectors, and the text encoder reads {} tokens at a time",
                    embedding.vectors,
                    tokenizer.room()
                )));
            }
            let ids = tokenizer.encode(&embedding.name)?;
            spelled.extend((!ids.is_empty()).then_some((ids, number)));
        }
        spelled.sort_by_key(|(ids, _)| std::cmp::Reverse(ids.len()));
        Ok(Self { embeddings, spelled })
    }

    /// `text` as ids and embeddings. With `explicit`, `embedding:name` is one.
    fn units(&self, tokenizer: &Tokenizer, text: &str, explicit: bool) -> Result<Vec<Unit>> {
        let mut units = Vec::new();
        let mut rest = text;
        while let Some((before, name, after)) = embedding::named(rest).filter(|_| explicit) {
            self.words(&tokenizer.ids(before)?, &mut units);
            let number = embedding::find(self.embeddings, name)?;
            units.push(self.unit(number));
            rest = after;
        }
        self.words(&tokenizer.ids(rest)?, &mut units);
        Ok(units)
    }

    /// Ids, of which some are the name of an embedding.
    fn words(&self, mut ids: &[i64], units: &mut Vec<Unit>) {
        while let Some((first, rest)) = ids.split_first() {
            match self.spelled.iter().find(|(name, _)| ids.starts_with(name)) {
                Some((name, number)) => {
                    units.push(self.unit(*number));
                    ids = &ids[name.len()..];
                }
                None => {
                    units.push(Unit::Id(*first));
                    ids = rest;
                }
            }
        }
    }

    fn unit(&self, number: usize) -> Unit {
        Unit::Concept {
            number,
            vectors: self.embeddings[number].vectors,
        }
    }
}
