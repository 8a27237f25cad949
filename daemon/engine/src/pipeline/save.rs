//! The last stage: a picture becomes a file in the staging folder, and what the daemon is to know of it. `pictures.rs` calls it once
//! a picture. The bytes are made in `encode/`; to sync the file, to move it into the gallery and to write its row is the daemon's
//! work (`daemon/src/gallery/adopt.rs`).

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use super::encode::Rgb8;
use super::{Saved, Work, encode};
use crate::{Error, Result};
use darkroom_protocol::ImageTask;
use darkroom_protocol::hash::hex;
use darkroom_protocol::sampler::Named;
use darkroom_protocol::task::Size;
use serde_json::json;
use sha2::{Digest, Sha256};

/// Writes picture `index` into the staging folder, whole or not at all.
pub fn save(task: &ImageTask, work: &Work, index: u32, image: &Rgb8, begun: Instant) -> Result<Saved> {
    // Whether others were made beside it is no part of what it is.
    let whole = ImageTask {
        size: Size {
            only: None,
            ..task.size.clone()
        },
        ..task.clone()
    };
    let seed = task.sampling.seed + u64::from(index);
    let about = json!({ "task": { "image": whole }, "index": index, "version": env!("CARGO_PKG_VERSION") });
    let bytes = encode::encode(
        image,
        task.what.format,
        &encode::parameters(task, index),
        &about.to_string(),
    )?;
    let file = format!("{}-{index}.{}", work.job, task.what.format.name());
    write_whole(&work.staging.join(&file), &bytes)?;
    Ok(Saved {
        index,
        file,
        sha256: hex(Sha256::digest(&bytes)),
        bytes: bytes.len() as u64,
        width: image.width(),
        height: image.height(),
        seed,
        elapsed_ms: begun.elapsed().as_millis() as u64,
    })
}

/// Under another name first: who sees `path` sees all of it. The daemon makes it durable.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let part = path.with_extension("part");
    let written = File::create(&part)
        .and_then(|mut f| f.write_all(bytes))
        .and_then(|()| std::fs::rename(&part, path));
    written.map_err(|source| {
        // What is left of it is swept by the daemon as well; the first reason is the one to tell.
        let _ = std::fs::remove_file(&part);
        Error::Io {
            path: path.to_path_buf(),
            source,
        }
    })
}
