//! Option structs of any bytes, `struct_size` too: every call ends with a documented status, and writes
//! nothing it should not. Pointers in them are NULL, as they have to be valid.
#![no_main]

use fastpar::ffi::*;
use fastpar_fuzz::{start_pool, Choices};
use std::ffi::{c_void, CStr};
use std::mem::{offset_of, size_of, MaybeUninit};
use std::ptr::{null, null_mut};

/// The largest struct that is looked at, and what a wrong size may make of it.
const LARGEST: usize = 4096;

/// A struct of chosen bytes; those of its pointers are 0.
struct Bytes([u64; LARGEST / 8]);

impl Bytes {
    fn choose(choices: &mut Choices<'_>, size: usize, pointers: &[usize]) -> Self {
        let mut bytes = vec![0; LARGEST];
        let told = match choices.byte() {
            0..=199 => size,
            200..=240 => choices.below(LARGEST + 1),
            // Never more than there is, where the library looks at all of it.
            _ => choices.magnitude() as usize | (LARGEST + 1),
        };
        let known = choices.byte() as usize % (size + 24);
        for byte in bytes[size_of::<usize>()..].iter_mut().take(known) {
            *byte = choices.byte();
        }
        bytes[..size_of::<usize>()].copy_from_slice(&told.to_ne_bytes());
        for &pointer in pointers {
            bytes[pointer..pointer + size_of::<usize>()].fill(0);
        }
        let mut words = [0; LARGEST / 8];
        for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_ne_bytes(bytes.try_into().unwrap());
        }
        Self(words)
    }

    fn get<T>(&self) -> *const T {
        self.0.as_ptr().cast()
    }

    /// What is wrong with the struct itself, whatever its fields mean: its size, or what this version does
    /// not know of it.
    fn wrong(&self, known: usize) -> Option<fastpar_status> {
        let told = self.0[0] as usize;
        if told < size_of::<usize>() || told > LARGEST {
            return Some(FASTPAR_ERR_INVALID_ARGUMENT);
        }
        let words = &self.0[(known / 8).min(told / 8)..told / 8];
        words.iter().any(|&word| word != 0).then_some(FASTPAR_ERR_UNSUPPORTED)
    }
}

/// A status is documented, and the error struct says the same.
fn check(status: fastpar_status, error: &MaybeUninit<fastpar_error>) {
    if status == FASTPAR_OK {
        return;
    }
    // SAFETY: a call that fails fills it.
    let error = unsafe { error.assume_init_ref() };
    assert_eq!(error.status, status);
    assert!(error.message.contains(&0) && error.message[0] != 0);
    // SAFETY: a static string.
    let name = unsafe { CStr::from_ptr(fastpar_status_name(status)) };
    assert!(
        name != c"FASTPAR_ERR_UNKNOWN" && status != FASTPAR_ERR_PANIC && status != FASTPAR_ERR_INTERNAL,
        "{name:?}"
    );
}

/// The same for a call with this struct of options, of which so many bytes are known.
fn check_with(options: &Bytes, known: usize, status: fastpar_status, error: &MaybeUninit<fastpar_error>) {
    check(status, error);
    if let Some(wrong) = options.wrong(known) {
        assert_eq!(status, wrong, "struct_size is {}", options.0[0]);
    }
}

unsafe extern "C" fn count(user_data: *mut c_void, chunk: *const fastpar_chunk) -> i32 {
    // SAFETY: a counter, and a chunk of the loop.
    unsafe { fastpar_atomic_add(user_data.cast(), ((*chunk).end - (*chunk).begin) as i64) };
    0
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    start_pool();
    let mut choices = Choices(data);
    let mut error = MaybeUninit::<fastpar_error>::uninit();
    let place = error.as_mut_ptr();
    let which = choices.byte();
    match which % 4 {
        0 => {
            let pointers = [
                offset_of!(fastpar_loop_options, cancel),
                offset_of!(fastpar_loop_options, progress),
                offset_of!(fastpar_loop_options, progress_data),
                offset_of!(fastpar_loop_options, name),
            ];
            let options = Bytes::choose(&mut choices, size_of::<fastpar_loop_options>(), &pointers);
            let items = choices.below(5000);
            let mut done = 0i64;
            // SAFETY: valid pointers; a struct as long as its size says.
            let status =
                unsafe { fastpar_for(options.get(), items, Some(count), (&raw mut done).cast(), place) };
            check_with(&options, size_of::<fastpar_loop_options>(), status, &error);
            assert_eq!(done, if status == FASTPAR_OK { items as i64 } else { 0 });
        }
        1 => {
            let pointers = [
                offset_of!(fastpar_zstd_options, dict),
                offset_of!(fastpar_zstd_options, prefix),
                offset_of!(fastpar_zstd_options, dicts),
                offset_of!(fastpar_zstd_options, cancel),
                offset_of!(fastpar_zstd_options, progress),
                offset_of!(fastpar_zstd_options, progress_data),
            ];
            let options = Bytes::choose(&mut choices, size_of::<fastpar_zstd_options>(), &pointers);
            let src = choices.bytes(3000);
            let mut packed = vec![0u8; 8000];
            let (mut bound, mut written) = (0, 0);
            // SAFETY: valid pointers; a struct as long as its size says.
            unsafe {
                let told = fastpar_compress_bound(options.get(), src.len(), &mut bound, place);
                check_with(&options, size_of::<fastpar_zstd_options>(), told, &error);
                let status = fastpar_compress(
                    options.get(),
                    src.as_ptr().cast(),
                    src.len(),
                    packed.as_mut_ptr().cast(),
                    packed.len(),
                    &mut written,
                    place,
                );
                check_with(&options, size_of::<fastpar_zstd_options>(), status, &error);
                if status != FASTPAR_OK {
                    return;
                }
                assert!(told == FASTPAR_OK && written <= bound);
                let mut back = vec![0u8; src.len()];
                let (mut len, options) = (0, null());
                let status = fastpar_decompress(
                    options,
                    packed.as_ptr().cast(),
                    written,
                    back.as_mut_ptr().cast(),
                    back.len(),
                    &mut len,
                    place,
                );
                // A window may be chosen that only those read who ask for it.
                assert!(status == FASTPAR_ERR_LIMIT_EXCEEDED || status == FASTPAR_OK && back == src);
            }
        }
        2 => {
            let pointers = [offset_of!(fastpar_pool_options, thread_name)];
            let options = Bytes::choose(&mut choices, size_of::<fastpar_pool_options>(), &pointers);
            // SAFETY: as above. The pool runs already, with options of its own.
            let status = unsafe { fastpar_pool_start(options.get(), place) };
            check_with(&options, size_of::<fastpar_pool_options>(), status, &error);
        }
        _ => {
            let options = Bytes::choose(
                &mut choices,
                size_of::<fastpar_zstd_options>(),
                &[
                    offset_of!(fastpar_zstd_options, dict),
                    offset_of!(fastpar_zstd_options, prefix),
                    offset_of!(fastpar_zstd_options, dicts),
                    offset_of!(fastpar_zstd_options, cancel),
                    offset_of!(fastpar_zstd_options, progress),
                    offset_of!(fastpar_zstd_options, progress_data),
                ],
            );
            let mut archive = null_mut();
            // SAFETY: as above; the archive is freed before the data.
            unsafe {
                let data = choices.0;
                let status = fastpar_archive_open(
                    options.get(),
                    data.as_ptr().cast(),
                    data.len(),
                    &mut archive,
                    place,
                );
                check_with(&options, size_of::<fastpar_zstd_options>(), status, &error);
                assert_eq!(status != FASTPAR_OK, archive.is_null());
                let mut info = Bytes::choose(&mut Choices(data), size_of::<fastpar_frame_info>(), &[]);
                check(fastpar_archive_frame(archive, 0, info.0.as_mut_ptr().cast(), place), &error);
                fastpar_archive_free(archive);
            }
        }
    }
});
