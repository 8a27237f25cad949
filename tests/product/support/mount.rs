use std::path::{Path, PathBuf};
use std::process::Command;

/// A mount that goes with this value.
pub struct Mount(PathBuf);

impl Mount {
    /// Mounts with these arguments of `mount`; `None` where only root may.
    pub fn new(at: &Path, args: &[&str]) -> Option<Self> {
        let done = Command::new("mount").args(args).arg(at).output();
        done.is_ok_and(|output| output.status.success())
            .then(|| Self(at.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
