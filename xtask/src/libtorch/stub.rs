//! An empty libtorch.so for the CPU's libtorch, compiled here because the wheel's own one needs CUDA. `mod.rs` asks for a
//! compiler before it fetches anything, and makes the library after unpacking. That the wheel's one is left out is decided in
//! `keep.rs`.

use std::env;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::failure::{Failure, Result};

/// The whole of the stand-in for libtorch.so. The real one only pulls in CUDA; nothing in it is called.
const SOURCE: &str = "int darkroom_stands_in_for_libtorch(void) { return 0; }\n";

/// Whether there is a C++ compiler, asked before anything is fetched.
///
/// # Errors
/// When there is none.
pub fn compiler() -> Result<()> {
    let program = env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let found = Command::new(&program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if found.is_ok_and(|status| status.success()) {
        Ok(())
    } else {
        Err(missing(&program))
    }
}

/// Compiles the stand-in libtorch.so into `lib`, for the linker's `-ltorch`.
///
/// # Errors
/// When the compiler fails.
pub fn make(lib: &Path) -> Result<()> {
    let program = env::var_os("CC").unwrap_or_else(|| "cc".into());
    let out = lib.join("libtorch.so");
    let mut child = Command::new(&program)
        .args(["-shared", "-fPIC", "-Wl,-soname,libtorch.so", "-x", "c", "-", "-o"])
        .arg(&out)
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|_| missing(&program))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A compiler that ends early says why itself.
        let _ = stdin.write_all(SOURCE.as_bytes());
    }
    let status = child.wait().map_err(|error| Failure::file("compile", &out, &error))?;
    if status.success() {
        return Ok(());
    }
    let program = program.display();
    Err(Failure::new(format!(
        "`{program}` did not compile a one-line library: mend what it says above and run this again."
    )))
}

fn missing(program: &OsString) -> Failure {
    Failure::new(format!(
        "There is no C++ compiler (`{}` does not run): install one (Debian, Ubuntu: `apt install g++`; Fedora: `dnf install gcc-c++`; \
         macOS: `xcode-select --install`).",
        program.display()
    ))
}
