//! How long models stay: in use, pinned, expired, unloaded.

use std::collections::HashSet;
use std::time::Instant;

use darkroom_protocol::{KeepAlive, ModelSource};

use super::Models;
use super::held::{Entry, Held};
use crate::model::Key;
use crate::{Error, Result};

impl Models {
    /// The model of `key` is used no more; from `now` on it stays for `keep_alive`.
    pub fn release(&mut self, key: &Key, keep_alive: KeepAlive, now: Instant) {
        for entry in self.entries.iter_mut().filter(|entry| entry.key() == key) {
            entry.busy = false;
            entry.used = now;
            entry.keep_alive = keep_alive;
        }
        self.entries.retain(|entry| entry.busy || !entry.parts.is_empty());
        self.expire(now);
    }

    /// Unloads the models whose time is over. Whether there were any.
    pub fn expire(&mut self, now: Instant) -> bool {
        self.unload_where(|entry| entry.expiry().is_some_and(|at| at <= now))
            .is_some()
    }

    /// When the next model is to go.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.entries.iter().filter_map(Entry::expiry).min()
    }

    /// Keeps the model of `key`, which is in memory, until it is unpinned.
    ///
    /// # Errors
    /// [`Error::NoRoom`] in numbers when it does not fit beside those that are pinned already.
    pub fn pin(&mut self, key: &Key) -> Result<()> {
        let Some(entry) = self.entries.iter().find(|entry| entry.key() == key) else {
            return Err(Error::Defect);
        };
        let own = self.bytes_of(entry.parts.iter().copied());
        let beside = self.pinned_beside(key);
        if beside.saturating_add(own).saturating_add(self.beside) > self.budget {
            return Err(self.too_large(key, own, beside));
        }
        for entry in self.entries.iter_mut().filter(|entry| entry.key() == key) {
            entry.pinned = true;
        }
        Ok(())
    }

    /// Pins the model of these files no longer, in whatever format. Whether it was pinned.
    pub fn unpin(&mut self, source: &ModelSource) -> bool {
        let pinned = |entry: &&mut Entry| entry.pinned && entry.key().source == *source;
        self.entries
            .iter_mut()
            .filter(pinned)
            .map(|entry| entry.pinned = false)
            .count()
            > 0
    }

    /// Forgets the model of these files, in whatever format, or all; pinned or not, but one in use.
    pub fn unload(&mut self, source: Option<&ModelSource>) {
        self.unload_where(|entry| !entry.busy && source.is_none_or(|source| entry.key().source == *source));
    }

    /// Whether there are models that are neither used nor pinned.
    pub fn has_others(&self) -> bool {
        self.entries.iter().any(|entry| !entry.busy && !entry.pinned)
    }

    /// Forgets every model that is neither used nor pinned.
    pub fn unload_others(&mut self) {
        self.unload_where(|entry| !entry.busy && !entry.pinned);
    }

    /// Forgets the model of `key`, though it is in use: whoever uses it holds its parts.
    pub fn forget(&mut self, key: &Key) {
        self.unload_where(|entry| entry.key() == key);
    }

    /// Forgets every model.
    pub fn clear(&mut self) {
        self.unload_where(|_| true);
    }

    /// Forgets every model that `goes`; `None` when there is none.
    fn unload_where(&mut self, goes: impl Fn(&Entry) -> bool) -> Option<()> {
        let before = self.entries.len();
        self.entries.retain(|entry| !goes(entry));
        (self.entries.len() < before).then(|| self.drop_unused())
    }

    /// Bytes of parts that stay because of pinned models other than that of `key`, and that it has not itself.
    pub(super) fn pinned_beside(&self, key: &Key) -> u64 {
        let own: HashSet<u64> = self.parts_where(|entry| entry.key() == key);
        let pinned = self.parts_where(|entry| entry.pinned && entry.key() != key);
        self.bytes_of(pinned.difference(&own).copied())
    }

    fn parts_where(&self, which: impl Fn(&Entry) -> bool) -> HashSet<u64> {
        let entries = self.entries.iter().filter(|entry| which(entry));
        entries.flat_map(|entry| entry.parts.iter().copied()).collect()
    }

    fn bytes_of(&self, ids: impl IntoIterator<Item = u64>) -> u64 {
        ids.into_iter().filter_map(|id| self.part(id)).map(Held::bytes).sum()
    }

    fn too_large(&self, key: &Key, own: u64, beside: u64) -> Error {
        let gigabytes = |bytes: u64| bytes as f64 / 1e9;
        Error::NoRoom(format!(
            "{} cannot be pinned: it takes {:.1} GB, pinned models hold {:.1} GB, and models have {:.1} GB: unpin one, or raise \
             memory_budget in config.toml.",
            darkroom_protocol::text::escape_line(&key.name),
            gigabytes(own),
            gigabytes(beside),
            gigabytes(self.budget.saturating_sub(self.beside)),
        ))
    }
}
