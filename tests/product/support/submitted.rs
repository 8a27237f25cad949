//! What the clients of a storm asked for and were told, and the checks afterwards: each job done once, with the pictures of an
//! undisturbed run. `storm.rs` fills it, `kills.rs` asks. Whether rows and files of a home agree is checked in `home.rs`.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use serde_json::Value;

use super::{Home, Ran};

/// What a client asks for. No two have the same seed.
#[derive(Clone, Debug)]
pub struct Order {
    pub seed: u64,
    pub batch: u32,
    pub steps: u32,
    pub model: Option<String>,
    pub waits: bool,
}

impl Order {
    /// As arguments of `darkroom`.
    pub fn words(&self) -> Vec<String> {
        let Self { seed, batch, steps, .. } = self;
        let line = format!("generate fox --seed {seed} --batch {batch} --steps {steps} -W 64 -H 64");
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        if let Some(model) = &self.model {
            words.extend(["-m".to_owned(), model.clone()]);
        }
        words.push(if self.waits { "--json" } else { "--detach" }.to_owned());
        words
    }
}

/// What clients were told, to be compared with what became of it.
#[derive(Default)]
pub struct Submitted {
    /// Orders by the id that their client was told.
    pub acknowledged: HashMap<String, Order>,
    /// Every order, told or not.
    orders: Vec<Order>,
    /// Clients that gave up, in words.
    pub lost: usize,
    /// The longest that a worker outlived its daemon.
    pub longest_orphan: Duration,
}

impl Submitted {
    /// Waits for a client's last word.
    pub fn hear(&mut self, client: Child, order: Order) {
        let ran = Ran::of(client.wait_with_output().unwrap());
        self.orders.push(order.clone());
        if ran.code != 0 {
            println!("a client gave up: {}", ran.stderr.trim_end());
            self.lost += 1;
            ran.refused(3, &[]);
            return;
        }
        let job = if order.waits {
            let pictures = ran.json();
            assert_eq!(pictures.len(), order.batch as usize, "{ran:#?}");
            pictures[0]["job"].as_str().unwrap().to_owned()
        } else {
            ran.line().to_owned()
        };
        self.acknowledged.insert(job, order);
    }

    /// Each acknowledged order is one job that is done; one that was not acknowledged is at most one.
    #[track_caller]
    pub fn all_done_once(&self, home: &Home) {
        let jobs = jobs(home);
        let mut seeds = HashSet::new();
        for job in &jobs {
            assert_eq!(job["state"], "done", "{job:#}");
            assert!(
                seeds.insert(job["task"]["image"]["sampling"]["seed"].as_u64().unwrap()),
                "twice: {job:#}"
            );
        }
        let ids: HashSet<&str> = jobs.iter().filter_map(|job| job["id"].as_str()).collect();
        for (id, order) in &self.acknowledged {
            let found = ids.iter().filter(|job| job.starts_with(id.as_str())).count();
            assert_eq!(found, 1, "{id}: {order:?}");
        }
    }

    /// Every picture has the bytes that it has in `quiet`, a home where the same is asked and nothing killed.
    #[track_caller]
    pub fn same_as_undisturbed(&self, home: &Home, quiet: &Home) {
        for order in &self.orders {
            let words = Order {
                waits: false,
                ..order.clone()
            }
            .words();
            quiet.run_args(words).ok();
        }
        quiet.all_end();
        let expected: HashMap<u64, Value> = pictures(quiet).collect();
        for (seed, picture) in pictures(home) {
            let read = |picture: &Value| std::fs::read(Path::new(picture["path"].as_str().unwrap())).unwrap();
            assert!(read(&picture) == read(&expected[&seed]), "another picture: {picture:#}");
        }
    }
}

fn jobs(home: &Home) -> Vec<Value> {
    home.run("queue --all --limit 1000 --json").ok().json()
}

/// Every picture by its seed.
fn pictures(home: &Home) -> impl Iterator<Item = (u64, Value)> {
    let pictures = jobs(home)
        .into_iter()
        .flat_map(|job| job["pictures"].as_array().unwrap().clone());
    pictures.map(|picture| (picture["seed"].as_u64().unwrap(), picture))
}
