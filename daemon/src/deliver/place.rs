//! One picture into one file: whole or absent, through links, under a name that nobody had.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use darkroom_protocol::hash::hex;
use darkroom_protocol::text::escape_line;
use rustix::fs::{Access, CWD, RenameFlags};
use sha2::{Digest, Sha256};

use super::folder;
use super::pattern::Name;

/// So many names are tried.
const CHOICES: u32 = 1_000_000;

/// How a picture is to be put in its place.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    /// Whether a file of that name is replaced.
    pub force: bool,
    /// The rights that new files and folders lack.
    pub umask: u32,
    /// What tells the file in the making from others in its folder.
    pub part: &'a str,
    /// Set when it may be there already, because who brought it did not live to say so.
    pub same: Option<Same<'a>>,
}

/// What a picture's file holds.
#[derive(Clone, Copy, Debug)]
pub struct Same<'a> {
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, lower-case hexadecimal.
    pub sha256: &'a str,
}

/// A picture that is in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The file's name as it was asked for; where it is a link, the picture is where that points.
    pub path: PathBuf,
    /// The name that it would have had, where a file had it already.
    pub taken: Option<PathBuf>,
}

/// Why a picture is not in its place. Nothing of it is left there.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The file may not be written.
    #[error("{} is read-only: name another file, or --force replaces it", shown(.0))]
    ReadOnly(PathBuf),
    /// A folder has that name.
    #[error("{} is a folder: end it with / to write into it", shown(.0))]
    Folder(PathBuf),
    /// It is no file.
    #[error("{} is a pipe or a device, which only a command that waits for its pictures can write", shown(.0))]
    Special(PathBuf),
    /// The folder is not there and cannot be made.
    #[error("the folder {} cannot be made: {}", shown(.0), words(.1))]
    NoFolder(PathBuf, io::Error),
    /// The file cannot be written.
    #[error("{} could not be written: {}", shown(.0), words(.1))]
    Write(PathBuf, io::Error),
    /// All names are taken.
    #[error("{} and {CHOICES} further names are taken", shown(.0))]
    Crowded(PathBuf),
}

/// What is at a name, links followed.
#[derive(Debug)]
pub(super) enum Standing {
    /// Nothing: the file would be this one.
    Free(PathBuf),
    /// A file, which is this one.
    File(PathBuf, Metadata),
    /// A folder.
    Folder,
    /// A device, a pipe or a socket.
    Special,
}

/// Writes a picture, which `fill` puts into an empty file, under the first free one of its names; or under the first one in any
/// case, where that was wished. It blocks for as long as the disk needs.
///
/// # Errors
/// [`Trouble`]; nothing is left behind.
pub fn place(
    name: &Name,
    wish: &Wish<'_>,
    mut fill: impl FnMut(&mut File) -> io::Result<()>,
) -> Result<Placed, Trouble> {
    let mut taken = None;
    for n in 0..CHOICES {
        let path = name.choice(n);
        let failed = |e| Trouble::Write(path.clone(), e);
        let written = match stand(&path).map_err(failed)? {
            Standing::Free(target) => {
                let above = folder::of(&target);
                folder::make(above, wish.umask).map_err(|e| Trouble::NoFolder(above.to_owned(), e))?;
                create(&target, wish, &mut fill).map_err(failed)?
            }
            Standing::File(target, meta) if wish.force => {
                replace(&target, &meta, wish, &mut fill).map_err(failed)?;
                true
            }
            Standing::File(target, meta) => wish.same.is_some_and(|same| is_same(&target, &meta, same)),
            Standing::Folder if wish.force => return Err(Trouble::Folder(path)),
            Standing::Folder => false,
            Standing::Special => return Err(Trouble::Special(path)),
        };
        if written {
            return Ok(Placed { path, taken });
        }
        taken.get_or_insert(path);
    }
    Err(Trouble::Crowded(name.choice(0)))
}

/// What is at `path`.
pub(super) fn stand(path: &Path) -> io::Result<Standing> {
    let mut at = path.to_path_buf();
    for _ in 0..folder::LINKS {
        let meta = match fs::symlink_metadata(&at) {
            Ok(meta) => meta,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Standing::Free(at)),
            // What is in the way is told when the folder is to be made.
            Err(e) if e.kind() == ErrorKind::NotADirectory => return Ok(Standing::Free(at)),
            Err(e) => return Err(e),
        };
        let kind = meta.file_type();
        if kind.is_symlink() {
            at = folder::follow(&at)?;
            continue;
        }
        let special = kind.is_fifo() || kind.is_socket() || kind.is_char_device() || kind.is_block_device();
        return Ok(match (kind.is_dir(), special) {
            (true, _) => Standing::Folder,
            (_, true) => Standing::Special,
            _ => Standing::File(at, meta),
        });
    }
    Err(folder::circle())
}

/// Whether the person has taken the right to write away, from themselves or from everybody. Root may write all the same, and
/// would not want to.
pub(super) fn is_read_only(path: &Path, meta: &Metadata) -> bool {
    let mode = meta.permissions().mode();
    let mine = meta.uid() == rustix::process::geteuid().as_raw() || rustix::process::geteuid().is_root();
    mode & 0o222 == 0 || (mine && mode & 0o200 == 0) || rustix::fs::access(path, Access::WRITE_OK).is_err()
}

/// A new file. `false` when somebody else has made one of that name meanwhile.
fn create(target: &Path, wish: &Wish<'_>, fill: &mut dyn FnMut(&mut File) -> io::Result<()>) -> io::Result<bool> {
    let part = part(target, wish.part);
    let made = fill_part(&part, 0o666 & !wish.umask, None, fill).and_then(|()| rename_to_free(&part, target));
    if !matches!(made, Ok(true)) {
        // It may not even have been made.
        let _ = fs::remove_file(&part);
    }
    if matches!(made, Ok(true)) {
        sync(folder::of(target))?;
    }
    made
}

/// The file beside `target` in which it is made.
fn part(target: &Path, tag: &str) -> PathBuf {
    folder::of(target).join(format!(".darkroom-{tag}.part"))
}

fn fill_part(
    part: &Path,
    mode: u32,
    owner: Option<(u32, u32)>,
    fill: &mut dyn FnMut(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    // What one left that was killed is in the way.
    let _ = fs::remove_file(part);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(part)?;
    fill(&mut file)?;
    if let Some((user, group)) = owner {
        std::os::unix::fs::fchown(&file, Some(user), Some(group))?;
    }
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}

/// Gives a file its name unless one of that name is there.
fn rename_to_free(from: &Path, to: &Path) -> io::Result<bool> {
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => return Ok(true),
        Err(rustix::io::Errno::EXIST) => return Ok(false),
        // The file system cannot do that.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {}
        Err(e) => return Err(e.into()),
    }
    match fs::hard_link(from, to) {
        Ok(()) => {
            // It has its name; that the other one stays is untidy and no more.
            let _ = fs::remove_file(from);
            return Ok(true);
        }
        Err(e) if e.kind() == ErrorKind::AlreadyExists => return Ok(false),
        // Nor that.
        Err(_) => {}
    }
    match OpenOptions::new().write(true).create_new(true).open(to) {
        Ok(_) => fs::rename(from, to).map(|()| true),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(e),
    }
}

/// Another content for a file: at once, with its rights and owner. A file of several names, or one whose folder or owner does
/// not let it be replaced, is written in place, as editors do.
fn replace(
    target: &Path,
    meta: &Metadata,
    wish: &Wish<'_>,
    fill: &mut dyn FnMut(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    if meta.nlink() > 1
        && let Ok(mut file) = OpenOptions::new().write(true).truncate(true).open(target)
    {
        return fill(&mut file).and_then(|()| file.sync_all());
    }
    let part = part(target, wish.part);
    let mode = meta.permissions().mode() & 0o777;
    let user = rustix::process::geteuid().as_raw();
    let owner =
        (meta.uid() != user || meta.gid() != rustix::process::getegid().as_raw()).then(|| (meta.uid(), meta.gid()));
    let made = fill_part(&part, mode, owner, fill);
    match made.and_then(|()| fs::rename(&part, target)) {
        Ok(()) => sync(folder::of(target)),
        Err(e) => {
            let _ = fs::remove_file(&part);
            if e.kind() != ErrorKind::PermissionDenied {
                return Err(e);
            }
            let mut file = OpenOptions::new()
                .write(true)
                .truncate(true)
                .open(target)
                .map_err(|_| e)?;
            fill(&mut file).and_then(|()| file.sync_all())
        }
    }
}

/// Whether a file holds the very picture.
fn is_same(path: &Path, meta: &Metadata, same: Same<'_>) -> bool {
    let hash = || -> io::Result<String> {
        let (mut file, mut sha) = (File::open(path)?, Sha256::new());
        let mut piece = vec![0; 64 * 1024];
        loop {
            match file.read(&mut piece)? {
                0 => break,
                n => sha.update(&piece[..n]),
            }
        }
        Ok(hex(sha.finalize()))
    };
    meta.len() == same.bytes && hash().is_ok_and(|hash| hash == same.sha256)
}

/// Makes the names in `folder` durable. Where that cannot be, they will be all the same.
fn sync(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(e) if e.kind() == ErrorKind::StorageFull => Err(e),
        _ => Ok(()),
    }
}

fn shown(path: &Path) -> String {
    escape_line(&path.to_string_lossy()).into_owned()
}

/// What the system said, in words where there are better ones.
fn words(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "the disk is full".to_owned(),
        ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        ErrorKind::NotADirectory => "a file on the way to it is no folder".to_owned(),
        ErrorKind::InvalidFilename => "the name is too long".to_owned(),
        _ if error.raw_os_error() == Some(libc::ELOOP) => "its links point in a circle".to_owned(),
        _ => error.to_string(),
    }
}
