//! Huffman coded literals: the tree's description, the decoding table, one stream or four.

use super::bits::{last_bit, word_before, Backward, Checked, Odd};
use super::dictionary::Dictionary;
use super::fse::{spread, Counts};

/// Trees are no deeper: deeper ones, which libzstd takes though it writes none, are left to it.
const LOG: u32 = 11;
/// Symbols that a stream makes of one filling of its word: 55 bits of 56.
const AT_ONCE: usize = 5;

/// The decoding table of one lane, which keeps the tree that was built last: for the next `LOG` bits the
/// symbol, above the number of bits that it takes.
#[derive(Clone, Debug)]
pub(crate) struct HuffmanTable {
    entries: [u16; 1 << LOG],
    /// Where in the data the tree is described, and the bytes of the description.
    source: Option<(usize, usize)>,
}

impl HuffmanTable {
    pub(crate) const EMPTY: Self = Self { entries: [0; 1 << LOG], source: None };

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
        if next != 1 << LOG {
            return Err(Odd);
        }
        for (symbol, &weight) in weights.of[..weights.count].iter().enumerate() {
            if weight == 0 {
                continue;
            }
            let len = 1usize << (u32::from(weight) - 1 + scale);
            let start = starts.get_mut(usize::from(weight)).ok_or(Odd)?;
            let bits = weights.log + 1 - u32::from(weight);
            let places = self.entries.get_mut(*start..*start + len).ok_or(Odd)?;
            places.fill((symbol as u16) << 8 | bits as u16);
            *start += len;
        }
        Ok(())
    }

    /// Decodes one stream, `start..end` of `data`, which has to fill `out` exactly.
    pub(crate) fn one_stream(&self, data: &[u8], start: usize, end: usize, out: &mut [u8]) -> Checked<()> {
        self.rest(Backward::new(data, start, end)?, out)
    }

    /// Decodes four streams in `start..end` of `data`, before which their sizes stand, to the four quarters
    /// of `out`.
    pub(crate) fn four_streams(&self, data: &[u8], start: usize, end: usize, out: &mut [u8]) -> Checked<()> {
        let sizes = data.get(start..end).and_then(|section| section.first_chunk::<6>()).ok_or(Odd)?;
        if out.len() < 6 || end > data.len() {
            return Err(Odd);
        }
        let mut starts = [start + 6; 4];
        for stream in 0..3 {
            let size = u16::from_le_bytes([sizes[2 * stream], sizes[2 * stream + 1]]);
            starts[stream + 1] = starts[stream] + usize::from(size);
        }
        let ends = [starts[1], starts[2], starts[3], end];
        let mut at = [0; 4];
        for stream in 0..4 {
            at[stream] = last_bit(data, starts[stream], ends[stream])?;
        }
        let quarter = out.len().div_ceil(4);
        let done = self.together(data, &starts, &mut at, quarter, out);
        for stream in 0..4 {
            let bits = Backward::resume(data, starts[stream], at[stream])?;
            let end = (quarter * (stream + 1)).min(out.len());
            self.rest(bits, out.get_mut(quarter * stream + done..end).ok_or(Odd)?)?;
        }
        Ok(())
    }

    /// The end of a stream, with every step checked.
    fn rest(&self, mut bits: Backward<'_>, out: &mut [u8]) -> Checked<()> {
        for place in out.chunks_mut(AT_ONCE) {
            let mut word = bits.peek();
            let mut used = 0;
            for place in place {
                let entry = self.entries[(word >> (64 - LOG)) as usize];
                *place = (entry >> 8) as u8;
                word <<= entry & 63;
                used += usize::from(entry & 63);
            }
            bits.skip(used)?;
        }
        if bits.is_at_end() {
            Ok(())
        } else {
            Err(Odd)
        }
    }

    /// Decodes as much of all four streams as they have in common, without a look at their ends; returns the
    /// symbols of each.
    fn together(
        &self,
        data: &[u8],
        starts: &[usize; 4],
        at: &mut [usize; 4],
        quarter: usize,
        out: &mut [u8],
    ) -> usize {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("bmi1") && std::arch::is_x86_feature_detected!("bmi2") {
            // SAFETY: this processor has the features.
            return unsafe { self.together_bmi2(data, starts, at, quarter, out) };
        }
        self.together_body(data, starts, at, quarter, out)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "bmi1,bmi2")]
    unsafe fn together_bmi2(
        &self,
        data: &[u8],
        starts: &[usize; 4],
        at: &mut [usize; 4],
        quarter: usize,
        out: &mut [u8],
    ) -> usize {
        self.together_body(data, starts, at, quarter, out)
    }

    #[inline(always)]
    fn together_body(
        &self,
        data: &[u8],
        starts: &[usize; 4],
        at: &mut [usize; 4],
        quarter: usize,
        out: &mut [u8],
    ) -> usize {
        // The last quarter is the shortest.
        let last = out.len().saturating_sub(3 * quarter);
        // Each word's highest bits come next. Below its bits stands a 1, which tells how many were used.
        let mut ends = at.map(|at| at.div_ceil(8));
        let mut words = [0u64; 4];
        for stream in 0..4 {
            if ends[stream] > data.len() || ends[stream] < starts[stream] + 8 {
                return 0; // short: not worth it
            }
            // SAFETY: the word lies within the stream, as just checked.
            let word = unsafe { word_before(data, ends[stream]) };
            words[stream] = (word | 1) << (8 * ends[stream] - at[stream]);
        }
        let mut done = 0;
        loop {
            // So many rounds cannot leave the quarters, nor, at 7 bytes each, the streams.
            let bytes = (0..4).map(|stream| (ends[stream] - 8 - starts[stream]) / 7).min().unwrap_or(0);
            let rounds = ((last - done) / AT_ONCE).min(bytes);
            if rounds == 0 {
                break;
            }
            for _ in 0..rounds {
                for step in 0..AT_ONCE {
                    for (stream, word) in words.iter_mut().enumerate() {
                        let entry = self.entries[(*word >> (64 - LOG)) as usize];
                        *word <<= entry & 63;
                        // SAFETY: `done + AT_ONCE` is at most the length of the last quarter, the shortest,
                        // for all rounds.
                        unsafe {
                            *out.get_unchecked_mut(stream * quarter + done + step) = (entry >> 8) as u8;
                        }
                    }
                }
                done += AT_ONCE;
                for stream in 0..4 {
                    let used = words[stream].trailing_zeros();
                    ends[stream] -= used as usize / 8;
                    // SAFETY: 5 symbols of 11 bits, and 7 bits of before: less than 8 bytes; see `rounds`.
                    let word = unsafe { word_before(data, ends[stream]) };
                    words[stream] = (word | 1) << (used % 8);
                }
            }
        }
        for stream in 0..4 {
            at[stream] = 8 * ends[stream] - words[stream].trailing_zeros() as usize;
        }
        done
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
