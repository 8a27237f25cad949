//! Times two blocks of Z-Image's transformer at full width: `slice FOLDER [--runs 3] [--threads N] [--profile]`, where the folder is made by
//! `tests/oracle/slice_speed.py`, which times the same in diffusers. It says how far it is from diffusers' f32, and diffusers' bf16 is.
// It reads a small file whole; models never do.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::path::Path;
use std::time::Instant;

use darkroom_engine::Cancel;
use darkroom_engine::families::z_image::{ZImageConfig, ZImageTransformer2DModel};
use darkroom_engine::model::{Cond, Denoiser, Extras};
use darkroom_engine::torch::{self, Device};
use darkroom_engine::weights::{Source, Weights};
use darkroom_protocol::ModelSource;
use tch::{Kind, Tensor};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let after = |name: &str| args.iter().position(|a| a == name).and_then(|at| args.get(at + 1));
    let number = |name: &str, or: i64| after(name).map_or(or, |text| text.parse().unwrap());
    let folder = args.get(1).expect("slice FOLDER");
    torch::keep_memory().unwrap();
    torch::set_threads(number("--threads", i64::from(torch::physical_cores())) as u32);
    let _inference = torch::inference_mode();

    let source = Source::open(&ModelSource::Folder(folder.clone())).unwrap();
    let files = ["transformer/diffusion_pytorch_model.safetensors".to_owned()];
    let (component, kind) = ("transformer", Some(Kind::BFloat16));
    let weights = Weights::open(component, &source, &files, Device::Cpu, kind, Cancel::new()).unwrap();
    let config = std::fs::read(Path::new(folder).join("transformer/config.json")).unwrap();
    let model = ZImageTransformer2DModel::new(&weights, &ZImageConfig::from_json(&config).unwrap()).unwrap();
    let given = Tensor::read_safetensors(Path::new(folder).join("slice.safetensors")).unwrap();
    let of = |name: &str| given.iter().find(|(key, _)| key == name).unwrap().1.shallow_clone();

    let (latents, cond, cancel) = (of("latents"), Cond::of(of("prompt")), Cancel::new());
    let step = || {
        let said = model.forward(&latents, 750.0, &cond, &Extras::default(), &cancel);
        -said.unwrap().to_kind(Kind::Float)
    };
    let mut said = step();
    for _ in 0..number("--runs", 3) {
        let begun = Instant::now();
        said = step();
        println!("step {:.3} s", begun.elapsed().as_secs_f64());
    }
    let exact = of("float32");
    let far = |found: &Tensor| ((found - &exact).abs().max() / exact.abs().max()).double_value(&[]);
    println!(
        "bf16 beside f32: {:.5}, diffusers' {:.5}",
        far(&said),
        far(&of("bfloat16"))
    );
    if args.iter().any(|a| a == "--profile") {
        let (_, operations) = torch::profile(step).unwrap();
        let total: f64 = operations.iter().map(|o| o.seconds).sum();
        for o in operations.iter().filter(|o| o.seconds > total / 200.0) {
            let (ms, part) = (1e3 * o.seconds, 100.0 * o.seconds / total);
            println!("| `{}` | {ms:.0} | {part:.1} | {} |", o.name, o.calls);
        }
    }
}
