//! What the models' tests share: fixture folders made by `tests/oracle/*.py`, and weights filled by name.

use std::fmt::Write;
use std::io::Read;
use std::path::PathBuf;

use tch::Tensor;

use crate::weights::Weights;

/// A folder under `tests/fixtures`.
pub struct Fixture(PathBuf);

impl Fixture {
    pub fn open(name: &str) -> Self {
        Self(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).join(name))
    }

    /// The bytes of `NAME.json`.
    pub fn json(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.join(format!("{name}.json"))).unwrap()
    }

    /// A tensor of `expected.safetensors`.
    pub fn expected(&self, key: &str) -> Tensor {
        let tensors = Tensor::read_safetensors(self.0.join("expected.safetensors")).unwrap();
        tensors.into_iter().find(|(name, _)| name == key).unwrap().1
    }

    /// The sorted lines `key dim,dim` of `NAME.txt.gz`.
    pub fn key_list(&self, name: &str) -> String {
        let packed = std::fs::read(self.0.join(format!("{name}.txt.gz"))).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
        text
    }
}

/// Panics unless the shapes are equal and no component differs by `bound` or more, NaN included.
#[track_caller]
pub fn assert_close(found: &Tensor, expected: &Tensor, bound: f64) {
    assert_eq!(found.size(), expected.size());
    let difference = (found - expected).abs().max().double_value(&[]);
    assert!(difference < bound, "differs by {difference}");
}

/// Weights filled by their names, as `tests/oracle/fill.py` does.
pub fn random(component: &str) -> Weights {
    Weights::random(component)
}

/// What `build` asks of its weights, as sorted lines `key dim,dim`.
pub fn asked<T>(component: &str, build: impl FnOnce(&Weights) -> crate::Result<T>) -> String {
    let weights = Weights::recorder(component);
    drop(build(&weights).unwrap());
    let mut lines: Vec<String> = weights.seen.lock().unwrap().iter().map(|(key, shape)| line(key, shape)).collect();
    lines.sort();
    lines.concat()
}

fn line(key: &str, shape: &[i64]) -> String {
    let mut line = format!("{key} ");
    for (i, dim) in shape.iter().enumerate() {
        write!(line, "{}{dim}", if i > 0 { "," } else { "" }).unwrap();
    }
    line + "\n"
}
