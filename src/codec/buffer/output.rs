//! The destination of a compression, shared by the lanes: each frame is compressed into a slot of its own,
//! and moved down into order. [`OutputSlots`] decides which frame may write where; this module adds the
//! memory, a lock and a way to wait.
//!
//! No wait is endless. A frame waits only for frames before it. Those have been claimed (tasks are claimed in
//! rising order) and run on some thread, and the lowest of them waits for none. If a frame fails, by an error
//! or a panic, its claim is dropped, and the frames after it are told.

use super::frame_layout::FrameLayout;
use super::output_slots::{Answer, OutputSlots};
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::pool;
use crate::sync::{Mutex, MutexGuard, QuietCondvar};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::PoisonError;

/// See the module.
pub(crate) struct Output<'a> {
    base: *mut MaybeUninit<u8>,
    state: Mutex<State>,
    changed: QuietCondvar,
    dst: PhantomData<&'a mut [MaybeUninit<u8>]>,
}

struct State {
    slots: OutputSlots,
    /// Compressed sizes of the committed frames, for the seek table.
    sizes: Vec<u32>,
    keep_sizes: bool,
}

// SAFETY: `base` stands for a `&mut [MaybeUninit<u8>]`, which may be sent, and each part is given to one
// thread only.
unsafe impl Send for Output<'_> {}
// SAFETY: as for Send; everything else is behind the lock.
unsafe impl Sync for Output<'_> {}

/// The part of the destination that a frame may be written to.
pub(crate) enum OutputSlot<'c> {
    /// A slot as large as the frame can become.
    Slot(&'c mut [MaybeUninit<u8>]),
    /// All that is left, which may be too little.
    Rest(&'c mut [MaybeUninit<u8>]),
}

impl<'a> Output<'a> {
    /// An output over all of `dst`.
    pub(crate) fn new(dst: &'a mut [MaybeUninit<u8>], layout: FrameLayout) -> Result<Self> {
        let keep_sizes = layout.table_len() > 0;
        let mut sizes = Vec::new();
        if keep_sizes {
            memory::reserve(&mut sizes, layout.frames())?;
        }
        let slots = OutputSlots::new(layout, dst.len());
        Ok(Self {
            base: dst.as_mut_ptr(),
            state: Mutex::new(State { slots, sizes, keep_sizes }),
            changed: QuietCondvar::default(),
            dst: PhantomData,
        })
    }

    /// The memory that an output needs for its bookkeeping.
    pub(crate) fn bookkeeping(layout: &FrameLayout) -> usize {
        if layout.table_len() > 0 {
            layout.frames() * size_of::<u32>()
        } else {
            0
        }
    }

    /// Begins a frame. Every frame is claimed once; rising order keeps all waits finite (see the module).
    pub(crate) fn claim(&self, frame: usize) -> Claim<'_> {
        Claim { output: self, frame, finished: false }
    }

    /// Once all frames are finished: the end of the output, and the sizes of the frames if there is a seek
    /// table.
    pub(crate) fn into_sizes(self) -> (usize, Vec<u32>) {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        (state.slots.committed(), state.sizes)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves finished frames down. Only one thread moves at a time, without the lock, so other frames go on
    /// meanwhile.
    fn settle<'s>(&'s self, mut state: MutexGuard<'s, State>) {
        while let Some((from, to)) = state.slots.begin_move() {
            drop(state);
            // SAFETY: the frame at `from` is finished, so no thread writes there. The bytes between `to` and
            // the end of the moved frame hold no committed frame, and no slot of a later frame begins there
            // (see `OutputSlots`). One thread moves at a time.
            unsafe { std::ptr::copy(self.base.add(from.start), self.base.add(to), from.len()) };
            state = self.lock();
            let size = state.slots.end_move();
            if state.keep_sizes {
                state.sizes.push(size as u32); // a frame has at most 1 GiB, so its bound is below 4 GiB
            }
            self.changed.notify_all();
        }
    }
}

/// A frame under way. If the claim is dropped before `finish`, the frame has failed.
pub(crate) struct Claim<'a> {
    output: &'a Output<'a>,
    frame: usize,
    finished: bool,
}

impl Claim<'_> {
    /// The frame's slot; waits until a slot is free.
    pub(crate) fn slot(&mut self) -> Result<OutputSlot<'_>> {
        let mut state = self.output.lock();
        loop {
            match state.slots.ask(self.frame) {
                Answer::Wait => {
                    state = pool::wait(|| self.output.changed.wait(state));
                }
                Answer::Abandoned => {
                    // A frame before this one has failed, and that frame's error is the one to report.
                    return Err(Error::new(ErrorKind::Internal, "abandoned").at(self.frame as u64));
                }
                Answer::Slot(slot) => {
                    self.output.changed.notify_all(); // the next frame may now ask
                    return Ok(OutputSlot::Slot(self.slice(slot)));
                }
                Answer::Rest(slot) => return Ok(OutputSlot::Rest(self.slice(slot))),
            }
        }
    }

    fn slice(&mut self, slot: Range<usize>) -> &mut [MaybeUninit<u8>] {
        // SAFETY: the slot is inside the destination, and until the frame is finished no other thread reads
        // or writes there: no other slot overlaps it, and nothing is moved there (see `OutputSlots`). A frame
        // asks once; the slice ends before `finish`.
        unsafe { std::slice::from_raw_parts_mut(self.output.base.add(slot.start), slot.len()) }
    }

    /// The frame is finished, with `len` bytes at the start of its slot.
    pub(crate) fn finish(mut self, len: usize) {
        self.finished = true;
        let mut state = self.output.lock();
        state.slots.finish(self.frame, len);
        self.output.settle(state);
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.output.lock().slots.fail(self.frame);
            self.output.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::libzstd::calls;
    use crate::codec::options::Options;
    use std::panic::{catch_unwind, AssertUnwindSafe};
    use std::sync::atomic::{AtomicUsize, Ordering};

    const FRAMES: usize = 200;
    const FRAME: usize = 100;

    /// The size of compressed frame `frame` in this test; its bytes depend on the number only, too.
    fn size_of_frame(frame: usize) -> usize {
        (frame * 2_654_435_761) % FRAME + 1
    }

    /// Runs all frames on `threads` threads, claimed in rising order; `end` ends a frame or fails it.
    fn run(threads: usize, room: usize, end: impl Fn(usize) -> bool + Sync) -> (Vec<u8>, Vec<u32>) {
        let layout =
            FrameLayout::new(FRAMES * FRAME, &Options { frame_size: FRAME, ..Options::default() }).unwrap();
        let mut dst = vec![0u8; room];
        let output = Output::new(calls::as_uninit(&mut dst), layout).unwrap();
        let next = AtomicUsize::new(0);
        let work = || loop {
            let frame = next.fetch_add(1, Ordering::Relaxed);
            if frame >= FRAMES {
                return;
            }
            let mut claim = output.claim(frame);
            let size = size_of_frame(frame);
            match claim.slot() {
                Ok(OutputSlot::Slot(slot) | OutputSlot::Rest(slot)) if slot.len() >= size => {
                    for turn in 0..3 {
                        slot.iter_mut().for_each(|byte| _ = byte.write(turn)); // the whole slot may be written
                        std::thread::yield_now();
                    }
                    slot[..size].iter_mut().for_each(|byte| _ = byte.write(frame as u8));
                }
                _ => return,
            }
            if !end(frame) {
                return;
            }
            claim.finish(size);
        };
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| catch_unwind(AssertUnwindSafe(work)));
            }
        });
        let (written, sizes) = output.into_sizes();
        dst.truncate(written);
        (dst, sizes)
    }

    fn expected(frames: usize) -> Vec<u8> {
        (0..frames).flat_map(|frame| vec![frame as u8; size_of_frame(frame)]).collect()
    }

    #[test]
    fn frames_end_up_in_order_whatever_the_room() {
        let all = expected(FRAMES);
        for threads in [1, 2, 7, 24] {
            for room in [all.len(), all.len() + 150, all.len() + 1000, FRAMES * FRAME * 4] {
                let (out, sizes) = run(threads, room, |_| true);
                assert!(out == all, "{threads} threads, {room} bytes");
                assert!(sizes.into_iter().eq((0..FRAMES).map(|frame| size_of_frame(frame) as u32)));
            }
        }
    }

    /// No frame waits for a frame that failed, and the frames before that are complete.
    #[test]
    fn failures_let_the_others_go() {
        for threads in [1, 3, 24] {
            for room in [3000, FRAMES * FRAME * 4] {
                let (out, _) = run(threads, room, |frame| frame != 30);
                assert!(out == expected(30));
                let (out, _) =
                    run(threads, room, |frame| if frame == 20 { panic!("on purpose") } else { true });
                assert!(out == expected(20));
            }
        }
        // Too little room: the frame that does not fit fails.
        let (out, _) = run(7, 2000, |_| true);
        assert!(out.len() <= 2000 && expected(FRAMES).starts_with(&out));
    }
}
