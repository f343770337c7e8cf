//! Group "tables", second part: comparisons to masks, selection, histograms.

use super::borrow::{self, Out};
use super::guard::guard;
use super::loops::{fastpar_loop_options, LoopArguments};
use super::masks::mask_output;
use super::sort::check_options;
use super::status::{fastpar_error, fastpar_status};
use super::tables::{column_of, fastpar_column, invalid, mask_of};
use crate::error::Result;
use crate::job::Control;
use crate::table::{self, Column, Comparison, Mask};
use std::ffi::c_void;
use std::mem::{size_of, MaybeUninit};

/// Equal to the value `low`. Floats are compared as by IEEE 754: NaN is neither equal nor less nor
/// greater, and -0.0 is equal to 0.0. Bytes are compared as by `memcmp`.
pub const FASTPAR_COMPARE_EQUAL: u32 = 1;
/// Not equal to `low`.
pub const FASTPAR_COMPARE_NOT_EQUAL: u32 = 2;
/// Less than `low`.
pub const FASTPAR_COMPARE_LESS: u32 = 3;
/// Less than `low` or equal to it.
pub const FASTPAR_COMPARE_LESS_EQUAL: u32 = 4;
/// Greater than `low`.
pub const FASTPAR_COMPARE_GREATER: u32 = 5;
/// Greater than `low` or equal to it.
pub const FASTPAR_COMPARE_GREATER_EQUAL: u32 = 6;
/// In `[low, high)`.
pub const FASTPAR_COMPARE_BETWEEN: u32 = 7;
/// In `[low, high]`.
pub const FASTPAR_COMPARE_BETWEEN_CLOSED: u32 = 8;

/// The column of a call.
///
/// # Safety
/// `column` is NULL or valid; its values are valid for reading, unchanged for `'a`.
pub(super) unsafe fn the_column<'a>(column: *const fastpar_column, name: &str) -> Result<Column<'a>> {
    if column.is_null() {
        return invalid(format!("{name} is NULL"));
    }
    // SAFETY: not NULL, and the caller's promise.
    unsafe { column_of(&column.read_unaligned(), name) }
}

pub(super) fn comparison_of(comparison: u32, name: &str) -> Result<Comparison> {
    Ok(match comparison {
        FASTPAR_COMPARE_EQUAL => Comparison::Equal,
        FASTPAR_COMPARE_NOT_EQUAL => Comparison::NotEqual,
        FASTPAR_COMPARE_LESS => Comparison::Less,
        FASTPAR_COMPARE_LESS_EQUAL => Comparison::LessEqual,
        FASTPAR_COMPARE_GREATER => Comparison::Greater,
        FASTPAR_COMPARE_GREATER_EQUAL => Comparison::GreaterEqual,
        FASTPAR_COMPARE_BETWEEN => Comparison::Between,
        FASTPAR_COMPARE_BETWEEN_CLOSED => Comparison::BetweenClosed,
        other => {
            return invalid(format!(
                "{name} is {other}, expected FASTPAR_COMPARE_EQUAL (1) to _BETWEEN_CLOSED (8)"
            ));
        }
    })
}

/// Writes a mask of the rows whose values compare so with one value, or with two, in parallel.
///
/// Equivalent to this serial loop, for FASTPAR_COMPARE_BETWEEN of doubles:
///
/// ```c
/// for (size_t row = 0; row < column->count; row++)
///     if (value[row] >= *(double *)low && value[row] < *(double *)high) mask[row / 8] |= 1 << row % 8;
///     else mask[row / 8] &= ~(1 << row % 8);
/// ```
///
/// @param options     may be NULL; as for `fastpar_table_aggregate`
/// @param column      must not be NULL
/// @param comparison  FASTPAR_COMPARE_EQUAL to FASTPAR_COMPARE_BETWEEN_CLOSED
/// @param low         must not be NULL: a value of the column's type, aligned or not
/// @param high        another one, for FASTPAR_COMPARE_BETWEEN and _BETWEEN_CLOSED; else NULL will do
/// @param mask        out, NULL only without rows: a bit for each, the lowest of a byte first (as in
///                    Arrow); bits of the last byte past the rows are 0, further bytes are untouched.
///                    It must not overlap the inputs. After a failure its content is undefined.
/// @param mask_bytes  its size, at least rows / 8, rounded up
/// @param error       may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_BUFFER_TOO_SMALL: the mask; else as `fastpar_table_aggregate`.
///
/// Blocks, threads and nesting: as `fastpar_table_aggregate`. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_column_compare(
    options: *const fastpar_loop_options,
    column: *const fastpar_column,
    comparison: u32,
    low: *const c_void,
    high: *const c_void,
    mask: *mut u8,
    mask_bytes: usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        let comparison = comparison_of(comparison, "comparison")?;
        // SAFETY: the caller's promise.
        unsafe {
            check_options(options, "a table")?;
            let arguments = LoopArguments::read(options)?;
            let column = the_column(column, "column")?;
            let size = column.kind().size();
            let low = borrow::input(low.cast(), size, "low")?;
            let high = match comparison.values() {
                2 => borrow::input(high.cast(), size, "high")?,
                _ => &[],
            };
            let mask = mask_output(mask, mask_bytes, column.count())?;
            borrow::disjoint((column.bytes(), "column"), (mask, "mask"))?;
            borrow::disjoint((low, "low"), (mask, "mask"))?;
            borrow::disjoint((high, "high"), (mask, "mask"))?;
            arguments.control(|control| table::compare(&column, comparison, low, high, mask, control))
        }
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Copies the values of the rows of a mask, one after the other, in parallel: of a field, or, with
/// FASTPAR_BYTES, whole records.
///
/// Equivalent to this serial loop:
///
/// ```c
/// for (size_t row = 0; row < column->count; row++)
///     if (mask[row / 8] >> row % 8 & 1) dst = mempcpy(dst, base + row * stride, size);
/// ```
///
/// @param options       may be NULL; as for `fastpar_table_aggregate`
/// @param column        must not be NULL
/// @param mask          a bit for each row, the lowest bit of a byte first; NULL only without rows
/// @param mask_bytes    its bytes, at least rows / 8, rounded up
/// @param dst           out, NULL only for no bytes: values without gaps. It must not overlap the
///                      inputs. After a failure its content is undefined.
/// @param dst_capacity  bytes
/// @param written       out, must not be NULL: bytes written; with FASTPAR_ERR_BUFFER_TOO_SMALL those
///                      that are needed, with another failure 0
/// @param error         may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_BUFFER_TOO_SMALL; else as `fastpar_table_aggregate`.
///
/// Blocks, threads and nesting: as `fastpar_table_aggregate`. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_column_take(
    options: *const fastpar_loop_options,
    column: *const fastpar_column,
    mask: *const u8,
    mask_bytes: usize,
    dst: *mut c_void,
    dst_capacity: usize,
    written: *mut usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    // SAFETY: the caller's promise, passed on.
    unsafe {
        let picked = || borrow::input(mask, mask_bytes, "mask");
        take(
            options,
            column,
            (picked, "mask"),
            (dst, dst_capacity),
            written,
            error,
            |column, mask, dst, control| table::take(column, Mask::new(mask, column.count())?, dst, control),
        )
    }
}

/// Copies the values of a column that `picked`, another input, tells.
///
/// # Safety
/// As for the functions that call it; `picked` gives bytes that are valid for the time of the call.
unsafe fn take<'a>(
    options: *const fastpar_loop_options,
    column: *const fastpar_column,
    (picked, name): (impl FnOnce() -> Result<&'a [u8]>, &str),
    (dst, capacity): (*mut c_void, usize),
    written: *mut usize,
    error: *mut fastpar_error,
    take: impl FnOnce(&Column<'_>, &[u8], &mut [MaybeUninit<u8>], &Control<'_>) -> Result<usize>,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let written = unsafe { Out::new(written, "written")? };
        let taken = || {
            // SAFETY: the caller's promise.
            unsafe {
                check_options(options, "a table")?;
                let arguments = LoopArguments::read(options)?;
                let column = the_column(column, "column")?;
                let picked = picked()?;
                let dst = borrow::output(dst.cast(), capacity, "dst")?;
                borrow::disjoint((column.bytes(), "column"), (dst, "dst"))?;
                borrow::disjoint((picked, name), (dst, "dst"))?;
                arguments.control(|control| take(&column, picked, dst, control))
            }
        };
        borrow::set_written(&written, taken())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Copies the values of rows by their numbers, one after the other, in parallel: `dst[i]` becomes the
/// value of row `rows[i]`.
///
/// @param options       may be NULL; as for `fastpar_table_aggregate`, but progress counts `rows`
/// @param column        must not be NULL
/// @param rows          NULL only with `rows_count` 0: numbers of rows, each less than `column->count`,
///                      in any order and as often as wanted; aligned to 8 bytes
/// @param rows_count    how many
/// @param dst           out, NULL only for no bytes: values without gaps. It must not overlap the
///                      inputs. After a failure its content is undefined.
/// @param dst_capacity  bytes
/// @param written       out, must not be NULL; as for `fastpar_column_take`
/// @param error         may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: an argument, or there is no such row: the first of
///         these numbers is at `error->position`; FASTPAR_ERR_BUFFER_TOO_SMALL; else as
///         `fastpar_table_aggregate`.
///
/// Blocks, threads and nesting: as `fastpar_table_aggregate`. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_column_take_rows(
    options: *const fastpar_loop_options,
    column: *const fastpar_column,
    rows: *const u64,
    rows_count: usize,
    dst: *mut c_void,
    dst_capacity: usize,
    written: *mut usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    // SAFETY: the caller's promise, passed on; any bytes are numbers.
    unsafe {
        let numbers = || match rows_count.checked_mul(size_of::<u64>()) {
            Some(bytes) => borrow::input(rows.cast(), bytes, "rows"),
            None => invalid(format!("rows_count is {rows_count}, more than any buffer can have")),
        };
        take(
            options,
            column,
            (numbers, "rows"),
            (dst, dst_capacity),
            written,
            error,
            |column, bytes, dst, control| {
                let (before, numbers, _) = bytes.align_to::<u64>();
                if !before.is_empty() || numbers.len() != rows_count {
                    return invalid("rows is not aligned to 8 bytes");
                }
                table::take_rows(column, numbers, dst, control)
            },
        )
    }
}

/// Counts how many values lie in each of some ranges of equal width, in parallel.
///
/// Value `v` of `[low, high)` counts in bin `(size_t)((v - low) * (bins_count / (high - low)))`, in
/// doubles, and at most in the last; other values, and NaN, count nowhere.
///
/// @param options     may be NULL; as for `fastpar_table_aggregate`
/// @param column      must not be NULL; of numbers
/// @param mask        NULL: all rows; as for `fastpar_table_aggregate`
/// @param mask_bytes  its bytes; 0 without a mask
/// @param low         the begin of the first bin
/// @param high        the end of the last bin; greater than `low` by a finite number, by which `bins_count`
///                    can be divided without overflow
/// @param bins        out: how many values; untouched on failure. Must not be NULL.
/// @param bins_count  1 to 1048576. Each lane takes 8 bytes for each.
/// @param error       may be NULL
/// @return as `fastpar_table_aggregate`.
///
/// Blocks, threads and nesting: as `fastpar_table_aggregate`. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_column_histogram(
    options: *const fastpar_loop_options,
    column: *const fastpar_column,
    mask: *const u8,
    mask_bytes: usize,
    low: f64,
    high: f64,
    bins: *mut u64,
    bins_count: usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        if bins.is_null() {
            return invalid("bins is NULL");
        }
        // SAFETY: the caller's promise.
        unsafe {
            check_options(options, "a table")?;
            let arguments = LoopArguments::read(options)?;
            let column = the_column(column, "column")?;
            let mask = mask_of(mask, mask_bytes, column.count())?;
            let counts = arguments
                .control(|control| table::histogram(&column, mask, low..high, bins_count, control))?;
            for (index, count) in counts.into_iter().enumerate() {
                bins.add(index).write_unaligned(count);
            }
        }
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}
