//! How a worker process ended, and who is to blame: its task, somebody outside, or nobody known. What follows from that is decided
//! by the dispatcher.

use std::fmt;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

/// The signals of faults and aborts: what a process does to itself.
const FAULTS: [(i32, &str); 6] = [
    (libc::SIGSEGV, "SIGSEGV"),
    (libc::SIGABRT, "SIGABRT"),
    (libc::SIGBUS, "SIGBUS"),
    (libc::SIGILL, "SIGILL"),
    (libc::SIGFPE, "SIGFPE"),
    (libc::SIGSYS, "SIGSYS"),
];
const OTHERS: [(i32, &str); 4] = [
    (libc::SIGKILL, "SIGKILL"),
    (libc::SIGTERM, "SIGTERM"),
    (libc::SIGINT, "SIGINT"),
    (libc::SIGHUP, "SIGHUP"),
];

/// How a worker ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Death {
    /// Why the daemon ended it; `None` when it ended by itself or by somebody else.
    pub ordered: Option<String>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The code it returned.
    pub code: Option<i32>,
    /// Whether the kernel ended it for want of memory.
    pub out_of_memory: bool,
    /// The last lines it printed.
    pub last_lines: Vec<String>,
}

impl Death {
    /// A death of that status, of which `ordered` is the daemon's reason.
    pub fn of(status: Option<ExitStatus>, ordered: Option<String>) -> Self {
        Self {
            ordered,
            signal: status.and_then(|s| s.signal()),
            code: status.and_then(|s| s.code()),
            ..Self::default()
        }
    }

    /// Whether the task it worked on is to blame: a fault, an abort, or more memory than there is.
    pub fn is_tasks_doing(&self) -> bool {
        let fault = self.signal.is_some_and(|s| FAULTS.iter().any(|(fault, _)| *fault == s));
        self.ordered.is_none() && (fault || self.out_of_memory)
    }

    /// Whether somebody outside ended it: neither the task nor the worker's program is to blame, however often it happens.
    pub fn is_from_outside(&self) -> bool {
        let other = self.signal.is_some_and(|s| OTHERS.iter().any(|(other, _)| *other == s));
        self.ordered.is_none() && !self.out_of_memory && other
    }
}

/// Completes "The worker …", and gives its last line.
impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.ordered, self.signal, self.code) {
            (Some(reason), ..) => f.write_str(reason)?,
            (None, Some(_), _) if self.out_of_memory => {
                f.write_str("was ended by the kernel: the machine is out of memory")?
            }
            (None, Some(signal), _) => write!(f, "was ended by {}", name(signal))?,
            (None, None, Some(code)) => write!(f, "ended with code {code}")?,
            (None, None, None) => f.write_str("ended")?,
        }
        match self.last_lines.last() {
            Some(line) => write!(f, ". It said last: {}", line.trim_end_matches('.')),
            None => Ok(()),
        }
    }
}

fn name(signal: i32) -> String {
    let known = FAULTS.iter().chain(&OTHERS).find(|(number, _)| *number == signal);
    known.map_or_else(|| format!("signal {signal}"), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn by(signal: i32) -> Death {
        Death::of(Some(ExitStatus::from_raw(signal)), None)
    }

    #[rstest]
    #[case(libc::SIGSEGV, (true, false), "was ended by SIGSEGV")]
    #[case(libc::SIGABRT, (true, false), "was ended by SIGABRT")]
    #[case(libc::SIGBUS, (true, false), "was ended by SIGBUS")]
    #[case(libc::SIGILL, (true, false), "was ended by SIGILL")]
    #[case(libc::SIGKILL, (false, true), "was ended by SIGKILL")]
    #[case(libc::SIGTERM, (false, true), "was ended by SIGTERM")]
    #[case(libc::SIGUSR2, (false, false), "was ended by signal 12")]
    fn a_signal_tells_who_is_to_blame(#[case] signal: i32, #[case] blame: (bool, bool), #[case] words: &str) {
        let death = by(signal);
        assert_eq!((death.is_tasks_doing(), death.is_from_outside()), blame);
        if cfg!(target_os = "linux") {
            assert_eq!(by(signal).to_string(), words);
        }
    }

    #[test]
    fn the_kernels_kill_for_memory_counts_and_ours_does_not() {
        let kernel = Death {
            out_of_memory: true,
            ..by(libc::SIGKILL)
        };
        assert!(kernel.is_tasks_doing() && !kernel.is_from_outside());
        let ours = Death {
            ordered: Some("was ended because it did not stop".to_owned()),
            ..by(libc::SIGABRT)
        };
        assert!(!ours.is_tasks_doing() && !ours.is_from_outside());
        assert_eq!(ours.to_string(), "was ended because it did not stop");
    }

    #[test]
    fn the_last_line_is_told() {
        let death = Death {
            last_lines: vec!["a".to_owned(), "no libtorch.".to_owned()],
            ..Death::of(Some(ExitStatus::from_raw(1 << 8)), None)
        };
        assert_eq!(death.to_string(), "ended with code 1. It said last: no libtorch");
        assert!(!death.is_tasks_doing());
    }
}
