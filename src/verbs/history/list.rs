//! `history`, `history list`, `history search` and `history tags`: a line a picture for people, a JSON object for programs. The search is
//! read here too, so that a mistake is pointed at before a daemon is asked.

use clap::{Arg, ArgAction, ArgMatches, Command};
use darkroom_client::Client;
use darkroom_protocol::history::{Entry, Query};
use darkroom_protocol::message::history::Look;
use darkroom_protocol::time;
use unicode_width::UnicodeWidthStr as _;

use super::grammar;
use crate::style::{Style, Tone};
use crate::verbs::json_flag;
use crate::{Error, Result, block_on, say, start};

/// The fewest columns that a prompt is shown in.
const LEAST: usize = 16;

pub fn command() -> Command {
    Command::new("list")
        .alias("ls")
        .about("The same as `darkroom history`")
        .args(arguments())
}

pub fn search_command() -> Command {
    Command::new("search")
        .about("Pictures that a search finds")
        .arg(query().required(true))
        .args(arguments())
        .after_help(grammar())
}

pub fn tags_command() -> Command {
    Command::new("tags")
        .about("Every tag, and how many pictures have it")
        .arg(json_flag("Print a JSON object a tag"))
}

/// The flags of every list.
pub fn arguments() -> [Arg; 3] {
    [
        Arg::new("limit")
            .short('l')
            .short_alias('n')
            .long("limit")
            .value_name("N")
            .default_value("20")
            .value_parser(clap::value_parser!(u64).range(1..))
            .help("At most so many, the newest"),
        Arg::new("all")
            .short('a')
            .long("all")
            .action(ArgAction::SetTrue)
            .help("All of them"),
        json_flag("Print a JSON object a picture"),
    ]
}

/// The words of a search; each argument is a part of it, and is taken as it was typed.
pub fn query() -> Arg {
    Arg::new("query")
        .value_name("QUERY")
        .num_args(1..)
        .help("What to search for: words, \"phrases\", key:value; - before one excludes it")
}

/// The search that was typed, its arguments one after the other.
///
/// # Errors
/// [`Error::Usage`] that points at the mistake.
pub fn typed(matches: &ArgMatches) -> Result<String> {
    let parts = matches.try_get_many::<String>("query").ok().flatten();
    let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
    let text = parts.join(" ");
    let now = jiff_now();
    match Query::parse(&text, &now) {
        Ok(_) => Ok(text),
        Err(error) => {
            let columns = say::columns_of_stderr().unwrap_or(80);
            Err(Error::Pointed {
                message: error.to_string(),
                pointed: error.pointed(&text, columns),
            })
        }
    }
}

fn jiff_now() -> jiff::ZonedDateTime {
    jiff::Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::system())
}

/// Pages of history until `limit` pictures, each given to `work`: how many there were, and whether there are more.
///
/// # Errors
/// When the daemon is gone, and those of `work`.
pub async fn pages(
    client: &Client,
    query: &str,
    limit: u64,
    mut work: impl AsyncFnMut(Vec<Entry>) -> Result<()>,
) -> Result<(u64, bool)> {
    let (mut before, mut told) = (None, 0);
    loop {
        let look = Look {
            query: query.to_owned(),
            zone: std::env::var("TZ").ok().filter(|zone| !zone.is_empty()),
            before,
            limit: u32::try_from(limit - told).unwrap_or(Look::MOST).min(Look::MOST),
            count: false,
        };
        let album = client.history(look).await?;
        told += album.pictures.len() as u64;
        let is_over = album.next.is_none() || told >= limit;
        work(album.pictures).await?;
        before = album.next;
        if is_over {
            return Ok((told, before.is_some()));
        }
    }
}

pub fn run(matches: &ArgMatches) -> Result<()> {
    let query = typed(matches)?;
    let (json, all) = (matches.get_flag("json"), matches.get_flag("all"));
    let limit = matches.get_one::<u64>("limit").copied().filter(|_| !all);
    block_on(async {
        let client = start::kept(&crate::host::paths()?).await?;
        let view = View::of_stdout();
        let listed = pages(
            &client,
            &query,
            limit.unwrap_or(u64::MAX),
            async |pictures| match json {
                true => pictures.iter().try_for_each(say::json),
                false => lines(&pictures, &view).iter().try_for_each(|line| say::data(line)),
            },
        );
        let (told, more) = listed.await?;
        if json {
            return Ok(());
        }
        match (told, more, query.is_empty()) {
            (0, _, true) => say::note("There is no picture yet: `darkroom generate \"a red apple\"` makes one."),
            (0, _, false) => {
                say::note("No picture is like that: `darkroom history search --help` says what can be searched for.")
            }
            (_, true, _) => say::note("There are more: --limit N or --all lists them."),
            (_, false, _) => {}
        }
        Ok(())
    })
}

pub fn tags(matches: &ArgMatches) -> Result<()> {
    block_on(async {
        let tags = start::kept(&crate::host::paths()?).await?.tags().await?;
        if matches.get_flag("json") {
            let objects = tags
                .iter()
                .map(|(tag, pictures)| serde_json::json!({ "tag": tag, "pictures": pictures }));
            return objects.into_iter().try_for_each(|object| say::json(&object));
        }
        let width = tags.iter().map(|(_, n)| n.to_string().len()).max().unwrap_or(0);
        let line =
            |(tag, pictures): &(String, u64)| say::data(&format!("{pictures:>width$}  {}", say::brief(tag, 200)));
        tags.iter().try_for_each(line)?;
        if tags.is_empty() {
            say::note("No picture has a tag yet: `darkroom history tag WORD PICTURE` gives one.");
        }
        Ok(())
    })
}

/// What lines are made for.
struct View {
    columns: Option<usize>,
    style: Style,
}

impl View {
    fn of_stdout() -> Self {
        Self {
            columns: say::columns(),
            style: Style::of_stdout(),
        }
    }
}

/// A line a picture: number, sign, when, size, model, prompt, tags.
fn lines(pictures: &[Entry], view: &View) -> Vec<String> {
    let cells: Vec<[String; 5]> = pictures.iter().map(|entry| cells(entry, view)).collect();
    let widths: [usize; 5] = std::array::from_fn(|at| cells.iter().map(|cell| cell[at].width()).max().unwrap_or(0));
    // Where the terminal is too narrow, the model goes first, then the size.
    let mut shown = vec![0, 1, 2, 3, 4];
    let taken = |shown: &[usize]| shown.iter().map(|at| widths[*at] + 2).sum::<usize>();
    for at in [4, 3] {
        if view.columns.is_some_and(|columns| taken(&shown) + LEAST > columns) {
            shown.retain(|known| *known != at);
        }
    }
    let line = |(cells, entry): (&[String; 5], &Entry)| {
        let mut line = String::new();
        for at in &shown {
            let fill = " ".repeat(widths[*at] - cells[*at].width());
            let cell = if *at == 0 {
                format!("{fill}{}", cells[*at])
            } else {
                format!("{}{fill}", cells[*at])
            };
            let tone = if matches!(*at, 0 | 1) { Tone::Plain } else { Tone::Dim };
            line.push_str(&view.style.paint(tone, &cell));
            line.push_str("  ");
        }
        let left = view
            .columns
            .map_or(200, |columns| columns.saturating_sub(taken(&shown) + 1).max(LEAST));
        line.push_str(&say::brief(&words(entry), left));
        line.trim_end().to_owned()
    };
    cells.iter().zip(pictures).map(line).collect()
}

fn cells(entry: &Entry, view: &View) -> [String; 5] {
    let when = time::shown(time::of_millis(entry.created_ms));
    let times = say::marks().times;
    [
        format!("#{}", entry.id),
        signs(entry, view.style.is_unicode),
        when.get(..16).unwrap_or_default().replace('T', " "),
        format!("{}{times}{}", entry.width, entry.height),
        say::brief(&entry.model, 24),
    ]
}

/// Marked, in the trash, missing: a sign each, in letters where there are no others.
fn signs(entry: &Entry, is_unicode: bool) -> String {
    let all = [
        (entry.starred, "★", "*"),
        (entry.trashed_ms.is_some(), "🗑", "T"),
        (entry.missing, "✗", "!"),
    ];
    let set = all.into_iter().filter(|(is_set, ..)| *is_set);
    let signs: String = set
        .map(|(_, sign, letter)| if is_unicode && sign != "🗑" { sign } else { letter })
        .collect();
    signs
}

fn words(entry: &Entry) -> String {
    let tags: Vec<String> = entry.tags.iter().map(|tag| format!("#{tag}")).collect();
    let prompt = entry.prompt.split_whitespace().collect::<Vec<_>>().join(" ");
    match tags.is_empty() {
        true => prompt,
        false => format!("{} {prompt}", tags.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        let entry = Entry {
            id: 7,
            width: 512,
            height: 768,
            created_ms: 1_774_000_000_123,
            prompt: "a red\nfox \x1b[2J in the snow, with a long tail and a short temper".to_owned(),
            model: "juggernautXL_v9_a_very_long_name_indeed".to_owned(),
            ..Entry::default()
        };
        let other = Entry {
            id: 12,
            starred: true,
            missing: true,
            tags: vec!["sea".to_owned(), "night sky".to_owned()],
            prompt: "夜の海".to_owned(),
            model: "emoji".to_owned(),
            ..entry.clone()
        };
        vec![entry, other]
    }

    #[test]
    fn a_line_fits_any_terminal() {
        for columns in [40, 60, 80, 120] {
            let view = View {
                columns: Some(columns),
                style: Style::plain_terminal(),
            };
            let lines = lines(&entries(), &view);
            assert!(
                lines.iter().all(|line| line.width() <= columns.max(50)),
                "{columns}: {lines:#?}"
            );
            assert!(
                lines[0].starts_with(" #7") && lines[1].starts_with("#12  ★✗"),
                "{lines:#?}"
            );
            assert!(!lines.concat().contains('\x1b'));
        }
    }

    #[test]
    fn tags_come_before_words() {
        assert_eq!(words(&entries()[1]), "#sea #night sky 夜の海");
    }
}
