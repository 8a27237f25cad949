use darkroom_protocol::JobState;

/// What may happen to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Move {
    /// A worker takes it.
    Start,
    /// It goes back to wait: its worker or the daemon ended.
    Requeue,
    /// Every picture is on disk.
    Complete,
    /// It cannot be done.
    Fail,
    /// Somebody ended it.
    Cancel,
}

impl Move {
    /// Every move.
    pub const ALL: [Self; 5] = [Self::Start, Self::Requeue, Self::Complete, Self::Fail, Self::Cancel];

    /// The move that ends a job in `state`; `None` when that state is no end.
    pub fn ending(state: JobState) -> Option<Self> {
        match state {
            JobState::Done => Some(Self::Complete),
            JobState::Failed => Some(Self::Fail),
            JobState::Cancelled => Some(Self::Cancel),
            JobState::Queued | JobState::Running => None,
        }
    }

    /// The word that completes "it cannot …".
    pub fn verb(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Requeue => "return to the queue",
            Self::Complete => "be completed",
            Self::Fail => "fail",
            Self::Cancel => "be cancelled",
        }
    }
}

/// The state after a move; `None` when a job in that state cannot make it.
pub fn step(state: JobState, wanted: Move) -> Option<JobState> {
    use JobState::{Cancelled, Done, Failed, Queued, Running};
    match (state, wanted) {
        (Queued, Move::Start) => Some(Running),
        (Queued, Move::Fail) | (Running, Move::Fail) => Some(Failed),
        (Queued, Move::Cancel) | (Running, Move::Cancel) => Some(Cancelled),
        (Queued, Move::Requeue | Move::Complete) => None,
        (Running, Move::Requeue) => Some(Queued),
        (Running, Move::Complete) => Some(Done),
        (Running, Move::Start) => None,
        (Done | Failed | Cancelled, Move::Start | Move::Requeue | Move::Complete | Move::Fail | Move::Cancel) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use JobState::{Cancelled, Done, Failed, Queued, Running};

    #[test]
    fn the_whole_table() {
        let legal = [
            (Queued, Move::Start, Running),
            (Queued, Move::Fail, Failed),
            (Queued, Move::Cancel, Cancelled),
            (Running, Move::Requeue, Queued),
            (Running, Move::Complete, Done),
            (Running, Move::Fail, Failed),
            (Running, Move::Cancel, Cancelled),
        ];
        for state in JobState::ALL {
            for wanted in Move::ALL {
                let expected = legal.iter().find(|(s, m, _)| (*s, *m) == (state, wanted)).map(|l| l.2);
                assert_eq!(step(state, wanted), expected, "{state:?} {wanted:?}");
            }
        }
    }

    #[test]
    fn no_move_leaves_a_final_state_and_every_other_state_can_end() {
        for state in JobState::ALL {
            let ends = Move::ALL.iter().filter_map(|m| step(state, *m)).any(JobState::is_final);
            assert_eq!(ends, !state.is_final());
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
