use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{JobState, Reply, failpoint};

use crate::server::answer::Answer;
use crate::store::Store;

/// Takes ended jobs off the list, or counts them.
pub async fn clear(store: &Store, states: &[JobState], dry_run: bool) -> Result<Answer, RemoteError> {
    if let Some(state) = states.iter().find(|state| !state.is_final()) {
        return Err(RemoteError::usage(format!(
            "Only jobs that have ended can be cleared: `darkroom cancel` ends those that are {}.",
            state.name()
        )));
    }
    let states = if states.is_empty() { &JobState::ALL } else { states };
    let (jobs, kept) = if dry_run {
        store.clearable(states).await?
    } else {
        let cleared = store.clear(states).await?;
        failpoint::hit(16);
        cleared
    };
    Ok(Reply::Cleared { jobs, kept }.into())
}
