//! Makes counters and histograms, and keeps them together to be written out.

use prometheus::core::Collector;
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry};

/// Seconds from a fast step to a long job.
const SECONDS: [f64; 14] = [
    0.01, 0.03, 0.1, 0.3, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0,
];

/// Makes metrics and keeps them together. Names and labels are written in this crate; a wrong one shows in the tests.
#[derive(Debug, Default)]
pub struct Shelf {
    registry: Registry,
}

impl Shelf {
    /// A counter.
    pub fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.keep(IntCounter::new(name, help))
    }

    /// Counters, one for each value of `label`; those of `values` are there from the start, at 0.
    pub fn counters(&self, name: &str, help: &str, label: &str, values: &[&str]) -> IntCounterVec {
        let counters = self.keep(IntCounterVec::new(Opts::new(name, help), &[label]));
        for value in values {
            counters.with_label_values(&[value]);
        }
        counters
    }

    /// A histogram of seconds.
    pub fn seconds(&self, name: &str, help: &str) -> Histogram {
        self.keep(Histogram::with_opts(timing(name, help)))
    }

    /// Histograms of seconds, one for each value of `label`.
    pub fn seconds_by(&self, name: &str, help: &str, label: &str) -> HistogramVec {
        self.keep(HistogramVec::new(timing(name, help), &[label]))
    }

    /// What has been counted so far.
    pub fn gather(&self) -> Vec<prometheus::proto::MetricFamily> {
        self.registry.gather()
    }

    #[expect(
        clippy::expect_used,
        reason = "names, labels and buckets are constants of this crate"
    )]
    fn keep<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let collector = made.expect("a metric's name is well formed");
        let kept = self.registry.register(Box::new(collector.clone()));
        kept.expect("each metric has a name of its own");
        collector
    }
}

fn timing(name: &str, help: &str) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(SECONDS.to_vec())
}
