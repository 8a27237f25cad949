//! The screens: each a folder or file with its state, its keys and its drawing. What they know of the daemon is the `World`; what they
//! want of it they say as effects.

mod create;
mod gallery;
pub mod mask;
mod models;
mod queue;
mod system;

pub use create::{Answer, Create, Question};
pub use gallery::Gallery;
pub use mask::Opening;
pub use models::Models;
pub use queue::Queue;
pub use system::{Around, System};

use darkroom_protocol::history::EntryDetail;
use darkroom_protocol::params::{TABLE, Value};
use darkroom_protocol::tag;

use super::msg::{Deed, Effect};

/// The command line that makes a picture once more.
pub fn as_command(detail: &EntryDetail) -> String {
    let request = &detail.again;
    let mut words = vec![
        "darkroom generate".to_owned(),
        quoted(request.prompt.as_deref().unwrap_or_default()),
    ];
    for row in TABLE.iter().filter(|row| row.name != "prompt") {
        let value = match request.get(row.name) {
            Some(Value::List(list)) => list.join(","),
            Some(value) => value.to_string(),
            None => continue,
        };
        if !value.is_empty() {
            words.push(format!("--{} {}", row.flag, quoted(&value)));
        }
    }
    words.join(" ")
}

/// A word for a shell.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:+=,".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// Gives pictures the tags that were typed, separated by commas.
pub fn tag(pictures: Vec<u64>, text: &str) -> Vec<Effect> {
    let tags: Vec<String> = text.split(',').filter_map(tag::canonical).collect();
    match tags.is_empty() {
        true => vec![],
        false => vec![Effect::Do(Deed::Tag(pictures, tags))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::GenerateRequest;

    #[test]
    fn a_picture_is_a_command() {
        let again = GenerateRequest {
            prompt: Some("a fox's tail, (red:1.2)".to_owned()),
            steps: Some(4),
            cfg_scale: Some(5.5),
            ..GenerateRequest::default()
        };
        let detail = EntryDetail {
            again,
            ..EntryDetail::default()
        };
        assert_eq!(
            as_command(&detail),
            "darkroom generate 'a fox'\\''s tail, (red:1.2)' --steps 4 --cfg 5.5"
        );
    }

    #[test]
    fn tags_are_words_between_commas() {
        let tags = vec!["night sky".to_owned(), "b".to_owned()];
        assert_eq!(
            super::tag(vec![1], "Night  Sky, b,"),
            [Effect::Do(Deed::Tag(vec![1], tags))]
        );
        assert!(super::tag(vec![1], " ").is_empty());
    }
}
