//! Where the tensors of a component come from: its files, a generator for tests, or nowhere. A tensor that is all of one in a file
//! is that file's memory; one that is put together of several, or turned, is a copy.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tch::{Kind, Tensor};

use super::dtype::kind;
use super::files::{Place, TensorFiles};
use super::random;
use crate::torch::{self, Device, from_bytes, view};
use crate::{Error, Result};

/// Where tensors come from.
#[derive(Debug)]
pub enum Origin {
    /// Files.
    Files(TensorFiles),
    /// A generator seeded by each tensor's name.
    Random,
    /// Nowhere: zeros, and a list of what was asked for.
    Recorder(Mutex<BTreeMap<String, Vec<i64>>>),
}

/// Why a tensor is not to be had.
pub enum Missing {
    /// There is none of that name.
    Key,
    /// It has another shape.
    Shape(Vec<i64>),
    /// Anything else.
    Error(Error),
}

impl From<Error> for Missing {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Origin {
    /// Whether there is a tensor called `key`.
    pub fn contains(&self, key: &str) -> bool {
        match self {
            Self::Files(files) => files.find(key).is_some(),
            Self::Random | Self::Recorder(_) => true,
        }
    }

    /// `key`, with the name that its file has for it beside it where that is another: what a person finds in the file.
    pub fn called(&self, key: String) -> String {
        let Self::Files(files) = self else { return key };
        let places = files.find(&key).unwrap_or_default();
        let mut others: Vec<&str> = places.iter().map(|place| place.key.as_str()).collect();
        others.retain(|other| *other != key);
        match others.is_empty() {
            true => key,
            false => format!("{key} ({} in its file)", others.join(", ")),
        }
    }

    /// The factor that a file keeps beside the 8-bit floats of `key`; `None` where there is none. It is a number of its own, under
    /// the weight's name: ComfyUI's `scaled_fp8` has `scale_weight`, its later layout `weight_scale`.
    pub fn factor(&self, key: &str) -> Result<Option<f64>, Missing> {
        let (Self::Files(files), Some(layer)) = (self, key.strip_suffix("weight")) else {
            return Ok(None);
        };
        let names = ["scale_weight", "weight_scale"].map(|name| format!("{layer}{name}"));
        let found = names.iter().find_map(|name| Some((name, files.find(name)?.first()?)));
        let Some((name, place)) = found else {
            return Ok(None);
        };
        if place.shape.iter().product::<u64>() != 1 {
            let what = format!(
                "Tensor {name} has {:?} factors for 8-bit weights, and only one for a whole tensor is read: use the model in f16, bf16 \
                 or f32.",
                place.shape
            );
            return Err(Error::Unsupported(what).into());
        }
        let one = part(files, name, place, &[1])?;
        Ok(Some(torch::catch(|| Ok(one.to_kind(Kind::Double).double_value(&[0])))?))
    }

    /// The tensor called `key`, as it is stored: on the CPU, in its own dtype, without a copy where its place in the file is
    /// aligned.
    pub fn tensor(&self, key: &str, shape: &[i64]) -> Result<Tensor, Missing> {
        match self {
            Self::Files(files) => stored(files, key, shape),
            Self::Random => Ok(random::tensor(key, shape)?),
            Self::Recorder(seen) => {
                seen.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(key.to_owned(), shape.to_vec());
                Ok(torch::zeros(&[1], Kind::Float, Device::Cpu)?.expand(shape, false))
            }
        }
    }
}

fn stored(files: &TensorFiles, key: &str, shape: &[i64]) -> Result<Tensor, Missing> {
    let places = files.find(key).ok_or(Missing::Key)?;
    let found = put_together(places);
    if !found.as_ref().is_some_and(|found| same(found, shape)) {
        return Err(Missing::Shape(found.unwrap_or_default()));
    }
    match places {
        [one] if !one.turned => part(files, key, one, shape),
        parts => {
            let parts: Vec<Tensor> = parts
                .iter()
                .map(|place| {
                    let as_stored: Vec<i64> = place.shape.iter().map(|n| *n as i64).collect();
                    let tensor = part(files, key, place, &as_stored)?;
                    Ok(if place.turned { tensor.transpose(0, 1) } else { tensor })
                })
                .collect::<Result<_, Missing>>()?;
            let whole = torch::catch(|| Ok(Tensor::cat(&parts, 0).reshape(shape)))?;
            Ok(whole)
        }
    }
}

/// The shape of what parts make, one below the other; `None` where they do not fit or differ in format.
fn put_together(places: &[Place]) -> Option<Vec<i64>> {
    let (first, rest) = places.split_first()?;
    let mut size = first.size();
    for place in rest {
        let other = place.size();
        if place.dtype != first.dtype || size.get(1..)? != other.get(1..)? {
            return None;
        }
        *size.first_mut()? += other.first()?;
    }
    Some(size)
}

/// One part, without a copy where its place in the file is aligned.
fn part(files: &TensorFiles, key: &str, place: &Place, shape: &[i64]) -> Result<Tensor, Missing> {
    let kind = kind(place.dtype).ok_or_else(|| {
        let dtype = place.dtype;
        Error::Unsupported(format!(
            "Tensor {key} is stored as {dtype}, which is not read: use the model in f16, bf16 or f32."
        ))
    })?;
    let bytes = files.bytes(place);
    match view(bytes, place.range.clone(), shape, kind)? {
        Some(tensor) => Ok(tensor),
        // The file puts it at an odd place: this one tensor is copied.
        None => Ok(from_bytes(&bytes.as_slice()[place.range.clone()], shape, kind)?),
    }
}

/// Whether two shapes hold the same numbers in the same order: equal, or a 1×1 convolution's and a linear layer's. The original
/// code and diffusers differ in which of these they take.
fn same(found: &[i64], wanted: &[i64]) -> bool {
    let (short, long) = if found.len() < wanted.len() {
        (found, wanted)
    } else {
        (wanted, found)
    };
    long == short || (short.len() == 2 && long.starts_with(short) && long[2..] == [1, 1])
}

#[cfg(test)]
mod tests {
    use super::same;
    use rstest::rstest;

    #[rstest]
    #[case(&[4, 3], &[4, 3], true)]
    #[case(&[4, 3, 1, 1], &[4, 3], true)]
    #[case(&[4, 3], &[4, 3, 1, 1], true)]
    #[case(&[4, 3, 1], &[4, 3], false)]
    #[case(&[4, 3, 3, 3], &[4, 3], false)]
    #[case(&[4, 1, 1, 1], &[4], false)]
    #[case(&[3, 4, 1, 1], &[4, 3], false)]
    #[case(&[1, 1], &[], false)]
    fn a_linear_layer_is_a_convolution_of_one_pixel(
        #[case] found: &[i64],
        #[case] wanted: &[i64],
        #[case] equal: bool,
    ) {
        assert_eq!(same(found, wanted), equal);
    }
}
