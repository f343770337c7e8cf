//! Batches: every item as if it were alone, whatever the others are.

use super::common::{compress, decompress, kind, record, text, trained, Random};
use fastpar::codec::{compress_batch, decompress_batch, BatchItem, Dict, Options};
use fastpar::ffi::*;
use fastpar::ErrorKind;
use std::ffi::c_void;
use std::mem::{size_of, MaybeUninit};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicI32, Ordering};

/// Runs one of the two on buffers with this much room each; what became of each.
fn batch(
    work: fn(&mut [BatchItem<'_>], &Options<'_>) -> fastpar::Result<()>,
    inputs: &[Vec<u8>],
    room: impl Fn(usize) -> usize,
    options: &Options<'_>,
) -> Vec<fastpar::Result<Vec<u8>>> {
    let mut places: Vec<Vec<MaybeUninit<u8>>> =
        inputs.iter().enumerate().map(|(i, _)| vec![MaybeUninit::uninit(); room(i)]).collect();
    let mut items: Vec<_> =
        inputs.iter().zip(&mut places).map(|(src, dst)| BatchItem { src, dst, result: None }).collect();
    work(&mut items, options).unwrap();
    let results: Vec<_> = items.into_iter().map(|item| item.result.unwrap()).collect();
    // SAFETY: every byte was written when it was filled, or by the call.
    let bytes = |place: &[MaybeUninit<u8>]| place.iter().map(|byte| unsafe { byte.assume_init() }).collect();
    results.into_iter().zip(&places).map(|(result, place)| result.map(|size| bytes(&place[..size]))).collect()
}

/// Of many lengths, the usual limits among them.
fn inputs(count: usize) -> Vec<Vec<u8>> {
    let mut random = Random::new(1);
    let edges = [0, 1, 255, 256, 4096, 16 << 10, (16 << 10) + 1, 128 << 10, (128 << 10) + 1, 300_000];
    let lengths = edges.into_iter().chain(std::iter::repeat_with(move || 1 << random.below(17)));
    lengths.take(count).enumerate().map(|(i, len)| text(len, i as u64)).collect()
}

fn bounds(inputs: &[Vec<u8>]) -> impl Fn(usize) -> usize + '_ {
    |i| {
        fastpar::codec::compress_bound(inputs[i].len(), &Options { single_frame: true, ..Options::default() })
            .unwrap()
    }
}

#[test]
fn the_same_as_one_by_one() {
    let inputs = inputs(200);
    let content = trained(4096, 0);
    let dict = Dict::new(&content, 0).unwrap();
    for dict in [None, Some(&dict)] {
        for (level, window_log) in [(0, 0), (-3, 0), (9, 0), (19, 0), (3, 24)] {
            for max_lanes in [1, 0] {
                let options = Options { level, window_log, max_lanes, dict, ..Options::default() };
                let packed = batch(compress_batch, &inputs, bounds(&inputs), &options);
                let packed: Vec<_> = packed.into_iter().map(Result::unwrap).collect();
                for (input, packed) in inputs.iter().zip(&packed) {
                    assert!(
                        *packed == compress(input, &Options { single_frame: true, ..options }),
                        "{}",
                        input.len()
                    );
                }
                let back = batch(decompress_batch, &packed, |i| inputs[i].len(), &options);
                assert!(back.into_iter().map(Result::unwrap).eq(inputs.iter().cloned()));
            }
        }
    }
}

#[test]
fn items_that_fit_exactly_or_not_at_all() {
    let inputs = inputs(60);
    let options = Options::default();
    let whole: Vec<_> =
        inputs.iter().map(|input| compress(input, &Options { single_frame: true, ..options })).collect();
    let exact = batch(compress_batch, &inputs, |i| whole[i].len(), &options);
    assert!(exact.into_iter().map(Result::unwrap).eq(whole.iter().cloned()));
    let short = batch(compress_batch, &inputs, |i| whole[i].len() - 1 - i % 2 * whole[i].len() / 2, &options);
    for (i, result) in short.into_iter().enumerate() {
        let error = result.unwrap_err();
        assert_eq!(
            (error.kind(), error.needed()),
            (ErrorKind::BufferTooSmall, Some(bounds(&inputs)(i) as u64))
        );
    }
    let back = batch(decompress_batch, &whole, |i| inputs[i].len().saturating_sub(1), &options);
    for (input, result) in inputs.iter().zip(back).filter(|(input, _)| !input.is_empty()) {
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.needed()), (ErrorKind::BufferTooSmall, Some(input.len() as u64)));
    }
}

#[test]
fn one_bad_item_does_not_fail_the_others() {
    let inputs = inputs(300);
    let dict = Dict::new(&trained(1024, 3), 0).unwrap();
    let mut packed: Vec<_> = inputs.iter().map(|input| compress(input, &Options::default())).collect();
    let several = [&packed[9][..], &packed[8], b"\x50\x2a\x4d\x18\x02\0\0\0ab"].concat();
    packed[20] = several;
    packed[30].truncate(10);
    packed[40] = b"not zstd at all".to_vec();
    packed[50].clear();
    let last = packed[9].len() - 1;
    packed[9][last] ^= 1;
    packed[60] = compress(&record(1), &Options { dict: Some(&dict), ..Options::default() });
    let back = batch(decompress_batch, &packed, |i| inputs[i].len() + 1_000_000, &Options::default());
    for (i, result) in back.into_iter().enumerate() {
        match i {
            9 => assert_eq!(kind(result), ErrorKind::Checksum),
            20 => assert_eq!(result.unwrap(), [&inputs[9][..], &inputs[8]].concat()),
            30 => assert_eq!(kind(result), ErrorKind::Truncated),
            40 => assert_eq!(kind(result), ErrorKind::NotZstd),
            50 => assert_eq!(result.unwrap(), b""),
            60 => assert_eq!(kind(result), ErrorKind::Dictionary),
            _ => assert_eq!(result.unwrap(), inputs[i]),
        }
    }
}

#[test]
fn limits() {
    let inputs = inputs(30);
    let limited = Options { max_output: 50, ..Options::default() };
    for (input, result) in inputs.iter().zip(batch(compress_batch, &inputs, bounds(&inputs), &limited)) {
        let size = compress(input, &Options { single_frame: true, ..Options::default() }).len();
        match result {
            Ok(packed) => assert_eq!(packed.len(), size),
            Err(error) => assert!(error.kind() == ErrorKind::LimitExceeded && size > 50),
        }
    }
    let packed: Vec<_> = inputs.iter().map(|input| compress(input, &Options::default())).collect();
    for (input, result) in inputs.iter().zip(batch(decompress_batch, &packed, |i| inputs[i].len(), &limited))
    {
        match result {
            Ok(back) => assert_eq!(back, *input),
            Err(error) => assert!(error.kind() == ErrorKind::LimitExceeded && input.len() > 50),
        }
    }
    let mut items = vec![BatchItem { src: &inputs[9], dst: &mut [], result: None }];
    let none = Options { max_memory: 1000, ..Options::default() };
    assert_eq!(kind(compress_batch(&mut items, &none)), ErrorKind::LimitExceeded);
    assert_eq!(kind(decompress_batch(&mut items, &none)), ErrorKind::LimitExceeded);
    assert_eq!(kind(compress_batch(&mut items, &Options { level: 99, ..none })), ErrorKind::InvalidArgument);
    assert!(items[0].result.is_none());
}

/// Buffers as a C program has them.
struct Buffers {
    inputs: Vec<Vec<u8>>,
    outputs: Vec<Vec<u8>>,
}

impl Buffers {
    fn new(count: usize) -> Self {
        let inputs: Vec<_> = (0..count).map(|i| text(500 + i, i as u64)).collect();
        Self { outputs: inputs.iter().map(|input| vec![0; input.len() + 100]).collect(), inputs }
    }

    fn items(&mut self) -> Vec<fastpar_batch_item> {
        let pairs = self.inputs.iter().zip(&mut self.outputs);
        pairs.map(|(src, dst)| item(src.as_ptr(), src.len(), dst.as_mut_ptr(), dst.len())).collect()
    }
}

fn item(src: *const u8, src_len: usize, dst: *mut u8, dst_capacity: usize) -> fastpar_batch_item {
    fastpar_batch_item {
        src: src.cast(),
        src_len,
        dst: dst.cast(),
        dst_capacity,
        written: 77,
        status: 77,
        code: 77,
    }
}

fn call(items: &mut [fastpar_batch_item]) -> (fastpar_status, usize) {
    let mut failed = usize::MAX;
    let size = size_of::<fastpar_batch_item>();
    // SAFETY: the items and their buffers live until the call returns.
    let status = unsafe {
        fastpar_compress_batch(null(), items.as_mut_ptr(), size, items.len(), &mut failed, null_mut())
    };
    (status, failed)
}

/// The items whose status this is.
fn with_status(items: &[fastpar_batch_item], status: fastpar_status) -> Vec<usize> {
    (0..items.len()).filter(|&i| items[i].status == status).collect()
}

#[test]
fn statuses_of_c_items() {
    let mut buffers = Buffers::new(50);
    let mut items = buffers.items();
    assert_eq!(call(&mut items), (FASTPAR_OK, 0));
    assert_eq!(with_status(&items, FASTPAR_OK).len(), 50);
    for (i, item) in items.iter().enumerate() {
        assert_eq!(item.code, 0);
        let packed = &buffers.outputs[i][..item.written];
        assert_eq!(decompress(packed, &Options::default()).unwrap(), buffers.inputs[i]);
    }
    let mut items = buffers.items();
    items[3].src = null();
    items[4].dst = null_mut();
    items[5].src_len = usize::MAX;
    items[6].dst_capacity = usize::MAX / 2 + 1;
    items[7].src = usize::MAX as *const c_void;
    items[8].dst_capacity = 9;
    (items[9].src, items[9].src_len) = (null(), 0);
    (items[10].dst, items[10].dst_capacity) = (null_mut(), 0);
    assert_eq!(call(&mut items), (FASTPAR_OK, 7));
    assert_eq!(with_status(&items, FASTPAR_ERR_INVALID_ARGUMENT), [3, 4, 5, 6, 7]);
    assert_eq!(with_status(&items, FASTPAR_ERR_BUFFER_TOO_SMALL), [8, 10]);
    assert!(items[8].written > 500 && items[8].code == 0 && items[3].written == 0);
    assert_eq!(with_status(&items, FASTPAR_OK).len(), 43);
}

#[test]
fn overlapping_items() {
    let mut buffers = Buffers::new(50);
    let invalid = FASTPAR_ERR_INVALID_ARGUMENT;
    // The same input for all is no overlap.
    let mut items = buffers.items();
    items.iter_mut().for_each(|item| (item.src, item.src_len) = (buffers.inputs[0].as_ptr().cast(), 500));
    assert_eq!(call(&mut items), (FASTPAR_OK, 0));
    // Two outputs, one inside the other: neither is written.
    let mut items = buffers.items();
    (items[3].dst, items[3].dst_capacity) = (items[40].dst.wrapping_byte_add(10), 20);
    assert_eq!(call(&mut items), (FASTPAR_OK, 2));
    assert_eq!(with_status(&items, invalid), [3, 40]);
    // An output on its own input, and on another's.
    let mut items = buffers.items();
    (items[5].dst, items[5].dst_capacity) = (items[5].src.cast_mut(), 1);
    (items[6].dst, items[6].dst_capacity) =
        (items[20].src.wrapping_byte_add(items[20].src_len - 1).cast_mut(), 1);
    assert_eq!(call(&mut items), (FASTPAR_OK, 2));
    assert_eq!(with_status(&items, invalid), [5, 6]);
    // On the items themselves.
    let mut items = buffers.items();
    items[7].dst = items.as_mut_ptr().wrapping_add(9).cast();
    assert_eq!(call(&mut items), (FASTPAR_OK, 1));
    assert_eq!(with_status(&items, invalid), [7]);
    // Side by side is no overlap.
    let mut arena = vec![0u8; 50 * 700];
    let mut items = buffers.items();
    for (i, item) in items.iter_mut().enumerate() {
        (item.dst, item.dst_capacity) = (arena[(49 - i) * 700..].as_mut_ptr().cast(), 700);
    }
    assert_eq!(call(&mut items), (FASTPAR_OK, 0));
}

#[test]
fn strides_and_misaligned_items() {
    let buffers = &mut Buffers::new(20);
    for (stride, offset) in [(48, 0), (48, 1), (49, 3), (64, 0), (200, 5)] {
        let mut memory = vec![0u8; 20 * stride + offset];
        let first = memory[offset..].as_mut_ptr().cast::<fastpar_batch_item>();
        let at = |i: usize| first.wrapping_byte_add(i * stride);
        for (i, item) in buffers.items().into_iter().enumerate() {
            // SAFETY: inside the array, which is as long as its stride times its items.
            unsafe { at(i).write_unaligned(item) };
        }
        if stride > 48 {
            memory[offset + 11 * stride + 48] = 1;
        }
        let mut failed = 0;
        // SAFETY: the array holds 20 items of this stride, and their buffers live until the call returns.
        let status = unsafe { fastpar_compress_batch(null(), first, stride, 20, &mut failed, null_mut()) };
        assert_eq!((status, failed), (FASTPAR_OK, usize::from(stride > 48)));
        for i in 0..20 {
            let expected = if stride > 48 && i == 11 { FASTPAR_ERR_UNSUPPORTED } else { FASTPAR_OK };
            // SAFETY: inside the array, as above.
            assert_eq!(unsafe { at(i).read_unaligned() }.status, expected, "{stride}, {offset}, {i}");
        }
    }
}

#[test]
fn absurd_arrays() {
    let mut items = Buffers::new(2).items();
    let first = items.as_mut_ptr();
    // SAFETY: what is refused is refused before it is read, the rest is valid.
    let status = |items, size, count| unsafe {
        fastpar_decompress_batch(null(), items, size, count, null_mut(), null_mut())
    };
    assert_eq!(status(null_mut(), 48, 0), FASTPAR_OK);
    assert_eq!(status(first, 48, 0), FASTPAR_OK);
    for (items, size, count) in [
        (null_mut(), 48, 1),
        (first, 0, 2),
        (first, 47, 2),
        (first, 4097, 2),
        (first, 48, usize::MAX),
        (first, 48, usize::MAX / 48),
        (first, 48, isize::MAX as usize / 48 + 1),
        (first, usize::MAX, 2),
    ] {
        assert_eq!(status(items, size, count), FASTPAR_ERR_INVALID_ARGUMENT, "{size}, {count}");
    }
    assert_eq!(items[0].status, 77);
}

#[test]
fn cancelled_items() {
    let mut buffers = Buffers::new(200);
    let mut items = buffers.items();
    let flag = AtomicI32::new(1);
    let options = |cancel: &AtomicI32| {
        // SAFETY: integers, pointers and functions that may be NULL: zero is valid.
        let mut options: fastpar_zstd_options = unsafe { std::mem::zeroed() };
        options.struct_size = size_of::<fastpar_zstd_options>();
        options.cancel = cancel.as_ptr();
        options
    };
    let mut failed = 0;
    // SAFETY: the items and their buffers live until the call returns.
    let run = |options: &fastpar_zstd_options, items: &mut [fastpar_batch_item], failed: &mut usize| unsafe {
        fastpar_compress_batch(options, items.as_mut_ptr(), 48, items.len(), failed, null_mut())
    };
    assert_eq!(run(&options(&flag), &mut items, &mut failed), FASTPAR_ERR_CANCELLED);
    assert_eq!((failed, with_status(&items, FASTPAR_ERR_CANCELLED).len()), (200, 200));

    // By the progress callback, somewhere in the middle: when more is done than 24 lanes have under way.
    unsafe extern "C" fn stop(_: *mut c_void, done: u64, _: u64) -> i32 {
        i32::from(done > 25 * 400_000)
    }
    let mut buffers = Buffers { inputs: (0..400).map(|i| text(400_000, i)).collect(), outputs: Vec::new() };
    buffers.outputs = vec![vec![0; 410_000]; 400];
    let mut items = buffers.items();
    flag.store(0, Ordering::Relaxed);
    let mut options = options(&flag);
    options.progress = Some(stop);
    assert_eq!(run(&options, &mut items, &mut failed), FASTPAR_ERR_CANCELLED);
    let done = with_status(&items, FASTPAR_OK);
    assert!(!done.is_empty() && done.len() < 400, "{}", done.len());
    assert_eq!(
        (failed, with_status(&items, FASTPAR_ERR_CANCELLED).len()),
        (400 - done.len(), 400 - done.len())
    );
    for i in done {
        let packed = &buffers.outputs[i][..items[i].written];
        assert!(decompress(packed, &Options::default()).unwrap() == buffers.inputs[i]);
    }
}

#[test]
fn batches_within_callbacks_and_beside_each_other() {
    let inputs = inputs(50);
    let packed: Vec<_> = inputs.iter().map(|input| compress(input, &Options::default())).collect();
    fastpar::job::for_each_chunk(Default::default(), 48, &Default::default(), |_| {
        let back = batch(decompress_batch, &packed, |i| inputs[i].len(), &Options::default());
        assert!(back.into_iter().map(Result::unwrap).eq(inputs.iter().cloned()));
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
}

/// A few large items, of different sizes and among small ones, whose lanes are shared between them and within
/// them: the same as one by one, and the same failures.
#[test]
fn a_few_large_items() {
    let lengths = [6 << 20, 300, 3 << 20, 0, 9 << 20];
    let inputs: Vec<_> = lengths.into_iter().enumerate().map(|(i, len)| text(len, i as u64)).collect();
    let mut random = Random::new(3);
    let noise = (0..3 << 20).map(|_| random.below(256) as u8).collect();
    let inputs = [inputs, vec![noise]].concat();
    let mut packed: Vec<_> = inputs.iter().map(|input| zstd::bulk::compress(input, 1).unwrap()).collect();
    for damaged in [false, true] {
        if damaged {
            let middle = packed[4].len() / 2;
            packed[4][middle] ^= 0x55;
            packed[5].truncate(2 << 20);
        }
        for count in [1, 2, 3, 6] {
            let some = &packed[6 - count..];
            let room = |i: usize| inputs[6 - count + i].len();
            let run =
                |max_lanes| batch(decompress_batch, some, room, &Options { max_lanes, ..Options::default() });
            let (together, alone) = (run(0), run(1));
            assert!(together == alone, "{count} items");
            for (result, input) in together.iter().zip(&inputs[6 - count..]) {
                assert!(result.as_ref().map_or(damaged, |bytes| bytes == input));
            }
        }
    }
}
