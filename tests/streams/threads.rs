//! The bytes do not depend on the number of threads.

use crate::common::{child, noise, pack_in, records, run};
use fastpar::codec::{compress_file, Options};
use std::hash::{DefaultHasher, Hash, Hasher};

const CHILD: &str = "FASTPAR_TEST_PRINT_DIGESTS";

fn digests() -> String {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    let mut out = String::new();
    let digest = |bytes: &[u8]| {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        format!("{} {:016x}\n", bytes.len(), hasher.finish())
    };
    for data in [records(9 << 20), [noise(700_000), records(1 << 20)].concat()] {
        std::fs::write(&input, &data).unwrap();
        for (level, frame_size, single_frame) in
            [(1, 0, false), (3, 0, false), (3, 100_000, false), (6, 250_000, false), (4, 0, true)]
        {
            let options = Options { level, frame_size, single_frame, ..Options::default() };
            out += &digest(&pack_in(&data, &options, 333_333));
            compress_file(&input, &output, &options).unwrap();
            out += &digest(&std::fs::read(&output).unwrap());
        }
    }
    out
}

/// In the child it prints.
#[test]
fn print_digests() {
    if std::env::var_os(CHILD).is_some() {
        print!("BEGIN\n{}END\n", digests());
    }
}

#[test]
fn same_bytes_on_any_number_of_threads() {
    let expected = digests();
    assert_eq!(digests(), expected, "the second time");
    for threads in ["1", "2", "7", "24"] {
        let mut child = child("threads::print_digests");
        let output = String::from_utf8(run(child.env(CHILD, "1").env("FASTPAR_THREADS", threads))).unwrap();
        let printed = output.split("BEGIN\n").nth(1).and_then(|rest| rest.split("END\n").next());
        assert_eq!(printed, Some(&expected[..]), "{threads} threads");
    }
}
