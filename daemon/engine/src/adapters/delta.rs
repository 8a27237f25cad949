//! A summand for one tensor of the layers from one module of a LoRA file: the file's module may be several of the layers', or a part
//! of one. It is computed when a layer makes its weight anew, and nothing of it is kept.

use std::sync::Arc;

use darkroom_formats::adapter::Module;
use tch::Tensor;

use super::file::File;
use super::formula::{Formula, flat};
use super::names::Target;
use crate::Result;
use crate::weights::{Delta, Rows};

/// A summand for one tensor.
#[derive(Debug)]
pub struct Summand {
    pub file: Arc<File>,
    pub module: Arc<Module>,
    pub formula: Formula,
    pub target: Target,
    pub strength: f64,
}

impl Summand {
    /// Whether it can be made for a tensor of that shape.
    pub fn fits(&self, shape: &[i64]) -> bool {
        let shape: Vec<u64> = shape.iter().map(|n| n.unsigned_abs()).collect();
        let Some((rows, columns)) = flat(&shape) else {
            return false;
        };
        let (nth, of) = (self.target.place.0 as u64, self.target.place.1 as u64);
        if of == 0 || nth >= of || !rows.is_multiple_of(of) {
            return false;
        }
        // As the file has it.
        let (own, across) = match self.target.turned {
            true if of == 1 && shape.len() == 2 => (columns, rows),
            true => return false,
            false => (rows / of, columns),
        };
        let whole = self.target.rows == Rows::All && !self.target.turned;
        if self.formula.depends(&self.module) && !whole {
            return false;
        }
        let size = self.formula.size(&self.module, (own, across));
        size.is_some_and(|(all, numbers)| {
            let taken = self.target.rows.of(all);
            numbers == across && taken.is_some_and(|taken| taken.end - taken.start == own)
        })
    }
}

impl Delta for Summand {
    fn delta(&self, weight: &Tensor) -> Result<Tensor> {
        let (nth, of) = self.target.place;
        let rows = weight.size()[0] / of.max(1) as i64;
        let at = rows * nth as i64;
        let part = match of {
            1 => weight.shallow_clone(),
            _ => weight.narrow(0, at, rows),
        };
        let mut summand = self.formula.summand(&self.file, &self.module, &part, self.strength)?;
        if let Some(taken) = self.target.rows.of(summand.size()[0].unsigned_abs()) {
            summand = summand.narrow(0, taken.start as i64, (taken.end - taken.start) as i64);
        }
        if self.target.turned {
            summand = summand.transpose(0, 1);
        }
        let summand = summand.reshape(part.size());
        if of == 1 {
            return Ok(summand);
        }
        let whole = weight.zeros_like();
        whole.narrow(0, at, rows).copy_(&summand);
        Ok(whole)
    }
}
