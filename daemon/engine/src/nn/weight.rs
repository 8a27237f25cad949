//! A layer's weight: as its file has it, or in the form that its kernels read faster, made at first use. It knows where it is from, so
//! that what is added to it (`weights/patches.rs`) makes it anew. `linear.rs` and `conv.rs` say which form; nothing here multiplies.

use std::cell::{Cell, RefCell};

use tch::{Kind, Tensor};

use crate::torch::{keep, raise, wide_pays};
use crate::weights::{Ledger, Provenance, Stored};
use crate::{Error, Result};

/// A form that a weight is packed in.
pub trait Pack {
    /// The memory that it takes, in bytes.
    fn bytes(&self) -> u64;
}

/// A layer's weight, which becomes a `P` at first use where the processor reads that faster.
#[derive(Debug)]
pub struct Weight<P> {
    state: RefCell<State<P>>,
    kind: Kind,
    /// Whether it is used as it is for good, so that a copy of it is no passing thing.
    stays: bool,
    /// Whether another layer's weight is the same tensor, which stays when this one is packed.
    shared: bool,
    /// Bytes as it was loaded, in its format.
    bytes: u64,
    ledger: Ledger,
    /// Where it is made anew when what is added to it changes.
    from: Option<Provenance>,
    /// The number of the component's last change that was looked at, and of this weight's that is in its form.
    seen: Cell<u64>,
    made_of: Cell<u64>,
}

#[derive(Debug)]
enum State<P> {
    /// As loaded, in any kind; nobody has used it.
    Loaded(Tensor),
    /// In the form that it is used in.
    Ready(Form<P>),
}

/// A form that a weight is used in.
#[derive(Debug)]
pub enum Form<P> {
    /// As loaded, in its layer's kind.
    Plain(Tensor),
    /// Packed; what was loaded is gone.
    Packed(P),
}

impl<P: Pack> Weight<P> {
    /// A weight as loaded, to be used in its format.
    pub fn new(stored: impl Into<Stored>) -> Self {
        let stored = stored.into();
        let bytes = stored.bytes();
        let Stored {
            tensor,
            kind,
            ledger,
            from,
        } = stored;
        Self {
            kind,
            state: RefCell::new(State::Loaded(tensor)),
            stays: kind == Kind::BFloat16 && wide_pays(),
            shared: false,
            bytes,
            ledger,
            from,
            seen: Cell::new(0),
            made_of: Cell::new(0),
        }
    }

    /// The same for a weight that is never packed.
    pub fn unpacked(weight: impl Into<Stored>) -> Self {
        Self {
            stays: true,
            ..Self::new(weight)
        }
    }

    /// The same for a weight whose tensor another one keeps.
    pub fn shared(weight: impl Into<Stored>) -> Self {
        Self {
            shared: true,
            ..Self::new(weight)
        }
    }

    /// The number format that its layer computes in, whatever its form.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Calls `work` with the weight. The first call gives it a better form with `pack`; where there is none it stays as loaded.
    /// Out of memory panics as `tch`'s operations do, and the next call tries again.
    pub fn with<T>(&self, pack: impl FnOnce(&Tensor) -> Result<Option<P>>, work: impl FnOnce(Form<&P>) -> T) -> T {
        let mut state = self.state.borrow_mut();
        self.renew(&mut state).unwrap_or_else(|error| raise(&error));
        if let State::Loaded(loaded) = &*state {
            // What is packed goes again at once; what is used as it is stays.
            let plain = match self.stays {
                true => keep(loaded, self.kind).unwrap_or_else(|error| raise(&error)),
                false => loaded.to_kind(self.kind),
            };
            let packed = match pack(&plain) {
                Ok(packed) => packed,
                Err(error @ Error::OutOfMemory { .. }) => raise(&error),
                Err(error) => {
                    tracing::warn!("a weight of {:?} stays as it is: {error}", loaded.size());
                    None
                }
            };
            *state = State::Ready(match packed {
                Some(packed) => {
                    self.ledger
                        .replace(if self.shared { 0 } else { self.bytes }, packed.bytes());
                    Form::Packed(packed)
                }
                None => Form::Plain(plain),
            });
        }
        match &*state {
            State::Ready(Form::Packed(packed)) => work(Form::Packed(packed)),
            State::Ready(Form::Plain(plain)) | State::Loaded(plain) => work(Form::Plain(plain.shallow_clone())),
        }
    }
}

impl<P: Pack> Weight<P> {
    /// Makes it anew as loaded where what is added to it has changed since its form was made.
    fn renew(&self, state: &mut State<P>) -> Result<()> {
        let Some(from) = &self.from else { return Ok(()) };
        let now = from.generation();
        if self.seen.get() == now {
            return Ok(());
        }
        let since = from.patched_since();
        if since != self.made_of.get() {
            let tensor = from.load()?;
            if let State::Ready(Form::Packed(packed)) = state {
                self.ledger
                    .replace(packed.bytes(), if self.shared { 0 } else { self.bytes });
            }
            *state = State::Loaded(tensor);
            self.made_of.set(since);
        }
        self.seen.set(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::torch::catch;

    impl Pack for u8 {
        fn bytes(&self) -> u64 {
            u64::from(*self)
        }
    }

    fn form(weight: &Weight<u8>, packed: Result<Option<u8>>) -> Result<Option<u8>> {
        let named = |form: Form<&u8>| match form {
            Form::Plain(plain) => {
                assert_eq!(plain.kind(), Kind::Float);
                None
            }
            Form::Packed(packed) => Some(*packed),
        };
        catch(|| Ok(weight.with(|_| packed, named)))
    }

    fn weight() -> Weight<u8> {
        Weight::new((Tensor::ones([2, 2], (Kind::Half, tch::Device::Cpu)), Kind::Float))
    }

    #[test]
    fn out_of_memory_is_told_and_the_next_use_tries_again() {
        let weight = weight();
        let full = form(
            &weight,
            Err(Error::OutOfMemory {
                doing: String::new(),
                asked: 0,
            }),
        );
        assert!(matches!(full, Err(Error::OutOfMemory { .. })), "{full:?}");
        assert_eq!(form(&weight, Ok(Some(7))).unwrap(), Some(7));
        assert_eq!(form(&weight, Ok(Some(8))).unwrap(), Some(7));
    }

    #[rstest::rstest]
    #[case(Weight::new, Ok(Some(7)), 7)]
    #[case(Weight::shared, Ok(Some(7)), 16 + 7)]
    #[case(Weight::unpacked, Ok(None), 16)]
    fn what_a_form_takes_is_counted(
        #[case] make: fn(Stored) -> Weight<u8>,
        #[case] packed: Result<Option<u8>>,
        #[case] bytes: u64,
    ) {
        let stored = Stored::from((Tensor::ones([2, 2], (Kind::Half, tch::Device::Cpu)), Kind::Float));
        let ledger = stored.ledger.clone();
        ledger.add(stored.bytes());
        let weight = make(stored);
        assert_eq!(ledger.bytes(), 16, "as it is asked for");
        form(&weight, packed).unwrap();
        assert_eq!(ledger.bytes(), bytes);
    }

    #[test]
    fn what_does_not_serve_leaves_the_weight_for_good() {
        for refusal in [Ok(None), Err(Error::Torch("no such reorder".into()))] {
            let weight = weight();
            assert_eq!(form(&weight, refusal).unwrap(), None);
            assert_eq!(form(&weight, Ok(Some(7))).unwrap(), None);
        }
    }
}
