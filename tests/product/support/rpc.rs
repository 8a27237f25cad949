//! `Rpc`: a connection to the daemon's socket that sends JSON-RPC lines or any bytes. Tests in `wire.rs`, `attack.rs`, `order.rs`
//! and others use it, mostly by `Home::rpc`. It speaks no bincode; `flood.rs` and `interrupt.rs` use the protocol crate's codec
//! for that.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

/// A connection to the daemon's socket, raw or with JSON-RPC lines. Nothing is waited for longer than five minutes.
pub struct Rpc {
    stream: BufReader<UnixStream>,
    calls: u64,
}

impl Rpc {
    /// Connects.
    pub fn connect(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(300))).unwrap();
        Self {
            stream: BufReader::new(stream),
            calls: 0,
        }
    }

    /// Sends bytes. The peer may have hung up.
    pub fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// The next line; empty at the end.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line
    }

    /// The next line as JSON.
    #[track_caller]
    pub fn json(&mut self) -> Value {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line:?}"))
    }

    /// Everything until the peer hangs up.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.stream.read_to_end(&mut bytes) {
            Err(e) if e.kind() != std::io::ErrorKind::ConnectionReset => panic!("{e}"),
            _ => bytes,
        }
    }

    /// Calls a method; the whole answer. Events before it are passed over.
    #[track_caller]
    pub fn call(&mut self, method: &str, params: &Value) -> Value {
        self.calls += 1;
        let call = json!({ "jsonrpc": "2.0", "id": self.calls, "method": method, "params": params });
        self.send(format!("{call}\n").as_bytes()).unwrap();
        loop {
            let answer = self.json();
            if answer["id"] == self.calls {
                return answer;
            }
        }
    }
}
