//! Tensors over a mapped file or over bytes of the program, without a copy, and the pages of a file given back to the system.
//! `weights/origin.rs` makes them of the `Bytes` that `weights/source.rs` opens and `weights/files.rs` holds. Mapping a file and
//! finding a tensor in it is done in `weights/files.rs`.

use std::any::Any;
use std::ffi::c_void;
use std::ops::Range;
use std::sync::Arc;

use tch::{Kind, Tensor};

use super::{ffi, kind};
use crate::{Error, Result};

/// Memory that tensors may look into: it never moves or changes while this lives.
///
/// Cheap to clone; every view holds a clone.
#[derive(Clone)]
pub struct Bytes {
    data: *const u8,
    len: usize,
    mapped: bool,
    // Held, never looked at: `data` points into it.
    _owner: Arc<dyn Any + Send + Sync>,
}

#[allow(unsafe_code)]
// SAFETY: the memory is only read, and the owner may be sent and shared.
unsafe impl Send for Bytes {}
#[allow(unsafe_code)]
// SAFETY: as above.
unsafe impl Sync for Bytes {}

impl Bytes {
    /// A mapped file.
    pub fn mapped(map: memmap2::Mmap) -> Self {
        let owner = Arc::new(map);
        Self {
            data: owner.as_ptr(),
            len: owner.len(),
            mapped: true,
            _owner: owner,
        }
    }

    /// Bytes that are part of the program.
    pub fn fixed(bytes: &'static [u8]) -> Self {
        Self {
            data: bytes.as_ptr(),
            len: bytes.len(),
            mapped: false,
            _owner: Arc::new(()),
        }
    }

    /// Gives a mapped file's memory back to the system. It is read again when it is needed.
    pub fn rest(&self) {
        self.release_pages(&(0..self.len));
    }

    /// Gives the whole pages inside `range` of a mapped file back to the system. They are read again when they are needed.
    #[cfg(unix)]
    #[allow(unsafe_code)]
    pub fn release_pages(&self, range: &Range<usize>) {
        // SAFETY: asks for a number.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(1 << 16);
        let base = self.data.addr();
        let (begin, end) = (
            (base + range.start).next_multiple_of(page),
            (base + range.end) / page * page,
        );
        if self.mapped && begin < end {
            let first = self.data.wrapping_add(begin - base).cast_mut().cast();
            // SAFETY: the pages lie inside a read-only mapping of a file, which `_owner` keeps: whoever reads them next gets
            // the file's bytes again. A refusal changes nothing.
            unsafe { libc::madvise(first, end - begin, libc::MADV_DONTNEED) };
        }
    }

    #[cfg(not(unix))]
    pub fn release_pages(&self, _: &Range<usize>) {}

    /// All bytes.
    #[allow(unsafe_code)]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: data and len are those of the mapping or static that `_owner` keeps alive.
        unsafe { std::slice::from_raw_parts(self.data, self.len) }
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bytes({})", self.len)
    }
}

/// What a tensor looks at. When the tensor goes, its part of a mapped file leaves memory: a weight that was packed or converted
/// is there once, not twice.
struct View {
    bytes: Bytes,
    range: Range<usize>,
}

impl Drop for View {
    fn drop(&mut self) {
        self.bytes.release_pages(&self.range);
    }
}

/// The number of bytes of a dense tensor; `None` when a dimension is negative or the product too large.
pub(super) fn bytes_of(size: &[i64], kind: Kind) -> Option<usize> {
    size.iter().try_fold(kind.elt_size_in_bytes(), |bytes, n| {
        bytes.checked_mul(usize::try_from(*n).ok()?)
    })
}

/// A tensor over `range` of `bytes`, row-major, little endian, without a copy. `None` when the start is not aligned for
/// the dtype, then the caller copies.
///
/// The tensor keeps the memory alive. It is read-only: an operation that writes into it ends the process.
///
/// # Errors
/// [`Error::Torch`] when the range is not inside the bytes or not exactly as long as size and dtype need.
#[allow(unsafe_code)]
pub fn view(bytes: &Bytes, range: Range<usize>, size: &[i64], kind: Kind) -> Result<Option<Tensor>> {
    let part = bytes.as_slice().get(range.clone());
    let Some(part) = part.filter(|part| Some(part.len()) == bytes_of(size, kind)) else {
        return Err(Error::Torch(format!(
            "bytes {range:?} of {} are not a tensor of {size:?} {}",
            bytes.len,
            super::kind_name(kind)
        )));
    };
    if !part.as_ptr().addr().is_multiple_of(kind.elt_size_in_bytes()) {
        return Ok(None);
    }
    let owner = Box::into_raw(Box::new(View {
        bytes: bytes.clone(),
        range,
    }));
    // SAFETY: the range was checked against the memory and the size against the range; `owner` keeps the memory alive
    // until `release`, which the shim calls exactly once, also when it fails.
    let tensor = ffi::produce(|out| unsafe {
        ffi::dk_view_of(
            part.as_ptr().cast_mut().cast(),
            size.as_ptr(),
            size.len(),
            kind::code(kind),
            owner.cast(),
            release,
            out,
        )
    })?;
    Ok(Some(tensor))
}

#[allow(unsafe_code)]
extern "C" fn release(owner: *mut c_void) {
    // SAFETY: the pointer is that of `Box::into_raw` in `view`, given back exactly once.
    drop(unsafe { Box::from_raw(owner.cast::<View>()) });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(align(8))]
    struct Aligned([u8; 24]);
    static DATA: Aligned = Aligned([
        0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0,
    ]);

    #[test]
    fn a_view_is_the_memory_itself() {
        let bytes = Bytes::fixed(&DATA.0);
        let tensor = view(&bytes, 0..12, &[3, 1], Kind::Float).unwrap().unwrap();
        assert_eq!(tensor.data_ptr().addr(), DATA.0.as_ptr().addr());
        assert_eq!(Vec::<f32>::try_from(tensor.flatten(0, 1)).unwrap(), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn unaligned_bytes_are_no_view_and_wrong_ranges_an_error() {
        let bytes = Bytes::fixed(&DATA.0);
        assert!(view(&bytes, 12..20, &[1], Kind::Int64).unwrap().is_none());
        assert!(view(&bytes, 0..12, &[4], Kind::Float).is_err());
        assert!(view(&bytes, 16..28, &[3], Kind::Float).is_err());
        assert!(view(&bytes, 0..0, &[-1, 0], Kind::Float).is_err());
    }

    /// Resident bytes of the mapping that holds `address`.
    #[cfg(target_os = "linux")]
    fn resident(address: usize) -> u64 {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut inside = false;
        for line in maps.lines() {
            let head = line.split(' ').next().unwrap();
            if let Some((begin, end)) = head.split_once('-') {
                let number = |text| usize::from_str_radix(text, 16).unwrap();
                inside = (number(begin)..number(end)).contains(&address);
            } else if let Some(rest) = line.strip_prefix("Rss:").filter(|_| inside) {
                return rest.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024;
            }
        }
        panic!("no mapping holds {address:x}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_view_that_goes_leaves_memory_and_the_file_stays_readable() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![7u8; 1 << 20]).unwrap();
        #[allow(unsafe_code)]
        // SAFETY: nobody else knows the file.
        let bytes = Bytes::mapped(unsafe { memmap2::Mmap::map(file.as_file()) }.unwrap());
        let address = bytes.as_slice().as_ptr().addr();
        let sum = |tensor: &Tensor| tensor.sum(Kind::Int64).int64_value(&[]);
        let tensor = view(&bytes, 100..1 << 20, &[(1 << 20) - 100], Kind::Uint8)
            .unwrap()
            .unwrap();
        assert_eq!(sum(&tensor), 7 * ((1 << 20) - 100));
        assert!(resident(address) > 1 << 19);
        drop(tensor);
        assert!(resident(address) < 1 << 17, "{}", resident(address));
        let again = view(&bytes, 0..1 << 20, &[1 << 20], Kind::Uint8).unwrap().unwrap();
        assert_eq!(sum(&again), 7 << 20);
        bytes.rest();
        assert!(resident(address) < 1 << 17, "{}", resident(address));
        assert_eq!(sum(&again), 7 << 20);
    }

    #[test]
    fn the_memory_lives_as_long_as_its_last_view() {
        let bytes = Bytes::fixed(&DATA.0);
        let owner = Arc::downgrade(&bytes._owner);
        let tensor = view(&bytes, 0..0, &[0, 7], Kind::Float).unwrap().unwrap();
        let other = view(&bytes, 0..8, &[2], Kind::Float).unwrap().unwrap();
        drop(bytes);
        drop(tensor);
        assert!(owner.upgrade().is_some());
        let part = other.narrow(0, 1, 1);
        drop(other);
        assert!(owner.upgrade().is_some());
        drop(part);
        assert!(owner.upgrade().is_none());
    }
}
