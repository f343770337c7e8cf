//! The functions of libzstd that the library calls for whole frames: blocks are stored, as libzstd stores
//! what it cannot compress. Each context counts its frames in plain memory, so that two threads in one
//! context are a race, which Miri tells.

use fastpar::codec::{Frame, Frames};
use std::ffi::{c_char, c_int, c_uint, c_ulonglong, c_void};
use std::ptr;
use std::slice;
use zstd::zstd_safe::zstd_sys::{
    ZSTD_CCtx, ZSTD_DCtx, ZSTD_ErrorCode, ZSTD_ResetDirective, ZSTD_cParameter, ZSTD_compressionParameters,
    ZSTD_dParameter, ZSTD_inBuffer, ZSTD_outBuffer, ZSTD_strategy,
};

const MAGIC: u32 = 0xfd2f_b528;
/// One segment, and a content size of four bytes.
const DESCRIPTOR: u8 = 0xa0;
const HEADER: usize = 9;
const BLOCK: usize = 128 << 10;
const CONTEXT: usize = 1 << 10;

fn failure(code: ZSTD_ErrorCode) -> usize {
    (code as usize).wrapping_neg()
}

/// Of any kind: the frames that it has seen.
fn new_context<T>() -> *mut T {
    Box::into_raw(Box::new(0u64)).cast()
}

/// # Safety
/// NULL, or made by `new_context`, and given back once.
unsafe fn free_context<T>(context: *mut T) -> usize {
    if !context.is_null() {
        // SAFETY: as above.
        drop(unsafe { Box::from_raw(context.cast::<u64>()) });
    }
    0
}

/// # Safety
/// A live context.
unsafe fn use_context<T>(context: *mut T) {
    // SAFETY: as above; only one thread may be in it.
    unsafe { *context.cast::<u64>() += 1 };
}

#[no_mangle]
extern "C" fn ZSTD_isError(code: usize) -> c_uint {
    (code > failure(ZSTD_ErrorCode::ZSTD_error_maxCode)).into()
}

#[no_mangle]
extern "C" fn ZSTD_getErrorName(_: usize) -> *const c_char {
    c"an error".as_ptr()
}

#[no_mangle]
extern "C" fn ZSTD_minCLevel() -> c_int {
    -5
}

#[no_mangle]
extern "C" fn ZSTD_maxCLevel() -> c_int {
    22
}

#[no_mangle]
extern "C" fn ZSTD_compressBound(len: usize) -> usize {
    HEADER + len + 3 * (len / BLOCK + 1)
}

#[no_mangle]
extern "C" fn ZSTD_getCParams(_: c_int, _: c_ulonglong, _: usize) -> ZSTD_compressionParameters {
    ZSTD_compressionParameters {
        windowLog: 17,
        chainLog: 10,
        hashLog: 10,
        searchLog: 1,
        minMatch: 4,
        targetLength: 0,
        strategy: ZSTD_strategy::ZSTD_fast,
    }
}

#[no_mangle]
extern "C" fn ZSTD_estimateCCtxSize_usingCParams(_: ZSTD_compressionParameters) -> usize {
    CONTEXT
}

#[no_mangle]
extern "C" fn ZSTD_estimateDCtxSize() -> usize {
    CONTEXT
}

#[no_mangle]
extern "C" fn ZSTD_estimateDStreamSize(window: usize) -> usize {
    window.saturating_add(CONTEXT)
}

#[no_mangle]
extern "C" fn ZSTD_createCCtx() -> *mut ZSTD_CCtx {
    new_context()
}

#[no_mangle]
unsafe extern "C" fn ZSTD_freeCCtx(context: *mut ZSTD_CCtx) -> usize {
    // SAFETY: the caller's promise.
    unsafe { free_context(context) }
}

#[no_mangle]
extern "C" fn ZSTD_sizeof_CCtx(_: *const ZSTD_CCtx) -> usize {
    CONTEXT
}

#[no_mangle]
unsafe extern "C" fn ZSTD_CCtx_reset(context: *mut ZSTD_CCtx, _: ZSTD_ResetDirective) -> usize {
    // SAFETY: the caller's promise.
    unsafe { use_context(context) };
    0
}

#[no_mangle]
unsafe extern "C" fn ZSTD_CCtx_setParameter(context: *mut ZSTD_CCtx, _: ZSTD_cParameter, _: c_int) -> usize {
    // SAFETY: the caller's promise.
    unsafe { use_context(context) };
    0
}

#[no_mangle]
unsafe extern "C" fn ZSTD_compress2(
    context: *mut ZSTD_CCtx,
    dst: *mut c_void,
    capacity: usize,
    src: *const c_void,
    len: usize,
) -> usize {
    // SAFETY: the caller's promise.
    unsafe { use_context(context) };
    // SAFETY: the caller's promise.
    let src = unsafe { slice::from_raw_parts(src.cast::<u8>(), len) };
    let mut frame = Vec::with_capacity(ZSTD_compressBound(len));
    frame.extend(MAGIC.to_le_bytes());
    frame.push(DESCRIPTOR);
    frame.extend((len as u32).to_le_bytes());
    let blocks = len.div_ceil(BLOCK).max(1);
    for index in 0..blocks {
        let block = &src[index * BLOCK..len.min((index + 1) * BLOCK)];
        let header = u32::from(index + 1 == blocks) | (block.len() as u32) << 3;
        frame.extend(&header.to_le_bytes()[..3]);
        frame.extend(block);
    }
    // SAFETY: the caller's promise.
    unsafe { put(&frame, dst, capacity) }
}

/// # Safety
/// `dst` is valid for writing `capacity` bytes.
unsafe fn put(bytes: &[u8], dst: *mut c_void, capacity: usize) -> usize {
    if bytes.len() > capacity {
        return failure(ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall);
    }
    // SAFETY: as above, and it fits.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), dst.cast(), bytes.len()) };
    bytes.len()
}

#[no_mangle]
extern "C" fn ZSTD_createDCtx() -> *mut ZSTD_DCtx {
    new_context()
}

#[no_mangle]
unsafe extern "C" fn ZSTD_freeDCtx(context: *mut ZSTD_DCtx) -> usize {
    // SAFETY: the caller's promise.
    unsafe { free_context(context) }
}

#[no_mangle]
extern "C" fn ZSTD_sizeof_DCtx(_: *const ZSTD_DCtx) -> usize {
    CONTEXT
}

#[no_mangle]
unsafe extern "C" fn ZSTD_DCtx_reset(context: *mut ZSTD_DCtx, _: ZSTD_ResetDirective) -> usize {
    // SAFETY: the caller's promise.
    unsafe { use_context(context) };
    0
}

#[no_mangle]
unsafe extern "C" fn ZSTD_decompressDCtx(
    context: *mut ZSTD_DCtx,
    dst: *mut c_void,
    capacity: usize,
    src: *const c_void,
    len: usize,
) -> usize {
    // SAFETY: the caller's promise.
    unsafe { use_context(context) };
    // SAFETY: the caller's promise.
    let src = unsafe { slice::from_raw_parts(src.cast::<u8>(), len) };
    let mut whole = Vec::new();
    for frame in Frames::new(src) {
        match frame.ok().and_then(|frame| content(src, &frame)) {
            Some(content) => whole.extend(content),
            None => return failure(ZSTD_ErrorCode::ZSTD_error_corruption_detected),
        }
    }
    // SAFETY: the caller's promise.
    unsafe { put(&whole, dst, capacity) }
}

/// The content of a frame of `src` whose blocks are stored.
fn content(src: &[u8], frame: &Frame) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    for block in frame.blocks(src) {
        let block = block.ok()?;
        content.extend(&src[block.offset + 3..block.offset + block.len]);
    }
    Some(content)
}

#[no_mangle]
unsafe extern "C" fn ZSTD_DCtx_setParameter(context: *mut ZSTD_DCtx, _: ZSTD_dParameter, _: c_int) -> usize {
    // SAFETY: the caller's promise.
    unsafe { use_context(context) };
    0
}

/// Decodes the frame that the input begins with, all of it at once.
#[no_mangle]
unsafe extern "C" fn ZSTD_decompressStream(
    context: *mut ZSTD_DCtx,
    output: *mut ZSTD_outBuffer,
    input: *mut ZSTD_inBuffer,
) -> usize {
    // SAFETY: the caller's promise.
    unsafe { use_context(context) };
    // SAFETY: the caller's promise.
    let (output, input) = unsafe { (&mut *output, &mut *input) };
    // SAFETY: the caller's promise.
    let src = unsafe { &slice::from_raw_parts(input.src.cast::<u8>(), input.size)[input.pos..] };
    let frame = Frames::new(src).next().and_then(Result::ok);
    let Some((frame, content)) = frame.and_then(|frame| content(src, &frame).map(|content| (frame, content)))
    else {
        return failure(ZSTD_ErrorCode::ZSTD_error_corruption_detected);
    };
    // SAFETY: the position is in the buffer, which is the caller's for so many bytes.
    let written = unsafe { put(&content, output.dst.byte_add(output.pos), output.size - output.pos) };
    if written != content.len() {
        return written;
    }
    output.pos += written;
    input.pos += frame.len;
    0
}
