//! History through the store: what is found and in which order, what people change, what stays when jobs go, and how SQLite goes about
//! it. The tests of files are beside `daemon/src/history`; the last one here is a measurement, made by hand.

use darkroom_protocol::history::Query;
use darkroom_protocol::{GenerateRequest, ImageTask, JobId, JobState, Picture, Sampler, Task};
use rstest::rstest;
use uuid::Uuid;

use super::{Found, Taken, Wish};
use crate::clock;
use crate::store::history::list::{ALL, WITH_HASH, matching_sql};
use crate::store::history::{change, compile, rows};
use crate::store::tests::Fixture;
use crate::store::{Start, Store};

/// One way to differ from the others.
#[derive(Clone)]
struct Made {
    prompt: &'static str,
    negative: &'static str,
    model: &'static str,
    sampler: Sampler,
    size: (u32, u32),
    tags: &'static [&'static str],
}

impl Default for Made {
    fn default() -> Self {
        Self {
            prompt: "a red fox in the snow",
            negative: "blurry",
            model: "sd15",
            sampler: Sampler::Ddim,
            size: (512, 512),
            tags: &[],
        }
    }
}

/// A job with one picture for each seed.
async fn made(store: &Store, made: Made, seeds: &[u64]) -> JobId {
    let mut task = ImageTask::of(made.model, made.prompt);
    task.what.negative = made.negative.to_owned();
    task.sampling.sampler = made.sampler;
    task.sampling.seed = seeds[0];
    (task.size.width, task.size.height) = made.size;
    let request = GenerateRequest {
        tags: Some(made.tags.iter().map(|tag| (*tag).to_owned()).collect()),
        ..GenerateRequest::default()
    };
    let accepted = store.accept(Uuid::now_v7(), &request, &Task::Image(task));
    let job = accepted.await.unwrap().job;
    assert_eq!(store.start(job).await.unwrap(), Start::Begun);
    for (index, seed) in (0..).zip(seeds) {
        let picture = Picture {
            job,
            index,
            path: format!("/p/{job}-{index}.png"),
            sha256: format!("{:064x}", u128::from(*seed)),
            bytes: 10,
            width: made.size.0,
            height: made.size.1,
            seed: *seed,
            elapsed_ms: 12,
        };
        store.add_picture(&picture, None).await.unwrap();
    }
    store.finish(job, JobState::Done, None).await.unwrap();
    job
}

/// A store with a few pictures, whose seeds are their numbers.
async fn shelf() -> (Fixture, Vec<JobId>) {
    let f = Fixture::new();
    let all = [
        (Made::default(), vec![1, 2]),
        (
            Made {
                prompt: "夜の海, a lighthouse (storm:1.2)",
                negative: "FOX",
                model: "Juggernaut XL",
                sampler: Sampler::Euler,
                size: (1024, 768),
                tags: &["sea", "night sky"],
            },
            vec![3],
        ),
        (
            Made {
                prompt: "OR \"AND\" NOT * ^ {a} : fox's %",
                negative: "",
                model: "sd15-inpaint",
                ..Made::default()
            },
            vec![4],
        ),
    ];
    let mut jobs = Vec::new();
    for (each, seeds) in all {
        jobs.push(made(&f.store, each, &seeds).await);
    }
    (f, jobs)
}

async fn found(store: &Store, query: &str) -> Vec<u64> {
    let query = Query::parse(query, &clock::now_in(Some("UTC"))).unwrap();
    let wish = Wish {
        query,
        limit: 100,
        count: true,
        ..Wish::default()
    };
    let found = store.history(wish).await.unwrap();
    assert_eq!(found.total, Some(found.pictures.len() as u64));
    found.pictures.into_iter().map(|entry| entry.id).collect()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[rstest]
#[case::everything("", &[4, 3, 2, 1])]
#[case::a_word("fox", &[4, 3, 2, 1])]
#[case::a_part_of_a_word("ightho", &[3])]
#[case::in_capitals("LIGHTHOUSE", &[3])]
#[case::two_words("fox snow", &[2, 1])]
#[case::a_phrase("\"red fox\"", &[2, 1])]
#[case::words_apart("\"red snow\"", &[])]
#[case::excluded("fox -snow", &[4, 3])]
#[case::only_excluded("-snow", &[4, 3])]
#[case::one_side("prompt:fox", &[4, 2, 1])]
#[case::the_other("negative:fox", &[3])]
#[case::japanese("海", &[3])]
#[case::two_characters("夜の", &[3])]
#[case::three_characters("夜の海", &[3])]
#[case::one_letter("%", &[4])]
#[case::syntax_of_the_index("\"OR \\\"AND\\\" NOT *\"", &[4])]
#[case::an_apostrophe("fox's", &[4])]
#[case::a_weight("(storm:1.2)", &[3])]
#[case::a_model("model:SD15", &[4, 2, 1])]
#[case::a_part_of_a_model("model:\"gernaut x\"", &[3])]
#[case::no_model("model:flux", &[])]
#[case::not_a_model("-model:sd15", &[3])]
#[case::not_a_model_that_is_not_there("-model:flux", &[4, 3, 2, 1])]
#[case::a_sampler("sampler:euler", &[3])]
#[case::a_seed("seed:2", &[2])]
#[case::a_size("size:1024x768", &[3])]
#[case::not_a_size("-size:1024x768", &[4, 2, 1])]
#[case::a_width("width:512 height:512", &[4, 2, 1])]
#[case::a_tag("tag:sea", &[3])]
#[case::a_tag_of_two_words("tag:\"Night  Sky\"", &[3])]
#[case::the_last_job("job:@last", &[4])]
#[case::today("after:today", &[4, 3, 2, 1])]
#[case::before_today("before:today", &[])]
#[case::not_today("-on:today", &[])]
#[case::not_another_day("-on:2020", &[4, 3, 2, 1])]
#[case::never("on:2020-02", &[])]
#[tokio::test]
async fn a_search_finds(#[case] query: &str, #[case] ids: &[u64]) {
    let (f, _) = shelf().await;
    assert_eq!(found(&f.store, query).await, ids, "{query}");
}

#[tokio::test]
async fn a_picture_is_found_by_its_job_after_that_has_gone() {
    let (f, jobs) = shelf().await;
    let (short, whole) = (jobs[0].short(), jobs[0].to_string());
    f.store.clear(&[JobState::Done]).await.unwrap();
    assert_eq!(f.store.forget(i64::MAX).await.unwrap().len(), 3);
    assert!(f.store.job(jobs[0]).await.unwrap().is_none());
    for name in [&short, &whole] {
        assert_eq!(found(&f.store, &format!("job:{name}")).await, [2, 1]);
        let detail = f.store.picture_named(&format!("{name}/1")).await.unwrap();
        assert_eq!((detail.entry.id, detail.entry.seed), (2, Some(2)));
    }
    let detail = f.store.picture_named("3").await.unwrap();
    assert_eq!(detail.entry.tags, ["night sky", "sea"]);
    assert_eq!(detail.entry.prompt, "夜の海, a lighthouse (storm:1.2)");
    assert_eq!(detail.request.negative_prompt.as_deref(), Some("FOX"));
    assert_eq!((detail.request.seed, detail.request.batch), (Some(3), None));
    let error = f.store.picture_named(&short).await.unwrap_err().to_string();
    assert_eq!(
        error,
        format!("{short} may mean several pictures: #1, #2; name one by its number.")
    );
    assert!(
        f.store
            .picture_named("77")
            .await
            .unwrap_err()
            .to_string()
            .contains("no picture 77")
    );
}

#[tokio::test]
async fn what_people_change_is_found_as_it_is_now() {
    let (f, _) = shelf().await;
    let store = &f.store;
    assert_eq!(store.star(&names(&["1", "#3"]), true).await.unwrap(), 2);
    assert_eq!(store.star(&names(&["1"]), true).await.unwrap(), 0, "it is");
    assert_eq!(found(store, "is:starred").await, [3, 1]);
    assert_eq!(
        store
            .tag(&names(&["1"]), &names(&["Sea ", "new"]), &names(&["none"]))
            .await
            .unwrap(),
        1
    );
    assert_eq!(found(store, "tag:sea -tag:\"night sky\"").await, [1]);
    assert_eq!(
        store.tags().await.unwrap(),
        [("new".into(), 1), ("night sky".into(), 1), ("sea".into(), 2)]
    );
    assert_eq!(store.tag(&names(&["3"]), &[], &names(&["sea"])).await.unwrap(), 1);
    assert_eq!(found(store, "tag:sea").await, [1]);
    // All or none.
    assert!(store.star(&names(&["2", "99"]), true).await.is_err());
    assert_eq!(found(store, "is:starred").await, [3, 1]);
    let many: Vec<String> = (0..40).map(|n| format!("t{n}")).collect();
    assert!(
        store
            .tag(&names(&["2"]), &many, &[])
            .await
            .unwrap_err()
            .to_string()
            .contains("more than 32")
    );
    assert_eq!(found(store, "tag:t1").await, [0; 0]);
}

#[tokio::test]
async fn what_is_in_the_trash_is_out_of_sight_and_comes_back() {
    let (f, jobs) = shelf().await;
    let store = &f.store;
    assert_eq!(store.trash(&names(&["2", "3"]), true).await.unwrap(), 2);
    assert_eq!(found(store, "").await, [4, 1]);
    assert_eq!(found(store, "fox").await, [4, 1]);
    assert_eq!(found(store, "is:trashed").await, [3, 2]);
    assert_eq!(found(store, "is:trashed snow").await, [2]);
    assert!(store.in_trash(0, 9).await.unwrap().is_empty(), "nothing is that old");
    assert_eq!(store.trash(&names(&["2"]), false).await.unwrap(), 1);
    let due = store.in_trash(i64::MAX, 9).await.unwrap();
    assert_eq!(
        due.iter().map(|picture| (picture.id, picture.ours)).collect::<Vec<_>>(),
        [(3, true)]
    );
    // One that is not in the trash is not removed, whoever asks.
    assert_eq!(store.remove_trashed(vec![3, 4]).await.unwrap(), 1);
    assert_eq!(found(store, "").await, [4, 2, 1]);
    assert_eq!(found(store, "tag:sea is:trashed").await, [0; 0]);
    assert!(store.job(jobs[1]).await.unwrap().unwrap().pictures.is_empty());
    // Its number is not given again.
    made(store, Made::default(), &[9]).await;
    assert_eq!(found(store, "").await, [5, 4, 2, 1]);
}

#[tokio::test]
async fn a_cursor_stays_right_while_pictures_come() {
    let f = Fixture::new();
    for seed in 0..10 {
        made(&f.store, Made::default(), &[seed]).await;
    }
    for query in ["", "fox"] {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let wish = Wish {
                query: Query::parse(query, &clock::now_in(None)).unwrap(),
                before,
                limit: 3,
                count: false,
            };
            let page = f.store.history(wish).await.unwrap();
            seen.extend(page.pictures.into_iter().map(|entry| entry.id));
            made(&f.store, Made::default(), &[99]).await;
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        let first = seen[0];
        assert_eq!(seen, (1..=first).rev().collect::<Vec<_>>());
    }
}

fn file(path: &str, sha256: char) -> Found {
    Found {
        path: path.to_owned(),
        sha256: sha256.to_string().repeat(64),
        bytes: 10,
        width: 8,
        height: 8,
        written_ms: 1_700_000_000_000,
        writer: "ComfyUI".to_owned(),
        request: GenerateRequest {
            prompt: Some("an old castle".to_owned()),
            seed: Some(5),
            ..GenerateRequest::default()
        },
        others: vec![("lora".to_owned(), "x 0.8".to_owned())],
    }
}

#[tokio::test]
async fn files_come_once_wherever_they_lie() {
    let (f, _) = shelf().await;
    let store = &f.store;
    let import = async |found: Found| store.import(vec![found]).await.unwrap()[0];
    assert_eq!(import(file("/a/1.png", 'a')).await, Taken::Added);
    assert_eq!(import(file("/a/1.png", 'a')).await, Taken::Known);
    assert_eq!(import(file("/b/copy.png", 'a')).await, Taken::Known, "a copy");
    assert_eq!(found(store, "castle is:imported").await, [5]);
    // It was made before all others, so it stands after them.
    assert_eq!(found(store, "").await, [4, 3, 2, 1, 5]);
    let detail = store.picture_named("5").await.unwrap();
    assert_eq!(detail.request.prompt.as_deref(), Some("an old castle"));
    assert_eq!(detail.others, [("lora".to_owned(), "x 0.8".to_owned())]);
    assert_eq!(detail.entry.writer.as_deref(), Some("ComfyUI"));
    // Moved, once it is missing.
    store.note_missing(vec![5], true).await.unwrap();
    assert_eq!(found(store, "is:missing").await, [5]);
    assert_eq!(import(file("/b/moved.png", 'a')).await, Taken::Found);
    assert_eq!(found(store, "is:missing").await, [0; 0]);
    assert_eq!(store.picture_named("5").await.unwrap().entry.path, "/b/moved.png");
    // Another picture where one was: both are kept, and the first is missing.
    assert_eq!(import(file("/b/moved.png", 'b')).await, Taken::Added);
    assert_eq!(found(store, "is:missing").await, [5]);
    assert_eq!(found(store, "is:imported").await, [6, 5]);
}

/// Whole words are asked for by another way than parts of them: what both leave out together is what has the text.
#[tokio::test]
async fn what_is_excluded_is_what_has_the_text_anywhere() {
    let f = Fixture::new();
    let mut state = 5_u64;
    let mut pick = |from: &[&'static str]| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        from[(state >> 33) as usize % from.len()]
    };
    let words = [
        "fox",
        "Foxes",
        "firefox",
        "best quality",
        "best",
        "夜の海",
        "海",
        "(fox:1.2)",
        "a, b",
    ];
    let between = [", ", " ", ",", "  ", "."];
    let mut text = || {
        (0..4)
            .map(|_| format!("{}{}", pick(&words), pick(&between)))
            .collect::<String>()
    };
    let made: Vec<(String, String)> = (0..60).map(|_| (text(), text())).collect();
    let files = (0..).zip(&made).map(|(n, (prompt, negative))| Found {
        request: GenerateRequest {
            prompt: Some(prompt.clone()),
            negative_prompt: Some(negative.clone()),
            ..GenerateRequest::default()
        },
        sha256: format!("{n:064x}"),
        written_ms: 1000 * n,
        ..file(&format!("/p/{n}.png"), 'a')
    });
    f.store.import(files.collect()).await.unwrap();
    let shown = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let with = |text: &str, (prompt, negative): &(String, String), place: &str| {
        (place != "negative:" && shown(prompt).contains(text)) || (place != "prompt:" && shown(negative).contains(text))
    };
    for word in [
        "fox",
        "foxes",
        "oxe",
        "fire",
        "best quality",
        "quality",
        "best",
        "夜の海",
        "海",
        "fox:1",
        "a, b",
        "zebra",
    ] {
        for place in ["", "prompt:", "negative:"] {
            for also in ["", "best"] {
                let expected: Vec<u64> = (1..)
                    .zip(&made)
                    .filter(|(_, one)| !with(word, one, place) && (also.is_empty() || with(also, one, "")))
                    .map(|(id, _)| id)
                    .collect();
                let mut seen = found(&f.store, &format!("{also} -{place}\"{word}\"")).await;
                seen.sort_unstable();
                assert_eq!(seen, expected, "{also} -{place}{word}");
            }
        }
    }
}

#[tokio::test]
async fn a_picture_made_anew_keeps_its_number_and_is_found_once() {
    let f = Fixture::new();
    let job = f.job_in(JobState::Running).await;
    let picture = super::super::tests::picture(job, 0);
    for n in 0..3u64 {
        let again = Picture {
            path: format!("/p/{n}.png"),
            ..picture.clone()
        };
        f.store.add_picture(&again, None).await.unwrap();
        assert_eq!(found(&f.store, "apple").await, [1]);
    }
    assert_eq!(f.store.picture_named("1").await.unwrap().entry.path, "/p/2.png");
    // One that a walk through the gallery took for a stranger's.
    f.store.import(vec![file("/p/next.png", 'c')]).await.unwrap();
    let next = Picture {
        index: 1,
        path: "/p/next.png".to_owned(),
        ..picture
    };
    f.store.add_picture(&next, None).await.unwrap();
    assert_eq!(found(&f.store, "").await, [3, 1]);
    assert_eq!(found(&f.store, "castle").await, [0; 0]);
}

#[rstest]
#[case::a_page(ALL)]
#[case::by_hash(WITH_HASH)]
#[case::rows_of_a_page(&rows::page())]
#[case::tags_of_a_page(rows::TAGS)]
#[case::the_trash(change::IN_TRASH)]
#[case::a_sample(compile::FROM_NUMBER)]
#[tokio::test]
async fn no_question_reads_a_whole_table(#[case] sql: &str) {
    let steps = plan(sql).await;
    let is_slow = |step: &String| {
        let narrow = step.contains("json_each") || step.contains("COVERING INDEX");
        step.starts_with("SCAN") && !narrow || step.contains("TEMP B-TREE")
    };
    assert!(!steps.is_empty() && !steps.iter().any(is_slow), "{sql}: {steps:#?}");
}

/// FTS5 yields rows in order by itself, and takes a range of them.
#[tokio::test]
async fn a_search_is_answered_by_the_index_in_order() {
    let steps = plan(&matching_sql(&[(1, 2)])).await;
    assert_eq!(steps.len(), 1, "{steps:?}");
    // Its word for a match, both bounds, and the order.
    assert!(
        steps[0].contains("VIRTUAL TABLE INDEX") && steps[0].contains("><"),
        "{steps:?}"
    );
}

async fn plan(sql: &str) -> Vec<String> {
    let f = Fixture::new();
    let explain = format!("EXPLAIN QUERY PLAN {sql}");
    let steps = f.store.read(move |c| {
        let mut statement = c.prepare(&explain)?;
        let steps = statement.raw_query().mapped(|row| row.get(3));
        Ok(steps.collect::<rusqlite::Result<_>>()?)
    });
    steps.await.unwrap()
}

/// The table of issue F: how long a page of 60 takes with 100,000 pictures. Run by hand, in release: `docs/performance.md` says how.
#[tokio::test]
#[ignore = "a measurement"]
async fn a_hundred_thousand() {
    const MANY: u64 = 100_000;
    let words = [
        "fox",
        "castle",
        "storm",
        "oil",
        "portrait",
        "night",
        "river",
        "dragon",
        "masterpiece",
        "detailed",
    ];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("darkroom.db");
    let store = Store::open(&path).unwrap();
    let begun = std::time::Instant::now();
    for n in 0..MANY / 500 {
        let some = (0..500).map(|k| {
            let id = n * 500 + k;
            let pick =
                |salt: u64| words[(id.wrapping_mul(0x9e37_79b9).wrapping_add(salt * 77) >> 7) as usize % words.len()];
            let prompt = format!(
                "masterpiece, best quality, {} of a {} in the {}, {} light, intricate, picture {id}, {}",
                pick(1),
                pick(2),
                pick(3),
                pick(4),
                "soft shadows, volumetric, 85mm, sharp focus, ".repeat(3)
            );
            Found {
                path: format!("/p/{id}.png"),
                sha256: format!("{id:064x}"),
                written_ms: 1_600_000_000_000 + (id as i64) * 60_000,
                request: GenerateRequest {
                    prompt: Some(prompt),
                    negative_prompt: Some("lowres, bad hands, blurry, watermark, text".to_owned()),
                    model: Some(format!("model {}", id % 40)),
                    seed: Some(id as i64),
                    sampler: Some(Sampler::Euler),
                    ..GenerateRequest::default()
                },
                width: if id % 2 == 0 { 512 } else { 1024 },
                height: 512,
                ..file("", 'a')
            }
        });
        store.import(some.collect()).await.unwrap();
    }
    println!(
        "filled in {:?}, {} MB",
        begun.elapsed(),
        std::fs::metadata(&path).unwrap().len() >> 20
    );
    store
        .star(&(1..=50).map(|n| (n * 1999).to_string()).collect::<Vec<_>>(), true)
        .await
        .unwrap();
    let queries = [
        "",
        "masterpiece",
        "dragon",
        "dragon castle",
        "zebra",
        "99999",
        "ma",
        "x",
        "-masterpiece",
        "masterpiece -dragon",
        "-masterpiec",
        "-\"best quality\"",
        "model:\"model 7\"",
        "model:model",
        "seed:77777",
        "size:1024x512 dragon",
        "is:starred masterpiece",
        "width:512 -width:512",
        "size:512x512 model:\"model 1\"",
        "after:2020-10 before:2020-11 fox",
        "\"soft shadows, volumetric\" -model:3 is:imported",
    ];
    for query in queries {
        let parsed = Query::parse(query, &clock::now_in(Some("UTC"))).unwrap();
        for count in [false, true] {
            let mut times = Vec::new();
            let mut total = 0;
            for _ in 0..5 {
                let wish = Wish {
                    query: parsed.clone(),
                    before: None,
                    limit: 60,
                    count,
                };
                let begun = std::time::Instant::now();
                let page = store.history(wish).await.unwrap();
                times.push(begun.elapsed());
                total = page.total.unwrap_or(page.pictures.len() as u64);
            }
            times.sort_unstable();
            println!(
                "{query:?} count {count}: {:.1} ms, {total}",
                times[2].as_secs_f64() * 1e3
            );
        }
    }
    store.close().await.unwrap();
    drop(store);
    let begun = std::time::Instant::now();
    let store = Store::open(&path).unwrap();
    println!("opened in {:?}", begun.elapsed());
    drop(store);
}
