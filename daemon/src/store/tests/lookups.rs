//! Jobs found by name and in lists.

use darkroom_protocol::JobState::{Cancelled, Done, Queued, Running};
use darkroom_protocol::{Failure, FailureKind, JobId, JobState};
use proptest::prelude::*;
use uuid::Uuid;

use super::{Fixture, next, page, raw, request, task};
use crate::Error;
use crate::store::list::Listed;
use crate::store::{Cursor, Part, Start, Waiting};

#[tokio::test]
async fn waiting_jobs_run_by_priority_then_age() {
    let f = Fixture::new();
    let (first, second, urgent) = (f.job().await, f.job().await, f.job().await);
    f.sql("UPDATE jobs SET priority = 5 WHERE seq = 3").await;
    let late = f.store.accept(Uuid::now_v7(), &request(), &task()).await.unwrap();
    assert_eq!(late.position, 3);
    f.store.start(urgent).await.unwrap();
    let last = f.store.accept(Uuid::now_v7(), &request(), &task()).await.unwrap();
    assert_eq!(last.position, 4, "the running one counts");
    f.store.cancel(last.job, false).await.unwrap();
    f.store.requeue(urgent).await.unwrap();
    for expected in [urgent, first, second, late.job] {
        assert_eq!(next(&f.store).await, Some(expected));
        assert_eq!(f.store.start(expected).await.unwrap(), Start::Begun);
    }
    assert_eq!(next(&f.store).await, None);
}

#[tokio::test]
async fn what_waits_is_told_in_the_order_in_which_it_runs() {
    let f = Fixture::new();
    let (first, urgent, running) = (f.job().await, f.job().await, f.job().await);
    f.sql("UPDATE jobs SET priority = 5 WHERE seq = 2").await;
    f.store.start(running).await.unwrap();
    let waiting = |job, priority, place: i64| Waiting {
        job,
        priority,
        place: place << 32,
        held: false,
        model: "emoji".to_owned(),
        device: "cpu".to_owned(),
    };
    assert_eq!(
        f.store.waiting().await.unwrap(),
        [waiting(urgent, 5, 2), waiting(first, 0, 1)]
    );
}

#[tokio::test]
async fn a_job_that_returns_keeps_its_place() {
    let f = Fixture::new();
    let (first, _) = (f.job().await, f.job().await);
    f.store.start(first).await.unwrap();
    f.store.requeue(first).await.unwrap();
    assert_eq!(next(&f.store).await, Some(first));
}

#[tokio::test]
async fn lists_are_newest_first_and_filtered() {
    let f = Fixture::new();
    let jobs = [
        f.job_in(Done).await,
        f.job_in(Queued).await,
        f.job_in(Cancelled).await,
        f.job().await,
    ];
    let ids = async |states: &[JobState], limit| -> Vec<JobId> {
        let jobs = f.store.list(states, page(limit)).await.unwrap().jobs;
        jobs.into_iter().map(|job| job.id).collect()
    };
    assert_eq!(ids(&[], 10).await, [jobs[3], jobs[2], jobs[1], jobs[0]]);
    assert_eq!(ids(&[], 2).await, [jobs[3], jobs[2]]);
    assert_eq!(ids(&[Queued, Done], 10).await, [jobs[3], jobs[1], jobs[0]]);
    assert_eq!(ids(&[Running], 10).await, []);
    let part = Part {
        after: Some(Cursor::Job(jobs[2])),
        ..page(1)
    };
    let older = f.store.list(&[], part).await.unwrap();
    assert_eq!(older.jobs[0].id, jobs[1]);
    assert_eq!(older.next, Some(Cursor::Job(jobs[1])));
    assert_eq!(f.store.count(Queued).await.unwrap(), 2);
    assert_eq!(f.store.count(Running).await.unwrap(), 0);
}

/// Every page in turn.
async fn every_page(f: &Fixture, in_line: bool, bytes: u64) -> Vec<Listed> {
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let part = Part {
            after,
            limit: 1000,
            bytes,
        };
        let page = if in_line {
            f.store.line(&[], part).await.unwrap()
        } else {
            f.store.list(&[], part).await.unwrap()
        };
        after = page.next;
        pages.push(page);
        if after.is_none() {
            return pages;
        }
    }
}

#[tokio::test]
async fn pages_are_cut_by_bytes_and_lose_nothing() {
    let f = Fixture::new();
    let mut ids = Vec::new();
    for _ in 0..7 {
        ids.push(f.job().await);
    }
    f.sql("UPDATE jobs SET request = json_object('prompt', printf('%.60000c', 'x')) WHERE seq > 2")
        .await;
    f.store.start(ids[3]).await.unwrap();
    for in_line in [false, true] {
        let pages = every_page(&f, in_line, 130_000).await;
        let counts: Vec<_> = pages.iter().map(|page| page.jobs.len()).collect();
        assert!(counts.len() >= 3 && counts.iter().all(|n| *n > 0), "{counts:?}");
        let mut found: Vec<_> = pages
            .iter()
            .flat_map(|page| page.jobs.iter().map(|job| job.id))
            .collect();
        found.sort();
        assert_eq!(found, ids, "{counts:?}");
        // A job longer than a page is a page.
        assert_eq!(every_page(&f, in_line, 1).await.len(), 7);
    }
}

#[tokio::test]
async fn a_page_goes_on_where_the_last_one_ended_whatever_became_of_its_jobs() {
    let f = Fixture::new();
    let [a, b, c, d] = [f.job().await, f.job().await, f.job().await, f.job().await];
    f.store.start(a).await.unwrap();
    let next = async |after: Option<Cursor>| {
        let page = f.store.line(&[], Part { after, ..page(1) }).await.unwrap();
        (page.jobs.first().map(|job| job.id), page.next)
    };
    let (first, cursor) = next(None).await;
    assert_eq!(first, Some(a));
    f.store.finish(a, Done, None).await.unwrap();
    let (second, cursor) = next(cursor).await;
    assert_eq!(second, Some(b));
    f.store.cancel(b, false).await.unwrap();
    let (third, cursor) = next(cursor).await;
    assert_eq!(third, Some(c));
    let text = cursor.unwrap().to_string();
    assert_eq!(text.parse(), Ok(cursor.unwrap()));
    assert_eq!(next(cursor).await, (Some(d), None));
    for other in [
        "",
        "ran",
        "ran:x",
        "ran:1:2",
        "waited:1:2",
        "waited:99999999999:1:1",
        "zzz",
    ] {
        assert_eq!(other.parse::<Cursor>(), Err(()), "{other}");
    }
}

#[tokio::test]
async fn a_prefix_finds_its_job() {
    let f = Fixture::new();
    let (a, b) = (f.job().await, f.job().await);
    let whole = a.to_string();
    assert_eq!(f.store.find(&whole).await.unwrap(), a);
    assert_eq!(f.store.find(&whole.replace('-', "").to_uppercase()).await.unwrap(), a);
    assert_eq!(f.store.find(&a.short()).await.unwrap(), a);
    assert_eq!(f.store.find(&b.short()).await.unwrap(), b);
    let error = f.store.find(&whole[..4]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "Several jobs begin with {}: {}, {}. Give more digits.",
            &whole[..4],
            a.short(),
            b.short()
        )
    );
    let error = f.store.find("ffff").await.unwrap_err();
    assert_eq!(error.to_string(), "There is no job ffff: `darkroom queue` lists them.");
    assert!(matches!(f.store.find("\x1b[2J").await, Err(Error::NoSuchJob { .. })));
}

#[tokio::test]
async fn a_short_id_and_the_beginning_of_one_find_their_job() {
    let f = Fixture::new();
    let mut jobs = Vec::new();
    for _ in 0..40 {
        jobs.push(f.job().await);
    }
    for job in &jobs {
        assert_eq!(f.store.find(&job.short()).await.unwrap(), *job);
        assert_eq!(f.store.find(&job.short().to_uppercase()).await.unwrap(), *job);
        assert_eq!(f.store.find(&job.stamp()).await.unwrap(), *job, "what was shown before");
        let letter = &job.short()[..1];
        let alike = jobs.iter().filter(|other| other.short().starts_with(letter)).count();
        match f.store.find(letter).await {
            Ok(found) => assert!(alike == 1 && found == *job),
            Err(error) => assert!(
                alike > 1 && error.to_string().ends_with("Give more letters."),
                "{error}"
            ),
        }
    }
}

#[tokio::test]
async fn words_name_the_newest_jobs_and_the_one_that_runs() {
    let f = Fixture::new();
    let says = async |name: &str| f.store.find(name).await.unwrap_err().to_string();
    assert_eq!(
        says("@last").await,
        "There is no job @last: `darkroom queue` lists them."
    );
    let (a, b) = (f.job().await, f.job_in(Running).await);
    assert_eq!(f.store.find("@last").await.unwrap(), b);
    assert_eq!(f.store.find("@2").await.unwrap(), a);
    assert_eq!(f.store.find("@running").await.unwrap(), b);
    assert_eq!(says("@3").await, "There is no job @3: `darkroom queue` lists them.");
    assert!(
        says("@first")
            .await
            .contains("@last, @2 (the second newest) and @running")
    );
    let c = f.job_in(Running).await;
    let both = format!("Several jobs run: {}, {}. Name one of them.", b.short(), c.short());
    assert_eq!(says("@running").await, both);
    f.store.finish(b, Done, None).await.unwrap();
    f.store.finish(c, Done, None).await.unwrap();
    assert_eq!(
        says("@running").await,
        "No job runs now: `darkroom queue` lists those that wait."
    );
}

#[tokio::test]
async fn short_ids_are_kept_apart_and_looked_up_in_their_index() {
    let f = Fixture::new();
    let job = f.job().await;
    let tail = &job.0.simple().to_string()[24..];
    // A job of an earlier release that happens to have the same short id.
    let twin: JobId = format!("00000000-0000-7000-8000-0000{tail}").parse().unwrap();
    let copy = format!(
        "INSERT INTO jobs (id, request_id, state, kind, model, request, task, created_ms)
         SELECT '{}', 'twin', state, kind, model, request, task, created_ms FROM jobs",
        twin.0.simple()
    );
    raw(&f.store, move |c| Ok(c.execute_batch(&copy)?)).await.unwrap();
    let error = f.store.find(&job.short()).await.unwrap_err().to_string();
    assert!(
        error.contains(&job.to_string()) && error.contains(&twin.to_string()),
        "{error}"
    );
    let plan = raw(&f.store, |c| {
        let sql = "EXPLAIN QUERY PLAN SELECT id FROM jobs WHERE substr(id, 25) >= '0' AND substr(id, 25) < '1'";
        Ok(c.query_row(sql, [], |row| row.get::<_, String>(3))?)
    });
    let plan = plan.await.unwrap();
    assert!(plan.contains("jobs_by_short"), "{plan}");
}

#[tokio::test]
async fn stamps_differ_and_rise_even_in_one_millisecond() {
    let f = Fixture::new();
    let mut ids = Vec::new();
    for _ in 0..50 {
        ids.push(f.job().await);
    }
    assert!(ids.windows(2).all(|pair| pair[0].stamp() < pair[1].stamp()));
}

#[tokio::test]
async fn ids_rise_when_the_clock_is_set_back() {
    let f = Fixture::new();
    f.job().await;
    let made = |now| move |c: &mut rusqlite::Connection| Ok(super::super::id::next(c, now)?);
    let last = f.store.list(&[], page(1)).await.unwrap().jobs[0].id;
    assert!(raw(&f.store, made(1000)).await.unwrap().stamp() > last.stamp());
    assert!(raw(&f.store, made(-5)).await.unwrap().stamp() > last.stamp());
}

#[tokio::test]
async fn a_row_of_another_version_is_told_in_words_and_can_be_failed() {
    let f = Fixture::new();
    let strange = f.job().await;
    f.sql(r#"UPDATE jobs SET task = '{"hologram":{}}'"#).await;
    let sound = f.job().await;
    assert_eq!(f.store.start(strange).await.unwrap(), Start::Begun);
    let error = f.store.job(strange).await.unwrap_err();
    assert!(error.to_string().contains("another version"), "{error}");
    let failure = Failure {
        kind: FailureKind::Internal,
        message: error.to_string(),
    };
    f.store.finish(strange, JobState::Failed, Some(failure)).await.unwrap();
    assert_eq!(next(&f.store).await, Some(sound));
    assert_eq!(f.store.count(JobState::Failed).await.unwrap(), 1);
    assert_eq!(f.store.list(&[], page(10)).await.unwrap().jobs.len(), 1);
    let kind = raw(&f.store, |c| {
        Ok(c.query_row(
            "SELECT failure_kind FROM jobs WHERE failure_kind IS NOT NULL",
            [],
            |r| r.get::<_, String>(0),
        )?)
    });
    assert_eq!(kind.await.unwrap(), FailureKind::Internal.name());
}

proptest! {
    #[test]
    fn numbers_come_back_from_their_json_exactly(cfg in 0.0..100.0f64) {
        let json = serde_json::to_string(&cfg).unwrap();
        prop_assert_eq!(serde_json::from_str::<f64>(&json).unwrap().to_bits(), cfg.to_bits());
    }
}
