//! A search as one question to the index and a range of moments. Every condition is a part of that question, so that the index alone
//! decides, however rare or common each part is, and yields the newest first. A text that is excluded is looked for twice: as a whole
//! word, which is one look at a list, and among what is left as a row of threes, which takes ten times as long. Where it is a part of a
//! word, a few pictures of all times say which words those may be.

use std::collections::BTreeMap;

use darkroom_protocol::history::{Condition, Mark, Query, Term};
use darkroom_protocol::sampler::Named as _;
use darkroom_protocol::{JobName, tag};
use rusqlite::{Connection, OptionalExtension as _};

use super::moment_of;
use super::named::fact;
use super::words::{self, Fact};
use crate::store::{id, lookup};

const BOTH: [&str; 2] = ["prompt", "negative"];

/// What the index is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Match {
    /// For FTS5's MATCH; `None` where nothing can be found.
    pub(super) words: Option<String>,
    /// The first moment, itself included.
    pub(super) from: i64,
    /// The first moment that is no longer wanted.
    pub(super) until: i64,
    /// Moments between that are not wanted either: from one to before another.
    pub(super) holes: Vec<(i64, i64)>,
}

/// The question that `query` is. Models and jobs are looked up, as the index knows them by numbers alone. What is in the trash is
/// left out where nothing asks for it.
pub(super) fn compile(connection: &Connection, query: &Query) -> rusqlite::Result<Match> {
    let (mut with, mut surely, mut without) = (Vec::new(), Vec::new(), Vec::new());
    let (mut from, mut until) = (0, i64::MAX);
    let mut holes = Vec::new();
    let mut trash = false;
    let mut sample = None;
    for Term {
        excluded, condition, ..
    } in &query.terms
    {
        trash |= !excluded && *condition == Condition::Is(Mark::Trashed);
        match (condition, excluded) {
            (Condition::After(ms), false) | (Condition::Before(ms), true) => from = from.max(moment_of(*ms)),
            (Condition::Before(ms), false) | (Condition::After(ms), true) => until = until.min(moment_of(*ms)),
            (
                Condition::On {
                    from: first,
                    until: end,
                },
                false,
            ) => {
                from = from.max(moment_of(*first));
                until = until.min(moment_of(*end));
            }
            (
                Condition::On {
                    from: first,
                    until: end,
                },
                true,
            ) => holes.push((moment_of(*first), moment_of(*end))),
            (other, false) => with.push(part(connection, other)?),
            (other, true) => {
                surely.extend(at_once(connection, other, &mut sample)?);
                without.extend(part(connection, other)?);
            }
        }
    }
    if !trash {
        surely.push(Fact::Trashed.asked(false));
    }
    let with: Option<Vec<String>> = with.into_iter().collect();
    Ok(Match {
        words: with.map(|with| asked(with, [&surely, &without])),
        from,
        until,
        holes,
    })
}

/// All of `with`, and nothing of `without`: what is cheap to ask goes first, so that the rest is asked of few pictures.
fn asked(mut with: Vec<String>, without: [&[String]; 2]) -> String {
    if with.is_empty() {
        with.push(Fact::Any.asked(false));
    }
    let joined = |parts: &[String], word: &str| {
        let parts: Vec<String> = parts.iter().map(|part| format!("({part})")).collect();
        parts.join(word)
    };
    let mut asked = joined(&with, " AND ");
    for some in without.into_iter().filter(|some| !some.is_empty()) {
        asked = format!("({asked}) NOT ({})", joined(some, " OR "));
    }
    asked
}

/// A cheap question that only pictures meet which meet the condition, where there is one; not all of them need to. `sample` is filled
/// where it is looked at first.
fn at_once(
    connection: &Connection,
    condition: &Condition,
    sample: &mut Option<Vec<[String; 2]>>,
) -> rusqlite::Result<Option<String>> {
    let (Condition::Text(text) | Condition::Prompt(text) | Condition::Negative(text)) = condition else {
        return Ok(None);
    };
    let sample = match sample {
        Some(sample) => sample,
        None => sample.insert(sampled(connection)?),
    };
    let mut asked = Vec::new();
    if !matches!(condition, Condition::Negative(_)) {
        let prompts = frequent(text, sample.iter().map(|[prompt, _]| prompt.as_str()));
        asked.extend(prompts.iter().map(|whole| Fact::Prompt(whole).asked(false)));
    }
    if !matches!(condition, Condition::Prompt(_)) {
        let negatives = frequent(text, sample.iter().map(|[_, negative]| negative.as_str()));
        asked.extend(negatives.iter().map(|whole| Fact::Negative(whole).asked(false)));
    }
    Ok((!asked.is_empty()).then(|| asked.join(" OR ")))
}

/// Pictures of all times that are looked at for words that many have.
const SAMPLED: i64 = 64;
/// Words that are asked for in place of a part of them.
const MOST_WORDS: usize = 12;
/// The picture of this number, or the next that is there.
pub(in crate::store) const FROM_NUMBER: &str =
    "SELECT substr(prompt, 1, 4000), substr(negative, 1, 4000) FROM pictures WHERE id >= ? ORDER BY id LIMIT 1";

/// The texts of a few pictures, evenly of all.
fn sampled(connection: &Connection) -> rusqlite::Result<Vec<[String; 2]>> {
    let ends = "SELECT (SELECT min(id) FROM pictures), (SELECT max(id) FROM pictures)";
    let mut ends = connection.prepare_cached(ends)?;
    let (first, last): (Option<i64>, Option<i64>) = ends.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (Some(first), Some(last)) = (first, last) else {
        return Ok(Vec::new());
    };
    let mut statement = connection.prepare_cached(FROM_NUMBER)?;
    let count = (last - first + 1).min(SAMPLED);
    let ids = (0..count).map(|nth| first + (last - first) * nth / (count - 1).max(1));
    let texts = ids.map(|id| {
        statement
            .query_row([id], |row| Ok([row.get(0)?, row.get(1)?]))
            .optional()
    });
    texts.filter_map(Result::transpose).collect()
}

/// The words that most of `texts` have and `part` is a part of; itself, where it may be one.
fn frequent<'a>(part: &str, texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = words::whole(part)
        .into_iter()
        .map(|itself| (itself, usize::MAX))
        .collect();
    for word in texts.flat_map(|text| words::wholes_with(text, part)) {
        let count = counts.entry(word).or_default();
        *count = count.saturating_add(1);
    }
    let mut all: Vec<(String, usize)> = counts.into_iter().collect();
    all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    all.truncate(MOST_WORDS);
    all.into_iter().map(|(word, _)| word).collect()
}

/// What is asked for a condition that is no time; `None` for one that no picture meets.
fn part(connection: &Connection, condition: &Condition) -> rusqlite::Result<Option<String>> {
    let exactly = |fact: Fact<'_>| Some(fact.asked(false));
    Ok(match condition {
        Condition::Text(text) => words::part(text, &BOTH),
        Condition::Prompt(text) => words::part(text, &BOTH[..1]),
        Condition::Negative(text) => words::part(text, &BOTH[1..]),
        Condition::Model(name) => models(connection, name)?,
        Condition::Sampler(sampler) => exactly(Fact::Sampler(sampler.name())),
        Condition::Seed(seed) => exactly(Fact::Seed(*seed)),
        Condition::Size { width, height } => Some(format!(
            "{} AND {}",
            Fact::Width(*width).asked(false),
            Fact::Height(*height).asked(false)
        )),
        Condition::Width(width) => exactly(Fact::Width(*width)),
        Condition::Height(height) => exactly(Fact::Height(*height)),
        Condition::Tag(tag) => tag::canonical(tag).map(|tag| Fact::Tag(&tag).asked(false)),
        Condition::Job(name) => job(connection, name)?,
        Condition::Is(Mark::Starred) => exactly(Fact::Starred),
        Condition::Is(Mark::Trashed) => exactly(Fact::Trashed),
        Condition::Is(Mark::Missing) => exactly(Fact::Missing),
        Condition::Is(Mark::Imported) => exactly(Fact::Imported),
        Condition::After(_) | Condition::Before(_) | Condition::On { .. } => None,
    })
}

/// Any of the models with `name` in their names.
fn models(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let wanted = name.to_lowercase();
    let mut statement = connection.prepare_cached("SELECT id, name FROM picture_models")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
    let mut any = Vec::new();
    for row in rows {
        let (id, name) = row?;
        if name.to_lowercase().contains(&wanted) {
            any.push(Fact::Model(id).asked(false));
        }
    }
    Ok((!any.is_empty()).then(|| any.join(" OR ")))
}

fn job(connection: &Connection, name: &JobName) -> rusqlite::Result<Option<String>> {
    if let Some(asked) = fact(name) {
        return Ok(Some(asked));
    }
    let jobs = lookup::meant(connection, name)?.into_iter().map(id::text);
    let any: Vec<String> = jobs.map(|job| Fact::Job(&job).asked(false)).collect();
    Ok((!any.is_empty()).then(|| any.join(" OR ")))
}
