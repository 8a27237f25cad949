use std::time::Duration;

/// How files are fetched. Tests shorten it.
#[derive(Clone, Debug)]
pub(crate) struct Tuning {
    /// Bytes of a block: what is marked as finished, and never fetched again.
    pub block: u64,
    /// The most blocks of one request.
    pub span: usize,
    /// Connections of one pull.
    pub connections: usize,
    /// Pulls at one time; others wait.
    pub at_once: usize,
    /// A server that says nothing for so long has gone.
    pub silence: Duration,
    /// The pause after a first failure; doubled with each that follows.
    pub pause: Duration,
    /// The longest such pause.
    pub longest: Duration,
    /// Failures in a row, without a byte between them, after which a pull has failed.
    pub tries: u32,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            block: 1 << 20,
            span: 64,
            connections: 6,
            at_once: 2,
            silence: Duration::from_secs(30),
            pause: Duration::from_millis(500),
            longest: Duration::from_secs(30),
            tries: 8,
        }
    }
}
