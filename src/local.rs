//! Paths as the person wrote them, made absolute on this side: the daemon has another working directory.

use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// `path` with a leading `~` replaced by the home directory.
pub fn expand_home(path: &str, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix('~'), home) {
        (Some(""), Some(home)) => home.to_path_buf(),
        (Some(rest), Some(home)) if rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        _ => PathBuf::from(path),
    }
}

/// The user's home directory.
pub fn home() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| !home.as_os_str().is_empty())
}

/// What `-m` names: an absolute path when it is written as a path or exists, else a name for the daemon to look up.
///
/// # Errors
/// [`Error::Usage`] when the absolute path is not UTF-8, which JSON cannot carry.
pub fn model(name: &str) -> Result<String> {
    resolve(name, home().as_deref(), |path| path.exists())
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
    }
}
