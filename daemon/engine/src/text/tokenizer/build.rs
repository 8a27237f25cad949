use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::{Lowercase, NFC, Replace, Sequence as Normalizers, replace::ReplacePattern};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence as PreTokenizers;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior};

use super::specials::Specials;
use super::tables::Tables;
use super::{Tokenizer, error};
use crate::Result;

/// Words, single digits and runs of anything else, as in OpenAI CLIP's `SimpleTokenizer`.
const PIECES: &str = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// Assembles the tokenizer as transformers' `CLIPTokenizer` does.
pub fn build(tables: Tables, specials: &Specials) -> Result<Tokenizer> {
    assemble(tables, specials)
        .map_err(|e| error("tables", format!("do not make a tokenizer: {e}.")))?
        .marked(specials)
}

fn assemble(tables: Tables, specials: &Specials) -> tokenizers::Result<Unmarked> {
    let bpe = BPE::builder()
        .vocab_and_merges(
            tables.vocab.into_iter().collect::<tokenizers::models::bpe::Vocab>(),
            tables.merges,
        )
        .continuing_subword_prefix(String::new())
        .end_of_word_suffix("</w>".to_owned())
        .unk_token(specials.unk.clone())
        .build()?;
    let mut inner = tokenizers::Tokenizer::new(bpe);
    let spaces = Replace::new(ReplacePattern::Regex(r"\s+".to_owned()), " ")?;
    inner.with_normalizer(Some(Normalizers::new(vec![
        NFC.into(),
        spaces.into(),
        Lowercase.into(),
    ])))?;
    let words = Split::new(
        SplitPattern::Regex(PIECES.to_owned()),
        SplitDelimiterBehavior::Removed,
        true,
    )?;
    inner.with_pre_tokenizer(Some(PreTokenizers::new(vec![
        words.into(),
        ByteLevel::new(false, true, true).into(),
    ])));
    Ok(Unmarked(inner))
}

/// A tokenizer whose marks are still plain words.
struct Unmarked(tokenizers::Tokenizer);

impl Unmarked {
    /// Registers only marks that the vocabulary has, since a new one would lie outside the model's table.
    fn marked(self, specials: &Specials) -> Result<Tokenizer> {
        let Self(mut inner) = self;
        let id = |name: &str, mark: &str| match inner.token_to_id(mark) {
            Some(id) => Ok(i64::from(id)),
            None => Err(error(name, format!("{mark:?} is not in the vocabulary."))),
        };
        let [bos, eos, pad] = [
            id("bos_token", &specials.bos)?,
            id("eos_token", &specials.eos)?,
            id("pad_token", &specials.pad)?,
        ];
        id("unk_token", &specials.unk)?;
        let marks = [&specials.bos, &specials.eos, &specials.unk, &specials.pad];
        let added = inner.add_special_tokens(marks.map(|mark| AddedToken::from(mark.clone(), true)));
        added.map_err(|e| error("tokenizer_config.json", format!("has a mark that cannot be used: {e}.")))?;
        Ok(Tokenizer { inner, bos, eos, pad })
    }
}
