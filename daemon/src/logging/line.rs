//! How an event becomes a line of the log.

use std::fmt;
use std::time::SystemTime;

use darkroom_protocol::text::escape_line;
use darkroom_protocol::time::shown;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// One event as one line: `2026-10-30T22:27:59.123+02:00 INFO  daemon::dispatch: a job begins job=019a…`. Local time; text from
/// outside cannot end the line or drive a terminal.
pub struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut text = String::new();
        context.field_format().format_fields(Writer::new(&mut text), event)?;
        let level = event.metadata().level();
        let part = part(event.metadata().target());
        let time = shown(SystemTime::now());
        writeln!(writer, "{time} {level:<5} {part}: {}", escape_line(&text))
    }
}

/// The part of the daemon that a module is in, as filters name it: `darkroom_daemon::dispatch::assign` is in
/// `daemon::dispatch`.
fn part(target: &str) -> &str {
    let target = target.strip_prefix("darkroom_").unwrap_or(target);
    match target.match_indices("::").nth(1) {
        Some((end, _)) => &target[..end],
        None => target,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_a_line() {
        let memory = Memory::default();
        let writer = memory.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .event_format(Line)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(n = 3, "a job\nbegins \u{1b}[2J {}", "\u{202e}evil");
        });
        let text = String::from_utf8(memory.0.lock().unwrap().clone()).unwrap();
        let (time, rest) = text.split_once(' ').unwrap();
        assert_eq!(rest.lines().count(), 1, "{text}");
        assert!(!rest.trim_end().contains(char::is_control), "{text:?}");
        assert!(rest.starts_with("INFO  daemon::logging: a job\\nbegins "), "{text}");
        assert!(rest.ends_with(" n=3\n"), "{text}");
        let told: jiff::Timestamp = time.parse().unwrap();
        assert!(told.duration_until(jiff::Timestamp::now()).as_secs() < 60, "{time}");
    }

    #[rstest]
    #[case("darkroom_daemon::dispatch::assign", "daemon::dispatch")]
    #[case("darkroom_daemon", "daemon")]
    #[case("rusqlite", "rusqlite")]
    fn parts(#[case] target: &str, #[case] expected: &str) {
        assert_eq!(part(target), expected);
    }
}
