//! Where a job's pictures are brought besides the gallery, and what became of that.
//!
//! A client sends an [`Output`] with the job; the daemon stores it, brings every picture there once it is finished, and keeps a
//! [`Delivery`] a picture. How the path is read and the file is written is the daemon's `deliver`.

use serde::{Deserialize, Serialize};

/// Where pictures go besides the gallery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Absolute. A file, with `{seed}` and other fields filled in, or a folder where it ends in `/`.
    pub path: String,
    /// Whether a file of that name is replaced; otherwise a number is added to the name.
    #[serde(default)]
    pub force: bool,
    /// The rights that new files and folders lack, as the umask of whoever asks has them: 0 to 0o777.
    #[serde(default = "private")]
    pub umask: u32,
    /// The time zone of `{date}` and `{time}`, as `TZ` spells it; the daemon's when absent.
    #[serde(default)]
    pub zone: Option<String>,
    /// A folder above the path as the asker sees it. A daemon that sees another one there is on another machine, and leaves the
    /// pictures to whoever asks.
    #[serde(default)]
    pub seen: Option<Seen>,
}

fn private() -> u32 {
    0o077
}

/// A folder, told apart from every other folder of every machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Absolute.
    pub folder: String,
    /// The system that sees it, as it names itself until it is started again.
    pub system: String,
    /// The number of its file system.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
}

/// What became of bringing a picture to where it was wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The picture's place in its job.
    pub index: u32,
    /// Where it is, or where it was to be.
    pub path: String,
    /// The name that it would have had, where a file had it already.
    #[serde(default)]
    pub taken: Option<String>,
    /// Why it is not there; it is in the gallery all the same.
    #[serde(default)]
    pub problem: Option<String>,
}
