//! The libtorch of this process: its folder, its version, and the libraries for cards that lie beside it and are loaded at run
//! time. `worker/mod.rs` loads them first of all and refuses a libtorch of another version; `worker/describe.rs` tells folder and
//! version. The devices behind them are listed in `devices.rs`; fetching a libtorch is `xtask`'s business.

use std::ffi::{CStr, CString, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::ffi;
use crate::{Error, Result};

/// The libraries by which libtorch drives devices other than the processor.
const LIBRARIES: [(&str, &str); 3] = [
    ("cuda", "libtorch_cuda.so"),
    ("rocm", "libtorch_hip.so"),
    ("xpu", "libtorch_xpu.so"),
];

/// The version that this program was compiled for.
const BUILT_FOR: &str = "2.11.0";

/// What [`load_backends`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backends {
    /// Backends that were loaded: `cuda`, `rocm`, `xpu`.
    pub loaded: Vec<&'static str>,
    /// Backends whose library is there and did not load, with the loader's words.
    pub failed: Vec<(&'static str, String)>,
}

/// Loads the backends whose library lies beside libtorch.
///
/// It must be the first act of the program: libtorch remembers that there is no CUDA from the first call that asks for it.
/// This function itself asks for nothing.
pub fn load_backends() -> Backends {
    load_from(&folder())
}

fn load_from(folder: &Path) -> Backends {
    let mut backends = Backends::default();
    for (name, file) in LIBRARIES {
        let path = folder.join(file);
        if !path.exists() {
            continue;
        }
        match open(&path) {
            Ok(()) => backends.loaded.push(name),
            Err(text) => backends.failed.push((name, text)),
        }
    }
    backends
}

/// Opens a library for the rest of the process, its symbols visible to all.
#[allow(unsafe_code)]
fn open(path: &Path) -> Result<(), String> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|e| e.to_string())?;
    // SAFETY: the path is zero-terminated. The library's initialisers are those of libtorch, which this program trusts.
    let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
    if !handle.is_null() {
        return Ok(());
    }
    // SAFETY: after a failure dlerror gives a zero-terminated string, valid until the next call on this thread.
    let text = unsafe {
        let text = libc::dlerror();
        if text.is_null() {
            c"no reason given"
        } else {
            CStr::from_ptr(text)
        }
    };
    Err(text.to_string_lossy().into_owned())
}

/// The folder of the libtorch that this process runs with; empty when the loader cannot say.
///
/// Asks the loader only, so it may be called before [`load_backends`].
pub fn folder() -> PathBuf {
    let file = library().unwrap_or_default();
    let file = file.canonicalize().unwrap_or(file);
    file.parent().map(Path::to_owned).unwrap_or_default()
}

/// The file that holds libtorch's own functions.
#[allow(unsafe_code)]
fn library() -> Option<PathBuf> {
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: dlsym and dladdr only look into tables of the loader; a file name that dladdr gives is zero-terminated and
    // lives as long as the library, which is never unloaded.
    let file = unsafe {
        let symbol: *mut c_void = libc::dlsym(libc::RTLD_DEFAULT, c"aoti_torch_abi_version".as_ptr());
        if symbol.is_null() || libc::dladdr(symbol, info.as_mut_ptr()) == 0 {
            return None;
        }
        let info = info.assume_init();
        if info.dli_fname.is_null() {
            return None;
        }
        CStr::from_ptr(info.dli_fname)
    };
    Some(std::ffi::OsStr::from_bytes(file.to_bytes()).into())
}

/// The version of the libtorch that this process runs with: `2.11.0`, or `2.11.0+cu130` where a `build-version` beside its
/// folder tells the build.
pub fn version() -> String {
    let number = number();
    let written = std::fs::read_to_string(folder().join("../build-version")).unwrap_or_default();
    match written.trim().split_once('+') {
        Some((base, build)) if base == number => format!("{number}+{build}"),
        _ => number,
    }
}

#[allow(unsafe_code)]
fn number() -> String {
    // SAFETY: returns a constant of the library.
    let [major, minor, patch, ..] = unsafe { ffi::dk_version() }.to_be_bytes();
    format!("{major}.{minor}.{patch}")
}

/// Refuses a libtorch of another version than this program was built for: its layouts in memory differ.
///
/// # Errors
/// [`Error::Unsupported`] naming both versions and the folder.
pub fn check_version() -> Result<()> {
    let found = number();
    if found == BUILT_FOR {
        return Ok(());
    }
    let folder = folder();
    Err(Error::Unsupported(format!(
        "libtorch in {} is {found}, this program needs {BUILT_FOR}: run `cargo xtask libtorch`, or unset LD_LIBRARY_PATH.",
        folder.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtorch_is_where_its_library_is() {
        let folder = folder();
        let name = if cfg!(target_os = "macos") {
            "libtorch_cpu.dylib"
        } else {
            "libtorch_cpu.so"
        };
        assert!(folder.join(name).is_file(), "{}", folder.display());
        assert!(version().starts_with(BUILT_FOR));
        check_version().unwrap();
    }

    #[test]
    fn a_library_that_does_not_load_is_told_and_absent_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(load_from(folder.path()), Backends::default());
        std::fs::write(folder.path().join("libtorch_cuda.so"), "not a library").unwrap();
        let backends = load_from(folder.path());
        assert!(backends.loaded.is_empty());
        let [("cuda", text)] = backends.failed.as_slice() else {
            panic!("{backends:?}");
        };
        assert!(text.contains("libtorch_cuda.so"), "{text}");
    }
}
