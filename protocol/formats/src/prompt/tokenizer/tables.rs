//! Vocabulary and merges of a byte-level BPE, CLIP's or a language model's, from `tokenizer.json`, from `vocab.json` and `merges.txt`, or from inside the program.
//! `Tokenizer::open` in `mod.rs` says which, `build.rs` uses them. Strangers write these files, so sizes and numbers have caps
//! here; marks and added tokens are read by `crate::tokenizer`.

use std::collections::HashMap;
use std::io::Read;

use flate2::read::GzDecoder;
use serde::Deserialize;

use super::{Result, error};

/// OpenAI CLIP's merges, one a line, best first (MIT).
const MERGES: &[u8] = include_bytes!("../../../assets/clip_merges.txt.gz");
/// Qwen2's merges, which Qwen3 and the vision models of both have too (Apache-2.0).
const QWEN_MERGES: &[u8] = include_bytes!("../../../assets/qwen_merges.txt.gz");
const MAX_FILE: usize = 32 << 20;
const MAX_ID: u32 = 1 << 20;

/// What a BPE is made of.
#[derive(Debug)]
pub struct Tables {
    /// Each piece's number.
    pub vocab: HashMap<String, u32>,
    /// Pairs of pieces that join, in order of preference. Both parts and the whole are in the vocabulary.
    pub merges: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct TokenizerJson {
    model: ModelJson,
}

#[derive(Deserialize)]
struct ModelJson {
    #[serde(rename = "type")]
    kind: Option<String>,
    end_of_word_suffix: Option<String>,
    vocab: HashMap<String, u32>,
    merges: Vec<MergeJson>,
}

/// `"a b"` in files before 2024, `["a", "b"]` since.
#[derive(Deserialize)]
#[serde(untagged)]
enum MergeJson {
    Line(String),
    Pair(String, String),
}

impl Tables {
    /// The tables inside `tokenizer.json`, of a BPE whose words end so: `</w>` in CLIP's, nothing in a language model's. How text is split
    /// before they apply is the caller's, whatever the file says.
    pub fn from_tokenizer_json(json: &[u8], end: &str) -> Result<Self> {
        const FILE: &str = "tokenizer.json";
        capped(FILE, json)?;
        let model = serde_json::from_slice::<TokenizerJson>(json)
            .map_err(|e| error(FILE, format!("is not a BPE tokenizer: {e}.")))?
            .model;
        let bpe = model.kind.as_deref().unwrap_or("BPE") == "BPE";
        if !bpe || model.end_of_word_suffix.as_deref().unwrap_or_default() != end {
            let what = match end {
                "" => "is not a language model's kind of BPE, whose words have no end mark.",
                _ => "is not CLIP's kind of BPE, whose words end in </w>.",
            };
            return Err(error(FILE, what));
        }
        let pair = |merge| match merge {
            MergeJson::Pair(a, b) => Some((a, b)),
            MergeJson::Line(line) => split(&line),
        };
        let merges = model.merges.into_iter().map(pair).collect::<Option<_>>();
        Self {
            vocab: model.vocab,
            merges: merges.ok_or_else(|| error(FILE, "has a merge that is not a pair."))?,
        }
        .checked(FILE)
    }

    /// The tables of `vocab.json` and `merges.txt`.
    pub fn from_vocab_and_merges(vocab: &[u8], merges: &[u8]) -> Result<Self> {
        capped("vocab.json", vocab)?;
        capped("merges.txt", merges)?;
        let vocab = serde_json::from_slice(vocab)
            .map_err(|e| error("vocab.json", format!("is not an object of numbered pieces: {e}.")))?;
        Self {
            vocab,
            merges: parse_merges(merges)?,
        }
        .checked("merges.txt")
    }

    /// Qwen2's and Qwen3's tables: the merges are in the program, the vocabulary follows from them.
    pub fn qwen() -> Result<Self> {
        let merges = inside(QWEN_MERGES)?;
        let bytes = byte_symbols().map(String::from);
        let joined = merges.iter().map(|(a, b)| format!("{a}{b}"));
        Self {
            vocab: bytes.chain(joined).zip(0..).collect(),
            merges,
        }
        .checked("merges")
    }

    /// OpenAI CLIP's tables: the merges are in the program, the vocabulary follows from them.
    pub fn embedded() -> Result<Self> {
        let merges = inside(MERGES)?;
        Self {
            vocab: derive_vocab(&merges),
            merges,
        }
        .checked("merges")
    }

    fn checked(self, file: &str) -> Result<Self> {
        if let Some((piece, id)) = self.vocab.iter().find(|(_, id)| **id >= MAX_ID) {
            return Err(error(
                file,
                format!("numbers {piece:?} as {id}, more than any vocabulary has."),
            ));
        }
        let known = |piece: &str| self.vocab.contains_key(piece);
        if let Some((a, b)) = self
            .merges
            .iter()
            .find(|(a, b)| !(known(a) && known(b) && known(&format!("{a}{b}"))))
        {
            return Err(error(
                file,
                format!("joins {a:?} and {b:?}, which the vocabulary lacks: files of two models."),
            ));
        }
        Ok(self)
    }
}

/// Merges that are part of the program.
fn inside(packed: &[u8]) -> Result<Vec<(String, String)>> {
    let mut text = Vec::new();
    let read = GzDecoder::new(packed).take(MAX_FILE as u64).read_to_end(&mut text);
    read.map_err(|e| error("merges", format!("inside the program are damaged: {e}.")))?;
    parse_merges(&text)
}

fn capped(file: &str, bytes: &[u8]) -> Result<()> {
    if bytes.len() <= MAX_FILE {
        return Ok(());
    }
    Err(error(
        file,
        format!("is {} bytes, more than a tokenizer ever has.", bytes.len()),
    ))
}

fn parse_merges(text: &[u8]) -> Result<Vec<(String, String)>> {
    const FILE: &str = "merges.txt";
    let text = str::from_utf8(text).map_err(|_| error(FILE, "is not UTF-8."))?;
    let is_merge = |(i, line): &(usize, &str)| !(line.is_empty() || *i == 0 && line.contains("#version"));
    let parse = |(i, line): (usize, &str)| {
        split(line).ok_or_else(|| error(FILE, format!("line {} is not a pair of pieces.", i + 1)))
    };
    text.lines().enumerate().filter(is_merge).map(parse).collect()
}

fn split(line: &str) -> Option<(String, String)> {
    let (a, b) = line.split_once(' ')?;
    (!a.is_empty() && !b.is_empty() && !b.contains(' ')).then(|| (a.to_owned(), b.to_owned()))
}

/// 256 bytes, 256 bytes that end a word, the merges, the two marks (`SimpleTokenizer` of OpenAI CLIP).
fn derive_vocab(merges: &[(String, String)]) -> HashMap<String, u32> {
    let bytes = byte_symbols().map(String::from);
    let ends = byte_symbols().map(|symbol| format!("{symbol}</w>"));
    let joined = merges.iter().map(|(a, b)| format!("{a}{b}"));
    let marks = ["<|startoftext|>", "<|endoftext|>"].map(str::to_owned);
    bytes.chain(ends).chain(joined).chain(marks).zip(0..).collect()
}

/// One visible character for each byte: printable Latin-1 stands for itself and comes first, the rest for 256 and up.
fn byte_symbols() -> impl Iterator<Item = char> {
    let printable = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let visible = (0..=u8::MAX).filter(printable).map(char::from);
    let hidden = (0..=u8::MAX)
        .filter(move |byte| !printable(byte))
        .zip('\u{100}'..)
        .map(|(_, symbol)| symbol);
    visible.chain(hidden)
}
