//! XXH64, of which zstd's checksum is the lower half.
#![forbid(unsafe_code)]

const PRIME_1: u64 = 0x9e37_79b1_85eb_ca87;
const PRIME_2: u64 = 0xc2b2_ae3d_27d4_eb4f;
const PRIME_3: u64 = 0x1656_67b1_9e37_79f9;
const PRIME_4: u64 = 0x85eb_ca77_c2b2_ae63;
const PRIME_5: u64 = 0x27d4_eb2f_1656_67c5;
const STRIPE: usize = 32;

/// A hash that grows with its data.
#[derive(Clone, Debug)]
pub(crate) struct Xxh64 {
    lanes: [u64; 4],
    total: u64,
    /// The beginning of a stripe that is not whole yet.
    rest: [u8; STRIPE],
}

fn round(lane: u64, input: u64) -> u64 {
    lane.wrapping_add(input.wrapping_mul(PRIME_2)).rotate_left(31).wrapping_mul(PRIME_1)
}

fn merge(hash: u64, lane: u64) -> u64 {
    (hash ^ round(0, lane)).wrapping_mul(PRIME_1).wrapping_add(PRIME_4)
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

impl Xxh64 {
    /// The hash of nothing, with seed 0.
    pub(crate) fn new() -> Self {
        let lanes = [PRIME_1.wrapping_add(PRIME_2), PRIME_2, 0, 0u64.wrapping_sub(PRIME_1)];
        Self { lanes, total: 0, rest: [0; STRIPE] }
    }

    /// Adds some data.
    pub(crate) fn update(&mut self, mut data: &[u8]) {
        let held = self.total as usize % STRIPE;
        self.total = self.total.wrapping_add(data.len() as u64);
        if held > 0 {
            let (more, behind) = data.split_at(data.len().min(STRIPE - held));
            self.rest[held..held + more.len()].copy_from_slice(more);
            if held + more.len() < STRIPE {
                return;
            }
            data = behind;
            let stripe = self.rest;
            self.stripes(&stripe);
        }
        let (whole, behind) = data.split_at(data.len() / STRIPE * STRIPE);
        self.stripes(whole);
        self.rest[..behind.len()].copy_from_slice(behind);
    }

    fn stripes(&mut self, data: &[u8]) {
        let [mut a, mut b, mut c, mut d] = self.lanes;
        for stripe in data.chunks_exact(STRIPE) {
            // Constant ranges of a stripe: nothing is checked, nor can it fail.
            let word =
                |at: usize| stripe[at..].first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
            a = round(a, word(0));
            b = round(b, word(8));
            c = round(c, word(16));
            d = round(d, word(24));
        }
        self.lanes = [a, b, c, d];
    }

    /// What zstd calls the checksum of `data`.
    pub(crate) fn checksum(data: &[u8]) -> u32 {
        let mut hash = Self::new();
        hash.update(data);
        hash.finish() as u32 // the lower half
    }

    /// The hash of all data so far.
    pub(crate) fn finish(&self) -> u64 {
        let mut hash = PRIME_5;
        if self.total >= STRIPE as u64 {
            let [a, b, c, d] = self.lanes;
            hash = a.rotate_left(1).wrapping_add(b.rotate_left(7));
            hash = hash.wrapping_add(c.rotate_left(12)).wrapping_add(d.rotate_left(18));
            hash = self.lanes.into_iter().fold(hash, merge);
        }
        hash = hash.wrapping_add(self.total);
        let mut rest = &self.rest[..self.total as usize % STRIPE];
        while let Some((eight, behind)) = rest.split_first_chunk::<8>() {
            hash = (hash ^ round(0, word(eight))).rotate_left(27).wrapping_mul(PRIME_1).wrapping_add(PRIME_4);
            rest = behind;
        }
        if let Some((four, behind)) = rest.split_first_chunk::<4>() {
            hash = (hash ^ word(four).wrapping_mul(PRIME_1)).rotate_left(23);
            hash = hash.wrapping_mul(PRIME_2).wrapping_add(PRIME_3);
            rest = behind;
        }
        for &byte in rest {
            hash = (hash ^ u64::from(byte).wrapping_mul(PRIME_5)).rotate_left(11).wrapping_mul(PRIME_1);
        }
        hash ^= hash >> 33;
        hash = hash.wrapping_mul(PRIME_2);
        hash ^= hash >> 29;
        hash = hash.wrapping_mul(PRIME_3);
        hash ^ hash >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_reference() {
        let hash = |data: &[u8]| {
            let mut hash = Xxh64::new();
            hash.update(data);
            hash.finish()
        };
        assert_eq!(hash(b""), 0xef46_db37_51d8_e999);
        assert_eq!(hash(b"abc"), 0x44bc_2cf5_ad77_0999);
    }

    #[test]
    fn pieces_do_not_matter() {
        let data: Vec<u8> = (0..1000u32).map(|i| ((i * i) >> 3) as u8).collect();
        let mut whole = Xxh64::new();
        whole.update(&data);
        for step in [1, 3, 31, 32, 33, 100] {
            let mut hash = Xxh64::new();
            data.chunks(step).for_each(|piece| hash.update(piece));
            assert_eq!(hash.finish(), whole.finish(), "{step}");
        }
    }
}
