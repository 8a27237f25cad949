//! What the tests share: a home, the command, its events, the socket, models to spoil, waiting for conditions.

#[cfg(target_os = "linux")]
mod census;
mod home;
mod model;
mod mount;
mod process;
mod ran;
mod rpc;
#[cfg(target_os = "linux")]
mod storm;
#[cfg(target_os = "linux")]
mod submitted;
#[cfg(target_os = "linux")]
mod terminal;
mod watched;

#[cfg(target_os = "linux")]
pub use census::{Process, Role};
pub use home::Home;
pub use model::{Model, header};
pub use mount::Mount;
pub use process::{is_alive, kill, memory, peak_memory, processor_time, wait_until};
pub use ran::{Ran, nested};
pub use rpc::Rpc;
#[cfg(target_os = "linux")]
pub use storm::{Moment, Storm};
#[cfg(target_os = "linux")]
pub use terminal::Terminal;
pub use watched::Watched;

use std::path::Path;

/// Width and height of the picture in a file.
#[track_caller]
pub fn size(path: &Path) -> (u32, u32) {
    let picture = image::open(path).unwrap();
    (picture.width(), picture.height())
}

/// What is shown of a whole id.
#[track_caller]
pub fn short(id: &str) -> String {
    id.parse::<darkroom_protocol::JobId>().unwrap().short()
}

/// The number in an environment variable, which makes a test longer than it normally is.
pub fn number(variable: &str, normally: u64) -> u64 {
    let text = std::env::var(variable).ok();
    text.map_or(normally, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is no number"))
    })
}

/// The largest difference of a channel between two pictures, in steps of 1/255.
pub fn difference(a: &Path, b: &Path) -> u8 {
    let (a, b) = (image::open(a).unwrap().to_rgb8(), image::open(b).unwrap().to_rgb8());
    assert_eq!(a.dimensions(), b.dimensions());
    let pairs = a.as_raw().iter().zip(b.as_raw());
    pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}
