//! `history export [QUERY] -o DIR`: the files of the pictures that a search finds, and a line of JSON for each with all that is kept of
//! it. A file that is there already is left as it is, so that an export that was interrupted goes on.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::builder::NonEmptyStringValueParser;
use clap::{Arg, ArgMatches, Command};
use darkroom_client::{Client, fetch, name_of};
use darkroom_protocol::history::Entry;

use super::grammar;
use super::list::{pages, query, typed};
use crate::local::{expand_home, home};
use crate::output::write_whole;
use crate::verbs::json_flag;
use crate::{Error, Result, block_on, say, start};

/// The file beside the pictures that says what is kept of them.
const LIST: &str = "pictures.jsonl";

pub fn command() -> Command {
    Command::new("export")
        .about("Write pictures and all that is kept of them into a folder")
        .arg(query())
        .arg(
            Arg::new("output")
                .short('o')
                .long("output")
                .value_name("DIR")
                .required(true)
                .value_parser(NonEmptyStringValueParser::new())
                .help(format!(
                    "The folder, made where it is not there; {LIST} in it has a line a picture"
                )),
        )
        .arg(json_flag(
            "Print a JSON object a picture: its number, and its file there",
        ))
        .after_help(grammar())
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    let query = typed(matches)?;
    let given = matches
        .get_one::<String>("output")
        .map(String::as_str)
        .unwrap_or_default();
    let folder = expand_home(given, home().as_deref());
    let json = matches.get_flag("json");
    block_on(async {
        let client = start::kept(&crate::host::paths()?).await?;
        std::fs::create_dir_all(&folder).map_err(|e| unwritable(&folder, &e))?;
        let (mut lines, mut failed) = (Vec::new(), 0);
        let exported = pages(&client, &query, u64::MAX, async |pictures| {
            for entry in pictures {
                match one(&client, &entry, &folder, &mut lines).await {
                    Ok(path) if json => {
                        say::json(&serde_json::json!({ "id": entry.id, "path": crate::output::absolute(&path) }))?
                    }
                    Ok(path) => say::path(&path)?,
                    Err(error @ Error::Wire(darkroom_protocol::Error::Remote(_))) => {
                        failed += 1;
                        say::error(&error);
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        });
        exported.await?;
        let list = folder.join(LIST);
        write_whole(&list, &lines).map_err(|e| Error::Failed(e.to_string()))?;
        if failed > 0 { Err(Error::Said(1)) } else { Ok(()) }
    })
}

/// Writes a picture's file and notes what is kept of it: where the file is.
async fn one(client: &Client, entry: &Entry, folder: &Path, lines: &mut Vec<u8>) -> Result<PathBuf> {
    let detail = client.picture(&entry.id.to_string()).await?;
    let bytes = fetch(client, entry).await?;
    let path = free(folder, entry, &bytes);
    if !path.exists() {
        write_whole(&path, &bytes).map_err(|e| Error::Failed(e.to_string()))?;
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let mut object =
        serde_json::to_value(&detail).map_err(|e| Error::Failed(format!("No JSON could be made: {e}.")))?;
    if let serde_json::Value::Object(object) = &mut object {
        object.insert("file".to_owned(), name.into());
    }
    writeln!(lines, "{object}").map_err(|e| unwritable(folder, &e))?;
    Ok(path)
}

/// The picture's own name, with its number where another file has that.
fn free(folder: &Path, entry: &Entry, bytes: &[u8]) -> PathBuf {
    let name = Path::new(&entry.path)
        .file_name()
        .map(PathBuf::from)
        .unwrap_or_else(|| entry.id.to_string().into());
    let path = folder.join(&name);
    let is_other = std::fs::read(&path).is_ok_and(|there| name_of(&there) != name_of(bytes));
    match is_other {
        false => path,
        true => {
            let stem = name.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let ending = name.extension().unwrap_or_default().to_string_lossy().into_owned();
            folder.join(format!("{stem}-{}.{ending}", entry.id))
        }
    }
}

fn unwritable(folder: &Path, error: &std::io::Error) -> Error {
    Error::Failed(format!("{}: {}.", say::shown(folder), say::reason(error)))
}
