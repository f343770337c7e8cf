//! Group "scans", third part: the records of an archive as a table, which need not fit into memory.

use super::archives::{fastpar_archive, hold_archive};
use super::borrow::{self, OptionsStruct, Out};
use super::columns::comparison_of;
use super::guard::guard;
use super::handle;
use super::masks::operation_of;
use super::scans::{fastpar_scan_options, ScanArguments};
use super::status::{fastpar_error, fastpar_status};
use super::streams::fastpar_sink_fn;
use super::table_groups::{fastpar_group_key, fastpar_groups, key_of};
use super::tables::{
    aggregates_of, fastpar_aggregate, fastpar_value, invalid, read_all, value_type, write_values,
};
use crate::codec;
use crate::error::{Error, Result};
use crate::pool::Scope;
use crate::table::{Condition, Field, Shape};
use std::ffi::c_void;
use std::mem::size_of;

/// A field of records: what `fastpar_column` is where the records are in memory.
///
/// ```c
/// typedef struct trade { int64_t time; double price; uint32_t quantity; char symbol[4]; } trade;
/// fastpar_field fields[3] = {{offsetof(trade, time), FASTPAR_I64, 0},
///                            {offsetof(trade, price), FASTPAR_F64, 0},
///                            {offsetof(trade, symbol), FASTPAR_BYTES, 4 << 8}};
/// ```
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_field {
    /// Where it begins in a record.
    pub offset: usize,
    /// As `fastpar_sort_key.type`: FASTPAR_U8 to FASTPAR_BYTES.
    pub r#type: u32,
    /// For FASTPAR_BYTES the number of bytes, shifted left by 8; else 0.
    pub flags: u32,
}

/// A step of a condition: a comparison, which leaves a mask of rows, or what makes one mask of the last two
/// that were left, or of the last one. After all steps one mask is left: the rows that pass.
///
/// ```c
/// double low = 10.0, high = 20.0;
/// uint32_t least = 100;
/// fastpar_condition both[3] = {{FASTPAR_COMPARE_BETWEEN, 0, 1, &low, &high},         // by field 1
///                              {FASTPAR_COMPARE_GREATER_EQUAL, 0, 2, &least, NULL},  // by field 2
///                              {0, FASTPAR_MASK_AND, 0, NULL, NULL}};                // both
/// ```
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_condition {
    /// FASTPAR_COMPARE_EQUAL to FASTPAR_COMPARE_BETWEEN_CLOSED; 0: this step combines.
    pub comparison: u32,
    /// FASTPAR_MASK_AND to FASTPAR_MASK_NOT; 0 with a comparison.
    pub combine: u32,
    /// The index of the field that is compared; else 0.
    pub field: usize,
    /// A value of the field's type, aligned or not, read before the call returns; NULL without a comparison.
    pub low: *const c_void,
    /// Another one, for FASTPAR_COMPARE_BETWEEN and _BETWEEN_CLOSED; else NULL will do.
    pub high: *const c_void,
}

/// What the records of an archive look like, and which of them are looked at. Set `struct_size` to
/// `sizeof(fastpar_table)` and every field you do not need to zero. Nothing of it is kept after a call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_table {
    /// `sizeof(fastpar_table)`.
    pub struct_size: usize,
    /// The fields, which take the place of columns: the indices of aggregates, keys and conditions are of
    /// these. NULL only for none.
    pub fields: *const fastpar_field,
    /// 0 to 256.
    pub fields_count: usize,
    /// The steps of a condition, in their order. NULL only for none: all records pass.
    pub conditions: *const fastpar_condition,
    /// 0 to 256.
    pub conditions_count: usize,
}

// SAFETY: integers and nullable pointers; zero is the default of each; begins with struct_size.
unsafe impl OptionsStruct for fastpar_table {
    const NAME: &'static str = "fastpar_table";
    const SIZE_V1: usize = size_of::<Self>();
}

/// A table in the core's form.
struct Table<'a> {
    fields: Vec<Field>,
    conditions: Vec<Condition<'a>>,
}

impl<'a> Table<'a> {
    /// # Safety
    /// `table` is NULL or a valid struct whose pointers are valid for `'a`.
    unsafe fn read(table: *const fastpar_table) -> Result<Self> {
        // SAFETY: the caller's promise.
        unsafe {
            let raw = borrow::options(table)?;
            let fields = read_all(raw.fields, raw.fields_count, "fields", |index, raw| {
                let kind = value_type(&format!("fields[{index}]"), raw.r#type, raw.flags)?;
                Ok(Field { offset: raw.offset, kind })
            })?;
            let conditions = read_all(raw.conditions, raw.conditions_count, "conditions", |index, raw| {
                condition_of(&format!("conditions[{index}]"), raw, &fields)
            })?;
            Ok(Self { fields, conditions })
        }
    }

    fn shape(&self) -> Shape<'_> {
        Shape { fields: &self.fields, conditions: &self.conditions }
    }
}

/// # Safety
/// The values of `raw` are valid for reading, unchanged for `'a`.
unsafe fn condition_of<'a>(name: &str, raw: &fastpar_condition, fields: &[Field]) -> Result<Condition<'a>> {
    if raw.comparison == 0 {
        if raw.field != 0 || !raw.low.is_null() || !raw.high.is_null() {
            return invalid(format!("{name} has no comparison, and a field or a value"));
        }
        return operation_of(raw.combine, &format!("{name}.combine")).map(Condition::Combine);
    }
    if raw.combine != 0 {
        return invalid(format!("{name} has a comparison, and combines"));
    }
    let comparison = comparison_of(raw.comparison, &format!("{name}.comparison"))?;
    let Some(field) = fields.get(raw.field) else {
        return invalid(format!("{name} is of field {} of {}", raw.field, fields.len()));
    };
    let size = field.kind.size();
    // SAFETY: the caller's promise.
    let value =
        |value: *const c_void, end| unsafe { borrow::input(value.cast(), size, &format!("{name}.{end}")) };
    let high = if comparison.values() == 2 { value(raw.high, "high")? } else { &[] };
    Ok(Condition::Compare { column: raw.field, comparison, low: value(raw.low, "low")?, high })
}

/// Computes aggregates of the records of an archive, all in one pass, frame by frame and in parallel: of
/// more than fits into memory, each frame while it is in the caches of the CPU that has decompressed it.
///
/// ```c
/// fastpar_scan_options options = {sizeof options, sizeof(trade)};
/// fastpar_table table = {sizeof table, fields, 3, both, 3};
/// fastpar_aggregate asked[2] = {{FASTPAR_AGGREGATE_COUNT, 0, 0, 0}, {FASTPAR_AGGREGATE_SUM, 0, 1, 0}};
/// fastpar_value values[2];
/// fastpar_archive_aggregate(&options, archive, &table, asked, 2, values, &error);
/// ```
///
/// What the pieces of `fastpar_archive_for` come to is put together in their order, so that results are the
/// same to the bit on any number of threads. In other pieces, as by another `piece_size` or other frames, and
/// by `fastpar_table_aggregate`, floats are added in another order: the last bits of sums may differ.
///
/// @param options           may be NULL; as for `fastpar_archive_for`: `record_size` is that of a row.
///                          FASTPAR_SCAN_LINES is FASTPAR_ERR_INVALID_ARGUMENT.
/// @param archive           must not be NULL; as for `fastpar_archive_for`
/// @param table             may be NULL: no fields, and all records
/// @param aggregates        NULL only with `aggregates_count` 0; as for `fastpar_table_aggregate`
/// @param aggregates_count  0 to 256
/// @param values            out: a value for each aggregate; untouched on failure. NULL only for none.
/// @param error             may be NULL
/// @return as `fastpar_archive_for`, without callbacks; FASTPAR_ERR_INVALID_ARGUMENT, before anything is
///         decompressed: also a field that does not lie in a record, or a condition that leaves no single
///         mask; FASTPAR_ERR_LIMIT_EXCEEDED: also a sum of products of more than 128 bits
///         (`error->position` is the aggregate).
///
/// Blocks, threads and nesting: as `fastpar_archive_for`. Since: 1.0
///
/// # Safety
/// `archive` is NULL or a live handle; pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_archive_aggregate(
    options: *const fastpar_scan_options,
    archive: *mut fastpar_archive,
    table: *const fastpar_table,
    aggregates: *const fastpar_aggregate,
    aggregates_count: usize,
    values: *mut fastpar_value,
    error: *mut fastpar_error,
) -> fastpar_status {
    let run = || {
        // SAFETY: the caller's promise.
        unsafe {
            let (arguments, archive) = (ScanArguments::read(options)?, hold_archive(archive)?);
            let table = Table::read(table)?;
            let aggregates = aggregates_of(aggregates, aggregates_count)?;
            write_values(values, aggregates_count, || {
                arguments.with(|options| {
                    codec::archive_aggregate(archive.core(), options, &table.shape(), &aggregates)
                })
            })
        }
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, run) }
}

/// Groups the records of an archive by one key or several, and computes aggregates of each group, in one
/// pass, frame by frame and in parallel: `fastpar_table_group` for more than fits into memory.
///
/// First and last are by the order of the records; `fastpar_groups_rows` counts them from the begin of the
/// part that is scanned, and keys of FASTPAR_BYTES are read by `fastpar_groups_key_bytes`.
///
/// @param options           may be NULL; as for `fastpar_archive_aggregate`
/// @param archive           must not be NULL; as for `fastpar_archive_for`
/// @param table             must not be NULL: with the fields of the keys
/// @param keys              must not be NULL; as for `fastpar_table_group`
/// @param keys_count        1 to 16
/// @param aggregates        NULL only with `aggregates_count` 0
/// @param aggregates_count  0 to 256
/// @param max_memory        the most bytes that groups take while they are found; 0: no limit. A group of A
///                          aggregates takes about 150 * (A + 1), and is held once for each piece under way
///                          that it comes up in: without a limit about 64 MiB, or a piece a lane; with a
///                          limit an eighth of it. `options->max_memory` is for decompressing.
/// @param groups            out, must not be NULL: released by `fastpar_groups_free`; NULL on failure
/// @param error             may be NULL
/// @return as `fastpar_archive_aggregate`; FASTPAR_ERR_LIMIT_EXCEEDED: also `max_memory`, or more than 2^29
///         groups.
///
/// Blocks, threads and nesting: as `fastpar_archive_for`. Since: 1.0
///
/// # Safety
/// `archive` is NULL or a live handle; pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_archive_group(
    options: *const fastpar_scan_options,
    archive: *mut fastpar_archive,
    table: *const fastpar_table,
    keys: *const fastpar_group_key,
    keys_count: usize,
    aggregates: *const fastpar_aggregate,
    aggregates_count: usize,
    max_memory: u64,
    groups: *mut *mut fastpar_groups,
    error: *mut fastpar_error,
) -> fastpar_status {
    let run = || {
        // SAFETY: the caller's promise.
        unsafe {
            let place = Out::new(groups, "groups")?;
            place.set(std::ptr::null_mut());
            let (arguments, archive) = (ScanArguments::read(options)?, hold_archive(archive)?);
            let table = Table::read(table)?;
            let kind = |field: usize| table.fields.get(field).map(|field| field.kind);
            let keys = read_all(keys, keys_count, "keys", |index, raw| key_of(index, raw, kind))?;
            let aggregates = aggregates_of(aggregates, aggregates_count)?;
            let found = arguments.with(|options| {
                let shape = table.shape();
                codec::archive_group(archive.core(), options, &shape, &keys, &aggregates, max_memory)
            })?;
            place.set(handle::give(fastpar_groups::from(found)));
        }
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, run) }
}

/// Gives those records of an archive that pass the conditions of a table to a sink, in their order: found in
/// parallel, given out by the calling thread while the next ones are looked for.
///
/// To write them to a compressed file `fastpar_transform_file` is the better way.
///
/// @param options    may be NULL; as for `fastpar_archive_aggregate`
/// @param archive    must not be NULL; as for `fastpar_archive_for`
/// @param table      may be NULL: all records
/// @param sink       must not be NULL: called with whole records, some at a time
/// @param user_data  given to it; may be NULL
/// @param error      may be NULL
/// @return as `fastpar_archive_aggregate`; FASTPAR_ERR_CALLBACK: the sink returned non-zero, or what it told
///         `fastpar_fail`. What the sink was given before a failure are the first records that pass.
///
/// Blocks, threads and nesting: as `fastpar_archive_for`. Memory: records of about 8 MiB a lane wait for
/// their turn, or of `options->max_memory`. Since: 1.0
///
/// # Safety
/// `archive` is NULL or a live handle; pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_archive_take(
    options: *const fastpar_scan_options,
    archive: *mut fastpar_archive,
    table: *const fastpar_table,
    sink: fastpar_sink_fn,
    user_data: *mut c_void,
    error: *mut fastpar_error,
) -> fastpar_status {
    let run = || {
        // SAFETY: the caller's promise.
        let (arguments, archive) = unsafe { (ScanArguments::read(options)?, hold_archive(archive)?) };
        // SAFETY: the caller's promise.
        let table = unsafe { Table::read(table)? };
        let Some(sink) = sink else { return invalid("sink is NULL") };
        let give = |bytes: &[u8]| {
            Scope::enter(&arguments.cancel(), |scope| {
                // SAFETY: the program promises that the callback may be called with its data.
                match unsafe { sink(user_data, bytes.as_ptr().cast(), bytes.len()) } {
                    0 => Ok(()),
                    code => {
                        let text = format!("the sink returned {code}");
                        Err(Error::of_callback(text, code, scope.take()))
                    }
                }
            })
        };
        arguments.with(|options| codec::archive_take(archive.core(), options, &table.shape(), give))
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, run) }
}
