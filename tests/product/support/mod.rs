//! What the tests share: a home, the command, its events, the socket, models to spoil, waiting for conditions.

mod home;
mod model;
mod process;
mod ran;
mod rpc;
mod watched;

pub use home::Home;
pub use model::{Model, header};
pub use process::{is_alive, kill, peak_memory, wait_until};
pub use ran::Ran;
pub use rpc::Rpc;
pub use watched::Watched;

use std::path::Path;

/// Width and height of the picture in a file.
#[track_caller]
pub fn size(path: &Path) -> (u32, u32) {
    let picture = image::open(path).unwrap();
    (picture.width(), picture.height())
}

/// The largest difference of a channel between two pictures, in steps of 1/255.
pub fn difference(a: &Path, b: &Path) -> u8 {
    let (a, b) = (image::open(a).unwrap().to_rgb8(), image::open(b).unwrap().to_rgb8());
    assert_eq!(a.dimensions(), b.dimensions());
    let pairs = a.as_raw().iter().zip(b.as_raw());
    pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}
