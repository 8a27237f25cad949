//! Whether pictures could be written, before any is made.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::folder;
use super::pattern::Pattern;
use super::place::{Standing, Trouble, is_read_only, stand};

/// Finds out whether `batch` pictures could be written by `pattern`, as far as that can be known now: the file that it names may
/// be written, and files can be made in its folder or, where that is yet to be made, in the folder above it.
///
/// # Errors
/// [`Trouble`] with the reason.
pub fn check(pattern: &Pattern, batch: u32, force: bool) -> Result<(), Trouble> {
    let Some(name) = pattern.only(batch) else {
        return probe(&pattern.fixed_folder());
    };
    let path = name.choice(0);
    match stand(&path).map_err(|e| Trouble::Write(path.clone(), e))? {
        Standing::Free(target) => probe(folder::of(&target)),
        Standing::File(target, meta) if is_read_only(&target, &meta) => match force {
            true => probe(folder::of(&target)),
            false => Err(Trouble::ReadOnly(path)),
        },
        // It can be written in place.
        Standing::File(..) if force => Ok(()),
        Standing::File(..) => probe(folder::of(&path)),
        Standing::Folder => Err(Trouble::Folder(path)),
        Standing::Special => Err(Trouble::Special(path)),
    }
}

/// Makes a file in the folder, or in the deepest one on the way to it, and removes it.
fn probe(wanted: &Path) -> Result<(), Trouble> {
    let there = folder::deepest(wanted).map_err(|e| Trouble::NoFolder(wanted.to_owned(), e))?;
    let part = there.join(format!(".darkroom-{}.part", darkroom_protocol::id::fresh().simple()));
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part);
    made.map_err(|e| Trouble::Write(there.clone(), e))?;
    // It was made just now by this very process.
    let _ = fs::remove_file(&part);
    Ok(())
}
