//! A stand-in for the crate `zip` 0.6, patched in for the build script of torch-sys alone.
//!
//! torch-sys's build script names `zip` for a download that Darkroom never asks of it: `cargo xtask libtorch` fetches
//! libtorch. Standing here does two things. This crate's own build script is certain to run before torch-sys's,
//! whatever the number of jobs, since the second is linked with the first: so a build without libtorch ends in one
//! sentence. And 27 crates with their C code (bzip2, zstd, …) are not compiled.

use std::convert::Infallible;
use std::io::{Error, Read, Result};
use std::marker::PhantomData;
use std::path::PathBuf;

/// An archive that cannot be opened. `R` is the reader it would have read from.
pub struct ZipArchive<R> {
    never: Infallible,
    reader: PhantomData<R>,
}

/// A file in an archive: there is none.
pub struct ZipFile {
    never: Infallible,
}

impl<R> ZipArchive<R> {
    /// # Errors
    /// Always: nothing is unpacked here.
    pub fn new(_reader: R) -> Result<Self> {
        Err(Error::other(
            "Darkroom does not unpack libtorch here: run `cargo xtask libtorch`.",
        ))
    }

    /// How many files the archive holds.
    #[expect(clippy::len_without_is_empty, reason = "torch-sys asks for the length alone")]
    pub fn len(&self) -> usize {
        match self.never {}
    }

    /// The file at `index`.
    ///
    /// # Errors
    /// None: there is no archive to ask.
    pub fn by_index(&mut self, _index: usize) -> Result<ZipFile> {
        match self.never {}
    }
}

impl ZipFile {
    /// The path as the archive spells it.
    pub fn name(&self) -> &str {
        match self.never {}
    }

    /// The path without anything that leads out of the folder it is unpacked to.
    pub fn mangled_name(&self) -> PathBuf {
        match self.never {}
    }

    /// Bytes once unpacked.
    pub fn size(&self) -> u64 {
        match self.never {}
    }
}

impl Read for ZipFile {
    fn read(&mut self, _buffer: &mut [u8]) -> Result<usize> {
        match self.never {}
    }
}
