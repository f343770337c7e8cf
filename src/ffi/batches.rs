//! Group "batches": many buffers in one call, each with its own result.

use super::borrow::{self, set_if_wanted};
use super::codec::{fastpar_zstd_options, with_options};
use super::guard::guard;
use super::overlap;
use super::status::{fastpar_error, fastpar_status, status_of, FASTPAR_ERR_CANCELLED, FASTPAR_OK};
use crate::codec::{self, BatchItem, Options, Prefix};
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use std::ffi::c_void;
use std::ops::Range;
use std::ptr::addr_of_mut;

/// The largest item that is looked at: more is garbage, not a newer version.
const LARGEST_ITEM: usize = 4096;

/// One buffer of a batch. Set the first four fields; the others are written by the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct fastpar_batch_item {
    /// The input. May be NULL if `src_len` is 0.
    pub src: *const c_void,
    /// Bytes of the input.
    pub src_len: usize,
    /// Where the output goes. May be NULL if `dst_capacity` is 0. Its bytes after `written` may be
    /// overwritten.
    pub dst: *mut c_void,
    /// Bytes that `dst` holds.
    pub dst_capacity: usize,
    /// Out: bytes written. FASTPAR_ERR_BUFFER_TOO_SMALL: a capacity that is enough, or 0 where that is not
    /// known. Any other failure: 0.
    pub written: usize,
    /// Out: the status of this item, FASTPAR_OK or one of FASTPAR_ERR_.
    pub status: i32,
    /// Out: zstd's error code, if the failure comes from there, else 0.
    pub code: i32,
}

/// Compresses many buffers, each to one zstd frame, in parallel.
///
/// The same as this loop, but on all CPUs, and without its cost for each call:
///
/// ```c
/// for (size_t i = 0; i < count; i++)
///   items[i].status = fastpar_compress(&single_frame_options, items[i].src, items[i].src_len,
///                                      items[i].dst, items[i].dst_capacity, &items[i].written, NULL);
/// ```
///
/// Every item is compressed by one thread to the bytes that `fastpar_compress` makes with
/// FASTPAR_ZSTD_SINGLE_FRAME, whatever its `dst_capacity`, if they fit. `frame_size` and the flags
/// _NO_SEEK_TABLE and _SINGLE_FRAME have no effect; `max_output` is the limit of each item; `progress` is
/// told input bytes. A dictionary pays most here.
///
/// @param options    may be NULL: level 3
/// @param items      in and out; may be NULL if `count` is 0. Inputs may overlap each other. An item whose
///                   `dst` overlaps its own `src`, a buffer of any other item, or `items` itself is not done,
///                   and its status is FASTPAR_ERR_INVALID_ARGUMENT.
/// @param item_size  `sizeof(fastpar_batch_item)`, the distance from one item to the next. A larger distance,
///                   of a newer header, is accepted; an item whose unknown bytes are not 0 has the status
///                   FASTPAR_ERR_UNSUPPORTED.
/// @param count      items
/// @param failed     out, may be NULL: how many items have another status than FASTPAR_OK; untouched where no
///                   item was looked at
/// @param error      may be NULL
/// @return FASTPAR_OK, even if items failed: look at `*failed`, and at each item's status:
///         FASTPAR_ERR_BUFFER_TOO_SMALL: it does not fit into its `dst`; FASTPAR_ERR_LIMIT_EXCEEDED: it is
///         larger than `max_output`; FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED,
///         FASTPAR_ERR_OUT_OF_MEMORY. The call itself fails for FASTPAR_ERR_INVALID_ARGUMENT,
///         FASTPAR_ERR_UNSUPPORTED: an option, `items`, `item_size` or `count`; no item is looked at;
///         FASTPAR_ERR_LIMIT_EXCEEDED: not even one lane fits into `max_memory`; FASTPAR_ERR_CANCELLED: by
///         the flag or by the progress callback, between two items (long ones as in `fastpar_compress`);
///         FASTPAR_ERR_OUT_OF_MEMORY; FASTPAR_ERR_BUSY: from inside a hook, if
///         it needs the pool. The items that were not done then
///         have the status FASTPAR_ERR_CANCELLED, the others are as they should be.
///
/// Memory: 180 bytes an item, and per lane a context, and the bound of the longest item whose `dst_capacity`
/// is less than its bound. Blocks until it is done. May be called from any thread, by any number at a time,
/// and from inside callbacks. Since: 1.0
///
/// # Safety
/// Pointers are valid as described, those of the items too.
#[no_mangle]
pub unsafe extern "C" fn fastpar_compress_batch(
    options: *const fastpar_zstd_options,
    items: *mut fastpar_batch_item,
    item_size: usize,
    count: usize,
    failed: *mut usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    // SAFETY: the caller's promise, passed on.
    unsafe {
        guard(error, || {
            let items = Items::new(items, item_size, count)?;
            run(options, &items, failed, codec::compress_batch)
        })
    }
}

/// Decompresses many buffers, each with all the zstd frames in it, in parallel.
///
/// The same as `fastpar_decompress` for every item, but on all CPUs, and without its cost for each call. The
/// items are worked on at the same time, the frames of one item one after the other. Where there are fewer
/// items than CPUs, a large frame has several lanes, as in `fastpar_decompress`.
///
/// @param options    may be NULL
/// @param items      in and out; may be NULL if `count` is 0; the inputs need not be trusted. As for
///                   `fastpar_compress_batch`.
/// @param item_size  `sizeof(fastpar_batch_item)`, as for `fastpar_compress_batch`
/// @param count      items
/// @param failed     out, may be NULL: how many items have another status than FASTPAR_OK; untouched where no
///                   item was looked at
/// @param error      may be NULL
/// @return FASTPAR_OK, even if items failed: look at `*failed`, and at each item's status:
///         FASTPAR_ERR_BUFFER_TOO_SMALL: it does not fit into its `dst`; FASTPAR_ERR_LIMIT_EXCEEDED: it is
///         larger than `max_output`, or needs a larger window than `window_log` allows; FASTPAR_ERR_NOT_ZSTD,
///         FASTPAR_ERR_TRUNCATED, FASTPAR_ERR_CORRUPT, FASTPAR_ERR_CHECKSUM, FASTPAR_ERR_DICTIONARY: the
///         data; FASTPAR_ERR_INVALID_ARGUMENT, FASTPAR_ERR_UNSUPPORTED, FASTPAR_ERR_OUT_OF_MEMORY. The call
///         itself fails for the same reasons as `fastpar_compress_batch`, and leaves the items alike.
///
/// `progress` is told output bytes; `total` is UINT64_MAX until the end. Memory: 180 bytes an item, and per
/// lane a context, and 3 MB where several lanes have one frame. Blocks until it is done. May be called from
/// any thread, by any number at a time, and from inside callbacks. Since: 1.0
///
/// # Safety
/// Pointers are valid as described, those of the items too.
#[no_mangle]
pub unsafe extern "C" fn fastpar_decompress_batch(
    options: *const fastpar_zstd_options,
    items: *mut fastpar_batch_item,
    item_size: usize,
    count: usize,
    failed: *mut usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    // SAFETY: the caller's promise, passed on.
    unsafe {
        guard(error, || {
            let items = Items::new(items, item_size, count)?;
            run(options, &items, failed, codec::decompress_batch)
        })
    }
}

/// Runs a batch, and writes the result of every item.
///
/// # Safety
/// As for the functions above.
unsafe fn run(
    options: *const fastpar_zstd_options,
    items: &Items,
    failed: *mut usize,
    work: impl FnOnce(&mut [BatchItem<'_>], &Options<'_>) -> Result<()>,
) -> Result<()> {
    let run = |options: &Options<'_>| {
        // SAFETY: the caller's promise.
        let mut borrowed = unsafe { items.borrow(options.prefix.map_or(&[], Prefix::bytes))? };
        let outcome = work(&mut borrowed, options);
        if matches!(&outcome, Err(error) if error.kind() == ErrorKind::InvalidArgument) {
            return outcome; // an option: nothing was done
        }
        let mut failures = 0;
        for (index, item) in borrowed.into_iter().enumerate() {
            failures += usize::from(!matches!(item.result, Some(Ok(_))));
            // SAFETY: the caller's promise.
            unsafe { items.set(index, item.result) };
        }
        // SAFETY: the caller's promise.
        unsafe { set_if_wanted(failed, failures) };
        outcome
    };
    // SAFETY: the caller's promise.
    unsafe { with_options(options, run) }
}

/// The caller's array.
struct Items {
    first: *mut u8,
    item_size: usize,
    count: usize,
}

impl Items {
    fn new(items: *mut fastpar_batch_item, item_size: usize, count: usize) -> Result<Self> {
        let invalid = |message| Err(Error::new(ErrorKind::InvalidArgument, message));
        if item_size < size_of::<fastpar_batch_item>() || item_size > LARGEST_ITEM {
            let expected = size_of::<fastpar_batch_item>();
            return invalid(format!("item_size is {item_size}, expected {expected} (sizeof the struct)"));
        }
        let bytes = item_size.checked_mul(count).filter(|&bytes| bytes <= isize::MAX as usize);
        if bytes.is_none_or(|bytes| (items as usize).checked_add(bytes).is_none()) {
            return invalid(format!("count is {count}, more than any array can have"));
        }
        if items.is_null() && count > 0 {
            return invalid(format!("items is NULL, but count is {count}"));
        }
        Ok(Self { first: items.cast(), item_size, count })
    }

    /// An item's address. It may be misaligned.
    ///
    /// # Safety
    /// `index` is below `count`.
    unsafe fn at(&self, index: usize) -> *mut fastpar_batch_item {
        // SAFETY: within the caller's array.
        unsafe { self.first.add(index * self.item_size).cast() }
    }

    /// Borrows every item's buffers. Those of items that are wrong are left alone: they have a result
    /// already. `prefix` is borrowed beside them.
    ///
    /// # Safety
    /// The array and the buffers are valid for `'a`, and not used by another thread.
    unsafe fn borrow<'a>(&self, prefix: &[u8]) -> Result<Vec<BatchItem<'a>>> {
        let mut borrowed = room(self.count)?;
        let (mut inputs, mut outputs) = (room(self.count + 2)?, room(self.count)?);
        let address = self.first as usize;
        inputs.push((address..address + self.count * self.item_size, usize::MAX));
        let prefix = prefix.as_ptr_range();
        inputs.push((prefix.start as usize..prefix.end as usize, usize::MAX));
        for index in 0..self.count {
            // SAFETY: below `count`; the caller's promise.
            let result = unsafe { self.check(index) };
            let result = result.map(|(input, output)| {
                inputs.extend((!input.is_empty()).then_some((input, index)));
                outputs.extend((!output.is_empty()).then_some((output, index)));
            });
            borrowed.push(BatchItem { src: &[], dst: &mut [], result: result.err().map(Err) });
        }
        overlap::find(&mut inputs, &mut outputs, |index| {
            let what = "dst overlaps a buffer of another item, or the prefix";
            borrowed[index].result = Some(Err(Error::new(ErrorKind::InvalidArgument, what)));
        })
        .map_err(|_| no_memory(self.count))?;
        for (index, item) in borrowed.iter_mut().enumerate().filter(|(_, item)| item.result.is_none()) {
            // SAFETY: the caller's promise. The output overlaps nothing else that is borrowed.
            unsafe {
                let raw = self.at(index).read_unaligned();
                item.src = borrow::input(raw.src.cast(), raw.src_len, "src")?;
                item.dst = borrow::output(raw.dst.cast(), raw.dst_capacity, "dst")?;
            }
        }
        Ok(borrowed)
    }

    /// Checks an item as far as it can be by itself; where its buffers lie.
    ///
    /// # Safety
    /// As for [`Items::borrow`]; `index` is below `count`.
    unsafe fn check(&self, index: usize) -> Result<(Range<usize>, Range<usize>)> {
        // SAFETY: the caller's promise.
        let (raw, tail) = unsafe {
            let place = self.at(index);
            let known = size_of::<fastpar_batch_item>();
            let tail = std::slice::from_raw_parts(place.cast::<u8>().add(known), self.item_size - known);
            (place.read_unaligned(), tail)
        };
        if tail.iter().any(|&byte| byte != 0) {
            let what = "a field that this version of fastpar does not know is set";
            return Err(Error::new(ErrorKind::Unsupported, what));
        }
        let input = borrow::addresses(raw.src.cast(), raw.src_len, "src")?;
        let output = borrow::addresses(raw.dst.cast(), raw.dst_capacity, "dst")?;
        let both = !input.is_empty() && !output.is_empty();
        if both && input.start < output.end && output.start < input.end {
            return Err(Error::new(ErrorKind::InvalidArgument, "src and dst overlap"));
        }
        Ok((input, output))
    }

    /// Writes the result of an item.
    ///
    /// # Safety
    /// As for [`Items::borrow`]; `index` is below `count`.
    unsafe fn set(&self, index: usize, result: Option<Result<usize>>) {
        let (written, status, code) = match &result {
            None => (0, FASTPAR_ERR_CANCELLED, 0),
            Some(Ok(written)) => (*written, FASTPAR_OK, 0),
            Some(Err(error)) => {
                let needed = error.needed().filter(|_| error.kind() == ErrorKind::BufferTooSmall);
                let needed = needed.and_then(|needed| usize::try_from(needed).ok()).unwrap_or(0);
                (needed, status_of(error.kind()), error.code())
            }
        };
        // SAFETY: the caller's promise.
        unsafe {
            let place = self.at(index);
            addr_of_mut!((*place).written).write_unaligned(written);
            addr_of_mut!((*place).status).write_unaligned(status);
            addr_of_mut!((*place).code).write_unaligned(code);
        }
    }
}

fn room<T>(count: usize) -> Result<Vec<T>> {
    let mut vec = Vec::new();
    memory::reserve(&mut vec, count).map_err(|_| no_memory(count))?;
    Ok(vec)
}

fn no_memory(count: usize) -> Error {
    Error::new(ErrorKind::OutOfMemory, format!("no memory for {count} items"))
}
