//! From what a pickle made to a safetensors header: which of its tensors are the model's, what they are called, and whether each is
//! in the file as it says. Views of one storage may share bytes, as tied weights do; none may leave it.

use std::collections::{BTreeMap, HashMap};

use super::PickleProblem;
use super::machine::{Id, Made, Value, View};
use crate::safetensors::{Dtype, Entry, Header, MAX_NAME, MAX_RANK, MAX_TENSORS};

/// What a training keeps its model under, beside much else.
const MODELS: [&str; 2] = ["state_dict", "model_state_dict"];
/// How deep dictionaries of tensors may lie in each other.
const MAX_DEPTH: usize = 6;

/// Bytes of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub begin: u64,
    pub bytes: u64,
}

/// Where the storage of that key is, which has so many bytes.
pub type Find<'a> = dyn FnMut(&str, u64) -> Result<Place, PickleProblem> + 'a;

/// Bytes of `count` elements; of bytes where there is no format.
pub fn bytes_of(dtype: Option<Dtype>, count: u64) -> Option<u64> {
    dtype.map_or(Some(count), |dtype| dtype.bytes(count))
}

/// Format and elements of each storage, by its key.
pub fn storages<'a>(made: &Made<'a>) -> HashMap<&'a str, (Option<Dtype>, u64)> {
    let all = made.all().filter_map(|value| match value {
        Value::Storage { dtype, key, count } => Some((made.text(*key)?, (*dtype, *count))),
        _ => None,
    });
    all.collect()
}

/// The header that the pickle's tensors make.
///
/// # Errors
/// [`PickleProblem::Empty`]; [`PickleProblem::Tensor`] with the name of one that is not where it says; those of `find`.
pub fn named(made: &Made<'_>, find: &mut Find<'_>) -> Result<Header, PickleProblem> {
    let mut root = made.root;
    let at = |id: Id, key: &str| match made.get(id) {
        // The last one counts, as in Python.
        Value::Dict(items) => items
            .iter()
            .rev()
            .find(|(k, _)| made.text(*k) == Some(key))
            .map(|(_, value)| *value),
        _ => None,
    };
    let inner = MODELS.iter().find_map(|key| at(root, key));
    if let Some(model) = inner.filter(|model| matches!(made.get(*model), Value::Dict(_))) {
        root = model;
    }
    let mut collect = Collect {
        made,
        find,
        places: HashMap::new(),
        tensors: BTreeMap::new(),
        looked_at: 0,
    };
    collect.enter(root, "", 0)?;
    match collect.tensors.is_empty() {
        true => Err(PickleProblem::Empty),
        false => Ok(Header {
            tensors: collect.tensors,
            metadata: BTreeMap::new(),
        }),
    }
}

struct Collect<'a, 'f> {
    made: &'a Made<'a>,
    find: &'a mut Find<'f>,
    places: HashMap<Id, Place>,
    tensors: BTreeMap<String, Entry>,
    looked_at: usize,
}

impl Collect<'_, '_> {
    /// The tensors of the dictionary at `id`, whose name is `prefix`.
    fn enter(&mut self, id: Id, prefix: &str, depth: usize) -> Result<(), PickleProblem> {
        let Value::Dict(items) = self.made.get(id) else {
            return Ok(());
        };
        for (key, value) in items {
            self.looked_at += 1;
            if self.looked_at > 4 * MAX_TENSORS || self.tensors.len() > MAX_TENSORS {
                return Err(PickleProblem::TooMuch {
                    what: "more than 65,536 tensors",
                });
            }
            let Some(key) = self.made.text(*key) else { continue };
            if prefix.len() + key.len() > MAX_NAME {
                return Err(PickleProblem::TooMuch {
                    what: "a tensor's name of more than 4,096 bytes",
                });
            }
            let name = format!("{prefix}{key}");
            match self.made.get(*value) {
                Value::Tensor(view) => {
                    let entry = self.entry(&name, view)?;
                    self.tensors.insert(name, entry);
                }
                Value::Dict(_) if depth < MAX_DEPTH => self.enter(*value, &format!("{name}."), depth + 1)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn entry(&mut self, name: &str, view: &View) -> Result<Entry, PickleProblem> {
        let wrong = |what: &'static str| PickleProblem::Tensor {
            name: name.to_owned(),
            what,
        };
        const HOSTILE: &str = "has a shape or place that cannot be: the file is damaged or hostile";
        let storage = self.place(view.storage)?;
        if view.size.len() > MAX_RANK || view.size.len() != view.stride.len() {
            return Err(wrong(HOSTILE));
        }
        let shape = view
            .size
            .iter()
            .map(|side| u64::try_from(*side).ok())
            .collect::<Option<Vec<u64>>>();
        let shape = shape.ok_or_else(|| wrong(HOSTILE))?;
        let elements = shape.iter().try_fold(1u64, |product, side| product.checked_mul(*side));
        let bytes = elements.and_then(|elements| view.dtype.bytes(elements));
        let before = u64::try_from(view.offset)
            .ok()
            .and_then(|offset| view.dtype.bytes(offset));
        let (Some(bytes), Some(before)) = (bytes, before) else {
            return Err(wrong(HOSTILE));
        };
        if bytes > 0 && !is_contiguous(&view.size, &view.stride) {
            return Err(wrong(
                "does not lie in one piece in the file, as models are saved: save it again after .contiguous()",
            ));
        }
        match before.checked_add(bytes).filter(|end| *end <= storage.bytes) {
            Some(end) => Ok(Entry {
                dtype: view.dtype,
                shape,
                range: storage.begin + before..storage.begin + end,
            }),
            None => Err(wrong(
                "is larger than the bytes that the file has for it: it is damaged or hostile",
            )),
        }
    }

    /// Where a storage is; that it has the bytes it says.
    fn place(&mut self, id: Id) -> Result<Place, PickleProblem> {
        if let Some(place) = self.places.get(&id) {
            return Ok(*place);
        }
        let Value::Storage { dtype, key, count } = self.made.get(id) else {
            return Err(PickleProblem::Cut);
        };
        let (Some(key), Some(bytes)) = (self.made.text(*key), bytes_of(*dtype, *count)) else {
            return Err(PickleProblem::Cut);
        };
        let place = (self.find)(key, bytes)?;
        if place.bytes != bytes {
            return Err(PickleProblem::archive(format!(
                "storage {} says {bytes} bytes and has {}",
                crate::shown::Shown(key),
                place.bytes
            )));
        }
        self.places.insert(id, place);
        Ok(place)
    }
}

/// Whether the elements follow each other, the last dimension's first; the stride of a side of 1 means nothing.
fn is_contiguous(size: &[i64], stride: &[i64]) -> bool {
    let mut expected = 1i64;
    size.iter().zip(stride).rev().all(|(side, stride)| {
        let fits = *side == 1 || *stride == expected;
        expected = expected.saturating_mul(*side);
        fits
    })
}
