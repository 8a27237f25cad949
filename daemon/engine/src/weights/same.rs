//! Whether two models' files hold the same tensors, so that a component of both is in memory once. Compared byte by byte: a hash
//! would read as much.

use std::collections::HashMap;
use std::ops::Range;

use super::files::{Place, TensorFiles};
use crate::torch::Bytes;
use crate::{Cancel, Result};

/// So many bytes are compared between two looks at the cancel flag.
const PIECE: usize = 4 << 20;

/// Whether both hold the same tensors: names, shapes, dtypes, then every byte. The first difference ends it, so that two
/// trainings of one model are told apart at their first tensor.
///
/// # Errors
/// `Error::Cancelled`.
pub fn same_tensors(ours: &TensorFiles, theirs: &TensorFiles, cancel: &Cancel) -> Result<bool> {
    let known: HashMap<&str, &[Place]> = theirs.iter().collect();
    let mut pairs = Vec::new();
    for (name, places) in ours.iter() {
        match known.get(name) {
            Some(others) if others.len() == places.len() => pairs.extend(places.iter().zip(*others)),
            _ => return Ok(false),
        }
    }
    // A convolution of 1×1 and a linear layer are the same numbers: original codes and diffusers differ in that.
    let size = |place: &Place| {
        let mut size = place.size();
        size.truncate(size.iter().rposition(|n| *n != 1).map_or(0, |last| last + 1));
        size
    };
    let looks = |place: &Place| (size(place), place.dtype, place.turned, place.place);
    if ours.iter().count() != known.len() || pairs.iter().any(|(a, b)| looks(a) != looks(b)) {
        return Ok(false);
    }
    // In the order of the file: disks read forward.
    pairs.sort_by_key(|(place, _)| place.range.start);
    for (a, b) in pairs {
        if !same_bytes((ours.bytes(a), &a.range), (theirs.bytes(b), &b.range), cancel)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same_bytes(
    (ours, a): (&Bytes, &Range<usize>),
    (theirs, b): (&Bytes, &Range<usize>),
    cancel: &Cancel,
) -> Result<bool> {
    for at in (0..a.len()).step_by(PIECE) {
        cancel.check()?;
        let piece = |whole: &Range<usize>| whole.start + at..(whole.start + at + PIECE).min(whole.end);
        let (a, b) = (piece(a), piece(b));
        let equal = ours.as_slice().get(a.clone()) == theirs.as_slice().get(b.clone());
        // What was looked at only to compare takes no memory afterwards.
        ours.release_pages(&a);
        theirs.release_pages(&b);
        if !equal {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use darkroom_protocol::ModelSource;
    use rstest::rstest;
    use tch::Tensor;

    use super::super::{Source, Weights};
    use crate::Cancel;
    use crate::torch::Device;

    fn weights(tensors: &[(&str, Tensor)]) -> (tempfile::TempDir, Weights) {
        let folder = tempfile::tempdir().unwrap();
        Tensor::write_safetensors(tensors, folder.path().join("w.safetensors")).unwrap();
        let source = Source::open(&ModelSource::Folder(folder.path().display().to_string())).unwrap();
        let weights = Weights::open(
            "unet",
            &source,
            &["w.safetensors".into()],
            Device::Cpu,
            None,
            Cancel::new(),
        );
        (folder, weights.unwrap())
    }

    fn usual() -> Vec<(&'static str, Tensor)> {
        vec![
            ("a", Tensor::from_slice(&[1f32, 2.0])),
            ("b", Tensor::from_slice(&[3f32, 4.0])),
        ]
    }

    #[rstest]
    #[case(usual(), true)]
    #[case(usual().into_iter().rev().collect(), true)]
    #[case(vec![usual().remove(0)], false)]
    #[case(vec![usual().remove(0), ("c", Tensor::from_slice(&[3f32, 4.0]))], false)]
    #[case(vec![usual().remove(0), ("b", Tensor::from_slice(&[3f32, 5.0]))], false)]
    #[case(vec![usual().remove(0), ("b", Tensor::from_slice(&[3f32, 4.0]).unsqueeze(0))], false)]
    #[case(vec![usual().remove(0), ("b", Tensor::from_slice(&[3i32, 4]))], false)]
    fn only_equal_tensors_are_the_same(#[case] other: Vec<(&str, Tensor)>, #[case] same: bool) {
        let ((_one, ours), (_two, theirs)) = (weights(&usual()), weights(&other));
        for (a, b) in [(&ours, &theirs), (&theirs, &ours)] {
            assert_eq!(a.is_same_as(b, &Cancel::new()).unwrap(), same);
        }
        assert!(!ours.is_same_as(&Weights::random("unet"), &Cancel::new()).unwrap());
    }

    #[test]
    fn a_comparison_can_be_cancelled() {
        let ((_one, ours), (_two, theirs)) = (weights(&usual()), weights(&usual()));
        let cancel = Cancel::new();
        cancel.raise();
        assert!(ours.is_same_as(&theirs, &cancel).is_err());
    }
}
