//! Sources that must not wait: what they have is given out, the reader says that it has nothing now, and
//! nothing is lost or asked for twice.

use crate::common::{noise, records, sized_frame, skippable, unsized_frame};
use fastpar::codec::{Options, Reader};
use fastpar::ffi::*;
use fastpar::{Error, ErrorKind};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::c_void;
use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::ptr;
use std::rc::Rc;

/// What a source gives at each request: some bytes, all of them as far as there is room, or nothing until the
/// test says that it goes on.
#[derive(Clone)]
struct Source(Rc<RefCell<Turns>>);

struct Turns {
    turns: VecDeque<Option<Vec<u8>>>,
    failure: Option<Error>,
    asked: usize,
}

impl Turns {
    fn new(turns: impl IntoIterator<Item = Option<Vec<u8>>>) -> Self {
        Self { turns: turns.into_iter().collect(), failure: None, asked: 0 }
    }

    /// A pause is over.
    fn go_on(&mut self) {
        assert_eq!(self.turns.pop_front(), Some(None), "the source is at a pause");
    }

    /// Parts of so many bytes, and nothing before each of them.
    fn between(data: &[u8], step: usize) -> Self {
        Self::new(data.chunks(step).flat_map(|part| [None, Some(part.to_vec())]))
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let this = &mut *self.0.borrow_mut();
        this.asked += 1;
        match this.turns.pop_front() {
            None => this.failure.clone().map_or(Ok(0), |error| Err(io::Error::other(error))),
            Some(None) => {
                this.turns.push_front(None);
                Err(io::ErrorKind::WouldBlock.into())
            }
            Some(Some(mut part)) => {
                let rest = part.split_off(part.len().min(buffer.len()));
                buffer[..part.len()].copy_from_slice(&part);
                if !rest.is_empty() {
                    this.turns.push_front(Some(rest));
                }
                Ok(part.len())
            }
        }
    }
}

/// A reader of these turns, and the turns.
fn reader(turns: Turns, options: &Options<'static>) -> (Reader<'static, Source>, Rc<RefCell<Turns>>) {
    let turns = Rc::new(RefCell::new(turns));
    (Reader::new(Source(turns.clone()), options).unwrap(), turns)
}

/// Reads until nothing is there; whether that is the end.
fn until_again(reader: &mut Reader<'_, Source>, out: &mut Vec<u8>) -> Result<bool, Error> {
    let mut buffer = vec![0; 100_000];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(true),
            Ok(len) => out.extend_from_slice(&buffer[..len]),
            Err(error) if error.kind() == ErrorKind::Again => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

#[test]
fn at_every_split() {
    let (a, b, c) = (records(2000), noise(300), records(900));
    let frames =
        [sized_frame(&a, 3), unsized_frame(&b, 3), skippable(20), unsized_frame(&c, 3), sized_frame(&b, 1)];
    let sizes = [2000, 300, 0, 900, 300];
    let packed = frames.concat();
    let expected = [&a[..], &b, &c, &b].concat();
    for cut in 0..=packed.len() {
        let (before, after) = packed.split_at(cut);
        let turns = [Some(before.to_vec()), None, Some(after.to_vec()), None];
        let turns = turns.into_iter().filter(|turn| turn.as_ref().is_none_or(|part| !part.is_empty()));
        let (mut reader, turns) = reader(Turns::new(turns), &Options::default());
        let mut out = Vec::new();
        assert!(!until_again(&mut reader, &mut out).unwrap());
        let (mut end, mut least) = (0, 0);
        for (frame, size) in frames.iter().zip(sizes) {
            end += frame.len();
            least += if end <= cut { size } else { 0 };
        }
        assert!(out.len() >= least, "{cut}: only {} of {least} bytes were given out", out.len());
        let mut pauses = 1;
        turns.borrow_mut().go_on();
        while !until_again(&mut reader, &mut out).unwrap() {
            turns.borrow_mut().go_on();
            pauses += 1;
        }
        assert!(out == expected, "{cut}");
        assert_eq!(pauses, 2);
    }
}

#[test]
fn between_all_requests() {
    let large: Vec<u8> = [records(7 << 20), noise(1 << 20), vec![3; 2 << 20]].concat();
    let small = records(300_000);
    let many: Vec<u8> = large.chunks(1 << 20).flat_map(|part| sized_frame(part, 1)).collect();
    for (packed, expected) in [
        (sized_frame(&large, 1), large.clone()),
        (unsized_frame(&large, 3), large.clone()),
        (many, large.clone()),
        ([sized_frame(&small, 1), unsized_frame(&large, 1)].concat(), [&small[..], &large].concat()),
    ] {
        for (step, max_lanes) in [(64 << 10, 0), (1 << 20, 2), (100_000, 1)] {
            let source = Turns::between(&packed, step);
            let parts = source.turns.len() / 2;
            let (mut reader, turns) = reader(source, &Options { max_lanes, ..Options::default() });
            let (mut out, mut pauses) = (Vec::new(), 0);
            while !until_again(&mut reader, &mut out).unwrap() {
                turns.borrow_mut().go_on();
                pauses += 1;
            }
            assert!(out == expected, "{step} bytes at a time, {max_lanes} lanes");
            assert_eq!((pauses, turns.borrow().turns.len()), (parts, 0));
        }
    }
}

/// What the writer of a frame has flushed is given out, in later frames, too.
#[test]
fn flushed_blocks() {
    let (first, second) = (records(40_000), noise(30_000));
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.write_all(&first).unwrap();
    encoder.flush().unwrap();
    let begun = encoder.get_ref().clone();
    encoder.write_all(&second).unwrap();
    let whole = encoder.finish().unwrap();
    for before in [Vec::new(), sized_frame(&first, 3)] {
        let turns = [Some([&before[..], &begun].concat()), None, Some(whole[begun.len()..].to_vec())];
        let (mut reader, turns) = reader(Turns::new(turns), &Options::default());
        let mut out = Vec::new();
        assert!(!until_again(&mut reader, &mut out).unwrap());
        let expected = if before.is_empty() { first.clone() } else { first.repeat(2) };
        assert!(out == expected, "{} bytes were given out, {} flushed", out.len(), expected.len());
        turns.borrow_mut().go_on();
        assert!(until_again(&mut reader, &mut out).unwrap());
        assert!(out == [&expected[..], &second].concat());
        assert_eq!(reader.frames(), 1 + u64::from(!before.is_empty()));
    }
}

#[test]
fn forever_and_before_a_failure() {
    let data = records(200_000);
    let packed = sized_frame(&data, 3);
    let (mut waiting, turns) = reader(Turns::new([None]), &Options::default());
    for asked in 1..=10 {
        assert_eq!(waiting.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::Again);
        assert_eq!(turns.borrow().asked, asked);
    }
    drop(waiting);

    // What came before the failure is given out, and the failure stays.
    let cut = packed.len() - 3;
    let parts = || [Some(packed.clone()), None, Some(packed[..cut].to_vec()), None];
    let failure = Some(Error::new(ErrorKind::Callback, "the line is dead").with_code(7));
    for failure in [failure, None] {
        let kind = failure.as_ref().map_or(ErrorKind::Truncated, Error::kind);
        let (mut reader, turns) = reader(Turns { failure, ..Turns::new(parts()) }, &Options::default());
        let mut out = Vec::new();
        for _ in 0..2 {
            assert!(!until_again(&mut reader, &mut out).unwrap());
            turns.borrow_mut().go_on();
        }
        assert!(out.starts_with(&data));
        for _ in 0..2 {
            assert_eq!(until_again(&mut reader, &mut out).unwrap_err().kind(), kind);
        }
    }
}

/// As any `Read`, it does not lose what comes later, and nor does a reader of a reader.
#[test]
fn through_the_traits() {
    let data = records(100_000);
    let twice = sized_frame(&sized_frame(&data, 3), 3);
    let (inner, turns) = reader(Turns::between(&twice, 5000), &Options::default());
    let mut outer = Reader::new(inner, &Options::default()).unwrap();
    let mut out = Vec::new();
    while let Err(error) = outer.read_to_end(&mut out) {
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        turns.borrow_mut().go_on();
    }
    assert!(out == data);
}

/// In C: each request gives the next part and what it says.
struct Line {
    turns: VecDeque<(Vec<u8>, i32)>,
    asked: usize,
}

unsafe extern "C" fn source(line: *mut c_void, buffer: *mut c_void, capacity: usize, len: *mut usize) -> i32 {
    // SAFETY: what the test gave, which nobody else uses now.
    let line = unsafe { &mut *line.cast::<Line>() };
    line.asked += 1;
    let (part, says) = line.turns.pop_front().unwrap_or_default();
    assert!(part.len() <= capacity);
    // SAFETY: within the buffer; what is told is dropped unless the source fails.
    unsafe {
        ptr::copy_nonoverlapping(part.as_ptr(), buffer.cast(), part.len());
        *len = part.len();
        let mut told: fastpar_error = std::mem::zeroed();
        told.status = if says == 9 { FASTPAR_ERR_AGAIN } else { FASTPAR_ERR_CORRUPT };
        if says != 0 {
            fastpar_fail(&told);
        }
    }
    says
}

#[test]
fn in_c() {
    let data = records(1000);
    let packed = sized_frame(&data, 3);
    let (begin, end) = packed.split_at(100);
    let turns = [
        (Vec::new(), FASTPAR_SOURCE_LATER),
        (begin.to_vec(), FASTPAR_SOURCE_LATER), // bytes beside it count
        (end.to_vec(), FASTPAR_SOURCE_LATER),
        (Vec::new(), FASTPAR_SOURCE_LATER),
        (packed.clone(), 0),
        (Vec::new(), 9),
    ];
    let mut line = Line { turns: turns.into(), asked: 0 };
    let mut reader = ptr::null_mut();
    let mut out = vec![0u8; 10_000];
    let (user_data, place): (*mut c_void, *mut *mut fastpar_reader) =
        (ptr::from_mut(&mut line).cast(), &mut reader);
    // SAFETY: valid arguments.
    unsafe {
        assert_eq!(
            fastpar_reader_open(ptr::null(), Some(source), user_data, place, ptr::null_mut()),
            FASTPAR_OK
        );
        let mut read = || {
            let mut error = MaybeUninit::<fastpar_error>::zeroed();
            let mut len = 77;
            let status =
                fastpar_reader_read(reader, out.as_mut_ptr().cast(), out.len(), &mut len, error.as_mut_ptr());
            let error = error.assume_init();
            assert!(status != FASTPAR_OK || out[..len] == data[..len]);
            (status, len, error.code, (*user_data.cast::<Line>()).asked)
        };
        assert_eq!(read(), (FASTPAR_ERR_AGAIN, 0, 0, 1));
        assert_eq!(read(), (FASTPAR_ERR_AGAIN, 0, 0, 2));
        assert_eq!(read(), (FASTPAR_OK, 1000, 0, 3));
        assert_eq!(read(), (FASTPAR_ERR_AGAIN, 0, 0, 4));
        assert_eq!(read(), (FASTPAR_OK, 1000, 0, 5));
        assert_eq!(read(), (FASTPAR_ERR_CALLBACK, 0, 9, 6));
        assert_eq!(read(), (FASTPAR_ERR_CALLBACK, 0, 9, 6));
        fastpar_reader_free(reader);
    }
}
