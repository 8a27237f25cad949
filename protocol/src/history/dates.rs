//! Times as people name them in a search: days, months, years, moments, and how long ago. The keys `after`, `before` and `on` read
//! them here. Days begin where the zone of `now` has them begin, so one of 23 or 25 hours is one day; no clock is read.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::{Span, Timestamp, ZonedDateTime};

use super::keys::{Hint, number};
use crate::text::closest;

/// A named time, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time {
    /// Its first moment.
    pub begin: i64,
    /// The first moment after it; `None` where a single moment is named.
    pub end: Option<i64>,
}

/// The spellings of a time, each with what it means.
pub const TIMES: &[(&str, &str)] = &[
    ("2026-11-01", "a day"),
    ("2026-11", "a month"),
    ("2026", "a year"),
    (
        "2026-11-01T14:30",
        "a moment in local time, or with Z or +01:00 behind it elsewhere",
    ),
    ("today", "this day"),
    ("yesterday", "the day before"),
    ("monday", "the last Monday before today; mon is short for it"),
    ("november", "the last November that has begun; nov is short for it"),
    ("30m", "thirty minutes ago"),
    ("6h", "six hours ago"),
    ("3d", "three days ago at this time of day"),
    ("2w", "two weeks ago at this time of day"),
];

/// From Monday, as jiff counts them.
const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The time that `text` names at the moment `now`; case does not matter.
///
/// # Errors
/// What may have been meant.
pub(super) fn read(text: &str, now: &ZonedDateTime) -> Result<Time, Hint> {
    let text = text.to_ascii_lowercase();
    let moment = ago(&text, now).or_else(|| written_moment(&text, now));
    if let Some(moment) = moment {
        let begin = moment.as_millisecond();
        return Ok(Time { begin, end: None });
    }
    days(&text, now).ok_or_else(|| hint(&text))
}

/// So many minutes, hours, days or weeks before `now`.
fn ago(text: &str, now: &ZonedDateTime) -> Option<Timestamp> {
    let unit = text.chars().next_back()?;
    let count: i64 = number(text.strip_suffix(unit)?)?;
    let span = match unit {
        'm' => Span::new().try_minutes(count),
        'h' => Span::new().try_hours(count),
        'd' => Span::new().try_days(count),
        'w' => Span::new().try_weeks(count),
        _ => return None,
    };
    let at = now.checked_sub(span.ok()?).ok()?;
    Some(at.timestamp())
}

/// A date and a time of day, local or with an offset.
fn written_moment(text: &str, now: &ZonedDateTime) -> Option<Timestamp> {
    // jiff would pass over a zone in brackets behind a local time.
    let is_plain = |b: u8| b.is_ascii_digit() || b"-+:.tz".contains(&b);
    if !text.contains('t') || !text.bytes().all(is_plain) {
        return None;
    }
    if let Ok(absolute) = text.parse() {
        return Some(absolute);
    }
    let local: DateTime = text.parse().ok()?;
    let at = local.to_zoned_datetime(now.time_zone().clone()).ok()?;
    Some(at.timestamp())
}

fn days(text: &str, now: &ZonedDateTime) -> Option<Time> {
    let today = now.date();
    let (first, span) = match text {
        "today" => (today, Span::new().days(1)),
        "yesterday" => (today.yesterday().ok()?, Span::new().days(1)),
        _ => written_days(text)
            .or_else(|| weekday(text, today))
            .or_else(|| month(text, today))?,
    };
    let begin = |day: Date| {
        let at = day.to_zoned_datetime(now.time_zone().clone()).ok()?;
        Some(at.timestamp().as_millisecond())
    };
    Some(Time {
        begin: begin(first)?,
        end: Some(begin(first.checked_add(span).ok()?)?),
    })
}

/// A day, a month or a year in digits.
fn written_days(text: &str) -> Option<(Date, Span)> {
    let day = whole_date(text)?.parse().ok()?;
    let span = match text.len() {
        4 => Span::new().years(1),
        7 => Span::new().months(1),
        _ => Span::new().days(1),
    };
    Some((day, span))
}

/// The first day of what is written like a date, whether or not the calendar has it.
fn whole_date(text: &str) -> Option<String> {
    let whole = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        _ => text.to_owned(),
    };
    let has_shape = |(at, b): (usize, u8)| {
        if matches!(at, 4 | 7) {
            b == b'-'
        } else {
            b.is_ascii_digit()
        }
    };
    (whole.len() == 10 && whole.bytes().enumerate().all(has_shape)).then_some(whole)
}

/// The last such day before today.
fn weekday(text: &str, today: Date) -> Option<(Date, Span)> {
    let weekday = i8::try_from(named(text, &WEEKDAYS)?).ok()?;
    let weekday = Weekday::from_monday_zero_offset(weekday).ok()?;
    let day = today.nth_weekday(-1, weekday).ok()?;
    Some((day, Span::new().days(1)))
}

/// The last such month that has begun.
fn month(text: &str, today: Date) -> Option<(Date, Span)> {
    let month = i8::try_from(named(text, &MONTHS)?).ok()? + 1;
    let year = today.year() - i16::from(month > today.month());
    let day = Date::new(year, month, 1).ok()?;
    Some((day, Span::new().months(1)))
}

/// The place of the name that `text` is, or whose first three letters or more it is.
fn named(text: &str, names: &[&str]) -> Option<usize> {
    let begins = |name: &&str| text.len() >= 3 && name.starts_with(text);
    names.iter().position(begins)
}

fn hint(text: &str) -> Hint {
    if whole_date(text).is_some() {
        return Some("the calendar does not have it.".to_owned());
    }
    let names = ["today", "yesterday"].into_iter().chain(WEEKDAYS).chain(MONTHS);
    Some(format!("did you mean {}?", closest(text, names)?))
}
