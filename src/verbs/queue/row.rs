//! The table of `darkroom queue`: id, how a job stands, how far it is, model, seed, duration, path, prompt, a line a job. `list`
//! and `watch` print it. A terminal's columns are filled and not exceeded; what does not fit becomes short, then goes.

use std::path::Path;

use darkroom_client::words;
use darkroom_protocol::{Job, JobState, Phase, Progress, Task};
use unicode_width::UnicodeWidthStr as _;

use crate::say;
use crate::style::{Style, Tone};

/// Width of a prompt, and of why a job failed, where no terminal sets it.
const PROMPT: usize = 48;
/// However narrow the terminal is, so much is shown of them.
const LEAST: usize = 8;
/// The least that a model's name is cut to.
const NAME: usize = 8;
/// Between two columns.
const GAP: usize = 2;

/// What the table is made for.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// Milliseconds since 1970.
    pub now_ms: u64,
    /// Columns of the terminal; `None` where there is none.
    pub columns: Option<usize>,
    /// The person's home, which paths leave out on a terminal.
    pub home: Option<&'a Path>,
    /// Colour and signs.
    pub style: Style,
}

/// The columns but the last, which is the prompt.
const HEADS: [&str; 7] = ["job", "state", "progress", "model", "seed", "time", "picture"];
/// Their places.
const STATE: usize = 1;
const PROGRESS: usize = 2;
const MODEL: usize = 3;
const SEED: usize = 4;
const TIME: usize = 5;
const PATH: usize = 6;
/// Which columns are left out one after the other where the terminal is too narrow for all.
const DISPENSABLE: [usize; 5] = [SEED, MODEL, PATH, TIME, PROGRESS];

/// A job's cells.
struct Row {
    cells: [String; 7],
    /// Its path without folders.
    file: String,
    prompt: String,
    /// Priority, where it is not 0.
    mark: String,
    /// Why it failed, or its picture did not get where it was to be brought.
    failure: Option<String>,
    tone: Tone,
}

/// A line a job, on a terminal below a line that names the columns. Jobs that wait are numbered in the order in which they run.
pub fn rows(jobs: &[Job], view: &View<'_>) -> Vec<String> {
    let mut number = 0;
    let mut rows: Vec<Row> = jobs.iter().map(|job| row(job, &mut number, view)).collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let (shown, widths) = fit(&mut rows, view);
    let mut lines = Vec::new();
    if view.style.is_terminal {
        let heads: Vec<String> = shown.iter().map(|at| pad(HEADS[*at], widths[*at], *at)).collect();
        let head = format!("{}{}prompt", heads.join("  "), " ".repeat(GAP));
        let head = match view.columns {
            Some(columns) => say::brief(&head, columns.saturating_sub(1)),
            None => head,
        };
        lines.push(view.style.paint(Tone::Dim, &head));
    }
    lines.extend(rows.iter().map(|row| line(row, &shown, &widths, view)));
    lines
}

/// Which columns there is room for, and how wide each is.
fn fit(rows: &mut [Row], view: &View<'_>) -> (Vec<usize>, [usize; 7]) {
    let mut shown: Vec<usize> = (0..HEADS.len()).collect();
    let mut widths = natural(rows, view);
    let Some(columns) = view.columns else {
        return (shown, widths);
    };
    // The prompt, and what stands behind it.
    let behind = |row: &Row| row.mark.len() + row.failure.as_ref().map_or(0, |_| LEAST + "  (…)".width());
    let prompt = LEAST + 1 + rows.iter().map(behind).max().unwrap_or(0);
    let taken = |shown: &[usize], widths: &[usize; 7]| shown.iter().map(|at| widths[*at] + GAP).sum::<usize>() + prompt;
    if taken(&shown, &widths) + LEAST > columns {
        rows.iter_mut().for_each(|row| row.cells[PATH] = row.file.clone());
        widths = natural(rows, view);
    }
    if taken(&shown, &widths) > columns {
        for row in rows.iter_mut() {
            row.cells[MODEL] = say::brief(&row.cells[MODEL], NAME);
        }
        widths = natural(rows, view);
    }
    for at in DISPENSABLE {
        if taken(&shown, &widths) > columns {
            shown.retain(|known| *known != at);
        }
    }
    (shown, widths)
}

/// How wide each column is.
fn natural(rows: &[Row], view: &View<'_>) -> [usize; 7] {
    let head = |at: usize| if view.style.is_terminal { HEADS[at].width() } else { 0 };
    std::array::from_fn(|at| rows.iter().map(|row| row.cells[at].width()).fold(head(at), usize::max))
}

/// A cell as wide as its column. Numbers end where their column ends.
fn pad(text: &str, width: usize, at: usize) -> String {
    let fill = " ".repeat(width.saturating_sub(text.width()));
    if matches!(at, SEED | TIME) {
        format!("{fill}{text}")
    } else {
        format!("{text}{fill}")
    }
}

fn line(row: &Row, shown: &[usize], widths: &[usize; 7], view: &View<'_>) -> String {
    let mut line = String::new();
    let mut used = 0;
    for at in shown {
        let cell = pad(&row.cells[*at], widths[*at], *at);
        used += cell.width() + GAP;
        let tone = match *at {
            STATE | PROGRESS => row.tone,
            MODEL | SEED | TIME | PATH => Tone::Dim,
            _ => Tone::Plain,
        };
        line.push_str(&view.style.paint(tone, &cell));
        line.push_str(&" ".repeat(GAP));
    }
    // The mark of what is cut takes a column of its own.
    let room = view
        .columns
        .map(|columns| columns.saturating_sub(used + row.mark.len() + 1));
    let width = match &row.failure {
        None => room.unwrap_or(PROMPT),
        Some(_) => room.map_or(PROMPT, |room| room / 3),
    };
    let prompt = format!("{}{}", say::brief(&row.prompt, width.max(LEAST)), row.mark);
    line.push_str(&prompt);
    if let Some(failure) = &row.failure {
        let left = view
            .columns
            .map(|columns| columns.saturating_sub(used + prompt.width() + "  (…)".width()));
        match left.unwrap_or(PROMPT) {
            0 => {}
            width => line.extend(["  (", &say::brief(failure, width), ")"]),
        }
    }
    line.trim_end().to_owned()
}

fn row(job: &Job, number: &mut u32, view: &View<'_>) -> Row {
    let none = view.style.sign("–", "-");
    let or_none = |text: Option<String>| text.filter(|text| !text.is_empty()).unwrap_or_else(|| none.to_owned());
    let Task::Image(image) = &job.task;
    let model = say::brief(&image.what.model, PROMPT);
    let path = job.pictures.first().map(|picture| Path::new(job.place(picture)));
    let file = path.and_then(Path::file_name).map(|name| {
        let name = say::shown(Path::new(name));
        format!("{}/{name}", view.style.sign("…", "..."))
    });
    Row {
        cells: [
            job.id.short(),
            state(job, number, view.style),
            or_none(progress(job)),
            or_none(Some(model)),
            image.sampling.seed.to_string(),
            or_none(duration_ms(job, view.now_ms).map(say::took)),
            or_none(path.map(|path| shown(path, view))),
        ],
        file: or_none(file),
        prompt: job.request.prompt.clone().unwrap_or_default(),
        mark: match job.priority {
            0 => String::new(),
            _ if job.state.is_final() => String::new(),
            priority => format!("  [priority {priority}]"),
        },
        failure: problem(job).map(str::to_owned),
        tone: match job.state {
            JobState::Running | JobState::Cancelling => Tone::Accent,
            JobState::Queued | JobState::Cancelled => Tone::Dim,
            _ => Tone::Plain,
        },
    }
}

fn problem(job: &Job) -> Option<&str> {
    let failed = job.failure.as_ref().map(|failure| failure.message.as_str());
    failed.or_else(|| job.deliveries.iter().find_map(|delivery| delivery.problem.as_deref()))
}

/// How it stands, on a terminal behind a sign.
fn state(job: &Job, number: &mut u32, style: Style) -> String {
    let (sign, words) = match (job.state, job.held) {
        (JobState::Queued, true) => (style.sign("‖", "="), "held".to_owned()),
        (JobState::Queued, false) => {
            *number += 1;
            (style.sign("○", "o"), format!("waiting {number}"))
        }
        (JobState::Done, _) => (style.sign("✓", "+"), "done".to_owned()),
        (JobState::Failed, _) => (style.sign("✗", "x"), "failed".to_owned()),
        (JobState::Cancelled, _) => (style.sign("–", "-"), "cancelled".to_owned()),
        (other, _) => (style.sign("●", "*"), other.name().to_owned()),
    };
    if style.is_terminal {
        format!("{sign} {words}")
    } else {
        words
    }
}

/// How far it is: step, percent and time left of one that runs, when one that waits begins, pictures of one that has ended.
fn progress(job: &Job) -> Option<String> {
    let of = batch(job);
    match (job.state, &job.progress) {
        (JobState::Queued, _) => job.begins_s.map(words::begins),
        (_, Some(progress)) if !job.state.is_final() => {
            let step = match progress.phase {
                Phase::Denoise => format!("{}/{} {}%", progress.step, progress.steps, percent(job, progress)),
                other => other.name().to_owned(),
            };
            let picture = if of > 1 {
                format!("{}/{of} ", job.pictures.len())
            } else {
                String::new()
            };
            let left = progress.eta_s.map(|eta| format!(" {} left", say::duration(eta)));
            Some(format!("{picture}{step}{}", left.unwrap_or_default()))
        }
        _ => Some(format!("{}/{of}", job.pictures.len())),
    }
}

/// How much of the whole job is done: 0 to 99, for it is not done yet.
pub fn percent(job: &Job, progress: &Progress) -> u32 {
    let Task::Image(image) = &job.task;
    let at_once = image.compute.micro_batch.max(1);
    let images = progress.images.max(1);
    let at_once = at_once.min(images.saturating_sub(progress.image));
    let part = match progress.phase {
        Phase::Load | Phase::Encode | Phase::Prepare => 0.0,
        Phase::Denoise => f64::from(progress.step) / f64::from(progress.steps.max(1)),
        Phase::Decode | Phase::Upscale | Phase::Save => 1.0,
    };
    let done = (f64::from(progress.image) + part * f64::from(at_once)) / f64::from(images);
    (100.0 * done).clamp(0.0, 99.0) as u32
}

/// Pictures that it is to make.
pub fn batch(job: &Job) -> u32 {
    let Task::Image(image) = &job.task;
    image.pictures()
}

/// Milliseconds that it took, or has taken so far; `None` of one that has not begun.
pub fn duration_ms(job: &Job, now_ms: u64) -> Option<u64> {
    let end = job.finished_ms.unwrap_or(now_ms);
    job.started_ms.map(|start| end.saturating_sub(start))
}

/// A path: whole for a program, from the home directory on for a person.
fn shown(path: &Path, view: &View<'_>) -> String {
    match view.home.and_then(|home| path.strip_prefix(home).ok()) {
        Some(rest) if view.style.is_terminal => format!("~/{}", say::shown(rest)),
        _ => say::shown(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_protocol::{
        Delivery, Dtype, Failure, FailureKind, GenerateRequest, ImageTask, JobId, Picture, Sampler,
    };

    fn job() -> Job {
        let prompt = "a fox\n\x1b[2J in the snow, with a very long description of everything";
        let mut task = ImageTask::of("emoji", prompt);
        task.size.width = 64;
        task.size.height = 64;
        task.guidance.cfg_scale = 5.0;
        task.sampling.sampler = Sampler::Ddim;
        task.sampling.seed = 1;
        task.size.batch = 4;
        task.compute.micro_batch = 4;
        task.compute.device = "cpu".into();
        task.compute.dtype = Dtype::F32;
        Job {
            id: "01990000-0000-7000-8000-000000000000".parse::<JobId>().unwrap(),
            state: JobState::Running,
            request: GenerateRequest {
                prompt: Some(prompt.into()),
                batch: Some(4),
                ..GenerateRequest::default()
            },
            task: Task::Image(task),
            created_ms: 1000,
            started_ms: None,
            finished_ms: None,
            attempts: 1,
            failure: None,
            pictures: vec![],
            priority: 0,
            held: false,
            position: None,
            progress: None,
            begins_s: None,
            output: None,
            deliveries: vec![],
        }
    }

    fn view(columns: Option<usize>) -> View<'static> {
        View {
            now_ms: 91_000,
            columns,
            home: Some(Path::new("/home/me")),
            style: columns.map_or_else(Style::default, |_| Style::plain_terminal()),
        }
    }

    fn table(jobs: &[Job], columns: Option<usize>) -> String {
        rows(jobs, &view(columns)).join("\n")
    }

    #[test]
    fn a_terminal_is_filled_and_not_exceeded() {
        let mut wide = done();
        wide.request.prompt = Some("日本語の長い文章".repeat(40));
        let urgent = Job {
            priority: 100,
            state: JobState::Queued,
            ..wide.clone()
        };
        let failed = Job {
            state: JobState::Failed,
            failure: Some(Failure {
                kind: FailureKind::Crash,
                message: "The worker was killed by a signal. ".repeat(20),
            }),
            ..wide.clone()
        };
        for columns in [80, 100, 120, 200] {
            let lines = rows(&[wide.clone(), urgent.clone(), failed.clone()], &view(Some(columns)));
            for line in &lines[1..] {
                let width = line.width();
                assert!((columns - 2..=columns).contains(&width), "{width} of {columns}: {line}");
            }
            assert!(
                lines[0].width() <= columns && lines[0].ends_with("prompt"),
                "{}",
                lines[0]
            );
        }
        for columns in [40, 60] {
            for line in rows(&[wide.clone(), failed.clone()], &view(Some(columns))) {
                assert!(line.width() <= columns, "{} of {columns}: {line}", line.width());
            }
        }
    }

    fn done() -> Job {
        Job {
            state: JobState::Done,
            started_ms: Some(2000),
            finished_ms: Some(2400),
            pictures: vec![Picture {
                job: job().id,
                index: 0,
                path: "/home/me/.local/share/darkroom/pictures/2026-03-21/fox-0.png".into(),
                sha256: String::new(),
                bytes: 1,
                width: 64,
                height: 64,
                seed: 1,
                elapsed_ms: 3,
            }],
            ..job()
        }
    }

    #[test]
    fn a_picture_is_where_it_was_brought_and_why_it_is_not_is_told() {
        let brought = |problem: Option<&str>| Job {
            deliveries: vec![Delivery {
                index: 0,
                path: "/home/me/fox.png".into(),
                taken: None,
                problem: problem.map(str::to_owned),
            }],
            ..done()
        };
        let there = table(&[brought(None)], Some(170));
        assert!(there.contains(" ~/fox.png ") && !there.contains('('), "{there}");
        let not = table(&[brought(Some("The disk is full."))], Some(170));
        assert!(
            not.contains("/2026-03-21/fox-0.png") && not.contains("(The disk is full.)"),
            "{not}"
        );
    }

    fn running(progress: Progress) -> Job {
        Job {
            started_ms: Some(1000),
            progress: Some(progress),
            ..job()
        }
    }

    fn denoise(image: u32, step: u32) -> Progress {
        Progress {
            phase: Phase::Denoise,
            image,
            images: 4,
            step,
            steps: 20,
            sigma: None,
            step_s: None,
            eta_s: Some(12.0),
        }
    }

    #[test]
    fn a_terminal_gets_a_head_signs_and_paths_from_home() {
        let waiting = Job {
            state: JobState::Queued,
            position: Some(1),
            begins_s: Some(130.0),
            ..job()
        };
        insta::assert_snapshot!(table(&[running(denoise(0, 17)), waiting.clone(), done()], Some(170)), @r"
        job       state        progress                 model  seed        time  picture                                                prompt
        gggggggg  ● running    0/4 17/20 85% 12 s left  emoji     1  1 min 30 s  –                                                      a fox\n\u{1b}[2J in the snow, with a very…
        gggggggg  ○ waiting 1  in 2 min                 emoji     1           –  –                                                      a fox\n\u{1b}[2J in the snow, with a very…
        gggggggg  ✓ done       1/4                      emoji     1       0.4 s  ~/.local/share/darkroom/pictures/2026-03-21/fox-0.png  a fox\n\u{1b}[2J in the snow, with a very…
        ");
        let narrow = table(&[running(denoise(0, 17)), waiting, done()], Some(100));
        assert!(narrow.contains("…/fox-0.png") && !narrow.contains("~/"), "{narrow}");
    }

    #[test]
    fn how_far_it_is() {
        assert_eq!(progress(&running(denoise(0, 17))).unwrap(), "0/4 17/20 85% 12 s left");
        let load = Progress {
            phase: Phase::Load,
            eta_s: None,
            ..denoise(0, 1)
        };
        assert_eq!(progress(&running(load)).unwrap(), "0/4 load");
        let mut one_by_one = running(denoise(2, 10));
        let Task::Image(image) = &mut one_by_one.task;
        image.compute.micro_batch = 1;
        assert_eq!(progress(&one_by_one).unwrap(), "0/4 10/20 62% 12 s left");
        let mut job = Job {
            state: JobState::Queued,
            ..job()
        };
        assert_eq!(progress(&job), None);
        for (seconds, words) in [
            (0.2, "next"),
            (42.0, "in 42 s"),
            (130.0, "in 2 min"),
            (7300.0, "in 2 h"),
        ] {
            job.begins_s = Some(seconds);
            assert_eq!(progress(&job).unwrap(), words);
        }
    }

    #[test]
    fn running_then_waiting_in_order_then_ended() {
        let running = job();
        let waiting = Job {
            state: JobState::Queued,
            position: Some(1),
            ..job()
        };
        let urgent = Job {
            priority: 5,
            ..waiting.clone()
        };
        let held = Job {
            held: true,
            position: None,
            ..waiting.clone()
        };
        let mut failed = Job {
            state: JobState::Failed,
            started_ms: Some(2000),
            finished_ms: Some(3000),
            failure: Some(Failure {
                kind: FailureKind::Disk,
                message: "the disk is full".into(),
            }),
            ..waiting.clone()
        };
        failed.request.prompt = None;
        insta::assert_snapshot!(table(&[running, urgent, held, waiting, failed], None), @r"
        gggggggg  running    0/4  emoji  1      -  -  a fox\n\u{1b}[2J in the snow, with a very long d…
        gggggggg  waiting 1  -    emoji  1      -  -  a fox\n\u{1b}[2J in the snow, with a very long d…  [priority 5]
        gggggggg  held       -    emoji  1      -  -  a fox\n\u{1b}[2J in the snow, with a very long d…
        gggggggg  waiting 2  -    emoji  1      -  -  a fox\n\u{1b}[2J in the snow, with a very long d…
        gggggggg  failed     0/4  emoji  1  1.0 s  -    (the disk is full)
        ");
    }
}
