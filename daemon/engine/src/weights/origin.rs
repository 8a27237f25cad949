use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tch::{Kind, Tensor};

use super::dtype::kind;
use super::files::TensorFiles;
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
    let (bytes, entry) = files.find(key).ok_or(Missing::Key)?;
    let found: Vec<i64> = entry.shape.iter().map(|n| *n as i64).collect();
    if !same(&found, shape) {
        return Err(Missing::Shape(found));
    }
    let kind = kind(entry.dtype).ok_or_else(|| {
        let dtype = entry.dtype;
        Error::Unsupported(format!(
            "Tensor {key} is stored as {dtype}, which is not read: use the model in f16, bf16 or f32."
        ))
    })?;
    let range = entry.range.start as usize..entry.range.end as usize;
    match view(bytes, range.clone(), shape, kind)? {
        Some(tensor) => Ok(tensor),
        // The file puts it at an odd place: this one tensor is copied.
        None => Ok(from_bytes(&bytes.as_slice()[range], shape, kind)?),
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
