//! Bits of a stream that is read from its end to its beginning, as all of zstd's entropy-coded streams are.

/// Whatever the block decoder does not decode by itself: damage of any kind, and the few valid things that it
/// leaves out. libzstd decodes the frame again then, and its verdict counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Odd;

/// What steps of the block decoder return.
pub(crate) type Checked<T> = std::result::Result<T, Odd>;

/// Bytes that have to lie before a stream, so that words are read without a look at where it begins. A
/// frame's header and those of a block have more.
pub(crate) const BEFORE: usize = 8;

/// The eight bytes of `data` that end at `end`, the last byte highest.
///
/// # Safety
/// `8 <= end <= data.len()`.
#[inline(always)]
pub(super) unsafe fn word_before(data: &[u8], end: usize) -> u64 {
    debug_assert!(end >= 8 && end <= data.len());
    // SAFETY: the eight bytes before `end` are within the data by the caller's promise; a read of any
    // alignment.
    u64::from_le(unsafe { data.as_ptr().add(end - 8).cast::<u64>().read_unaligned() })
}

/// The number of bits in the stream `start..end` of `data`, counted from the beginning of the data to where
/// the marker bit stands; the stream has to be one of at least a byte, with `BEFORE` bytes before it.
pub(super) fn last_bit(data: &[u8], start: usize, end: usize) -> Checked<usize> {
    if start >= end || start < BEFORE {
        return Err(Odd);
    }
    match data.get(end - 1) {
        None | Some(0) => Err(Odd), // no marker
        Some(&last) => Ok(8 * (end - 1) + last.ilog2() as usize),
    }
}

/// A reader of one stream that keeps to checked slices: for tails and for short streams.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backward<'d> {
    data: &'d [u8],
    /// The first bit of the stream, counted from the beginning of the data.
    first: usize,
    /// The bit after the one to be read next.
    at: usize,
}

impl<'d> Backward<'d> {
    /// The stream `start..end` of `data`.
    pub(super) fn new(data: &'d [u8], start: usize, end: usize) -> Checked<Self> {
        let at = last_bit(data, start, end)?;
        Ok(Self { data, first: 8 * start, at })
    }

    /// A stream that has been read up to the bit `at`.
    pub(super) fn resume(data: &'d [u8], start: usize, at: usize) -> Checked<Self> {
        if start < BEFORE || at < 8 * start || at > 8 * data.len() {
            return Err(Odd);
        }
        Ok(Self { data, first: 8 * start, at })
    }

    /// Bits that are left.
    pub(super) fn left(&self) -> usize {
        self.at - self.first
    }

    /// Whether all bits are read.
    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.first
    }

    /// The next 57 bits or more, the first one highest; what follows the end of the stream means nothing.
    #[inline(always)]
    pub(super) fn peek(&self) -> u64 {
        let end = self.at.div_ceil(8);
        debug_assert!(self.first >= 8 * BEFORE && end <= self.data.len());
        // SAFETY: `at` is never below `first`, which has `BEFORE` bytes before it, nor past the data.
        let word = unsafe { word_before(self.data, end) };
        word << (8 * end - self.at)
    }

    /// Goes on by `bits`; fails past the end.
    #[inline(always)]
    pub(super) fn skip(&mut self, bits: usize) -> Checked<()> {
        if bits > self.at - self.first {
            return Err(Odd);
        }
        self.at -= bits;
        Ok(())
    }

    /// Reads up to 32 bits.
    #[inline(always)]
    pub(super) fn read(&mut self, bits: u32) -> Checked<u32> {
        let value = top_bits(self.peek(), bits);
        self.skip(bits as usize)?;
        Ok(value as u32) // of at most 32 bits
    }
}

/// The highest `bits` bits of a word, fewer than 64.
#[inline(always)]
fn top_bits(word: u64, bits: u32) -> u64 {
    (word >> 1) >> (63 - bits)
}
