//! How SQLite goes about what is asked of a store of 100,000 pictures: by indexes, and sorting nothing. A plan that reads a whole
//! table or sorts what it found is fast in every other test.

use rstest::rstest;

use super::super::{clear, deliver, list, lookup, position, row, waiting};
use super::Fixture;

/// The steps of a question, whose parameters are left out.
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

#[rstest]
#[case::the_newest_jobs(list::NEWEST)]
#[case::where_a_page_begins(list::BEFORE)]
#[case::those_that_ended(list::LAST_ENDED)]
#[case::those_that_run(list::RUNNING)]
#[case::those_that_wait(list::WAITING)]
#[case::all_that_wait(waiting::ALL)]
#[case::the_line(position::LINE)]
#[case::a_position(position::AHEAD)]
#[case::undelivered_jobs(deliver::UNDELIVERED)]
#[case::what_fits_a_page(list::LENGTHS)]
#[case::rows_of_a_page(&list::rows_of())]
#[case::pictures_of_a_page(&row::pictures_of())]
#[case::deliveries_of_a_page(row::DELIVERIES)]
#[case::a_count(lookup::COUNT)]
#[case::a_count_of_the_list(clear::LISTED)]
#[case::the_beginning_of_an_id(lookup::BEGINNING)]
#[case::a_short_id(lookup::SHORT)]
#[tokio::test]
async fn no_list_reads_a_whole_table(#[case] sql: &str) {
    let steps = plan(sql).await;
    let is_slow = |step: &String| {
        // What waits, and what has an output, has an index of its own, which holds nothing else.
        let narrow = ["json_each", "jobs_waiting", "jobs_ahead", "jobs_with_output"];
        let whole = step.starts_with("SCAN") && !narrow.iter().any(|name| step.contains(name));
        whole || step.contains("TEMP B-TREE")
    };
    assert!(!steps.is_empty() && !steps.iter().any(is_slow), "{sql}: {steps:#?}");
}

#[rstest]
#[case(list::NEWEST)]
#[case(list::BEFORE)]
#[case(list::LAST_ENDED)]
#[case(lookup::COUNT)]
#[case(clear::LISTED)]
#[tokio::test]
async fn where_a_page_is_and_how_many_there_are_is_read_in_an_index_alone(#[case] sql: &str) {
    let steps = plan(sql).await;
    assert!(
        steps.len() == 1 && steps[0].contains("USING COVERING INDEX"),
        "{sql}: {steps:#?}"
    );
}
