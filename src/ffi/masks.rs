//! Group "tables", fourth part: masks of rows.

use super::borrow::{self, Out};
use super::guard::guard;
use super::status::{fastpar_error, fastpar_status};
use super::tables::invalid;
use crate::error::{Error, ErrorKind, Result};
use crate::table::{self, Mask, MaskOperation};
use std::mem::MaybeUninit;

/// Rows of both masks.
pub const FASTPAR_MASK_AND: u32 = 1;
/// Rows of the first mask, of the second, or of both.
pub const FASTPAR_MASK_OR: u32 = 2;
/// Rows of one of the masks, not of both.
pub const FASTPAR_MASK_XOR: u32 = 3;
/// Rows of the first mask and not of the second.
pub const FASTPAR_MASK_AND_NOT: u32 = 4;
/// Rows that are not of the first mask; there is no second.
pub const FASTPAR_MASK_NOT: u32 = 5;

pub(super) fn operation_of(operation: u32, name: &str) -> Result<MaskOperation> {
    Ok(match operation {
        FASTPAR_MASK_AND => MaskOperation::And,
        FASTPAR_MASK_OR => MaskOperation::Or,
        FASTPAR_MASK_XOR => MaskOperation::Xor,
        FASTPAR_MASK_AND_NOT => MaskOperation::AndNot,
        FASTPAR_MASK_NOT => MaskOperation::Not,
        other => {
            return invalid(format!("{name} is {other}, expected FASTPAR_MASK_AND (1) to _NOT (5)"));
        }
    })
}

/// Where a mask of so many rows is written.
///
/// # Safety
/// As for [`borrow::output`].
pub(super) unsafe fn mask_output<'a>(
    mask: *mut u8,
    bytes: usize,
    rows: usize,
) -> Result<&'a mut [MaybeUninit<u8>]> {
    let needed = rows.div_ceil(8);
    // SAFETY: the caller's promise.
    let place = unsafe { borrow::output(mask, bytes, "mask")? };
    if place.len() < needed {
        let text = format!("mask has {bytes} bytes, and {rows} rows have {needed}");
        return Err(Error::new(ErrorKind::BufferTooSmall, text).with_needed(needed as u64));
    }
    Ok(&mut place[..needed])
}

/// Makes a mask of two, or of one.
///
/// @param operation   FASTPAR_MASK_AND to FASTPAR_MASK_NOT
/// @param rows        for so many rows the masks are
/// @param a           in: the first mask, (rows + 7) / 8 bytes; NULL only with `mask_bytes` 0
/// @param b           in: the second mask, as many bytes; NULL for FASTPAR_MASK_NOT
/// @param mask_bytes  the size of each mask, at least (rows + 7) / 8
/// @param mask        out, NULL only with `mask_bytes` 0: the result; bits of the last byte past the
///                    rows are 0, further bytes are untouched. It must not overlap `a` or `b`.
/// @param error       may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: an argument; FASTPAR_ERR_BUFFER_TOO_SMALL:
///         `mask_bytes`.
///
/// Does not block: the calling thread does it. May be called from any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_mask_combine(
    operation: u32,
    rows: usize,
    a: *const u8,
    b: *const u8,
    mask_bytes: usize,
    mask: *mut u8,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        let operation = operation_of(operation, "operation")?;
        if operation == MaskOperation::Not && !b.is_null() {
            return invalid("b is not NULL, but FASTPAR_MASK_NOT has no second mask");
        }
        // SAFETY: the caller's promise.
        unsafe {
            let mask = mask_output(mask, mask_bytes, rows)?;
            let a = borrow::input(a, mask_bytes, "a")?;
            let b = if operation == MaskOperation::Not { a } else { borrow::input(b, mask_bytes, "b")? };
            borrow::disjoint((a, "a"), (mask, "mask"))?;
            borrow::disjoint((b, "b"), (mask, "mask"))?;
            table::combine(operation, Mask::new(a, rows)?, Mask::new(b, rows)?, mask)
        }
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Counts the rows of a mask.
///
/// @param rows        for so many rows it is; bits past them are not looked at
/// @param mask        in: the lowest bit of a byte first; NULL only with `mask_bytes` 0
/// @param mask_bytes  its size, at least (rows + 7) / 8
/// @param count       out, must not be NULL: how many bits are 1. Untouched on failure.
/// @param error       may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: an argument.
///
/// Does not block: the calling thread does it. May be called from any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_mask_count(
    rows: usize,
    mask: *const u8,
    mask_bytes: usize,
    count: *mut usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let (mask, place) = unsafe { (borrow::input(mask, mask_bytes, "mask")?, Out::new(count, "count")?) };
        place.set(Mask::new(mask, rows)?.count());
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}
