//! LoRAs as people write them, as words of the parameter `loras` and as tags in a prompt, and as a task keeps them: files, each with
//! its hash. The daemon finds the files (`daemon/src/catalog/loras.rs`), the engine takes the tags out of what the text encoder reads.
//! What such a file holds is in `formats/src/adapter`. Tags of other networks are left where they are.

use serde::{Deserialize, Serialize};

use crate::hash::is_sha256;
use crate::text::{escape_line, shorten};

/// The most LoRAs of a task.
pub const MAX: usize = 32;
/// The longest name or path, in bytes.
const MAX_NAME: usize = 4096;
/// The largest weight, on either side of zero.
const MAX_WEIGHT: f64 = 100.0;
/// The longest tag that is looked for, in bytes.
const MAX_TAG: usize = 4096;
/// Words that begin a tag of a LoRA, as A1111 and its extension for LyCORIS have them.
const WORDS: [&str; 2] = ["lora", "lyco"];

/// A LoRA of a task: a file, and how much of it counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lora {
    /// What people call it.
    pub name: String,
    /// Its file, absolute.
    pub path: String,
    /// The file's SHA-256, lower-case hexadecimal: another file under that path is not this LoRA.
    pub sha256: String,
    /// Its weight in the denoiser.
    pub unet: f64,
    /// Its weight in the text encoders.
    pub text: f64,
}

/// A LoRA as it is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// A name or a path.
    pub name: String,
    /// The SHA-256 that the file must have.
    pub sha256: Option<String>,
    /// Its weight in the denoiser.
    pub unet: f64,
    /// Its weight in the text encoders.
    pub text: f64,
}

impl Wish {
    /// The wish that a word of the parameter spells: `NAME`, `NAME:0.8` for all of the model, `NAME:0.8:0.5` for the denoiser and the
    /// text encoders; `@` and a SHA-256 may follow the name. `None` where it names nothing or a weight is out of range.
    pub fn parse(word: &str) -> Option<Self> {
        let mut name = word.trim();
        let mut weights = Vec::new();
        while weights.len() < 2
            && let Some((rest, last)) = name.rsplit_once(':')
            && let Ok(weight) = last.trim().parse::<f64>()
        {
            weights.push(weight);
            name = rest;
        }
        let (unet, text) = match weights[..] {
            [text, unet] => (unet, text),
            [both] => (both, both),
            _ => (1.0, 1.0),
        };
        let pinned = name.rsplit_once('@').filter(|(_, hash)| is_sha256(hash));
        let (name, sha256) = match pinned {
            Some((name, hash)) => (name, Some(hash.to_owned())),
            None => (name, None),
        };
        let name = name.trim();
        let plain = !name.is_empty() && name.len() <= MAX_NAME && !name.chars().any(char::is_control);
        (plain && in_range(unet) && in_range(text)).then(|| Self {
            name: name.to_owned(),
            sha256,
            unet,
            text,
        })
    }
}

impl std::fmt::Display for Wish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        if let Some(hash) = &self.sha256 {
            write!(f, "@{hash}")?;
        }
        // A name that ends like a weight is told from one by both weights behind it.
        let plain = self.sha256.is_some() || !ends_like_a_weight(&self.name);
        match (self.unet, self.text) {
            (1.0, 1.0) if plain => Ok(()),
            (unet, text) if plain && unet == text => write!(f, ":{unet}"),
            (unet, text) => write!(f, ":{unet}:{text}"),
        }
    }
}

impl Lora {
    /// The word that asks for exactly this file.
    pub fn pinned(&self) -> String {
        self.wish(self.path.clone(), Some(self.sha256.clone())).to_string()
    }

    /// The word that asks for it by name.
    pub fn named(&self) -> String {
        self.wish(self.name.clone(), None).to_string()
    }

    fn wish(&self, name: String, sha256: Option<String>) -> Wish {
        Wish {
            name,
            sha256,
            unet: self.unet,
            text: self.text,
        }
    }
}

/// A word of the parameter as it is kept; `None` for one that is refused.
pub fn canonical(word: &str) -> Option<String> {
    Wish::parse(word).map(|wish| wish.to_string())
}

/// A tag that says something that cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{tag}: {what}.", tag = escape_line(.tag))]
pub struct TagError {
    /// The tag as it is written, shortened.
    pub tag: String,
    /// What is wrong with it and what to write.
    pub what: String,
}

/// The prompt without its tags of LoRAs, and what they ask for, in their order.
///
/// `<lora:NAME>`, `<lora:NAME:TEXT>` and `<lora:NAME:TEXT:UNET>` as A1111 reads them, one weight counting for both; `te=` and `unet=`
/// say which. What stands around a tag stays, spaces too. `<lyco:…>` is the same.
///
/// # Errors
/// [`TagError`] naming the first tag that cannot be done.
pub fn split(prompt: &str) -> Result<(String, Vec<Wish>), TagError> {
    let mut wishes = Vec::new();
    let mut problem = None;
    let plain = each_tag(prompt, |tag, inside| match read(tag, inside) {
        Ok(wish) => wishes.push(wish),
        Err(error) => problem = problem.take().or(Some(error)),
    });
    match problem {
        Some(error) => Err(error),
        None => Ok((plain, wishes)),
    }
}

/// The prompt without its tags of LoRAs, whatever they say.
pub fn without_tags(prompt: &str) -> String {
    each_tag(prompt, |_, _| {})
}

/// Calls `found` with each tag, whole and without its word and brackets; what is left of the prompt.
fn each_tag<'a>(prompt: &'a str, mut found: impl FnMut(&'a str, &'a str)) -> String {
    let mut plain = String::with_capacity(prompt.len());
    let mut rest = prompt;
    while let Some(at) = rest.find('<') {
        let (before, from) = rest.split_at(at);
        plain.push_str(before);
        match tag(from) {
            Some((whole, inside)) => {
                found(whole, inside);
                rest = &from[whole.len()..];
            }
            None => {
                plain.push('<');
                rest = &from[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// The tag of a LoRA that `text` begins with.
fn tag(text: &str) -> Option<(&str, &str)> {
    let word = WORDS.iter().find(|word| {
        let begins = text
            .get(1..=word.len())
            .is_some_and(|given| given.eq_ignore_ascii_case(word));
        begins && text[1 + word.len()..].starts_with(':')
    })?;
    let inside = &text[word.len() + 2..];
    let end = inside.bytes().take(MAX_TAG).position(|c| c == b'>')?;
    (end > 0).then(|| (&text[..word.len() + 3 + end], &inside[..end]))
}

fn read(tag: &str, inside: &str) -> Result<Wish, TagError> {
    let wrong = |what: String| TagError {
        tag: shorten(tag),
        what,
    };
    let mut parts = inside.split(':');
    let name = parts.next().unwrap_or_default().trim();
    if name.is_empty() {
        return Err(wrong("it names no LoRA; write <lora:NAME:WEIGHT>".to_owned()));
    }
    let weight = |text: &str| {
        let weight = text.trim().parse().ok().filter(|weight| in_range(*weight));
        let shown = escape_line(text).into_owned();
        weight.ok_or_else(|| {
            wrong(format!(
                "{shown} is no weight; give a number from -{MAX_WEIGHT} to {MAX_WEIGHT}"
            ))
        })
    };
    let (mut text, mut unet, mut placed) = (None, None, 0);
    for part in parts {
        match part.split_once('=') {
            Some((key, value)) => match key.trim().to_ascii_lowercase().as_str() {
                "te" => text = Some(weight(value)?),
                "unet" => unet = Some(weight(value)?),
                key => {
                    let key = escape_line(key).into_owned();
                    return Err(wrong(format!("{key}= is not built; te= and unet= are")));
                }
            },
            None => {
                let value = weight(part)?;
                placed += 1;
                match placed {
                    1 => text = text.or(Some(value)),
                    2 => unet = unet.or(Some(value)),
                    _ => return Err(wrong("it has more than two weights".to_owned())),
                }
            }
        }
    }
    // One weight counts for both; `unet=` alone leaves the text encoders whole, as in A1111.
    let text = text.unwrap_or(1.0);
    Ok(Wish {
        name: name.to_owned(),
        sha256: None,
        unet: unet.unwrap_or(text),
        text,
    })
}

fn in_range(weight: f64) -> bool {
    weight.abs() <= MAX_WEIGHT
}

fn ends_like_a_weight(name: &str) -> bool {
    name.rsplit_once(':')
        .is_some_and(|(_, last)| last.trim().parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn wish(name: &str, unet: f64, text: f64) -> Wish {
        Wish {
            name: name.to_owned(),
            sha256: None,
            unet,
            text,
        }
    }

    #[rstest]
    #[case("detail", Some(wish("detail", 1.0, 1.0)), "detail")]
    #[case(" a b : 0.5 ", Some(wish("a b", 0.5, 0.5)), "a b:0.5")]
    #[case("a:0.80:1", Some(wish("a", 0.8, 1.0)), "a:0.8:1")]
    #[case("/l/x.safetensors:-1", Some(wish("/l/x.safetensors", -1.0, -1.0)), "/l/x.safetensors:-1")]
    #[case("a:b", Some(wish("a:b", 1.0, 1.0)), "a:b")]
    #[case("v:2:1", Some(wish("v", 2.0, 1.0)), "v:2:1")]
    #[case("v:2:1:1", Some(wish("v:2", 1.0, 1.0)), "v:2:1:1")]
    #[case("", None, "")]
    #[case(":1", None, "")]
    #[case("a:101", None, "")]
    #[case("a:nan", None, "")]
    #[case("a:inf", None, "")]
    #[case("a\u{1b}", None, "")]
    fn words(#[case] word: &str, #[case] expected: Option<Wish>, #[case] kept: &str) {
        assert_eq!(Wish::parse(word), expected);
        assert_eq!(canonical(word).unwrap_or_default(), kept);
    }

    #[test]
    fn a_word_may_say_the_hash() {
        let hash = "0f".repeat(32);
        let lora = Lora {
            name: "x".into(),
            path: "/l/x@2.safetensors".into(),
            sha256: hash.clone(),
            unet: 0.5,
            text: 1.0,
        };
        let found = Wish::parse(&lora.pinned()).unwrap();
        assert_eq!((found.name.as_str(), found.sha256), ("/l/x@2.safetensors", Some(hash)));
        assert_eq!((found.unet, found.text), (0.5, 1.0));
        assert_eq!(lora.named(), "x:0.5:1");
        assert_eq!(Wish::parse("a@beef").unwrap().name, "a@beef");
    }

    #[rstest]
    #[case("a fox", "a fox", &[])]
    #[case("a <lora:x> fox", "a  fox", &[wish("x", 1.0, 1.0)])]
    #[case("<lora:x:0.8>a", "a", &[wish("x", 0.8, 0.8)])]
    #[case("<lora:x:0.8:0.5>", "", &[wish("x", 0.5, 0.8)])]
    #[case("<lora:x:te=0.2:unet=0.4>", "", &[wish("x", 0.4, 0.2)])]
    #[case("<lora:x:unet=0.4>", "", &[wish("x", 0.4, 1.0)])]
    #[case("<lora:x:te=0.4>", "", &[wish("x", 0.4, 0.4)])]
    #[case("<LoRA: my lora (v2) :.5>,<lyco:y:-1>", ",", &[wish("my lora (v2)", 0.5, 0.5), wish("y", -1.0, -1.0)])]
    #[case("<lora> <lora:> <hypernet:x:1> < <lora:x", "<lora> <lora:> <hypernet:x:1> < <lora:x", &[])]
    #[case("<<lora:x>>", "<>", &[wish("x", 1.0, 1.0)])]
    fn tags(#[case] prompt: &str, #[case] plain: &str, #[case] wishes: &[Wish]) {
        assert_eq!(split(prompt).unwrap(), (plain.to_owned(), wishes.to_vec()));
        assert_eq!(without_tags(prompt), plain);
    }

    #[rstest]
    #[case(
        "a <lora:x:strong>",
        "<lora:x:strong>: strong is no weight; give a number from -100 to 100."
    )]
    #[case(
        "<lora:x:0.1@0,0.9@1>",
        "<lora:x:0.1@0,0.9@1>: 0.1@0,0.9@1 is no weight; give a number from -100 to 100."
    )]
    #[case("<lora:x:1:1:8>", "<lora:x:1:1:8>: it has more than two weights.")]
    #[case("<lora:x:dyn=8>", "<lora:x:dyn=8>: dyn= is not built; te= and unet= are.")]
    #[case("<lora: :1>", "<lora: :1>: it names no LoRA; write <lora:NAME:WEIGHT>.")]
    #[case("<lora:x:1e9>", "<lora:x:1e9>: 1e9 is no weight; give a number from -100 to 100.")]
    fn refused_tags(#[case] prompt: &str, #[case] message: &str) {
        assert_eq!(split(prompt).unwrap_err().to_string(), message);
    }

    proptest! {
        #[test]
        fn any_prompt_is_split(prompt in "(<(lora|LYCO|x):?|[a:.0-9>=<é]){0,40}") {
            let plain = without_tags(&prompt);
            prop_assert!(plain.len() <= prompt.len());
            if let Ok((same, _)) = split(&prompt) {
                prop_assert_eq!(same, plain);
            }
        }

        #[test]
        fn a_kept_word_is_kept(word in "[a-c:@.0-9/ -]{0,20}") {
            if let Some(kept) = canonical(&word) {
                prop_assert_eq!(canonical(&kept), Some(kept.clone()));
                prop_assert_eq!(Wish::parse(&word), Wish::parse(&kept));
            }
        }
    }
}
