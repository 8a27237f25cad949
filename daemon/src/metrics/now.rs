//! What has a value at the moment somebody asks, as families of samples: the line, the workers, memory. Whoever asks gathers the
//! numbers; nothing of it is kept.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use darkroom_protocol::WorkerStatus;
use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, IntCounterVec, Opts};

/// What has a value at the moment somebody asks.
#[derive(Clone, Debug, Default)]
pub struct Now {
    /// Jobs that wait, those that are held back included.
    pub queued: u64,
    /// Jobs in progress.
    pub running: usize,
    pub workers: Vec<WorkerStatus>,
    /// Since the daemon started.
    pub uptime: Duration,
    /// Connections that wait for events.
    pub subscribers: usize,
    /// Commits of the store that waited for the disk, and those that did not.
    pub commits: (u64, u64),
    /// Main memory of the daemon's process in bytes; `None` where the system does not tell.
    pub resident: Option<u64>,
}

impl Now {
    /// As families of samples.
    pub fn families(&self) -> Vec<MetricFamily> {
        let mut all = Vec::new();
        all.extend(self.daemon());
        all.extend(self.store());
        all.extend(self.workers());
        all.retain(|family: &MetricFamily| !family.get_metric().is_empty());
        all
    }

    fn daemon(&self) -> Vec<MetricFamily> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let start = since.saturating_sub(self.uptime);
        let protocol = darkroom_protocol::VERSION.to_string();
        let build = [(vec![env!("CARGO_PKG_VERSION"), protocol.as_str()], 1.0)];
        let jobs = [
            (vec!["queued"], self.queued as f64),
            (vec!["running"], self.running as f64),
        ];
        let single = |value: f64| [(vec![], value)];
        let mut all = gauges("darkroom_up", "1 while the daemon answers.", &[], single(1.0));
        all.extend(gauges(
            "darkroom_build_info",
            "The daemon's release and wire version.",
            &["version", "protocol"],
            build,
        ));
        all.extend(gauges(
            "darkroom_start_time_seconds",
            "When the daemon started, in seconds since 1970.",
            &[],
            single(start.as_secs_f64()),
        ));
        all.extend(gauges(
            "darkroom_uptime_seconds",
            "How long the daemon has been running.",
            &[],
            single(self.uptime.as_secs_f64()),
        ));
        all.extend(gauges("darkroom_queue_jobs", "Jobs in a state now.", &["state"], jobs));
        all.extend(gauges(
            "darkroom_subscribers",
            "Connections that wait for events now.",
            &[],
            single(self.subscribers as f64),
        ));
        all.extend(gauges(
            "darkroom_daemon_resident_bytes",
            "Memory of the daemon's process.",
            &[],
            self.resident.map(|bytes| (vec![], bytes as f64)),
        ));
        all
    }

    fn store(&self) -> Vec<MetricFamily> {
        let (durable, relaxed) = self.commits;
        counters(
            "darkroom_store_commits_total",
            "Transactions of the job store; a durable one waits for an fsync.",
            &["durability"],
            [(vec!["durable"], durable), (vec!["relaxed"], relaxed)],
        )
    }

    fn workers(&self) -> Vec<MetricFamily> {
        let workers = &self.workers;
        let rows = |value: fn(&WorkerStatus) -> Option<f64>| {
            let told = workers.iter().filter_map(move |worker| Some((worker, value(worker)?)));
            told.map(|(worker, value)| (vec![worker.device.as_str()], value))
        };
        let states = workers.iter().map(|w| (vec![w.device.as_str(), w.state.name()], 1.0));
        let restarts = workers.iter().map(|w| (vec![w.device.as_str()], u64::from(w.restarts)));
        let memory = |w: &WorkerStatus| w.devices.iter().find(|d| d.name == w.device && d.total > 0).cloned();
        let label = &["device"];
        let mut all = gauges(
            "darkroom_worker_state",
            "1 for the state a worker is in.",
            &["device", "state"],
            states,
        );
        all.extend(counters(
            "darkroom_worker_restarts_total",
            "Times a worker was started again after a death.",
            label,
            restarts,
        ));
        all.extend(gauges(
            "darkroom_worker_resident_models",
            "Models in a worker's memory.",
            label,
            rows(|w| Some(w.resident.models.len() as f64)),
        ));
        all.extend(gauges(
            "darkroom_worker_models_bytes",
            "Bytes of models in a worker's memory.",
            label,
            rows(|w| Some(w.resident.used as f64)),
        ));
        all.extend(gauges(
            "darkroom_worker_models_budget_bytes",
            "Bytes that models may take in a worker's memory.",
            label,
            rows(|w| Some(w.resident.budget as f64)),
        ));
        all.extend(gauges(
            "darkroom_worker_resident_bytes",
            "Main memory of a worker's process.",
            label,
            rows(|w| resident(w.pid).map(|bytes| bytes as f64)),
        ));
        let devices: Vec<_> = workers.iter().filter_map(|w| Some((w, memory(w)?))).collect();
        all.extend(gauges(
            "darkroom_device_memory_bytes",
            "Memory of a worker's device.",
            label,
            devices.iter().map(|(w, d)| (vec![w.device.as_str()], d.total as f64)),
        ));
        all
    }
}

/// Main memory of a process in bytes; `None` where the system does not tell.
pub fn resident(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib << 10)
}

/// A gauge with its samples: label values in the order of `labels`. Of two with the same labels the last one counts.
fn gauges<'a>(
    name: &str,
    help: &str,
    labels: &[&str],
    samples: impl IntoIterator<Item = (Vec<&'a str>, f64)>,
) -> Vec<MetricFamily> {
    let Ok(gauge) = GaugeVec::new(Opts::new(name, help), labels) else {
        return Vec::new();
    };
    for (values, sample) in samples {
        gauge.with_label_values(&values).set(sample);
    }
    gauge.collect()
}

/// The same for counters. Samples with the same labels are added up.
fn counters<'a>(
    name: &str,
    help: &str,
    labels: &[&str],
    samples: impl IntoIterator<Item = (Vec<&'a str>, u64)>,
) -> Vec<MetricFamily> {
    let Ok(counter) = IntCounterVec::new(Opts::new(name, help), labels) else {
        return Vec::new();
    };
    for (values, sample) in samples {
        counter.with_label_values(&values).inc_by(sample);
    }
    counter.collect()
}
