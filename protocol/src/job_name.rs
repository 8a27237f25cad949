//! How people name a job, understood in one place: the daemon's store asks it for every request that names one, and the
//! command for logs that it reads itself. Here are the spellings alone; which job is meant, whoever holds the jobs finds out.

use std::fmt;

use crate::JobId;

/// The letters of short ids: no vowel, no look-alike, and none that is a hexadecimal digit, so that a short id is never taken
/// for the beginning of a whole one. The n-th stands for the hexadecimal digit n.
const LETTERS: &[u8; 16] = b"ghjkmnpqrstvwxyz";

/// Letters in a short id.
pub const SHORT: usize = 8;

/// What somebody wrote to name a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobName {
    /// The beginning of a whole id, or all of it: 1 to 32 lower-case hexadecimal digits.
    Beginning(String),
    /// The beginning of a short id, or all of it, as the 1 to 8 hexadecimal digits that its letters stand for.
    Short(String),
    /// `@last` or `@1` for the job that was accepted last, `@2` for the one before it.
    Newest(u32),
    /// `@running`: the one that runs.
    Running,
}

impl JobName {
    /// What `text` names; `None` when it can name no job. Hyphens, case and white space at the ends do not matter.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(word) = text.strip_prefix('@') {
            return Self::word(word);
        }
        let mut plain = String::new();
        for c in text.chars().filter(|c| *c != '-') {
            if plain.len() == 32 {
                return None;
            }
            plain.push(c.to_ascii_lowercase());
        }
        if plain.is_empty() {
            None
        } else if plain.bytes().all(|b| b.is_ascii_hexdigit()) {
            Some(Self::Beginning(plain))
        } else if plain.len() <= SHORT {
            plain.chars().map(digit).collect::<Option<_>>().map(Self::Short)
        } else {
            None
        }
    }

    fn word(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "last" => Some(Self::Newest(1)),
            "running" => Some(Self::Running),
            number if number.bytes().all(|b| b.is_ascii_digit()) => {
                number.parse().ok().filter(|n| *n > 0).map(Self::Newest)
            }
            _ => None,
        }
    }
}

/// The spelling that [`JobName::parse`] reads as the same name.
impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Beginning(digits) => f.write_str(digits),
            Self::Short(digits) => {
                let places = digits.chars().filter_map(|digit| digit.to_digit(16));
                f.write_str(&places.map(|at| char::from(LETTERS[at as usize])).collect::<String>())
            }
            Self::Newest(n) => write!(f, "@{n}"),
            Self::Running => f.write_str("@running"),
        }
    }
}

/// The short id of a job: the last 32 bits of its id, which are random, in [`LETTERS`].
pub(crate) fn short(job: &JobId) -> String {
    let bits = job.0.as_u128();
    let letter = |at| char::from(LETTERS[(bits >> (4 * at) & 15) as usize]);
    (0..SHORT).rev().map(letter).collect()
}

/// The hexadecimal digit that a letter stands for.
fn digit(letter: char) -> Option<char> {
    let at = LETTERS.iter().position(|l| char::from(*l) == letter)?;
    char::from_digit(at as u32, 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;
    use uuid::Uuid;

    #[rstest]
    #[case("0198-AB", JobName::Beginning("0198ab".into()))]
    #[case(" 0198ab12-0 ", JobName::Beginning("0198ab120".into()))]
    #[case("G", JobName::Short("0".into()))]
    #[case("hjzz", JobName::Short("12ff".into()))]
    #[case("@last", JobName::Newest(1))]
    #[case("@LAST", JobName::Newest(1))]
    #[case("@2", JobName::Newest(2))]
    #[case(" @running ", JobName::Running)]
    fn spellings(#[case] text: &str, #[case] name: JobName) {
        assert_eq!(JobName::parse(&name.to_string()), Some(name.clone()));
        assert_eq!(JobName::parse(text), Some(name));
    }

    #[rstest]
    #[case("")]
    #[case("--")]
    #[case("@")]
    #[case("@0")]
    #[case("@-1")]
    #[case("@99999999999")]
    #[case("@first")]
    #[case("0198%")]
    #[case("gh1")]
    #[case("ghjkmnpqr")]
    #[case("hello")]
    #[case("ä")]
    #[case("0123456789abcdef0123456789abcdef0")]
    fn others_name_no_job(#[case] text: &str) {
        assert_eq!(JobName::parse(text), None);
    }

    proptest! {
        #[test]
        fn a_short_id_is_one_word_that_names_its_job(bits: u128) {
            let job = JobId(Uuid::from_u128(bits));
            let short = job.short();
            prop_assert!(short.len() == SHORT && short.bytes().all(|b| b.is_ascii_lowercase()));
            let tail = job.0.simple().to_string()[24..].to_owned();
            prop_assert_eq!(JobName::parse(&short), Some(JobName::Short(tail)));
            let whole = job.0.simple().to_string();
            prop_assert_eq!(JobName::parse(&job.to_string()), Some(JobName::Beginning(whole)));
        }
    }
}
