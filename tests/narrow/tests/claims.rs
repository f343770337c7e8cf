//! Each chunk is claimed once, whatever the range.
use fastpar_narrow::claim_all;

#[test]
fn every_chunk_once() {
    for (begin, len, threads) in
        [(0, 0, 3), (0, 1, 3), (7, 63, 4), (0, 100_000, 4), (usize::MAX / 2, 50_000, 3)]
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
