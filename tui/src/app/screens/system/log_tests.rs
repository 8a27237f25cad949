//! The log's questions and answers, without a daemon.

use crossterm::event::{KeyCode, KeyModifiers};

use super::*;

fn page(lines: std::ops::Range<u32>, older: bool) -> Result<LogPage, String> {
    Ok(LogPage {
        lines: lines.map(|n| format!("line {n}")).collect(),
        older: older.then(|| "older".to_owned()),
        newer: "newer".to_owned(),
        more: older,
        ..LogPage::default()
    })
}

fn look(effects: &[Effect]) -> (u64, LogLook) {
    match effects {
        [Effect::Log(Reader::System(number), look)] => (*number, look.clone()),
        other => panic!("{other:?}"),
    }
}

fn typed(log: &mut Log, text: &str) -> Vec<Effect> {
    let mut all = vec![];
    for c in text.chars() {
        all = log.key(&KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
    }
    all
}

/// A log with the lines 100 to 119, and earlier ones.
fn log() -> Log {
    let mut log = Log::default();
    let (number, _) = look(&log.begin());
    assert_eq!(log.page(number, page(100..120, true), 5), (vec![], true));
    log
}

#[test]
fn only_what_is_new_is_asked_for_and_only_that_is_drawn() {
    let mut log = log();
    assert_eq!(log.shown(2), ["line 118", "line 119"]);
    let (number, asked) = look(&log.more());
    assert_eq!((asked.after.as_deref(), asked.before), (Some("newer"), None));
    assert!(log.more().is_empty(), "one at a time");
    assert_eq!(log.page(number, page(0..0, false), 5), (vec![], false));
    let (number, _) = look(&log.more());
    assert_eq!(log.page(number, page(120..121, false), 5), (vec![], true));
    assert_eq!(log.shown(2), ["line 119", "line 120"]);
    assert_eq!(
        log.page(number + 1, page(0..9, false), 5),
        (vec![], false),
        "nobody asked"
    );
}

#[test]
fn scrolling_back_loads_earlier_pages_and_the_newest_is_followed_again() {
    let mut log = log();
    log.act(Act::Up, 5);
    assert_eq!(log.shown(1), ["line 118"]);
    let (number, _) = look(&log.more());
    log.page(number, page(120..121, false), 5);
    assert_eq!(log.shown(1), ["line 118"], "it stays where it is");
    let (number, asked) = look(&log.act(Act::First, 5));
    assert_eq!(asked.before.as_deref(), Some("older"));
    assert_eq!(log.shown(5)[0], "line 100");
    assert_eq!(log.page(number, page(50..100, false), 5), (vec![], true));
    assert_eq!(log.shown(5)[0], "line 100");
    log.act(Act::PageUp, 5);
    assert_eq!(log.shown(5)[0], "line 96");
    log.act(Act::Last, 5);
    assert!(log.is_followed());
    assert_eq!(log.shown(1), ["line 120"]);
}

#[test]
fn a_filter_narrows_with_each_key() {
    let mut log = log();
    log.act(Act::Filter, 5);
    let (number, asked) = look(&typed(&mut log, "1"));
    assert_eq!(asked.filter, "1");
    assert!(typed(&mut log, "1").is_empty(), "one at a time");
    assert_eq!(log.shown(20).len(), 10, "what does not pass goes at once");
    let (again, _) = log.page(number, page(0..5, false), 5);
    assert_eq!(
        look(&again).1.filter,
        "11",
        "and what was typed meanwhile after the answer"
    );
    let (last, _) = look(&again);
    log.page(last, page(110..112, false), 5);
    assert_eq!(log.shown(9), ["line 110", "line 111"]);
    log.key(&KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
    assert!(!log.is_typing());
    assert_eq!(look(&log.act(Act::Back, 5)).1.filter, "");
}

#[test]
fn a_wrong_level_is_said_and_asks_for_nothing() {
    let mut log = log();
    log.act(Act::Filter, 5);
    let (number, _) = look(&typed(&mut log, "l"));
    typed(&mut log, "evel:");
    log.page(number, page(0..1, false), 5);
    log.reset();
    assert!(typed(&mut log, "x").is_empty());
    assert!(log.problem().unwrap().contains("no level x"));
    let why = Err("There is no job.".to_owned());
    let (number, _) = look(&log.turn_to(LogOf::Worker));
    assert_eq!(log.page(number, why.clone(), 5), (vec![], true));
    let (number, _) = look(&log.more());
    assert_eq!(log.page(number, why, 5), (vec![], false));
    assert!(log.shown(9).is_empty());
}
