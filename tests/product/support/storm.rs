//! Clients that submit batches, and kills of daemon and workers at chosen moments, all drawn from one seed. `kills.rs` runs it.
//! What the clients were told, and what must be true afterwards, is in `submitted.rs`; processes are found in `census.rs`.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Child;
use std::time::{Duration, Instant};

use super::census::Role;
use super::submitted::{Order, Submitted};
use super::{Home, Model, is_alive, kill, wait_until};

/// When something is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Any time while a batch runs.
    Any,
    /// A picture lies in the staging folder.
    Staged,
    /// A daemon begins, and clients race to it.
    Birth,
    /// The new daemon has just taken the dead one's socket.
    Takeover,
    /// A worker begins: it loads libtorch, then a model.
    Load,
    /// The database of a new home is made, or its log is being read back.
    Recovery,
}

impl Moment {
    pub const ALL: [Self; 6] = [
        Self::Recovery,
        Self::Load,
        Self::Any,
        Self::Staged,
        Self::Birth,
        Self::Takeover,
    ];
}

/// Clients that submit, and a killer, both by the same seed.
pub struct Storm<'a> {
    home: &'a Home,
    chance: fastrand::Rng,
    model: String,
    clients: Vec<(Child, Order)>,
    longest_orphan: Duration,
    /// Workers whose daemon died, and when.
    orphans: HashMap<u32, Instant>,
}

impl<'a> Storm<'a> {
    pub fn new(home: &'a Home, model: &Model, seed: u64) -> Self {
        Self {
            home,
            chance: fastrand::Rng::with_seed(seed),
            model: model.path().to_owned(),
            clients: Vec::new(),
            longest_orphan: Duration::ZERO,
            orphans: HashMap::new(),
        }
    }

    /// Submits a batch or two and kills at that moment.
    pub fn strike(&mut self, moment: Moment) {
        let before = self.socket();
        match moment {
            Moment::Any => {
                self.submit();
                self.pass(600);
            }
            Moment::Staged => {
                self.submit();
                self.until(|home| !home.staged().is_empty());
            }
            Moment::Load => {
                self.submit();
                self.until(|home| home.pids(Role::Worker).next().is_some());
                self.pass(600);
            }
            Moment::Birth | Moment::Recovery => {
                self.slay(&[Role::Daemon]);
                self.submit();
                self.submit();
                if moment == Moment::Birth {
                    self.until(|home| home.pids(Role::Daemon).next().is_some());
                } else {
                    self.until(|home| home.pids(Role::Daemon).next().is_some() && home.at("data/darkroom.db").exists());
                }
                self.pass(40);
            }
            Moment::Takeover => {
                self.slay(&[Role::Daemon]);
                self.submit();
                self.submit();
                self.until(|home| inode(home) != before && inode(home).is_some());
            }
        }
        let victims: &[Role] = match self.chance.u8(0..3) {
            _ if matches!(moment, Moment::Birth | Moment::Recovery | Moment::Takeover) => &[Role::Daemon],
            0 => &[Role::Daemon],
            1 => &[Role::Worker],
            _ if self.chance.bool() => &[Role::Worker, Role::Daemon],
            _ => &[Role::Daemon, Role::Worker],
        };
        self.slay(victims);
        self.bury();
    }

    /// Lets everybody finish.
    pub fn calm(mut self) -> Submitted {
        let mut submitted = Submitted::default();
        for (client, order) in std::mem::take(&mut self.clients) {
            submitted.hear(client, order);
        }
        self.home.run("daemon start").ok();
        self.home.all_end();
        self.bury();
        submitted.longest_orphan = self.longest_orphan;
        submitted
    }

    /// A client that hands in a batch with seeds of its own; every fourth waits for it.
    fn submit(&mut self) {
        let order = Order {
            seed: 1 + 10 * self.clients.len() as u64,
            batch: self.chance.u32(1..=4),
            steps: self.chance.u32(1..=6),
            model: self.chance.u8(0..4).eq(&0).then(|| self.model.clone()),
            waits: self.chance.u8(0..4) == 0,
        };
        let client = self.home.command(order.words()).spawn().unwrap();
        self.clients.push((client, order));
    }

    /// Lets up to so many milliseconds pass.
    fn pass(&mut self, most: u64) {
        std::thread::park_timeout(Duration::from_micros(self.chance.u64(0..most * 1000)));
    }

    /// Waits for a condition that a kill may have made impossible, so not for ever; as tightly as can be.
    fn until(&self, mut condition: impl FnMut(&Home) -> bool) {
        let end = Instant::now() + Duration::from_secs(3);
        while Instant::now() < end && !condition(self.home) {
            std::thread::yield_now();
        }
    }

    fn slay(&mut self, victims: &[Role]) {
        for victim in victims {
            if *victim == Role::Daemon {
                let now = Instant::now();
                self.orphans.extend(self.home.pids(Role::Worker).map(|pid| (pid, now)));
            }
            for pid in self.home.pids(*victim) {
                kill(pid, "KILL");
            }
        }
        if victims.contains(&Role::Daemon) {
            self.bury();
        }
    }

    /// Waits until no worker lives whose daemon is dead.
    fn bury(&mut self) {
        for (pid, since) in std::mem::take(&mut self.orphans) {
            wait_until("an orphan's end", || !is_alive(pid));
            self.longest_orphan = self.longest_orphan.max(since.elapsed());
        }
    }

    fn socket(&self) -> Option<u64> {
        inode(self.home)
    }
}

fn inode(home: &Home) -> Option<u64> {
    fs::symlink_metadata(home.socket()).ok().map(|meta| meta.ino())
}
