//! Times a guided step and a VAE decode of a model folder: `step FOLDER [--size 512] [--runs 3] [--threads N] [--f32]`.
//! `tests/oracle/speed.py` times the same in diffusers. With `--profile` it also says which operations the time goes to.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Instant;

use darkroom_engine::Cancel;
use darkroom_engine::families::stable_diffusion::{AutoencoderKl, UNet2DConditionModel, UNetConfig, VaeConfig};
use darkroom_engine::model::{Cond, Extras};
use darkroom_engine::torch::{self, Device};
use darkroom_engine::weights::{Source, Weights};
use darkroom_protocol::ModelSource;
use tch::{Kind, Tensor};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let after = |name: &str| args.iter().position(|a| a == name).and_then(|at| args.get(at + 1));
    let number = |name: &str, or: i64| after(name).map_or(or, |text| text.parse().unwrap());
    let kind = if args.iter().any(|a| a == "--f32") {
        Kind::Float
    } else {
        Kind::BFloat16
    };
    if !args.iter().any(|a| a == "--no-arena") {
        torch::keep_memory().unwrap();
    }
    let folder = args.get(1).expect("step FOLDER");
    let (side, runs) = (number("--size", 512) / 8, number("--runs", 3));
    torch::set_threads(number("--threads", i64::from(torch::physical_cores())) as u32);

    let _inference = torch::inference_mode();
    let begun = Instant::now();
    let (weights, config) = open(folder, "unet", kind);
    let unet = UNet2DConditionModel::new(&weights, &UNetConfig::from_json(&config).unwrap()).unwrap();
    let (weights, config) = open(folder, "vae", kind);
    let vae = AutoencoderKl::new(&weights, &VaeConfig::from_json(&config).unwrap()).unwrap();
    println!("load {:.3} s", begun.elapsed().as_secs_f64());

    let cancel = Cancel::new();
    let mut generator = torch::Generator::seeded(0).unwrap();
    let latents = generator.randn(&[2, 4, side, side]).unwrap();
    let prompt = Cond::of(generator.randn(&[2, 77, unet.config().cross_attention_dim]).unwrap());
    let one = latents.narrow(0, 0, 1);
    let step = || {
        unet.forward(&latents, 500.0, &prompt, &Extras::default(), &cancel)
            .unwrap()
            .to_kind(Kind::Float)
    };
    let decode = || vae.decode(&one, &cancel).unwrap().to_kind(Kind::Float);
    for (name, work) in [("step", &step as &dyn Fn() -> Tensor), ("decode", &decode)] {
        for _ in 0..runs {
            let begun = Instant::now();
            let sum = work().abs().sum(Kind::Double).double_value(&[]);
            println!(
                "{name} {:.3} s   sum {sum:.4}   rss {} MB",
                begun.elapsed().as_secs_f64(),
                rss()
            );
        }
    }
    if args.iter().any(|a| a == "--profile") {
        profile("step", &step);
        profile("decode", &decode);
    }
    if let Some(path) = after("--save") {
        Tensor::write_safetensors(
            &[("step", step().contiguous()), ("decode", decode().contiguous())],
            path,
        )
        .unwrap();
    }
}

fn open(folder: &str, component: &str, kind: Kind) -> (Weights, Vec<u8>) {
    let source = Source::open(&ModelSource::Folder(folder.to_owned())).unwrap();
    let files = [format!("{component}/diffusion_pytorch_model.safetensors")];
    let weights = Weights::open(component, &source, &files, Device::Cpu, Some(kind), Cancel::new()).unwrap();
    (
        weights,
        std::fs::read(Path::new(folder).join(component).join("config.json")).unwrap(),
    )
}

/// Prints a table of what `work` is made of, down to half a percent.
fn profile(name: &str, work: &dyn Fn() -> Tensor) {
    let (_, operations) = torch::profile(work).unwrap();
    let total: f64 = operations.iter().map(|o| o.seconds).sum();
    println!("| {name}: {total:.3} s | ms | % | calls |\n|---|---|---|---|");
    for o in operations.iter().filter(|o| o.seconds > total / 200.0) {
        let (ms, part) = (1e3 * o.seconds, 100.0 * o.seconds / total);
        println!("| `{}` | {ms:.0} | {part:.1} | {} |", o.name, o.calls);
    }
}

/// Resident and peak resident memory, where the system says.
fn rss() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok())
            .unwrap_or(0)
            / 1024
    };
    format!("{} (peak {})", field("VmRSS:"), field("VmHWM:"))
}
