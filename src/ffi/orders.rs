//! Group "tables", fifth part: the order of records, searching and merging in it.

use super::borrow::{self, Out};
use super::columns::the_column;
use super::guard::guard;
use super::loops::{fastpar_loop_options, LoopArguments};
use super::sort::{check_options, fastpar_sort_key, format_of};
use super::status::{fastpar_error, fastpar_status};
use super::tables::{fastpar_column, invalid};
use crate::error::{Error, ErrorKind, Result};
use crate::{sort, table};
use std::ffi::c_void;
use std::mem::{size_of, MaybeUninit};

/// How many rows are less than a value.
pub const FASTPAR_SEARCH_LEFT: u32 = 0;
/// How many rows are less than a value or equal to it.
pub const FASTPAR_SEARCH_RIGHT: u32 = 1;

/// The place of a number for each of `count`.
///
/// # Safety
/// As for [`borrow::output`].
unsafe fn numbers_of<'a>(rows: *mut u64, count: usize) -> Result<&'a mut [MaybeUninit<u8>]> {
    let Some(bytes) = count.checked_mul(size_of::<u64>()) else {
        return invalid(format!("{count} numbers of rows are more than any buffer can have"));
    };
    // SAFETY: the caller's promise.
    unsafe { borrow::output(rows.cast(), bytes, "rows") }
}

/// Tells in which order `fastpar_sort` would put records, and leaves them where they are.
///
/// @param options      may be NULL; as for `fastpar_sort`
/// @param records      in: `count` records of `record_size` bytes, aligned or not. NULL only with
///                     `count` 0.
/// @param count        records
/// @param record_size  bytes of a record, at least 1
/// @param keys         must not be NULL; as for `fastpar_sort`
/// @param keys_count   how many
/// @param rows         out, NULL only with `count` 0: `count` numbers of records, the first record's
///                     first. It must not overlap the records. After a failure its content is
///                     undefined.
/// @param error        may be NULL
/// @return as `fastpar_sort`. FASTPAR_ERR_OUT_OF_MEMORY: for two pairs of 12 bytes for each record, or
///         of 16.
///
/// Blocks, threads and nesting: as `fastpar_sort`; the records are only read. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_table_argsort(
    options: *const fastpar_loop_options,
    records: *const c_void,
    count: usize,
    record_size: usize,
    keys: *const fastpar_sort_key,
    keys_count: usize,
    rows: *mut u64,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise; the size was checked by `format_of`.
        unsafe {
            check_options(options, "sorting")?;
            let arguments = LoopArguments::read(options)?;
            let format = format_of(count, record_size, keys, keys_count)?;
            let records = borrow::input(records.cast(), count * record_size, "records")?;
            let rows = numbers_of(rows, count)?;
            borrow::disjoint((records, "records"), (rows, "rows"))?;
            arguments.control(|control| sort::argsort(records, &format, rows, control))
        }
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Makes one list of two lists of records that are sorted by the same keys, in parallel. Of records
/// whose keys are all equal those of `a` are first, and those of each list keep their order.
///
/// @param options       may be NULL; as for `fastpar_sort`
/// @param a             in: `a_count` records of `record_size` bytes, sorted; NULL only with `a_count`
///                      0
/// @param a_count       records
/// @param b             in: the other list; NULL only with `b_count` 0
/// @param b_count       records
/// @param record_size   bytes of a record, at least 1
/// @param keys          must not be NULL; as for `fastpar_sort`
/// @param keys_count    how many
/// @param dst           out, NULL only for no records: those of both. It must not overlap the inputs.
///                      After a failure, and if a list is not sorted, its content is undefined.
/// @param dst_capacity  bytes
/// @param written       out, must not be NULL; as for `fastpar_column_take`
/// @param error         may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_BUFFER_TOO_SMALL; else as `fastpar_sort`.
///
/// Blocks, threads and nesting: as `fastpar_sort`. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_table_merge(
    options: *const fastpar_loop_options,
    a: *const c_void,
    a_count: usize,
    b: *const c_void,
    b_count: usize,
    record_size: usize,
    keys: *const fastpar_sort_key,
    keys_count: usize,
    dst: *mut c_void,
    dst_capacity: usize,
    written: *mut usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let written = unsafe { Out::new(written, "written")? };
        let merged = || {
            let count = a_count.saturating_add(b_count);
            // SAFETY: the caller's promise; the size was checked by `format_of`.
            unsafe {
                check_options(options, "sorting")?;
                let arguments = LoopArguments::read(options)?;
                let format = format_of(count, record_size, keys, keys_count)?;
                let a = borrow::input(a.cast(), a_count * record_size, "a")?;
                let b = borrow::input(b.cast(), b_count * record_size, "b")?;
                let dst = borrow::output(dst.cast(), dst_capacity, "dst")?;
                borrow::disjoint((a, "a"), (dst, "dst"))?;
                borrow::disjoint((b, "b"), (dst, "dst"))?;
                let needed = count * record_size;
                let Some(dst) = dst.get_mut(..needed) else {
                    let text = format!("both lists take {needed} bytes, and there are {dst_capacity}");
                    return Err(Error::new(ErrorKind::BufferTooSmall, text).with_needed(needed as u64));
                };
                arguments.control(|control| sort::merge(a, b, &format, dst, control))?;
                Ok(needed)
            }
        };
        borrow::set_written(&written, merged())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Finds where values would stand in a column that is sorted in rising order, in parallel: by halving.
///
/// Equivalent to this serial loop, for FASTPAR_SEARCH_LEFT:
///
/// ```c
/// for (size_t i = 0; i < values->count; i++)
///     for (rows[i] = 0; rows[i] < column->count && column[rows[i]] < values[i]; rows[i]++) {}
/// ```
///
/// @param options  may be NULL; as for `fastpar_table_aggregate`, but progress counts values
/// @param column   must not be NULL: sorted as by `fastpar_sort`, floats in IEEE total order. If it is
///                 not, the numbers are any, up to its count.
/// @param values   must not be NULL: of the same type
/// @param side     FASTPAR_SEARCH_LEFT or FASTPAR_SEARCH_RIGHT
/// @param rows     out, NULL only without values: a number for each. It must not overlap the inputs.
///                 After a failure its content is undefined.
/// @param error    may be NULL
/// @return as `fastpar_table_aggregate`
///
/// Blocks, threads and nesting: as `fastpar_table_aggregate`. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_column_search(
    options: *const fastpar_loop_options,
    column: *const fastpar_column,
    values: *const fastpar_column,
    side: u32,
    rows: *mut u64,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        if side != FASTPAR_SEARCH_LEFT && side != FASTPAR_SEARCH_RIGHT {
            return invalid(format!("side is {side}, expected FASTPAR_SEARCH_LEFT (0) or _RIGHT (1)"));
        }
        // SAFETY: the caller's promise.
        unsafe {
            check_options(options, "a table")?;
            let arguments = LoopArguments::read(options)?;
            let (column, values) = (the_column(column, "column")?, the_column(values, "values")?);
            if column.kind() != values.kind() {
                return invalid("values has another type than column");
            }
            let rows = numbers_of(rows, values.count())?;
            borrow::disjoint((column.bytes(), "column"), (rows, "rows"))?;
            borrow::disjoint((values.bytes(), "values"), (rows, "rows"))?;
            let after = side == FASTPAR_SEARCH_RIGHT;
            arguments.control(|control| table::search(&column, &values, after, rows, control))
        }
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}
