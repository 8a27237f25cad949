//! `history mask PICTURE`: the terminal client opened in the mask editor, and left with it. The mask's path is printed where it was
//! saved; what a mask is, and where it is kept, is the client's (`tui`).

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Arg, ArgMatches, Command};
use darkroom_tui::app;

use super::picture;
use crate::local::{expand_home, home};
use crate::verbs::tui;
use crate::{Error, Result, block_on, say, start};

pub fn command() -> Command {
    Command::new("mask")
        .about("Paint a mask: what of a picture is to be changed; print the path of its file")
        .arg(picture())
        .arg(
            Arg::new("output")
                .short('o')
                .long("output")
                .value_name("FILE")
                .value_parser(NonEmptyStringValueParser::new())
                .help("The mask's file, an 8-bit grey PNG; one that is there is gone on with. Else it is kept in the data folder"),
        )
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    if !tui::is_wanted() {
        let what = "`darkroom history mask` is painted on a terminal, and this is none. Any 8-bit grey PNG of the picture's size is a \
                    mask: white is to be changed.";
        return Err(Error::Usage(what.to_owned()));
    }
    let text = |id: &str| matches.get_one::<String>(id).map(String::as_str);
    let output = text("output").map(output).transpose()?;
    let saved = block_on(async {
        let mut paths = crate::host::paths()?;
        let client = start::kept(&paths).await?;
        let picture = client.picture(text("picture").unwrap_or_default()).await?.entry;
        // The terminal is taken from now on; another machine's daemon is kept at hand.
        let first = paths.host.as_mut().map(|host| {
            host.may_ask = false;
            client
        });
        app::edit_mask(&paths, first, picture, output)
            .await
            .map_err(|error| match error {
                app::Error::NotThatMask { .. } => Error::Usage(format!("-o: {error}")),
                error => Error::Failed(error.to_string()),
            })
    })?;
    match saved {
        Some(path) => say::path(&path),
        None => Ok(()),
    }
}

/// The file that was named.
fn output(text: &str) -> Result<PathBuf> {
    match text {
        "-" => Err(Error::Usage("-o -: the terminal is painted on; say a file.".to_owned())),
        text if text.ends_with('/') => Err(Error::Usage(format!("-o {text}: that is a folder; say a file in it."))),
        text => Ok(expand_home(text, home().as_deref())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_goes_to_a_file() {
        assert_eq!(output("a/b.png").unwrap(), PathBuf::from("a/b.png"));
        for text in ["-", "a/"] {
            assert_eq!(output(text).unwrap_err().code(), 2);
        }
    }
}
