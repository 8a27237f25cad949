//! The one place of Darkroom that opens a connection to another machine: a request, its redirects followed by hand, and what an answer's
//! status means. A token goes to the origin that it belongs to and to no other, whatever redirects to where; plain http is for this
//! machine alone. Retrying is the caller's affair (`transfer.rs`, `resolve.rs`): what may pass by itself is told from what does not.

use std::io::Read;
use std::time::Duration;

use darkroom_protocol::message::pull::Secret;
use darkroom_protocol::text::escape_line;
use ureq::http::{HeaderMap, Uri};

use super::tuning::Tuning;

/// Where Hugging Face's hub is where nothing else is said.
pub(super) const HUB: &str = "https://huggingface.co";
/// And CivitAI.
pub(super) const CIVITAI: &str = "https://civitai.com";
/// More redirects than this are a circle.
const REDIRECTS: usize = 10;
/// A server that wants a longer pause is told to the person instead.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// Why an answer is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// It may pass by itself.
    Passing {
        /// What happened, as a sentence's end.
        what: String,
        /// How long the server asks to be left alone.
        wait: Option<Duration>,
    },
    /// The server does not give it, or not to this person.
    Refused {
        /// 401, 403, 404, …
        status: u16,
        /// The hub's own word for it (`X-Error-Code`).
        code: String,
        /// Who said so.
        host: String,
    },
    /// It does not pass; a whole sentence.
    Final(String),
}

/// A server's answer, its body unread.
pub(super) struct Answer {
    /// 200 or 206.
    pub status: u16,
    /// First byte, and length of the whole where it is told, of a part.
    pub range: Option<(u64, Option<u64>)>,
    /// Bytes of the body.
    pub length: Option<u64>,
    /// What changes when the content does; strong ones only.
    pub etag: Option<String>,
    /// The SHA-256 that a hub tells of a large file before it redirects.
    pub linked_sha256: Option<String>,
    /// What to call it.
    pub file_name: Option<String>,
    /// Where it came from in the end.
    pub url: String,
    /// The body.
    pub body: Box<dyn Read + Send>,
}

/// The hubs, and what opens them.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    /// The hub's address.
    pub hub: String,
    /// Its token.
    pub hub_token: Option<Secret>,
    /// CivitAI's address.
    pub civitai: String,
    /// Its token.
    pub civitai_token: Option<Secret>,
}

/// What requests are made with.
pub(super) struct Web {
    agent: ureq::Agent,
    keys: Keys,
}

/// Scheme, host and port: what a token belongs to.
#[derive(Debug, PartialEq, Eq)]
struct Origin(String, String, u16);

impl Origin {
    fn of(uri: &Uri) -> Option<Self> {
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
        Some(Self(scheme, uri.host()?.to_ascii_lowercase(), port))
    }

    /// Whether it is this machine itself.
    fn is_here(&self) -> bool {
        let host = self.1.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl Web {
    pub fn new(keys: Keys, tuning: &Tuning) -> Self {
        let config = ureq::Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_resolve(Some(tuning.silence))
            .timeout_connect(Some(tuning.silence))
            .timeout_recv_response(Some(tuning.silence))
            .timeout_per_read(Some(tuning.silence))
            .timeout_per_write(Some(tuning.silence))
            .max_idle_connections_per_host(16)
            .user_agent(concat!("darkroom/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            agent: config.into(),
            keys,
        }
    }

    /// The hubs.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// What is at `url`: all of it, or the bytes from the first to the last of `range`, if they still are what `etag` names.
    ///
    /// # Errors
    /// Why not.
    pub fn get(&self, url: &str, range: Option<(u64, u64)>, etag: Option<&str>) -> Result<Answer, Problem> {
        let mut uri = parse(url)?;
        let first = uri.clone();
        let mut linked = None;
        for _ in 0..REDIRECTS {
            check(&uri, &first)?;
            let host = host(&uri);
            let mut request = self.agent.get(&uri).header("Accept-Encoding", "identity");
            if let Some((from, to)) = range {
                request = request.header("Range", format!("bytes={from}-{to}"));
                if let Some(etag) = etag {
                    request = request.header("If-Range", etag);
                }
            }
            if let Some(token) = self.token(&uri) {
                request = request.header("Authorization", format!("Bearer {}", token.0));
            }
            let response = request.call().map_err(|e| failed(&e, &host))?;
            let (head, body) = response.into_parts();
            linked = linked.or_else(|| sha256(&head.headers, "x-linked-etag"));
            let status = head.status.as_u16();
            match status {
                200 | 206 => {
                    let body = body.into_with_config().limit(u64::MAX).reader();
                    return Ok(answer(status, &head.headers, &uri, linked, Box::new(body)));
                }
                301 | 302 | 303 | 307 | 308 => {
                    let next = text(&head.headers, "location").and_then(|to| join(&uri, to));
                    let next = next.ok_or_else(|| Problem::Final(format!("{host} redirects to no address.")))?;
                    if next.path() == "/login" && Origin::of(&next) == Origin::of(&first) {
                        return Err(refused(401, &head.headers, host));
                    }
                    uri = next;
                }
                408 | 429 | 500..=599 => return Err(passing(status, &head.headers, &host)),
                _ => return Err(refused(status, &head.headers, host)),
            }
        }
        Err(Problem::Final(format!("{} redirects without an end.", host(&first))))
    }

    /// As [`Self::get`], read whole: at most `cap` bytes.
    ///
    /// # Errors
    /// Why not.
    pub fn read(&self, url: &str, cap: u64) -> Result<Vec<u8>, Problem> {
        let answer = self.get(url, None, None)?;
        let host = parse(&answer.url).map(|uri| host(&uri)).unwrap_or_default();
        let mut bytes = Vec::new();
        let read = answer.body.take(cap + 1).read_to_end(&mut bytes);
        read.map_err(|e| Problem::Passing {
            what: format!("the connection to {host} broke off ({e})"),
            wait: None,
        })?;
        if bytes.len() as u64 > cap {
            return Err(Problem::Final(format!(
                "{host} answers with more than {cap} bytes where a list was asked for."
            )));
        }
        Ok(bytes)
    }

    /// The token that the server behind this address knows the person by.
    fn token(&self, uri: &Uri) -> Option<&Secret> {
        let origin = Origin::of(uri)?;
        let of = |base: &str| parse(base).ok().and_then(|base| Origin::of(&base));
        let pairs = [
            (&self.keys.hub, &self.keys.hub_token),
            (&self.keys.civitai, &self.keys.civitai_token),
        ];
        let found = pairs.into_iter().find(|(base, _)| of(base).as_ref() == Some(&origin));
        found.and_then(|(_, token)| token.as_ref())
    }
}

fn parse(url: &str) -> Result<Uri, Problem> {
    let uri = url.parse::<Uri>().ok().filter(|uri| Origin::of(uri).is_some());
    uri.ok_or_else(|| Problem::Final("That is no address: one begins with https:// and a machine's name.".to_owned()))
}

/// Whether a request may go there: https, or this machine itself where it was asked for from the beginning.
fn check(uri: &Uri, first: &Uri) -> Result<(), Problem> {
    let here = |uri: &Uri| Origin::of(uri).is_some_and(|origin| origin.is_here());
    match uri.scheme_str() {
        Some("https") if !here(uri) || here(first) => Ok(()),
        Some("http") if here(uri) && here(first) => Ok(()),
        _ => Err(Problem::Final(format!(
            "{} would be asked over an open connection: only https addresses are fetched.",
            host(uri)
        ))),
    }
}

/// Whom messages name: never the path, which may be signed.
fn host(uri: &Uri) -> String {
    escape_line(uri.host().unwrap_or_default()).into_owned()
}

/// Where `location` leads from `base`.
fn join(base: &Uri, location: &str) -> Option<Uri> {
    let whole = if location.contains("://") {
        location.to_owned()
    } else if let Some(rest) = location.strip_prefix("//") {
        format!("{}://{rest}", base.scheme_str()?)
    } else if location.starts_with('/') {
        format!("{}://{}{location}", base.scheme_str()?, base.authority()?)
    } else {
        let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{}://{}{folder}/{location}", base.scheme_str()?, base.authority()?)
    };
    // What follows # is never sent.
    let whole = whole.split('#').next()?;
    whole.parse::<Uri>().ok().filter(|uri| Origin::of(uri).is_some())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn sha256(headers: &HeaderMap, name: &str) -> Option<String> {
    let sum = text(headers, name)?.trim_matches('"').to_ascii_lowercase();
    darkroom_protocol::hash::is_sha256(&sum).then_some(sum)
}

fn answer(status: u16, headers: &HeaderMap, uri: &Uri, linked: Option<String>, body: Box<dyn Read + Send>) -> Answer {
    let range = text(headers, "content-range").and_then(|range| {
        let (span, total) = range.strip_prefix("bytes ")?.split_once('/')?;
        Some((span.split_once('-')?.0.parse().ok()?, total.parse().ok()))
    });
    Answer {
        status,
        range: range.filter(|_| status == 206),
        length: text(headers, "content-length").and_then(|length| length.parse().ok()),
        etag: text(headers, "etag")
            .filter(|etag| etag.starts_with('"'))
            .map(str::to_owned),
        linked_sha256: linked,
        file_name: text(headers, "content-disposition").and_then(file_name),
        url: uri.to_string(),
        body,
    }
}

/// The name that a `Content-Disposition` gives.
fn file_name(disposition: &str) -> Option<String> {
    let (_, rest) = disposition.split_once("filename=")?;
    let name = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split(';').next()?.trim(),
    };
    (!name.is_empty()).then(|| name.to_owned())
}

fn refused(status: u16, headers: &HeaderMap, host: String) -> Problem {
    let code: String = text(headers, "x-error-code")
        .unwrap_or_default()
        .chars()
        .take(60)
        .collect();
    Problem::Refused { status, code, host }
}

fn passing(status: u16, headers: &HeaderMap, host: &str) -> Problem {
    let wait = text(headers, "retry-after").and_then(pause);
    if let Some(wait) = wait.filter(|wait| *wait > LONGEST_PAUSE) {
        return Problem::Final(format!(
            "{host} wants to be left alone for {} minutes: pull again then, what was fetched is kept.",
            wait.as_secs().div_ceil(60)
        ));
    }
    let what = match status {
        429 => format!("{host} was asked too often (429)"),
        _ => format!("{host} has a fault of its own ({status})"),
    };
    Problem::Passing { what, wait }
}

/// `Retry-After`: seconds, or a moment.
fn pause(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let then = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp();
    let left = then.as_second().saturating_sub(jiff::Timestamp::now().as_second());
    Some(Duration::from_secs(left.max(0) as u64))
}

/// What a connection that failed means. The library's own words may hold an address, which may be signed.
fn failed(error: &ureq::Error, host: &str) -> Problem {
    let what = match error {
        ureq::Error::HostNotFound => format!("{host} is not found: is the network there?"),
        ureq::Error::Timeout(_) => format!("{host} does not answer"),
        ureq::Error::Io(e) => format!("the connection to {host} failed ({e})"),
        ureq::Error::ConnectionFailed => format!("no connection to {host} can be made"),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => {
            return Problem::Final(format!(
                "{host} does not prove that it is who it says: its certificate is not accepted."
            ));
        }
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
            return Problem::Final("That is no address that can be asked.".to_owned());
        }
        _ => format!("the conversation with {host} failed"),
    };
    Problem::Passing { what, wait: None }
}

/// A path as a part of an address.
pub(super) fn encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => out.push(char::from(byte)),
            _ => {
                out.push('%');
                out.push_str(&darkroom_protocol::hash::hex([byte]).to_ascii_uppercase());
            }
        }
    }
    out
}

/// The last part of an address, as a file may be called.
pub(super) fn name_of(url: &str) -> Option<String> {
    let path = url.split(['?', '#']).next()?;
    let (_, path) = path.split_once("://")?;
    let (_, last) = path.rsplit_once('/')?;
    let mut bytes = Vec::with_capacity(last.len());
    let mut rest = last.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let two = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match two
            .and_then(|two| u8::from_str_radix(two, 16).ok())
            .filter(|_| first == b'%')
        {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).ok().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[rstest]
    #[case("https://huggingface.co/a", "https://cdn.x/b", true)]
    #[case("https://huggingface.co/a", "http://cdn.x/b", false)]
    #[case("http://huggingface.co/a", "http://huggingface.co/a", false)]
    #[case("https://huggingface.co/a", "http://127.0.0.1/b", false)]
    #[case("https://huggingface.co/a", "https://127.0.0.1/b", false)]
    #[case("http://127.0.0.1:1/a", "http://127.0.0.1:2/b", true)]
    #[case("http://localhost:1/a", "http://[::1]:2/b", true)]
    #[case("https://huggingface.co/a", "ftp://x/b", false)]
    fn only_this_machine_is_asked_openly(#[case] first: &str, #[case] to: &str, #[case] may: bool) {
        assert_eq!(check(&uri(to), &uri(first)).is_ok(), may);
    }

    #[rstest]
    #[case("https://hub.co/x", true)]
    #[case("https://HUB.co:443/x", true)]
    #[case("http://hub.co/x", false)]
    #[case("https://hub.co:8443/x", false)]
    #[case("https://cdn.hub.co/x", false)]
    #[case("https://hub.co.evil.org/x", false)]
    fn a_token_goes_to_its_own_origin(#[case] to: &str, #[case] sent: bool) {
        let keys = Keys {
            hub: "https://hub.co".into(),
            hub_token: Some(Secret("hf_x".into())),
            ..Keys::default()
        };
        let web = Web::new(keys, &Tuning::default());
        assert_eq!(web.token(&uri(to)).is_some(), sent);
        assert!(!format!("{:?}", web.keys()).contains("hf_x"));
    }

    #[rstest]
    #[case("/api/x?y", "https://a.b:8/api/x?y")]
    #[case("//c.d/e", "https://c.d/e")]
    #[case("e#f", "https://a.b:8/p/e")]
    #[case("http://c.d", "http://c.d/")]
    fn redirects_are_joined(#[case] location: &str, #[case] to: &str) {
        assert_eq!(join(&uri("https://a.b:8/p/q?r"), location).unwrap().to_string(), to);
    }

    #[test]
    fn pauses_are_seconds_or_moments() {
        assert_eq!(pause("7"), Some(Duration::from_secs(7)));
        assert_eq!(pause("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!(pause("soon"), None);
    }

    #[test]
    fn names_and_paths() {
        assert_eq!(encoded("a b/ü.x"), "a%20b/%C3%BC.x");
        assert_eq!(
            name_of("https://x.org/a%20b.safetensors?k=1"),
            Some("a b.safetensors".into())
        );
        assert_eq!(name_of("https://x.org/100%"), Some("100%".into()));
        assert_eq!(name_of("https://x.org/"), None);
        assert_eq!(file_name("attachment; filename=\"a b.pt\"; x"), Some("a b.pt".into()));
    }
}
