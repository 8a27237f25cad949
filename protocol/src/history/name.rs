//! How people name a picture, understood in one place. Which picture is meant, the daemon's store finds out.

use crate::JobName;
use crate::hash::is_sha256;

/// What somebody wrote to name a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PictureName {
    /// Its number, with or without `#`.
    Id(u64),
    /// Its file's SHA-256.
    Hash(String),
    /// A picture of the job that is named so: at that place, or its only one.
    OfJob(JobName, Option<u32>),
}

impl PictureName {
    /// What `text` names; `None` when it can name no picture. A number is a picture's, never the beginning of a job's id; a job's
    /// picture is `JOB/0`, or `JOB` where it has one alone.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.strip_prefix('#').unwrap_or(text);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.len() < 19 {
            return digits.parse().ok().map(Self::Id);
        }
        let hash = text.to_ascii_lowercase();
        if is_sha256(&hash) {
            return Some(Self::Hash(hash));
        }
        match text.rsplit_once('/') {
            Some((job, index)) => Some(Self::OfJob(JobName::parse(job)?, Some(index.parse().ok()?))),
            None => JobName::parse(text).map(|job| Self::OfJob(job, None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("17", PictureName::Id(17))]
    #[case(" #17 ", PictureName::Id(17))]
    #[case("@last", PictureName::OfJob(JobName::Newest(1), None))]
    #[case("@2/3", PictureName::OfJob(JobName::Newest(2), Some(3)))]
    #[case("0198ab", PictureName::OfJob(JobName::Beginning("0198ab".into()), None))]
    #[case("hjzz/0", PictureName::OfJob(JobName::Short("12ff".into()), Some(0)))]
    #[case(&"0F".repeat(32), PictureName::Hash("0f".repeat(32)))]
    fn spellings(#[case] text: &str, #[case] name: PictureName) {
        assert_eq!(PictureName::parse(text), Some(name));
    }

    #[rstest]
    #[case("")]
    #[case("#")]
    #[case("#x")]
    #[case("x.png")]
    #[case("@last/x")]
    #[case("@last/-1")]
    #[case("99999999999999999999999999999999999")]
    fn others_name_no_picture(#[case] text: &str) {
        assert_eq!(PictureName::parse(text), None, "{text}");
    }
}
