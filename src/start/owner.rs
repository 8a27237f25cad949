use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

use darkroom_protocol::client::lock_record;
use darkroom_protocol::paths::{LockRecord, Paths};

/// Who holds the daemon's lock.
#[derive(Debug)]
pub enum Owner {
    /// Nobody: no daemon lives.
    Nobody,
    /// A living daemon, as far as it has signed.
    Somebody(Option<LockRecord>),
}

/// Looks at the locks. A process that merely exists proves nothing, and a pid may have passed on: only a lock counts.
///
/// # Errors
/// What the system says of a lock file.
pub fn owner(paths: &Paths) -> io::Result<Owner> {
    for lock in paths.locks() {
        if let held @ Owner::Somebody(_) = holder(&lock)? {
            return Ok(held);
        }
    }
    Ok(Owner::Nobody)
}

fn holder(lock: &Path) -> io::Result<Owner> {
    let file = match File::options().read(true).write(true).open(lock) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Owner::Nobody),
        Err(e) => return Err(e),
    };
    match file.try_lock() {
        Ok(()) => Ok(Owner::Nobody),
        Err(TryLockError::WouldBlock) => Ok(Owner::Somebody(lock_record(lock))),
        Err(TryLockError::Error(e)) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lock_counts() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::under(dir.path());
        assert!(matches!(owner(&paths).unwrap(), Owner::Nobody));
        for folder in [&paths.data, &paths.state] {
            std::fs::create_dir_all(folder).unwrap();
        }
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
        drop(held);
        let beside = File::create(paths.data_lock()).unwrap();
        beside.lock().unwrap();
        assert!(
            matches!(owner(&paths).unwrap(), Owner::Somebody(None)),
            "one that has other folders but this database"
        );
    }
}
