//! Waiting for a condition, and processes by number: whether they live, signals, memory, processor time. Tests use it directly,
//! and so do `home.rs`, `storm.rs` and `watched.rs`. Which processes belong to a home is found in `census.rs`.

use std::process::Command;
use std::time::{Duration, Instant};

/// Waits for a condition, at most five minutes: a busy machine takes its time.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(300);
    while !condition() {
        assert!(Instant::now() < deadline, "waited five minutes for {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// Whether a process runs (a zombie does not).
pub fn is_alive(pid: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !stat.rsplit(')').next().unwrap_or("").trim_start().starts_with('Z'),
        Err(_) if cfg!(target_os = "linux") => false,
        Err(_) => Command::new("kill")
            .args(["-0", &pid.to_string()])
            .status()
            .unwrap()
            .success(),
    }
}

/// Sends a signal by name.
pub fn kill(pid: u32, signal: &str) {
    Command::new("kill")
        .args([format!("-{signal}"), pid.to_string()])
        .status()
        .unwrap();
}

/// The most bytes that a process had resident so far; 0 where there is no /proc.
pub fn peak_memory(pid: u32) -> u64 {
    status_bytes(pid, "VmHWM:")
}

/// The bytes that a process has resident; 0 where there is no /proc.
pub fn memory(pid: u32) -> u64 {
    status_bytes(pid, "VmRSS:")
}

/// The processor time that a process has taken so far; none where there is no /proc.
pub fn processor_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // Fields 14 and 15, in hundredths of a second; the name before them may hold anything.
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .skip(11)
        .take(2);
    Duration::from_millis(10 * fields.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>())
}

fn status_bytes(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) << 10
}
