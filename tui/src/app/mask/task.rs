//! What is done for the mask editor beside the keys: a mask read, written, or changed throughout. `effects.rs` calls [`done`] on a thread
//! where it may take its time, and what it tells comes back as a message.

use std::path::{Path, PathBuf};

use darkroom_protocol::{hash, paths, text};

use super::{Bitmap, Sheet, Work, file};

/// The mask that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What names the picture.
    pub sha256: String,
    /// The picture's width and height in pixels.
    pub size: (u32, u32),
    /// Its file; `None` for the usual place.
    pub output: Option<PathBuf>,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// Read it.
    Load(Target),
    /// Write it.
    Save(Target, Sheet),
    /// Change it.
    Work(Work, Bitmap),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// The mask of the picture of that name: as it was left, none, or why it cannot be read, in words.
    Loaded(String, Result<Option<Sheet>, String>),
    /// Where the mask of the picture of that name is, or why it is not there, in words.
    Saved(String, Result<PathBuf, String>),
    /// The pixels as they are after the change.
    Worked(Bitmap),
}

/// Does it; masks whose place was not said are in `folder`.
pub fn done(task: Task, folder: &Path) -> Told {
    match task {
        Task::Load(target) => {
            let loaded = place(&target, folder).and_then(|path| {
                let why = |why| format!("The mask {} is left aside: {why}.", shown(&path));
                file::load(&path, target.size).map_err(why)
            });
            Told::Loaded(target.sha256, loaded)
        }
        Task::Save(target, sheet) => {
            let saved = place(&target, folder).and_then(|path| {
                if target.output.is_none() {
                    paths::kept_folder(folder).map_err(|error| error.to_string())?;
                }
                let why = |why| format!("The mask cannot be written to {}: {why}.", shown(&path));
                file::save(&path, &sheet).map_err(why)
            });
            Told::Saved(target.sha256, saved)
        }
        Task::Work(work, mut bitmap) => {
            work.on(&mut bitmap);
            bitmap.tidy();
            Told::Worked(bitmap)
        }
    }
}

fn shown(path: &Path) -> String {
    text::escape_line(&path.to_string_lossy()).into_owned()
}

/// Where a mask is kept: the first 16 digits of its picture's name.
fn place(target: &Target, folder: &Path) -> Result<PathBuf, String> {
    match (&target.output, target.sha256.get(..16)) {
        (Some(path), _) => Ok(path.clone()),
        (None, Some(digits)) if hash::is_sha256(&target.sha256) => Ok(folder.join(format!("{digits}.png"))),
        (None, _) => Err("The picture has no SHA-256 by which its mask can be kept: say -o FILE.".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_kept_under_its_pictures_name() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("masks");
        let target = Target {
            sha256: "0123456789abcdef".repeat(4),
            size: (20, 10),
            output: None,
        };
        let load = |target: &Target| done(Task::Load(target.clone()), &folder);
        assert_eq!(load(&target), Told::Loaded(target.sha256.clone(), Ok(None)));
        let mut sheet = Sheet::new((20, 10));
        sheet.bitmap.rectangle((1, 1), (3, 3), true);
        let told = done(Task::Save(target.clone(), sheet.clone()), &folder);
        let Told::Saved(_, Ok(path)) = told else {
            panic!("{told:?}")
        };
        assert!(path.ends_with("masks/0123456789abcdef.png"));
        assert_eq!(
            load(&target),
            Told::Loaded(target.sha256.clone(), Ok(Some(sheet.clone())))
        );
        let other = Target {
            size: (21, 10),
            ..target.clone()
        };
        assert!(matches!(load(&other), Told::Loaded(_, Err(why)) if why.contains("is left aside: it is 20×10")));
        let nameless = Target {
            sha256: "../x".into(),
            ..target
        };
        assert!(matches!(load(&nameless), Told::Loaded(_, Err(_))));
    }

    #[test]
    fn work_changes_all_of_it() {
        let told = done(Task::Work(Work::Invert, Bitmap::new(200, 200)), Path::new(""));
        assert!(matches!(told, Told::Worked(bitmap) if bitmap.count() == 40_000));
    }
}
