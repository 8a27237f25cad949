//! The one format in which times are written, in logs and on the terminal.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A moment in local time, to the millisecond, with its offset: `2026-10-30T22:27:59.123+02:00`.
pub fn shown(at: SystemTime) -> String {
    let at = Timestamp::try_from(at).unwrap_or_default();
    at.to_zoned_datetime(TimeZone::system())
        .strftime("%Y-%m-%dT%H:%M:%S%.3f%:z")
        .to_string()
}

/// So many milliseconds since 1970 as a moment.
pub fn of_millis(ms: u64) -> SystemTime {
    let since = std::time::Duration::from_millis(ms);
    SystemTime::UNIX_EPOCH
        .checked_add(since)
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_itself_in_any_zone() {
        let at = of_millis(1_774_000_000_123);
        let text = shown(at);
        assert_eq!(text.len(), "2026-10-30T22:27:59.123+02:00".len(), "{text}");
        let told: Timestamp = text.parse().unwrap();
        assert_eq!(told.as_millisecond(), 1_774_000_000_123);
        assert_eq!(
            shown(of_millis(u64::MAX)).len(),
            text.len(),
            "what no clock can say is no panic"
        );
    }
}
