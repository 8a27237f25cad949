//! The files of history: pictures that lie in folders are taken in, their files are looked for, small pictures are made of them, and
//! the trash is emptied. Verbs, the deliverer of the daily round and the dispatcher come here; rows are the store's. What walks
//! through folders does so in parts, each of which ends within seconds and says where the next one begins, so that nobody waits
//! without a word, and whoever goes away stops it.

mod read;
mod scan;
mod thumbnails;
mod trash;
mod walk;

pub use scan::{import, keep_watching, scan};
pub use thumbnails::{NoThumbnail, Thumbnails};
pub use trash::empty;
