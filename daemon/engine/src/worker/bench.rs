//! `darkroom-worker --bench ORDER`: one task on the way that a job takes, measured, without daemon or queue. `worker/mod.rs`
//! calls it; `src/verbs/bench/` of the command writes the order and shows the report. When phases begin and end is noted by
//! `stopwatch.rs`; previews are not made.

use std::path::Path;
use std::time::{Duration, SystemTime};

use darkroom_protocol::bench::{BenchOrder, BenchOutcome, BenchReport};

use super::describe;
use super::executor::{kind_for, quant_for, threads_for};
use super::failure::failure;
use super::stopwatch::Stopwatch;
use crate::model::Key;
use crate::pipeline::{self, Observer, Work};
use crate::residency::Models;
use crate::torch::{self, Device};
use crate::{Cancel, Result};

/// Runs the order in `json` on the way that a job takes, and measures it.
///
/// # Errors
/// When `json` is no order; what goes wrong after that is an outcome.
pub fn bench(json: &str) -> Result<BenchOutcome, String> {
    let order: BenchOrder = serde_json::from_str(json).map_err(|e| {
        format!("this is no bench order ({e}): `darkroom bench` makes them; install both programs together.")
    })?;
    Ok(match torch::catch(|| measure(&order)) {
        Ok(report) => BenchOutcome::Done(Box::new(report)),
        Err(error) => BenchOutcome::Failed(failure(&error)),
    })
}

fn measure(order: &BenchOrder) -> Result<BenchReport> {
    let task = &order.task;
    let ready = describe::ready(&task.compute.device)?;
    let device = describe::choose(&ready.device, &ready.devices)?;
    let _inference = torch::inference_mode();
    let threads = threads_for(task);
    torch::set_threads(threads);
    let _following = torch::follow_load(threads);
    let before = since(order.started);
    let mut watch = Stopwatch::start();
    let kind = kind_for(device, task.compute.dtype, &mut watch);
    let quant = quant_for(device, kind, task.compute.quant, &mut watch)?;
    let key = Key {
        source: task.what.source.clone(),
        parts: task.what.parts.clone(),
        name: task.what.model.clone(),
        device,
        kind,
        quant,
    };
    let cancel = Cancel::new();
    let mut models = Models::new(u64::MAX);
    let model = models.load(&key, &cancel, &mut |done, all| {
        watch.progress(pipeline::loading(done, all))
    })?;
    for line in models.adapt(&model, &task.what.loras, &cancel)? {
        watch.notice(&line);
    }
    let staging = Path::new(&order.staging);
    let work = Work {
        job: "bench".to_owned(),
        staging,
        inputs: staging,
        skip: &[],
        cancel: &cancel,
    };
    pipeline::make_pictures(task, &work, &model, &mut watch)?;
    let times = watch.stop();
    Ok(BenchReport {
        model: task.what.model.clone(),
        width: task.size.width,
        height: task.size.height,
        steps: task.sampling.steps,
        batch: task.size.batch,
        micro_batch: task.compute.micro_batch,
        device: device.to_string(),
        dtype: torch::kind_name(kind),
        quant,
        threads: torch::threads(),
        process_start_to_first_step_ms: 1e3 * before.as_secs_f64() + times.to_first_step,
        load_ms: times.load,
        encode_ms: times.encode,
        first_step_ms: times.steps.first().copied().unwrap_or_default(),
        step_ms_median: median(times.later_steps()),
        step_ms_p90: p90(times.later_steps()),
        decode_ms: times.decode / f64::from(task.size.batch.max(1)),
        total_ms: times.total,
        rss_peak: torch::memory(Device::Cpu).peak,
        device_peak: torch::memory(device).peak,
        step_ms: times.steps,
        notices: times.notices,
    })
}

/// The time since `started`, in seconds of Unix time; none when the clock was set back meanwhile.
fn since(started: f64) -> Duration {
    let then = Duration::try_from_secs_f64(started).unwrap_or_default();
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .saturating_sub(then)
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

/// The middle value, or the mean of the two in the middle; 0 of none.
fn median(values: &[f64]) -> f64 {
    let values = sorted(values);
    let middle = values.len() / 2;
    match values.get(middle) {
        None => 0.0,
        Some(value) if values.len() % 2 == 1 => *value,
        Some(value) => (value + values[middle - 1]) / 2.0,
    }
}

/// The least value that nine tenths do not exceed; 0 of none.
fn p90(values: &[f64]) -> f64 {
    let rank = (values.len() * 9).div_ceil(10);
    sorted(values).get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(&[], 0.0, 0.0)]
    #[case(&[3.0], 3.0, 3.0)]
    #[case(&[4.0, 1.0], 2.5, 4.0)]
    #[case(&[9.0, 1.0, 5.0], 5.0, 9.0)]
    #[case(&[10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0], 5.5, 9.0)]
    #[case(&[11.0, 10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0], 6.0, 10.0)]
    fn the_middle_and_nine_tenths(#[case] values: &[f64], #[case] middle: f64, #[case] ninth: f64) {
        assert_eq!((median(values), p90(values)), (middle, ninth));
    }

    #[test]
    fn a_clock_that_was_set_back_gives_no_negative_time() {
        assert_eq!((since(1e12), since(f64::NAN) > Duration::ZERO), (Duration::ZERO, true));
    }

    #[test]
    fn what_is_no_order_is_refused() {
        assert!(bench("{}").unwrap_err().contains("no bench order"));
    }
}
