//! What `darkroom pull WHAT` means: a repository of a hub, a model of CivitAI, a plain address, or a short name of the table in
//! `names.rs`. Pure: nothing is asked here. `resolve.rs` asks the hub that is meant.

use darkroom_protocol::text::escape_line;

use super::names;

/// What is to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Of a Hugging Face hub.
    Hub {
        /// `owner/name`, or a bare name of old.
        repo: String,
        /// One variant of the weights (`fp16`), or one file, by its name or a part of that.
        variant: Option<String>,
        /// A branch, tag or commit.
        revision: Option<String>,
    },
    /// Of CivitAI: a version, or the newest one of a model.
    Civitai {
        /// The model's number.
        model: Option<u64>,
        /// The version's number.
        version: Option<u64>,
    },
    /// One file.
    Url {
        /// Its address, without what follows `#`.
        url: String,
        /// The SHA-256 that it must have: `#sha256=…`.
        sha256: Option<String>,
    },
}

impl What {
    /// Reads what was typed. `hub` and `civitai` are the addresses of the two hubs.
    ///
    /// # Errors
    /// A sentence that says what it may be.
    pub fn parse(given: &str, hub: &str, civitai: &str) -> Result<Self, String> {
        let given = given.trim();
        if let Some(name) = names::find(given) {
            return Self::repository(name.what);
        }
        if given.contains("://") {
            return Self::address(given, hub, civitai);
        }
        if let Some(rest) = given.strip_prefix("civitai:") {
            return Self::civitai(rest).ok_or_else(|| {
                format!(
                    "{} names no model of CivitAI: write civitai:MODEL, civitai:MODEL@VERSION or civitai:@VERSION, each a number.",
                    escape_line(given)
                )
            });
        }
        if !given.is_empty() && given.bytes().all(|byte| byte.is_ascii_digit()) {
            return Self::civitai(given).ok_or_else(|| format!("{} is no number of a model.", escape_line(given)));
        }
        Self::repository(given)
    }

    fn civitai(text: &str) -> Option<Self> {
        let (model, version) = match text.split_once('@') {
            Some((model, version)) => (model, Some(version)),
            None => (text, None),
        };
        let model = match model {
            "" => None,
            model => Some(model.parse().ok()?),
        };
        let version = match version {
            None => None,
            Some(version) => Some(version.parse().ok()?),
        };
        (model.is_some() || version.is_some()).then_some(Self::Civitai { model, version })
    }

    fn repository(given: &str) -> Result<Self, String> {
        let wrong = || {
            let near = names::near(given).map_or_else(String::new, |near| format!(" Did you mean {near}?"));
            format!(
                "{} names nothing that can be fetched: give owner/repo[:variant][@revision], civitai:ID, an https address, or one of {}.{near}",
                escape_line(given),
                names::all()
            )
        };
        let (repo, rest) = match given.find([':', '@']) {
            Some(at) => given.split_at(at),
            None => (given, ""),
        };
        let (variant, revision) = match rest.split_once('@') {
            Some((variant, revision)) => (variant, Some(revision)),
            None => (rest, None),
        };
        let variant = variant.strip_prefix(':');
        let parts: Vec<&str> = repo.split('/').collect();
        let fits = parts.len() == 2 && parts.iter().all(|part| is_plain(part));
        let fits = fits && variant.is_none_or(is_path) && revision.is_none_or(is_path);
        if !fits {
            return Err(wrong());
        }
        Ok(Self::Hub {
            repo: repo.to_owned(),
            variant: variant.map(str::to_owned),
            revision: revision.map(str::to_owned),
        })
    }

    /// An address: of a page of a hub, else of one file.
    fn address(given: &str, hub: &str, civitai: &str) -> Result<Self, String> {
        let (url, fragment) = given.split_once('#').unwrap_or((given, ""));
        let below = |base: &str| {
            let rest = url.strip_prefix(base.trim_end_matches('/'))?;
            (rest.is_empty() || rest.starts_with(['/', '?'])).then_some(rest)
        };
        if let Some(rest) = below(civitai).or_else(|| below("https://civitai.com")) {
            return Self::civitai_page(rest)
                .ok_or_else(|| "The address names no model of CivitAI: give that of a model's page.".to_owned());
        }
        if let Some(rest) = below(hub).or_else(|| below("https://huggingface.co")) {
            return Self::hub_page(rest);
        }
        let host = url.split_once("://").map_or("", |(_, rest)| rest);
        if host.split(['/', '?']).next().unwrap_or_default().contains('@') {
            return Err(
                "The address has a name or password in it, which must not stand in a command line: take it out."
                    .to_owned(),
            );
        }
        let sha256 = fragment.strip_prefix("sha256=").map(str::to_ascii_lowercase);
        if let Some(wrong) = sha256.as_deref().filter(|sum| !darkroom_protocol::hash::is_sha256(sum)) {
            return Err(format!(
                "sha256={} is no SHA-256, which has 64 hexadecimal digits.",
                escape_line(wrong)
            ));
        }
        Ok(Self::Url {
            url: url.to_owned(),
            sha256,
        })
    }

    fn civitai_page(rest: &str) -> Option<Self> {
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let version = query.split('&').find_map(|pair| pair.strip_prefix("modelVersionId="));
        let number = |text: &str| text.parse::<u64>().ok();
        match parts.as_slice() {
            ["models", model, ..] => Some(Self::Civitai {
                model: Some(number(model)?),
                version: match version {
                    Some(version) => Some(number(version)?),
                    None => None,
                },
            }),
            ["api", "download", "models", version]
            | ["api", "v1", "model-versions", version]
            | ["model-versions", version] => Some(Self::Civitai {
                model: None,
                version: Some(number(version)?),
            }),
            _ => None,
        }
    }

    fn hub_page(rest: &str) -> Result<Self, String> {
        let path = rest.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let (repo, more) = match parts.as_slice() {
            [owner, name, more @ ..] => (format!("{owner}/{name}"), more),
            _ => return Err("The address names no repository of the hub: give owner/repo.".to_owned()),
        };
        let tail = match more {
            [] => String::new(),
            ["tree", revision] => format!("@{revision}"),
            ["blob" | "resolve", revision, file @ ..] if !file.is_empty() => format!(":{}@{revision}", file.join("/")),
            _ => {
                return Err(
                    "The address names no repository and no file of the hub: give owner/repo[:file].".to_owned(),
                );
            }
        };
        Self::repository(&format!("{repo}{tail}"))
    }

    /// As it may be shown: without the query of an address, which may hold a key.
    pub fn shown(given: &str) -> String {
        let plain = given.split('#').next().unwrap_or_default();
        let shown = match plain.split_once('?') {
            Some((path, _)) if plain.contains("://") && !plain.contains("modelVersionId=") => format!("{path}?…"),
            _ => plain.to_owned(),
        };
        // A name or password before the host is refused, but the refusal is listed too.
        let shown = match (shown.split_once("://"), shown.find('@')) {
            (Some((scheme, rest)), Some(_)) if rest.split('/').next().is_some_and(|host| host.contains('@')) => {
                format!("{scheme}://…{}", rest.split_once('@').map_or("", |(_, rest)| rest))
            }
            _ => shown,
        };
        escape_line(&shown).into_owned()
    }
}

/// Whether that is a part of a repository's name, as the Hub makes them.
fn is_plain(part: &str) -> bool {
    let chars = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !part.is_empty() && part.len() <= 96 && part.chars().all(chars) && !part.starts_with('.') && !part.contains("..")
}

/// Whether that may be a file of a repository, a variant or a revision.
fn is_path(text: &str) -> bool {
    !text.is_empty()
        && !text.chars().any(char::is_control)
        && !text.split('/').any(|part| part.is_empty() || part == "..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn parse(given: &str) -> Result<What, String> {
        What::parse(given, "http://127.0.0.1:8000", "http://127.0.0.1:9000")
    }

    fn hub(repo: &str, variant: Option<&str>, revision: Option<&str>) -> What {
        What::Hub {
            repo: repo.to_owned(),
            variant: variant.map(str::to_owned),
            revision: revision.map(str::to_owned),
        }
    }

    #[rstest]
    #[case("owner/repo", hub("owner/repo", None, None))]
    #[case("owner/repo:fp16", hub("owner/repo", Some("fp16"), None))]
    #[case("owner/repo@main", hub("owner/repo", None, Some("main")))]
    #[case("owner/repo:fp16@refs/pr/1", hub("owner/repo", Some("fp16"), Some("refs/pr/1")))]
    #[case("https://huggingface.co/o/r", hub("o/r", None, None))]
    #[case("https://huggingface.co/o/r/tree/dev", hub("o/r", None, Some("dev")))]
    #[case(
        "http://127.0.0.1:8000/o/r/resolve/main/a/b.safetensors?download=true",
        hub("o/r", Some("a/b.safetensors"), Some("main"))
    )]
    #[case("civitai:4384", What::Civitai { model: Some(4384), version: None })]
    #[case("4384", What::Civitai { model: Some(4384), version: None })]
    #[case("civitai:4384@128713", What::Civitai { model: Some(4384), version: Some(128_713) })]
    #[case("civitai:@128713", What::Civitai { model: None, version: Some(128_713) })]
    #[case("https://civitai.com/models/4384/dreamshaper?modelVersionId=128713", What::Civitai { model: Some(4384), version: Some(128_713) })]
    #[case("https://civitai.com/api/download/models/128713?type=Model", What::Civitai { model: None, version: Some(128_713) })]
    #[case("https://x.org/a.safetensors?key=1", What::Url { url: "https://x.org/a.safetensors?key=1".into(), sha256: None })]
    fn what_is_typed_means(#[case] given: &str, #[case] what: What) {
        assert_eq!(parse(given).unwrap(), what);
    }

    #[test]
    fn a_sum_may_be_given_with_an_address() {
        let sum = "0F".repeat(32);
        let url = format!("https://x.org/a#sha256={sum}");
        let What::Url { sha256, .. } = parse(&url).unwrap() else {
            panic!()
        };
        assert_eq!(sha256, Some("0f".repeat(32)));
        assert!(parse("https://x.org/a#sha256=12").unwrap_err().contains("64"));
    }

    #[test]
    fn a_short_name_is_a_repository() {
        assert!(matches!(parse("sdxl").unwrap(), What::Hub { repo, .. } if repo.contains("xl")));
        assert!(parse("sdxI").unwrap_err().contains("Did you mean sdxl?"));
    }

    #[rstest]
    #[case("")]
    #[case("../x")]
    #[case("a/b/c")]
    #[case("a/b:../../etc/passwd")]
    #[case("a/b:\u{1b}[2J")]
    #[case("civitai:x")]
    #[case("https://me:secret@x.org/a")]
    fn nonsense_is_refused(#[case] given: &str) {
        let error = parse(given).unwrap_err();
        assert!(!error.contains('\u{1b}') && !error.contains("secret"), "{error}");
    }

    #[rstest]
    #[case("https://x.org/a?key=1#x", "https://x.org/a?…")]
    #[case("https://me:secret@x.org/a", "https://…x.org/a")]
    #[case("o/r:fp16@main", "o/r:fp16@main")]
    fn what_is_secret_is_not_shown(#[case] given: &str, #[case] shown: &str) {
        assert_eq!(What::shown(given), shown);
    }
}
