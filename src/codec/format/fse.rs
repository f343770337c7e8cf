//! Finite state entropy: distributions as they are written, and the decoding tables of sequence codes.
#![forbid(unsafe_code)]

use super::bits::{Checked, Odd};

/// No distribution that is used here has more symbols: match length codes.
pub(super) const MOST_SYMBOLS: usize = 53;
/// Nor a larger table: literal and match lengths.
pub(super) const LARGEST_LOG: u32 = 9;

/// A distribution: how many states each symbol has. -1: one state, that reads a whole new state.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    pub(super) counts: [i16; MOST_SYMBOLS],
    /// Symbols up to the last one that has a state.
    pub(super) symbols: usize,
    /// The number of states, as a power of two.
    pub(super) log: u32,
}

impl Counts {
    /// A distribution that is known beforehand.
    pub(super) const fn known<const N: usize>(given: &[i16; N], log: u32) -> Self {
        let mut counts = [0; MOST_SYMBOLS];
        let mut at = 0;
        while at < N {
            counts[at] = given[at];
            at += 1;
        }
        Self { counts, symbols: N, log }
    }

    /// Reads a distribution of at most `symbols` symbols and `1 << log` states from the beginning of `data`;
    /// returns how many bytes it takes.
    pub(super) fn read(data: &[u8], symbols: usize, log: u32) -> Checked<(Self, usize)> {
        let symbols = symbols.min(MOST_SYMBOLS);
        let mut bits = Forward { data, at: 0 };
        let mut found = Self { counts: [0; MOST_SYMBOLS], symbols: 0, log: bits.take(4) + 5 };
        if found.log > log {
            return Err(Odd);
        }
        // One more than the states that are left.
        let mut left = (1i32 << found.log) + 1;
        while left > 1 {
            if found.symbols >= symbols {
                return Err(Odd);
            }
            // A value of 0 to `left`: those that can do with a bit less have one less.
            let wide = (left as u32).ilog2() + 1;
            let half = 1u32 << (wide - 1);
            let spare = 2 * half - 1 - left as u32;
            let value = bits.peek();
            let low = value & (half - 1);
            let value = if low < spare {
                bits.at += wide as usize - 1;
                low
            } else {
                bits.at += wide as usize;
                let value = value & (2 * half - 1);
                if value >= half {
                    value - spare
                } else {
                    value
                }
            };
            let count = value as i32 - 1;
            left -= count.abs();
            found.counts[found.symbols] = count as i16; // at most 1 << 9
            found.symbols += 1;
            if count == 0 {
                found.symbols += bits.zeros()?;
            }
        }
        let len = bits.at.div_ceil(8);
        if left != 1 || found.symbols > symbols || len > data.len() {
            return Err(Odd);
        }
        Ok((found, len))
    }
}

/// Reads from the beginning; past the end there are zeros, and whoever reads there fails in the end.
struct Forward<'d> {
    data: &'d [u8],
    at: usize,
}

impl Forward<'_> {
    fn peek(&self) -> u32 {
        let rest = self.data.get(self.at / 8..).unwrap_or_default();
        let word = match rest.first_chunk::<8>() {
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
        };
        (word >> (self.at % 8)) as u32
    }

    fn take(&mut self, bits: u32) -> u32 {
        let value = self.peek() & ((1 << bits) - 1);
        self.at += bits as usize;
        value
    }

    /// How many more symbols have no state: in steps of up to three, for as long as there are three.
    fn zeros(&mut self) -> Checked<usize> {
        let mut zeros = 0;
        loop {
            let step = self.take(2) as usize;
            zeros += step;
            if step < 3 {
                return Ok(zeros);
            }
            // libzstd reads so many of them in another way where the data is about to end.
            if zeros > MOST_SYMBOLS || zeros >= 33 && self.at / 8 + 12 > self.data.len() {
                return Err(Odd);
            }
        }
    }
}

/// Lays the symbols of a distribution out over its states, in the order that zstd prescribes, and tells `set`
/// of each state: its symbol, how many bits lead to the next state, and what they are added to.
pub(super) fn spread(counts: &Counts, mut set: impl FnMut(usize, u8, u32, u32)) -> Checked<()> {
    let size = 1usize << counts.log;
    let mask = size - 1;
    let mut symbols = [0u8; 1 << LARGEST_LOG];
    let symbols = symbols.get_mut(..size).ok_or(Odd)?;
    let mut next = [0u32; MOST_SYMBOLS];
    let mut high = size;
    for (symbol, &count) in counts.counts.iter().enumerate() {
        if count == -1 {
            high = high.checked_sub(1).ok_or(Odd)?;
            symbols[high] = symbol as u8;
            next[symbol] = 1;
        } else {
            next[symbol] = count as u32; // not negative
        }
    }
    let step = (size >> 1) + (size >> 3) + 3;
    let mut position = 0;
    for (symbol, &count) in counts.counts[..counts.symbols.min(MOST_SYMBOLS)].iter().enumerate() {
        for _ in 0..count {
            symbols[position & mask] = symbol as u8;
            position = (position + step) & mask;
            while position >= high {
                position = (position + step) & mask;
            }
        }
    }
    if position != 0 {
        return Err(Odd);
    }
    for (state, &symbol) in symbols.iter().enumerate() {
        let number = next[usize::from(symbol)];
        next[usize::from(symbol)] += 1;
        let bits = counts.log - number.ilog2();
        set(state, symbol, bits, (number << bits) - size as u32);
    }
    Ok(())
}
