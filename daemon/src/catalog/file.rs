use std::path::Path;

use darkroom_formats::{Card, SingleFile};
use darkroom_protocol::message::RemoteError;
use darkroom_protocol::{ModelCard, ModelSource};

use super::folder::refused;
use super::seen::Stamp;

/// The card of the single file at `path`, and its stamp. Its header is checked, so that a damaged model is refused
/// before a worker meets it.
pub(super) fn read(name: &str, path: &Path) -> Result<(Stamp, ModelCard), RemoteError> {
    // Taken before the header is read: a file that changes meanwhile makes the stamp old, not the card wrong.
    let stamp = Stamp::of(SingleFile::all_files(path));
    let file = SingleFile::open(path).map_err(refused)?;
    let card = Card::read(name, &file).map_err(refused)?;
    let source = ModelSource::File(path.to_string_lossy().into_owned());
    Ok((stamp, card.to_model_card(source)))
}
