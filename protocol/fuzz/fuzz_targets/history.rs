//! Any text is a search or is refused at a place within it; what a search is shown as is the same search, while it stays short
//! enough.
#![no_main]

use darkroom_protocol::history::{Condition, MAX_TEXT, Query};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let now = Timestamp::UNIX_EPOCH.to_zoned_datetime(TimeZone::UTC);
    match Query::parse(text, &now) {
        Ok(query) => {
            let shown = query.to_string();
            if shown.len() <= MAX_TEXT {
                assert_eq!(conditions(Query::parse(&shown, &now).unwrap()), conditions(query));
            }
        }
        Err(error) => {
            assert!(error.at <= text.chars().count());
            assert_eq!(error.pointed(text, 80).lines().count(), 2);
        }
    }
});

fn conditions(query: Query) -> Vec<(bool, Condition)> {
    let terms = query.terms.into_iter();
    terms.map(|term| (term.excluded, term.condition)).collect()
}
