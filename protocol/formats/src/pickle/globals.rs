//! The names that a checkpoint may use, and what each is here: torch's constructors of tensors, its storages and number formats,
//! one container of Python's, and a few whose results are never looked at. A name alone does nothing, so any may stand in a file (as
//! the classes of a trainer's callbacks do); only what is called counts. The list is narrower than that of torch's
//! `torch.load(weights_only=True)` but for numpy's numbers, which are read as nothing.

use crate::safetensors::Dtype;

/// What a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// `collections.OrderedDict`, and `dict` made by a call.
    Dict,
    /// `torch._utils._rebuild_tensor` and `_rebuild_tensor_v2`: storage, offset, size, stride.
    Tensor,
    /// `torch._utils._rebuild_tensor_v3`: the same, the format the seventh.
    TypedTensor,
    /// `torch._utils._rebuild_parameter`: a tensor as it is.
    Parameter,
    /// `torch.Size`.
    Size,
    /// A storage of one number format; `None` is bytes whose tensors say theirs.
    Storage(Option<Dtype>),
    /// A number format.
    Dtype(Dtype),
    /// Called, it makes something that is not looked at.
    Inert,
}

/// What `module.name` is; `None` for a name that must not be called.
pub fn known(module: &str, name: &str) -> Option<Known> {
    Some(match (module, name) {
        ("collections", "OrderedDict") => Known::Dict,
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Known::Tensor,
        ("torch._utils", "_rebuild_tensor_v3") => Known::TypedTensor,
        ("torch._utils", "_rebuild_parameter") => Known::Parameter,
        ("torch.storage", "UntypedStorage") | ("torch", "UntypedStorage") => Known::Storage(None),
        ("torch", "Size") => Known::Size,
        ("torch", "device")
        | ("builtins" | "__builtin__", "set" | "frozenset" | "bytearray" | "complex")
        | ("numpy", "dtype")
        | ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar")
        | ("_codecs", "encode") => Known::Inert,
        ("torch", name) => match name.strip_suffix("Storage") {
            Some(storage) => Known::Storage(Some(of_storage(storage)?)),
            None => Known::Dtype(of_name(name)?),
        },
        _ => return None,
    })
}

fn of_storage(name: &str) -> Option<Dtype> {
    Some(match name {
        "Float" => Dtype::F32,
        "Half" => Dtype::F16,
        "BFloat16" => Dtype::BF16,
        "Double" => Dtype::F64,
        "Long" => Dtype::I64,
        "Int" => Dtype::I32,
        "Short" => Dtype::I16,
        "Char" => Dtype::I8,
        "Byte" => Dtype::U8,
        "Bool" => Dtype::Bool,
        "ComplexFloat" => Dtype::C64,
        _ => return None,
    })
}

fn of_name(name: &str) -> Option<Dtype> {
    Some(match name {
        "float32" => Dtype::F32,
        "float16" => Dtype::F16,
        "bfloat16" => Dtype::BF16,
        "float64" => Dtype::F64,
        "int64" => Dtype::I64,
        "int32" => Dtype::I32,
        "int16" => Dtype::I16,
        "int8" => Dtype::I8,
        "uint8" => Dtype::U8,
        "uint16" => Dtype::U16,
        "uint32" => Dtype::U32,
        "uint64" => Dtype::U64,
        "bool" => Dtype::Bool,
        "complex64" => Dtype::C64,
        "float8_e4m3fn" => Dtype::F8_E4M3,
        "float8_e5m2" => Dtype::F8_E5M2,
        "float8_e4m3fnuz" => Dtype::F8_E4M3Fnuz,
        "float8_e5m2fnuz" => Dtype::F8_E5M2Fnuz,
        "float8_e8m0fnu" => Dtype::F8_E8M0,
        _ => return None,
    })
}
