//! The worker's program: where it is found, and which libtorch it is started with. The command asks too (`doctor`, `bench`).

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// The worker's file name.
const NAME: &str = "darkroom-worker";
/// Where it is looked for, from the folder of this program.
const PLACES: [&str; 3] = ["", "../libexec", "../lib/darkroom"];
/// The variable with which the system's loader finds libraries.
const LIBRARY_PATH: &str = if cfg!(target_os = "macos") {
    "DYLD_LIBRARY_PATH"
} else {
    "LD_LIBRARY_PATH"
};

/// What to run as a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// The file.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables set for it, beside this process's own.
    pub env: Vec<(OsString, OsString)>,
}

impl Program {
    /// The program that `DARKROOM_WORKER` names, else the one beside this program, in `../libexec` or in `../lib/darkroom`; with the libtorch that
    /// `DARKROOM_LIBTORCH` names, where it does.
    ///
    /// # Errors
    /// [`Error::NoWorker`] says where it was looked for.
    pub fn locate() -> Result<Self> {
        let variable = |name| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let path = find(variable("DARKROOM_WORKER"), std::env::current_exe().ok().as_deref())?;
        let program = Self {
            path,
            ..Self::default()
        };
        Ok(match variable("DARKROOM_LIBTORCH") {
            Some(folder) => program.with_libtorch(&folder, std::env::var_os(LIBRARY_PATH)),
            None => program,
        })
    }

    /// With libtorch from `folder` (or its `lib`), before whatever `others` the loader looks through.
    fn with_libtorch(mut self, folder: &Path, others: Option<OsString>) -> Self {
        let lib = folder.join("lib");
        let first = if lib.is_dir() { lib } else { folder.to_owned() };
        let mut value = first.into_os_string();
        if let Some(others) = others.filter(|o| !o.is_empty()) {
            value.push(":");
            value.push(others);
        }
        self.env.push((LIBRARY_PATH.into(), value));
        self
    }
}

fn find(named: Option<PathBuf>, exe: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = named {
        let tried = || Error::NoWorker {
            tried: format!("at {} (DARKROOM_WORKER)", crate::error::shown(&path)),
        };
        return if path.is_file() { Ok(path) } else { Err(tried()) };
    }
    let folder = exe.and_then(Path::parent).unwrap_or(Path::new("."));
    let places = PLACES.map(|place| folder.join(place).join(NAME));
    let found = places.iter().find(|path| path.is_file());
    found.cloned().ok_or_else(|| Error::NoWorker {
        tried: format!(
            "in {} and, beside it, in ../libexec and ../lib/darkroom",
            crate::error::shown(folder)
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_beside_and_in_libexec() {
        let home = tempfile::tempdir().unwrap();
        let (bin, libexec) = (home.path().join("bin"), home.path().join("libexec"));
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::create_dir_all(&libexec).unwrap();
        let exe = bin.join("darkroom");
        let missing = find(None, Some(&exe)).unwrap_err().to_string();
        assert!(missing.contains("cargo xtask install"), "{missing}");
        std::fs::write(libexec.join(NAME), "").unwrap();
        assert_eq!(find(None, Some(&exe)).unwrap(), bin.join("../libexec").join(NAME));
        std::fs::write(bin.join(NAME), "").unwrap();
        assert_eq!(find(None, Some(&exe)).unwrap(), bin.join(NAME));
    }

    #[test]
    fn a_variable_that_names_nothing_is_not_passed_over() {
        let error = find(Some("/nowhere/worker".into()), None).unwrap_err().to_string();
        assert!(error.contains("/nowhere/worker (DARKROOM_WORKER)"), "{error}");
    }

    #[test]
    fn libtorch_comes_before_what_was_there() {
        let home = tempfile::tempdir().unwrap();
        let flat = Program::default().with_libtorch(home.path(), None);
        assert_eq!(flat.env, [(LIBRARY_PATH.into(), home.path().into())]);
        std::fs::create_dir(home.path().join("lib")).unwrap();
        let both = Program::default().with_libtorch(home.path(), Some("/x".into()));
        let expected = format!("{}/lib:/x", home.path().display());
        assert_eq!(both.env, [(LIBRARY_PATH.into(), expected.into())]);
    }
}
