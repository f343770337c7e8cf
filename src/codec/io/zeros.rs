//! Data cut where it is zero, for files with holes.
#![forbid(unsafe_code)]

/// Bytes that a hole is made of: what file systems allocate at the least.
const BLOCK: usize = 4096;

/// The beginning of some data: either zeros that may become a hole, or bytes to be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Run {
    Hole(usize),
    Data(usize),
}

/// The first run of `data`, which is not empty and comes at `position` of the file. Holes are whole blocks of
/// the file.
pub(crate) fn first_run(data: &[u8], position: u64) -> Run {
    // Up to the next whole block there is no hole.
    let aligned = (position.next_multiple_of(BLOCK as u64) - position) as usize;
    if aligned >= data.len() {
        return Run::Data(data.len());
    }
    let mut blocks = data[aligned..].chunks_exact(BLOCK);
    let count = |blocks: &mut dyn Iterator<Item = &[u8]>, zero| {
        blocks.take_while(|block| is_zero(block) == zero).count() * BLOCK
    };
    if aligned == 0 {
        match count(&mut blocks.clone(), true) {
            0 => {}
            hole => return Run::Hole(hole),
        }
    }
    let len = aligned + count(&mut blocks, false);
    Run::Data(if data.len() - len < BLOCK { data.len() } else { len })
}

/// By comparing the bytes with themselves one further: that is one `memcmp`.
fn is_zero(block: &[u8]) -> bool {
    block.first().is_none_or(|&first| first == 0) && block[..block.len() - 1] == block[1..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(data: &[u8], position: u64) -> Vec<Run> {
        let (mut at, mut runs) = (0, Vec::new());
        while at < data.len() {
            let run = first_run(&data[at..], position + at as u64);
            let (Run::Hole(len) | Run::Data(len)) = run;
            assert!(len > 0 && at + len <= data.len());
            at += len;
            runs.push(run);
        }
        runs
    }

    #[test]
    fn holes_are_whole_blocks_of_the_file() {
        let mut data = vec![0; 5 * BLOCK + 10];
        assert_eq!(runs(&data, 0), [Run::Hole(5 * BLOCK), Run::Data(10)]);
        assert_eq!(runs(&data, 1), [Run::Data(BLOCK - 1), Run::Hole(4 * BLOCK), Run::Data(11)]);
        data[2 * BLOCK + 7] = 1;
        let expected = [Run::Hole(2 * BLOCK), Run::Data(BLOCK), Run::Hole(2 * BLOCK), Run::Data(10)];
        assert_eq!(runs(&data, 8 * BLOCK as u64), expected);
        assert_eq!(runs(&[0; 100], 0), [Run::Data(100)]);
        assert_eq!(runs(&[0; 2 * BLOCK - 1], 1), [Run::Data(BLOCK - 1), Run::Hole(BLOCK)]);
        data.fill(3);
        assert_eq!(runs(&data, 0), [Run::Data(data.len())]);
    }
}
