//! The element types of the safetensors format: their names in a header, and the bits of one element. `header.rs` parses them,
//! the engine translates them into torch's (`weights/dtype.rs`). The `Dtype` that a person asks for with `--dtype` is another
//! one, in `protocol/src/device.rs`.

use std::fmt;
use std::str::FromStr;

/// How the elements of a stored tensor are encoded, little endian.
///
/// The list is that of the safetensors format, version 0.8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(non_camel_case_types)]
pub enum Dtype {
    /// One byte, 0 or 1.
    Bool,
    /// OCP MX 4-bit float, two to a byte.
    F4,
    /// OCP MX 6-bit float, 2 bits of exponent.
    F6_E2M3,
    /// OCP MX 6-bit float, 3 bits of exponent.
    F6_E3M2,
    /// Unsigned byte.
    U8,
    /// Signed byte.
    I8,
    /// 8-bit float, 5 bits of exponent.
    F8_E5M2,
    /// 8-bit float, 4 bits of exponent.
    F8_E4M3,
    /// 8-bit power of two: the scale of a block.
    F8_E8M0,
    /// `F8_E4M3` without negative zero.
    F8_E4M3Fnuz,
    /// `F8_E5M2` without negative zero.
    F8_E5M2Fnuz,
    /// 16-bit signed integer.
    I16,
    /// 16-bit unsigned integer.
    U16,
    /// IEEE half precision.
    F16,
    /// bfloat16: f32's range in 16 bits.
    BF16,
    /// 32-bit signed integer.
    I32,
    /// 32-bit unsigned integer.
    U32,
    /// IEEE single precision.
    F32,
    /// Complex of two `F32`.
    C64,
    /// IEEE double precision.
    F64,
    /// 64-bit signed integer.
    I64,
    /// 64-bit unsigned integer.
    U64,
}

impl Dtype {
    /// Every encoding with its name in the file and the bits of one element.
    pub const ALL: [(Self, &'static str, u32); 22] = [
        (Self::Bool, "BOOL", 8),
        (Self::F4, "F4", 4),
        (Self::F6_E2M3, "F6_E2M3", 6),
        (Self::F6_E3M2, "F6_E3M2", 6),
        (Self::U8, "U8", 8),
        (Self::I8, "I8", 8),
        (Self::F8_E5M2, "F8_E5M2", 8),
        (Self::F8_E4M3, "F8_E4M3", 8),
        (Self::F8_E8M0, "F8_E8M0", 8),
        (Self::F8_E4M3Fnuz, "F8_E4M3FNUZ", 8),
        (Self::F8_E5M2Fnuz, "F8_E5M2FNUZ", 8),
        (Self::I16, "I16", 16),
        (Self::U16, "U16", 16),
        (Self::F16, "F16", 16),
        (Self::BF16, "BF16", 16),
        (Self::I32, "I32", 32),
        (Self::U32, "U32", 32),
        (Self::F32, "F32", 32),
        (Self::C64, "C64", 64),
        (Self::F64, "F64", 64),
        (Self::I64, "I64", 64),
        (Self::U64, "U64", 64),
    ];

    /// The name in the file, for instance `BF16`.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// Bits of one element: 4 to 64.
    pub fn size_bits(self) -> u32 {
        Self::ALL[self as usize].2
    }

    /// Bytes of `elements` elements; `None` when they do not end on a whole byte or do not fit 64 bits.
    pub fn bytes(self, elements: u64) -> Option<u64> {
        let bits = elements.checked_mul(u64::from(self.size_bits()))?;
        bits.is_multiple_of(8).then_some(bits / 8)
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name is none that the format knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such element type in safetensors")]
pub struct UnknownDtype;

impl FromStr for Dtype {
    type Err = UnknownDtype;

    fn from_str(name: &str) -> Result<Self, UnknownDtype> {
        Self::ALL
            .iter()
            .find(|(_, known, _)| *known == name)
            .map(|(dtype, ..)| *dtype)
            .ok_or(UnknownDtype)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum_and_agrees_with_the_safetensors_crate() {
        for (index, (dtype, name, bits)) in Dtype::ALL.into_iter().enumerate() {
            assert_eq!(dtype as usize, index);
            assert_eq!(name.parse(), Ok(dtype));
            let theirs: ::safetensors::Dtype = serde_json::from_value(name.into()).unwrap();
            assert_eq!(theirs.bitsize(), bits as usize, "{name}");
        }
    }

    #[test]
    fn bytes_are_whole_and_never_overflow() {
        assert_eq!(Dtype::F4.bytes(2), Some(1));
        assert_eq!(Dtype::F4.bytes(3), None);
        assert_eq!(Dtype::F32.bytes(u64::MAX / 8), None);
        assert_eq!("f32".parse::<Dtype>(), Err(UnknownDtype));
    }
}
