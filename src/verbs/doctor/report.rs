//! What `doctor` prints: a table for people, a JSON object for programs. `mod.rs` takes one of the two. Nothing is looked at
//! here; the findings come from `checks.rs`, `place.rs`, `running.rs` and `worker.rs`.

use std::fmt::Write;

use darkroom_protocol::DeviceStatus;
use darkroom_protocol::text::escape_line;
use serde_json::{Value, json};

use super::Findings;
use crate::say;

/// A row a finding, then a line a problem.
pub(super) fn table(findings: &Findings) -> String {
    let mut out = String::new();
    let mut row = |name: &str, text: &str| {
        let _ = writeln!(out, "{name:<10} {}", escape_line(text));
    };
    row("darkroom", env!("CARGO_PKG_VERSION"));
    row("daemon", &findings.daemon);
    row("worker", findings.worker.as_deref().unwrap_or("not found"));
    if let Some(ready) = &findings.ready {
        row("libtorch", &format!("{} in {}", ready.libtorch, ready.folder));
        row("backends", &backends(&ready.devices).join(", "));
        for each in &ready.devices {
            row("device", &device(each));
        }
        row("processor", &ready.cpu.join(" "));
        row(
            "threads",
            &format!("{} of {} physical cores", ready.threads, ready.cores),
        );
        row("models", &format!("{} inside the worker", ready.embedded.join(", ")));
    }
    let paths = &findings.paths;
    row("data", &paths.data.to_string_lossy());
    row("settings", &paths.config_file().to_string_lossy());
    row("log", &paths.log().to_string_lossy());
    row("socket", &findings.socket.to_string_lossy());
    let place = &findings.place;
    row("service", &place.service_words());
    row("logs", &say::size(place.logs));
    if let Some((free, total)) = place.disk {
        row("disk", &format!("{} of {} free", say::size(free), say::size(total)));
    }
    let terminal = &findings.terminal;
    row(
        "terminal",
        &format!("{}: {}", terminal.protocol.name(), terminal.reason),
    );
    for problem in &findings.problems {
        row("PROBLEM", problem);
    }
    if findings.problems.is_empty() {
        row("all well", "");
    }
    out.lines()
        .fold(String::new(), |all, line| all + line.trim_end() + "\n")
}

/// The same for programs.
pub(super) fn json(findings: &Findings) -> Value {
    let paths = &findings.paths;
    json!({
        "ok": findings.problems.is_empty(),
        "problems": findings.problems,
        "version": env!("CARGO_PKG_VERSION"),
        "daemon": findings.daemon,
        "worker": findings.worker,
        "engine": findings.ready,
        "backends": findings.ready.as_ref().map(|ready| backends(&ready.devices)),
        "data": paths.data,
        "settings": paths.config_file(),
        "log": paths.log(),
        "socket": findings.socket,
        "service": findings.place.service,
        "log_bytes": findings.place.logs,
        "disk": findings.place.disk.map(|(free, total)| json!({ "free": free, "total": total })),
        "terminal": { "protocol": findings.terminal.protocol.name(), "reason": findings.terminal.reason },
    })
}

/// The kinds of device that there are: `cuda:0` is of `cuda`.
fn backends(devices: &[DeviceStatus]) -> Vec<&str> {
    let mut all: Vec<&str> = Vec::new();
    for device in devices {
        let kind = device.name.split(':').next().unwrap_or_default();
        if !all.contains(&kind) {
            all.push(kind);
        }
    }
    all
}

fn device(device: &DeviceStatus) -> String {
    let memory = match device.total {
        0 => String::new(),
        total => format!(", {} of {} free", say::size(device.free), say::size(total)),
    };
    let DeviceStatus {
        name,
        label,
        dtype,
        dtype_reason,
        ..
    } = device;
    format!("{name}: {label}{memory}; {dtype}: {dtype_reason}")
}

#[cfg(test)]
mod tests {
    use super::super::place::Place;
    use super::*;
    use darkroom_protocol::message::worker::Ready;
    use darkroom_protocol::paths::Paths;
    use darkroom_tui::graphics::{Found, Protocol};

    fn findings() -> Findings {
        let device = DeviceStatus {
            name: "cuda:0".into(),
            label: "NVIDIA H100".into(),
            total: 80 << 30,
            free: 79 << 30,
            dtype: "bf16".into(),
            dtype_reason: "the device computes it natively".into(),
        };
        Findings {
            paths: Paths::under("/h".as_ref()),
            worker: Some("/usr/bin/darkroom-worker".into()),
            ready: Some(Ready {
                version: env!("CARGO_PKG_VERSION").into(),
                pid: 1,
                libtorch: "2.11.0+cu130".into(),
                folder: "/opt/libtorch".into(),
                device: "cuda:0".into(),
                devices: vec![device],
                cpu: vec!["avx2".into(), "avx512_bf16".into()],
                capabilities: vec!["image".into()],
                embedded: vec!["emoji".into()],
                cores: 16,
                threads: 16,
            }),
            daemon: "not running; it starts with the first job".into(),
            socket: "/h/run/darkroom.sock".into(),
            terminal: Found::new(Protocol::Kitty, "the terminal answered the kitty query"),
            place: Place {
                logs: 3 << 20,
                disk: Some((5 << 30, 10 << 30)),
                ..Place::default()
            },
            problems: vec!["Nothing can be written in /h: change its rights.".into()],
        }
    }

    #[test]
    fn a_table() {
        insta::assert_snapshot!(table(&findings()), @"
        darkroom   0.1.0
        daemon     not running; it starts with the first job
        worker     /usr/bin/darkroom-worker
        libtorch   2.11.0+cu130 in /opt/libtorch
        backends   cuda
        device     cuda:0: NVIDIA H100, 79.0 GiB of 80.0 GiB free; bf16: the device computes it natively
        processor  avx2 avx512_bf16
        threads    16 of 16 physical cores
        models     emoji inside the worker
        data       /h/data
        settings   /h/config/config.toml
        log        /h/state/daemon.log
        socket     /h/run/darkroom.sock
        service    not installed; `darkroom daemon install` starts the daemon with its first client
        logs       3.0 MiB
        disk       5.0 GiB of 10.0 GiB free
        terminal   kitty: the terminal answered the kitty query
        PROBLEM    Nothing can be written in /h: change its rights.
        ");
    }

    #[test]
    fn json_says_whether_all_is_well() {
        let mut findings = findings();
        assert_eq!(json(&findings)["ok"], false);
        findings.problems.clear();
        assert_eq!(json(&findings)["ok"], true);
        assert_eq!(json(&findings)["engine"]["libtorch"], "2.11.0+cu130");
        assert!(table(&findings).ends_with("all well\n"));
    }
}
