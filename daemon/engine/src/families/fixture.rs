//! What the models' tests share: fixture folders made by `tests/oracle/*.py`, and weights filled by name.

use std::io::Read;
use std::path::PathBuf;

use darkroom_protocol::ModelSource;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use tch::{Kind, Tensor};

use crate::Cancel;
use crate::torch::{Device, from_bytes};
use crate::weights::{Source, Weights};

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

    /// A tensor of `expected.safetensors`, f32 or i64.
    pub fn expected(&self, key: &str) -> Tensor {
        let bytes = std::fs::read(self.0.join("expected.safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let tensor = tensors.tensor(key).unwrap();
        let kind = if tensor.dtype() == Dtype::I64 {
            Kind::Int64
        } else {
            Kind::Float
        };
        let shape: Vec<i64> = tensor.shape().iter().map(|dim| *dim as i64).collect();
        from_bytes(tensor.data(), &shape, kind).unwrap()
    }

    /// As [`Self::expected`], of the model `dev` in a folder of several.
    pub fn stage(&self, key: &str) -> Tensor {
        Self(self.0.join("dev")).expected(key)
    }

    /// The sorted lines `key dim,dim` of `NAME.txt.gz`.
    pub fn key_list(&self, name: &str) -> String {
        let packed = std::fs::read(self.0.join(format!("{name}.txt.gz"))).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(&packed[..])
            .read_to_string(&mut text)
            .unwrap();
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

/// What `build` asks of its weights, as sorted lines `key dim,dim`.
pub fn asked<T>(component: &str, build: impl FnOnce(&Weights) -> crate::Result<T>) -> String {
    let weights = Weights::recorder(component);
    drop(build(&weights).unwrap());
    let line = |(key, shape): (String, Vec<i64>)| {
        let shape: Vec<String> = shape.iter().map(i64::to_string).collect();
        format!("{key} {}\n", shape.join(","))
    };
    let mut lines: Vec<String> = weights.asked().into_iter().map(line).collect();
    lines.sort();
    lines.concat()
}

/// The random weights that `build` asks for, written to a file under other names and opened again.
pub fn renamed<T>(
    component: &str,
    build: impl Fn(&Weights) -> crate::Result<T>,
    rename: impl Fn(&str) -> String,
) -> (tempfile::TempDir, Weights) {
    let recorder = Weights::recorder(component);
    drop(build(&recorder).unwrap());
    let random = Weights::random(component);
    let tensor = |(key, shape): (String, Vec<i64>)| {
        let values = Vec::<f32>::try_from(random.get(&key, &shape).unwrap().flatten(0, -1)).unwrap();
        let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
        (
            rename(&key),
            shape.into_iter().map(|dim| dim as usize).collect::<Vec<_>>(),
            bytes,
        )
    };
    let tensors: Vec<_> = recorder.asked().into_iter().map(tensor).collect();
    let views = tensors
        .iter()
        .map(|(key, shape, bytes)| (key, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    let folder = tempfile::tempdir().unwrap();
    safetensors::serialize_to_file(views, None, &folder.path().join("model.safetensors")).unwrap();
    let source = Source::open(&ModelSource::Folder(folder.path().display().to_string())).unwrap();
    let files = ["model.safetensors".to_owned()];
    let weights = Weights::open(component, &source, &files, Device::Cpu, None, Cancel::new()).unwrap();
    (folder, weights)
}
