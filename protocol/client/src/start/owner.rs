//! Whether a daemon lives: who holds its lock. A client asks before it starts one, and when nobody answers.

use std::fs::TryLockError;
use std::io;

use darkroom_protocol::files;
use darkroom_protocol::paths::{LockRecord, Paths};

use crate::lock_record;

/// Who holds the daemon's lock.
#[derive(Debug)]
pub enum Owner {
    /// Nobody: no daemon lives.
    Nobody,
    /// A living daemon, as far as it has signed.
    Somebody(Option<LockRecord>),
}

/// Looks at the lock, without writing anything. A process that merely exists proves nothing, and a pid may have passed on: only
/// the lock counts.
///
/// # Errors
/// What the system says of the lock's file.
pub fn owner(paths: &Paths) -> io::Result<Owner> {
    let lock = paths.lock();
    let file = match files::open(&lock) {
        Ok(file) => file,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Owner::Nobody);
        }
        Err(e) => return Err(e),
    };
    match file.try_lock() {
        Ok(()) => Ok(Owner::Nobody),
        Err(TryLockError::WouldBlock) => Ok(Owner::Somebody(lock_record(&lock))),
        Err(TryLockError::Error(e)) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn only_the_lock_counts() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path());
        assert!(matches!(owner(&paths).unwrap(), Owner::Nobody));
        std::fs::create_dir_all(&paths.data).unwrap();
        let pid = std::process::id();
        let record = format!(r#"{{"pid":{pid},"version":"0.1.0","protocol":1,"socket":"/x"}}"#);
        std::fs::write(paths.lock(), record).unwrap();
        assert!(
            matches!(owner(&paths).unwrap(), Owner::Nobody),
            "a record without a lock"
        );
        let held = File::open(paths.lock()).unwrap();
        held.lock().unwrap();
        let Owner::Somebody(Some(record)) = owner(&paths).unwrap() else {
            panic!("the lock is held");
        };
        assert_eq!(record.pid, pid);
        std::fs::write(paths.lock(), "").unwrap();
        assert!(
            matches!(owner(&paths).unwrap(), Owner::Somebody(None)),
            "not signed yet"
        );
    }
}
