use std::ffi::OsString;

use crate::args::Args;
use crate::cargo::cargo;
use crate::failure::Result;
use crate::libtorch;

/// `cargo xtask test [ARG…]`: set-up, the binaries that the tests start, all tests.
pub fn run(args: Args) -> Result<()> {
    libtorch::ensure()?;
    // With --tests beside --bins both commands resolve the same features, so that nothing is compiled twice.
    cargo(&["build", "--workspace", "--lib", "--bins", "--tests"])?;
    let mut words: Vec<OsString> = vec!["test".into(), "--workspace".into()];
    words.extend(args.rest());
    cargo(&words)
}
