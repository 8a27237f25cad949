//! Whether an output can be what a request asks for, and whether this daemon can bring pictures there.

use std::path::Path;

use darkroom_protocol::sampler::Named as _;
use darkroom_protocol::text::escape_line;
use darkroom_protocol::{Format, GenerateRequest, Output};

use super::pattern::Pattern;
use super::seen::sees;

/// The longest path, as systems have it.
const MAX_PATH: usize = 4096;
/// The longest name of a time zone.
const MAX_ZONE: usize = 256;
/// Pictures that other programs write: a file with such an extension is expected to be one.
const OTHERS: &[&str] = &[
    "gif", "bmp", "tif", "tiff", "avif", "heic", "heif", "jxl", "jp2", "tga", "ico", "pnm", "ppm", "pgm", "svg", "psd",
    "exr",
];

/// Why a path and a format do not go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disagreement {
    /// The extension means another format.
    Contradicts(Format),
    /// The extension means no format.
    Unknown(String),
}

/// The format that the pattern's extension says, unless another one is asked for; an extension that means nothing is as good as
/// none where one is asked for.
///
/// # Errors
/// [`Disagreement`].
pub fn agree_format(pattern: &Pattern, asked: Option<Format>) -> Result<Option<Format>, Disagreement> {
    let Some(extension) = pattern.extension() else {
        return Ok(asked);
    };
    match (Format::from_name(&extension), asked) {
        (Some(named), Some(asked)) if named != asked => Err(Disagreement::Contradicts(asked)),
        (Some(named), _) => Ok(Some(named)),
        (None, Some(asked)) if !OTHERS.contains(&extension.to_lowercase().as_str()) => Ok(Some(asked)),
        (None, _) => Err(Disagreement::Unknown(extension)),
    }
}

/// Checks an output against its request, whose format it may say, and whether this machine is the one that it means. It looks at
/// the disk.
///
/// # Errors
/// What is wrong with it, in words.
pub fn agree(output: &Output, request: &mut GenerateRequest) -> Result<bool, String> {
    let shown: String = escape_line(&output.path).chars().take(200).collect();
    if !Path::new(&output.path).is_absolute() || output.path.len() > MAX_PATH {
        return Err(format!(
            "output.path must be an absolute path of at most {MAX_PATH} bytes, not {shown}."
        ));
    }
    if output.umask > 0o777 {
        return Err(format!(
            "output.umask must be from 0 to 511 (0o777), not {}.",
            output.umask
        ));
    }
    if output.zone.as_ref().is_some_and(|zone| zone.len() > MAX_ZONE) {
        return Err(format!(
            "output.zone has more than {MAX_ZONE} bytes, which is the most."
        ));
    }
    let pattern = Pattern::parse(&output.path).map_err(|e| format!("output.path {shown}: {e}."))?;
    request.format = agree_format(&pattern, request.format).map_err(|why| match why {
        Disagreement::Contradicts(format) => {
            let format = format.name();
            format!("output.path {shown} and format {format} contradict each other: leave one out.")
        }
        Disagreement::Unknown(extension) => format!(
            "output.path {shown}: there is no format {}; pictures are png, jpg or webp.",
            escape_line(&extension)
        ),
    })?;
    Ok(output.seen.as_ref().is_none_or(sees))
}
