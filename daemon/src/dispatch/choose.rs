//! Which job of the line runs next on a worker: the first, or one close behind it whose model is in memory. Pure; `assign` asks it
//! for every idle worker.

use super::line::{Entry, MAX_OVERTAKEN};

/// So far down the line a job with a resident model is looked for.
pub const REACH: usize = 32;

/// The job for a worker that has the `resident` models in memory. `line` holds the jobs that may run there, by priority, then
/// age.
///
/// The first one, unless its model would have to be loaded: then the next of the same priority whose model is in memory. No
/// job is passed over more than [`MAX_OVERTAKEN`] times, so that none starves.
pub fn choose<'a>(line: impl Iterator<Item = &'a Entry>, resident: &[String]) -> Option<&'a Entry> {
    let mut line = line.take(REACH);
    let first = line.next()?;
    let is_resident = |entry: &Entry| resident.contains(&entry.waiting.model);
    if is_resident(first) || first.overtaken >= MAX_OVERTAKEN {
        return Some(first);
    }
    let mut peers = line.take_while(|entry| entry.waiting.priority == first.waiting.priority);
    Some(peers.find(|entry| is_resident(entry)).unwrap_or(first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Waiting;
    use darkroom_protocol::JobId;
    use rstest::rstest;
    use std::time::Instant;

    /// Written `model`, `model!` for high priority, `model+` for overtaken as often as allowed.
    fn entry(spec: &str) -> Entry {
        let waiting = Waiting {
            job: JobId::new(),
            priority: i32::from(spec.contains('!')),
            place: 0,
            held: false,
            model: spec.trim_end_matches(['!', '+']).to_owned(),
            device: String::new(),
        };
        Entry {
            waiting,
            overtaken: if spec.contains('+') { MAX_OVERTAKEN } else { 0 },
            since: Instant::now(),
        }
    }

    #[rstest]
    #[case(&[], &["a"], None)]
    #[case(&["a", "b"], &[], Some(0))]
    #[case(&["a", "b"], &["a", "b"], Some(0))]
    #[case(&["a", "b", "b"], &["b"], Some(1))]
    #[case(&["a", "b"], &["c"], Some(0))]
    #[case(&["a!", "b"], &["b"], Some(0))]
    #[case(&["a!", "b!", "b"], &["b"], Some(1))]
    #[case(&["a+", "b"], &["b"], Some(0))]
    fn priority_then_residency_then_age(
        #[case] line: &[&str],
        #[case] resident: &[&str],
        #[case] expected: Option<usize>,
    ) {
        let line: Vec<Entry> = line.iter().map(|spec| entry(spec)).collect();
        let resident: Vec<String> = resident.iter().map(|m| (*m).to_owned()).collect();
        let chosen = choose(line.iter(), &resident).map(|e| e.waiting.job);
        assert_eq!(chosen, expected.map(|at| line[at].waiting.job));
    }

    #[test]
    fn a_resident_model_far_down_the_line_does_not_count() {
        let mut line: Vec<Entry> = (0..REACH).map(|_| entry("a")).collect();
        line.push(entry("b"));
        let chosen = choose(line.iter(), &["b".to_owned()]).unwrap();
        assert_eq!(chosen.waiting.job, line[0].waiting.job);
    }
}
