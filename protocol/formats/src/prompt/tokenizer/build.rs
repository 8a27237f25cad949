//! Puts a tokenizer together from tables and facts, as transformers does, and refuses marks and added tokens that do not fit the
//! vocabulary or the text encoder. `Tokenizer::open` in `mod.rs` is the caller. Tables are read in `tables.rs`, the small files
//! about marks and lengths by `crate::tokenizer`.

use crate::tokenizer::{Token, TokenizerFacts, TokenizerProblem};
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::{Lowercase, NFC, Replace, Sequence as Normalizers, replace::ReplacePattern};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence as PreTokenizers;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior};

use super::super::Result;
use super::tables::Tables;
use super::{Encoder, Tokenizer, error};

/// Words, single digits and runs of anything else, as in OpenAI CLIP's `SimpleTokenizer`.
const PIECES: &str = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// Assembles the tokenizer as transformers' `CLIPTokenizer` does.
pub fn build(tables: Tables, facts: &TokenizerFacts, encoder: Encoder) -> Result<Tokenizer> {
    let mut inner =
        assemble(tables, &facts.unk).map_err(|e| error("tables", format!("do not make a tokenizer: {e}.")))?;
    inner.set_encode_special_tokens(facts.splits_marks);
    add(&mut inner, facts)?;
    let mark = |name: &str, token: &Token| -> Result<i64> {
        let Some(id) = inner.token_to_id(&token.content).map(i64::from) else {
            return Err(error(name, format!("{:?} is not in the vocabulary.", token.content)));
        };
        if id >= encoder.rows {
            let what = format!(
                "{:?} is number {id}, and the text encoder's table has {} rows.",
                token.content, encoder.rows
            );
            return Err(error(name, what));
        }
        Ok(id)
    };
    let [bos, eos, pad] = [
        mark("bos_token", &facts.bos)?,
        mark("eos_token", &facts.eos)?,
        mark("pad_token", &facts.pad)?,
    ];
    if inner.token_to_id(&facts.unk.content).is_none() {
        return Err(error(
            "unk_token",
            format!("{:?} is not in the vocabulary.", facts.unk.content),
        ));
    }
    let length = facts.length_for(encoder.positions.unsigned_abs()).map_err(problem)?;
    if length < 3 {
        let what = format!("{length} places are too few: a prompt has two marks and a token.");
        return Err(error("max_position_embeddings", what));
    }
    Ok(Tokenizer {
        length: usize::try_from(length).unwrap_or(usize::MAX),
        rows: encoder.rows,
        truncates_left: facts.truncates_left,
        pads_left: facts.pads_left,
        inner,
        bos,
        eos,
        pad,
    })
}

/// A problem of one of the files.
pub(super) fn problem(problem: TokenizerProblem) -> super::Error {
    error(problem.file, format!("{}.", problem.what))
}

fn assemble(tables: Tables, unk: &Token) -> tokenizers::Result<tokenizers::Tokenizer> {
    let bpe = BPE::builder()
        .vocab_and_merges(
            tables.vocab.into_iter().collect::<tokenizers::models::bpe::Vocab>(),
            tables.merges,
        )
        .continuing_subword_prefix(String::new())
        .end_of_word_suffix("</w>".to_owned())
        .unk_token(unk.content.clone())
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
    Ok(inner)
}

/// Adds what the files add, in transformers' order: numbered tokens, marks, the rest. A mark that the vocabulary lacks is added
/// only where a file gives it a number.
fn add(inner: &mut tokenizers::Tokenizer, facts: &TokenizerFacts) -> Result<()> {
    let refused = |e| {
        error(
            "tokenizer_config.json",
            format!("has a token that cannot be used: {e}."),
        )
    };
    for declared in &facts.added {
        let (content, number) = (&declared.token.content, declared.id);
        inner.add_tokens([added(&declared.token)]).map_err(refused)?;
        let got = inner.token_to_id(content);
        if got != Some(number) {
            let got = got.map_or_else(|| "no number".to_owned(), |id| id.to_string());
            let what = format!(
                "numbers the token {content:?} as {number}; after the vocabulary and the tokens before it, it would be {got}."
            );
            return Err(error(declared.file, what));
        }
    }
    for token in [&facts.bos, &facts.eos, &facts.unk, &facts.pad] {
        if inner.token_to_id(&token.content).is_some() {
            inner.add_tokens([added(token)]).map_err(refused)?;
        }
    }
    inner.add_tokens(facts.extra.iter().map(added)).map_err(refused)?;
    Ok(())
}

fn added(token: &Token) -> AddedToken {
    AddedToken::from(token.content.clone(), token.special)
        .lstrip(token.lstrip)
        .rstrip(token.rstrip)
        .single_word(token.single_word)
        .normalized(token.normalized)
}
