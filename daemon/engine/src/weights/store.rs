//! `Weights`, the tensors of one component as layers ask for them: by name and shape, put on the device, counted.
//! `model/blueprint.rs` opens it; families go down its names and layers of `nn/` take what they need. Files are read by
//! `files.rs` and `origin.rs`, forms of weights are made in `nn/weight.rs`, and what is added to them is kept in `patches.rs`.

use std::fmt::Display;
use std::sync::Arc;

use darkroom_protocol::Quant;
use tch::{Kind, Tensor};

use super::files::{Place, TensorFiles};
use super::ledger::Ledger;
use super::origin::{Missing, Origin};
use super::patches::{Delta, Patches};
use super::pieces::Piece;
use super::same::same_tensors;
use super::source::{Source, Spell};
use crate::torch::{self, Device};
use crate::{Cancel, Error, Result};

/// The tensors of one component under a name. Cheap to clone; [`Weights::pp`] goes a name deeper.
#[derive(Clone, Debug)]
pub struct Weights {
    shared: Arc<Shared>,
    prefix: String,
    quant: Quant,
    in_place: bool,
}

#[derive(Debug)]
struct Shared {
    component: String,
    origin: Origin,
    device: Device,
    kind: Option<Kind>,
    cancel: Cancel,
    loaded: Ledger,
    patches: Patches,
}

impl Weights {
    /// The tensors of the safetensors files called `files`, to be used on `device`, floats as `kind` (as stored when `None`).
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Model`] with what is wrong with a header.
    pub fn open(
        component: &str,
        source: &Source,
        files: &[String],
        device: Device,
        kind: Option<Kind>,
        cancel: Cancel,
    ) -> Result<Self> {
        let origin = TensorFiles::open(source, files, &|_, key| vec![Piece::whole(key)])?;
        Ok(Self::of(component, Origin::Files(origin), device, kind, cancel))
    }

    /// The same with the tensors of a single file under the names that `spell` gives them.
    ///
    /// # Errors
    /// As [`Weights::open`].
    pub fn open_spelled(
        component: &str,
        source: &Source,
        files: &[String],
        spell: &Spell,
        (device, kind): (Device, Kind),
        cancel: Cancel,
    ) -> Result<Self> {
        let origin = TensorFiles::open(source, files, &|file, key| source.spelled(file, key, spell))?;
        Ok(Self::of(component, Origin::Files(origin), device, Some(kind), cancel))
    }

    /// As [`Weights::open`] with every tensor under the name that `rename` gives it; without those that it gives none.
    ///
    /// # Errors
    /// As there.
    pub fn open_renamed(
        component: &str,
        source: &Source,
        files: &[String],
        rename: &dyn Fn(&str) -> Option<String>,
        (device, kind): (Device, Kind),
        cancel: Cancel,
    ) -> Result<Self> {
        let pieces = |_: &str, key: &str| rename(key).map(Piece::whole).into_iter().collect();
        let origin = TensorFiles::open(source, files, &pieces)?;
        Ok(Self::of(component, Origin::Files(origin), device, Some(kind), cancel))
    }

    /// Weights filled by their names, on the CPU in f32: for tests and benches. The rule is that of `tests/oracle/fill.py`.
    pub fn random(component: &str) -> Self {
        Self::of(component, Origin::Random, Device::Cpu, None, Cancel::new())
    }

    /// Zeros that take no memory, and a list of what a model asks for: see [`Weights::asked`].
    pub fn recorder(component: &str) -> Self {
        Self::of(
            component,
            Origin::Recorder(Default::default()),
            Device::Cpu,
            None,
            Cancel::new(),
        )
    }

    fn of(component: &str, origin: Origin, device: Device, kind: Option<Kind>, cancel: Cancel) -> Self {
        Self {
            shared: Arc::new(Shared {
                component: component.to_owned(),
                origin,
                device,
                kind,
                cancel,
                loaded: Ledger::default(),
                patches: Patches::default(),
            }),
            prefix: String::new(),
            quant: Quant::None,
            in_place: false,
        }
    }

    /// The same tensors with `name.` put before every name.
    pub fn pp(&self, name: impl Display) -> Self {
        Self {
            prefix: format!("{}{name}.", self.prefix),
            ..self.clone()
        }
    }

    /// The same tensors, to be quantised by the layers that can.
    pub fn quantised(&self, quant: Quant) -> Self {
        Self { quant, ..self.clone() }
    }

    /// The same tensors, to be read where they lie: for parts that work so shortly that packing a weight takes longer than it
    /// saves.
    pub fn in_place(&self) -> Self {
        Self {
            in_place: true,
            ..self.clone()
        }
    }

    /// Whether layers are to leave what they take from here as it is.
    pub fn is_in_place(&self) -> bool {
        self.in_place
    }

    /// Gives the memory of the mapped files back to the system. Tensors stay valid: what is used next is read again, from the
    /// system's cache as a rule.
    pub fn rest(&self) {
        if let Origin::Files(files) = &self.shared.origin {
            files.rest();
        }
    }

    /// How layers are to quantise what they take from here.
    pub fn quant(&self) -> Quant {
        self.quant
    }

    /// Whether there is a tensor of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.shared.origin.contains(&self.key(name))
    }

    /// The tensor of that name and exactly that shape, on the device and in the kind asked for. On the CPU, in the stored
    /// kind, it is the file itself and no copy.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::TensorShape`], [`Error::Cancelled`], [`Error::OutOfMemory`].
    pub fn get(&self, name: &str, shape: &[i64]) -> Result<Tensor> {
        let (tensor, kind) = self.stored(name, shape)?;
        torch::to(&tensor, self.shared.device, kind)
    }

    /// As [`Weights::get`], with the kind asked for beside it: on the CPU the tensor may still be as the file has it. A layer that
    /// changes its weight's form at first use converts it then, so that a converted model is never in memory beside another.
    ///
    /// # Errors
    /// As [`Weights::get`].
    pub fn weight(&self, name: &str, shape: &[i64]) -> Result<Stored> {
        let (tensor, kind) = self.stored(name, shape)?;
        self.shared.patches.offer(self.key(name), shape);
        Ok(Stored {
            tensor: self.placed(tensor, kind)?,
            kind,
            ledger: self.shared.loaded.clone(),
            from: Some(Provenance {
                weights: self.clone(),
                name: name.to_owned(),
                shape: shape.to_vec(),
            }),
        })
    }

    /// What is added to these tensors beside their files.
    pub fn patches(&self) -> Patches {
        self.shared.patches.clone()
    }

    /// A weight where its layer uses it; on the CPU as the file has it.
    fn placed(&self, tensor: Tensor, kind: Kind) -> Result<Tensor> {
        match self.shared.device == Device::Cpu && !self.in_place {
            true => Ok(tensor),
            false => torch::to(&tensor, self.shared.device, kind),
        }
    }

    /// The tensor as it is in the file, and the kind asked for.
    fn stored(&self, name: &str, shape: &[i64]) -> Result<(Tensor, Kind)> {
        self.shared.cancel.check()?;
        let (tensor, kind) = self.read(name, shape)?;
        self.shared
            .loaded
            .add(shape.iter().product::<i64>() as u64 * kind.elt_size_in_bytes() as u64);
        Ok((tensor, kind))
    }

    /// The same without counting it.
    fn read(&self, name: &str, shape: &[i64]) -> Result<(Tensor, Kind)> {
        let shared = &*self.shared;
        let key = self.key(name);
        let tensor = match shared.origin.tensor(&key, shape) {
            Ok(tensor) => tensor,
            Err(Missing::Key) => {
                return Err(Error::MissingTensor {
                    component: shared.component.clone(),
                    key,
                    written: None,
                });
            }
            Err(Missing::Shape(found)) => {
                return Err(Error::TensorShape {
                    component: shared.component.clone(),
                    key: shared.origin.called(key),
                    found,
                    expected: shape.to_vec(),
                });
            }
            Err(Missing::Error(error)) => return Err(error),
        };
        let (tensor, stored) = self.widened(&key, tensor)?;
        Ok((tensor, shared.kind.filter(|_| is_float(stored)).unwrap_or(stored)))
    }

    /// 8-bit floats times the factor that stands beside them, in f32; anything else as it is. With its kind.
    fn widened(&self, key: &str, tensor: Tensor) -> Result<(Tensor, Kind)> {
        let stored = torch::kind_of(&tensor)?;
        if !is_eight_bit(stored) {
            return Ok((tensor, stored));
        }
        match self.shared.origin.factor(key) {
            Ok(None) => Ok((tensor, stored)),
            Ok(Some(factor)) => {
                let wide = torch::catch(|| Ok(tensor.to_kind(Kind::Float) * factor))?;
                Ok((wide, Kind::Float))
            }
            Err(Missing::Error(error)) => Err(error),
            Err(Missing::Key | Missing::Shape(_)) => Err(Error::Defect),
        }
    }

    /// Whether `other` holds the same tensors: names, shapes, dtypes and every byte. Takes about as long as reading both.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn is_same_as(&self, other: &Self, cancel: &Cancel) -> Result<bool> {
        match (&self.shared.origin, &other.shared.origin) {
            (Origin::Files(ours), Origin::Files(theirs)) => same_tensors(ours, theirs, cancel),
            _ => Ok(false),
        }
    }

    /// Bytes that all tensors in the files take on the device, floats as the kind asked for.
    pub fn bytes(&self) -> u64 {
        let Origin::Files(files) = &self.shared.origin else {
            return 0;
        };
        let one = |place: &Place| {
            let stored = super::dtype::kind(place.dtype);
            let size = match self.shared.kind {
                Some(kind) if stored.is_none_or(is_float) => kind.elt_size_in_bytes() as u64,
                _ => return place.range.len() as u64,
            };
            place.shape.iter().product::<u64>() * size
        };
        files.iter().flat_map(|(_, places)| places).map(one).sum()
    }

    /// Name and shape of every tensor that is whole in the files.
    pub fn shapes(&self) -> std::collections::BTreeMap<String, Vec<i64>> {
        let Origin::Files(files) = &self.shared.origin else {
            return Default::default();
        };
        let one = |(name, places): (&str, &[Place])| match places {
            [place] => Some((name.to_owned(), place.size())),
            _ => None,
        };
        files.iter().filter_map(one).collect()
    }

    /// Which part of a model this is, for messages.
    pub fn component(&self) -> &str {
        &self.shared.component
    }

    /// Where its tensors go.
    pub fn device(&self) -> Device {
        self.shared.device
    }

    /// Bytes of all tensors handed out so far, on the device, in the form in which their layers use them now.
    pub fn loaded_bytes(&self) -> u64 {
        self.shared.loaded.bytes()
    }

    /// Name and shape of every tensor that a [`Weights::recorder`] was asked for, in order of name.
    pub fn asked(&self) -> Vec<(String, Vec<i64>)> {
        match &self.shared.origin {
            Origin::Recorder(seen) => {
                let seen = seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                seen.iter().map(|(key, shape)| (key.clone(), shape.clone())).collect()
            }
            Origin::Files(_) | Origin::Random => Vec::new(),
        }
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

/// A weight as its file has it, for a layer that will use it in a form of its own.
#[derive(Debug)]
pub struct Stored {
    /// On the CPU in the file's own number format, else as it is asked for.
    pub tensor: Tensor,
    /// The number format that is asked for.
    pub kind: Kind,
    /// Where its bytes are counted, in that format.
    pub ledger: Ledger,
    /// Where it can be had again; `None` of one that is from nowhere.
    pub from: Option<Provenance>,
}

impl From<(Tensor, Kind)> for Stored {
    /// One that nobody counts.
    fn from((tensor, kind): (Tensor, Kind)) -> Self {
        Self {
            tensor,
            kind,
            ledger: Ledger::default(),
            from: None,
        }
    }
}

impl Stored {
    /// The same once more, counted once.
    pub fn shallow_clone(&self) -> Self {
        Self {
            tensor: self.tensor.shallow_clone(),
            kind: self.kind,
            ledger: self.ledger.clone(),
            from: self.from.clone(),
        }
    }

    /// Its bytes in the format that is asked for.
    pub fn bytes(&self) -> u64 {
        self.tensor.numel() as u64 * self.kind.elt_size_in_bytes() as u64
    }
}

/// Where a weight is from, and what is added to it there: its layer makes it anew from this when that changes.
#[derive(Clone, Debug)]
pub struct Provenance {
    weights: Weights,
    name: String,
    shape: Vec<i64>,
}

impl Provenance {
    /// The number of the last change to what is added to any weight of the component.
    pub fn generation(&self) -> u64 {
        self.weights.shared.patches.generation()
    }

    /// The number of the last change to what is added to this one; 0 while nothing ever was.
    pub fn patched_since(&self) -> u64 {
        self.weights.shared.patches.of(&self.weights.key(&self.name)).0
    }

    /// The weight as [`Weights::weight`] gives it, with what is added to it: summed in f32 and rounded once, and without any the very
    /// numbers of the file.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], those of a [`Delta`].
    pub fn load(&self) -> Result<Tensor> {
        let weights = &self.weights;
        let (tensor, kind) = weights.read(&self.name, &self.shape)?;
        let (_, deltas) = weights.shared.patches.of(&weights.key(&self.name));
        if deltas.is_empty() {
            return weights.placed(tensor, kind);
        }
        let sum = torch::catch(|| {
            // Never in place: in f32 it may be the file's own memory.
            let plus = |sum: Tensor, delta: &Arc<dyn Delta>| -> Result<Tensor> {
                let delta = delta.delta(&sum)?;
                Ok(sum + delta)
            };
            let sum = deltas.iter().try_fold(tensor.to_kind(Kind::Float), plus)?;
            Ok(sum.to_kind(kind))
        })?;
        weights.placed(sum, kind)
    }
}

fn is_eight_bit(kind: Kind) -> bool {
    use Kind::{Float8e4m3fn, Float8e4m3fnuz, Float8e5m2, Float8e5m2fnuz};
    matches!(kind, Float8e4m3fn | Float8e4m3fnuz | Float8e5m2 | Float8e5m2fnuz)
}

fn is_float(kind: Kind) -> bool {
    use Kind::{BFloat16, Double, Float, Half};
    is_eight_bit(kind) || matches!(kind, BFloat16 | Double | Float | Half)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
