//! Which files a model is made of now, in three numbers: what history keeps of the model that made a picture, so that another one
//! of that name can be told from it later. Nothing is opened.

use std::path::Path;
use std::time::UNIX_EPOCH;

use darkroom_protocol::ModelSource;
use darkroom_protocol::history::ModelFile;

/// Files of a model's folder that are looked at: real ones have a few dozen.
const MOST: usize = 1000;
/// The model's folder, and those in it, where weights are.
const DEEP: u32 = 2;

/// The model's files as they are now; `None` for the one in the worker, and where nothing is there.
pub fn files_of(source: &ModelSource) -> Option<ModelFile> {
    let path = match source {
        ModelSource::Embedded(_) => return None,
        ModelSource::Folder(path) | ModelSource::File(path) => path,
    };
    let mut sum = Sum::default();
    sum.add(Path::new(path), DEEP);
    (sum.files > 0).then(|| ModelFile {
        path: path.clone(),
        bytes: sum.bytes,
        changed_ms: sum.changed_ms,
    })
}

#[derive(Default)]
struct Sum {
    files: usize,
    bytes: u64,
    changed_ms: u64,
}

impl Sum {
    fn add(&mut self, path: &Path, deep: u32) {
        let Ok(meta) = path.metadata() else { return };
        if meta.is_file() && self.files < MOST {
            let changed = meta.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            self.files += 1;
            self.bytes += meta.len();
            self.changed_ms = self.changed_ms.max(changed.map_or(0, |since| since.as_millis() as u64));
        } else if let (true, Some(deep)) = (meta.is_dir(), deep.checked_sub(1)) {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten().take(MOST);
            entries.for_each(|entry| self.add(&entry.path(), deep));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_its_file_or_all_files_of_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("unet")).unwrap();
        std::fs::write(dir.path().join("model_index.json"), "{}").unwrap();
        std::fs::write(dir.path().join("unet/x.safetensors"), [0; 10]).unwrap();
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let folder = files_of(&ModelSource::Folder(path(""))).unwrap();
        assert_eq!(folder.bytes, 12);
        let file = files_of(&ModelSource::File(path("unet/x.safetensors"))).unwrap();
        assert_eq!(file.bytes, 10);
        assert!(file.changed_ms > 1_000_000_000_000);
        assert_eq!(files_of(&ModelSource::File(path("none"))), None);
        assert_eq!(files_of(&ModelSource::Embedded("emoji".into())), None);
    }
}
