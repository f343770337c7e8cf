//! The bits that sequences are read from.

use super::bits::{last_bit, word_before, Checked, Odd};

/// The `wide & 255` bits of a word that end `end` bits, modulo 64, above its lowest; at most 63.
///
/// `BMI2`: this processor has the instruction for it, and the caller the feature.
#[inline(always)]
pub(super) fn field<const BMI2: bool>(word: u64, end: u64, wide: u64) -> u64 {
    let word = word >> (end & 63);
    #[cfg(target_arch = "x86_64")]
    if BMI2 {
        let field;
        // SAFETY: by the meaning of `BMI2`; nothing changes but a register and the flags.
        unsafe {
            std::arch::asm!("bzhi {}, {}, {}", out(reg) field, in(reg) word, in(reg) wide,
                options(pure, nomem, nostack));
        }
        return field;
    }
    word & ((1 << (wide & 63)) - 1)
}

/// The bits of a stream, some of them in a word whose highest bits come next. The word is filled from an
/// address that does not depend on how many bits were used last, so that memory is not waited for.
pub(super) struct Bits<'d> {
    data: &'d [u8],
    /// The highest bits come next.
    pub(super) word: u64,
    /// How many of the word's bits are counted as read from the data; those below them are right too, or 0.
    pub(super) held: u32,
    /// The end of the data that is not in the word yet.
    pub(super) rest: usize,
}

impl<'d> Bits<'d> {
    pub(super) fn new(data: &'d [u8], start: usize, end: usize) -> Checked<Self> {
        let last = last_bit(data, start, end)?;
        let held = (last % 8) as u32;
        let byte = u64::from(*data.get(last / 8).ok_or(Odd)?);
        let word = if held == 0 { 0 } else { byte << (64 - held) };
        Ok(Self { data, word, held, rest: last / 8 })
    }

    /// Fills the word to at least 56 bits. Past the stream's beginning it goes on with what lies before;
    /// fails where there is nothing.
    #[inline(always)]
    pub(super) fn fill(&mut self) -> Checked<()> {
        if self.rest < 8 {
            return Err(Odd);
        }
        // SAFETY: just checked.
        unsafe { self.fill_unchecked() };
        Ok(())
    }

    /// How often the word can be filled, at least.
    #[inline(always)]
    pub(super) fn fills(&self) -> usize {
        (self.rest.max(1) - 1) / 7
    }

    /// # Safety
    /// `rest` is 8 at least.
    #[inline(always)]
    pub(super) unsafe fn fill_unchecked(&mut self) {
        // SAFETY: `rest` is 8 at least, and only falls, from an end within the data.
        let next = unsafe { word_before(self.data, self.rest) };
        self.word |= next >> (self.held & 63);
        self.rest -= ((self.held ^ 63) / 8) as usize;
        self.held |= 56;
    }
}
