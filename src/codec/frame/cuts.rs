//! Frames that end where their content says so: where a hash of the last 64 bytes has certain bits. So bytes
//! that are inserted, removed or changed change only the frames around them, and programs that look for what
//! two versions of a file have in common, like rsync, find the other frames again.
#![forbid(unsafe_code)]

use crate::codec::libzstd::calls;
use crate::codec::options::{Options, MAX_FRAME_SIZE};

/// The smallest frame of streams and files by default: at level 3 smaller frames compress less, larger ones
/// hardly more.
const SMALLEST_FRAME: usize = 4 << 20;
/// The largest frame by default, as for buffers in memory.
const LARGEST_FRAME: usize = 64 << 20;
/// The hash knows so many bytes: each shifts the others by a bit.
const WINDOW: usize = u64::BITS as usize;

/// Uncompressed bytes per frame, where the size of the whole does not count.
pub(crate) fn frame_size(options: &Options<'_>) -> usize {
    if options.frame_size != 0 {
        return options.frame_size;
    }
    // Two windows: a frame compresses less up to its first window, which is then a small part of it.
    let Options { strategy, .. } = *options;
    let tuning = calls::tuning(options.level(), usize::MAX, 0, options.wanted_window_log(), strategy);
    (2usize << tuning.window_log.min(29)).clamp(SMALLEST_FRAME, LARGEST_FRAME)
}

/// The fewest and the most bytes of a frame, around the size that is asked for.
pub(crate) fn sizes(options: &Options<'_>) -> (usize, usize) {
    let size = frame_size(options);
    ((size / 4).max(1), size.saturating_mul(2).min(MAX_FRAME_SIZE))
}

/// Finds where frames end.
#[derive(Clone, Debug)]
pub(crate) struct Cutter {
    least: usize,
    most: usize,
    mask: u64,
    /// Bytes of the current frame.
    at: usize,
    hash: u64,
}

impl Cutter {
    /// Where the options ask for it.
    pub(crate) fn new(options: &Options<'_>) -> Option<Self> {
        let (least, most) = sizes(options);
        let bits = (frame_size(options) - least).max(1).ilog2();
        // The highest bits: they depend on most bytes.
        let mask = if bits == 0 { 0 } else { !0 << (u64::BITS - bits) };
        options.rsyncable.then_some(Self { least, most, mask, at: 0, hash: 0 })
    }

    /// Looks at the next bytes; returns how many of them end the current frame, if any do. Those after them
    /// are to be given again, and begin the next one.
    pub(crate) fn next(&mut self, bytes: &[u8]) -> Option<usize> {
        // What lies so far before the first place where the frame may end does not count.
        let ignored = self.least.saturating_sub(WINDOW + self.at).min(bytes.len());
        self.at += ignored;
        for (index, &byte) in bytes.iter().enumerate().skip(ignored) {
            self.hash = (self.hash << 1).wrapping_add(GEAR[usize::from(byte)]);
            self.at += 1;
            if self.at >= self.least && self.hash & self.mask == 0 || self.at >= self.most {
                self.restart();
                return Some(index + 1);
            }
        }
        None
    }

    /// The current frame ends here for another reason.
    pub(crate) fn restart(&mut self) {
        (self.at, self.hash) = (0, 0);
    }
}

/// A number for each byte, by splitmix64.
static GEAR: [u64; 256] = {
    let mut numbers = [0; 256];
    let mut state = 0u64;
    let mut index = 0;
    while index < numbers.len() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        numbers[index] = mixed ^ mixed >> 31;
        index += 1;
    }
    numbers
};

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(data: &[u8], frame_size: usize, piece: usize) -> Vec<usize> {
        let options = Options { rsyncable: true, frame_size, ..Options::default() };
        let mut cutter = Cutter::new(&options).unwrap();
        let (mut ends, mut at) = (Vec::new(), 0);
        while at < data.len() {
            let now = &data[at..data.len().min(at + piece)];
            match cutter.next(now) {
                Some(len) => {
                    at += len;
                    ends.push(at);
                }
                None => at += now.len(),
            }
        }
        ends
    }

    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1u64;
        (0..len)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            })
            .collect()
    }

    #[test]
    fn ends_depend_on_the_bytes_before_them_only() {
        let data = noise(1 << 20);
        let whole = ends(&data, 16 << 10, data.len());
        for piece in [1, 7, 4096, 100_000] {
            assert_eq!(ends(&data, 16 << 10, piece), whole, "{piece}");
        }
        assert!((40..130).contains(&whole.len()), "{}", whole.len());
        let sizes: Vec<_> = whole.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(sizes.iter().all(|size| (4 << 10..=32 << 10).contains(size)), "{sizes:?}");
        assert!(sizes.iter().filter(|&&size| size == 32 << 10).count() < sizes.len() / 4, "{sizes:?}");
        let mut longer = data.clone();
        longer.splice(500_000..500_000, *b"inserted");
        let moved = ends(&longer, 16 << 10, data.len());
        let same = whole.iter().filter(|&&end| moved.contains(&if end <= 500_000 { end } else { end + 8 }));
        assert!(same.count() + 6 >= whole.len());
    }

    #[test]
    fn sizes_that_are_odd() {
        for frame_size in [1, 2, 3, 4, 5, 64, 100] {
            let whole = ends(&[7; 1000], frame_size, 1000);
            assert!(whole.len() >= 1000 / (2 * frame_size) - 1, "{frame_size}: {whole:?}");
        }
        assert!(Cutter::new(&Options::default()).is_none());
    }
}
