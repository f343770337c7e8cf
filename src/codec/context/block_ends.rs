//! Where blocks end. libzstd cuts blocks of up to 128 KiB at places where the data changes, if it is given
//! more than a block at a time; but then it cannot be left before the end. So the places are found here, by
//! libzstd's own method (zstd_preSplit.c of 1.5.7), and each block is given to libzstd by itself. The blocks
//! are those that libzstd would have cut.
#![forbid(unsafe_code)]

use crate::codec::format::frame::LARGEST_BLOCK;

/// The largest block.
const FULL: usize = LARGEST_BLOCK as usize;
/// Full blocks are looked at in chunks of so many bytes.
const CHUNK: usize = 8 << 10;
/// Bytes that are looked at, at either end and in the middle, where it has to be fast.
const SAMPLE: usize = 512;
/// Bytes of output that were saved, from which on blocks are cut: incompressible data is not.
const SAVED: i64 = 3;

/// How often each hash of two bytes, or each byte, occurs in some bytes.
#[derive(Clone)]
struct Histogram {
    counts: [u32; 1 << 10],
    /// How many of the counts are used.
    used: usize,
    total: u64,
}

impl Histogram {
    fn of_sample(bytes: &[u8]) -> Self {
        let mut counts = [0; 1 << 10];
        bytes.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
        Self { counts, used: 1 << 8, total: bytes.len() as u64 }
    }

    /// Of every `step`th position, hashed to `log` bits; 8 bits: the byte itself.
    fn of_chunk(bytes: &[u8], step: usize, log: u32) -> Self {
        let mut counts = [0; 1 << 10];
        for pair in bytes.windows(2).step_by(step) {
            let hash = if log == 8 {
                u32::from(pair[0])
            } else {
                u32::from(u16::from_le_bytes([pair[0], pair[1]])).wrapping_mul(0x9e37_79b9) >> (32 - log)
            };
            counts[hash as usize] += 1;
        }
        Self { counts, used: 1 << log, total: ((bytes.len() - 1) / step) as u64 }
    }

    fn distance(&self, other: &Self) -> u64 {
        let pairs = self.counts[..self.used].iter().zip(&other.counts[..self.used]);
        pairs.map(|(&a, &b)| (u64::from(a) * other.total).abs_diff(u64::from(b) * self.total)).sum()
    }

    fn differs(&self, other: &Self, penalty: u64) -> bool {
        self.distance(other) >= self.total * other.total * (14 + penalty) / 16
    }

    fn add(&mut self, other: &Self) {
        let pairs = self.counts[..self.used].iter_mut().zip(&other.counts[..self.used]);
        pairs.for_each(|(a, &b)| *a += b);
        self.total += other.total;
    }
}

/// The length of the next block of `src`, which is not empty. `largest`: the most bytes of a block; `saved`:
/// by how much the blocks before, of the same section, are smaller than their content.
pub(crate) fn next(src: &[u8], largest: usize, strategy: u32, saved: i64) -> usize {
    let Some(full) = src.get(..FULL).filter(|_| largest >= FULL) else { return src.len().min(largest) };
    if saved < SAVED {
        return FULL;
    }
    match strategy {
        0 | 1 => by_borders(full),
        2 => by_chunks(full, 43, 8),
        3 | 4 => by_chunks(full, 11, 9),
        5 | 6 => by_chunks(full, 5, 10),
        _ => by_chunks(full, 1, 10),
    }
}

/// Compares the ends of a full block, and then its middle with both.
fn by_borders(full: &[u8]) -> usize {
    let begin = Histogram::of_sample(&full[..SAMPLE]);
    let end = Histogram::of_sample(&full[FULL - SAMPLE..]);
    if !begin.differs(&end, 0) {
        return FULL;
    }
    let middle = Histogram::of_sample(&full[FULL / 2 - SAMPLE / 2..][..SAMPLE]);
    let (to_begin, to_end) = (begin.distance(&middle), end.distance(&middle));
    if to_begin.abs_diff(to_end) < (SAMPLE * SAMPLE / 3) as u64 {
        FULL / 2
    } else if to_begin > to_end {
        FULL / 4
    } else {
        FULL / 4 * 3
    }
}

/// Compares each chunk of a full block with those before it.
fn by_chunks(full: &[u8], step: usize, log: u32) -> usize {
    let mut before = Histogram::of_chunk(&full[..CHUNK], step, log);
    for (index, chunk) in full.chunks_exact(CHUNK).enumerate().skip(1) {
        let chunk = Histogram::of_chunk(chunk, step, log);
        if before.differs(&chunk, 4u64.saturating_sub(index as u64)) {
            return index * CHUNK;
        }
        before.add(&chunk);
    }
    FULL
}
