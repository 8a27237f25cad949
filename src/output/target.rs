use std::path::{Path, PathBuf};

use darkroom_protocol::Format;
use darkroom_protocol::sampler::Named;

use super::pattern::{Name, Pattern};
use crate::local::expand_home;
use crate::{Error, Result, say};

/// Where the pictures of a job go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// They stay in the daemon's gallery.
    Gallery,
    /// One picture's bytes go to standard output.
    Stdout,
    /// The client writes files.
    Files(Pattern),
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

/// Reads `-o`: the target, and the file format that its extension asks for.
///
/// # Errors
/// [`Error::Usage`] when it contradicts `format` or cannot take `batch` pictures.
pub fn plan(output: Option<&str>, batch: u32, format: Option<Format>) -> Result<(Target, Option<Format>)> {
    use std::os::unix::fs::FileTypeExt;
    let kind = |path: &Path| std::fs::metadata(path).ok().map(|meta| meta.file_type());
    let home = crate::local::home();
    let surroundings = Surroundings {
        home: home.as_deref(),
        is_folder: &|path| kind(path).is_some_and(|k| k.is_dir()),
        is_special: &|path| {
            kind(path).is_some_and(|k| k.is_char_device() || k.is_block_device() || k.is_fifo() || k.is_socket())
        },
    };
    plan_in(output, batch, format, &surroundings)
}

fn plan_in(
    output: Option<&str>,
    batch: u32,
    format: Option<Format>,
    surroundings: &Surroundings<'_>,
) -> Result<(Target, Option<Format>)> {
    let Some(output) = output else {
        return Ok((Target::Gallery, format));
    };
    if output.is_empty() {
        return Err(Error::Usage("-o is empty: name a file, a folder or `-`.".to_owned()));
    }
    if output == "-" {
        one_only(output, batch)?;
        return Ok((Target::Stdout, format));
    }
    let path = expand_home(output, surroundings.home);
    if output.ends_with('/') || (surroundings.is_folder)(&path) {
        let name = Name::Gallery;
        return Ok((Target::Files(Pattern { folder: path, name }), format));
    }
    if (surroundings.is_special)(&path) {
        one_only(output, batch)?;
        return Ok((Target::Files(Pattern::special(path)), format));
    }
    let format = agree(output, &path, format)?;
    Ok((Target::Files(pattern(output, &path, batch)?), format))
}

fn one_only(output: &str, batch: u32) -> Result<()> {
    if batch > 1 {
        return Err(Error::Usage(format!(
            "-o {output} takes one picture and --batch asks for {batch}: name a folder."
        )));
    }
    Ok(())
}

/// The format that the extension says, unless `--format` says another one.
fn agree(output: &str, path: &Path, format: Option<Format>) -> Result<Option<Format>> {
    let Some(extension) = path.extension().and_then(|e| e.to_str()) else {
        return Ok(format);
    };
    let shown = say::brief(output, 200);
    match (Format::from_name(extension), format) {
        (Some(named), Some(format)) if named != format => Err(Error::Usage(format!(
            "-o {shown} and --format {} contradict each other: leave one out.",
            format.name()
        ))),
        (Some(named), _) => Ok(Some(named)),
        (None, Some(format)) => Ok(Some(format)),
        (None, None) => Err(Error::Usage(format!(
            "-o {shown}: there is no format {}; pictures are png, jpg or webp.",
            say::brief(extension, 20)
        ))),
    }
}

fn pattern(output: &str, path: &Path, batch: u32) -> Result<Pattern> {
    let unusable = |why: &str| Error::Usage(format!("-o {}: {why}.", say::brief(output, 200)));
    let name = path.file_name().and_then(|n| n.to_str());
    let name = name.ok_or_else(|| unusable("this is no file name"))?;
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    if folder.to_string_lossy().contains(['{', '}']) && Name::is_template(&folder.to_string_lossy()) {
        return Err(unusable(
            "{index} and {seed} stand in the file's name, not in a folder's",
        ));
    }
    let name = if Name::is_template(name) {
        Name::Template(name.to_owned())
    } else if batch > 1 {
        Name::numbered(name)
    } else {
        Name::Fixed(name.to_owned())
    };
    Ok(Pattern { folder, name })
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
