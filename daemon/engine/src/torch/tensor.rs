//! Single tensors where `tch` is wrong or silent: on devices that it has no name for, from bytes, with the channels innermost,
//! copied to stay beside the weights. `weights/`, `nn/`, `pipeline/` and the families' prompts use it. Tensors over memory that
//! is not their own are in `view.rs`; operations of layers are `tch`'s or in `fast.rs`, `fused.rs` and `wide.rs`.

use tch::{Kind, Tensor};

use super::ffi::{self, produce};
use super::memory::present;
use super::{Device, kind};
use crate::{Error, Result};

/// The tensor on `device` as `kind`. Nothing is copied when it is already both.
///
/// # Errors
/// [`Error::OutOfMemory`]; [`Error::Torch`] when the device is not there.
#[allow(unsafe_code)]
pub fn to(tensor: &Tensor, device: Device, kind: Kind) -> Result<Tensor> {
    let (code, index) = present(device)?;
    // SAFETY: the pointer is that of a live tensor, which the call only reads.
    produce(|out| unsafe { ffi::dk_to(tensor.as_ptr(), kind::code(kind), code, index, out) })
}

/// The tensor as `kind`, where it is: nothing is copied when it is that already. On the CPU a copy lies among the memory of what
/// stays, so that it does not split what the steps of a picture use over and over.
///
/// # Errors
/// [`Error::OutOfMemory`].
#[allow(unsafe_code)]
pub fn keep(tensor: &Tensor, kind: Kind) -> Result<Tensor> {
    // SAFETY: the pointer is that of a live tensor, which the call only reads.
    produce(|out| unsafe { ffi::dk_keep(tensor.as_ptr(), kind::code(kind), out) })
}

/// Where a tensor is. Right also for devices that `tch` does not know.
///
/// # Errors
/// [`Error::Unsupported`] for a device type that the engine has no name for.
#[allow(unsafe_code)]
pub fn device_of(tensor: &Tensor) -> Result<Device> {
    let (mut code, mut index) = (0, 0);
    // SAFETY: the pointers are to a live tensor and to two local integers.
    ffi::check(unsafe { ffi::dk_device_of(tensor.as_ptr(), &mut code, &mut index) })?;
    Device::from_code(code, index)
        .ok_or_else(|| Error::Unsupported(format!("Tensors on device type {code} of libtorch are not supported.")))
}

/// The bytes of a tensor's own numbers.
pub fn bytes_of(tensor: &Tensor) -> u64 {
    tensor.numel() as u64 * tensor.kind().elt_size_in_bytes() as u64
}

/// The dtype of a tensor.
///
/// # Errors
/// [`Error::Unsupported`] for a dtype that `tch` has no name for.
#[allow(unsafe_code)]
pub fn kind_of(tensor: &Tensor) -> Result<Kind> {
    let mut code = 0;
    // SAFETY: the pointers are to a live tensor and to a local integer.
    ffi::check(unsafe { ffi::dk_kind_of(tensor.as_ptr(), &mut code) })?;
    tensor
        .f_kind()
        .map_err(|_| Error::Unsupported(format!("Tensors of dtype {code} of libtorch are not supported.")))
}

/// Zeros of `size` on any device.
///
/// # Errors
/// [`Error::OutOfMemory`]; [`Error::Torch`] when the device is not there.
#[allow(unsafe_code)]
pub fn zeros(size: &[i64], kind: Kind, device: Device) -> Result<Tensor> {
    let (code, index) = present(device)?;
    // SAFETY: size and its length belong together; the call only reads them.
    produce(|out| unsafe { ffi::dk_zeros(size.as_ptr(), size.len(), kind::code(kind), code, index, out) })
}

/// The same values with the channels innermost in memory (`[batch, channels, height, width]` stays the shape).
///
/// Convolutions, group norms and element-wise operations keep the layout.
///
/// # Errors
/// [`Error::Torch`] unless the tensor has four dimensions; [`Error::OutOfMemory`].
#[allow(unsafe_code)]
pub fn channels_last(tensor: &Tensor) -> Result<Tensor> {
    // SAFETY: the pointer is that of a live tensor, which the call only reads.
    produce(|out| unsafe { ffi::dk_channels_last(tensor.as_ptr(), out) })
}

/// A tensor of `size` with a copy of `bytes`, little endian, elements of `kind` in row-major order, on the CPU.
///
/// The way for bf16: `Tensor::from_slice::<half::bf16>` takes the bits for those of f16.
///
/// # Errors
/// [`Error::Torch`] when the number of bytes is not that of the size; [`Error::OutOfMemory`].
pub fn from_bytes(bytes: &[u8], size: &[i64], kind: Kind) -> Result<Tensor> {
    let needed = super::view::bytes_of(size, kind);
    if needed != Some(bytes.len()) {
        return Err(Error::Torch(format!(
            "{} bytes are not a tensor of {size:?} {}",
            bytes.len(),
            super::kind_name(kind)
        )));
    }
    Ok(Tensor::f_from_data_size(bytes, size, kind)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meta_is_a_device_that_tch_does_not_know() {
        let tensor = zeros(&[1 << 20, 1 << 20], Kind::BFloat16, Device::Meta).unwrap();
        assert_eq!(device_of(&tensor).unwrap(), Device::Meta);
        assert_eq!(tensor.size(), [1 << 20, 1 << 20]);
        assert_eq!(
            tensor.device(),
            tch::Device::Mps,
            "tch reads unknown devices right now: drop device_of"
        );

        let moved = to(
            &zeros(&[2, 3], Kind::Float, Device::Cpu).unwrap(),
            Device::Meta,
            Kind::Half,
        )
        .unwrap();
        assert_eq!(
            (device_of(&moved).unwrap(), kind_of(&moved).unwrap()),
            (Device::Meta, Kind::Half)
        );
        assert!(matches!(to(&moved, Device::Cpu, Kind::Half), Err(Error::Torch(_))));
    }

    #[test]
    fn a_device_without_its_backend_is_an_error() {
        let tensor = zeros(&[1], Kind::Float, Device::Cpu).unwrap();
        let text = to(&tensor, Device::Xpu(200), Kind::Float).unwrap_err().to_string();
        assert!(text.contains("no device xpu:200 here"), "{text}");
        assert!(zeros(&[1], Kind::Float, Device::Cuda(200)).is_err());
    }

    #[test]
    fn to_copies_nothing_without_need() {
        let tensor = zeros(&[4], Kind::Float, Device::Cpu).unwrap();
        assert_eq!(
            to(&tensor, Device::Cpu, Kind::Float).unwrap().data_ptr(),
            tensor.data_ptr()
        );
        assert_ne!(
            to(&tensor, Device::Cpu, Kind::Double).unwrap().data_ptr(),
            tensor.data_ptr()
        );
    }

    #[test]
    fn bf16_bytes_keep_their_values() {
        let values = [1.0f32, -2.5, 0.15625, 3.0e38];
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|v| half::bf16::from_f32(*v).to_le_bytes())
            .collect();
        let tensor = from_bytes(&bytes, &[2, 2], Kind::BFloat16).unwrap();
        let read = Vec::<f64>::try_from(tensor.to_kind(Kind::Double).flatten(0, 1)).unwrap();
        let expected: Vec<f64> = values.iter().map(|v| half::bf16::from_f32(*v).to_f64()).collect();
        assert_eq!(read, expected);
        assert!(from_bytes(&bytes, &[3], Kind::BFloat16).is_err());
        assert!(from_bytes(&bytes, &[-2, -2], Kind::BFloat16).is_err());
    }

    #[test]
    fn channels_last_changes_strides_only() {
        let tensor = Tensor::arange(24, (Kind::Float, tch::Device::Cpu)).reshape([1, 2, 3, 4]);
        let turned = channels_last(&tensor).unwrap();
        assert_eq!(turned.size(), tensor.size());
        assert_eq!(turned.stride(), [24, 1, 8, 2]);
        assert!(turned.equal(&tensor));
        assert!(matches!(channels_last(&tensor.flatten(0, 3)), Err(Error::Torch(_))));
    }
}
