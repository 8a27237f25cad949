//! Which blocks of a file are here, in a small file of their own beside it: a head, then for each block its SHA-256, or zeros. A mark is
//! written when the block's bytes are. After a crash of the program all of that is in the system's hands; after a power cut a mark may
//! be there without its bytes, which its sum shows when it is read again. So nothing needs an fsync on the way, and what is marked and
//! right is never fetched twice.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read as _, Result};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// How a file of marks begins; the version is in it.
const MAGIC: &[u8; 8] = b"dkmarks1";
/// Magic, bytes of the file, bytes of a block.
const HEAD: u64 = 24;
const SUM: u64 = 32;
/// The most blocks: those of 4 TiB.
const MOST: u64 = 1 << 20;

/// The marks of one file.
#[derive(Debug)]
pub(super) struct Marks {
    file: File,
    size: u64,
    block: u64,
}

impl Marks {
    /// The marks at `path` for a file of `size` bytes, and which blocks of `content` they say rightly are here. What is there for a file
    /// of another kind is begun anew.
    ///
    /// # Errors
    /// What the system says; a file that is too large to be marked.
    pub fn open(path: &Path, content: &File, size: u64, block: u64) -> Result<(Self, Vec<bool>)> {
        let count = size.div_ceil(block);
        if count > MOST {
            let what = format!("{size} bytes are more than one file may have");
            return Err(Error::new(ErrorKind::FileTooLarge, what));
        }
        let options = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        let marks = Self {
            file: options?,
            size,
            block,
        };
        let mut here = vec![false; count as usize];
        let mut said = Vec::new();
        (&marks.file).take(HEAD + count * SUM + 1).read_to_end(&mut said)?;
        let head = marks.head();
        if said.get(..HEAD as usize) != Some(&head[..]) {
            marks.file.set_len(0)?;
            marks.file.write_all_at(&head, 0)?;
            return Ok((marks, here));
        }
        let mut buffer = vec![0; block as usize];
        for (at, sum) in said[HEAD as usize..]
            .chunks_exact(SUM as usize)
            .enumerate()
            .take(here.len())
        {
            if sum.iter().all(|byte| *byte == 0) {
                continue;
            }
            let bytes = &mut buffer[..marks.length(at) as usize];
            let read = content.read_exact_at(bytes, at as u64 * block);
            here[at] = read.is_ok() && Sha256::digest(&*bytes)[..] == *sum;
        }
        Ok((marks, here))
    }

    /// Bytes of the block at that place.
    pub fn length(&self, at: usize) -> u64 {
        self.block.min(self.size.saturating_sub(at as u64 * self.block))
    }

    /// Says that a block is here, with the sum of its bytes.
    ///
    /// # Errors
    /// What the system says.
    pub fn set(&self, at: usize, sum: &[u8]) -> Result<()> {
        self.file.write_all_at(sum, HEAD + at as u64 * SUM)
    }

    /// Forgets all of them.
    ///
    /// # Errors
    /// What the system says.
    pub fn clear(&self) -> Result<()> {
        self.file.set_len(HEAD)
    }

    fn head(&self) -> [u8; HEAD as usize] {
        let mut head = [0; HEAD as usize];
        head[..8].copy_from_slice(MAGIC);
        head[8..16].copy_from_slice(&self.size.to_le_bytes());
        head[16..].copy_from_slice(&self.block.to_le_bytes());
        head
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_believed_where_the_bytes_are_theirs() {
        let dir = tempfile::tempdir().unwrap();
        let (path, marks) = (dir.path().join("x"), dir.path().join("marks"));
        std::fs::write(&path, b"aaaabbbbcc").unwrap();
        let content = File::open(&path).unwrap();
        let (all, here) = Marks::open(&marks, &content, 10, 4).unwrap();
        assert_eq!((here.as_slice(), all.length(2)), (&[false; 3][..], 2));
        all.set(0, &Sha256::digest(b"aaaa")).unwrap();
        // As after a power cut: the mark came to the disk, the bytes did not.
        all.set(1, &Sha256::digest(b"BBBB")).unwrap();
        all.set(2, &Sha256::digest(b"cc")).unwrap();
        let (_, here) = Marks::open(&marks, &content, 10, 4).unwrap();
        assert_eq!(here, [true, false, true]);
        let (again, here) = Marks::open(&marks, &content, 11, 4).unwrap();
        assert_eq!(here, [false; 3], "another file");
        again.clear().unwrap();
        std::fs::write(&marks, b"nonsense").unwrap();
        assert_eq!(Marks::open(&marks, &content, 10, 4).unwrap().1, [false; 3]);
        assert!(Marks::open(&marks, &content, u64::MAX, 4).is_err());
    }
}
