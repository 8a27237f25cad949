//! A table of rows by index: `text/clip/model.rs` has one for tokens and one for positions. Ids are checked here, so that a
//! tokenizer of another model is an error in words. The sinusoids of a timestep are in `timestep.rs`.

use tch::{Kind, Tensor};

use crate::torch::{self, Device};
use crate::weights::Weights;
use crate::{Error, Result};

/// A table of rows looked up by index.
#[derive(Debug)]
pub struct Embedding {
    weight: Tensor,
    device: Device,
    component: String,
}

impl Embedding {
    /// Binds `weight` [rows, dim].
    pub fn new(weights: &Weights, rows: i64, dim: i64) -> Result<Self> {
        Ok(Self {
            weight: weights.get("weight", &[rows, dim])?,
            device: weights.device(),
            component: weights.component().to_owned(),
        })
    }

    /// Rows of `ids`, an i64 tensor on the CPU: [..] → [.., dim].
    ///
    /// An id outside the table is an error here, because on an accelerator it would end the process.
    pub fn forward(&self, ids: &Tensor) -> Result<Tensor> {
        let rows = self.weight.size()[0];
        if ids.numel() > 0 {
            for id in [ids.min(), ids.max()].map(|id| id.int64_value(&[])) {
                if !(0..rows).contains(&id) {
                    return Err(self.no_such_row(id, rows));
                }
            }
        }
        let ids = torch::to(ids, self.device, Kind::Int64)?;
        Ok(Tensor::embedding(&self.weight, &ids, -1, false, false))
    }

    /// The first `count` rows: [count, dim].
    pub fn first(&self, count: i64) -> Tensor {
        self.weight.narrow(0, 0, count)
    }

    fn no_such_row(&self, id: i64, rows: i64) -> Error {
        Error::Config {
            component: self.component.clone(),
            field: "vocab_size".to_owned(),
            what: format!("token {id} is outside the table of {rows}: tokenizer and model are not of one checkpoint."),
        }
    }
}
