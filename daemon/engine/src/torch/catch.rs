//! Where a failure of libtorch stops unwinding and becomes an error. `worker/executor.rs` runs each task within it,
//! `pipeline/relief.rs` each stage, previews and `weights/` a few operations. What a message means is read in `classify.rs`;
//! panics that are not libtorch's go on from here, and `worker/executor.rs` ends them.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind, set_hook, take_hook};
use std::sync::Once;

use super::classify;
use crate::{Error, Result};

thread_local! {
    /// How many calls of [`catch`] are on this thread's stack.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Runs `work` and turns a failure of libtorch into an error, be it a returned `TchError` or a panic of one of `tch`'s
/// infallible methods.
///
/// Such a panic prints nothing. Any other panic is a defect of Darkroom: it is printed as always and goes on unwinding.
///
/// # Errors
/// What `work` returns; [`Error::OutOfMemory`] (with nothing in `doing`) when an allocation failed; [`Error::Torch`] with
/// the first line of any other complaint.
pub fn catch<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    quieten();
    let entered = Entered::new();
    let result = catch_unwind(AssertUnwindSafe(work));
    drop(entered);
    match result {
        Ok(result) => result,
        Err(payload) => match failure(payload.as_ref()) {
            Some(error) => Err(error),
            None => resume_unwind(payload),
        },
    }
}

struct Entered;

impl Entered {
    fn new() -> Self {
        DEPTH.with(|depth| depth.set(depth.get() + 1));
        Self
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        DEPTH.with(|depth| depth.set(depth.get() - 1));
    }
}

/// Puts a hook before the present one, once a process, which keeps quiet about what [`catch`] will return.
fn quieten() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = take_hook();
        set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            let inside = DEPTH.with(|depth| depth.get() > 0);
            if !(inside && failure(info.payload()).is_some()) {
                previous(info);
            }
        }));
    });
}

fn failure(payload: &(dyn Any + Send)) -> Option<Error> {
    let message = match payload.downcast_ref::<String>() {
        Some(message) => message.as_str(),
        None => payload.downcast_ref::<&str>()?,
    };
    classify::panic_message(message)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tch::{Kind, Tensor};

    use super::*;

    const CPU: tch::Device = tch::Device::Cpu;

    #[rstest]
    #[case::infallible(|| Ok(Tensor::zeros([1 << 60], (Kind::Uint8, CPU))))]
    #[case::fallible(|| Ok(Tensor::f_zeros([1 << 60], (Kind::Uint8, CPU))?))]
    #[case::shim(|| crate::torch::zeros(&[1 << 60], Kind::Uint8, crate::torch::Device::Cpu))]
    #[case::more_than_an_address(|| crate::torch::zeros(&[1 << 62, 1 << 2], Kind::Double, crate::torch::Device::Cpu))]
    fn an_impossible_allocation_is_out_of_memory(#[case] work: fn() -> Result<Tensor>) {
        assert!(matches!(catch(work), Err(Error::OutOfMemory { doing, .. }) if doing.is_empty()));
    }

    #[test]
    fn a_failing_operation_gives_its_first_line_only() {
        let result =
            catch(|| Ok(Tensor::zeros([2, 3], (Kind::Float, CPU)).matmul(&Tensor::zeros([2, 3], (Kind::Float, CPU)))));
        let Err(Error::Torch(text)) = result else {
            panic!("expected a complaint, got {result:?}");
        };
        assert_eq!(text, "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)");
    }

    #[test]
    fn results_pass_through() {
        assert_eq!(catch(|| Ok(7)).unwrap(), 7);
        assert!(matches!(
            catch(|| Err::<(), _>(Error::Cancelled)),
            Err(Error::Cancelled)
        ));
    }

    /// Runs the test before this one in a process of its own, to see what it prints.
    #[test]
    fn what_is_caught_prints_nothing() {
        let test = concat!(
            module_path!(),
            "::an_impossible_allocation_is_out_of_memory::case_1_infallible"
        );
        let (_crate, test) = test.split_once("::").unwrap();
        let run = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", test])
            .output()
            .unwrap();
        assert!(String::from_utf8_lossy(&run.stdout).contains("1 passed"));
        assert_eq!(String::from_utf8_lossy(&run.stderr), "");
    }

    #[test]
    fn a_panic_of_our_own_goes_on() {
        let outcome = catch_unwind(|| catch(|| -> Result<()> { std::panic::resume_unwind(Box::new("a defect")) }));
        let payload = outcome.expect_err("the panic was swallowed");
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"a defect"));
    }
}
