//! New UUIDv7s. A clock before 1970 is no reason to have none.

use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use uuid::{ContextV7, Timestamp, Uuid};

/// Later than all before it in this process, however the clock is set.
static CONTEXT: Mutex<ContextV7> = Mutex::new(ContextV7::new());

/// A new id, later than all before it in this process. Before 1970 its time stamp is that of 1970.
pub fn fresh() -> Uuid {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Uuid::new_v7(Timestamp::from_unix(&CONTEXT, since.as_secs(), since.subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_and_differ() {
        let ids: Vec<Uuid> = (0..1000).map(|_| fresh()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
    }
}
