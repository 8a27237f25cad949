//! `history show PICTURE`: the picture in the terminal, and all that is kept of it; with `--json` as one object.

use std::path::Path;

use clap::{ArgMatches, Command};
use darkroom_client::fetch;
use darkroom_protocol::history::EntryDetail;
use darkroom_protocol::time;
use darkroom_tui::graphics;

use super::pictures;
use crate::verbs::{json_flag, show};
use crate::{Error, Result, block_on, say, start};

pub fn command() -> Command {
    Command::new("show")
        .about("Show pictures in the terminal, and all that is kept of them")
        .arg(pictures())
        .arg(json_flag("Draw nothing: print a JSON object a picture"))
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    let json = matches.get_flag("json");
    let names: Vec<&String> = matches.get_many::<String>("picture").into_iter().flatten().collect();
    let options = (!json).then(show::options);
    block_on(async {
        let client = start::kept(&crate::host::paths()?).await?;
        for name in names {
            let detail = client.picture(name).await?;
            let Some(options) = &options else {
                say::json(&detail)?;
                continue;
            };
            // What is kept of a picture is shown also where its file is away.
            match fetch(&client, &detail.entry).await {
                Ok(bytes) => {
                    let picture = graphics::decode(Path::new(&detail.entry.path), &bytes)?;
                    show::draw(&picture, options)?;
                }
                Err(error) => say::note(&Error::from(error).to_string()),
            }
            lines(&detail).iter().try_for_each(|line| say::data(line))?;
        }
        Ok(())
    })
}

fn lines(detail: &EntryDetail) -> Vec<String> {
    let entry = &detail.entry;
    let times = say::marks().times;
    let mut all = vec![
        ("Picture".to_owned(), format!("#{}", entry.id)),
        ("File".to_owned(), entry.path.clone()),
        (
            "Size".to_owned(),
            format!("{}{times}{}, {}", entry.width, entry.height, say::size(entry.bytes)),
        ),
        ("Made".to_owned(), time::shown(time::of_millis(entry.created_ms))),
    ];
    all.extend(
        entry
            .job
            .map(|job| ("Job".to_owned(), format!("{}/{}", job.short(), entry.index))),
    );
    all.extend(
        entry
            .writer
            .as_ref()
            .filter(|writer| !writer.is_empty())
            .map(|writer| ("Made with".to_owned(), writer.clone())),
    );
    let marks = [
        (entry.starred, "starred"),
        (entry.trashed_ms.is_some(), "in the trash"),
        (entry.missing, "its file is missing"),
    ];
    let marks: Vec<&str> = marks.into_iter().filter(|(is, _)| *is).map(|(_, word)| word).collect();
    all.extend((!marks.is_empty()).then(|| ("Marks".to_owned(), marks.join(", "))));
    all.extend((!entry.tags.is_empty()).then(|| ("Tags".to_owned(), entry.tags.join(", "))));
    all.extend(Some(("Prompt".to_owned(), entry.prompt.clone())).filter(|(_, prompt)| !prompt.is_empty()));
    all.extend(
        detail
            .request
            .metadata()
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value)),
    );
    all.extend(detail.others.iter().cloned());
    all.retain(|(_, value)| !value.is_empty());
    let line = |(key, value): (String, String)| format!("{:<15}  {}", say::brief(&key, 40), say::brief(&value, 2000));
    all.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::GenerateRequest;
    use darkroom_protocol::history::Entry;

    #[test]
    fn all_that_is_kept_is_said() {
        let detail = EntryDetail {
            entry: Entry {
                id: 7,
                path: "/p/a\x1b.png".to_owned(),
                width: 64,
                height: 48,
                bytes: 1000,
                prompt: "a fox".to_owned(),
                starred: true,
                missing: true,
                tags: vec!["sea".to_owned()],
                writer: Some("ComfyUI".to_owned()),
                ..Entry::default()
            },
            request: GenerateRequest {
                steps: Some(4),
                seed: Some(9),
                negative_prompt: Some("hens".to_owned()),
                ..GenerateRequest::default()
            },
            others: vec![("lora".to_owned(), "x 0.8".to_owned())],
            ..EntryDetail::default()
        };
        let lines: Vec<String> = lines(&detail)
            .into_iter()
            .filter(|line| !line.starts_with("Made  "))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        Picture          #7
        File             /p/a\u{1b}.png
        Size             64×48, 1000 B
        Made with        ComfyUI
        Marks            starred, its file is missing
        Tags             sea
        Prompt           a fox
        Negative prompt  hens
        Steps            4
        Seed             9
        lora             x 0.8
        ");
    }
}
