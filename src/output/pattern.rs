use std::path::{Path, PathBuf};

use darkroom_protocol::Picture;

/// How the files of a job are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The folder; empty for the working directory.
    pub folder: PathBuf,
    /// The file's name.
    pub name: Name,
}

/// How one of the files is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// As the daemon calls it.
    Gallery,
    /// Just so.
    Fixed(String),
    /// A name with `{index}` or `{seed}` in it.
    Template(String),
    /// A device or a pipe: it is written, never replaced.
    Special(String),
}

impl Name {
    /// Whether a place is left for the picture's number or seed.
    pub fn is_template(name: &str) -> bool {
        name.contains("{index}") || name.contains("{seed}")
    }

    /// `fox.png` as `fox-{index}.png`.
    pub fn numbered(name: &str) -> Self {
        Self::Template(match name.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => format!("{stem}-{{index}}.{extension}"),
            _ => format!("{name}-{{index}}"),
        })
    }
}

impl Pattern {
    /// A device or a pipe.
    pub fn special(path: PathBuf) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        Self {
            folder,
            name: Name::Special(name),
        }
    }

    /// Whether files appear under their name only once they are complete.
    pub fn is_replacing(&self) -> bool {
        !matches!(self.name, Name::Special(_))
    }

    /// The file for a picture.
    pub fn path(&self, picture: &Picture) -> PathBuf {
        let name = match &self.name {
            Name::Gallery => match Path::new(&picture.path).file_name() {
                Some(name) => name.to_string_lossy().into_owned(),
                None => format!("{}-{}", picture.job.stamp(), picture.index),
            },
            Name::Fixed(name) | Name::Special(name) => name.clone(),
            Name::Template(name) => name
                .replace("{index}", &picture.index.to_string())
                .replace("{seed}", &picture.seed.to_string()),
        };
        self.folder.join(name)
    }

    /// The folder, never empty.
    pub fn existing_folder(&self) -> &Path {
        if self.folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &self.folder
        }
    }
}
