//! The moves that a job can make and where each leads. Pure: the store asks it within each transition; nothing here knows rows.

use darkroom_protocol::JobState;

/// What may happen to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Move {
    /// A worker takes it.
    Start,
    /// It goes back to wait: its worker or the daemon ended.
    Requeue,
    /// Somebody asks for its end while it runs.
    AskEnd,
    /// Every picture is on disk.
    Complete,
    /// It cannot be done.
    Fail,
    /// Somebody ended it.
    Cancel,
    /// Somebody wants it again.
    Retry,
    /// It gets another priority or place, is held back or let go.
    Place,
}

impl Move {
    /// Every move.
    pub const ALL: [Self; 8] = [
        Self::Start,
        Self::Requeue,
        Self::AskEnd,
        Self::Complete,
        Self::Fail,
        Self::Cancel,
        Self::Retry,
        Self::Place,
    ];

    /// The move that ends a job in `state`; `None` when that state is no end.
    pub fn ending(state: JobState) -> Option<Self> {
        match state {
            JobState::Done => Some(Self::Complete),
            JobState::Failed => Some(Self::Fail),
            JobState::Cancelled => Some(Self::Cancel),
            JobState::Queued | JobState::Running | JobState::Cancelling => None,
        }
    }

    /// The word that completes "it cannot …".
    pub fn verb(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Requeue => "return to the queue",
            Self::AskEnd => "be told to end",
            Self::Complete => "be completed",
            Self::Fail => "fail",
            Self::Cancel => "be cancelled",
            Self::Retry => "be tried again",
            Self::Place => "be moved or held back",
        }
    }

    /// What to do where this move is refused in `state`, as the end of a sentence; empty when nothing is to be done.
    pub fn remedy(self, state: JobState) -> &'static str {
        use JobState::{Cancelled, Cancelling, Done, Failed, Queued, Running};
        match (self, state) {
            (Self::Retry, Done) => ": `darkroom generate` makes new pictures",
            (Self::Retry, Queued | Running | Cancelling) => " before it has ended: `darkroom wait` watches it",
            (Self::Place, Running) => ": `darkroom cancel --after-picture` ends it with the pictures that it has",
            (Self::Place, Failed | Cancelled) => ": `darkroom queue retry` puts it into the queue again",
            _ => "",
        }
    }
}

/// The state after a move; `None` when a job in that state cannot make it.
pub fn step(state: JobState, wanted: Move) -> Option<JobState> {
    use JobState::{Cancelled, Cancelling, Done, Failed, Queued, Running};
    match (state, wanted) {
        (Queued, Move::Start) => Some(Running),
        (Running, Move::AskEnd) => Some(Cancelling),
        (Queued | Running | Cancelling, Move::Fail) => Some(Failed),
        (Queued | Running | Cancelling, Move::Cancel) => Some(Cancelled),
        (Queued, Move::Requeue | Move::Complete) => None,
        (Running, Move::Requeue) => Some(Queued),
        // Whoever asked for its end does not want it made again.
        (Cancelling, Move::Requeue) => Some(Cancelled),
        (Running | Cancelling, Move::Complete) => Some(Done),
        (Running | Cancelling, Move::Start) => None,
        (Queued, Move::Place) => Some(Queued),
        (Failed | Cancelled, Move::Retry) => Some(Queued),
        (Queued | Running | Cancelling | Done, Move::Retry) => None,
        (Running | Cancelling | Done | Failed | Cancelled, Move::Place) => None,
        (Queued | Cancelling | Done | Failed | Cancelled, Move::AskEnd) => None,
        (Done | Failed | Cancelled, Move::Start | Move::Requeue | Move::Complete | Move::Fail | Move::Cancel) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use JobState::{Cancelled, Cancelling, Done, Failed, Queued, Running};

    #[test]
    fn the_whole_table() {
        let legal = [
            (Queued, Move::Start, Running),
            (Queued, Move::Fail, Failed),
            (Queued, Move::Cancel, Cancelled),
            (Running, Move::Requeue, Queued),
            (Running, Move::AskEnd, Cancelling),
            (Cancelling, Move::Requeue, Cancelled),
            (Cancelling, Move::Complete, Done),
            (Cancelling, Move::Fail, Failed),
            (Cancelling, Move::Cancel, Cancelled),
            (Running, Move::Complete, Done),
            (Running, Move::Fail, Failed),
            (Running, Move::Cancel, Cancelled),
            (Queued, Move::Place, Queued),
            (Failed, Move::Retry, Queued),
            (Cancelled, Move::Retry, Queued),
        ];
        for state in JobState::ALL {
            for wanted in Move::ALL {
                let expected = legal.iter().find(|(s, m, _)| (*s, *m) == (state, wanted)).map(|l| l.2);
                assert_eq!(step(state, wanted), expected, "{state:?} {wanted:?}");
            }
        }
    }

    #[test]
    fn an_end_is_left_by_retry_alone_and_every_other_state_can_end() {
        for state in JobState::ALL {
            let after = |m: &Move| step(state, *m);
            assert_eq!(
                Move::ALL.iter().filter_map(after).any(JobState::is_final),
                !state.is_final()
            );
            let leaving = Move::ALL.into_iter().filter(|m| after(m).is_some());
            assert!(!state.is_final() || leaving.into_iter().all(|m| m == Move::Retry));
        }
        assert_eq!(step(Done, Move::Retry), None);
    }

    #[test]
    fn only_refused_moves_have_a_remedy() {
        for state in JobState::ALL {
            for wanted in Move::ALL.into_iter().filter(|m| step(state, *m).is_some()) {
                assert_eq!(wanted.remedy(state), "", "{state:?} {wanted:?}");
            }
        }
    }

    #[test]
    fn an_ending_leads_to_its_state() {
        for state in JobState::ALL {
            match Move::ending(state) {
                Some(ending) => assert_eq!(step(Running, ending), Some(state)),
                None => assert!(!state.is_final()),
            }
        }
    }
}
