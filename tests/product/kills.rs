//! `kill -9` of the daemon, its worker, or both, at moments drawn from a seed while batches run. Afterwards every job that was
//! submitted is done exactly once, with pictures that are byte for byte those of a run that nobody disturbed.
//!
//! `DARKROOM_KILLS` sets the number of kills, `DARKROOM_SEED` the seed: `cargo xtask soak kills` does both.
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use crate::support::{Home, Model, Moment, Role, Storm, number};

/// One kill of each kind; the seed decides when, who and what is submitted.
const KILLS: u64 = Moment::ALL.len() as u64;

#[test]
fn whatever_is_killed_every_job_is_done_once() {
    let (kills, seed) = (number("DARKROOM_KILLS", KILLS), number("DARKROOM_SEED", 1));
    println!("{kills} kills, seed {seed}");
    let models = tempfile::tempdir().unwrap();
    let model = Model::new(models.path(), "other");
    let home = Home::new();
    let mut storm = Storm::new(&home, &model, seed);
    let began = Instant::now();
    for kill in 0..kills {
        storm.strike(Moment::ALL[(kill % KILLS) as usize]);
    }
    let submitted = storm.calm();
    println!(
        "{} jobs acknowledged, {} clients lost the daemon; orphaned workers ended within {} ms; {:.0} s",
        submitted.acknowledged.len(),
        submitted.lost,
        submitted.longest_orphan.as_millis(),
        began.elapsed().as_secs_f64()
    );
    submitted.all_done_once(&home);
    home.everything_once();
    submitted.same_as_undisturbed(&home, &Home::new());
    home.run("daemon stop").ok();
    let left = home.processes();
    assert!(left.iter().all(|process| process.role == Role::Client), "{left:?}");
    assert!(submitted.longest_orphan < Duration::from_secs(10));
}
