use std::path::Path;

use darkroom_formats::card::Card;
use darkroom_formats::folder::{Directory, Watched};
use darkroom_formats::safetensors::Header;
use darkroom_formats::{Error, Folder};
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{FailureKind, ModelCard, ModelSource};

use super::not_found;
use super::seen::{Stamp, state};

/// The card of the diffusers folder at `path`, and the stamp of what it came from. The header of every weight file is
/// checked, so that a damaged model is refused before a worker meets it.
pub(super) fn read(name: &str, path: &Path) -> Result<(Stamp, ModelCard), RemoteError> {
    let directory = Directory::open(path).map_err(refused)?;
    let look = |name: &str| state(&path.join(name));
    let watched = Watched::new(&directory, &look);
    let folder = Folder::read(&watched).map_err(refused)?;
    // As each file was before it was read: one that changes meanwhile makes the stamp old, not the card wrong.
    let stamp = Stamp::seen(path, watched.into_seen());
    let card = Card::new(name, &folder).map_err(refused)?;
    for file in folder.components.values().flat_map(|component| &component.weights) {
        Header::read(&path.join(file)).map_err(refused)?;
    }
    let source = ModelSource::Folder(path.to_string_lossy().into_owned());
    Ok((stamp, card.to_model_card(source)))
}

pub(super) fn refused(error: Error) -> RemoteError {
    match error {
        Error::NoFolder { .. } | Error::NotAModel { .. } | Error::SingleFile { .. } => not_found(error.to_string()),
        other => RemoteError::new(FailureKind::BadModel, other.to_string()),
    }
}
