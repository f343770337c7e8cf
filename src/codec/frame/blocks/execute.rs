//! Executing a block: its literals and matches are copied to where they belong, in the order of the blocks.

use super::slot::{Content, Slot, AHEAD, SLACK};
use crate::codec::format::bits::{Checked, Odd};
use crate::codec::format::sequences::{Decoded, Sequence};
use crate::os::prefetch::prefetch;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr;

/// Matches that are farther away than this may not be in a core's own caches.
const FAR: u32 = 256 << 10;
/// Where sequences make so many bytes in the mean, more than 16 of a match are copied without a branch, which
/// would be mispredicted too often.
const LONG: usize = 14;

/// The place that a frame is decoded to. What is executed is read by any lane while one lane writes behind
/// it.
pub(super) struct Target<'t> {
    start: *mut u8,
    len: usize,
    /// Content of a dictionary, which matches may begin in.
    before: &'t [u8],
    place: PhantomData<&'t mut [MaybeUninit<u8>]>,
}

// SAFETY: a pointer to bytes that are borrowed for as long as it lives; who may read and write them is for
// the callers of its methods to see to.
unsafe impl Send for Target<'_> {}
// SAFETY: the same.
unsafe impl Sync for Target<'_> {}

impl<'t> Target<'t> {
    pub(super) fn new(place: &'t mut [MaybeUninit<u8>], before: &'t [u8]) -> Self {
        Self { start: place.as_mut_ptr().cast(), len: place.len(), before, place: PhantomData }
    }

    /// A place whose bytes are initialised already.
    pub(super) fn over(place: &'t mut [u8], before: &'t [u8]) -> Self {
        Self { start: place.as_mut_ptr(), len: place.len(), before, place: PhantomData }
    }

    /// The bytes `begin..end`.
    ///
    /// # Safety
    /// They have been written, and nobody writes them any more.
    pub(super) unsafe fn written(&self, begin: usize, end: usize) -> &[u8] {
        assert!(begin <= end && end <= self.len);
        // SAFETY: within the place, and initialised by the caller's promise.
        unsafe { std::slice::from_raw_parts(self.start.add(begin), end - begin) }
    }

    /// Executes the block in `slot` at `at`; returns how many bytes it has, and leaves its repeat offsets in
    /// `reps`.
    ///
    /// # Safety
    /// All bytes before `at` are written, and nobody else writes, nor reads from `at` on.
    pub(super) unsafe fn execute(
        &self,
        slot: &mut Slot,
        data: &[u8],
        at: usize,
        reps: &mut [u32; 3],
        window: u64,
    ) -> Checked<usize> {
        let room = self.len.checked_sub(at).ok_or(Odd)?;
        match slot.content.clone() {
            Content::Raw(range) => {
                let bytes = data.get(range).filter(|bytes| bytes.len() <= room).ok_or(Odd)?;
                // SAFETY: there is room, as just checked, and the data is not the place.
                unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.start.add(at), bytes.len()) };
                Ok(bytes.len())
            }
            Content::Single { byte, len } if len <= room => {
                // SAFETY: there is room.
                unsafe { ptr::write_bytes(self.start.add(at), byte, len) };
                Ok(len)
            }
            Content::Single { .. } => Err(Odd),
            Content::Sequences { literals, decoded } => {
                let mut reaches_out = false;
                if decoded.count > 0 {
                    // From here on every match begins within what is written when it is copied, or what is
                    // before.
                    let outside = self.before.len();
                    reaches_out = decoded.resolve(slot.places(), reps, at, outside, window)?;
                }
                let (bytes, count) = slot.literals_of(data, &literals)?;
                let sequences = slot.all_sequences(decoded.count)?;
                let all = decoded.len + (count.checked_sub(decoded.literals).ok_or(Odd)?);
                if all > room || bytes.len() < count + SLACK || sequences.len() < decoded.count + AHEAD {
                    return Err(Odd);
                }
                let place = Place { start: self.start, at, room, all };
                // SAFETY: the caller's promise; the rest was checked just now.
                unsafe {
                    if reaches_out {
                        place.copy_outside(bytes, sequences, &decoded, self.before);
                    } else {
                        place.copy_block(bytes, sequences, &decoded);
                    }
                }
                Ok(all)
            }
        }
    }
}

/// Where one block goes.
struct Place {
    start: *mut u8,
    at: usize,
    room: usize,
    /// Bytes of the block.
    all: usize,
}

impl Place {
    /// # Safety
    /// `start` has `at` bytes that are written, and `room` more, which nobody else reads or writes; the
    /// block's sequences make `decoded.len` bytes, of which `decoded.literals` are literals, and with the
    /// literals that are left it has `all`, at most `room`; each match begins before the place that it is
    /// copied to, and not before `start`. `SLACK` bytes lie behind the literals, `AHEAD` sequences behind the
    /// sequences.
    unsafe fn copy_block(&self, literals: &[u8], sequences: &[Sequence], decoded: &Decoded) {
        let near_end = self.room < self.all + SLACK;
        let far = decoded.farthest > FAR;
        let long = decoded.len >= LONG * decoded.count;
        // SAFETY: the caller's promise; where `near_end` is false there are `SLACK` bytes of room behind the
        // block.
        unsafe {
            match (near_end, far, long) {
                (false, false, false) => self.copy::<false, false, 16>(literals, sequences, decoded),
                (false, false, true) => self.copy::<false, false, 32>(literals, sequences, decoded),
                (false, true, false) => self.copy::<false, true, 16>(literals, sequences, decoded),
                (false, true, true) => self.copy::<false, true, 32>(literals, sequences, decoded),
                (true, ..) => self.copy::<true, true, 16>(literals, sequences, decoded),
            }
        }
    }

    /// The same where matches may begin in `before`, of which as much is there as they reach out.
    ///
    /// # Safety
    /// As for `copy_block`, but for that.
    unsafe fn copy_outside(&self, literals: &[u8], sequences: &[Sequence], decoded: &Decoded, before: &[u8]) {
        let (mut at, mut next) = (self.at, 0);
        for sequence in &sequences[..decoded.count] {
            let (count, mut len) = (sequence.literals(), sequence.len());
            let from = self.at as isize + sequence.from();
            let literals = &literals[next..next + count];
            // SAFETY: the block has room for its literals and matches, by the caller's promise.
            unsafe { ptr::copy_nonoverlapping(literals.as_ptr(), self.start.add(at), count) };
            next += count;
            at += count;
            let mut from_inside = from.max(0) as usize;
            if from < 0 {
                let outside = &before[before.len() - from.unsigned_abs()..];
                let outside = &outside[..outside.len().min(len)];
                // SAFETY: the same.
                unsafe { ptr::copy_nonoverlapping(outside.as_ptr(), self.start.add(at), outside.len()) };
                at += outside.len();
                len -= outside.len();
                from_inside = 0;
            }
            if len > 0 {
                // SAFETY: the same; what is before the frame ends where it begins.
                unsafe { copy_bytes(self.start.add(from_inside), self.start.add(at), len) };
                at += len;
            }
        }
        let rest = &literals[next..next + self.all - decoded.len];
        // SAFETY: the same.
        unsafe { ptr::copy_nonoverlapping(rest.as_ptr(), self.start.add(at), rest.len()) };
    }

    /// # Safety
    /// As for `copy_block`; and where `NEAR_END` is false there are `SLACK` bytes of room behind the block.
    #[inline(always)]
    unsafe fn copy<const NEAR_END: bool, const FAR_AWAY: bool, const AT_ONCE: usize>(
        &self,
        literals: &[u8],
        sequences: &[Sequence],
        decoded: &Decoded,
    ) {
        // SAFETY: `at` is within the place; all that is added to `out` and `from` below stays within what the
        // caller promises, or `SLACK` bytes behind it where that was checked, and nothing is read but what is
        // written already or lies in the literals.
        unsafe {
            let base = self.start.add(self.at);
            let end = base.add(self.room);
            let mut out = base;
            let mut next = literals.as_ptr();
            for number in 0..decoded.count {
                if FAR_AWAY {
                    prefetch(base.wrapping_offset(sequences.get_unchecked(number + AHEAD).from()));
                }
                let sequence = *sequences.get_unchecked(number);
                let (count, len) = (sequence.literals(), sequence.len());
                if NEAR_END && (end as usize - out as usize) < count + len + SLACK {
                    ptr::copy_nonoverlapping(next, out, count);
                    let to = out.add(count);
                    copy_bytes(base.offset(sequence.from()), to, len);
                    next = next.add(count);
                    out = to.add(len);
                    continue;
                }
                copy_16(next, out);
                if count > 16 {
                    copy_32s(next.add(16), out.add(16), count - 16);
                }
                next = next.add(count);
                out = out.add(count);
                copy_match::<AT_ONCE>(base.offset(sequence.from()), out, len);
                out = out.add(len);
            }
            let rest = self.all - decoded.len;
            ptr::copy_nonoverlapping(next, out, rest);
        }
    }
}

/// # Safety
/// As for `ptr::copy_nonoverlapping` of 16 bytes.
#[inline(always)]
unsafe fn copy_16(from: *const u8, to: *mut u8) {
    // SAFETY: the caller's promise; any alignment.
    unsafe { to.cast::<[u8; 16]>().write_unaligned(from.cast::<[u8; 16]>().read_unaligned()) };
}

/// # Safety
/// As for `ptr::copy_nonoverlapping` of 8 bytes.
#[inline(always)]
unsafe fn copy_8(from: *const u8, to: *mut u8) {
    // SAFETY: the caller's promise; any alignment.
    unsafe { to.cast::<[u8; 8]>().write_unaligned(from.cast::<[u8; 8]>().read_unaligned()) };
}

/// Copies `len` bytes, and up to 31 more.
///
/// # Safety
/// Both have so much room, and `from` is at least 16 bytes before `to`, or elsewhere.
#[inline(always)]
unsafe fn copy_32s(mut from: *const u8, mut to: *mut u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        let end = to.add(len);
        loop {
            copy_16(from, to);
            copy_16(from.add(16), to.add(16));
            from = from.add(32);
            to = to.add(32);
            if to >= end {
                return;
            }
        }
    }
}

/// Copies a match of at least 3 bytes, and up to 31 more; `AT_ONCE` bytes of it, 16 or 32, without a branch.
///
/// # Safety
/// `to` has so much room; `from` is in the same place, before `to`, and all bytes between them are written.
#[inline(always)]
unsafe fn copy_match<const AT_ONCE: usize>(from: *const u8, to: *mut u8, len: usize) {
    let distance = to as usize - from as usize;
    // SAFETY: the caller's promise; what is read is before what is written, in steps no longer than the
    // distance.
    unsafe {
        if distance >= 16 {
            copy_16(from, to);
            if AT_ONCE == 32 {
                copy_16(from.add(16), to.add(16));
            }
            if len > AT_ONCE {
                copy_32s(from.add(AT_ONCE), to.add(AT_ONCE), len - AT_ONCE);
            }
            return;
        }
        copy_near(from, to, len, distance);
    }
}

/// The same for matches nearer than 16 bytes, which repeat themselves.
///
/// # Safety
/// As for `copy_match`.
#[inline(always)]
unsafe fn copy_near(mut from: *const u8, mut to: *mut u8, len: usize, distance: usize) {
    // Where the source of the second four bytes begins, and that of what follows the first eight: the same
    // byte of the period, the latter at least 8 away.
    const SECOND: [u8; 8] = [0, 1, 2, 1, 4, 4, 4, 4];
    const THIRD: [u8; 8] = [0, 1, 2, 2, 4, 3, 2, 1];
    // SAFETY: the caller's promise; eight bytes at a time, from at least eight bytes before.
    unsafe {
        let end = to.add(len);
        if distance < 8 {
            for at in 0..4 {
                to.add(at).write(from.add(at).read());
            }
            let second = from.add(usize::from(SECOND[distance]));
            to.add(4).cast::<[u8; 4]>().write_unaligned(second.cast::<[u8; 4]>().read_unaligned());
            from = from.add(usize::from(THIRD[distance]));
        } else {
            copy_8(from, to);
            from = from.add(8);
        }
        to = to.add(8);
        while to < end {
            copy_8(from, to);
            copy_8(from.add(8), to.add(8));
            from = from.add(16);
            to = to.add(16);
        }
    }
}

/// Copies a match byte by byte, and nothing behind it.
///
/// # Safety
/// `to` has room for `len` bytes; the rest as for `copy_match`.
unsafe fn copy_bytes(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        if to as usize - from as usize >= len {
            return ptr::copy_nonoverlapping(from, to, len);
        }
        for at in 0..len {
            to.add(at).write(from.add(at).read());
        }
    }
}
