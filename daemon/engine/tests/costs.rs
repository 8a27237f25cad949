//! What DeepCache and token merging save and cost with the model inside the program: seconds a picture and the likeness (PSNR) to the
//! picture without them, as docs/performance.md has them. It measures, so that nobody waits for it who does not ask.
#![cfg(feature = "embedded-model")]
// Tests read whole files at once; models never do.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::time::Instant;

use darkroom_engine::Cancel;
use darkroom_engine::model::Key;
use darkroom_engine::pipeline::{Observer, Saved, Work, make_pictures};
use darkroom_engine::residency::Models;
use darkroom_engine::torch::{self, Device};
use darkroom_protocol::{Dtype, ImageTask, Progress};
use tch::Kind;

/// What is asked of a task beside.
type Ask = fn(&mut ImageTask);

#[derive(Default)]
struct Told(Vec<Saved>);

impl Observer for Told {
    fn progress(&mut self, _: Progress) {}

    fn notice(&mut self, text: &str) {
        panic!("{text}");
    }

    fn saved(&mut self, saved: Saved) {
        self.0.push(saved);
    }
}

/// What a task makes, as bytes, and how long that took.
fn picture(models: &mut Models, task: &ImageTask) -> (Vec<u8>, f64) {
    let staging = tempfile::tempdir().unwrap();
    let (mut told, cancel) = (Told::default(), Cancel::new());
    let key = Key {
        source: task.what.source.clone(),
        parts: Vec::new(),
        name: task.what.model.clone(),
        device: Device::Cpu,
        kind: Kind::Float,
        quant: task.compute.quant,
    };
    let begun = Instant::now();
    torch::catch(|| {
        let model = models.load(&key, &cancel, &mut |_, _| {})?;
        let work = Work {
            job: "job".into(),
            staging: staging.path(),
            inputs: staging.path(),
            skip: &[],
            cancel: &cancel,
        };
        make_pictures(task, &work, &model, &mut told)
    })
    .unwrap();
    let taken = begun.elapsed().as_secs_f64();
    let file = staging.path().join(&told.0[0].file);
    (image::open(file).unwrap().into_rgb8().into_raw(), taken)
}

fn psnr(one: &[u8], other: &[u8]) -> f64 {
    let squares = one
        .iter()
        .zip(other)
        .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
    10.0 * (255.0f64.powi(2) / (squares.sum::<f64>() / one.len() as f64)).log10()
}

#[test]
#[ignore = "measures"]
fn what_shortcuts_cost() {
    let mut models = Models::new(u64::MAX);
    let asked: [(&str, Ask); 8] = [
        ("none", |_| {}),
        ("--deep-cache 2", |task| task.compute.deep_cache = 2),
        ("--deep-cache 3", |task| task.compute.deep_cache = 3),
        ("--deep-cache 5", |task| task.compute.deep_cache = 5),
        ("--deep-cache 3 --deep-cache-branch 2", |task| {
            (task.compute.deep_cache, task.compute.deep_cache_branch) = (3, 2);
        }),
        ("--deep-cache 3 --deep-cache-branch 4", |task| {
            (task.compute.deep_cache, task.compute.deep_cache_branch) = (3, 4);
        }),
        ("--token-merging 0.3", |task| task.compute.token_merging = 0.3),
        ("--token-merging 0.5", |task| task.compute.token_merging = 0.5),
    ];
    let mut plain: Vec<Vec<u8>> = Vec::new();
    for (name, ask) in asked {
        let (mut worst, mut sum, mut seconds) = (f64::INFINITY, 0.0, Vec::new());
        let wanted = ["rocket", "pizza", "ghost"].into_iter().zip([1, 2, 3]);
        for (n, (prompt, seed)) in wanted.enumerate() {
            let mut task = ImageTask::of("emoji", prompt);
            (task.size.width, task.size.height) = (64, 64);
            (task.sampling.steps, task.sampling.seed) = (25, seed);
            task.guidance.cfg_scale = 4.0;
            task.compute.dtype = Dtype::F32;
            ask(&mut task);
            let (bytes, taken) = picture(&mut models, &task);
            seconds.push(taken);
            let Some(plain) = plain.get(n) else {
                plain.push(bytes);
                continue;
            };
            let likeness = psnr(plain, &bytes);
            assert!(likeness.is_finite(), "{name} changes nothing");
            worst = worst.min(likeness);
            sum += likeness / 3.0;
        }
        seconds.sort_by(f64::total_cmp);
        println!(
            "{name}: {:.2} s, {sum:.1} dB in the mean, {worst:.1} dB at worst",
            seconds[1]
        );
    }
}
