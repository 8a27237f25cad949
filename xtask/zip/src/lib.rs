//! A stand-in for the crate `zip` 0.6, patched in for tch and for torch-sys's build script.
//!
//! torch-sys's build script names `zip` for a download that Darkroom never asks of it: `cargo xtask libtorch` fetches
//! libtorch. tch names it for numpy's `.npz` files, which Darkroom neither reads nor writes. Standing here does two
//! things. This crate's own build script is certain to run before torch-sys's, whatever the number of jobs, since the
//! second is linked with the first: so a build without libtorch ends in one sentence. And 27 crates with their C code
//! (bzip2, zstd, …) are not compiled.

use std::convert::Infallible;
use std::io::{Error, Read, Result, Write};
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
            "Darkroom opens no archive here: `cargo xtask libtorch` fetches libtorch, safetensors hold tensors.",
        ))
    }

    /// How many files the archive holds.
    #[expect(clippy::len_without_is_empty, reason = "torch-sys and tch ask for the length alone")]
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

/// Options of a file in an archive, as tch sets them.
pub mod write {
    /// How a file would be stored.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct FileOptions;

    impl FileOptions {
        /// The same options: there is one way not to store a file.
        #[must_use]
        pub fn compression_method(self, _method: super::CompressionMethod) -> Self {
            self
        }
    }
}

/// How a file would be compressed.
#[derive(Clone, Copy, Debug)]
pub enum CompressionMethod {
    /// Not at all.
    Stored,
}

/// The error type that tch wraps; no function here returns it.
pub mod result {
    /// There is no value of it.
    #[derive(Clone, Copy, Debug)]
    pub enum ZipError {}

    impl std::fmt::Display for ZipError {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match *self {}
        }
    }

    impl std::error::Error for ZipError {}
}

/// An archive to write to, in which no file can be started.
pub struct ZipWriter<W> {
    writer: PhantomData<W>,
}

impl<W> ZipWriter<W> {
    /// Takes the writer and leaves it as it is.
    pub fn new(_writer: W) -> Self {
        Self { writer: PhantomData }
    }

    /// Starts a file in the archive.
    ///
    /// # Errors
    /// Always: nothing is packed here.
    pub fn start_file<S: Into<String>>(&mut self, _name: S, _options: write::FileOptions) -> Result<()> {
        Err(Error::other(NOT_PACKED))
    }
}

impl<W> Write for ZipWriter<W> {
    fn write(&mut self, _bytes: &[u8]) -> Result<usize> {
        Err(Error::other(NOT_PACKED))
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

const NOT_PACKED: &str = "Darkroom writes no .npz files: use safetensors.";
