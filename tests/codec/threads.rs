//! The bytes do not depend on the number of threads, on what contexts did before, or on timing.

use crate::common::{noise, pack, records, run};
use fastpar::codec::Options;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::process::Command;

const CHILD: &str = "FASTPAR_TEST_PRINT_DIGESTS";

fn inputs() -> Vec<Vec<u8>> {
    vec![records(3 << 20), [noise(700_000), records(1 << 20), vec![1; 500_000]].concat(), records(100)]
}

fn digests() -> String {
    let mut out = String::new();
    for data in inputs() {
        for (level, frame_size) in
            [(1, 0), (3, 0), (3, 100_000), (6, 250_000), (9, 77_777), (13, 500_000), (-5, 64_000)]
        {
            let packed = pack(&data, &Options { level, frame_size, ..Options::default() });
            let mut hasher = DefaultHasher::new();
            packed.hash(&mut hasher);
            out += &format!("{level} {frame_size} {} {:016x}\n", packed.len(), hasher.finish());
        }
    }
    out
}

/// In the child it prints; in the parent it does nothing that `same_bytes_on_any_number_of_threads` does not.
#[test]
fn print_digests() {
    if std::env::var_os(CHILD).is_some() {
        // Contexts that have been used before must not make a difference.
        pack(&noise(300_000), &Options { level: 9, ..Options::default() });
        print!("BEGIN\n{}END\n", digests());
    }
}

#[test]
fn same_bytes_on_any_number_of_threads() {
    let expected = digests();
    assert_eq!(digests(), expected, "the second time");
    for threads in ["1", "2", "7", "24"] {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["threads::print_digests", "--exact", "--nocapture", "--test-threads=1"]);
        child.env(CHILD, "1").env("FASTPAR_THREADS", threads);
        let output = String::from_utf8(run(&mut child)).unwrap();
        let printed = output.split("BEGIN\n").nth(1).and_then(|rest| rest.split("END\n").next());
        assert_eq!(printed, Some(&expected[..]), "{threads} threads");
    }
}

/// The same, with as many lanes as fit and tight room, many times: lanes overtake each other in ever other
/// ways.
#[test]
fn same_bytes_however_lanes_race() {
    let data = records(2 << 20);
    let options = Options { frame_size: 10_000, level: 1, ..Options::default() };
    let expected = pack(&data, &options);
    for round in 0..60 {
        let room = expected.len() + round * 1000;
        let packed =
            crate::common::guarded(room, |dst| fastpar::codec::compress(&data, dst, &options)).unwrap();
        assert!(packed == expected, "round {round}");
    }
}
