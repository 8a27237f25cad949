//! Numbered places at which a test can make a process die, stages in which it can make memory run out, and places at which it
//! can hold a worker until its job is cancelled, a picture on its way into the gallery, or a commit of the store.
//!
//! `DARKROOM_FAILPOINT=7` aborts the process at point 7, `7:3` the third time it is reached. Without the variable a point
//! costs one relaxed load.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The points: up to 11 in the order in which a job meets them.
pub const POINTS: &[(u32, &str)] = &[
    (1, "daemon: request read, job not yet stored"),
    (2, "daemon: job stored, reply not yet sent"),
    (3, "daemon: job marked running, worker not yet told"),
    (4, "worker: task received"),
    (5, "worker: model loaded"),
    (6, "worker: in the denoise loop"),
    (7, "worker: picture staged, not yet reported"),
    (8, "daemon: picture reported, not yet moved"),
    (9, "daemon: picture moved, row not yet written"),
    (10, "daemon: picture row written, job not yet done"),
    (11, "daemon: job marked done, client not yet told"),
    (12, "daemon: cancel stored, worker not yet told"),
    (13, "daemon: place, priority or hold stored, line not yet told"),
    (14, "daemon: pause or resumption of the queue stored, line not yet told"),
    (15, "daemon: retry stored, line not yet told"),
    (16, "daemon: jobs cleared, client not yet told"),
    (17, "daemon: cancel of all stored, workers not yet told"),
    (18, "daemon: changes written, not yet committed"),
];

static ARMED: OnceLock<Option<(u32, AtomicU32)>> = OnceLock::new();

/// Aborts here when the environment names this point.
pub fn hit(point: u32) {
    let armed = ARMED.get_or_init(|| std::env::var("DARKROOM_FAILPOINT").ok().and_then(|text| parse(&text)));
    if let Some((at, remaining)) = armed
        && *at == point
        && remaining.fetch_sub(1, Ordering::Relaxed) == 1
    {
        eprintln!("failpoint {point} reached");
        std::process::abort();
    }
}

static STARVED: OnceLock<Vec<(String, AtomicU32)>> = OnceLock::new();

/// Whether memory is to run out in the stage of that name: `DARKROOM_STARVE=decode:2,load` does so the first two times that
/// pictures are decoded and the first time that a model is loaded.
pub fn starves(stage: &str) -> bool {
    let starved = STARVED.get_or_init(|| {
        std::env::var("DARKROOM_STARVE")
            .map(|text| stages(&text))
            .unwrap_or_default()
    });
    let Some((_, remaining)) = starved.iter().find(|(name, _)| name == stage) else {
        return false;
    };
    let less = |n: u32| n.checked_sub(1);
    remaining
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
        .is_ok()
}

static HELD: OnceLock<Option<PathBuf>> = OnceLock::new();

/// Whether what is at `place` is to stand still: a worker, such as `denoise:8:2` (phase, picture, step), until its job is cancelled;
/// the daemon, such as `keep:0` (picture) or `commit` (of the store), as if the disk were slow. `DARKROOM_HOLD` names a file, and that
/// a beginning of the place.
/// So a test that cancels a job cannot come too late.
pub fn holds(place: impl FnOnce() -> String) -> bool {
    let file = HELD.get_or_init(|| std::env::var_os("DARKROOM_HOLD").map(PathBuf::from));
    let Some(file) = file else { return false };
    // A file that is not there, or not yet, holds nothing.
    let text = std::fs::read_to_string(file).unwrap_or_default();
    is_at(text.trim(), &place())
}

/// Whether `place` begins with the parts of `wanted`.
fn is_at(wanted: &str, place: &str) -> bool {
    let mut parts = place.split(':');
    !wanted.is_empty() && wanted.split(':').all(|part| parts.next() == Some(part))
}

fn stages(text: &str) -> Vec<(String, AtomicU32)> {
    let one = |part: &str| {
        let (name, times) = part.split_once(':').unwrap_or((part, "1"));
        Some((name.trim().to_owned(), AtomicU32::new(times.parse().ok()?)))
    };
    text.split(',').filter_map(one).collect()
}

fn parse(text: &str) -> Option<(u32, AtomicU32)> {
    let (point, times) = text.split_once(':').unwrap_or((text, "1"));
    Some((point.parse().ok()?, AtomicU32::new(times.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_numbered_in_order() {
        assert!(POINTS.iter().enumerate().all(|(i, (n, _))| *n == i as u32 + 1));
    }

    #[test]
    fn stages_starve_so_often() {
        let found = stages("decode:2, load,x:y");
        let found: Vec<_> = found.into_iter().map(|(name, n)| (name, n.into_inner())).collect();
        assert_eq!(found, [("decode".to_owned(), 2), ("load".to_owned(), 1)]);
        assert!(!starves("decode"));
    }

    #[test]
    fn a_place_is_named_by_its_beginning() {
        for wanted in ["denoise", "denoise:8", "denoise:8:2"] {
            assert!(is_at(wanted, "denoise:8:2"), "{wanted}");
        }
        for wanted in ["", "load", "denoise:1", "denoise:8:2:1"] {
            assert!(!is_at(wanted, "denoise:8:2"), "{wanted}");
        }
        assert!(!holds(|| unreachable!()));
    }

    #[test]
    fn the_variable_names_a_point_and_a_count() {
        let of = |text| parse(text).map(|(p, n)| (p, n.into_inner()));
        assert_eq!(of("7"), Some((7, 1)));
        assert_eq!(of("7:3"), Some((7, 3)));
        assert_eq!(of("x"), None);
    }
}
