//! The C functions: what the core does not see.

use crate::common::{noise, pack, records};
use fastpar::codec::Options;
use fastpar::ffi::*;
use std::ffi::{c_void, CStr, CString};
use std::mem::MaybeUninit;
use std::path::Path;
use std::ptr;

fn call(run: impl FnOnce(*mut fastpar_error) -> fastpar_status) -> (fastpar_status, Option<fastpar_error>) {
    let mut error = MaybeUninit::<fastpar_error>::uninit();
    let status = run(error.as_mut_ptr());
    // SAFETY: filled by a call that fails.
    (status, (status != FASTPAR_OK).then(|| unsafe { error.assume_init() }))
}

fn ok(run: impl FnOnce(*mut fastpar_error) -> fastpar_status) {
    let (status, error) = call(run);
    assert_eq!(status, FASTPAR_OK, "{}", error.map_or(String::new(), |error| message(&error)));
}

fn message(error: &fastpar_error) -> String {
    // SAFETY: NUL-terminated.
    unsafe { CStr::from_ptr(error.message.as_ptr()) }.to_str().unwrap().to_owned()
}

fn options() -> fastpar_zstd_options {
    // SAFETY: zero is the default of each field.
    let mut options: fastpar_zstd_options = unsafe { std::mem::zeroed() };
    options.struct_size = std::mem::size_of_val(&options);
    options
}

/// What the callbacks work on.
#[derive(Default)]
struct Ends {
    data: Vec<u8>,
    at: usize,
    step: usize,
    calls: usize,
    fail_at: usize,
    writer: Option<*mut fastpar_writer>,
    reader: Option<*mut fastpar_reader>,
}

unsafe extern "C" fn sink(user_data: *mut c_void, data: *const c_void, len: usize) -> i32 {
    // SAFETY: both are what the test gave, and nobody else uses them now.
    let (ends, data) =
        unsafe { (&mut *user_data.cast::<Ends>(), std::slice::from_raw_parts(data.cast::<u8>(), len)) };
    ends.calls += 1;
    if ends.calls == ends.fail_at {
        return -42;
    }
    if let Some(writer) = ends.writer {
        // SAFETY: a live handle; using it here is refused.
        unsafe {
            let (status, _) = call(|error| fastpar_writer_write(writer, ptr::null(), 0, error));
            assert_eq!(status, FASTPAR_ERR_BUSY);
            assert_eq!(call(|error| fastpar_writer_finish(writer, error)).0, FASTPAR_ERR_BUSY);
            assert_eq!(call(|error| fastpar_pool_shutdown(error)).0, FASTPAR_ERR_BUSY);
            fastpar_writer_free(writer);
        }
    }
    assert!(len > 0);
    ends.data.extend_from_slice(data);
    0
}

unsafe extern "C" fn source(
    user_data: *mut c_void,
    buffer: *mut c_void,
    capacity: usize,
    len: *mut usize,
) -> i32 {
    // SAFETY: both are what the test gave, and nobody else uses them now.
    let ends = unsafe { &mut *user_data.cast::<Ends>() };
    ends.calls += 1;
    if ends.calls == ends.fail_at {
        return 43;
    }
    if let Some(reader) = ends.reader {
        let mut got = 1;
        let place: *mut usize = &mut got;
        // SAFETY: a live handle; using it here is refused.
        unsafe {
            let (status, _) = call(|error| fastpar_reader_read(reader, buffer, capacity, place, error));
            assert_eq!((status, got), (FASTPAR_ERR_BUSY, 0));
            assert_eq!(call(|error| fastpar_pool_shutdown(error)).0, FASTPAR_ERR_BUSY);
            fastpar_reader_free(reader);
        }
    }
    let now = ends.step.min(capacity).min(ends.data.len() - ends.at);
    // SAFETY: within the data and the buffer.
    unsafe {
        ptr::copy_nonoverlapping(ends.data[ends.at..].as_ptr(), buffer.cast(), now);
        if now > 0 {
            *len = now; // at the end it is left as it is
        }
    }
    ends.at += now;
    0
}

unsafe fn open_writer(options: &fastpar_zstd_options, ends: *mut Ends) -> *mut fastpar_writer {
    let mut writer = ptr::null_mut();
    let place: *mut *mut fastpar_writer = &mut writer;
    // SAFETY: valid arguments.
    ok(|error| unsafe { fastpar_writer_open(options, Some(sink), ends.cast(), place, error) });
    assert!(!writer.is_null());
    writer
}

unsafe fn open_reader(options: &fastpar_zstd_options, ends: *mut Ends) -> *mut fastpar_reader {
    let mut reader = ptr::null_mut();
    let place: *mut *mut fastpar_reader = &mut reader;
    // SAFETY: valid arguments.
    ok(|error| unsafe { fastpar_reader_open(options, Some(source), ends.cast(), place, error) });
    assert!(!reader.is_null());
    reader
}

unsafe fn read(reader: *mut fastpar_reader, buffer: &mut [u8]) -> (fastpar_status, usize, i32) {
    let mut len = usize::MAX;
    let place: *mut usize = &mut len;
    let data = buffer.as_mut_ptr().cast();
    // SAFETY: valid arguments.
    let (status, error) =
        call(|error| unsafe { fastpar_reader_read(reader, data, buffer.len(), place, error) });
    (status, len, error.map_or(0, |error| error.code))
}

#[test]
fn there_and_back() {
    let data = [records(700_000), noise(100_000)].concat();
    let mut options = options();
    options.frame_size = 50_000;
    let mut ends = Ends::default();
    // SAFETY: live handles, used by this thread.
    unsafe {
        let writer = open_writer(&options, &mut ends);
        for part in data.chunks(33_333) {
            ok(|error| fastpar_writer_write(writer, part.as_ptr().cast(), part.len(), error));
        }
        ok(|error| fastpar_writer_finish(writer, error));
        for _ in 0..2 {
            assert_eq!(call(|error| fastpar_writer_finish(writer, error)).0, FASTPAR_ERR_CLOSED);
            assert_eq!(call(|error| fastpar_writer_flush(writer, error)).0, FASTPAR_ERR_CLOSED);
            assert_eq!(
                call(|error| fastpar_writer_write(writer, ptr::null(), 0, error)).0,
                FASTPAR_ERR_CLOSED
            );
        }
        fastpar_writer_free(writer);
        assert!(ends.data == pack(&data, &Options { frame_size: 50_000, ..Options::default() }));
        ends.step = 10_000;
        let reader = open_reader(&options, &mut ends);
        let (mut out, mut buffer) = (Vec::new(), vec![0; 70_000]);
        loop {
            let (status, len, _) = read(reader, &mut buffer);
            assert_eq!(status, FASTPAR_OK);
            if len == 0 {
                break;
            }
            out.extend_from_slice(&buffer[..len]);
        }
        assert_eq!(read(reader, &mut buffer), (FASTPAR_OK, 0, 0), "the end again");
        assert!(out == data);
        fastpar_reader_free(reader);
        fastpar_reader_free(ptr::null_mut());
        fastpar_writer_free(ptr::null_mut());
    }
}

#[test]
fn callbacks_that_fail_are_told() {
    let data = records(300_000);
    let mut options = options();
    options.frame_size = 10_000;
    // SAFETY: live handles, used by this thread.
    unsafe {
        let mut ends = Ends { fail_at: 3, ..Ends::default() };
        let writer = open_writer(&options, &mut ends);
        for _ in 0..2 {
            let (status, error) =
                call(|error| match fastpar_writer_write(writer, data.as_ptr().cast(), data.len(), error) {
                    FASTPAR_OK => fastpar_writer_finish(writer, error),
                    status => status,
                });
            assert_eq!((status, error.unwrap().code), (FASTPAR_ERR_CALLBACK, -42));
            assert_eq!(ends.calls, 3, "not called again");
        }
        fastpar_writer_free(writer);

        let packed = pack(&data, &Options { frame_size: 10_000, ..Options::default() });
        let mut ends = Ends { data: packed, step: 5000, fail_at: 4, ..Ends::default() };
        let reader = open_reader(&options, &mut ends);
        let mut buffer = vec![0; 1000];
        let mut total = 0;
        let failure = loop {
            let result = read(reader, &mut buffer);
            if result.0 != FASTPAR_OK {
                break result;
            }
            total += result.1;
        };
        assert_eq!(failure, (FASTPAR_ERR_CALLBACK, 0, 43));
        assert_eq!(read(reader, &mut buffer), failure);
        assert!(total < data.len());
        assert_eq!(ends.calls, 4);
        fastpar_reader_free(reader);
    }
}

/// Inside its own callback a handle is busy; freed there, the call around it ends without calling back again.
#[test]
fn from_inside() {
    let data = records(100_000);
    let mut options = options();
    options.frame_size = 10_000;
    // SAFETY: live handles, used by this thread.
    unsafe {
        let mut ends = Ends::default();
        let place: *mut Ends = &mut ends;
        let writer = open_writer(&options, place);
        (*place).writer = Some(writer);
        let (status, error) =
            call(|error| match fastpar_writer_write(writer, data.as_ptr().cast(), data.len(), error) {
                FASTPAR_OK => fastpar_writer_finish(writer, error),
                status => status,
            });
        assert_eq!((status, error.unwrap().status), (FASTPAR_ERR_CLOSED, FASTPAR_ERR_CLOSED));
        assert_eq!((*place).calls, 1);
        let mut ends = Ends { data: pack(&data, &Options::default()), step: 1000, ..Ends::default() };
        let place: *mut Ends = &mut ends;
        let reader = open_reader(&options, place);
        (*place).reader = Some(reader);
        assert_eq!(read(reader, &mut vec![0; 200_000]), (FASTPAR_ERR_CLOSED, 0, 0));
        assert_eq!((*place).calls, 1);
    }
}

/// A source that says to have written more than there was room for.
#[test]
fn a_source_that_lies() {
    unsafe extern "C" fn liar(_: *mut c_void, _: *mut c_void, capacity: usize, len: *mut usize) -> i32 {
        // SAFETY: the place for the length.
        unsafe { *len = capacity + 1 };
        0
    }
    let mut reader = ptr::null_mut();
    let place: *mut *mut fastpar_reader = &mut reader;
    // SAFETY: valid arguments.
    unsafe {
        ok(|error| fastpar_reader_open(ptr::null(), Some(liar), ptr::null_mut(), place, error));
        assert_eq!(read(reader, &mut [0; 10]).0, FASTPAR_ERR_INVALID_ARGUMENT);
        fastpar_reader_free(reader);
    }
}

/// Progress and cancel flag of a handle live on with it.
#[test]
fn options_are_kept() {
    unsafe extern "C" fn progress(user_data: *mut c_void, _: u64, _: u64) -> i32 {
        // SAFETY: what the test gave.
        unsafe { *user_data.cast::<u32>() += 1 };
        0
    }
    let data = records(300_000);
    let (mut reports, mut flag) = (0u32, 0i32);
    let (count, cancel): (*mut u32, *mut i32) = (&mut reports, &mut flag);
    let mut ends = Ends::default();
    // SAFETY: live handles, used by this thread.
    unsafe {
        let writer = {
            let mut options = Box::new(options());
            options.cancel = cancel;
            options.progress = Some(progress);
            options.progress_data = count.cast();
            open_writer(&options, &mut ends)
        };
        ok(|error| fastpar_writer_write(writer, data.as_ptr().cast(), data.len(), error));
        ok(|error| fastpar_writer_finish(writer, error));
        fastpar_writer_free(writer);
        assert!(*count >= 1);
        let mut options = options();
        options.cancel = cancel;
        let writer = open_writer(&options, &mut ends);
        ok(|error| fastpar_writer_write(writer, data.as_ptr().cast(), data.len(), error));
        fastpar_cancel(cancel);
        assert_eq!(call(|error| fastpar_writer_finish(writer, error)).0, FASTPAR_ERR_CANCELLED);
        fastpar_writer_free(writer);
    }
}

fn c_path(path: &Path) -> CString {
    CString::new(path.to_str().unwrap()).unwrap()
}

#[test]
fn files() {
    let data = records(5 << 20);
    let place = crate::files::Place::new(&data);
    let (input, output, back) = (c_path(&place.input), c_path(&place.output), c_path(&place.back));
    // SAFETY: zero is a valid value.
    let mut stats: fastpar_file_stats = unsafe { std::mem::zeroed() };
    stats.struct_size = std::mem::size_of_val(&stats);
    let out: *mut fastpar_file_stats = &mut stats;
    // SAFETY: valid arguments.
    unsafe {
        ok(|error| fastpar_compress_file(ptr::null(), input.as_ptr(), output.as_ptr(), out, error));
        assert_eq!(((*out).bytes_in, (*out).frames), (5 << 20, 2));
        let packed = std::fs::read(&place.output).unwrap();
        assert!((*out).bytes_out == packed.len() as u64 && (*out).seconds > 0.0);
        ok(|error| fastpar_decompress_file(ptr::null(), output.as_ptr(), back.as_ptr(), out, error));
        assert!(std::fs::read(&place.back).unwrap() == data);
        ok(|error| {
            fastpar_decompress_file(ptr::null(), output.as_ptr(), back.as_ptr(), ptr::null_mut(), error)
        });

        let invalid = |from: *const i8, to: *const i8, words: &str| {
            let (status, error) = call(|error| {
                fastpar_compress_file(ptr::null(), from.cast(), to.cast(), ptr::null_mut(), error)
            });
            assert_eq!(status, FASTPAR_ERR_INVALID_ARGUMENT);
            assert!(message(&error.unwrap()).contains(words));
        };
        invalid(ptr::null(), output.as_ptr().cast(), "src_path is NULL");
        invalid(input.as_ptr().cast(), c"".as_ptr().cast(), "dst_path is empty");
        #[cfg(windows)]
        invalid(c"\xff".as_ptr().cast(), output.as_ptr().cast(), "src_path is not UTF-8");
        invalid(input.as_ptr().cast(), input.as_ptr().cast(), "same file");
        let (status, error) = call(|error| {
            fastpar_compress_file(ptr::null(), c"/nowhere".as_ptr(), output.as_ptr(), ptr::null_mut(), error)
        });
        assert_eq!(status, FASTPAR_ERR_IO);
        let error = error.unwrap();
        assert!(error.code == 2 && message(&error).contains("/nowhere"), "{}", message(&error));
        assert!(std::fs::read(&place.output).unwrap() == packed);
    }
}
