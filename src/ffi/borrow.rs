//! From C arguments to borrowed Rust values: every check of a pointer is here.

use crate::error::{Error, ErrorKind, Result};
use std::ffi::{c_char, CStr};
use std::mem::{align_of, size_of, MaybeUninit};
use std::ops::Range;
use std::path::Path;
use std::slice;
use std::sync::atomic::AtomicI32;
use std::time::Duration;

/// The largest options struct that is looked at: more is garbage, not a newer version.
const LARGEST_OPTIONS: usize = 4096;

/// A struct of options of the ABI.
///
/// # Safety
/// Every byte pattern is a valid value (integers, nullable pointers, nullable functions), all-zero means the
/// defaults, and the first field is `size_t struct_size`.
pub(super) unsafe trait OptionsStruct: Copy {
    /// Its name in the header.
    const NAME: &'static str;
    /// Its size in version 1 of the ABI.
    const SIZE_V1: usize;
    /// Bytes between its fields, from and to, on systems of 32 bits that align 64-bit numbers to 8 bytes:
    /// written as zero.
    const PADDING: (usize, usize) = (0, 0);
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

/// Reads options written by an older, the same or a newer version of the header; NULL gives the defaults.
///
/// # Safety
/// `options` is NULL or valid for reading as many bytes as its first field says.
pub(super) unsafe fn options<T: OptionsStruct>(options: *const T) -> Result<T> {
    let mut value = MaybeUninit::uninit();
    // SAFETY: the caller's promise.
    unsafe { read_options(options, &mut value).copied() }
}

/// The same, into a place from which they need not be moved.
///
/// # Safety
/// As for [`options`].
#[inline]
pub(super) unsafe fn read_options<T: OptionsStruct>(
    options: *const T,
    value: &mut MaybeUninit<T>,
) -> Result<&T> {
    *value = MaybeUninit::zeroed();
    if !options.is_null() {
        // SAFETY: the struct begins with its size.
        let size = unsafe { options.cast::<usize>().read_unaligned() };
        // SAFETY: `value` is a T, `options` is valid for `size` bytes.
        unsafe { copy_sized::<T>(options.cast(), size, value.as_mut_ptr().cast())? };
    }
    // SAFETY: zeroed, then overwritten by bytes of a T; OptionsStruct says that any bytes are a valid T.
    Ok(unsafe { value.assume_init_ref() })
}

/// Copies the known part of a sized struct, and insists that the unknown part asks for nothing.
///
/// # Safety
/// `from` is valid for reading `size` bytes, `to` for writing a T.
unsafe fn copy_sized<T: OptionsStruct>(from: *const u8, size: usize, to: *mut u8) -> Result<()> {
    check_size::<T>(size)?;
    let known = size.min(size_of::<T>());
    // SAFETY: both are valid for `known` bytes and cannot overlap: `to` is ours.
    unsafe { std::ptr::copy_nonoverlapping(from, to, known) };
    // SAFETY: valid for `size` bytes by contract.
    let tail = unsafe { slice::from_raw_parts(from.add(known), size - known) };
    if tail.iter().any(|&byte| byte != 0) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("{}: a field that this version of fastpar does not know is set", T::NAME),
        ));
    }
    Ok(())
}

/// Checks the first field of a sized struct.
pub(super) fn check_size<T: OptionsStruct>(size: usize) -> Result<()> {
    if size < T::SIZE_V1 || size > LARGEST_OPTIONS {
        return Err(invalid(format!(
            "{}.struct_size is {size}, expected {} (sizeof the struct)",
            T::NAME,
            size_of::<T>()
        )));
    }
    Ok(())
}

/// Borrows an input buffer; (NULL, 0) is the empty one.
///
/// # Safety
/// `data` is NULL or valid for reading `len` bytes, unchanged for `'a`.
pub(super) unsafe fn input<'a>(data: *const u8, len: usize, name: &str) -> Result<&'a [u8]> {
    check_buffer(data, len, name)?;
    // SAFETY: not NULL, at most isize::MAX, and valid by contract.
    Ok(if len == 0 { &[] } else { unsafe { slice::from_raw_parts(data, len) } })
}

/// Borrows an output buffer, of which nothing is assumed to be initialised; (NULL, 0) is the empty one.
///
/// # Safety
/// `data` is NULL or valid for writing `len` bytes, and not used otherwise for `'a`.
pub(super) unsafe fn output<'a>(data: *mut u8, len: usize, name: &str) -> Result<&'a mut [MaybeUninit<u8>]> {
    check_buffer(data, len, name)?;
    // SAFETY: not NULL, at most isize::MAX, and valid by contract.
    Ok(if len == 0 { &mut [] } else { unsafe { slice::from_raw_parts_mut(data.cast(), len) } })
}

/// Borrows a buffer whose bytes are read and written; (NULL, 0) is the empty one.
///
/// # Safety
/// `data` is NULL or valid for reading and writing `len` bytes, and not used otherwise for `'a`.
pub(super) unsafe fn in_place<'a>(data: *mut u8, len: usize, name: &str) -> Result<&'a mut [u8]> {
    check_buffer(data, len, name)?;
    // SAFETY: not NULL, at most isize::MAX, and valid by contract.
    Ok(if len == 0 { &mut [] } else { unsafe { slice::from_raw_parts_mut(data, len) } })
}

fn check_buffer(data: *const u8, len: usize, name: &str) -> Result<()> {
    if data.is_null() && len > 0 {
        return Err(invalid(format!("{name} is NULL, but its length is {len}")));
    }
    // No object is larger (C's PTRDIFF_MAX), and none reaches past the end of the address space.
    if len > isize::MAX as usize || (data as usize).checked_add(len).is_none() {
        return Err(invalid(format!("{name}: a length of {len} bytes is more than any buffer can have")));
    }
    Ok(())
}

/// Where a buffer lies, without borrowing it.
pub(super) fn addresses(data: *const u8, len: usize, name: &str) -> Result<Range<usize>> {
    check_buffer(data, len, name)?;
    Ok(data as usize..data as usize + len)
}

/// Refuses two buffers that share a byte.
pub(super) fn disjoint(a: (&[u8], &str), b: (&[MaybeUninit<u8>], &str)) -> Result<()> {
    let first = a.0.as_ptr() as usize..a.0.as_ptr() as usize + a.0.len();
    let second = b.0.as_ptr() as usize..b.0.as_ptr() as usize + b.0.len();
    if !first.is_empty() && !second.is_empty() && first.start < second.end && second.start < first.end {
        return Err(invalid(format!("{} and {} overlap", a.1, b.1)));
    }
    Ok(())
}

/// A pointer to one result, which may be misaligned.
pub(super) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// Takes an output that must not be NULL.
    ///
    /// # Safety
    /// `place` is NULL or valid for writing a T for as long as the value lives.
    pub(super) unsafe fn new(place: *mut T, name: &str) -> Result<Self> {
        if place.is_null() {
            return Err(invalid(format!("{name} is NULL")));
        }
        Ok(Self(place))
    }

    /// Writes the result.
    pub(super) fn set(&self, value: T) {
        // SAFETY: not NULL and valid for writing, by the contract of `new`.
        unsafe { self.0.write_unaligned(value) };
    }
}

/// Writes the number of bytes written, or the size that would have been enough, or 0.
pub(super) fn set_written(written: &Out<usize>, result: Result<usize>) -> Result<()> {
    let size = match &result {
        Ok(size) => *size,
        Err(error) if error.kind() == ErrorKind::BufferTooSmall => {
            error.needed().and_then(|needed| usize::try_from(needed).ok()).unwrap_or(0)
        }
        Err(_) => 0,
    };
    written.set(size);
    result.map(drop)
}

/// A path of the caller's: UTF-8 on Windows, bytes elsewhere, as names are there.
///
/// # Safety
/// `path` is NULL or a C string that lives for `'a`.
pub(super) unsafe fn path<'a>(path: *const c_char, name: &str) -> Result<&'a Path> {
    if path.is_null() {
        return Err(invalid(format!("{name} is NULL")));
    }
    // SAFETY: not NULL, and a C string by the caller's promise.
    let bytes = unsafe { CStr::from_ptr(path) }.to_bytes();
    if bytes.is_empty() {
        return Err(invalid(format!("{name} is empty")));
    }
    #[cfg(unix)]
    return Ok(Path::new(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes)));
    #[cfg(not(unix))]
    match std::str::from_utf8(bytes) {
        Ok(path) => Ok(Path::new(path)),
        Err(_) => Err(invalid(format!("{name} is not UTF-8"))),
    }
}

/// A timeout in milliseconds; UINT64_MAX waits for ever.
pub(super) fn timeout(milliseconds: u64) -> Option<Duration> {
    (milliseconds != u64::MAX).then(|| Duration::from_millis(milliseconds))
}

/// Writes a result that the caller may not want.
///
/// # Safety
/// `place` is NULL or valid for writing a T.
pub(super) unsafe fn set_if_wanted<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: not NULL, and valid by the caller's promise.
        unsafe { place.write_unaligned(value) };
    }
}

/// Borrows the name of a call.
///
/// # Safety
/// `name` is NULL, or a text that ends with 0 and lives for `'a`.
pub(super) unsafe fn name<'a>(name: *const c_char) -> Option<&'a CStr> {
    // SAFETY: the caller's promise.
    (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) })
}

/// Borrows the cancel flag of a call.
///
/// # Safety
/// `flag` is NULL, or points to an int32_t that lives for `'a` and is written through `fastpar_cancel` (or as
/// an atomic).
pub(super) unsafe fn cancel_flag<'a>(flag: *const i32) -> Result<Option<&'a AtomicI32>> {
    if flag.is_null() {
        return Ok(None);
    }
    if flag as usize % align_of::<AtomicI32>() != 0 {
        return Err(invalid("cancel is not aligned to 4 bytes".into()));
    }
    // SAFETY: aligned, not NULL, alive by contract; an AtomicI32 has the layout of an i32.
    Ok(Some(unsafe { &*flag.cast::<AtomicI32>() }))
}

/// A place for a struct that begins with its size, as the caller knows it.
pub(super) struct SizedOut<T> {
    place: *mut T,
    size: usize,
}

/// Takes a struct to be filled; its first field says how much of it the caller knows.
///
/// # Safety
/// `place` is NULL or valid for reading and writing as many bytes as its first field says, as long as the
/// value lives.
pub(super) unsafe fn sized_output<T: OptionsStruct>(place: *mut T, name: &str) -> Result<SizedOut<T>> {
    if place.is_null() {
        return Err(invalid(format!("{name} is NULL")));
    }
    // SAFETY: not NULL, and begins with its size.
    let size = unsafe { place.cast::<usize>().read_unaligned() };
    check_size::<T>(size)?;
    Ok(SizedOut { place, size })
}

impl<T: OptionsStruct> SizedOut<T> {
    /// Fills the part that the caller knows; a newer caller's unknown fields become zero.
    pub(super) fn set(&self, value: impl FnOnce(usize) -> T) {
        let value = value(self.size);
        let known = self.size.min(size_of::<T>());
        // SAFETY: valid for `size` bytes by the contract of `sized_output`; `value` is ours.
        unsafe {
            std::ptr::copy_nonoverlapping(std::ptr::from_ref(&value).cast::<u8>(), self.place.cast(), known);
            self.place.cast::<u8>().add(known).write_bytes(0, self.size - known);
            // Nothing of this stack goes to the caller between the fields.
            let (from, to) = (T::PADDING.0.min(known), T::PADDING.1.min(known));
            self.place.cast::<u8>().add(from).write_bytes(0, to - from);
        }
    }
}
