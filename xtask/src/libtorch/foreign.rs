//! `--from DIR`: a libtorch that is on the machine already, inspected and linked into the cache, not copied. `mod.rs` calls it.
//! Fetching one is in `fetch.rs`; what makes a libtorch whole, and the link `.libtorch`, is in `link.rs`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::backend::Backend;
use super::cache::{self, Cache};
use super::{VERSION, link};
use crate::failure::{Failure, Result};

/// A libtorch that someone else put on this machine: an unpacked libtorch, or the package `torch` of a Python.
pub struct Foreign {
    pub root: PathBuf,
    pub version: String,
    pub backend: Backend,
}

/// Looks at `folder`, or at `torch` inside it.
///
/// # Errors
/// When there is no libtorch, or one of another version or backend than asked for.
pub fn inspect(folder: &Path, asked: Option<Backend>) -> Result<Foreign> {
    let shown = folder.display();
    let folder = fs::canonicalize(folder)
        .map_err(|error| Failure::new(format!("Cannot open {shown}: {error}; check --from.")))?;
    let inside = folder.join("torch");
    let root = if inside.join("lib").is_dir() { inside } else { folder };
    if let Some(missing) = link::missing(&root) {
        return Err(Failure::new(format!(
            "{shown} is no libtorch ({missing} is not in it): pass an unpacked libtorch {VERSION}, or the folder that \
             `python3 -c 'import torch; print(torch.__path__[0])'` prints."
        )));
    }
    let version = version(&root).unwrap_or_else(|| "of no known version".into());
    if version.split('+').next() != Some(VERSION) {
        return Err(Failure::new(format!(
            "The libtorch in {shown} is {version}, and Darkroom needs {VERSION}: install that one and pass its folder."
        )));
    }
    let backend = backend(&root);
    match asked {
        Some(asked) if asked != backend => Err(Failure::new(format!(
            "The libtorch in {shown} is for {backend}, not {asked}: pass another folder, or leave out --backend."
        ))),
        _ => Ok(Foreign { root, version, backend }),
    }
}

/// `2.11.0+cu130`, from libtorch's `build-version` or the package's `version.py`.
fn version(root: &Path) -> Option<String> {
    if let Ok(text) = fs::read_to_string(root.join("build-version")) {
        return Some(text.trim().to_owned());
    }
    let text = fs::read_to_string(root.join("version.py")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
    Some(line.trim_matches(['\'', '"']).to_owned())
}

fn backend(root: &Path) -> Backend {
    let has = |backend: &Backend| root.join("lib").join(format!("{}.so", backend.library())).exists();
    [Backend::Rocm, Backend::Xpu, Backend::Cuda]
        .into_iter()
        .find(has)
        .unwrap_or(Backend::Cpu)
}

impl Foreign {
    /// A folder in the cache that links to this libtorch and has the files that tell its version. `lib` is linked as
    /// one, so that what the libraries look for relative to their own place (`$ORIGIN/../../nvidia`) is still found.
    pub fn lay(&self, cache: &Cache) -> Result<PathBuf> {
        let hash = Sha256::digest(self.root.as_os_str().as_encoded_bytes());
        let name: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let place = cache.place(&format!("{VERSION}-from-{name}"));
        let tree = cache::beside(&place, ".partial");
        cache::fresh(&tree)?;
        for part in ["include", "lib"] {
            let link = tree.join(part);
            symlink(self.root.join(part), &link).map_err(|error| Failure::file("make", &link, &error))?;
        }
        link::seal(&tree, &self.version, self.backend.name())?;
        cache::replace(&tree, &place)?;
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn torch(folder: &Path, libraries: &[&str]) {
        fs::create_dir_all(folder.join("include/ATen")).unwrap();
        fs::create_dir_all(folder.join("lib")).unwrap();
        fs::write(folder.join("include/ATen/ATen.h"), "").unwrap();
        for name in ["libtorch", "libtorch_cpu", "libc10"] {
            fs::write(folder.join(format!("lib/{name}{}", std::env::consts::DLL_SUFFIX)), "").unwrap();
        }
        for name in libraries {
            fs::write(folder.join("lib").join(name), "").unwrap();
        }
    }

    #[rstest]
    #[case("build-version", "2.11.0+cpu\n", &[], Backend::Cpu)]
    #[case("version.py", "debug = False\n__version__ = '2.11.0+cu130'\n", &["libtorch_cuda.so"], Backend::Cuda)]
    #[case("version.py", "__version__ = \"2.11.0+rocm7.1\"\n", &["libtorch_hip.so"], Backend::Rocm)]
    #[case("version.py", "__version__ = '2.11.0+xpu'\n", &["libtorch_xpu.so"], Backend::Xpu)]
    fn a_libtorch_is_known_by_its_files(
        #[case] file: &str,
        #[case] text: &str,
        #[case] libraries: &[&str],
        #[case] backend: Backend,
    ) {
        let packages = tempfile::tempdir().unwrap();
        let root = packages.path().join("torch");
        torch(&root, libraries);
        fs::write(root.join(file), text).unwrap();
        for folder in [packages.path(), &root] {
            let found = inspect(folder, Some(backend)).unwrap();
            assert_eq!((found.backend, found.root.ends_with("torch")), (backend, true));
        }
        let other = if backend == Backend::Cpu {
            Backend::Cuda
        } else {
            Backend::Cpu
        };
        assert!(
            inspect(&root, Some(other))
                .err()
                .unwrap()
                .to_string()
                .contains("leave out --backend")
        );
    }

    #[test]
    fn what_will_not_do_is_told_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let told = |part: &str| {
            let sentence = inspect(folder.path(), None).err().unwrap().to_string();
            assert!(sentence.contains(part), "{sentence}");
        };
        told("include/ATen/ATen.h is not in it");
        torch(folder.path(), &[]);
        told("of no known version");
        fs::write(folder.path().join("build-version"), "2.10.1+cpu").unwrap();
        told("is 2.10.1+cpu, and Darkroom needs 2.11.0");
        assert!(
            inspect(Path::new("/nowhere/at/all"), None)
                .err()
                .unwrap()
                .to_string()
                .contains("check --from")
        );
    }
}
