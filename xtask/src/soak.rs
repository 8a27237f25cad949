//! `cargo xtask soak`: runs one of two tests of the product for as long as is asked. `main.rs` calls it. The tests are
//! `tests/product/kills.rs` and `tests/product/soak.rs`; they read length and seed from the environment, which is set here.

use crate::args::{Args, unknown};
use crate::cargo::{command, status};
use crate::failure::{Failure, Result};
use crate::libtorch;

/// `cargo xtask soak kills [--kills N] [--seed N]` and `cargo xtask soak jobs [--minutes N] [--seed N]`: tests of the product
/// that normally take seconds, for long.
pub fn run(mut args: Args) -> Result<()> {
    let (test, variable, flag, scale, normally) = match args.verb()?.as_deref() {
        Some("kills") => ("kills::", "DARKROOM_KILLS", "--kills", 1, 200),
        Some("jobs") => ("soak::", "DARKROOM_SOAK_S", "--minutes", 60, 60),
        _ => {
            return Err(Failure::new(
                "Say which: `cargo xtask soak kills` or `cargo xtask soak jobs`.",
            ));
        }
    };
    let (mut amount, mut seed) = (normally, 1u64);
    while let Some((word, inline)) = args.flag()? {
        match word.as_str() {
            "--seed" => seed = args.number(&word, inline)?,
            word if word == flag => amount = args.number(word, inline)?,
            other => return Err(unknown("soak", other)),
        }
    }
    libtorch::ensure()?;
    let mut cargo = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args([
            "test",
            "--package",
            "darkroom",
            "--test",
            "product",
            "--",
            "--nocapture",
            test,
        ])
        .env(variable, (amount * scale).to_string())
        .env("DARKROOM_SEED", seed.to_string());
    match status(&mut cargo)?.success() {
        true => Ok(()),
        false => Err(Failure::new("The soak failed: see above.")),
    }
}
