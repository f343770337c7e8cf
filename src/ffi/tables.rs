//! Group "tables": columns over bytes that are there: aggregates, masks, selection, groups.

use super::borrow;
use super::guard::guard;
use super::loops::{fastpar_loop_options, LoopArguments};
use super::sort::{check_options, kind_of, FASTPAR_BYTES};
use super::status::{fastpar_error, fastpar_status};
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::sort::KeyType;
use crate::table::{self, Aggregate, Column, Mask, Operation, Value};
use std::ffi::c_void;

/// A signed number of 128 bits, in two's complement: `high * 2^64 + low`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_int128 {
    /// The lower 64 bits.
    pub low: u64,
    /// The higher 64 bits, with the sign.
    pub high: i64,
}

/// A column: values of one type at equal distances in memory, such as a field of records, or an array.
/// Nothing is copied. While a call uses it, nothing may write the bytes from its first value to its
/// last.
///
/// ```c
/// typedef struct trade { int64_t time; double price; uint32_t quantity; char symbol[8]; } trade;
/// fastpar_column price = {&trades[0].price, count, sizeof(trade), FASTPAR_F64, 0};
/// fastpar_column whole = {trades, count, 0, FASTPAR_BYTES, sizeof(trade) << 8}; // the records themselves
/// ```
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_column {
    /// The first value, aligned or not. NULL only with `count` 0.
    pub base: *const c_void,
    /// Values.
    pub count: usize,
    /// Bytes from the begin of a value to the begin of the next, at least those of a value. 0: the
    /// values lie one after the other.
    pub stride: usize,
    /// As `fastpar_sort_key.type`: FASTPAR_U8 to FASTPAR_BYTES.
    pub r#type: u32,
    /// For FASTPAR_BYTES the number of bytes of a value, 1 to 16,777,215, shifted left by 8; else 0.
    pub flags: u32,
}

/// `fastpar_aggregate.operation`: how many rows; of no column.
pub const FASTPAR_AGGREGATE_COUNT: u32 = 0;
/// `fastpar_aggregate.operation`: the sum. Of whole numbers exact, in `integer`; of floats with
/// compensation of what rounding loses.
pub const FASTPAR_AGGREGATE_SUM: u32 = 1;
/// `fastpar_aggregate.operation`: the sum, divided by the number of rows.
pub const FASTPAR_AGGREGATE_MEAN: u32 = 2;
/// `fastpar_aggregate.operation`: the least value. NaN counts only if there is nothing else; -0.0 is
/// less than 0.0.
pub const FASTPAR_AGGREGATE_MIN: u32 = 3;
/// `fastpar_aggregate.operation`: the greatest value; NaN and -0.0 as for FASTPAR_AGGREGATE_MIN.
pub const FASTPAR_AGGREGATE_MAX: u32 = 4;
/// `fastpar_aggregate.operation`: the value of the first row.
pub const FASTPAR_AGGREGATE_FIRST: u32 = 5;
/// `fastpar_aggregate.operation`: the value of the last row.
pub const FASTPAR_AGGREGATE_LAST: u32 = 6;
/// `fastpar_aggregate.operation`: the mean of the squared distances from the mean. (Times n / (n - 1):
/// the variance that a sample of n rows estimates.) Distances are those from the mean of a block of rows,
/// and blocks are put together by the distances of their means: so a mean that is large beside them costs
/// no digits. 0 of one row; NaN of none, and where a value is infinite or NaN. Whole numbers beyond 2^53
/// are rounded to doubles first.
pub const FASTPAR_AGGREGATE_VARIANCE: u32 = 7;
/// `fastpar_aggregate.operation`: the sum of the products of the values of `column` and of `weights`.
/// Of whole numbers exact, in `integer`; FASTPAR_ERR_LIMIT_EXCEEDED if it has more than 128 bits.
pub const FASTPAR_AGGREGATE_DOT: u32 = 8;
/// `fastpar_aggregate.operation`: that sum, divided by the sum of `weights`; by 0 it is what IEEE 754
/// gives.
pub const FASTPAR_AGGREGATE_WEIGHTED_MEAN: u32 = 9;

/// What is asked of one column, or of two.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_aggregate {
    /// FASTPAR_AGGREGATE_COUNT to FASTPAR_AGGREGATE_WEIGHTED_MEAN.
    pub operation: u32,
    /// 0.
    pub reserved: u32,
    /// The index of the column among those of the call; 0 for FASTPAR_AGGREGATE_COUNT. Of numbers, not
    /// of FASTPAR_BYTES.
    pub column: usize,
    /// The index of the other column of FASTPAR_AGGREGATE_DOT and FASTPAR_AGGREGATE_WEIGHTED_MEAN; else
    /// 0.
    pub weights: usize,
}

/// A number that an aggregate gives.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_value {
    /// Whole numbers, exactly: the count; a sum, least, greatest, first or last value or sum of
    /// products of columns of whole numbers. Else 0.
    pub integer: fastpar_int128,
    /// The number, or the double that is nearest to `integer`. Without rows: 0 for the count and for
    /// sums, else NaN.
    pub number: f64,
    /// The rows that it is of. 0: there is no value but for the count and for sums.
    pub rows: u64,
}

pub(super) fn invalid<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::new(ErrorKind::InvalidArgument, message.into()))
}

impl From<Value> for fastpar_value {
    fn from(value: Value) -> Self {
        let Value { integer, number, rows } = value;
        let integer = fastpar_int128 { low: integer as u64, high: (integer >> 64) as i64 };
        Self { integer, number, rows }
    }
}

/// The type of the values of a column or a field.
pub(super) fn value_type(name: &str, kind: u32, flags: u32) -> Result<KeyType> {
    let Some(found) = kind_of(kind, (flags >> 8) as usize) else {
        return invalid(format!("{name}.type is {kind}, expected FASTPAR_U8 (1) to FASTPAR_BYTES (11)"));
    };
    let known = if kind == FASTPAR_BYTES { !0xff } else { 0 };
    if flags & !known != 0 {
        return invalid(format!(
            "{name}.flags is {flags:#x}, expected the number of bytes << 8 for FASTPAR_BYTES, else 0"
        ));
    }
    Ok(found)
}

/// A column in the core's form.
///
/// # Safety
/// The bytes of its values, and those between them, are valid for reading, unchanged for `'a`.
pub(super) unsafe fn column_of<'a>(raw: &fastpar_column, name: &str) -> Result<Column<'a>> {
    let kind = value_type(name, raw.r#type, raw.flags)?;
    let told = |error: Error| Error::new(error.kind(), format!("{name}: {error}"));
    let span = Column::span(raw.count, raw.stride, kind).map_err(told)?;
    // SAFETY: the caller's promise.
    let bytes = unsafe { borrow::input(raw.base.cast(), span, name)? };
    Column::new(bytes, raw.count, raw.stride, kind).map_err(told)
}

/// Copies what an array of structs tells.
///
/// # Safety
/// `array` is NULL or valid for reading `count` values.
pub(super) unsafe fn read_all<T: Copy, U>(
    array: *const T,
    count: usize,
    name: &str,
    mut read: impl FnMut(usize, &T) -> Result<U>,
) -> Result<Vec<U>> {
    if array.is_null() && count > 0 {
        return invalid(format!("{name} is NULL, but there are {count}"));
    }
    if count > MOST {
        return invalid(format!("{count} {name}, expected at most {MOST}"));
    }
    let mut list = Vec::new();
    memory::reserve(&mut list, count)?;
    for index in 0..count {
        // SAFETY: the caller's promise; unaligned structs are read just the same.
        list.push(read(index, &unsafe { array.add(index).read_unaligned() })?);
    }
    Ok(list)
}

/// The most columns, and the most aggregates.
const MOST: usize = 256;

/// # Safety
/// As for [`read_all`] and [`column_of`].
pub(super) unsafe fn columns_of<'a>(columns: *const fastpar_column, count: usize) -> Result<Vec<Column<'a>>> {
    // SAFETY: the caller's promise.
    unsafe { read_all(columns, count, "columns", |index, raw| column_of(raw, &format!("columns[{index}]"))) }
}

/// The mask of so many rows, if there is one.
///
/// # Safety
/// `mask` is NULL or valid for reading `bytes` bytes, unchanged for `'a`.
pub(super) unsafe fn mask_of<'a>(mask: *const u8, bytes: usize, rows: usize) -> Result<Option<Mask<'a>>> {
    if mask.is_null() && bytes == 0 {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    Mask::new(unsafe { borrow::input(mask, bytes, "mask")? }, rows).map(Some)
}

/// # Safety
/// As for [`read_all`].
pub(super) unsafe fn aggregates_of(
    aggregates: *const fastpar_aggregate,
    count: usize,
) -> Result<Vec<Aggregate>> {
    let read = |index: usize, raw: &fastpar_aggregate| {
        let operation = match raw.operation {
            FASTPAR_AGGREGATE_COUNT => Operation::Count,
            FASTPAR_AGGREGATE_SUM => Operation::Sum,
            FASTPAR_AGGREGATE_MEAN => Operation::Mean,
            FASTPAR_AGGREGATE_MIN => Operation::Min,
            FASTPAR_AGGREGATE_MAX => Operation::Max,
            FASTPAR_AGGREGATE_FIRST => Operation::First,
            FASTPAR_AGGREGATE_LAST => Operation::Last,
            FASTPAR_AGGREGATE_VARIANCE => Operation::Variance,
            FASTPAR_AGGREGATE_DOT => Operation::Dot,
            FASTPAR_AGGREGATE_WEIGHTED_MEAN => Operation::WeightedMean,
            other => {
                return invalid(format!(
                    "aggregates[{index}].operation is {other}, expected FASTPAR_AGGREGATE_COUNT (0) to \
                     _WEIGHTED_MEAN (9)"
                ))
            }
        };
        let unused = match operation.columns() {
            0 => raw.column | raw.weights,
            1 => raw.weights,
            _ => 0,
        };
        if unused != 0 || raw.reserved != 0 {
            return invalid(format!("aggregates[{index}]: a field that the operation does not use is not 0"));
        }
        Ok(Aggregate { operation, column: raw.column, weights: raw.weights })
    };
    // SAFETY: the caller's promise.
    unsafe { read_all(aggregates, count, "aggregates", read) }
}

/// Writes what a function finds: a value for each of `count` aggregates.
///
/// # Safety
/// `values` is NULL or valid for writing as many.
pub(super) unsafe fn write_values(
    values: *mut fastpar_value,
    count: usize,
    find: impl FnOnce() -> Result<Vec<Value>>,
) -> Result<()> {
    if values.is_null() && count > 0 {
        return invalid("values is NULL");
    }
    for (index, value) in find()?.into_iter().enumerate() {
        // SAFETY: not NULL, with room for as many, by the caller's promise.
        unsafe { values.add(index).write_unaligned(value.into()) };
    }
    Ok(())
}

/// Computes aggregates of columns, all in one pass over the rows, in parallel.
///
/// ```c
/// fastpar_column columns[2] = {{&trades[0].price, count, sizeof(trade), FASTPAR_F64, 0},
///                              {&trades[0].quantity, count, sizeof(trade), FASTPAR_U32, 0}};
/// fastpar_aggregate asked[2] = {{FASTPAR_AGGREGATE_SUM, 0, 1, 0},            // the volume
///                               {FASTPAR_AGGREGATE_WEIGHTED_MEAN, 0, 0, 1}}; // the price, weighted by it
/// fastpar_value values[2];
/// fastpar_table_aggregate(NULL, columns, 2, NULL, 0, asked, 2, values, &error);
/// ```
///
/// Rows are taken in chunks of 65,536, whatever the lanes, and what comes of the chunks is put together
/// in their order: results are the same to the bit on any number of threads. Floats are computed with
/// as double, in several sums side by side: one of which may overflow where a single sum would not.
///
/// @param options           may be NULL. Of the fields only `max_lanes`, `cancel` and `progress`, which
///                          counts rows, may be set; the others must be 0.
/// @param columns           as many values in each; NULL only with `columns_count` 0: no rows
/// @param columns_count     0 to 256
/// @param mask              NULL with `mask_bytes` 0: all rows. Else a bit for each row, the lowest bit
///                          of a byte first: rows whose bit is 1 count.
/// @param mask_bytes        its bytes, at least rows / 8, rounded up; 0 without a mask
/// @param aggregates        NULL only with `aggregates_count` 0
/// @param aggregates_count  0 to 256
/// @param values            out: a value for each aggregate; untouched on failure. NULL only for none.
/// @param error             may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: an argument, or columns of different counts;
///         FASTPAR_ERR_LIMIT_EXCEEDED: a sum of products has more than 128 bits (`error->position` is
///         the aggregate), or as `fastpar_for`; FASTPAR_ERR_CANCELLED: by the flag or by the progress
///         callback; FASTPAR_ERR_OUT_OF_MEMORY, FASTPAR_ERR_UNSUPPORTED, FASTPAR_ERR_BUSY: as
///         `fastpar_for`.
///
/// Blocks until it is done. May be called from any thread, for the same columns at the same time, and
/// from inside callbacks. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_table_aggregate(
    options: *const fastpar_loop_options,
    columns: *const fastpar_column,
    columns_count: usize,
    mask: *const u8,
    mask_bytes: usize,
    aggregates: *const fastpar_aggregate,
    aggregates_count: usize,
    values: *mut fastpar_value,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        unsafe {
            check_options(options, "a table")?;
            let arguments = LoopArguments::read(options)?;
            let columns = columns_of(columns, columns_count)?;
            let rows = columns.first().map_or(0, Column::count);
            let mask = mask_of(mask, mask_bytes, rows)?;
            let aggregates = aggregates_of(aggregates, aggregates_count)?;
            write_values(values, aggregates_count, || {
                arguments.control(|control| table::aggregate(&columns, mask, &aggregates, control))
            })
        }
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}
