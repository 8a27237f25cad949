//! Where a pull goes: into the folder of its kind under its own name, or where the person says. Pure but for one look whether a folder
//! is there. `run.rs` asks once; the answer is kept with the plan.

use std::path::{Path, PathBuf};

use darkroom_protocol::paths::Paths;
use darkroom_protocol::text::escape_line;

use super::listing::check_path;
use super::record::{Kind, Plan};
use crate::settings::Settings;

/// The path that the folder or file of the plan is to have.
///
/// # Errors
/// What is wrong with `to`, as a sentence.
pub(super) fn of(plan: &Plan, to: Option<&str>, settings: &Settings, paths: &Paths) -> Result<PathBuf, String> {
    let folder = folder(plan.kind, settings, paths);
    let Some(to) = to.filter(|to| !to.is_empty()) else {
        return Ok(folder.join(&plan.name));
    };
    let own = plan.name.rsplit('/').next().unwrap_or(&plan.name);
    let path = Path::new(to);
    if path.is_absolute() {
        let plain = path
            .components()
            .all(|part| !matches!(part, std::path::Component::ParentDir));
        if !plain || to.chars().any(char::is_control) {
            return Err(format!(
                "--to {}: give the path without .. and control characters.",
                escape_line(to)
            ));
        }
        return Ok(match to.ends_with('/') || path.is_dir() {
            true => path.join(own),
            false => ended(path.to_owned(), plan),
        });
    }
    let name = to.trim_end_matches('/');
    let hidden = name.split('/').any(|part| part.starts_with('.'));
    if check_path(name).is_err() || hidden {
        return Err(format!(
            "--to {}: that is no name for a model; give a name, or a path that begins with /.",
            escape_line(to)
        ));
    }
    Ok(match to.ends_with('/') {
        true => folder.join(name).join(own),
        false => ended(folder.join(name), plan),
    })
}

/// A file keeps the ending that says what it is.
fn ended(path: PathBuf, plan: &Plan) -> PathBuf {
    let own = Path::new(&plan.name).extension().filter(|_| !plan.folder);
    match own {
        Some(own) if path.extension() != Some(own) => {
            let mut name = path.into_os_string();
            name.push(".");
            name.push(own);
            name.into()
        }
        _ => path,
    }
}

/// The folder in which things of that kind are found by their names.
fn folder(kind: Kind, settings: &Settings, paths: &Paths) -> PathBuf {
    let models = settings.models.first().cloned().unwrap_or_else(|| paths.models());
    match kind {
        Kind::Model => models,
        Kind::Lora => settings.loras.first().cloned().unwrap_or_else(|| paths.loras()),
        Kind::Embedding => models.join("embeddings"),
        Kind::Upscaler => models.join("upscale_models"),
        Kind::Vae => models.join("vae"),
        Kind::ControlNet => models.join("controlnet"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(None, "/m/x.safetensors")]
    #[case(Some("fox"), "/m/fox.safetensors")]
    #[case(Some("anime/fox.safetensors"), "/m/anime/fox.safetensors")]
    #[case(Some("anime/"), "/m/anime/x.safetensors")]
    #[case(Some("/nowhere/fox"), "/nowhere/fox.safetensors")]
    #[case(Some("/nowhere/v1.5"), "/nowhere/v1.5.safetensors")]
    #[case(Some("/nowhere/"), "/nowhere/x.safetensors")]
    #[case(Some("/tmp"), "/tmp/x.safetensors")]
    fn files_go(#[case] to: Option<&str>, #[case] target: &str) {
        let settings = Settings {
            models: vec!["/m".into()],
            ..Settings::default()
        };
        let plan = Plan {
            name: "x.safetensors".into(),
            ..Plan::default()
        };
        let paths = Paths::under(Path::new("/home"));
        assert_eq!(of(&plan, to, &settings, &paths), Ok(target.into()));
    }

    #[rstest]
    #[case("../x")]
    #[case("/a/../b")]
    #[case(".hidden")]
    #[case("a\u{1b}b")]
    fn no_way_out(#[case] to: &str) {
        let paths = Paths::under(Path::new("/home"));
        let error = of(&Plan::default(), Some(to), &Settings::default(), &paths).unwrap_err();
        assert!(error.starts_with("--to ") && !error.contains('\u{1b}'), "{error}");
    }

    #[test]
    fn kinds_have_their_folders() {
        let paths = Paths::under(Path::new("/home"));
        let of = |kind| {
            let plan = Plan {
                name: "x".into(),
                kind,
                ..Plan::default()
            };
            of(&plan, None, &Settings::default(), &paths).unwrap()
        };
        assert_eq!(of(Kind::Model), Path::new("/home/data/models/x"));
        assert_eq!(of(Kind::Lora), Path::new("/home/data/loras/x"));
        assert_eq!(of(Kind::Embedding), Path::new("/home/data/models/embeddings/x"));
    }
}
