//! Which upscaler a request means, beside the models: a word of the protocol's, the path of a network's file, or the name of one in
//! the folders where A1111 and ComfyUI keep them. Found by names alone; what a file holds the worker says when it opens it.

use std::path::{Component, Path, PathBuf};

use darkroom_protocol::message::RemoteError;
use darkroom_protocol::text::{closest, escape_line};
use darkroom_protocol::{FailureKind, upscaler};

use super::Catalog;

/// Subfolders of the models folders that hold upscalers: ComfyUI's, A1111's, SD.Next's.
const FOLDERS: [&str; 3] = ["upscale_models", "ESRGAN", "RealESRGAN"];
/// Endings of their files, the one that is taken first.
const ENDINGS: [&str; 3] = ["safetensors", "pth", "pt"];
/// The most names that are looked at for one that may be meant.
const LOOKED_AT: usize = 1000;

impl Catalog {
    /// The upscaler that `given` names, as a task has it: a word of [`upscaler`], or the absolute path of a file that is there.
    ///
    /// # Errors
    /// `ModelNotFound` with what it may have been, `Usage` for a relative path.
    pub fn upscaler(&self, given: &str) -> Result<String, RemoteError> {
        if let Some(known) = upscaler::known(given) {
            return Ok(known.to_owned());
        }
        let folders = &self.settings.current().models;
        let path = Path::new(given);
        let shown = escape_line(given);
        if path.is_absolute() {
            return match path.is_file() {
                true => Ok(given.to_owned()),
                false => Err(missing(format!("There is no upscaler {shown}: no such file."))),
            };
        }
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(RemoteError::usage(format!(
                "{shown} is a relative path, and the daemon has another working directory: give the upscaler's whole path."
            )));
        }
        let places: Vec<PathBuf> = folders
            .iter()
            .flat_map(|root| FOLDERS.iter().map(|folder| root.join(folder)))
            .collect();
        let whole = places.iter().map(|place| place.join(given));
        let ended = ENDINGS
            .iter()
            .flat_map(|end| places.iter().map(move |place| place.join(format!("{given}.{end}"))));
        if let Some(found) = whole.chain(ended).find(|path| path.is_file()) {
            return found.into_os_string().into_string().map_err(|_| {
                missing(format!(
                    "The path of the upscaler {shown} is not UTF-8: rename its folder."
                ))
            });
        }
        let names = names(&places);
        let near = names
            .iter()
            .find(|name| darkroom_protocol::text::fold(name) == darkroom_protocol::text::fold(given));
        if let Some(near) = near.filter(|near| *near != given) {
            return self.upscaler(near);
        }
        Err(missing(match closest(given, names.iter().map(String::as_str)) {
            Some(near) => format!("There is no upscaler {shown}: did you mean {}?", escape_line(near)),
            None => format!(
                "There is no upscaler {shown}: give none, lanczos, {}, the path of a network's file, or its name in {} of a models folder.",
                upscaler::EMBEDDED,
                FOLDERS.join(", ")
            ),
        }))
    }
}

/// The words, and the names of the files in `places` without their endings.
fn names(places: &[PathBuf]) -> Vec<String> {
    let files = places
        .iter()
        .filter_map(|place| std::fs::read_dir(place).ok())
        .flatten();
    let named = files.take(LOOKED_AT).filter_map(|entry| {
        let path = entry.ok()?.path();
        let ending = path.extension()?.to_str()?;
        ENDINGS
            .contains(&ending)
            .then(|| path.file_stem()?.to_str().map(str::to_owned))?
    });
    let words = [
        "none",
        "nearest",
        "box",
        "bilinear",
        "bicubic",
        "lanczos",
        upscaler::EMBEDDED,
    ];
    words.map(str::to_owned).into_iter().chain(named).collect()
}

fn missing(message: String) -> RemoteError {
    RemoteError::new(FailureKind::ModelNotFound, message)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rstest::rstest;

    use super::*;
    use crate::settings::{Live, Settings};

    #[rstest]
    #[case("Lanczos", Ok("lanczos"))]
    #[case("4x-UltraSharp", Ok("/upscale_models/4x-UltraSharp.pth"))]
    #[case("4x-UltraSharp.pth", Ok("/upscale_models/4x-UltraSharp.pth"))]
    #[case("4x_ultrasharp", Ok("/upscale_models/4x-UltraSharp.pth"))]
    #[case("both", Ok("/ESRGAN/both.safetensors"))]
    #[case("4x-UltraShrap", Err("did you mean 4x-UltraSharp?"))]
    #[case("lanzcos", Err("did you mean lanczos?"))]
    #[case("/nowhere/x.pth", Err("no such file"))]
    #[case("../x.pth", Err("relative path"))]
    #[case("something else entirely", Err("upscale_models"))]
    fn names_are_found(#[case] given: &str, #[case] expected: Result<&str, &str>) {
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "upscale_models/4x-UltraSharp.pth",
            "ESRGAN/both.safetensors",
            "upscale_models/both.pth",
        ] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let settings = Settings {
            models: vec![folder.path().to_owned()],
            ..Settings::default()
        };
        let found = Catalog::new(Arc::new(Live::fixed(settings))).upscaler(given);
        match (found, expected) {
            (Ok(found), Ok(expected)) => {
                let found = found.trim_start_matches(folder.path().to_str().unwrap());
                assert_eq!(found, expected);
            }
            (Err(found), Err(expected)) => assert!(found.message.contains(expected), "{}", found.message),
            (found, _) => panic!("{found:?}"),
        }
    }
}
