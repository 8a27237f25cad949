//! What time it is, for rows and names. A clock may stand anywhere: before 1970, or beyond every calendar.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

/// A moment as people of a time zone name it, in characters that any file may have in its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// `2026-03-21`.
    pub date: String,
    /// `153012`.
    pub time: String,
}

/// Now, or 1970 where the clock is beyond the calendar.
pub(crate) fn now() -> Timestamp {
    Timestamp::try_from(std::time::SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Milliseconds since 1970; negative before.
pub fn now_ms() -> i64 {
    now().as_millisecond()
}

/// The moment `ms` milliseconds after 1970 in the time zone that `TZ` spells as `zone`; in this process's own where there is
/// none, or it is unknown.
pub fn local(ms: i64, zone: Option<&str>) -> Moment {
    let at = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let local = at.to_zoned_datetime(zone_of(zone));
    Moment {
        date: local.strftime("%Y-%m-%d").to_string(),
        time: local.strftime("%H%M%S").to_string(),
    }
}

/// Now in that time zone, in this process's own where there is none, or it is unknown.
pub(crate) fn now_in(zone: Option<&str>) -> ZonedDateTime {
    now().to_zoned_datetime(zone_of(zone))
}

fn zone_of(zone: Option<&str>) -> TimeZone {
    zone.and_then(named).unwrap_or_else(TimeZone::system)
}

fn named(zone: &str) -> Option<TimeZone> {
    let zone = zone.trim_start_matches(':');
    TimeZone::get(zone).or_else(|_| TimeZone::posix(zone)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0, "UTC", "1970-01-01", "000000")]
    #[case(0, "EST5EDT,M3.2.0,M11.1.0", "1969-12-31", "190000")]
    #[case(1_753_000_000_000, "<+14>-14", "2025-07-20", "222640")]
    #[case(-86_400_000 * 365 * 3, "UTC", "1967-01-02", "000000")]
    fn days_are_those_of_the_zone(#[case] ms: i64, #[case] zone: &str, #[case] date: &str, #[case] time: &str) {
        let moment = local(ms, Some(zone));
        assert_eq!((moment.date.as_str(), moment.time.as_str()), (date, time));
    }

    #[test]
    fn no_moment_is_beyond_it() {
        for ms in [i64::MIN, i64::MAX] {
            assert_eq!(local(ms, Some("UTC")).date, "1970-01-01");
        }
        assert_eq!(local(0, Some("Nowhere/At all")).date.len(), 10);
    }
}
