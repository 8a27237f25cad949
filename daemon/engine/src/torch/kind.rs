//! Dtypes as libtorch's numbers and as the short names that people read. The calls in `tensor.rs`, `view.rs` and `choose.rs` pass
//! the numbers; `worker/` and `model/key.rs` write the names. Dtypes of safetensors are in `weights/dtype.rs`; which one to
//! compute in is chosen in `choose.rs`.

use std::ffi::c_int;

use tch::Kind;

/// The number of a dtype in `c10/core/ScalarType.h`.
pub(super) fn code(kind: Kind) -> c_int {
    match kind {
        Kind::Uint8 => 0,
        Kind::Int8 => 1,
        Kind::Int16 => 2,
        Kind::Int => 3,
        Kind::Int64 => 4,
        Kind::Half => 5,
        Kind::Float => 6,
        Kind::Double => 7,
        Kind::ComplexHalf => 8,
        Kind::ComplexFloat => 9,
        Kind::ComplexDouble => 10,
        Kind::Bool => 11,
        Kind::QInt8 => 12,
        Kind::QUInt8 => 13,
        Kind::QInt32 => 14,
        Kind::BFloat16 => 15,
        Kind::Float8e5m2 => 23,
        Kind::Float8e4m3fn => 24,
        Kind::Float8e5m2fnuz => 25,
        Kind::Float8e4m3fnuz => 26,
    }
}

/// The short name of a dtype that a person writes: `f32`, `bf16`, `f16`, `f64`; torch's own for the others.
pub fn kind_name(kind: Kind) -> String {
    match kind {
        Kind::Float => "f32".to_owned(),
        Kind::BFloat16 => "bf16".to_owned(),
        Kind::Half => "f16".to_owned(),
        Kind::Double => "f64".to_owned(),
        other => format!("{other:?}").to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::torch::{Device, kind_of, zeros};

    /// The codes are libtorch's: it makes a tensor of each and says the same kind back.
    #[test]
    fn codes_are_those_of_libtorch() {
        use Kind::*;
        for kind in [
            Uint8,
            Int8,
            Int16,
            Int,
            Int64,
            Half,
            Float,
            Double,
            ComplexFloat,
            ComplexDouble,
            Bool,
            BFloat16,
            Float8e5m2,
            Float8e4m3fn,
            Float8e5m2fnuz,
            Float8e4m3fnuz,
        ] {
            let tensor = zeros(&[1], kind, Device::Cpu).unwrap();
            assert_eq!(tensor.kind(), kind);
            assert_eq!(kind_of(&tensor).unwrap(), kind);
        }
    }
}
