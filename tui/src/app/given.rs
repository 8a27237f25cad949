//! Files that a request needs: a path on this machine, or a picture of history. They are read when a job is handed over, as the command
//! does, and sent to the daemon by their hashes; `effects.rs` reads. What a folder holds, for whoever chooses one, is made of names here.

use serde::{Deserialize, Serialize};

/// A file that was given for a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Given {
    /// A path on this machine, as it was typed.
    Path(String),
    /// A picture of history.
    Picture {
        /// What names it.
        sha256: String,
        /// Where the daemon has it.
        path: String,
        /// Its bytes.
        bytes: u64,
    },
}

impl Given {
    /// What is shown of it.
    pub fn shown(&self) -> &str {
        match self {
            Self::Path(path) | Self::Picture { path, .. } => path,
        }
    }

    /// The same where there is little room: of a long path the file's name.
    pub fn brief(&self) -> String {
        let path = self.shown();
        match path.chars().count() > SHOWN {
            true => format!("…/{}", split(path).1),
            false => path.to_owned(),
        }
    }
}

/// The longest path that is shown whole, in characters.
const SHOWN: usize = 30;

/// A path in two: the folder with its slash, and the beginning of a name in it.
pub fn split(path: &str) -> (&str, &str) {
    path.split_at(path.rfind('/').map_or(0, |slash| slash + 1))
}

/// Of the entries of a folder those that can be chosen, folders first and with a slash: pictures by how their names end.
pub fn choosable(entries: Vec<(String, bool)>) -> Vec<String> {
    let is_picture = |name: &str| {
        let end = name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
        end.is_some_and(|end| ["png", "jpg", "jpeg", "webp"].contains(&end.as_str()))
    };
    let (mut folders, mut pictures) = (Vec::new(), Vec::new());
    for (name, is_folder) in entries {
        match is_folder {
            true => folders.push(name + "/"),
            false if is_picture(&name) => pictures.push(name),
            false => {}
        }
    }
    folders.sort_unstable();
    pictures.sort_unstable();
    folders.extend(pictures);
    folders
}

/// Of a folder's entries those that a name begins, else those that hold it. Hidden ones are there when a dot is typed.
pub fn completed<'a>(entries: &'a [String], name: &str) -> Vec<&'a String> {
    let wanted = name.to_lowercase();
    let seen = || {
        entries
            .iter()
            .filter(|entry| name.starts_with('.') || !entry.starts_with('.'))
    };
    let begun: Vec<&String> = seen()
        .filter(|entry| entry.to_lowercase().starts_with(&wanted))
        .collect();
    match begun.is_empty() {
        true => seen().filter(|entry| entry.to_lowercase().contains(&wanted)).collect(),
        false => begun,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_folder_and_the_beginning_of_a_name() {
        assert_eq!(split("~/pictures/fo"), ("~/pictures/", "fo"));
        assert_eq!(split("fo"), ("", "fo"));
        assert_eq!(split("/"), ("/", ""));
        assert_eq!(split(""), ("", ""));
    }

    #[test]
    fn folders_come_first_and_names_complete() {
        let of = |name: &str, is_folder| (name.to_owned(), is_folder);
        let entries = choosable(vec![
            of("fox.PNG", false),
            of("notes.txt", false),
            of("old", true),
            of(".hidden", true),
            of("a.jpeg", false),
            of("png", false),
        ]);
        assert_eq!(entries, [".hidden/", "old/", "a.jpeg", "fox.PNG"]);
        assert_eq!(completed(&entries, ""), ["old/", "a.jpeg", "fox.PNG"]);
        assert_eq!(completed(&entries, "FO"), ["fox.PNG"]);
        assert_eq!(completed(&entries, "x"), ["fox.PNG"]);
        assert_eq!(completed(&entries, ".h"), [".hidden/"]);
    }
}
