//! Where the time goes, operation by operation, on one thread: `examples/step.rs` prints it with `--profile`, and no program for
//! people calls it. How long the phases of a task take is measured in `worker/stopwatch.rs`.

use std::ffi::CStr;

use super::ffi;
use crate::Result;

/// What one operation of libtorch or of the shim took in a [`profile`].
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// As libtorch's dispatcher has it: `aten::group_norm`; those of the shim are `darkroom::…`.
    pub name: String,
    /// Seconds, without those of the operations inside it.
    pub seconds: f64,
    /// How often it was called.
    pub calls: u64,
}

/// Runs `work` and says what each operation took that it called on this thread, the longest first.
///
/// # Errors
/// Those of libtorch's hooks.
#[allow(unsafe_code)]
pub fn profile<T>(work: impl FnOnce() -> T) -> Result<(T, Vec<Operation>)> {
    // SAFETY: the call takes nothing and only notes things on this thread.
    ffi::check(unsafe { ffi::dk_profile_start() })?;
    let done = work();
    let mut text = std::ptr::null();
    // SAFETY: on success the pointer is to a thread-local string, which is read before the next call on this thread.
    let lines = unsafe {
        ffi::check(ffi::dk_profile_stop(&mut text))?;
        CStr::from_ptr(text).to_string_lossy()
    };
    let mut operations: Vec<_> = lines.lines().filter_map(parse).collect();
    operations.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    Ok((done, operations))
}

fn parse(line: &str) -> Option<Operation> {
    let mut fields = line.split('\t');
    Some(Operation {
        name: fields.next()?.to_owned(),
        seconds: fields.next()?.parse().ok()?,
        calls: fields.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor};

    use super::*;

    #[test]
    fn operations_are_counted_on_this_thread_while_it_runs() {
        let x = Tensor::ones([4, 4], (Kind::Float, Device::Cpu));
        let (sum, operations) = profile(|| x.matmul(&x).matmul(&x).sum(Kind::Float)).unwrap();
        assert_eq!(sum.double_value(&[]), 256.0);
        let calls = |name: &str| operations.iter().find(|o| o.name == name).map_or(0, |o| o.calls);
        assert_eq!(["aten::matmul", "aten::mm", "aten::add"].map(calls), [2, 2, 0]);
        assert!(operations.iter().all(|o| o.seconds >= 0.0));
        assert!(profile(|| ()).unwrap().1.is_empty());
    }
}
