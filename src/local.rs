//! Paths as the person wrote them, made absolute on this side: the daemon has another working directory.

use std::path::{Path, PathBuf};

use darkroom_daemon::catalog::{cached, caches};
pub use darkroom_protocol::files::expand_home;
use darkroom_protocol::lora::Wish;
use darkroom_protocol::{PartRole, part};

use crate::{Error, Result};

/// The user's home directory.
pub fn home() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| !home.as_os_str().is_empty())
}

/// What `-m` names: an absolute path when it is written as a path, or is one that is there, else a name for the daemon
/// to look up. A single word counts as a path only where a model lies: a folder of pictures called as a model does not
/// hide it.
///
/// An id such as `owner/name` that is in this user's Hugging Face cache is its folder there.
///
/// # Errors
/// [`Error::Usage`] when the absolute path is not UTF-8, which JSON cannot carry.
pub fn model(name: &str) -> Result<String> {
    // What lies here says nothing of what lies there.
    if crate::host::chosen().is_some() {
        return Ok(name.to_owned());
    }
    let found = resolve(name, home().as_deref(), is_here)?;
    // The daemon may have another environment, and with it another download cache.
    let repository = || cached(name, &caches()).and_then(|path| path.into_os_string().into_string().ok());
    let id = found == name && name.matches('/').count() == 1;
    Ok(id.then(repository).flatten().unwrap_or(found))
}

/// What `--upscaler` names: an absolute path where it is written as a path or is a file that is there, else a name.
///
/// # Errors
/// As [`model`].
pub fn upscaler(name: &str) -> Result<String> {
    if crate::host::chosen().is_some() || darkroom_protocol::upscaler::known(name).is_some() {
        return Ok(name.to_owned());
    }
    resolve(name, home().as_deref(), Path::is_file).map_err(|e| match e {
        Error::Usage(what) => Error::Usage(what.replacen("-m ", "--upscaler ", 1)),
        other => other,
    })
}

/// What `--vae`, `--text-encoder` or `--denoiser` names: an absolute path where it is written as a path, or is a file or a component's
/// folder that is there, else a name. A hash behind an `@` stays.
///
/// # Errors
/// As [`model`].
pub fn part(word: &str, role: PartRole) -> Result<String> {
    let is_word = role == PartRole::Vae && (part::is_own(word) || part::is_automatic(Some(word)));
    if is_word || crate::host::chosen().is_some() {
        return Ok(word.to_owned());
    }
    let is_there = |path: &Path| path.is_file() || path.join("config.json").is_file();
    let (name, hash) = part::named(word);
    let found = resolve(name, home().as_deref(), is_there).map_err(|e| match e {
        Error::Usage(what) => Error::Usage(what.replacen("-m", role.flag(), 1)),
        other => other,
    })?;
    Ok(hash.map_or(found.clone(), |hash| format!("{found}@{hash}")))
}

/// The words of `--lora`, separated by commas: each with an absolute path where it is written as a path, or is a file that is there.
///
/// # Errors
/// As [`model`].
pub fn loras(given: &[&str]) -> Result<String> {
    let words = given.iter().flat_map(|text| text.split(','));
    let one = |word: &str| -> Result<String> {
        // What is no word is refused by the table, in the person's own spelling.
        let Some(wish) = Wish::parse(word).filter(|_| crate::host::chosen().is_none()) else {
            return Ok(word.to_owned());
        };
        let name = resolve(&wish.name, home().as_deref(), Path::is_file)?;
        Ok(Wish { name, ..wish }.to_string())
    };
    Ok(words.map(one).collect::<Result<Vec<_>>>()?.join(","))
}

fn is_here(path: &Path) -> bool {
    let word = path.components().count() == 1;
    let model = || path.is_file() || path.join("model_index.json").is_file() || path.join("snapshots").is_dir();
    if word { model() } else { path.exists() }
}

fn resolve(name: &str, home: Option<&Path>, exists: impl Fn(&Path) -> bool) -> Result<String> {
    let path = expand_home(name, home);
    let written_as_path = path.is_absolute()
        || name == "."
        || name == ".."
        || ["./", "../", "~/"].iter().any(|prefix| name.starts_with(prefix));
    if name.is_empty() || !(written_as_path || exists(&path)) {
        return Ok(name.to_owned());
    }
    let absolute = std::path::absolute(&path).map_err(|e| Error::Usage(format!("-m {name}: {e}.")))?;
    let text = absolute.into_os_string().into_string();
    text.map_err(|path| {
        Error::Usage(format!(
            "-m {}: the path is not UTF-8; rename the folder.",
            path.to_string_lossy()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("emoji", "emoji")]
    #[case("org/name", "org/name")]
    #[case("~/models/sd15", "/home/me/models/sd15")]
    #[case("~", "/home/me")]
    #[case("~other/x", "~other/x")]
    #[case("/models/sd15/", "/models/sd15/")]
    #[case("", "")]
    fn names_stay_and_paths_become_absolute(#[case] name: &str, #[case] expected: &str) {
        let home = Path::new("/home/me");
        assert_eq!(resolve(name, Some(home), |_| false).unwrap(), expected);
    }

    #[test]
    fn relative_paths_are_seen_from_here() {
        let here = std::env::current_dir().unwrap();
        for name in ["./sd15", "../sd15", "."] {
            let path = resolve(name, None, |_| false).unwrap();
            assert!(Path::new(&path).is_absolute() && path.starts_with('/'), "{path}");
        }
        let found = resolve("sd15", None, |path| path == Path::new("sd15")).unwrap();
        assert_eq!(found, here.join("sd15").to_str().unwrap());
        // Tests run in the package's folder, where `src` is no model.
        assert_eq!(resolve("src", None, is_here).unwrap(), "src");
        assert!(resolve("src/verbs", None, is_here).unwrap().ends_with("/src/verbs"));
    }
}
