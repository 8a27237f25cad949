//! What a request may hold, checked alike at both doors before anything is done: lengths of names and lists, and times. The
//! parameters of a picture have their own table (`params`), which is checked where the request is worked out.

use super::RemoteError;
use super::client::{CountTokens, Download, Load, Place, Submit, Subscribe};
use super::history::{Look, Thumbnail};
use super::log::{LogLook, LogOf};
use super::pull::PullAsk;
use crate::hash::is_sha256;
use crate::log;
use crate::params::{MAX_NAME, MAX_PROMPT};
use crate::tag;
use crate::text::escape_line;
use crate::{KeepAlive, Output, Request};

/// The longest id or prefix of a job, or place in a list, in bytes.
const MAX_JOB: usize = 128;
/// The longest name of a device, in bytes.
const MAX_DEVICE: usize = 64;
/// The longest filter of the log, in bytes.
const MAX_FILTER: usize = 4096;
/// The longest path of an output, in bytes: Linux takes no longer one.
const MAX_PATH: usize = 4096;
/// The longest list of states or kinds of events.
const MAX_LIST: usize = 64;
/// The most pictures that one request changes.
const MAX_PICTURES: usize = 1000;
/// The longest search, in bytes.
const MAX_QUERY: usize = 4096;

impl Request {
    /// Checks lengths and ranges.
    ///
    /// # Errors
    /// `Usage`, naming the field and what it may hold.
    pub fn check(&self) -> Result<(), RemoteError> {
        match self {
            Self::Ping {}
            | Self::Seen {}
            | Self::Status {}
            | Self::Shutdown {}
            | Self::CancelAll {}
            | Self::Metrics {}
            | Self::Models {}
            | Self::Pulls {}
            | Self::EmptyTrash {}
            | Self::Tags {}
            | Self::Upload(_) => Ok(()),
            Self::Submit(Submit { request, output, .. }) => {
                request.check().map_err(|e| RemoteError::usage(e.to_string()))?;
                output.as_ref().map_or(Ok(()), destination)
            }
            Self::Job { job } | Self::Cancel { job, .. } | Self::Priority { job, .. } | Self::Retry { job } => {
                text("job", job, MAX_JOB)
            }
            Self::CountTokens(CountTokens {
                text: prompt, model, ..
            }) => {
                text("text", prompt, MAX_PROMPT)?;
                text("model", model, MAX_NAME)
            }
            Self::Log(look) => check_log(look),
            Self::Download(Download { sha256, .. }) => hash(sha256),
            Self::Thumbnail(Thumbnail { sha256, side }) => {
                hash(sha256)?;
                match Thumbnail::SIDES.contains(side) {
                    true => Ok(()),
                    false => Err(RemoteError::usage(format!(
                        "side must be one of {}, not {side}.",
                        Thumbnail::SIDES.map(|side| side.to_string()).join(", ")
                    ))),
                }
            }
            Self::History(Look {
                query, zone, before, ..
            }) => {
                text("query", query, MAX_QUERY)?;
                maybe("zone", zone.as_ref(), MAX_JOB)?;
                maybe("before", before.as_ref(), MAX_JOB)
            }
            Self::Picture { picture } => text("picture", picture, MAX_JOB),
            Self::Star { pictures, .. } | Self::Trash { pictures, .. } => named(pictures),
            Self::Tag { pictures, add, remove } => {
                named(pictures)?;
                tags("add", add)?;
                tags("remove", remove)
            }
            Self::Import { folder, from, .. } => {
                text("folder", folder, MAX_PATH)?;
                maybe("from", from.as_ref(), 2 * MAX_PATH)
            }
            Self::Scan { from } => maybe("from", from.as_ref(), 2 * MAX_PATH),
            Self::Queue { states, before, .. } => {
                list("states", states)?;
                maybe("before", before.as_ref(), MAX_JOB)
            }
            Self::Subscribe(Subscribe { job, kinds, .. }) => {
                list("kinds", kinds)?;
                maybe("job", job.as_ref(), MAX_JOB)
            }
            Self::Move { job, place } => {
                text("job", job, MAX_JOB)?;
                match place {
                    Place::First | Place::Last => Ok(()),
                    Place::Before(other) | Place::After(other) => text("place", other, MAX_JOB),
                }
            }
            Self::Pause { job } | Self::Resume { job } => maybe("job", job.as_ref(), MAX_JOB),
            Self::Clear { states, .. } => list("states", states),
            Self::LogFilter { filter } => maybe("filter", filter.as_ref(), MAX_FILTER),
            Self::Model { model } | Self::Pin { model, .. } => text("model", model, MAX_NAME),
            Self::Unload { model, device } => {
                text("model", model, MAX_NAME)?;
                text("device", device, MAX_DEVICE)
            }
            Self::Load(load) => check_load(load),
            Self::Pull(ask) => check_pull(ask),
            Self::CancelPull { pull } => text("pull", pull, MAX_PATH),
        }
    }
}

fn check_load(load: &Load) -> Result<(), RemoteError> {
    text("model", &load.model, MAX_NAME)?;
    text("device", &load.device, MAX_DEVICE)?;
    match load.keep_alive {
        Some(KeepAlive::Seconds(seconds)) if seconds > KeepAlive::MOST => Err(RemoteError::usage(format!(
            "keep_alive must be at most {} s, not {seconds}: give \"forever\" for longer.",
            KeepAlive::MOST
        ))),
        _ => Ok(()),
    }
}

fn check_pull(ask: &PullAsk) -> Result<(), RemoteError> {
    text("what", &ask.what, MAX_PATH)?;
    maybe("to", ask.to.as_ref(), MAX_PATH)?;
    maybe("access.hub", ask.access.hub.as_ref(), MAX_PATH)?;
    maybe("access.civitai", ask.access.civitai.as_ref(), MAX_PATH)?;
    let tokens = [
        ("access.hub_token", &ask.access.hub_token),
        ("access.civitai_token", &ask.access.civitai_token),
    ];
    // A secret is not quoted, however long it is.
    let wrong = tokens.iter().find(|(_, token)| {
        token
            .as_ref()
            .is_some_and(|token| token.0.len() > MAX_FILTER || !token.0.bytes().all(|byte| byte.is_ascii_graphic()))
    });
    wrong.map_or(Ok(()), |(field, _)| {
        Err(RemoteError::usage(format!(
            "{field} is no token: one has at most {MAX_FILTER} letters, digits and signs."
        )))
    })
}

fn check_log(look: &LogLook) -> Result<(), RemoteError> {
    if let LogOf::Job(job) = &look.of {
        text("of.job", job, MAX_JOB)?;
    }
    let places = [("before", &look.before), ("after", &look.after)];
    for (field, place) in places {
        maybe(field, place.as_ref(), MAX_JOB)?;
        if let Some(Err(error)) = place.as_ref().map(|place| place.parse::<log::Cursor>()) {
            return Err(RemoteError::usage(format!("{field} {error}.")));
        }
    }
    if places.iter().all(|(_, place)| place.is_some()) {
        return Err(RemoteError::usage(
            "before asks for older lines, after for newer ones: give one of them.",
        ));
    }
    text("filter", &look.filter, MAX_FILTER)?;
    let filter = log::Filter::parse(&look.filter);
    filter
        .map(drop)
        .map_err(|error| RemoteError::usage(format!("filter: {}.", escape_line(&error.to_string()))))
}

fn maybe(field: &str, given: Option<&String>, most: usize) -> Result<(), RemoteError> {
    given.map_or(Ok(()), |given| text(field, given, most))
}

fn destination(output: &Output) -> Result<(), RemoteError> {
    text("output.path", &output.path, MAX_PATH)?;
    maybe("output.zone", output.zone.as_ref(), MAX_JOB)?;
    if let Some(seen) = &output.seen {
        text("output.seen.folder", &seen.folder, MAX_PATH)?;
        text("output.seen.system", &seen.system, MAX_JOB)?;
    }
    Ok(())
}

fn text(field: &str, given: &str, most: usize) -> Result<(), RemoteError> {
    if given.len() <= most {
        return Ok(());
    }
    let begin: String = given.chars().take(20).collect();
    Err(RemoteError::usage(format!(
        "{field} has {} bytes ({}…), the most is {most}: shorten it.",
        given.len(),
        escape_line(&begin)
    )))
}

fn hash(given: &str) -> Result<(), RemoteError> {
    match is_sha256(given) {
        true => Ok(()),
        false => Err(RemoteError::usage(
            "sha256 is 64 lower-case hexadecimal digits: a picture's own, as `history` and `job` tell it.",
        )),
    }
}

/// Names of pictures.
fn named(pictures: &[String]) -> Result<(), RemoteError> {
    if pictures.len() > MAX_PICTURES {
        return Err(RemoteError::usage(format!(
            "pictures has {} entries, the most is {MAX_PICTURES}: ask several times.",
            pictures.len()
        )));
    }
    pictures.iter().try_for_each(|name| text("picture", name, MAX_JOB))
}

/// Tags to be given or taken.
fn tags(field: &str, given: &[String]) -> Result<(), RemoteError> {
    list(field, given)?;
    let wrong = given.iter().find(|word| tag::canonical(word).is_none());
    wrong.map_or(Ok(()), |word| {
        let begin: String = word.chars().take(40).collect();
        Err(RemoteError::usage(format!(
            "{} is no tag: a tag has 1 to {} characters, no comma and no quotation mark.",
            escape_line(&begin),
            tag::MAX_CHARS
        )))
    })
}

fn list<T>(field: &str, given: &[T]) -> Result<(), RemoteError> {
    if given.len() <= MAX_LIST {
        return Ok(());
    }
    Err(RemoteError::usage(format!(
        "{field} has {} entries, the most is {MAX_LIST}: give each once.",
        given.len()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GenerateRequest, JobState};
    use rstest::rstest;

    fn log(change: impl FnOnce(&mut LogLook)) -> Request {
        let mut look = LogLook::newest(LogOf::Daemon, 9);
        change(&mut look);
        Request::Log(look)
    }

    #[rstest]
    #[case(Request::Job { job: "x".repeat(MAX_JOB + 1) }, "job has 129 bytes")]
    #[case(Request::CountTokens(CountTokens { text: "x".repeat(MAX_PROMPT + 1), ..CountTokens::default() }), "text has 65537 bytes")]
    #[case(Request::Model { model: "é".repeat(MAX_NAME) }, "model has 8192 bytes")]
    #[case(Request::Clear { states: vec![JobState::Done; MAX_LIST + 1], dry_run: false }, "states has 65 entries")]
    #[case(Request::Move { job: "a".into(), place: Place::After("b".repeat(999)) }, "place has 999 bytes")]
    #[case(Request::Load(Load { keep_alive: Some(KeepAlive::Seconds(u64::MAX)), ..Load::default() }), "keep_alive must be")]
    #[case(
        Request::Submit(Submit {
            request_id: uuid::Uuid::nil(),
            request: GenerateRequest { steps: Some(0), ..GenerateRequest::default() },
            watch: false,
            max_fps: 0,
            max_px: 0,
            output: None,
        }),
        "steps must be"
    )]
    #[case(
        Request::Submit(Submit {
            request_id: uuid::Uuid::nil(),
            request: GenerateRequest::default(),
            watch: false,
            max_fps: 0,
            max_px: 0,
            output: Some(Output { path: "/x".repeat(MAX_PATH), force: false, umask: 0, zone: None, seen: None }),
        }),
        "output.path has 8192 bytes"
    )]
    #[case(log(|look| look.of = LogOf::Job("x".repeat(MAX_JOB + 1))), "of.job has 129 bytes")]
    #[case(log(|look| look.before = Some("x".repeat(MAX_JOB + 1))), "before has 129 bytes")]
    #[case(log(|look| look.after = Some("1-2".into())), "after is no place in a log")]
    #[case(log(|look| (look.after, look.before) = (Some("start".into()), Some("start".into()))), "before asks for older")]
    #[case(log(|look| look.filter = "level:x\x1b".into()), "filter: there is no level x\\u{1b}")]
    #[case(log(|look| look.filter = "x".repeat(MAX_FILTER + 1)), "filter has 4097 bytes")]
    fn what_is_too_long_is_refused_by_name(#[case] request: Request, #[case] words: &str) {
        let error = request.check().unwrap_err();
        assert!(error.message.starts_with(words), "{error}");
    }

    #[test]
    fn the_longest_that_is_allowed_passes() {
        let request = Request::Unload {
            model: "m".repeat(MAX_NAME),
            device: "d".repeat(MAX_DEVICE),
        };
        assert_eq!(request.check(), Ok(()));
        assert_eq!(
            Request::Job {
                job: "x".repeat(MAX_JOB)
            }
            .check(),
            Ok(())
        );
    }
}
