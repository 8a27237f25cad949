//! What `bench` measures: the request that its flags spell, with one prompt and seed, and the task that it comes to. `mod.rs`
//! calls both. Settings, catalogue and `expand` of the daemon's crate work it out in this process, since no daemon is asked. The
//! worker that does the task is started in `mod.rs`.

use std::sync::Arc;

use clap::ArgMatches;
use darkroom_daemon::catalog::{Catalog, caches};
use darkroom_daemon::expand::resolve;
use darkroom_daemon::settings::Live;
use darkroom_protocol::paths::Paths;
use darkroom_protocol::{GenerateRequest, ImageTask, upscaler};

use crate::{Error, Result, local, size, typed};

/// What every run draws: models are as fast with any other words.
const PROMPT: &str = "a photograph of a red apple";

/// The request that the flags of `rows` and `--size` spell.
///
/// # Errors
/// [`Error::Usage`] with the flag's name and range.
pub(super) fn request(matches: &ArgMatches, rows: &[&str]) -> Result<GenerateRequest> {
    let mut request = GenerateRequest {
        prompt: Some(PROMPT.to_owned()),
        seed: Some(0),
        // The model alone is measured.
        upscaler: Some(upscaler::NONE.to_owned()),
        ..GenerateRequest::default()
    };
    let size = matches
        .get_one::<String>("size")
        .map(|text| size::sides(text))
        .transpose()?;
    let sides = size.map(|(width, height)| [("width", width), ("height", height)]);
    for (name, text) in sides.iter().flatten() {
        request.set_text(name, text).map_err(|e| Error::Usage(e.to_string()))?;
    }
    for name in rows {
        match matches.get_one::<String>(name) {
            Some(text) if *name == "model" => typed::set(&mut request, name, &local::model(text)?)?,
            Some(text) => typed::set(&mut request, name, text)?,
            None => {}
        }
    }
    Ok(request)
}

/// The task that the request comes to, as the daemon would have it, and the line that its model's card has for the person.
///
/// # Errors
/// What the daemon would answer.
pub(super) fn task(paths: &Paths, request: &GenerateRequest) -> Result<(ImageTask, Option<String>)> {
    let settings = Arc::new(Live::load(&paths.config_file())?);
    let remote = |e| Error::Wire(darkroom_protocol::Error::Remote(e));
    let card = Catalog::new(settings.clone())
        .with_caches(caches())
        .card(request.model.as_deref())
        .map_err(remote)?;
    // An empty device lets the worker take the best that it finds.
    let task = resolve(request, &card, &settings.current(), "", None, 0).map_err(remote)?;
    Ok((task, card.notice))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::bench::{ROWS, command};
    use rstest::rstest;

    fn built(args: &[&str]) -> Result<GenerateRequest> {
        let args = ["bench"].iter().chain(args);
        request(&command().try_get_matches_from(args).unwrap(), &ROWS)
    }

    #[test]
    fn flags_become_a_request() {
        let found = built(&[
            "-m",
            "emoji",
            "--size",
            "64x96",
            "--steps",
            "3",
            "-b",
            "2",
            "--dtype",
            "f32",
            "--threads",
            "1",
        ]);
        let expected = GenerateRequest {
            prompt: Some(PROMPT.to_owned()),
            model: Some("emoji".to_owned()),
            width: Some(64),
            height: Some(96),
            steps: Some(3),
            batch: Some(2),
            dtype: Some(darkroom_protocol::Dtype::F32),
            threads: Some(1),
            seed: Some(0),
            upscaler: Some(upscaler::NONE.to_owned()),
            ..GenerateRequest::default()
        };
        assert_eq!(found.unwrap(), expected);
        assert_eq!(built(&[]).unwrap().width, None);
    }

    #[rstest]
    #[case(&["--size", "512"], "--size is width and height in pixels, for instance 512x768, not 512.")]
    #[case(&["--size", "axb"], "--size is width and height in pixels, for instance 512x768, not axb.")]
    #[case(&["--size", "x\u{1b}"], "--size is width and height in pixels, for instance 512x768, not x\\u{1b}.")]
    #[case(&["--size", "4x64"], "width must be a whole number from 8 to 8192, not 4.")]
    #[case(&["--steps", "0"], "--steps must be a whole number from 1 to 1000, not 0.")]
    fn a_wrong_value_is_a_usage_error(#[case] args: &[&str], #[case] message: &str) {
        let error = built(args).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.code()), (message, 2));
    }
}
