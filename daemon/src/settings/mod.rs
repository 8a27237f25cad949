//! The person's settings: `config.toml`. A missing file is no settings; a wrong one is refused with the line. A change counts from
//! the next request on.
//!
//! ```toml
//! model = "sd15"            # used when none is named: a name from the folders below, or a path
//! models = ["~/models"]     # folders whose subfolders and .safetensors files are models, known by their names
//! loras = ["~/loras"]       # folders of LoRAs, beside the daemon's own
//! device = "cuda:0"         # where jobs run that name none
//! devices = ["cuda:0", "cuda:1"]   # instead: jobs that name none run on all of these at once
//! dtype = "bf16"
//! threads = 8
//! keep_alive = "10m"       # how long models stay in memory; or a table: { default = "10m", sd15 = "forever" }
//! memory_budget = "6GB"     # what models may take on one device
//! keep_logs = "30d"         # logs of jobs go after that, or "forever"
//! keep_logs_bytes = "1GB"   # and the oldest of them beyond that
//! keep_cleared = "30d"      # jobs that were taken off the list are forgotten after that; pictures stay
//! keep_trash = "30d"        # pictures in the trash are removed for good after that
//! [hosts]                   # machines for `darkroom -H`
//! box = "me@10.0.0.3"
//! ```

mod bytes;
mod hosts;
mod keeping;
mod live;
mod parse;

pub use live::Live;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use darkroom_protocol::device::canonical_device;
use darkroom_protocol::files;
use darkroom_protocol::host::Host;
use darkroom_protocol::text::fold;
use darkroom_protocol::{Dtype, KeepAlive};

use crate::{Error, Result};

/// A key of the file, for the documentation.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What it takes.
    pub takes: &'static str,
    /// What counts where it is absent.
    pub default: &'static str,
    /// What it means.
    pub help: &'static str,
    /// A line to begin with.
    pub example: &'static str,
}

/// Every key, in the order in which errors name them.
pub const KEYS: &[Key] = &[
    Key {
        name: "model",
        takes: "a name, or a path that begins with / or ~/",
        default: "the embedded `emoji`",
        help: "The model of requests that name none.",
        example: "model = \"~/models/sd15\"",
    },
    Key {
        name: "models",
        takes: "a list of folders",
        default: "none",
        help: "Folders whose subfolders and .safetensors files are models, known by their names.",
        example: "models = [\"~/models\"]",
    },
    Key {
        name: "loras",
        takes: "a list of folders",
        default: "none",
        help: "Folders whose .safetensors files are LoRAs, known by their names; `loras` in the data folder is one anyway.",
        example: "loras = [\"~/loras\"]",
    },
    Key {
        name: "device",
        takes: "cpu, cuda:0, xpu:0, mps, …",
        default: "the best that the machine has",
        help: "Where jobs run that name no device.",
        example: "device = \"cuda:0\"",
    },
    Key {
        name: "devices",
        takes: "a list of devices",
        default: "the one device",
        help: "Instead of `device`: jobs that name none run on all of these at once.",
        example: "devices = [\"cuda:0\", \"cuda:1\"]",
    },
    Key {
        name: "dtype",
        takes: "auto, f32, bf16 or f16",
        default: "auto",
        help: "The number format to compute in.",
        example: "dtype = \"bf16\"",
    },
    Key {
        name: "threads",
        takes: "a whole number from 1 to 1024",
        default: "one a physical core",
        help: "Threads of the CPU device.",
        example: "threads = 8",
    },
    Key {
        name: "keep_alive",
        takes: "a time such as \"10m\", \"90s\" or 0, \"forever\", or a table of times by model, with `default`",
        default: "10m",
        help: "How long models stay in memory after their last use.",
        example: "keep_alive = { default = \"10m\", sd15 = \"forever\" }",
    },
    Key {
        name: "memory_budget",
        takes: "a size such as \"6GB\" or \"800MB\"",
        default: "half of main memory, or most of a GPU's",
        help: "What models may take of one device's memory.",
        example: "memory_budget = \"6GB\"",
    },
    Key {
        name: "keep_logs",
        takes: "a time such as \"30d\" or \"12h\", or \"forever\"",
        default: "30d",
        help: "How long the logs of jobs that have ended are kept.",
        example: "keep_logs = \"30d\"",
    },
    Key {
        name: "keep_logs_bytes",
        takes: "a size such as \"1GB\" or \"100MB\"",
        default: "1GB",
        help: "What the logs of jobs may take together; the oldest go first.",
        example: "keep_logs_bytes = \"1GB\"",
    },
    Key {
        name: "keep_cleared",
        takes: "a time such as \"30d\", or \"forever\"",
        default: "30d",
        help: "How long jobs are remembered that were taken off the list; their pictures stay.",
        example: "keep_cleared = \"30d\"",
    },
    Key {
        name: "keep_trash",
        takes: "a time such as \"30d\", or \"forever\"",
        default: "30d",
        help: "How long pictures stay in the trash before they are removed for good.",
        example: "keep_trash = \"30d\"",
    },
    Key {
        name: "hosts",
        takes: "a table of names: each `\"user@box\"`, or `{ at, ssh, program }`: the destination, the command that stands for ssh, the darkroom there",
        default: "none",
        help: "Other machines, for `darkroom -H NAME`; names that ssh knows need no line here.",
        example: "hosts = { box = \"me@10.0.0.3\" }",
    },
];

/// The longest settings file, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// What requests fall back on before the model's own defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The model to use when none is named: an absolute path, or a name.
    pub model: Option<String>,
    /// Folders whose subfolders and .safetensors files are models; absolute.
    pub models: Vec<PathBuf>,
    /// Folders whose .safetensors files are LoRAs; absolute.
    pub loras: Vec<PathBuf>,
    /// The device to compute on.
    pub device: Option<String>,
    /// Devices to compute on at once, each once and in its one spelling.
    pub devices: Vec<String>,
    /// The number format to compute in.
    pub dtype: Option<Dtype>,
    /// Threads of the CPU device.
    pub threads: Option<u32>,
    /// How long models stay in memory after their last use.
    pub keep_alive: KeepAlive,
    /// The same for some models, by name.
    pub keep_alive_of: BTreeMap<String, KeepAlive>,
    /// Bytes that models may take in the memory of one device.
    pub memory_budget: Option<u64>,
    /// How long what has been done with is kept.
    pub keep: Keep,
    /// Other machines, by the names that they have here. Only the command asks for them.
    pub hosts: BTreeMap<String, Host>,
}

/// How long what has been done with is kept. Pictures stay, but for those in the trash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Logs of jobs, since they were last written.
    pub logs: KeepAlive,
    /// Bytes of these logs together, beyond which the oldest go.
    pub logs_bytes: u64,
    /// Rows of jobs that were taken off the list, since then.
    pub cleared: KeepAlive,
    /// Pictures in the trash, since they came there.
    pub trash: KeepAlive,
}

impl Default for Keep {
    fn default() -> Self {
        let days = |days: u64| KeepAlive::Seconds(days * 86_400);
        Self {
            logs: days(30),
            logs_bytes: 1_000_000_000,
            cleared: days(30),
            trash: days(30),
        }
    }
}

impl Settings {
    /// The devices that get a worker from the start: those to compute on at once, else the one that is set.
    pub(crate) fn workers(&self) -> Vec<String> {
        let one = self.device.as_deref().and_then(canonical_device);
        match self.devices.as_slice() {
            [] => one.into_iter().collect(),
            devices => devices.to_vec(),
        }
    }

    /// How long the model of that name stays in memory; case, spaces, `_` and `-` do not matter.
    pub(crate) fn keep_alive_for(&self, model: &str) -> KeepAlive {
        let own = self.keep_alive_of.iter().find(|(name, _)| fold(name) == fold(model));
        own.map_or(self.keep_alive, |(_, keep_alive)| *keep_alive)
    }

    /// The settings in the file at `path`; the default ones when there is no file.
    ///
    /// # Errors
    /// [`Error::Settings`] with the line, or with what is there instead of a file of at most 1 MiB; [`Error::Io`] when the
    /// file cannot be read.
    pub fn load(path: &Path) -> Result<Self> {
        let wrong = |what: String| Error::Settings {
            path: path.to_owned(),
            what,
        };
        let text = match files::read_text(path, MAX_BYTES) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => {
                return Err(match e.kind() {
                    ErrorKind::InvalidInput => wrong(format!("{e}: put a file there, or remove it.")),
                    ErrorKind::InvalidData => wrong("is not UTF-8: save it as UTF-8 text.".to_owned()),
                    ErrorKind::FileTooLarge => wrong(format!(
                        "has more bytes than settings have, which are at most {MAX_BYTES}: shorten it."
                    )),
                    _ => Error::io("read", path, e),
                });
            }
        };
        let home = directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
        Self::parse(&text, home.as_deref()).map_err(|what| Error::Settings {
            path: path.to_owned(),
            what,
        })
    }
}

#[cfg(test)]
mod tests;
