//! Made-up trees and streams: what is decoded is what was encoded, by single symbols and by groups, and
//! damage is no more than an error.
#![forbid(unsafe_code)]

use super::bits::BEFORE;
use super::huffman::HuffmanTable;
use proptest::prelude::*;

/// A tree as the format describes it, with four bits for each weight, and what encodes by it.
struct Tree {
    description: Vec<u8>,
    /// Of each symbol its code, highest bit first, and how many bits that is.
    codes: Vec<(u32, u32)>,
}

impl Tree {
    /// A tree with a leaf for each symbol; `splits` tell which leaf becomes two.
    fn new(splits: &[u8]) -> Self {
        let mut depths = vec![1u32, 1];
        for &split in splits {
            let leaf = usize::from(split) % depths.len();
            if depths[leaf] < 11 && depths.len() < 129 {
                depths[leaf] += 1;
                depths.push(depths[leaf]);
            }
        }
        let log = *depths.iter().max().unwrap();
        let weights: Vec<u32> = depths.iter().map(|depth| log + 1 - depth).collect();
        let told = &weights[..weights.len() - 1];
        let mut description = vec![127 + told.len() as u8];
        description.extend(told.chunks(2).map(|pair| (pair[0] << 4 | pair.get(1).unwrap_or(&0)) as u8));
        let mut codes = vec![(0, 0); depths.len()];
        let mut next = 0;
        for weight in 1..=log {
            for symbol in (0..depths.len()).filter(|&symbol| weights[symbol] == weight) {
                codes[symbol] = (next >> (weight - 1), depths[symbol]);
                next += 1 << (weight - 1);
            }
        }
        assert_eq!(next, 1 << log);
        Self { description, codes }
    }

    /// A stream: the bits of the last symbol first, then a marker.
    fn stream(&self, symbols: &[u8]) -> Vec<u8> {
        let (mut bytes, mut word, mut bits) = (Vec::new(), 0u64, 0);
        let marker = [(1, 1)];
        let codes = symbols.iter().rev().map(|&symbol| self.codes[usize::from(symbol)]);
        for (code, len) in codes.chain(marker) {
            word |= u64::from(code) << bits;
            bits += len;
            while bits >= 8 {
                bytes.push(word as u8);
                word >>= 8;
                bits -= 8;
            }
        }
        if bits > 0 {
            bytes.push(word as u8);
        }
        bytes
    }

    /// A section: the description and four streams, behind as many bytes as precede any.
    fn section(&self, symbols: &[u8]) -> Vec<u8> {
        let mut section = vec![0xee; BEFORE];
        section.extend(&self.description);
        let streams: Vec<_> =
            symbols.chunks(symbols.len().div_ceil(4)).map(|part| self.stream(part)).collect();
        for stream in &streams[..3] {
            section.extend((stream.len() as u16).to_le_bytes());
        }
        section.extend(streams.concat());
        section
    }
}

/// Decodes a section into a buffer with a pattern in it.
fn decoded(section: &[u8], count: usize, groups: bool) -> Option<Vec<u8>> {
    let mut table = HuffmanTable::EMPTY;
    let len = table.prepare(section, BEFORE, section.len()).ok()?;
    if groups {
        assert!(table.with_groups(0, 5000));
    }
    let mut out = vec![0x5a; count];
    table.four_streams(section, BEFORE + len, section.len(), &mut out).ok()?;
    Some(out)
}

fn symbols(tree: &Tree, seeds: &[u8]) -> Vec<u8> {
    seeds.iter().map(|&seed| (usize::from(seed) % tree.codes.len()) as u8).collect()
}

proptest! {
    #[test]
    fn what_was_encoded_is_decoded(
        splits in prop::collection::vec(any::<u8>(), 0..300),
        seeds in prop::collection::vec(any::<u8>(), 16..4000),
        skewed in any::<bool>(),
    ) {
        let splits = if skewed { splits.iter().map(|split| split % 3).collect() } else { splits };
        let tree = Tree::new(&splits);
        let symbols = symbols(&tree, &seeds);
        let section = tree.section(&symbols);
        for groups in [false, true] {
            prop_assert!(decoded(&section, symbols.len(), groups).as_deref() == Some(&symbols[..]), "{groups}");
            prop_assert!(decoded(&section, symbols.len() - 1, groups).is_none());
            prop_assert!(decoded(&section, symbols.len() + 1, groups).is_none());
        }
    }

    #[test]
    fn groups_change_no_verdict(
        splits in prop::collection::vec(any::<u8>(), 0..300),
        seeds in prop::collection::vec(any::<u8>(), 16..2000),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in 0..3usize,
    ) {
        let tree = Tree::new(&splits);
        let symbols = symbols(&tree, &seeds);
        let mut section = tree.section(&symbols);
        let streams_at = BEFORE + tree.description.len();
        for (place, byte) in damage {
            let at = streams_at + place.index(section.len() - streams_at);
            section[at] = byte;
        }
        section.truncate(section.len() - cut);
        prop_assert_eq!(decoded(&section, symbols.len(), true), decoded(&section, symbols.len(), false));
    }
}

/// Groups are made for many literals that compress well, and stay until the tree is another.
#[test]
fn groups_are_made_where_they_pay() {
    let trees = [Tree::new(&[0, 1, 2, 3]), Tree::new(&[0, 0, 0])];
    let sections = trees.map(|tree| tree.section(&[0, 1, 2, 3].repeat(9)));
    let mut table = HuffmanTable::EMPTY;
    table.prepare(&sections[0], BEFORE, sections[0].len()).unwrap();
    assert!(!table.with_groups(500, 1000), "few");
    assert!(!table.with_groups(95_000, 100_000), "hardly compressed");
    assert!(table.with_groups(50_000, 100_000));
    assert!(table.with_groups(500, 1000), "they are there");
    table.prepare(&sections[0], BEFORE, sections[0].len()).unwrap();
    assert!(table.with_groups(500, 1000), "the same tree");
    let moved = [&[0xee; 4], &sections[1][..]].concat();
    table.prepare(&moved, BEFORE + 4, moved.len()).unwrap();
    assert!(!table.with_groups(500, 1000), "another tree");
}
