//! The threads that read beside the one that writes, each with a connection of its own: a long search delays no change, and a slow
//! disk no list. Lists, lookups and counts come here ([`Store::read`](super::Store::read)). What must not be parted from the changes
//! around it stays with the writer: what a transition asks of its rows, and where a follower begins.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::accord::Accord;
use super::fault::Fault;
use crate::{Error, Result};

/// Reads at one time: a long one leaves way for the others, and each costs a connection's memory.
pub(super) const AT_ONCE: usize = 2;

/// Work for whichever thread is free.
type Read = Box<dyn FnOnce(&mut Connection) + Send>;

/// A handle to the threads, which end when the last one is dropped.
#[derive(Clone, Debug)]
pub(super) struct Readers {
    line: Sender<Read>,
    accord: Arc<Accord>,
}

impl Readers {
    /// Begins a thread for each of `connections` to the database at `path`. They are given as well, so that their ends can be
    /// waited for.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub(super) fn begin(connections: Vec<Connection>, path: &Path) -> Result<(Self, Vec<JoinHandle<()>>)> {
        let (line, reads) = channel();
        let reads = Arc::new(Mutex::new(reads));
        let mut threads = Vec::with_capacity(connections.len());
        for (n, connection) in connections.into_iter().enumerate() {
            let reads = reads.clone();
            let begun = std::thread::Builder::new()
                .name(format!("store-read-{n}"))
                .spawn(move || serve(connection, &reads));
            threads.push(begun.map_err(|e| Error::io("start a thread for", path, e))?);
        }
        let accord = Arc::default();
        Ok((Self { line, accord }, threads))
    }

    /// What they agree on with the thread that writes.
    pub(super) fn accord(&self) -> &Arc<Accord> {
        &self.accord
    }

    /// Runs `work` on one of the threads: all that it reads is of one moment, no earlier than this call. Whoever was told of a
    /// change sees it, and what is seen the follower has been told.
    pub(super) async fn read<T, W>(&self, work: W) -> Result<T, Fault>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let accord = self.accord.clone();
        let read: Read = Box::new(move |connection| {
            // Nothing is read for a caller that has gone.
            if !reply.is_closed() {
                drop(reply.send(at_one_moment(connection, &accord, work)));
            }
        });
        self.line.send(read).map_err(|_| Error::StoreEnded)?;
        answer.await.map_err(|_| Error::StoreEnded)?
    }
}

/// Makes one read after the other until nobody can ask any more.
fn serve(mut connection: Connection, reads: &Mutex<Receiver<Read>>) {
    loop {
        let next = reads.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(read) = next else { return };
        // The panic is in the log, and its caller hears that nobody answers; the thread is there for the others.
        let _ = catch_unwind(AssertUnwindSafe(|| read(&mut connection)));
    }
}

/// Runs `work` in a read transaction. Its result is given when what it saw has been told.
fn at_one_moment<T>(
    connection: &mut Connection,
    accord: &Accord,
    work: impl FnOnce(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let reading = accord.reading();
    let tx = connection.transaction()?;
    // The first question fixes the moment.
    let seen = tx
        .prepare_cached("SELECT commits FROM line")?
        .query_row([], |row| row.get(0))?;
    let result = work(&tx);
    drop(tx);
    drop(reading);
    accord.wait_told(seen);
    result
}
