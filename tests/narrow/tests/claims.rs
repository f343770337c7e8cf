//! Each chunk is claimed once, whatever the range.
use fastpar_narrow::claim_all;

#[test]
fn every_chunk_once() {
    // Miri takes a thousand times as long.
    let many = if cfg!(miri) { 300 } else { 100_000 };
    for (begin, len, threads) in
        [(0, 0, 3), (0, 1, 3), (7, 63, 4), (0, many, 4), (usize::MAX / 2, many / 2, 3)]
    {
        for singly in [false, true] {
            let mut batches = claim_all(begin..begin + len, threads, singly);
            batches.sort_by_key(|batch| batch.start);
            let mut next = begin;
            for batch in batches {
                assert_eq!(batch.start, next);
                next = batch.end;
            }
            assert_eq!(next, begin + len);
        }
    }
}
