//! What is said of a model that is not there: what the words are, what may be meant, and how to get it.

use std::path::Path;

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::text::{closest, escape_line};

use super::lookup::{Places, called};
use super::scan::{self, Found};
use super::{EMOJI, cache, not_found};

/// Characters of what was given that a message repeats.
const SHOWN: usize = 160;
/// Names that a list in a message has at most.
const LISTED: usize = 8;

/// A path on which nothing lies.
pub(super) fn no_path(path: &Path) -> RemoteError {
    let siblings = path.parent().map(scan::near).unwrap_or_default();
    let near = path.file_name().and_then(|name| {
        let name = name.to_string_lossy();
        let names = siblings.iter().filter_map(|found| found.names.first());
        closest(&name, names.map(String::as_str)).map(str::to_owned)
    });
    let near = near.and_then(|near| siblings.iter().find(|found| found.names.first() == Some(&near)));
    let hint = match near {
        Some(found) => format!("did you mean {}?", path_shown(&found.path)),
        None => "give the folder that holds model_index.json.".to_owned(),
    };
    not_found(format!("There is no model {}: {hint}", path_shown(path)))
}

/// A folder that is there and is no model.
pub(super) fn no_model(path: &Path) -> RemoteError {
    let within: Vec<String> = scan::near(path).iter().map(|found| path_shown(&found.path)).collect();
    let parent = path.parent().filter(|parent| scan::is_model(parent));
    let hint = match (within.is_empty(), parent) {
        (_, Some(parent)) => format!("it is a part of the model in {}. Give that folder.", path_shown(parent)),
        (true, None) => "a diffusers model folder has one. Give the folder that holds it.".to_owned(),
        (false, None) => format!("it is a folder of models. Give one of them: {}.", list(within)),
    };
    not_found(format!("There is no model_index.json in {}: {hint}", path_shown(path)))
}

/// A repository of a download cache without a snapshot.
pub(super) fn empty_repository(path: &Path) -> RemoteError {
    not_found(format!(
        "{} is a folder of the Hugging Face cache in which nothing is: download the model again.",
        path_shown(path)
    ))
}

/// A path as seen from a folder that the daemon does not know.
pub(super) fn relative(given: &str) -> RemoteError {
    RemoteError::usage(format!(
        "{} is a relative path, and the daemon has another working directory: give the whole path.",
        shown(given)
    ))
}

/// A page of the Hugging Face Hub, or an id written as an URL, whose model is not in a cache.
pub(super) fn not_downloaded(given: &str, id: &str) -> RemoteError {
    not_found(format!(
        "{} is an address on the Hugging Face Hub, and its model is not on this machine. Run \
         `darkroom pull {id}`, then -m {id} finds it.",
        shown(given)
    ))
}

/// Any other URL.
pub(super) fn url(given: &str) -> RemoteError {
    not_found(format!(
        "{} is an URL: `darkroom pull` fetches what is there, then its name is for -m; for a file that you have, give its path.",
        shown(given)
    ))
}

/// A name that several models have.
pub(super) fn several(given: &str, mut names: Vec<String>) -> RemoteError {
    names.sort();
    let count = names.len();
    let names = names.iter().map(|name| escape_line(name).into_owned()).collect();
    RemoteError::usage(format!(
        "{count} models are called {}: give one of {}.",
        shown(given),
        list(names)
    ))
}

/// A name that no model has.
pub(super) fn no_name(given: &str, places: Places<'_>, all: &[Found]) -> RemoteError {
    let names: Vec<String> = all.iter().map(|found| called(found, all)).collect();
    let last = |name: &String| name.rsplit('/').next().unwrap_or_default().to_owned();
    let lasts: Vec<String> = names.iter().map(last).collect();
    // By its whole name, else by the last part of it.
    let near = closest(given, names.iter().map(String::as_str).chain([EMOJI])).map(str::to_owned);
    let near = near.or_else(|| {
        let end = given.rsplit('/').next().unwrap_or(given);
        let near = closest(end, lasts.iter().map(String::as_str))?;
        lasts.iter().position(|last| last == near).map(|at| names[at].clone())
    });
    let hint = match near {
        Some(near) => format!("did you mean {}?", escape_line(&near)),
        None => elsewhere(given, places),
    };
    not_found(format!("There is no model {}: {hint}", shown(given)))
}

/// Where it was looked for, and what else there is to do.
fn elsewhere(given: &str, places: Places<'_>) -> String {
    let folders: Vec<String> = places.folders.iter().map(|folder| path_shown(folder)).collect();
    let repository = given.contains('/') && cache::folder_of(given).is_some();
    if repository {
        let looked = match folders.is_empty() {
            true => String::new(),
            false => format!("nor in {}, ", list(folders)),
        };
        let id = shown(given);
        return format!(
            "nothing of that name is where you are, {looked}nor in the Hugging Face cache. If it is a model of the Hub, run \
             `darkroom pull {id}`, then -m {id} finds it; else give the model's path."
        );
    }
    match folders.is_empty() {
        true => {
            "give its folder as a path, or name the folder of your models in config.toml (models = [\"~/models\"])."
                .to_owned()
        }
        false => format!("none of that name is in {}. Give its folder as a path.", list(folders)),
    }
}

fn list(names: Vec<String>) -> String {
    let more = names.len().saturating_sub(LISTED);
    let shown: Vec<String> = names.into_iter().take(LISTED).collect();
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn path_shown(path: &Path) -> String {
    escape_line(&path.to_string_lossy()).into_owned()
}

fn shown(given: &str) -> String {
    let cut: String = given.chars().take(SHOWN).collect();
    escape_line(&cut).into_owned()
}
