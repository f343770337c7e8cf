//! Huffman coded literals: the tree's description, and the decoding tables.
#![forbid(unsafe_code)]

use super::bits::{Backward, Checked, Odd};
use super::dictionary::Dictionary;
use super::fse::{spread, Counts};

/// Trees are no deeper: deeper ones, which libzstd takes though it writes none, are left to it.
pub(super) const LOG: u32 = 11;
const SIZE: usize = 1 << LOG;

/// The decoding tables of one lane, which keep the tree that was built last: for the next `LOG` bits what
/// they begin with. An entry has the bits that it takes in its lowest six, above them in two the number
/// of its symbols, and then the symbols, the first one lowest.
#[derive(Clone, Debug)]
pub(crate) struct HuffmanTable {
    /// Entries of one symbol.
    pub(super) single: [u16; SIZE],
    /// Entries of up to three symbols, as many as the bits are enough for.
    pub(super) grouped: [u32; SIZE],
    /// Whether `grouped` is made of the same tree.
    has_groups: bool,
    /// Where in the data the tree is described, and the bytes of the description.
    source: Option<(usize, usize)>,
}

impl HuffmanTable {
    pub(crate) const EMPTY: Self =
        Self { single: [0; SIZE], grouped: [0; SIZE], has_groups: false, source: None };

    /// Makes it the table of the tree that is described at `at`, in a section that ends at `end`; returns the
    /// description's bytes.
    pub(crate) fn prepare(&mut self, data: &[u8], at: usize, end: usize) -> Checked<usize> {
        self.prepare_as(at, data, at, end)
    }

    /// The same for a tree of a dictionary, which is not in the data.
    pub(crate) fn prepare_by(&mut self, dictionary: &Dictionary<'_>) -> Checked<usize> {
        let (data, at, end) = dictionary.tree();
        self.prepare_as(usize::MAX, data, at, end)
    }

    fn prepare_as(&mut self, source: usize, data: &[u8], at: usize, end: usize) -> Checked<usize> {
        if let Some((_, len)) = self.source.filter(|known| known.0 == source) {
            return Ok(len);
        }
        self.source = None; // until it is whole
        let (weights, len) = Weights::read(data, at, end)?;
        self.build(&weights)?;
        self.has_groups = false;
        self.source = Some((source, len));
        Ok(len)
    }

    fn build(&mut self, weights: &Weights) -> Checked<()> {
        let mut starts = [0usize; LOG as usize + 2];
        let scale = LOG - weights.log;
        let mut next = 0;
        for weight in 1..=weights.log {
            starts[weight as usize] = next;
            next += weights.with[weight as usize] << (weight - 1 + scale);
        }
        if next != SIZE {
            return Err(Odd);
        }
        for (symbol, &weight) in weights.of[..weights.count].iter().enumerate() {
            if weight == 0 {
                continue;
            }
            let len = 1usize << (u32::from(weight) - 1 + scale);
            let start = starts.get_mut(usize::from(weight)).ok_or(Odd)?;
            let bits = weights.log + 1 - u32::from(weight);
            let places = self.single.get_mut(*start..*start + len).ok_or(Odd)?;
            places.fill((symbol as u16) << 8 | 1 << 6 | bits as u16);
            *start += len;
        }
        Ok(())
    }

    /// Whether `grouped` is there for literals of which so many bytes are stored as so many. It is made
    /// where it saves more time than it takes.
    pub(super) fn with_groups(&mut self, stored: usize, count: usize) -> bool {
        // By measurements on x86-64: made in 4,000 ns, it saves 0.13 ns a literal for each bit that
        // literals are shorter than 6.8.
        if !self.has_groups && 68 * count > 80 * stored + 310_000 {
            self.group();
        }
        self.has_groups
    }

    fn group(&mut self) {
        // What is in front of the shortest symbol's bits can have no second symbol. That symbol is the last.
        let least = u32::from(self.single[SIZE - 1] & 63);
        let mut at = 0;
        while at < SIZE {
            let one = u32::from(self.single[at]);
            let bits = one & 63;
            let run = &mut self.grouped[at..at + (1 << (LOG - bits))];
            at += run.len();
            if bits + least > LOG {
                run.fill(one);
                continue;
            }
            // Symbols that do not fit stand for bits that are not there: what is added up for them is not
            // used.
            for (rest, place) in run.iter_mut().enumerate() {
                let rest = rest << bits;
                let second = u32::from(self.single[rest % SIZE]);
                let two = one + (second & 0xff) + ((second & 0xff00) << 8);
                let third = u32::from(self.single[(rest << (second & 63)) % SIZE]);
                let three = two + (third & 0xff) + ((third & 0xff00) << 16);
                let more = if three & 63 <= LOG { three } else { two };
                *place = if two & 63 <= LOG { more } else { one };
            }
        }
        self.has_groups = true;
    }
}

/// The bytes of the tree's description at `at` of `data`, in a section that ends at `end`.
pub(crate) fn description_len(data: &[u8], at: usize, end: usize) -> Checked<usize> {
    let head = usize::from(*data.get(at..end).and_then(|section| section.first()).ok_or(Odd)?);
    Ok(if head >= 128 { 1 + (head - 127).div_ceil(2) } else { 1 + head })
}

/// The weights of a tree's symbols.
struct Weights {
    of: [u8; 256],
    /// Symbols, up to the last one that has a weight.
    count: usize,
    /// How many symbols have each weight.
    with: [usize; LOG as usize + 2],
    /// The tree's depth.
    log: u32,
}

impl Weights {
    /// Reads the description of a tree at `at` of `data`, in a section that ends at `end`; returns its bytes
    /// too.
    fn read(data: &[u8], at: usize, end: usize) -> Checked<(Self, usize)> {
        let section = data.get(at..end).ok_or(Odd)?;
        let head = usize::from(*section.first().ok_or(Odd)?);
        let mut weights = Self { of: [0; 256], count: 0, with: [0; LOG as usize + 2], log: 0 };
        let len = description_len(data, at, end)?;
        if head >= 128 {
            // Four bits each.
            weights.count = head - 127;
            let bytes = section.get(1..len).ok_or(Odd)?;
            for (pair, byte) in weights.of.chunks_exact_mut(2).zip(bytes) {
                pair.copy_from_slice(&[byte >> 4, byte & 15]);
            }
        } else {
            section.get(..len).ok_or(Odd)?;
            weights.decode(data, at + 1, at + len)?;
        }
        weights.complete()?;
        Ok((weights, len))
    }

    /// Decodes weights that are compressed themselves: two states take turns, until the bits are used up.
    fn decode(&mut self, data: &[u8], start: usize, end: usize) -> Checked<()> {
        let (counts, len) = Counts::read(data.get(start..end).ok_or(Odd)?, LOG as usize + 2, 6)?;
        let mut states = [(0u8, 0u32, 0u32); 64];
        spread(&counts, |at, symbol, bits, next| states[at & 63] = (symbol, bits, next))?;
        let mut bits = Backward::new(data, start + len, end)?;
        let mut turn = bits.read(counts.log)?;
        let mut other = bits.read(counts.log)?;
        loop {
            // One symbol at least is still in the other state: 255 are the most.
            let place = self.of[..254].get_mut(self.count).ok_or(Odd)?;
            let (symbol, wide, next) = states[turn as usize & 63];
            *place = symbol;
            self.count += 1;
            if wide as usize > bits.left() {
                let (symbol, _, _) = states[other as usize & 63];
                self.of[self.count] = symbol;
                self.count += 1;
                return Ok(());
            }
            turn = next + bits.read(wide)?;
            std::mem::swap(&mut turn, &mut other);
        }
    }

    /// Adds the last symbol, whose weight makes the sum a power of two.
    fn complete(&mut self) -> Checked<()> {
        let mut sum = 0u32;
        for &weight in &self.of[..self.count] {
            *self.with.get_mut(usize::from(weight)).ok_or(Odd)? += 1;
            sum += (1 << weight) >> 1;
        }
        if sum == 0 {
            return Err(Odd);
        }
        self.log = sum.ilog2() + 1;
        let rest = (1u32 << self.log) - sum;
        if self.log > LOG || !rest.is_power_of_two() {
            return Err(Odd);
        }
        let weight = rest.ilog2() + 1;
        *self.of.get_mut(self.count).ok_or(Odd)? = weight as u8;
        self.count += 1;
        *self.with.get_mut(weight as usize).ok_or(Odd)? += 1;
        // The deepest symbols come in pairs.
        if self.with[1] < 2 || self.with[1] % 2 != 0 {
            return Err(Odd);
        }
        Ok(())
    }
}
