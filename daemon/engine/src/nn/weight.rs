use std::cell::RefCell;

use tch::{Kind, Tensor};

use crate::Result;
use crate::torch::Packed;

/// A layer's weight, which changes its form at first use where the processor reads another one faster.
#[derive(Debug)]
pub struct Weight {
    form: RefCell<Form>,
    kind: Kind,
}

#[derive(Debug)]
enum Form {
    /// As loaded; nobody has used it.
    Loaded(Tensor),
    /// As loaded, for good.
    Plain(Tensor),
    /// Packed; what was loaded is gone.
    Packed(Packed),
}

/// A weight in the form that it is used in.
pub enum Usable<'a> {
    /// As loaded.
    Plain(&'a Tensor),
    /// Packed.
    Packed(&'a Packed),
}

impl Weight {
    /// A weight as loaded.
    pub fn new(loaded: Tensor) -> Self {
        Self {
            kind: loaded.kind(),
            form: RefCell::new(Form::Loaded(loaded)),
        }
    }

    /// Its number format, whatever its form.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Calls `work` with the weight. The first call packs it with `pack`; where that fails or does not serve it stays as loaded.
    pub fn with<T>(&self, pack: impl FnOnce(&Tensor) -> Result<Option<Packed>>, work: impl FnOnce(Usable) -> T) -> T {
        let mut form = self.form.borrow_mut();
        if let Form::Loaded(loaded) = &*form {
            *form = match pack(loaded) {
                Ok(Some(packed)) => Form::Packed(packed),
                _ => Form::Plain(loaded.shallow_clone()),
            };
        }
        match &*form {
            Form::Packed(packed) => work(Usable::Packed(packed)),
            Form::Loaded(plain) | Form::Plain(plain) => work(Usable::Plain(plain)),
        }
    }
}
