//! The table that `bench` prints for people (`mod.rs`). With `--json` the report itself is printed instead. Its numbers are
//! measured by the engine (`worker/bench.rs`); the type is in `protocol/src/bench.rs`.

use std::fmt::Write;

use darkroom_protocol::Quant;
use darkroom_protocol::bench::BenchReport;
use darkroom_protocol::sampler::Named;
use darkroom_protocol::text::escape_line;

use crate::say;

/// A row a number.
pub(super) fn table(report: &BenchReport) -> String {
    let mut out = String::new();
    let mut row = |name: &str, text: String| {
        let _ = writeln!(out, "{name:<26} {}", escape_line(&text));
    };
    let BenchReport {
        width,
        height,
        steps,
        batch,
        ..
    } = report;
    row("model", report.model.clone());
    row(
        "work",
        format!(
            "{batch} of {width}×{height}, {steps} {}",
            if *steps == 1 { "step" } else { "steps" }
        ),
    );
    let threads = if report.device == "cpu" {
        format!(
            ", {} thread{}",
            report.threads,
            if report.threads == 1 { "" } else { "s" }
        )
    } else {
        String::new()
    };
    let quant = match report.quant {
        Quant::None => String::new(),
        quant => format!(", {}", quant.name()),
    };
    row("device", format!("{}, {}{quant}{threads}", report.device, report.dtype));
    row("start to first step", time(report.process_start_to_first_step_ms));
    row("load", time(report.load_ms));
    row("encode the prompt", time(report.encode_ms));
    row("first step", time(report.first_step_ms));
    row("a step, median", time(report.step_ms_median));
    row("a step, 90th percentile", time(report.step_ms_p90));
    row("decode a picture", time(report.decode_ms));
    row("all of it", time(report.total_ms));
    row("most main memory", say::size(report.rss_peak));
    if report.device != "cpu" {
        row("most memory of the device", say::size(report.device_peak));
    }
    out
}

fn time(ms: f64) -> String {
    if ms < 1000.0 {
        format!("{ms:.1} ms")
    } else {
        format!("{:.2} s", ms / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_a_number() {
        let report = BenchReport {
            model: "dream\u{1b}".into(),
            width: 512,
            height: 768,
            steps: 20,
            batch: 1,
            device: "cpu".into(),
            dtype: "bf16".into(),
            threads: 2,
            process_start_to_first_step_ms: 900.0,
            load_ms: 312.25,
            first_step_ms: 5000.0,
            step_ms_median: 4321.0,
            rss_peak: 3 << 30,
            ..BenchReport::default()
        };
        insta::assert_snapshot!(table(&report), @"
        model                      dream\\u{1b}
        work                       1 of 512×768, 20 steps
        device                     cpu, bf16, 2 threads
        start to first step        900.0 ms
        load                       312.2 ms
        encode the prompt          0.0 ms
        first step                 5.00 s
        a step, median             4.32 s
        a step, 90th percentile    0.0 ms
        decode a picture           0.0 ms
        all of it                  0.0 ms
        most main memory           3.0 GiB
        ");
        let card = BenchReport {
            device: "cuda:0".into(),
            device_peak: 5 << 20,
            ..report
        };
        assert!(table(&card).contains("most memory of the device  5.0 MiB"));
        assert!(table(&card).contains("cuda:0, bf16\n"));
    }
}
