//! The thread that writes to the database, and the handle to it. What each change does to rows is in the files beside this one, as
//! further `impl Store`; how changes that wait together are committed is in `group`, and who reads beside this thread in `readers`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::accord::Accord;
use super::fault::{Fault, in_words};
use super::group::{self, Change, Pending};
use super::news::{Listener, Write};
use super::readers::{self, Readers};
use super::transaction::Durability;
use super::{file, log, transaction};
use crate::{Error, Result};

/// Orders that are taken at one time at most: a longer group would make its first caller wait.
const AT_ONCE: usize = 256;

/// A handle to the threads that have the database open. Clones share them; they end when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Store {
    orders: Sender<Order>,
    readers: Readers,
    path: Arc<PathBuf>,
    listener: Listener,
}

/// Work for the thread that writes.
enum Order {
    /// Minds the file, or reads what must not be parted from the changes before it; outside any transaction.
    Ask(Ask),
    /// Changes rows.
    Change(Box<dyn Change>),
}

type Ask = Box<dyn FnOnce(&mut Connection) + Send>;

impl Store {
    /// Opens the database at `path`, makes it when there is none, and brings it to this version's tables.
    ///
    /// # Errors
    /// In words: a damaged file, a file of another program, one of a newer darkroom, no permission, a full disk.
    pub fn open(path: &Path) -> Result<Self> {
        let mut connection = file::open(path)?;
        log::renew(&mut connection).map_err(|e| in_words(path, &e))?;
        // The tables are this version's by now.
        let beside: Result<Vec<Connection>> = (0..readers::AT_ONCE).map(|_| file::beside(path)).collect();
        let (readers, reading) = Readers::begin(beside?, path)?;
        let (store, inbox) = Self::with(readers, path);
        let writer = Writer {
            connection,
            path: store.path.clone(),
            listener: store.listener.clone(),
            accord: store.readers.accord().clone(),
            reading,
        };
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.obey(&inbox))
            .map_err(|e| Error::io("start a thread for", path, e))?;
        Ok(store)
    }

    fn with(readers: Readers, path: &Path) -> (Self, Receiver<Order>) {
        let (orders, inbox) = channel();
        let store = Self {
            orders,
            readers,
            path: Arc::new(path.to_owned()),
            listener: Listener::default(),
        };
        (store, inbox)
    }

    /// The database at `path` to be looked at: nobody writes, and no lock keeps a daemon out. `None` when its tables are of an older
    /// version.
    ///
    /// # Errors
    /// As [`Self::open`], where that concerns reading.
    pub(crate) fn look(path: &Path) -> Result<Option<Self>> {
        let Some(connection) = file::look(path)? else {
            return Ok(None);
        };
        let (readers, _) = Readers::begin(vec![connection], path)?;
        Ok(Some(Self::with(readers, path).0))
    }

    /// Transactions that this process has committed: those that waited for the disk, those that did not.
    pub(crate) fn commits(&self) -> (u64, u64) {
        transaction::commits()
    }

    /// Whether changes can be written now: one is, that changes nothing.
    ///
    /// # Errors
    /// Why not.
    pub(crate) async fn try_write(&self) -> Result<()> {
        self.change(Durability::Durable, |tx| {
            tx.execute("UPDATE log_restarts SET count = count", [])?;
            Ok(())
        })
        .await
    }

    /// Moves the whole log into the database: for an orderly end of the daemon.
    ///
    /// # Errors
    /// When the disk refuses; the log then stays and nothing is lost.
    pub async fn close(&self) -> Result<()> {
        self.ask(|connection| Ok(log::empty(connection)?)).await
    }

    /// Who is told what was committed.
    pub(super) fn listener(&self) -> &Listener {
        &self.listener
    }

    /// Runs `work` beside the thread that writes: see [`Readers::read`].
    pub(super) async fn read<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let result = self.readers.read(work).await;
        result.map_err(|fault| fault.at(&self.path))
    }

    /// Runs `work` on the thread that writes, outside any transaction.
    pub(super) async fn ask<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        // A caller that has gone does not stop what it asked for.
        let ask: Ask = Box::new(move |connection| drop(reply.send(work(connection))));
        self.orders.send(Order::Ask(ask)).map_err(|_| Error::StoreEnded)?;
        let result = answer.await.map_err(|_| Error::StoreEnded)?;
        result.map_err(|fault| fault.at(&self.path))
    }

    /// Runs `change` on the thread that writes in a transaction, which it may share with changes that wait beside it; an error undoes it
    /// and nothing else. It has its place among all changes once this returns, before the future is awaited.
    pub(super) fn change<T, W>(
        &self,
        durability: Durability,
        change: W,
    ) -> impl Future<Output = Result<T>> + Send + use<T, W>
    where
        T: Send + 'static,
        W: FnOnce(&Write<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let change = Pending::new(durability, change, reply);
        let sent = self.orders.send(Order::Change(Box::new(change))).is_ok();
        async move {
            if !sent {
                return Err(Error::StoreEnded);
            }
            answer.await.map_err(|_| Error::StoreEnded)?
        }
    }

    /// As [`Self::change`] with [`Durability::Durable`], for ends of jobs: afterwards, and after the caller has its answer, a
    /// log that has grown long is moved into the database.
    pub(super) async fn end<T, W>(&self, change: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnOnce(&Write<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let result = self.change(Durability::Durable, change).await;
        let accord = self.readers.accord().clone();
        let tidy: Ask = Box::new(move |connection| shorten(connection, log::LONG, &accord));
        self.orders.send(Order::Ask(tidy)).map_err(|_| Error::StoreEnded)?;
        result
    }
}

/// What the thread that writes has.
struct Writer {
    connection: Connection,
    path: Arc<PathBuf>,
    listener: Listener,
    accord: Arc<Accord>,
    /// The threads that read.
    reading: Vec<JoinHandle<()>>,
}

impl Writer {
    /// The thread: everything that waits at once, until nobody can send any more. Changes are committed together, at the price
    /// of one fsync for all; what is asked meanwhile is answered from what is committed.
    fn obey(mut self, inbox: &Receiver<Order>) {
        while let Ok(first) = inbox.recv() {
            let mut asks = Vec::new();
            let mut changes = Vec::new();
            for order in std::iter::once(first).chain(inbox.try_iter()).take(AT_ONCE) {
                match order {
                    Order::Ask(ask) => asks.push(ask),
                    Order::Change(change) => changes.push(change),
                }
            }
            if !changes.is_empty() {
                let (path, listener, accord) = (&self.path, &self.listener, &self.accord);
                group::commit(&mut self.connection, path, listener, accord, changes);
                shorten(&mut self.connection, log::FLOODED, accord);
            }
            for ask in asks {
                ask(&mut self.connection);
            }
        }
        self.close();
    }

    /// The last to close the database, for who does that takes its log away, which a connection that only reads cannot.
    fn close(self) {
        // One that has panicked has closed its connection as well.
        self.reading.into_iter().for_each(|reader| drop(reader.join()));
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!("the job store could not be closed: {error}");
        }
    }
}

fn shorten(connection: &mut Connection, longest: i64, accord: &Accord) {
    if let Err(error) = log::shorten(connection, longest, accord) {
        tracing::warn!("the job store's log could not be shortened: {error}");
    }
}
