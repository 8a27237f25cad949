//! From what was asked for to what it consists of: the hub is asked, files are chosen, sizes and sums noted. `run.rs` calls it, and the
//! answer is kept, so that a pull that goes on after a restart means the same commit. What may pass is tried a few times.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use darkroom_protocol::text::escape_line;

use super::listing::{Listing, check_path};
use super::record::{Kind, Piece, Plan};
use super::tuning::Tuning;
use super::web::{Keys, Problem, Web, encoded, name_of};
use super::what::What;
use super::{choose, civitai};

/// The longest list that a hub may send, in bytes.
const LIST: u64 = 16 << 20;
/// Questions are asked so often.
const TRIES: u32 = 5;

/// What `what` consists of; the target is not chosen yet.
///
/// # Errors
/// A sentence for the person; an empty one when somebody ended it.
pub(super) fn resolve(web: &Web, what: &What, tuning: &Tuning, end: &AtomicBool) -> Result<Plan, String> {
    let asking = Asking { web, tuning, end };
    match what {
        What::Hub {
            repo,
            variant,
            revision,
        } => asking.repository(repo, variant.as_deref(), revision.as_deref()),
        What::Civitai { model, version } => asking.civitai(*model, *version),
        What::Url { url, sha256 } => asking.file(url, sha256.as_deref()),
    }
}

struct Asking<'a> {
    web: &'a Web,
    tuning: &'a Tuning,
    end: &'a AtomicBool,
}

impl Asking<'_> {
    fn repository(&self, repo: &str, variant: Option<&str>, revision: Option<&str>) -> Result<Plan, String> {
        let hub = self.web.keys().hub.trim_end_matches('/');
        let revision = revision.unwrap_or("main");
        let about = format!(
            "{hub}/api/models/{repo}/revision/{}?blobs=true",
            encoded(revision).replace('/', "%2F")
        );
        let words = |problem| refusal(problem, self.web.keys(), &format!("{repo}@{revision}"), Some(repo));
        let json = self.again(|| self.web.read(&about, LIST)).map_err(words)?;
        let listing = Listing::parse(&json).map_err(|what| format!("{repo} {what}."))?;
        let address = |path: &str| format!("{hub}/{repo}/resolve/{}/{}", listing.commit, encoded(path));
        // Which parts there are says its index, which those who want the licence accepted do not hand out before that.
        let has_index = listing.files.iter().any(|file| file.path == "model_index.json");
        let is_one = variant.is_some_and(|variant| listing.files.iter().any(|file| file.path == variant));
        let parts = match has_index && !is_one {
            true => {
                let index = self.again(|| self.web.read(&address("model_index.json"), LIST));
                match index {
                    Ok(index) => Some(choose::components(&index).map_err(|what| format!("{repo} {what}."))?),
                    Err(problem) => return Err(refusal(problem, self.web.keys(), repo, Some(repo))),
                }
            }
            false => None,
        };
        let chosen =
            choose::choose(&listing.files, parts.as_ref(), variant).map_err(|what| format!("{repo} {what}."))?;
        let single = chosen
            .files
            .first()
            .map(|file| file.path.rsplit('/').next().unwrap_or(&file.path).to_owned());
        let name = match (chosen.folder, single) {
            (false, Some(single)) => single,
            // Found by its id, and by the end of that.
            _ => repo.to_owned(),
        };
        let piece = |file: super::listing::HubFile| Piece {
            url: address(&file.path),
            path: match chosen.folder {
                true => file.path,
                false => name.clone(),
            },
            size: file.size,
            sha256: file.sha256,
            etag: None,
        };
        let terms = listing.gated.then(|| {
            format!(
                "{repo} asks for its licence{} to be accepted: read it at {hub}/{repo} and accept it there.",
                called(&listing.licence)
            )
        });
        Ok(Plan {
            folder: chosen.folder,
            files: chosen.files.into_iter().map(piece).collect(),
            licence: listing.licence.clone(),
            terms,
            name,
            ..Plan::default()
        })
    }

    fn civitai(&self, model: Option<u64>, version: Option<u64>) -> Result<Plan, String> {
        let base = self.web.keys().civitai.trim_end_matches('/');
        let (about, shown) = match (model, version) {
            (Some(model), _) => (format!("{base}/api/v1/models/{model}"), format!("civitai:{model}")),
            (None, version) => {
                let version = version.unwrap_or_default();
                (
                    format!("{base}/api/v1/model-versions/{version}"),
                    format!("civitai:@{version}"),
                )
            }
        };
        let json = self.again(|| self.web.read(&about, LIST));
        let json = json.map_err(|problem| refusal(problem, self.web.keys(), &shown, None))?;
        let found = match model {
            Some(_) => civitai::of_model(&json, version),
            None => civitai::of_version(&json),
        };
        let found = found.map_err(|what| format!("{shown} {what}."))?;
        let url = match found.url.is_empty() {
            true => format!("{base}/api/download/models/{}", found.version),
            false => found.url,
        };
        let mut plan = self.probed(&url, &shown, Some(&found.name), found.sha256)?;
        (plan.kind, plan.licence) = (found.kind, found.licence);
        Ok(plan)
    }

    fn file(&self, url: &str, sha256: Option<&str>) -> Result<Plan, String> {
        let shown = What::shown(url);
        self.probed(url, &shown, None, sha256.map(str::to_owned))
    }

    /// The plan of one file at an address, whose first byte is asked for: that tells its size, and whether it can be had.
    fn probed(&self, url: &str, shown: &str, name: Option<&str>, sha256: Option<String>) -> Result<Plan, String> {
        let asked = self.again(|| self.web.get(url, Some((0, 0)), None));
        let answer = asked.map_err(|problem| refusal(problem, self.web.keys(), shown, None))?;
        let size = match (answer.status, answer.range) {
            (206, Some((_, total))) => total,
            _ => answer.length,
        };
        let told = name.map(str::to_owned).or(answer.file_name).or_else(|| name_of(url));
        let name = told.ok_or_else(|| format!("{shown}: the address ends in no file's name."))?;
        let is_plain = check_path(&name).is_ok() && !name.contains('/') && !name.starts_with('.');
        if !is_plain {
            return Err(format!(
                "{shown} names a file {}, which no file may be called.",
                escape_line(&name)
            ));
        }
        let sha256 = sha256.or(answer.linked_sha256);
        let notice = sha256
            .is_none()
            .then(|| "No SHA-256 is published there: only the size is compared.".to_owned());
        Ok(Plan {
            folder: false,
            kind: Kind::Model,
            notice,
            files: vec![Piece {
                url: url.to_owned(),
                path: name.clone(),
                size,
                sha256,
                etag: answer.etag,
            }],
            name,
            ..Plan::default()
        })
    }

    /// Asks until there is an answer, a few times.
    fn again<T>(&self, ask: impl Fn() -> Result<T, Problem>) -> Result<T, Problem> {
        for failures in 0.. {
            match ask() {
                Err(Problem::Passing { wait, .. }) if failures + 1 < TRIES => {
                    let grown = self.tuning.pause.saturating_mul(1 << failures);
                    if !self.sleep(wait.unwrap_or(grown)) {
                        return Err(Problem::Final(String::new()));
                    }
                }
                other => return other,
            }
        }
        Err(Problem::Final(String::new()))
    }

    /// Whether there is still something to do after that.
    fn sleep(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if self.end.load(Ordering::Relaxed) {
                return false;
            }
            std::thread::park_timeout(left.min(Duration::from_millis(100)));
        }
        !self.end.load(Ordering::Relaxed)
    }
}

fn called(licence: &str) -> String {
    match licence.is_empty() {
        true => String::new(),
        false => format!(" ({licence})"),
    }
}

/// What a problem means for who asked for `shown`, and what to do. `repo` is the repository, where it is one of the hub.
pub(super) fn refusal(problem: Problem, keys: &Keys, shown: &str, repo: Option<&str>) -> String {
    let (status, code, host) = match problem {
        Problem::Passing { what, .. } => {
            return format!("{}: pull again, what was fetched is kept.", capital(&what));
        }
        Problem::Final(what) => return what,
        Problem::Refused { status, code, host } => (status, code, host),
    };
    let hub = keys.hub.trim_end_matches('/');
    let (has_token, variable, page) = match repo {
        Some(_) => (keys.hub_token.is_some(), "HF_TOKEN", format!("{hub}/settings/tokens")),
        None => (
            keys.civitai_token.is_some(),
            "CIVITAI_TOKEN",
            format!("{}/user/account", keys.civitai.trim_end_matches('/')),
        ),
    };
    match (status, code.as_str(), repo) {
        (401 | 403, "GatedRepo", Some(repo)) if !has_token => format!(
            "{repo} wants its licence accepted: open {hub}/{repo}, accept it there, make a token at {page}, and set {variable} where you \
             run `darkroom pull`."
        ),
        (401 | 403, "GatedRepo", Some(repo)) => format!(
            "{repo} wants its licence accepted by whom {variable} belongs to: open {hub}/{repo}, accept it there, and pull again."
        ),
        (404, "RevisionNotFound", Some(repo)) => format!(
            "{repo} has no revision {}.",
            escape_line(shown.rsplit('@').next().unwrap_or(shown))
        ),
        (404, "EntryNotFound", Some(repo)) => format!("{repo} lists a file that it does not have: pull again later."),
        (401 | 403 | 404, _, Some(repo)) if !has_token => format!(
            "The hub has no repository {repo}, or it is not for everybody: check its name; if it is yours, set {variable}."
        ),
        (401 | 403 | 404, _, Some(repo)) => {
            format!(
                "The hub has no repository {repo} for whom {variable} belongs to: check its name, and what the token may."
            )
        }
        (401 | 403, ..)
            if host
                == keys
                    .civitai
                    .split("://")
                    .nth(1)
                    .and_then(|rest| rest.split([':', '/']).next())
                    .unwrap_or_default() =>
        {
            match has_token {
                false => {
                    format!("{shown} is given only to who is known there: make a key at {page} and set {variable}.")
                }
                true => format!(
                    "{shown} is not given to whom {variable} belongs to: open its page and see what it asks for."
                ),
            }
        }
        (404 | 410, ..) => format!("{shown}: {host} has nothing there."),
        _ => format!("{shown}: {host} does not give it ({status})."),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
