//! From the flags of `generate` to the request, and the bytes of the pictures that it names. Prompt and picture may come from
//! standard input. `mod.rs` calls it before a daemon is looked for. The flags are declared in `flags.rs`; values are checked by
//! the parameter table, and `src/typed.rs` says what is wrong under the name that was typed.

use std::fs::File;
use std::io::{Cursor, IsTerminal, Read};

use clap::ArgMatches;
use darkroom_client::name_of;
use darkroom_formats::input;
use darkroom_protocol::params::{Kind, MAX_PROMPT, Parameter, TABLE};
use darkroom_protocol::text::{decode, escape_line};
use darkroom_protocol::{GenerateRequest, PartRole, upscaler};

use super::flags::PROMPT;
use crate::{Error, Result, local, say, size, typed};

/// More than the longest prompt has in any encoding that is read, in bytes.
const MOST_READ: u64 = 2 * MAX_PROMPT as u64 + 8;

/// The request that the flags spell, else what `like` says, and the files that the flags name by their hashes. Every value passes its
/// row's check, as in JSON.
///
/// # Errors
/// [`Error::Usage`] with the flag's name and range.
pub(super) fn build(
    matches: &ArgMatches,
    like: GenerateRequest,
    stdin: &mut impl Read,
) -> Result<(GenerateRequest, Vec<Vec<u8>>)> {
    let given = |name: &str| matches.try_get_one::<String>(name).ok().flatten();
    let (mut request, mut files) = (GenerateRequest::default(), Vec::new());
    let dashes = TABLE
        .iter()
        .filter(|row| row.name == PROMPT || matches!(row.kind, Kind::File));
    let dashes = dashes.filter(|row| given(row.name).is_some_and(|text| text == "-"));
    if dashes.count() > 1 {
        let what = "Standard input is one thing: - can stand for the prompt or for a picture.";
        return Err(Error::Usage(what.to_owned()));
    }
    for row in TABLE {
        let Some(text) = given(row.name) else {
            continue;
        };
        let text = match row.name {
            _ if matches!(row.kind, Kind::List { .. }) => {
                let given: Vec<&str> = matches
                    .get_many::<String>(row.name)
                    .into_iter()
                    .flatten()
                    .map(String::as_str)
                    .collect();
                match row.name {
                    "loras" => local::loras(&given)?,
                    "text_encoders" => {
                        let words = given.iter().flat_map(|text| text.split(','));
                        let words = words.map(|word| local::part(word.trim(), PartRole::TextEncoder));
                        words.collect::<Result<Vec<_>>>()?.join(",")
                    }
                    _ => given.join(","),
                }
            }
            PROMPT if text == "-" => prompt(stdin)?,
            "model" => local::model(text)?,
            "upscaler" => local::upscaler(text)?,
            "vae" => local::part(text, PartRole::Vae)?,
            "denoiser" => local::part(text, PartRole::Denoiser)?,
            _ if matches!(row.kind, Kind::File) => {
                let bytes = file(row, text, stdin)?;
                let name = name_of(&bytes);
                files.push(bytes);
                name
            }
            _ => text.clone(),
        };
        typed::set(&mut request, row.name, &text)?;
    }
    if let Some(text) = given("size") {
        sized(&mut request, text)?;
    }
    let mut like = like;
    if request.upscale.is_some() && like.upscaler.as_deref() == Some(upscaler::NONE) {
        // Asked for now, it counts more than that the other picture had none.
        like.upscaler = None;
    }
    let request = request.or(like);
    if request.denoise.is_some() && request.init_image.is_none() {
        let what = "--denoise says how far a picture may change: give one with -i (--init-image), or leave it out.";
        return Err(Error::Usage(what.to_owned()));
    }
    if request.mask.is_some() && request.init_image.is_none() {
        let what = "--mask says where a picture may change: give one with -i (--init-image), or leave it out.";
        return Err(Error::Usage(what.to_owned()));
    }
    Ok((request, files))
}

/// The file that a row's flag names, once it is a picture: the daemon's refusal would not know its path.
fn file(row: &Parameter, path: &str, stdin: &mut impl Read) -> Result<Vec<u8>> {
    let (flag, named) = (row.flag, escape_line(path));
    let failed = |e: std::io::Error| Error::Usage(format!("--{flag} {named}: {}.", say::reason(&e)));
    let mut bytes = Vec::new();
    let most = input::MAX_BYTES;
    let read = match path {
        "-" => stdin.take(most + 1).read_to_end(&mut bytes),
        path => File::open(local::expand_home(path, local::home().as_deref()))
            .and_then(|file| file.take(most + 1).read_to_end(&mut bytes)),
    };
    read.map_err(failed)?;
    if bytes.len() as u64 > most {
        return Err(Error::Usage(format!(
            "--{flag} {named} has more than {most} bytes: make it smaller."
        )));
    }
    input::look(Cursor::new(&bytes)).map_err(|problem| Error::Usage(format!("--{flag} {named}: {problem}.")))?;
    Ok(bytes)
}

/// Sets width and height as `--size` has them. `-W` and `-H` may say the same, not another.
fn sized(request: &mut GenerateRequest, text: &str) -> Result<()> {
    let (width, height) = size::sides(text)?;
    for (name, flag, side) in [("width", "-W", width), ("height", "-H", height)] {
        let given = request.get(name).map(|value| value.to_string());
        request
            .set_text(name, side)
            .map_err(|e| Error::Usage(format!("--size: {e}")))?;
        let set = request.get(name).map(|value| value.to_string());
        if let Some(given) = given.filter(|given| Some(given) != set.as_ref()) {
            return Err(Error::Usage(format!(
                "--size {} says {name} {side} and {flag} says {given}: leave one of them out.",
                escape_line(text)
            )));
        }
    }
    Ok(())
}

/// What to say where somebody seems to have meant another flag: `-n 4` is a negative prompt here, and a number elsewhere.
pub(super) fn doubt(request: &GenerateRequest) -> Option<String> {
    let number: u32 = request.negative_prompt.as_deref()?.trim().parse().ok()?;
    Some(format!(
        "-n is the negative prompt, which is now \"{number}\"; -b {number} makes {number} pictures."
    ))
}

/// The prompt from standard input, without the line's end: lines may end as on Windows, and a byte order mark is no part of it.
fn prompt(stdin: &mut impl Read) -> Result<String> {
    if std::io::stdin().is_terminal() {
        say::note("Type the prompt, then Ctrl-D on a line of its own.");
    }
    let mut bytes = Vec::new();
    let read = stdin.take(MOST_READ).read_to_end(&mut bytes);
    read.map_err(|e| Error::Failed(format!("The prompt cannot be read from standard input: {e}.")))?;
    let too_long = || {
        Error::Usage(format!(
            "prompt has more than {MAX_PROMPT} bytes, which is the most: shorten it."
        ))
    };
    if bytes.len() as u64 == MOST_READ {
        return Err(too_long());
    }
    let text = decode(&bytes).map_err(|what| Error::Usage(format!("The prompt on standard input is {what}.")))?;
    let prompt = text.trim_end_matches(['\n', '\r']).replace("\r\n", "\n");
    if prompt.len() > MAX_PROMPT {
        return Err(too_long());
    }
    Ok(prompt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::generate::command;
    use darkroom_protocol::{Sampler, Schedule};
    use rstest::rstest;

    fn built(args: &[&str], stdin: &[u8]) -> Result<GenerateRequest> {
        let args = ["generate"].iter().chain(args);
        let matches = command().try_get_matches_from(args).unwrap();
        build(&matches, GenerateRequest::default(), &mut &stdin[..]).map(|(request, _)| request)
    }

    #[test]
    fn flags_become_a_request() {
        let args = [
            "a fox",
            "-n",
            "blur",
            "-W",
            "64",
            "--cfg",
            "5",
            "--sampler",
            "EULER_a",
            "--seed",
            "-1",
        ];
        let request = built(&args, b"").unwrap();
        assert_eq!(request.prompt.as_deref(), Some("a fox"));
        assert_eq!(request.negative_prompt.as_deref(), Some("blur"));
        assert_eq!((request.width, request.height), (Some(64), None));
        assert_eq!(request.cfg_scale, Some(5.0));
        assert_eq!(request.sampler, Some(Sampler::EulerAncestral));
        assert_eq!(request.seed, Some(-1));
    }

    #[rstest]
    #[case(&["x", "--sampler", "DPM++ 2M Karras"], Some(Schedule::Karras))]
    #[case(&["x", "--sampler", "k_dpmpp_2m_ka", "--schedule", "karras"], Some(Schedule::Karras))]
    #[case(&["x", "--sampler", "dpmpp_2m_exponential", "--schedule", "auto"], Some(Schedule::Exponential))]
    #[case(&["x", "--sampler", "DPMSolverMultistepScheduler"], None)]
    fn a_sampler_may_bring_its_schedule(#[case] args: &[&str], #[case] schedule: Option<Schedule>) {
        let request = built(args, b"").unwrap();
        assert_eq!((request.sampler, request.schedule), (Some(Sampler::DpmPp2m), schedule));
    }

    #[rstest]
    #[case(&["x", "--size", "512x768"])]
    #[case(&["x", "--size", "512×768", "-W", "512"])]
    #[case(&["x", "-H", "768", "--size", "512X768"])]
    fn a_size_is_width_and_height(#[case] args: &[&str]) {
        let request = built(args, b"").unwrap();
        assert_eq!((request.width, request.height), (Some(512), Some(768)));
    }

    #[rstest]
    #[case(Some("4"), true)]
    #[case(Some(" 12 "), true)]
    #[case(Some("4 legs"), false)]
    #[case(None, false)]
    fn a_number_after_n_is_doubted(#[case] negative: Option<&str>, #[case] doubted: bool) {
        let request = GenerateRequest {
            negative_prompt: negative.map(str::to_owned),
            ..GenerateRequest::default()
        };
        assert_eq!(doubt(&request).is_some(), doubted);
    }

    #[rstest]
    #[case(b"a fox\n", "a fox")]
    #[case(b"a fox\r\n", "a fox")]
    #[case(b"two\nlines\n\n", "two\nlines")]
    #[case(b"", "")]
    #[case(b"\xef\xbb\xbfa fox\r\n", "a fox")]
    #[case(b"two\r\nlines\r\n\r\n", "two\nlines")]
    #[case(b"\xff\xfea\0\r\0\n\0", "a")]
    #[case(b"\xfe\xff\0a", "a")]
    #[case(b"\xef\xbb\xbf", "")]
    fn a_dash_reads_standard_input(#[case] stdin: &[u8], #[case] prompt: &str) {
        assert_eq!(built(&["-"], stdin).unwrap().prompt.as_deref(), Some(prompt));
    }

    #[test]
    fn the_longest_prompt_passes_and_one_byte_more_does_not() {
        let mut text = vec![b'a'; MAX_PROMPT];
        text.push(b'\n');
        assert_eq!(built(&["-"], &text).unwrap().prompt.unwrap().len(), MAX_PROMPT);
        let error = built(&["-"], &vec![b'a'; 1 << 20]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "prompt has more than 65536 bytes, which is the most: shorten it."
        );
        assert_eq!(error.code(), 2);
        assert_eq!(built(&["-"], b"\xff").unwrap_err().code(), 2);
        let error = built(&["-"], b"\xff\xfe\0\0a\0\0\0").unwrap_err().to_string();
        assert!(error.contains("UTF-32: save it as UTF-8"), "{error}");
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_an_argument() {
        let request = built(&["\u{feff}a fox", "-n", "\u{feff}hens"], b"").unwrap();
        assert_eq!(request.prompt.as_deref(), Some("a fox"));
        assert_eq!(request.negative_prompt.as_deref(), Some("hens"));
    }

    #[rstest]
    #[case(&["x", "--steps", "0"], "--steps must be a whole number from 1 to 1000, not 0.")]
    #[case(&["x", "-b", "1000000"], "--batch must be a whole number from 1 to 256, not 1000000.")]
    #[case(&["x", "--keep-alive", "-5"], "--keep-alive is a time such as 10m, 90s or 0, or forever, not -5.")]
    #[case(&["x", "--denoise", "0.5"], "--denoise says how far a picture may change: give one with -i (--init-image), or leave it out.")]
    #[case(&["x", "-i", "none/x.png"], "--init-image none/x.png: there is no such file or folder.")]
    #[case(&["-", "-i", "-"], "Standard input is one thing: - can stand for the prompt or for a picture.")]
    #[case(&["x", "-W", "1e6"], "--width is a whole number from 8 to 8192, not 1e6.")]
    #[case(&["x", "--size", "512x768", "-W", "640"], "--size 512x768 says width 512 and -W says 640: leave one of them out.")]
    #[case(&["x", "--size", "4x768"], "--size: width must be a whole number from 8 to 8192, not 4.")]
    #[case(&["x", "--size", "big"], "--size is width and height in pixels, for instance 512x768, not big.")]
    #[case(&["x", "--sampler", "DC Solver"], "--sampler must be one of the 48 names that `darkroom generate --help-all` lists, not DC Solver: DC Solver is not built yet.")]
    #[case(&["x", "--sampler", "eulr"], "--sampler must be one of the 48 names that `darkroom generate --help-all` lists, not eulr: did you mean Euler?")]
    #[case(&["x", "--sampler", "DPM++ 2M Karras", "--schedule", "exponential"],
        "--schedule says Exponential, but the sampler's name says Karras: leave one of them out.")]
    fn a_wrong_value_is_a_usage_error(#[case] args: &[&str], #[case] message: &str) {
        let error = built(args, b"").unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(error.code(), 2);
    }
}
