//! How many tokens a prompt has, counted as AUTOMATIC1111 counts them beside its prompts: a `BREAK` fills its chunk, tags have none, and of
//! a prompt that changes or is composed its longest text counts. The daemon's verb `count_tokens` is the caller. Tags that nobody
//! knows are no tokens either: whether they are allowed is said when the job is begun.

use std::collections::HashSet;

use darkroom_protocol::PromptSyntax;

use super::chunks::{self, Chunk, Laid};
use super::{Embedding, Laying, Piece, Result, Tokenizer, parts, pieces, tags};

/// The steps over which a prompt is looked at: times that are parts of them are all in it, whole ones up to here.
const STEPS: usize = 100;

/// How long a prompt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Tokens; a chunk that is not the last counts as full.
    pub tokens: usize,
    /// Chunks, at least 1.
    pub chunks: usize,
    /// Tokens that a chunk holds: 75 of CLIP.
    pub room: usize,
}

/// The tokens of `prompt`, which may name `embeddings`. Only a prompt that `composes` knows `AND`: negative ones do not.
///
/// # Errors
/// [`super::Error`], where a job with this prompt would be refused.
pub fn count(
    tokenizer: &Tokenizer,
    prompt: &str,
    syntax: PromptSyntax,
    composes: bool,
    embeddings: &[Embedding],
) -> Result<Count> {
    let plain = syntax == PromptSyntax::Plain;
    let text = match plain {
        true => prompt.to_owned(),
        false => tags::split(prompt).0,
    };
    let parts = parts(&text, syntax, composes, STEPS, None);
    let texts: HashSet<String> = parts
        .into_iter()
        .flat_map(|(_, spans)| spans.into_iter().map(|(_, text)| text))
        .collect();
    let room = tokenizer.room();
    let (mut tokens, mut most) = (0, 1);
    for text in &texts {
        let pieces = pieces(text, syntax)?;
        let laid = Laid {
            pieces: &pieces,
            laying: Laying::of(syntax),
            names: !plain,
            embeddings: if plain { &[] } else { embeddings },
        };
        let laid = chunks::lay(tokenizer, laid)?;
        // A break at the very end leaves no chunk behind it, and fills the one before.
        let broken = pieces.iter().rposition(|piece| *piece == Piece::Break);
        let is_last = |chunk: &Chunk| broken.is_none_or(|at| chunk.pieces.iter().flatten().any(|piece| *piece > at));
        let last = match laid.last() {
            Some(chunk) if is_last(chunk) => chunk.used(),
            _ => room,
        };
        tokens = tokens.max((laid.len() - 1) * room + last);
        most = most.max(laid.len());
    }
    Ok(Count {
        tokens,
        chunks: most,
        room,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use rstest::rstest;

    use super::*;

    static CLIP: LazyLock<Tokenizer> = LazyLock::new(|| Tokenizer::embedded().unwrap());

    fn counted(prompt: &str, embeddings: &[Embedding]) -> (usize, usize) {
        let count = count(&CLIP, prompt, PromptSyntax::A1111, true, embeddings).unwrap();
        assert_eq!(count.room, 75);
        (count.tokens, count.chunks)
    }

    /// Each line of the fixture is `[prompt, tokens]`, as transformers' `CLIPTokenizer` has them without its marks.
    #[test]
    fn words_are_as_many_tokens_as_transformers_has() {
        let cases = include_str!("../../tests/fixtures/clip-tokenizer/counts.json");
        let cases: Vec<(String, usize)> = serde_json::from_str(cases).unwrap();
        assert!(cases.len() >= 20);
        for (prompt, tokens) in cases {
            for syntax in [PromptSyntax::A1111, PromptSyntax::Plain] {
                let count = count(&CLIP, &prompt, syntax, true, &[]).unwrap();
                assert_eq!((count.tokens, count.chunks), (tokens, 1), "{prompt} {syntax:?}");
            }
        }
    }

    #[rstest]
    #[case("", (0, 1))]
    #[case("a fox", (2, 1))]
    #[case::weights_are_none("(a fox:1.3), ((snow)) [dim]", (5, 1))]
    #[case::escaped_brackets_are(r"a fox \(red\)", (5, 1))]
    #[case::a_break_fills_its_chunk("a fox BREAK in snow", (77, 2))]
    #[case::also_at_the_end("a fox BREAK", (75, 1))]
    #[case::tags_are_none("a fox <lora:detail:0.8>", (2, 1))]
    #[case::the_longest_of_a_composition("a fox AND a red fox :1.2", (3, 1))]
    #[case::the_longest_of_a_schedule("a [fox:very red cat:0.5]", (4, 1))]
    #[case::an_unknown_name_is_words("by easynegative", (3, 1))]
    fn syntax_is_no_token(#[case] prompt: &str, #[case] expected: (usize, usize)) {
        assert_eq!(counted(prompt, &[]), expected);
    }

    #[test]
    fn an_embedding_takes_as_many_places_as_it_has_vectors() {
        let known = Embedding {
            name: "easynegative".to_owned(),
            path: "/e/easynegative.safetensors".to_owned(),
            vectors: 8,
        };
        let known = [known];
        assert_eq!(counted("by easynegative", &known), (9, 1));
        assert_eq!(counted("by embedding:easynegative, a", &known), (11, 1));
        let error = count(&CLIP, "embedding:other", PromptSyntax::A1111, true, &known).unwrap_err();
        assert!(error.to_string().starts_with("There is no embedding other"), "{error}");
    }

    #[test]
    fn long_prompts_are_parted_at_commas() {
        let long = "red apple, ".repeat(26);
        // Three tokens each: 25 of them fill a chunk.
        assert_eq!(counted(&long, &[]), (78, 2));
        assert_eq!(counted(&"dog ".repeat(75), &[]), (75, 1));
        assert_eq!(counted(&"dog ".repeat(76), &[]), (76, 2));
        let negative = count(&CLIP, "a AND b", PromptSyntax::A1111, false, &[]).unwrap();
        assert_eq!(negative.tokens, 3);
    }
}
