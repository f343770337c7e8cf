//! Group "sorting": records of any size, by typed keys.

use super::borrow::{self, Out};
use super::guard::guard;
use super::loops::{fastpar_loop_options, LoopArguments};
use super::status::{fastpar_error, fastpar_status};
use crate::error::{Error, ErrorKind, Result};
use crate::sort::{self, Format, Key, KeyType, MAX_KEYS};
use std::ffi::c_void;

/// `fastpar_sort_key.type`: `uint8_t`.
pub const FASTPAR_U8: u32 = 1;
/// `fastpar_sort_key.type`: `uint16_t`.
pub const FASTPAR_U16: u32 = 2;
/// `fastpar_sort_key.type`: `uint32_t`.
pub const FASTPAR_U32: u32 = 3;
/// `fastpar_sort_key.type`: `uint64_t`.
pub const FASTPAR_U64: u32 = 4;
/// `fastpar_sort_key.type`: `int8_t`.
pub const FASTPAR_I8: u32 = 5;
/// `fastpar_sort_key.type`: `int16_t`.
pub const FASTPAR_I16: u32 = 6;
/// `fastpar_sort_key.type`: `int32_t`.
pub const FASTPAR_I32: u32 = 7;
/// `fastpar_sort_key.type`: `int64_t`.
pub const FASTPAR_I64: u32 = 8;
/// `fastpar_sort_key.type`: `float`, by IEEE total order: -NaN, -infinity, ..., -0.0, 0.0, ...,
/// infinity, NaN.
pub const FASTPAR_F32: u32 = 9;
/// `fastpar_sort_key.type`: `double`, by IEEE total order.
pub const FASTPAR_F64: u32 = 10;
/// `fastpar_sort_key.type`: bytes, which compare as by `memcmp`. `flags >> 8` is how many.
pub const FASTPAR_BYTES: u32 = 11;

/// `fastpar_sort_key.flags`: large ones first.
pub const FASTPAR_SORT_DESCENDING: u32 = 1;

/// A part of a record that it is sorted by.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_sort_key {
    /// Bytes of the record before it. It need not be aligned.
    pub offset: usize,
    /// FASTPAR_U8 to FASTPAR_BYTES; numbers have the byte order of the machine.
    pub r#type: u32,
    /// FASTPAR_SORT_DESCENDING, or 0. For FASTPAR_BYTES also the number of bytes, 1 to 16,777,215,
    /// shifted left by 8.
    pub flags: u32,
}

fn invalid<T>(message: String) -> Result<T> {
    Err(Error::new(ErrorKind::InvalidArgument, message))
}

/// A type of the ABI in the core's form; FASTPAR_BYTES has so many.
pub(super) fn kind_of(kind: u32, bytes: usize) -> Option<KeyType> {
    Some(match kind {
        FASTPAR_U8 => KeyType::U8,
        FASTPAR_U16 => KeyType::U16,
        FASTPAR_U32 => KeyType::U32,
        FASTPAR_U64 => KeyType::U64,
        FASTPAR_I8 => KeyType::I8,
        FASTPAR_I16 => KeyType::I16,
        FASTPAR_I32 => KeyType::I32,
        FASTPAR_I64 => KeyType::I64,
        FASTPAR_F32 => KeyType::F32,
        FASTPAR_F64 => KeyType::F64,
        FASTPAR_BYTES => KeyType::Bytes(bytes),
        _ => return None,
    })
}

/// A key in the core's form.
fn key_of(index: usize, raw: &fastpar_sort_key) -> Result<Key> {
    let Some(kind) = kind_of(raw.r#type, (raw.flags >> 8) as usize) else {
        return invalid(format!(
            "keys[{index}].type is {}, expected FASTPAR_U8 (1) to FASTPAR_BYTES (11)",
            raw.r#type
        ));
    };
    let known = FASTPAR_SORT_DESCENDING | if raw.r#type == FASTPAR_BYTES { !0xff } else { 0 };
    if raw.flags & !known != 0 {
        return invalid(format!(
            "keys[{index}].flags is {:#x}, expected FASTPAR_SORT_DESCENDING (1) or 0, and the number of bytes \
             << 8 for FASTPAR_BYTES only",
            raw.flags
        ));
    }
    Ok(Key { offset: raw.offset, kind, descending: raw.flags & FASTPAR_SORT_DESCENDING != 0 })
}

/// Reads and checks what records look like.
///
/// # Safety
/// `keys` is NULL or valid for reading `keys_count` keys.
pub(super) unsafe fn format_of(
    count: usize,
    record_size: usize,
    keys: *const fastpar_sort_key,
    keys_count: usize,
) -> Result<Format> {
    if keys.is_null() {
        return invalid("keys is NULL".into());
    }
    if keys_count == 0 || keys_count > MAX_KEYS {
        return invalid(format!("keys_count is {keys_count}, expected 1 to {MAX_KEYS}"));
    }
    let mut read = [Key { offset: 0, kind: KeyType::U8, descending: false }; MAX_KEYS];
    for (index, key) in read.iter_mut().enumerate().take(keys_count) {
        // SAFETY: the caller's promise; unaligned structs are read just the same.
        *key = key_of(index, &unsafe { keys.add(index).read_unaligned() })?;
    }
    let format = Format::new(record_size, &read[..keys_count])?;
    // No object is larger (C's PTRDIFF_MAX).
    if count.checked_mul(record_size).is_none_or(|bytes| bytes > isize::MAX as usize) {
        return invalid(format!("{count} records of {record_size} bytes are more than any buffer can have"));
    }
    Ok(format)
}

/// Refuses options that only loops have; `what` has none.
///
/// # Safety
/// As for [`borrow::options`].
pub(super) unsafe fn check_options(options: *const fastpar_loop_options, what: &str) -> Result<()> {
    // SAFETY: the caller's promise.
    let raw = unsafe { borrow::options(options)? };
    let numbers = raw.segments | raw.grain | raw.item_size | raw.cache_bytes;
    if numbers != 0 || raw.schedule | raw.flags | raw.reserved != 0 {
        return invalid(format!(
            "{what} has no schedule: of the options only max_lanes, cancel and progress"
        ));
    }
    Ok(())
}

/// Sorts records in place, by one key or by several, in parallel. Stable: records whose keys are all
/// equal keep their order, those that are sorted in descending order too.
///
/// ```c
/// typedef struct trade { int64_t time; double price; char symbol[8]; } trade;
/// fastpar_sort_key keys[2] = {
///   {offsetof(trade, symbol), FASTPAR_BYTES, 8 << 8}, // by symbol, and for one symbol
///   {offsetof(trade, time), FASTPAR_I64, FASTPAR_SORT_DESCENDING}, // the newest first
/// };
/// fastpar_sort(NULL, trades, count, sizeof(trade), keys, 2, &error);
/// ```
///
/// Records that are sorted already, or in strictly falling order, take one look at each. The lanes are
/// at most the CPUs that this process may use, as for the codec; the result does not depend on them.
///
/// @param options      may be NULL. Of the fields only `max_lanes`, `cancel` and `progress`, which
///                     counts records, may be set; the others must be 0.
/// @param records      in and out: `count` records of `record_size` bytes, aligned or not. NULL only
///                     with `count` 0. Nothing else may read or write them meanwhile.
/// @param count        records
/// @param record_size  bytes of a record, at least 1
/// @param keys         must not be NULL: 1 to 16, the most important first; they lie inside the record
///                     and may overlap. Copied.
/// @param keys_count   how many
/// @param error        may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED: an argument, or an
///         option; FASTPAR_ERR_OUT_OF_MEMORY: for what `fastpar_sort_memory` tells;
///         FASTPAR_ERR_CANCELLED: by the flag (whenever it was set before the return) or by the
///         progress callback; another status: that callback has set it by `fastpar_fail`;
///         FASTPAR_ERR_LIMIT_EXCEEDED, FASTPAR_ERR_BUSY: as `fastpar_for`. With the first three the
///         records are untouched; whatever it is, they are a permutation of what they were.
///
/// Blocks until the records are sorted. May be called from any thread, for other records at the same
/// time, and from inside callbacks. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_sort(
    options: *const fastpar_loop_options,
    records: *mut c_void,
    count: usize,
    record_size: usize,
    keys: *const fastpar_sort_key,
    keys_count: usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let (arguments, format) = unsafe {
            check_options(options, "sorting")?;
            (LoopArguments::read(options)?, format_of(count, record_size, keys, keys_count)?)
        };
        // SAFETY: the caller's promise; the size was checked.
        let records = unsafe { borrow::in_place(records.cast(), count * record_size, "records")? };
        arguments.control(|control| sort::sort(records, &format, control))
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Tells how much memory `fastpar_sort` takes for these records.
///
/// About `count * record_size` bytes for records of 4, 8 or 16 bytes with one number as key; for others
/// also a pair of 12 bytes for each record, and at least two.
///
/// @param count        records
/// @param record_size  bytes of a record, at least 1
/// @param keys         must not be NULL; as for `fastpar_sort`
/// @param keys_count   how many
/// @param bytes        out, must not be NULL: the most that is allocated at a time; it is given back
///                     before `fastpar_sort` returns. Untouched on failure.
/// @param error        may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: an argument; FASTPAR_ERR_OUT_OF_MEMORY: more than
///         can be counted.
///
/// Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_sort_memory(
    count: usize,
    record_size: usize,
    keys: *const fastpar_sort_key,
    keys_count: usize,
    bytes: *mut usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let (format, place) =
            unsafe { (format_of(count, record_size, keys, keys_count)?, Out::new(bytes, "bytes")?) };
        place.set(sort::memory(count, &format)?);
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}
