//! Group "dictionaries": content that small inputs have in common, learned once and shared by all calls.

use super::borrow::{self, Out};
use super::guard::{guard, guard_value};
use super::handle;
use super::status::{fastpar_error, fastpar_status};
use crate::codec::{self, Dict, Dicts};
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use std::ffi::c_void;

/// A dictionary, prepared for compressing and decompressing. Opaque; made by `fastpar_dict_open`, released by
/// `fastpar_dict_free`; used as `dict` or in `dicts` of
/// `fastpar_zstd_options`, by any number of calls at a time.
pub struct fastpar_dict {
    dict: Dict,
}

fn invalid(message: &'static str) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

/// The dictionary of the options. It is shared, so that the handle may be released while a call goes on.
///
/// # Safety
/// `dict` is NULL or a live handle.
pub(super) unsafe fn share(dict: *const fastpar_dict) -> Option<Dict> {
    // SAFETY: the caller's promise.
    unsafe { handle::hold(dict) }.map(|found| found.dict.clone())
}

/// The dictionaries of the options, shared in the same way.
///
/// # Safety
/// `dicts` is NULL or points to so many pointers, each NULL or a live handle.
pub(super) unsafe fn share_all(dicts: *const *const fastpar_dict, count: usize) -> Result<Option<Dicts>> {
    if count == 0 {
        return Ok(None);
    }
    let bytes = count.checked_mul(size_of::<*const fastpar_dict>());
    let (false, Some(_)) = (dicts.is_null(), bytes.filter(|&bytes| bytes <= isize::MAX as usize)) else {
        return Err(invalid("dicts is NULL, or dicts_count is more than any array can have"));
    };
    let mut all = Vec::new();
    memory::reserve(&mut all, count)
        .map_err(|_| Error::new(ErrorKind::OutOfMemory, format!("no memory for {count} dictionaries")))?;
    for index in 0..count {
        // SAFETY: within the array, and a handle or NULL, by the caller's promise.
        let dict = unsafe { share(dicts.add(index).read_unaligned()) };
        let missing = || Error::new(ErrorKind::InvalidArgument, format!("dicts[{index}] is NULL"));
        all.push(dict.ok_or_else(|| missing().at(index as u64))?);
    }
    Ok(Some(Dicts::new(all)))
}

/// Makes a dictionary from samples of the data to be compressed.
///
/// Dictionaries pay for inputs of up to some 100 KB that resemble each other, such as records or messages:
/// for those of 1 KB the result is typically 2 to 5 times smaller. About 100 KB of dictionary are enough, and
/// about 100 times as many bytes of samples, each like one input. The result is an ordinary zstd dictionary
/// (`zstd -D` takes it), and depends on the arguments only.
///
/// @param samples        the samples, one after the other; must not be NULL; not kept
/// @param sample_sizes   bytes of each sample; must not be NULL. Their sum is the size of `samples`.
/// @param samples_count  samples
/// @param dict           out; must not be NULL. After a failure its content means nothing.
/// @param dict_capacity  bytes: the dictionary becomes as large as this where the samples hold enough;
///                       112,640 is usual, at least 256
/// @param written        out, bytes of the dictionary, must not be NULL. FASTPAR_ERR_BUFFER_TOO_SMALL: the
///                       least capacity. Any other failure: 0.
/// @param error          may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_BUFFER_TOO_SMALL: `dict_capacity` is less than 256;
///         FASTPAR_ERR_INVALID_ARGUMENT: an argument, or samples from which nothing can be learned: fewer
///         than about 10, or hardly larger than the dictionary, or without anything in common (`error->code`
///         is zstd's); FASTPAR_ERR_OUT_OF_MEMORY.
///
/// Works on the calling thread only, about a second for 10 MB of samples; blocks until it is done, and cannot
/// be cancelled. Memory: about 10 times the samples. May be called from any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_dict_train(
    samples: *const c_void,
    sample_sizes: *const usize,
    samples_count: usize,
    dict: *mut c_void,
    dict_capacity: usize,
    written: *mut usize,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { Out::new(written, "written")? };
        let run = || {
            // SAFETY: the caller's promise.
            let sizes = unsafe { sizes(sample_sizes, samples_count)? };
            let total = sizes.iter().try_fold(0usize, |total, &size| total.checked_add(size));
            let total =
                total.ok_or_else(|| invalid("sample_sizes add up to more than any buffer can have"))?;
            if samples.is_null() {
                return Err(invalid("samples is NULL"));
            }
            if dict.is_null() {
                return Err(invalid("dict is NULL"));
            }
            // SAFETY: the caller's promise; whether the buffers overlap is checked before they are used.
            let (samples, dst) = unsafe {
                (
                    borrow::input(samples.cast(), total, "samples")?,
                    borrow::output(dict.cast(), dict_capacity, "dict")?,
                )
            };
            borrow::disjoint((samples, "samples"), (&*dst, "dict"))?;
            codec::train(samples, &sizes, dst)
        };
        borrow::set_written(&place, run())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Copies an array of sizes, wherever it lies.
///
/// # Safety
/// `sizes` is NULL or valid for reading `count` numbers.
unsafe fn sizes(sizes: *const usize, count: usize) -> Result<Vec<usize>> {
    let bytes = count.checked_mul(size_of::<usize>()).filter(|&bytes| bytes <= isize::MAX as usize);
    let (false, Some(bytes)) = (sizes.is_null(), bytes) else {
        return Err(invalid("sample_sizes is NULL, or samples_count is more than any array can have"));
    };
    // SAFETY: not NULL, of a possible size, and valid by the caller's promise.
    let bytes = unsafe { borrow::input(sizes.cast(), bytes, "sample_sizes")? };
    let mut copy = Vec::new();
    memory::reserve(&mut copy, count)
        .map_err(|_| Error::new(ErrorKind::OutOfMemory, format!("no memory for {count} sizes")))?;
    let number = |bytes: &[u8]| bytes.try_into().map_or(0, usize::from_ne_bytes);
    copy.extend(bytes.chunks_exact(size_of::<usize>()).map(number));
    Ok(copy)
}

/// Prepares a dictionary for use in any number of calls at a time.
///
/// @param data   a dictionary made by `fastpar_dict_train` or `zstd --train`; or any other bytes, which are
///               then taken as raw content: content that inputs are likely to repeat, the likeliest at the
///               end. Must not be NULL; copied.
/// @param len    bytes, 1 to 1 GiB
/// @param level  the level to compress at, as in the options; 0: 3. Options with `level` 0 or with this level
///               find the dictionary ready; the first call with another level prepares it for that level (a
///               few milliseconds; it stays prepared for four)
/// @param dict   out, must not be NULL: the handle, to be released by `fastpar_dict_free`; NULL on failure
/// @param error  may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_DICTIONARY: `data` begins like a dictionary, but is damaged;
///         FASTPAR_ERR_INVALID_ARGUMENT: an argument; FASTPAR_ERR_OUT_OF_MEMORY.
///
/// Frames name their dictionary by its id, so that a wrong dictionary is refused (FASTPAR_ERR_DICTIONARY).
/// Raw content has no id: with other content, or without it, such frames fail as FASTPAR_ERR_CORRUPT or
/// FASTPAR_ERR_CHECKSUM; without a checksum they may even decompress to something else.
///
/// Memory: about 3 times `len`, and tables by the level (0.3 MB at level 3 for 110 KB). Blocks for a few
/// milliseconds. May be called from any thread. Since: 1.0
///
/// # Safety
/// Pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_dict_open(
    data: *const c_void,
    len: usize,
    level: i32,
    dict: *mut *mut fastpar_dict,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let place = unsafe { Out::new(dict, "dict")? };
        place.set(std::ptr::null_mut());
        if data.is_null() {
            return Err(invalid("data is NULL"));
        }
        // SAFETY: the caller's promise.
        let content = unsafe { borrow::input(data.cast(), len, "data")? };
        memory::check()?;
        let dict = Dict::new(content, level)?;
        place.set(handle::give(fastpar_dict { dict }));
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Tells the number by which frames name a dictionary.
///
/// @param dict   must not be NULL
/// @param id     out, must not be NULL; 0: it is raw content, and frames do not name it; untouched on failure
/// @param error  may be NULL
/// @return FASTPAR_OK; FASTPAR_ERR_INVALID_ARGUMENT: `dict` or `id` is NULL.
///
/// Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// `dict` is NULL or a live handle; pointers are valid as described.
#[no_mangle]
pub unsafe extern "C" fn fastpar_dict_id(
    dict: *const fastpar_dict,
    id: *mut u32,
    error: *mut fastpar_error,
) -> fastpar_status {
    let body = || {
        // SAFETY: the caller's promise.
        let (dict, place) = unsafe { (handle::hold(dict), Out::new(id, "id")?) };
        place.set(dict.ok_or_else(|| invalid("dict is NULL"))?.dict.id());
        Ok(())
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { guard(error, body) }
}

/// Releases a dictionary.
///
/// @param dict  NULL: nothing happens. Calls under way and handles that were opened with it keep the parts
///              that they need.
///
/// Never blocks. May be called from any thread. Since: 1.0
///
/// # Safety
/// `dict` is NULL or a live handle.
#[no_mangle]
pub unsafe extern "C" fn fastpar_dict_free(dict: *mut fastpar_dict) {
    guard_value((), || {
        // SAFETY: NULL, or made in `fastpar_dict_open` and given back once.
        drop(unsafe { handle::end(dict) });
    });
}
