//! Bytes of a file by their place: of one that is open, which the daemon reads, or of one in memory, which the engine has mapped.

use std::borrow::Cow;
use std::fs::File;
use std::os::unix::fs::FileExt as _;

use super::PickleProblem;

/// A file of known length.
pub trait Source {
    /// Its bytes in all.
    fn size(&self) -> u64;

    /// `count` bytes from `at` on. Callers hold `count` under their caps.
    ///
    /// # Errors
    /// [`PickleProblem::Cut`] where there are not so many.
    fn read(&self, at: u64, count: u64) -> Result<Cow<'_, [u8]>, PickleProblem>;
}

fn fits(len: u64, at: u64, count: u64) -> Result<(usize, usize), PickleProblem> {
    let end = at.checked_add(count).filter(|end| *end <= len);
    let end = end
        .and_then(|end| usize::try_from(end).ok())
        .ok_or(PickleProblem::Cut)?;
    Ok((at as usize, end))
}

impl Source for &[u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, at: u64, count: u64) -> Result<Cow<'_, [u8]>, PickleProblem> {
        let (begin, end) = fits(self.size(), at, count)?;
        Ok(Cow::Borrowed(&self[begin..end]))
    }
}

impl Source for (File, u64) {
    fn size(&self) -> u64 {
        self.1
    }

    fn read(&self, at: u64, count: u64) -> Result<Cow<'_, [u8]>, PickleProblem> {
        fits(self.1, at, count)?;
        let mut bytes = vec![0; count as usize];
        let read = self.0.read_exact_at(&mut bytes, at);
        read.map_err(|e| PickleProblem::Unread(e.to_string()))?;
        Ok(Cow::Owned(bytes))
    }
}
