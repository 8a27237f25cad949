//! How long the daemon waits for others and how much it takes of them. The server, the dispatcher and the daemon's life each read
//! their own of these; tests shorten them. Caps that nobody changes are constants beside what they bound.

use std::time::Duration;

/// Deadlines and caps of a daemon.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at one time.
    pub connections: usize,
    /// Within this a connection's first message must be complete.
    pub first_message: Duration,
    /// A message that was begun and of which nothing arrives for so long ends its connection.
    pub stall: Duration,
    /// A daemon that ends gives its readers and workers so long.
    pub farewell: Duration,
    /// How often to look whether the socket's file is still there.
    pub socket_check: Duration,
    /// Within this a worker must be ready after its start.
    pub worker_start: Duration,
    /// A worker that says nothing at all for so long is ended.
    pub worker_silence: Duration,
    /// A worker that was told to cancel and shows no sign of life for so long, or for twice its last step, is ended.
    pub cancel: Duration,
    /// Pause before a worker that died is started again; doubled with every death until one is ready.
    pub restart: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 2048,
            first_message: Duration::from_secs(2),
            stall: Duration::from_secs(30),
            farewell: Duration::from_millis(4500),
            socket_check: Duration::from_secs(5),
            worker_start: Duration::from_secs(60),
            worker_silence: Duration::from_secs(60),
            cancel: Duration::from_secs(5),
            restart: Duration::from_millis(250),
        }
    }
}
