//! Which LoRA files a request means: its words and the tags of its prompt, by path or by name in the folders of LoRAs, each looked at
//! and hashed. A file's hash is kept while its size and time stay, so that a request costs a look at each. What is in such a file for
//! a model is found in the worker (`engine/src/adapters`).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use darkroom_formats::adapter::{Adapter, MAX_FILE};
use darkroom_formats::safetensors::Header;
use darkroom_protocol::files;
use darkroom_protocol::hash::hex;
use darkroom_protocol::lora::{self, Lora, Wish, split};
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::text::{closest, escape_line, fold};
use darkroom_protocol::{FailureKind, GenerateRequest};
use sha2::{Digest as _, Sha256};

use super::Catalog;
use super::lookup::home;
use super::not_found;
use super::scan::{self, Found};
use super::seen::Stamp;

/// Names that a message lists at most.
const LISTED: usize = 8;
/// The most hashes that are kept.
const KEPT: usize = 1024;
/// So many bytes of a file are hashed at once.
const PIECE: usize = 1 << 20;

/// The hashes of files that were looked at.
pub(super) type Hashes = Mutex<HashMap<PathBuf, (Stamp, String)>>;

impl Catalog {
    /// The LoRAs of a request, in order: those of its words, then those that only its prompt names. One that both name counts once,
    /// with the weights of the prompt. Reads files, may block.
    ///
    /// # Errors
    /// `ModelNotFound` with what may have been meant, `BadModel` for a file that is no LoRA or another one than the request's hash says,
    /// `Usage` for a tag that cannot be done, a relative path, and too many.
    pub fn loras(&self, request: &GenerateRequest) -> Result<Vec<Lora>, RemoteError> {
        let usage = |e: lora::TagError| RemoteError::usage(e.to_string());
        let (_, tags) = split(request.prompt.as_deref().unwrap_or_default()).map_err(usage)?;
        let (_, misplaced) = split(request.negative_prompt.as_deref().unwrap_or_default()).map_err(usage)?;
        if let Some(wish) = misplaced.first() {
            return Err(RemoteError::usage(format!(
                "<lora:{}> is in the negative prompt, but a LoRA changes the whole model: put it into the prompt.",
                shown(&wish.name)
            )));
        }
        let words = request.loras.iter().flatten();
        // What is no word was refused by the table.
        let wishes: Vec<Wish> = words.filter_map(|word| Wish::parse(word)).collect();
        if wishes.len() + tags.len() > lora::MAX {
            let most = lora::MAX;
            return Err(RemoteError::usage(format!(
                "A picture has at most {most} LoRAs: leave some out."
            )));
        }
        let given = wishes.iter().map(|wish| self.lora(wish));
        let mut loras = given.collect::<Result<Vec<Lora>, RemoteError>>()?;
        let mut in_words = vec![true; loras.len()];
        for tag in &tags {
            let is_named = |at: &usize| is_called(&loras[*at], &tag.name);
            let found = match (0..wishes.len()).filter(|at| in_words[*at]).find(is_named) {
                Some(at) => Some(at),
                None => {
                    let lora = self.lora(tag)?;
                    let at = (0..wishes.len()).find(|at| in_words[*at] && loras[*at].path == lora.path);
                    if at.is_none() {
                        loras.push(lora);
                    }
                    at
                }
            };
            if let Some(at) = found {
                (loras[at].unet, loras[at].text) = (tag.unet, tag.text);
                in_words[at] = false;
            }
        }
        Ok(loras)
    }

    /// The LoRA that is wished for.
    fn lora(&self, wish: &Wish) -> Result<Lora, RemoteError> {
        let (name, path) = self.meant_lora(&wish.name)?;
        let text = path.to_string_lossy().into_owned();
        let sha256 = self.look_at_lora(&name, &path)?;
        if wish.sha256.as_ref().is_some_and(|wanted| *wanted != sha256) {
            return Err(bad(format!(
                "LoRA {}: {} is another file than the one that is asked for. Put that one back, or ask for it without @ and its hash.",
                shown(&name),
                shown(&text)
            )));
        }
        Ok(Lora {
            name,
            path: text,
            sha256,
            unet: wish.unet,
            text: wish.text,
        })
    }

    /// Name and path of the file that `given` means.
    fn meant_lora(&self, given: &str) -> Result<(String, PathBuf), RemoteError> {
        let path = home(given);
        let folders = self.lora_folders();
        if path.is_absolute() {
            let path: PathBuf = path.components().collect();
            return match path.is_file() {
                true => Ok((name_of(&path, &folders), path)),
                false => Err(no_file(&path)),
            };
        }
        if given.starts_with('~') || ["./", "../"].iter().any(|up| given.starts_with(up)) {
            return Err(RemoteError::usage(format!(
                "LoRA {} is a relative path, and the daemon has another working directory: give the whole path.",
                shown(given)
            )));
        }
        let all = found(&folders);
        match fit(given, &all).as_slice() {
            [one] => Ok((called(one), one.path.clone())),
            [] => Err(no_name(given, &all, &folders)),
            several => {
                let names = several.iter().map(|one| one.path.to_string_lossy().into_owned());
                Err(RemoteError::usage(format!(
                    "{} LoRAs are called {}: give the path of one of {}.",
                    several.len(),
                    shown(given),
                    list(names.collect())
                )))
            }
        }
    }

    /// The folders of the settings, and the daemon's own.
    fn lora_folders(&self) -> Vec<PathBuf> {
        let settings = self.settings.current();
        settings.loras.iter().cloned().chain(self.own_loras.clone()).collect()
    }

    /// The hash of a file that is a LoRA. One file is read at a time.
    fn look_at_lora(&self, name: &str, path: &Path) -> Result<String, RemoteError> {
        let stamp = Stamp::of([path.to_owned()]);
        let mut hashes = self.lora_hashes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, hash)) = hashes.get(path).filter(|(seen, _)| *seen == stamp) {
            return Ok(hash.clone());
        }
        let place = path.to_string_lossy();
        let header = Header::read(path).map_err(|e| bad(format!("LoRA {}: {e}", shown(name))))?;
        Adapter::read(&header).map_err(|problem| bad(format!("LoRA {}: {} {problem}", shown(name), shown(&place))))?;
        let hash = hash(path).map_err(|e| {
            let what = format!("LoRA {}: {} cannot be read: {e}.", shown(name), shown(&place));
            RemoteError::new(FailureKind::Disk, what)
        })?;
        if hashes.len() >= KEPT {
            hashes.clear();
        }
        hashes.insert(path.to_owned(), (stamp, hash.clone()));
        Ok(hash)
    }
}

/// The SHA-256 of a file that is no longer than such files are.
pub(super) fn hash(path: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut file = files::open(path)?;
    if file.metadata()?.len() > MAX_FILE {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    let (mut digest, mut piece) = (Sha256::new(), vec![0; PIECE]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex(digest.finalize())),
            read => digest.update(&piece[..read]),
        }
    }
}

/// The LoRA files in these folders.
fn found(folders: &[PathBuf]) -> Vec<Found> {
    let mut all = scan::models(folders, &[]);
    all.retain(|one| one.path.is_file());
    all
}

/// What to call a file: as it lies in its folder, without the ending.
fn called(found: &Found) -> String {
    let whole = || found.names.first().cloned().unwrap_or_default();
    found.stem().map_or_else(whole, str::to_owned)
}

/// The same for a path.
fn name_of(path: &Path, folders: &[PathBuf]) -> String {
    let inside = folders.iter().find_map(|folder| path.strip_prefix(folder).ok());
    let name = inside
        .map(|inside| inside.with_extension(""))
        .filter(|name| !name.as_os_str().is_empty());
    let stem = || path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    name.map_or_else(stem, |name| name.to_string_lossy().into_owned())
}

/// Those that `given` fits best: whole, without the ending, the end of the path, and the same without regard to case, spaces, `_` and
/// `-`.
fn fit<'a>(given: &str, all: &'a [Found]) -> Vec<&'a Found> {
    let given = given.trim_end_matches('/');
    let parts = |name: &str| name.split('/').map(fold).collect::<Vec<_>>();
    let wanted = parts(given);
    let ends = |name: &str| name == given || name.strip_suffix(given).is_some_and(|rest| rest.ends_with('/'));
    let folded = |name: &str| parts(name).ends_with(&wanted);
    let rules: [&dyn Fn(&str) -> bool; 3] = [&|name| name == given, &ends, &folded];
    let by = |rule: &dyn Fn(&str) -> bool| {
        let fits = |one: &&Found| one.names.iter().map(String::as_str).chain(one.stem()).any(rule);
        all.iter().filter(fits).collect::<Vec<_>>()
    };
    rules
        .iter()
        .map(|rule| by(*rule))
        .find(|found| !found.is_empty())
        .unwrap_or_default()
}

/// Whether a LoRA that is there already is what a tag's name means.
fn is_called(lora: &Lora, name: &str) -> bool {
    let parts = |name: &str| name.split('/').map(fold).collect::<Vec<_>>();
    let ends = [".safetensors", ".pt", ".ckpt", ".pth", ".bin"];
    let stem = ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    parts(&lora.name).ends_with(&parts(stem)) || lora.path == name
}

fn no_file(path: &Path) -> RemoteError {
    let siblings = path.parent().map(scan::near).unwrap_or_default();
    let wanted = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let near = closest(&wanted, siblings.iter().filter_map(Found::stem));
    let near = near.and_then(|near| siblings.iter().find(|one| one.stem() == Some(near)));
    let hint = match near {
        Some(one) => format!("did you mean {}?", shown(&one.path.to_string_lossy())),
        None => "give the path of a .safetensors file.".to_owned(),
    };
    not_found(format!("There is no LoRA {}: {hint}", shown(&path.to_string_lossy())))
}

fn no_name(given: &str, all: &[Found], folders: &[PathBuf]) -> RemoteError {
    let names: Vec<String> = all.iter().map(called).collect();
    let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let lasts: Vec<String> = names.iter().map(|name| last(name)).collect();
    let near = closest(given, names.iter().map(String::as_str))
        .map(str::to_owned)
        .or_else(|| {
            let near = closest(&last(given), lasts.iter().map(String::as_str))?;
            lasts.iter().position(|one| one == near).map(|at| names[at].clone())
        });
    let hint = match near {
        Some(near) => format!("did you mean {}?", shown(&near)),
        None => {
            let folders = folders.iter().map(|folder| shown(&folder.to_string_lossy())).collect();
            format!(
                "none of that name is in {}. Put it there, give its file's path, or name its folder in config.toml (loras = \
                 [\"~/loras\"]).",
                list(folders)
            )
        }
    };
    not_found(format!("There is no LoRA {}: {hint}", shown(given)))
}

fn bad(what: String) -> RemoteError {
    RemoteError::new(FailureKind::BadModel, what)
}

fn list(names: Vec<String>) -> String {
    let more = names.len().saturating_sub(LISTED);
    let shown: Vec<String> = names.into_iter().take(LISTED).collect();
    match (shown.is_empty(), more) {
        (true, _) => "any folder of LoRAs".to_owned(),
        (_, 0) => shown.join(", "),
        (_, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

fn shown(text: &str) -> String {
    let cut: String = text.chars().take(160).collect();
    escape_line(&cut).into_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::settings::{Live, Settings};

    /// A file with one LoRA of that value in it.
    fn write(path: &Path, value: f32) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let header = r#"{"m.lora_down.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},"m.lora_up.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[4,8]}}"#;
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend_from_slice(header.as_bytes());
        file.extend([value, value].iter().flat_map(|x| x.to_le_bytes()));
        fs::write(path, file).unwrap();
    }

    /// Folders `set` and `own` of LoRAs: detail, `Old Film` and two called twin.
    fn catalog() -> (tempfile::TempDir, Catalog) {
        let dir = tempfile::tempdir().unwrap();
        for (n, name) in ["set/detail", "set/sub/Old Film", "set/twin", "own/twin", "set/sub/deep"]
            .iter()
            .enumerate()
        {
            write(&dir.path().join(format!("{name}.safetensors")), n as f32);
        }
        fs::write(dir.path().join("set/bad.safetensors"), "no").unwrap();
        let settings = Settings {
            loras: vec![dir.path().join("set")],
            ..Settings::default()
        };
        let catalog = Catalog::new(Arc::new(Live::fixed(settings))).with_loras(dir.path().join("own"));
        (dir, catalog)
    }

    fn request(loras: &[&str], prompt: &str, negative: &str) -> GenerateRequest {
        serde_json::from_value(json!({ "loras": loras, "prompt": prompt, "negative_prompt": negative })).unwrap()
    }

    #[rstest]
    #[case(&["detail"], "", &["detail"])]
    #[case(&["detail.safetensors:0.5"], "", &["detail:0.5"])]
    #[case(&["old_film:0.5:0.25"], "", &["sub/Old Film:0.5:0.25"])]
    #[case(&["DIR/set/detail.safetensors"], "", &["detail"])]
    #[case(&["DIR/own/twin.safetensors:2"], "", &["twin:2"])]
    #[case(&[], "a <lora:detail:0.8> fox <lora:deep>", &["detail:0.8", "sub/deep"])]
    #[case(&["detail", "deep:0.1"], "<lora:DETAIL:0.8:0.4>", &["detail:0.4:0.8", "sub/deep:0.1"])]
    #[case(&[], "<lora:detail:1><lora:detail:0.5>", &["detail", "detail:0.5"])]
    #[case(&["DIR/own/twin.safetensors"], "<lora:twin:0.5>", &["twin:0.5"])]
    fn words_and_tags_are_files(#[case] words: &[&str], #[case] prompt: &str, #[case] expected: &[&str]) {
        let (dir, catalog) = catalog();
        let place = dir.path().display().to_string();
        let words: Vec<String> = words.iter().map(|word| word.replace("DIR", &place)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let loras = catalog.loras(&request(&words, prompt, "")).unwrap();
        assert_eq!(loras.iter().map(Lora::named).collect::<Vec<_>>(), expected);
        // What a task is asked for again by is exactly these files.
        let pinned: Vec<String> = loras.iter().map(Lora::pinned).collect();
        let pinned: Vec<&str> = pinned.iter().map(String::as_str).collect();
        assert_eq!(catalog.loras(&request(&pinned, prompt, "")).unwrap(), loras);
    }

    #[rstest]
    #[case(&["detial"], "", FailureKind::ModelNotFound, "There is no LoRA detial: did you mean detail?")]
    #[case(&[], "<lora:dep:1>", FailureKind::ModelNotFound, "There is no LoRA dep: did you mean sub/deep?")]
    #[case(&["zebra"], "", FailureKind::ModelNotFound,
        "There is no LoRA zebra: none of that name is in DIR/set, DIR/own. Put it there, give its file's path, or name its folder in \
         config.toml (loras = [\"~/loras\"]).")]
    #[case(&["DIR/set/detial.safetensors"], "", FailureKind::ModelNotFound,
        "There is no LoRA DIR/set/detial.safetensors: did you mean DIR/set/detail.safetensors?")]
    #[case(&["./detail"], "", FailureKind::Usage,
        "LoRA ./detail is a relative path, and the daemon has another working directory: give the whole path.")]
    #[case(&["twin"], "", FailureKind::Usage,
        "2 LoRAs are called twin: give the path of one of DIR/set/twin.safetensors, DIR/own/twin.safetensors.")]
    #[case(&["bad"], "", FailureKind::BadModel, "LoRA bad: DIR/set/bad.safetensors: ")]
    #[case(&[], "<lora:detail:x>", FailureKind::Usage, "<lora:detail:x>: x is no weight; give a number from -100 to 100.")]
    fn what_is_not_there_is_told(
        #[case] words: &[&str],
        #[case] prompt: &str,
        #[case] kind: FailureKind,
        #[case] message: &str,
    ) {
        let (dir, catalog) = catalog();
        let place = dir.path().display().to_string();
        let words: Vec<String> = words.iter().map(|word| word.replace("DIR", &place)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let error = catalog.loras(&request(&words, prompt, "")).unwrap_err();
        let told = error.message.replace(&place, "DIR");
        assert!(
            error.kind == kind && told.starts_with(message),
            "{:?} {told}",
            error.kind
        );
    }

    #[test]
    fn a_tag_in_the_negative_prompt_is_refused() {
        let (_dir, catalog) = catalog();
        let error = catalog.loras(&request(&[], "x", "<lora:detail>")).unwrap_err();
        assert_eq!(
            error.message,
            "<lora:detail> is in the negative prompt, but a LoRA changes the whole model: put it into the prompt."
        );
    }

    #[test]
    fn a_file_that_has_changed_is_another() {
        let (dir, catalog) = catalog();
        let before = catalog.loras(&request(&["detail"], "", "")).unwrap();
        let path = dir.path().join("set/detail.safetensors");
        write(&path, 9.0);
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(later)
            .unwrap();
        let after = catalog.loras(&request(&["detail"], "", "")).unwrap();
        assert_ne!(before[0].sha256, after[0].sha256);
        let error = catalog.loras(&request(&[&before[0].pinned()], "", "")).unwrap_err();
        assert!(
            error.kind == FailureKind::BadModel
                && error.message.contains("is another file than the one that is asked for"),
            "{}",
            error.message
        );
        fs::remove_file(&path).unwrap();
        let error = catalog.loras(&request(&[&before[0].pinned()], "", "")).unwrap_err();
        assert!(error.kind == FailureKind::ModelNotFound, "{}", error.message);
    }
}
