//! What `-o` says on the command line: a file, a folder, a pattern of names, a device, or standard output.

use std::path::{Path, PathBuf};

use darkroom_daemon::deliver::{self, Disagreement, Pattern, literal};
use darkroom_protocol::sampler::Named;
use darkroom_protocol::{Format, Output};

use crate::local::expand_home;
use crate::{Error, Result, say};

/// Where the pictures of a job go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// They stay in the daemon's gallery.
    Gallery,
    /// One picture's bytes go to standard output.
    Stdout,
    /// One picture's bytes go into a pipe or a device.
    Special(PathBuf),
    /// Files are written.
    Files(Files),
}

/// Files to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The path as it was typed, with the home directory filled in and a folder ending in `/`.
    text: String,
    /// The same, read.
    pub pattern: Pattern,
    /// Whether files are replaced.
    pub force: bool,
    /// The rights that new files lack.
    pub umask: u32,
}

/// What is asked of `-o`.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The path; the gallery when absent.
    pub output: Option<&'a str>,
    /// How many pictures there will be.
    pub batch: u32,
    /// What their format is.
    pub made: Made,
    /// Whether files are replaced.
    pub force: bool,
}

/// The format of the pictures.
#[derive(Clone, Copy, Debug)]
pub enum Made {
    /// What `--format` says; the path may say it otherwise.
    Asked(Option<Format>),
    /// What they have already.
    Already(Format),
}

/// What the path rules need to know of the world.
pub struct Surroundings<'a> {
    /// The home directory, for `~`.
    pub home: Option<&'a Path>,
    /// Whether a path is a folder.
    pub is_folder: &'a dyn Fn(&Path) -> bool,
    /// Whether a path is a device, a pipe or a socket.
    pub is_special: &'a dyn Fn(&Path) -> bool,
}

/// The umask of this process. It is asked for before there are other threads.
pub fn umask() -> u32 {
    let mask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    rustix::process::umask(mask);
    mask.as_raw_mode() & 0o777
}

/// Reads `-o`: the target, and the file format that its extension asks for.
///
/// # Errors
/// [`Error::Usage`] when it contradicts the format, cannot take all pictures, or has fields that do not exist.
pub fn plan(wanted: Wanted<'_>) -> Result<(Target, Option<Format>)> {
    use std::os::unix::fs::FileTypeExt;
    let kind = |path: &Path| std::fs::metadata(path).ok().map(|meta| meta.file_type());
    let home = crate::local::home();
    let surroundings = Surroundings {
        home: home.as_deref(),
        is_folder: &|path| kind(path).is_some_and(|k| k.is_dir()),
        is_special: &|path| {
            let special =
                kind(path).is_some_and(|k| k.is_char_device() || k.is_block_device() || k.is_fifo() || k.is_socket());
            special || is_descriptor(path)
        },
    };
    plan_in(wanted, &surroundings)
}

/// Whether the path means an open file of this process.
fn is_descriptor(path: &Path) -> bool {
    path == Path::new("/dev/stderr") || path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd")
}

fn is_stdout(path: &str) -> bool {
    matches!(path, "-" | "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1")
}

fn plan_in(wanted: Wanted<'_>, surroundings: &Surroundings<'_>) -> Result<(Target, Option<Format>)> {
    let (made, asked) = (wanted.made, wanted.made.format());
    let Some(output) = wanted.output else {
        return Ok((Target::Gallery, asked));
    };
    if output.is_empty() {
        return Err(Error::Usage("-o is empty: name a file, a folder or `-`.".to_owned()));
    }
    if is_stdout(output) {
        one_only(output, wanted)?;
        return Ok((Target::Stdout, asked));
    }
    let unusable = |why: &dyn std::fmt::Display| Error::Usage(format!("-o {}: {why}.", say::brief(output, 200)));
    // A home directory has no fields.
    let home = surroundings.home.and_then(Path::to_str).map(literal);
    let path = expand_home(output, home.as_deref().map(Path::new));
    let mut text = path.to_string_lossy().into_owned();
    let plain = PathBuf::from(text.replace("{{", "{").replace("}}", "}"));
    if (surroundings.is_special)(&plain) {
        one_only(output, wanted)?;
        return Ok((Target::Special(plain), asked));
    }
    if !text.ends_with('/') && (surroundings.is_folder)(&plain) {
        text.push('/');
    }
    let pattern = Pattern::parse(&text).map_err(|e| unusable(&e))?;
    let format = deliver::agree_format(&pattern, asked).map_err(|why| disagreement(output, made, &why))?;
    let files = Files {
        text,
        pattern,
        force: wanted.force,
        umask: umask(),
    };
    Ok((Target::Files(files), format))
}

impl Made {
    fn format(self) -> Option<Format> {
        match self {
            Self::Asked(format) => format,
            Self::Already(format) => Some(format),
        }
    }
}

fn one_only(output: &str, wanted: Wanted<'_>) -> Result<()> {
    let batch = wanted.batch;
    if batch <= 1 {
        return Ok(());
    }
    Err(Error::Usage(match wanted.made {
        Made::Asked(_) => format!("-o {output} takes one picture and --batch asks for {batch}: name a folder."),
        Made::Already(_) => format!("-o {output} takes one picture and there are {batch}: name a folder."),
    }))
}

fn disagreement(output: &str, made: Made, why: &Disagreement) -> Error {
    let shown = say::brief(output, 200);
    Error::Usage(match (why, made) {
        (Disagreement::Contradicts(format), Made::Asked(_)) => format!(
            "-o {shown} and --format {} contradict each other: leave one out.",
            format.name()
        ),
        (Disagreement::Contradicts(format), Made::Already(_)) => {
            format!(
                "-o {shown}: the pictures are {0}, so the name must end in .{0}.",
                format.name()
            )
        }
        (Disagreement::Unknown(extension), _) => format!(
            "-o {shown}: there is no format {}; pictures are png, jpg or webp.",
            say::brief(extension, 20)
        ),
    })
}

impl Files {
    /// What the daemon is told; `None` where the working directory cannot be spelled.
    pub fn output(&self) -> Option<Output> {
        let path = match self.text.starts_with('/') {
            true => self.text.clone(),
            false => format!("{}{}", self.here()?, self.text),
        };
        let folder = Pattern::parse(&path).ok()?.fixed_folder();
        Some(Output {
            path,
            force: self.force,
            umask: self.umask,
            zone: std::env::var("TZ").ok().filter(|zone| !zone.is_empty()),
            seen: deliver::look(&folder),
        })
    }

    /// The path of a file that the daemon wrote, as the person would spell it.
    pub fn spelled(&self, path: &str) -> PathBuf {
        let here = std::env::current_dir().ok().filter(|_| !self.text.starts_with('/'));
        let inside = here.and_then(|here| {
            let here = here.to_str()?.trim_end_matches('/').to_owned();
            path.strip_prefix(&here)?.strip_prefix('/')
        });
        PathBuf::from(inside.unwrap_or(path))
    }

    /// The working directory as the beginning of a pattern.
    fn here(&self) -> Option<String> {
        let here = std::env::current_dir().ok()?;
        Some(format!("{}/", literal(here.to_str()?.trim_end_matches('/'))))
    }
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
