//! Sources that may keep the reader waiting for any time: before they are asked again, everything whole that
//! they have given is given out, also where another frame has begun.

use crate::common::{noise, records, sized_frame, skippable, unsized_frame};
use fastpar::codec::{Options, Reader};
use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

/// Gives parts, each with what must have been given out before the source is asked again, and pauses before
/// those that say so.
struct Source {
    parts: VecDeque<Part>,
    given: Rc<Cell<usize>>,
    least: usize,
}

struct Part {
    bytes: Vec<u8>,
    least: usize,
    pause: bool,
}

/// Longer than what the header calls keeping the call waiting.
const PAUSE: Duration = Duration::from_millis(8);

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(self.given.get() >= self.least, "{} of {} bytes", self.given.get(), self.least);
        let Some(part) = self.parts.pop_front() else { return Ok(0) };
        assert!(part.bytes.len() < buffer.len(), "the parts are shorter than what readers ask for");
        if part.pause {
            thread::sleep(PAUSE);
        }
        buffer[..part.bytes.len()].copy_from_slice(&part.bytes);
        self.least = part.least;
        Ok(part.bytes.len())
    }
}

/// Reads everything from a source of these parts.
fn read_all(parts: impl IntoIterator<Item = Part>, max_lanes: u32) -> Vec<u8> {
    let given = Rc::new(Cell::new(0));
    let source = Source { parts: parts.into_iter().collect(), given: Rc::clone(&given), least: 0 };
    let options = Options { max_lanes, ..Options::default() };
    let mut reader = Reader::new(source, &options).unwrap();
    let (mut out, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        let len = reader.read(&mut buffer).unwrap();
        if len == 0 {
            return out;
        }
        out.extend_from_slice(&buffer[..len]);
        given.set(out.len());
    }
}

/// Cuts frames, with the sizes of their contents, in two.
fn cut_at(frames: &[(Vec<u8>, usize)], at: usize) -> [Part; 2] {
    let packed: Vec<u8> = frames.iter().flat_map(|(frame, _)| frame.iter().copied()).collect();
    let (mut end, mut least) = (0, 0);
    for (frame, size) in frames {
        end += frame.len();
        least += if end <= at { *size } else { 0 };
    }
    let all = frames.iter().map(|(_, size)| size).sum();
    let (before, after) = packed.split_at(at);
    [
        Part { bytes: before.to_vec(), least, pause: false },
        Part { bytes: after.to_vec(), least: all, pause: false },
    ]
}

fn frames() -> Vec<(Vec<u8>, usize)> {
    let (a, b, c) = (records(3000), noise(200), records(700));
    vec![
        (sized_frame(&a, 3), a.len()),
        (skippable(30), 0),
        (unsized_frame(&b, 1), b.len()),
        (sized_frame(&c, 1), c.len()),
        (unsized_frame(&a, 3), a.len()),
    ]
}

#[test]
fn whole_frames_before_the_beginning_of_another() {
    let frames = frames();
    let len: usize = frames.iter().map(|(frame, _)| frame.len()).sum();
    let expected = [records(3000), noise(200), records(700), records(3000)].concat();
    for at in 1..len {
        for max_lanes in [0, 1] {
            assert!(read_all(cut_at(&frames, at), max_lanes) == expected, "cut at {at}");
        }
    }
}

#[test]
fn byte_by_byte() {
    let frames = frames();
    let (mut end, mut least, mut parts) = (0, 0, Vec::new());
    for (frame, size) in &frames {
        end += frame.len();
        for (at, byte) in frame.iter().enumerate() {
            least += if at + 1 == frame.len() { *size } else { 0 };
            parts.push(Part { bytes: vec![*byte], least, pause: false });
        }
    }
    assert_eq!(parts.len(), end);
    assert_eq!(read_all(parts, 0).len(), least);
}

#[test]
fn blocks_of_a_later_frame_of_unknown_size() {
    let (first, second) = (records(5000), noise(600_000)); // five blocks
    let (head, tail) = (sized_frame(&first, 3), unsized_frame(&second, 1));
    let mut parts = vec![Part { bytes: head, least: first.len(), pause: false }];
    for (at, piece) in tail.chunks(150_000).enumerate() {
        // Each piece ends behind one more block of 128 KiB, which stands there as it is, as noise.
        let blocks = (at + 1) * (128 << 10);
        let least = first.len() + if at == 4 { second.len() } else { blocks };
        parts.push(Part { bytes: piece.to_vec(), least, pause: false });
    }
    assert_eq!(parts.len(), 6);
    assert!(read_all(parts, 0) == [first, second].concat());
}

#[test]
fn again_after_a_pause() {
    let piece = records(400_000);
    let frame = sized_frame(&piece, 1);
    let count = (3 << 20) / frame.len() + 1; // far beyond what a source has to give without a pause
    let packed = frame.repeat(count);
    let mut parts: Vec<Part> =
        packed.chunks(60_000).map(|bytes| Part { bytes: bytes.to_vec(), least: 0, pause: false }).collect();
    let (half, rest) = frame.split_at(frame.len() / 2);
    let before = count * piece.len();
    for round in 1..=3 {
        let whole = [rest, &frame, half].concat();
        let (bytes, least) = if round == 1 {
            ([&frame[..], half].concat(), before + piece.len())
        } else {
            (whole, before + (2 * round - 1) * piece.len())
        };
        parts.push(Part { bytes, least, pause: true });
    }
    parts.push(Part { bytes: rest.to_vec(), least: 0, pause: false });
    assert!(read_all(parts, 0) == piece.repeat(count + 6));
}
