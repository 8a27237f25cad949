use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::fault::{Fault, in_words};
use super::{counts, file, log};
use crate::{Error, Result};

/// A handle to the thread that owns the database. Clones share the thread; it ends when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Store {
    orders: Sender<Order>,
    path: Arc<PathBuf>,
}

/// Work for the thread.
type Order = Box<dyn FnOnce(&mut Connection) + Send>;

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// One fsync of the log: for what a client is told afterwards.
    Durable,
    /// No fsync: for what a restart repeats.
    Relaxed,
}

impl Durability {
    fn synchronous(self) -> &'static str {
        match self {
            Self::Durable => "FULL",
            Self::Relaxed => "NORMAL",
        }
    }
}

impl Store {
    /// Opens the database at `path`, makes it when there is none, and brings it to this version's tables.
    ///
    /// # Errors
    /// In words: a damaged file, a file of another program, one of a newer darkroom, no permission, a full disk.
    pub fn open(path: &Path) -> Result<Self> {
        let mut connection = file::open(path)?;
        log::renew(&mut connection).map_err(|e| in_words(path, &e))?;
        let (orders, inbox) = channel();
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || obey(connection, &inbox))
            .map_err(|e| Error::io("start a thread for", path, e))?;
        Ok(Self {
            orders,
            path: Arc::new(path.to_owned()),
        })
    }

    /// Transactions that this process has committed: those that waited for the disk, those that did not.
    pub fn commits(&self) -> (u64, u64) {
        counts::commits()
    }

    /// Moves the whole log into the database: for an orderly end of the daemon.
    ///
    /// # Errors
    /// When the disk refuses; the log then stays and nothing is lost.
    pub async fn close(&self) -> Result<()> {
        self.ask(|connection| Ok(log::empty(connection)?)).await
    }

    /// Runs `work` on the thread, outside any transaction.
    pub(super) async fn ask<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        // A caller that has gone does not stop what it asked for.
        let order: Order = Box::new(move |connection| drop(reply.send(work(connection))));
        self.orders.send(order).map_err(|_| Error::StoreEnded)?;
        let result = answer.await.map_err(|_| Error::StoreEnded)?;
        result.map_err(|fault| fault.at(&self.path))
    }

    /// Runs `change` on the thread as one transaction; an error undoes it.
    pub(super) async fn change<T, W>(&self, durability: Durability, change: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    {
        self.ask(move |connection| transact(connection, durability, change))
            .await
    }

    /// As [`Self::change`] with [`Durability::Durable`], for ends of jobs: afterwards, and after the caller has its answer, a
    /// log that has grown long is moved into the database.
    pub(super) async fn end<T, W>(&self, change: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let result = self.change(Durability::Durable, change).await;
        let tidy: Order = Box::new(|connection| {
            if let Err(error) = log::shorten(connection) {
                tracing::warn!("the job store's log could not be shortened: {error}");
            }
        });
        self.orders.send(tidy).map_err(|_| Error::StoreEnded)?;
        result
    }
}

/// The thread: one order after the other until nobody can send any more.
fn obey(mut connection: Connection, inbox: &Receiver<Order>) {
    while let Ok(order) = inbox.recv() {
        order(&mut connection);
    }
    if let Err((_, error)) = connection.close() {
        tracing::warn!("the job store could not be closed: {error}");
    }
}

pub(super) fn transact<T>(
    connection: &mut Connection,
    durability: Durability,
    change: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    connection.pragma_update(None, "synchronous", durability.synchronous())?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = change(&transaction)?;
    transaction.commit()?;
    counts::committed(durability);
    Ok(value)
}
