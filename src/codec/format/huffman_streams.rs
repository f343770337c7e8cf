//! The streams of Huffman coded literals, one or four.

use super::bits::{last_bit, word_before, Backward, Checked, Odd};
use super::huffman::{HuffmanTable, LOG};

/// Entries that a stream takes of one filling of its word: 55 bits of 56.
const AT_ONCE: usize = 5;
/// Bytes that an entry is written as, symbols or not.
const SINGLE: usize = 1;
const GROUPED: usize = 4;

/// Four streams at work.
struct Streams<'d> {
    data: &'d [u8],
    /// Where they begin in the data.
    starts: [usize; 4],
    /// The bit after the one to be read next, counted from the beginning of the data.
    at: [usize; 4],
    /// Where their next symbols go in the output.
    to: [usize; 4],
    /// Where their parts of the output end.
    limits: [usize; 4],
}

impl HuffmanTable {
    /// Decodes one stream, `start..end` of `data`, which has to fill `out` exactly.
    pub(crate) fn one_stream(&self, data: &[u8], start: usize, end: usize, out: &mut [u8]) -> Checked<()> {
        self.rest(Backward::new(data, start, end)?, out)
    }

    /// Decodes four streams in `start..end` of `data`, before which their sizes stand, to the four quarters
    /// of `out`.
    pub(crate) fn four_streams(
        &mut self,
        data: &[u8],
        start: usize,
        end: usize,
        out: &mut [u8],
    ) -> Checked<()> {
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
        let to = [0, 1, 2, 3].map(|stream| quarter * stream);
        let limits = [1, 2, 3, 4].map(|stream| (quarter * stream).min(out.len()));
        let mut streams = Streams { data, starts, at, to, limits };
        let grouped = self.with_groups(end - start, out.len());
        self.together(&mut streams, grouped, out);
        for stream in 0..4 {
            let bits = Backward::resume(data, starts[stream], streams.at[stream])?;
            let out = out.get_mut(streams.to[stream]..limits[stream]).ok_or(Odd)?;
            if grouped {
                self.rest_in_groups(bits, out)?;
            } else {
                self.rest(bits, out)?;
            }
        }
        Ok(())
    }

    /// The end of a stream, with every step checked.
    fn rest(&self, mut bits: Backward<'_>, out: &mut [u8]) -> Checked<()> {
        for place in out.chunks_mut(AT_ONCE) {
            let mut word = bits.peek();
            let mut used = 0;
            for place in place {
                let entry = self.single[(word >> (64 - LOG)) as usize];
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

    /// The same, in groups as far as there is room for them.
    fn rest_in_groups(&self, mut bits: Backward<'_>, mut out: &mut [u8]) -> Checked<()> {
        while let Some(places) = out.first_chunk_mut::<{ GROUPED * AT_ONCE }>() {
            let mut word = bits.peek();
            let (mut used, mut done) = (0, 0);
            for _ in 0..AT_ONCE {
                let entry = self.grouped[(word >> (64 - LOG)) as usize];
                word <<= entry & 63;
                used += (entry & 63) as usize;
                places[done..done + GROUPED].copy_from_slice(&(entry >> 8).to_le_bytes());
                done += (entry >> 6 & 3) as usize;
            }
            bits.skip(used)?;
            out = &mut out[done..];
        }
        self.rest(bits, out)
    }

    /// Decodes as much of all four streams as can be without a look at their ends.
    fn together(&self, streams: &mut Streams<'_>, grouped: bool, out: &mut [u8]) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("bmi1") && std::arch::is_x86_feature_detected!("bmi2") {
            // SAFETY: this processor has the features.
            return unsafe { self.together_bmi2(streams, grouped, out) };
        }
        self.together_as(streams, grouped, out);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "bmi1,bmi2")]
    unsafe fn together_bmi2(&self, streams: &mut Streams<'_>, grouped: bool, out: &mut [u8]) {
        self.together_as(streams, grouped, out);
    }

    #[inline(always)]
    fn together_as(&self, streams: &mut Streams<'_>, grouped: bool, out: &mut [u8]) {
        if grouped {
            streams.decode::<GROUPED>(|index| self.grouped[index], out);
        } else {
            streams.decode::<SINGLE>(|index| self.single[index].into(), out);
        }
    }
}

impl Streams<'_> {
    /// Decodes as much of all four as can be without a look at their ends, by entries that are written as
    /// `WIDE` bytes.
    #[inline(always)]
    fn decode<const WIDE: usize>(&mut self, entry: impl Fn(usize) -> u32, out: &mut [u8]) {
        // Each word's highest bits come next. Below its bits stands a 1, which tells how many were used.
        let mut words = [0u64; 4];
        // Each word's first byte.
        let mut from = [0; 4];
        for stream in 0..4 {
            let end = self.at[stream].div_ceil(8);
            if end > self.data.len() || end < self.starts[stream] + 8 || self.limits[stream] > out.len() {
                return; // short: not worth it
            }
            // SAFETY: the word lies within the stream, as just checked.
            let word = unsafe { word_before(self.data, end) };
            words[stream] = (word | 1) << (8 * end - self.at[stream]);
            from[stream] = end - 8;
        }
        let data = self.data.as_ptr();
        loop {
            // So many rounds cannot leave the parts of the output, nor, at 7 bytes each, the streams.
            let bytes = (0..4).map(|stream| (from[stream] - self.starts[stream]) / 7).min();
            let room = (0..4).map(|stream| self.limits[stream].saturating_sub(self.to[stream])).min();
            let rounds = bytes.unwrap_or(0).min(room.unwrap_or(0) / (WIDE * AT_ONCE));
            if rounds == 0 {
                break;
            }
            // SAFETY: both within their buffers, as `room` and `bytes` were more than 0.
            let mut places = self.to.map(|to| unsafe { out.as_mut_ptr().add(to) });
            // SAFETY: as above.
            let mut next = from.map(|from| unsafe { data.add(from) });
            for _ in 0..rounds {
                for _ in 0..AT_ONCE {
                    for (word, place) in words.iter_mut().zip(&mut places) {
                        let entry = entry((*word >> (64 - LOG)) as usize);
                        *word <<= entry & 63;
                        // SAFETY: an entry goes on by at most the bytes that it is written as, and `room`
                        // has those of all rounds.
                        unsafe {
                            if WIDE == SINGLE {
                                **place = (entry >> 8) as u8;
                                *place = place.add(1);
                            } else {
                                place.cast::<u32>().write_unaligned((entry >> 8).to_le());
                                *place = place.add((entry >> 6 & 3) as usize);
                            }
                        }
                    }
                }
                for (word, next) in words.iter_mut().zip(&mut next) {
                    let used = word.trailing_zeros();
                    // SAFETY: 5 entries of 11 bits, and 7 bits of before: less than 8 bytes, so at most
                    // 7; see `bytes`.
                    unsafe {
                        *next = next.sub(used as usize / 8);
                        *word = (u64::from_le(next.cast::<u64>().read_unaligned()) | 1) << (used % 8);
                    }
                }
            }
            self.to = places.map(|place| place as usize - out.as_ptr() as usize);
            from = next.map(|next| next as usize - data as usize);
        }
        for stream in 0..4 {
            self.at[stream] = 8 * (from[stream] + 8) - words[stream].trailing_zeros() as usize;
        }
    }
}
