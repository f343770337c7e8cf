//! Group "tables", third part: groups of rows, sorted by their keys.

use super::borrow::{self, Out};
use super::guard::{guard, guard_value};
use super::handle::{self, Held};
use super::loops::{fastpar_loop_options, LoopArguments};
use super::sort::check_options;
use super::status::{fastpar_error, fastpar_status};
use super::tables::{
    aggregates_of, columns_of, fastpar_aggregate, fastpar_column, fastpar_value, invalid, mask_of, read_all,
};
use crate::error::{Error, ErrorKind, Result};
use crate::sort::KeyType;
use crate::table::{self, Bucket, Column, GroupKey, Groups, Value};
use std::ffi::c_void;

/// What rows are grouped by: the values of a column, or ranges of them that have equal widths.
///
/// Whole numbers: a `width` above 0 makes buckets `[origin + n * width, origin + (n + 1) * width)` for
/// every n, also below 0. Floats: the same with `float_width` and `float_origin`, computed in doubles,
/// and NaN has a bucket of its own, the last. Without a width floats are equal if their bits are, and
/// are sorted by IEEE total order.
///
/// ```c
/// fastpar_group_key keys[2] = {{1, 0, 0, 0.0, 0.0},      // by the second column, and for equal ones
///                              {0, 60000, 0, 0.0, 0.0}}; // by minutes, of the first: milliseconds
/// ```
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_group_key {
    /// The index of the column among those of the call.
    pub column: usize,
    /// Of columns of whole numbers; 0: the values themselves.
    pub width: u64,
    /// Where a bucket begins; 0 if `width` is.
    pub origin: i64,
    /// Of columns of floats; 0: the values themselves.
    pub float_width: f64,
    /// Where a bucket begins; 0 if `float_width` is.
    pub float_origin: f64,
}

/// Groups that `fastpar_table_group` or `fastpar_archive_group` has found, sorted by their keys, the first
/// key being the most important. They are the library's memory: nothing of the columns is needed any more.
/// Any number of threads may read them at the same time.
pub struct fastpar_groups {
    groups: Groups,
}

impl From<Groups> for fastpar_groups {
    fn from(groups: Groups) -> Self {
        Self { groups }
    }
}

/// A key in the core's form.
pub(super) fn key_of(
    index: usize,
    raw: &fastpar_group_key,
    kind: impl Fn(usize) -> Option<KeyType>,
) -> Result<GroupKey> {
    let float = matches!(kind(raw.column), Some(KeyType::F32 | KeyType::F64));
    let (whole_used, float_used) =
        (raw.width != 0 || raw.origin != 0, raw.float_width != 0.0 || raw.float_origin != 0.0);
    if (float && whole_used) || (!float && float_used) {
        return invalid(format!(
            "keys[{index}]: width and origin are for whole numbers, the others for floats"
        ));
    }
    let (no_width, origin) = if float {
        (raw.float_width == 0.0, raw.float_origin != 0.0)
    } else {
        (raw.width == 0, raw.origin != 0)
    };
    if no_width && origin {
        return invalid(format!("keys[{index}] has an origin and no width"));
    }
    let bucket = match (no_width, float) {
        (true, _) => None,
        (_, true) => Some(Bucket::Float { width: raw.float_width, origin: raw.float_origin }),
        _ => Some(Bucket::Whole { width: raw.width, origin: raw.origin }),
    };
    Ok(GroupKey { column: raw.column, bucket })
}

/// Groups rows by one key or several, and computes aggregates of each group, in one pass and in
/// parallel.
///
/// One-minute bars of each symbol, for example, of trades {milliseconds, symbol, price, quantity}:
///
/// ```c
/// fastpar_group_key keys[2] = {{1, 0, 0, 0.0, 0.0}, {0, 60000, 0, 0.0, 0.0}};
/// fastpar_aggregate asked[5] = {{FASTPAR_AGGREGATE_FIRST, 0, 2, 0}, {FASTPAR_AGGREGATE_MAX, 0, 2, 0},
///                               {FASTPAR_AGGREGATE_MIN, 0, 2, 0},   {FASTPAR_AGGREGATE_LAST, 0, 2, 0},
///                               {FASTPAR_AGGREGATE_SUM, 0, 3, 0}};
/// fastpar_groups *bars;
/// fastpar_table_group(NULL, columns, 4, NULL, 0, keys, 2, asked, 5, 0, &bars, &error);
/// ```
///
/// Combinations of keys that no row has are no groups. First and last are by the order of the rows. As
/// for `fastpar_table_aggregate` results are the same to the bit on any number of threads.
///
/// @param options           may be NULL; as for `fastpar_table_aggregate`
/// @param columns           must not be NULL; as many values in each
/// @param columns_count     1 to 256
/// @param mask              NULL: all rows; as for `fastpar_table_aggregate`
/// @param mask_bytes        its bytes; 0 without a mask
/// @param keys              must not be NULL: the most important first; those of FASTPAR_BYTES have
///                          4096 bytes at the most, with the others together
/// @param keys_count        1 to 16
/// @param aggregates        NULL only with `aggregates_count` 0
/// @param aggregates_count  0 to 256
/// @param max_memory        the most bytes that groups take while they are found; 0: no limit. A group
///                          of A aggregates takes about 150 * (A + 1), and is held once for each chunk
///                          of rows under way that it comes up in: 32, or one for each lane. Sorting at
///                          the end, which cannot be cancelled, takes as much as the result once more.
/// @param groups            out, must not be NULL: released by `fastpar_groups_free`; NULL on failure
/// @param error             may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_LIMIT_EXCEEDED: `max_memory`, or more than 2^29 groups; else as
///         `fastpar_table_aggregate`.
///
/// Blocks, threads and nesting: as `fastpar_table_aggregate`. Keys from outside cannot make it slow by
/// what they hash to. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_table_group(
    options: *const fastpar_loop_options,
    columns: *const fastpar_column,
    columns_count: usize,
    mask: *const u8,
    mask_bytes: usize,
    keys: *const fastpar_group_key,
    keys_count: usize,
    aggregates: *const fastpar_aggregate,
    aggregates_count: usize,
    max_memory: u64,
    groups: *mut *mut fastpar_groups,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        unsafe {
            let place = Out::new(groups, "groups")?;
            place.set(std::ptr::null_mut());
            check_options(options, "a table")?;
            let arguments = LoopArguments::read(options)?;
            let columns = columns_of(columns, columns_count)?;
            let rows = columns.first().map_or(0, Column::count);
            let mask = mask_of(mask, mask_bytes, rows)?;
            let kind = |column: usize| columns.get(column).map(Column::kind);
            let keys = read_all(keys, keys_count, "keys", |index, raw| key_of(index, raw, kind))?;
            let aggregates = aggregates_of(aggregates, aggregates_count)?;
            let groups = arguments
                .control(|control| table::group(&columns, mask, &keys, &aggregates, max_memory, control))?;
            place.set(handle::give(fastpar_groups::from(groups)));
        }
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Tells how many groups there are.
///
/// @param groups  may be NULL: 0
/// @return how many
///
/// Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_groups_count(groups: *const fastpar_groups) -> usize {
    // SAFETY: the caller's promise.
    guard_value(0, || unsafe { handle::hold(groups) }.map_or(0, |held| held.groups.count()))
}

/// The groups of a call.
///
/// # Safety
/// `groups` is NULL or a live handle.
unsafe fn hold(groups: *const fastpar_groups) -> Result<Held<fastpar_groups>> {
    // SAFETY: the caller's promise.
    unsafe { handle::hold(groups) }.ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "groups is NULL"))
}

/// Writes what `read` finds, one value for each group.
///
/// # Safety
/// `groups` is NULL or a live handle, `values` is NULL or valid for writing `capacity` values; `error` as
/// for [`guard`].
unsafe fn write<T>(
    groups: *const fastpar_groups,
    values: *mut T,
    capacity: usize,
    error: *mut fastpar_error,
    read: impl FnOnce(&Groups, &mut dyn FnMut(Result<T>) -> Result<()>) -> Result<()>,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let held = unsafe { hold(groups)? };
        let count = held.groups.count();
        let mut written = 0;
        let mut put = |value: Result<T>| {
            if capacity < count {
                let text = format!("there are {count} groups, and there is room for {capacity}");
                return Err(Error::new(ErrorKind::BufferTooSmall, text).with_needed(count as u64));
            }
            if values.is_null() {
                return invalid("the place for the values is NULL");
            }
            // SAFETY: not NULL, with room for as many, by the caller's promise.
            unsafe { values.add(written).write_unaligned(value?) };
            written += 1;
            Ok(())
        };
        read(&held.groups, &mut put)
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

fn value_of(value: Result<Value>) -> Result<fastpar_value> {
    value.map(fastpar_value::from)
}

/// Copies a key of each group, in their order.
///
/// @param groups    must not be NULL
/// @param index     which of the call's keys
/// @param values    out, NULL only without groups: the key, of a bucket where it begins; `rows` is how
///                  many rows the group has
/// @param capacity  values that there is room for, at least `fastpar_groups_count`
/// @param error     may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: there is no such key, or it is of FASTPAR_BYTES,
///         which `fastpar_groups_key_bytes` copies;
///         FASTPAR_ERR_BUFFER_TOO_SMALL: `capacity`.
///
/// Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_groups_keys(
    groups: *const fastpar_groups,
    index: usize,
    values: *mut fastpar_value,
    capacity: usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    // SAFETY: the caller's promise, passed on.
    unsafe {
        write(groups, values, capacity, error, |groups, put| {
            groups.key(index)?.map(value_of).try_for_each(put)
        })
    }
}

/// Copies an aggregate of each group, in their order.
///
/// @param groups    must not be NULL
/// @param index     which of the call's aggregates
/// @param values    out; NULL only without groups
/// @param capacity  values that there is room for, at least `fastpar_groups_count`
/// @param error     may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: there is no such aggregate;
///         FASTPAR_ERR_LIMIT_EXCEEDED: a sum of products has more than 128 bits, in the group
///         `error->position`: those before are written; FASTPAR_ERR_BUFFER_TOO_SMALL: `capacity`.
///
/// Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_groups_values(
    groups: *const fastpar_groups,
    index: usize,
    values: *mut fastpar_value,
    capacity: usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    // SAFETY: the caller's promise, passed on.
    unsafe {
        write(groups, values, capacity, error, |groups, put| {
            groups.value(index)?.map(value_of).try_for_each(put)
        })
    }
}

/// Copies the number of the first row of each group, in their order: what `fastpar_column_take_rows`
/// takes, to have other fields of that row.
///
/// @param groups    must not be NULL
/// @param rows      out; NULL only without groups
/// @param capacity  numbers that there is room for, at least `fastpar_groups_count`
/// @param error     may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: an argument; FASTPAR_ERR_BUFFER_TOO_SMALL:
///         `capacity`.
///
/// Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_groups_rows(
    groups: *const fastpar_groups,
    rows: *mut u64,
    capacity: usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    // SAFETY: the caller's promise, passed on.
    unsafe {
        write(groups, rows, capacity, error, |groups, put| groups.first_rows().map(Ok).try_for_each(put))
    }
}

/// Copies a key of FASTPAR_BYTES of each group, in their order, one after the other.
///
/// @param groups        must not be NULL
/// @param key           which of the call's keys: one of FASTPAR_BYTES
/// @param dst           out, NULL only for no bytes: as many for each group as the key has
/// @param dst_capacity  bytes
/// @param written       out, must not be NULL: bytes written; with FASTPAR_ERR_BUFFER_TOO_SMALL those that
///                      are needed, with another failure 0
/// @param error         may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: an argument, or the key is a number;
///         FASTPAR_ERR_BUFFER_TOO_SMALL: `dst_capacity`.
///
/// Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_groups_key_bytes(
    groups: *const fastpar_groups,
    key: usize,
    dst: *mut c_void,
    dst_capacity: usize,
    written: *mut usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let written = unsafe { Out::new(written, "written")? };
        // SAFETY: the caller's promise.
        let copied = || unsafe {
            hold(groups)?.groups.key_bytes(key, borrow::output(dst.cast(), dst_capacity, "dst")?)
        };
        borrow::set_written(&written, copied())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Releases groups. NULL is ignored.
///
/// @param groups  may be NULL; not used again
///
/// Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_groups_free(groups: *mut fastpar_groups) {
    // SAFETY: the caller's promise.
    guard_value((), || drop(unsafe { handle::end(groups) }));
}
