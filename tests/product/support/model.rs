//! A copy of the embedded model's folder that a test may change, and safetensors headers made by hand. Tests in `models.rs`,
//! `names.rs`, `attack.rs`, `kills.rs` and others use it. The catalogue's unit tests make small models of their own
//! (`daemon/src/catalog/tests.rs`).

use std::path::{Path, PathBuf};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value};

/// A model folder that a test may spoil: links to the embedded model's files, as in a Hugging Face cache, until one is
/// replaced.
pub struct Model(PathBuf);

/// A safetensors file of that header and so many bytes of data.
pub fn header(json: &str, data: usize) -> Vec<u8> {
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(json.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

impl Model {
    /// A folder `name` in `folder`.
    pub fn new(folder: &Path, name: &str) -> Self {
        let to = folder.join(name);
        link_tree(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("daemon/engine/assets/emoji"),
            &to,
        );
        Self(to)
    }

    /// Its path, as `-m` takes it.
    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// A file's content.
    pub fn read(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.0.join(file)).unwrap()
    }

    /// Takes a file away.
    pub fn remove(&self, file: &str) {
        std::fs::remove_file(self.0.join(file)).unwrap();
    }

    /// Gives a file another content.
    pub fn write(&self, file: &str, bytes: impl AsRef<[u8]>) {
        let path = self.0.join(file);
        if path.exists() {
            self.remove(file);
        }
        std::fs::write(path, bytes).unwrap();
    }

    /// Changes a JSON file.
    pub fn edit(&self, file: &str, change: impl FnOnce(&mut Map<String, Value>)) {
        let mut json: Value = serde_json::from_slice(&self.read(file)).unwrap();
        change(json.as_object_mut().unwrap());
        self.write(file, json.to_string());
    }

    /// Makes every value of every tensor in a half-precision weights file the bits of `value`.
    pub fn fill(&self, file: &str, value: u16) {
        let bytes = self.read(file);
        let (length, _) = SafeTensors::read_metadata(&bytes).unwrap();
        let mut filled = bytes[..8 + length].to_vec();
        let values = (bytes.len() - filled.len()) / 2;
        filled.extend(std::iter::repeat_n(value.to_le_bytes(), values).flatten());
        self.write(file, filled);
    }

    /// Flips that bit of every value of its half-precision weights: another model to the last tensor, of the same pictures
    /// nearly.
    pub fn tilt(&self, bit: u8) {
        for file in [
            "text_encoder/model",
            "unet/diffusion_pytorch_model",
            "vae/diffusion_pytorch_model",
        ] {
            let file = format!("{file}.safetensors");
            let mut bytes = self.read(&file);
            let (length, _) = SafeTensors::read_metadata(&bytes).unwrap();
            bytes[8 + length..]
                .iter_mut()
                .step_by(2)
                .for_each(|low| *low ^= 1 << bit);
            self.write(&file, bytes);
        }
    }

    /// Repeats the first layer of the text encoder, so that loading and encoding take long enough to be caught.
    pub fn deepen(&self, layers: usize) {
        const FILE: &str = "text_encoder/model.safetensors";
        let bytes = self.read(FILE);
        let weights = SafeTensors::deserialize(&bytes).unwrap();
        let mut all: Vec<(String, TensorView<'_>)> = Vec::new();
        for (name, view) in weights.tensors() {
            match name.split_once(".layers.0.") {
                Some((before, after)) => {
                    all.extend((0..layers).map(|n| (format!("{before}.layers.{n}.{after}"), view.clone())));
                }
                None if name.contains(".layers.") => {}
                None => all.push((name, view)),
            }
        }
        assert!(all.iter().all(|(_, view)| view.dtype() == Dtype::F16));
        self.write(FILE, safetensors::serialize(all, None).unwrap());
        self.edit("text_encoder/config.json", |json| {
            json.insert("num_hidden_layers".to_owned(), layers.into());
        });
    }
}

fn link_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            link_tree(&entry.path(), &target);
        } else {
            std::os::unix::fs::symlink(entry.path(), target).unwrap();
        }
    }
}
