//! Names of files: of any bytes, long ones in messages, and names that only a folder can have.

use crate::common::{assert_kind, records};
use crate::files::Place;
use fastpar::codec::{compress_file, decompress_file, Options};
use fastpar::ErrorKind;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

#[test]
fn names_are_bytes() {
    let data = records(10_000);
    let place = Place::new(&data);
    let name = |bytes: &[u8]| place.folder.path().join(std::ffi::OsStr::from_bytes(bytes));
    let (packed, back) = (name(b"\xff\xfe.zst"), name(b"b\x80ck"));
    compress_file(&place.input, &packed, &Options::default()).unwrap();
    decompress_file(&packed, &back, &Options::default()).unwrap();
    assert!(fs::read(&back).unwrap() == data);
}

/// Of a long path the message keeps the end, also in C.
#[test]
fn long_paths_in_messages() {
    let place = Place::new(b"text");
    let missing = place.folder.path().join("d".repeat(200)).join("ä".repeat(100)).join("the-end");
    for error in [
        compress_file(&missing, &place.output, &Options::default()).unwrap_err(),
        compress_file(&place.input, &missing, &Options::default()).unwrap_err(),
    ] {
        assert!(error.message().ends_with("/the-end") && error.message().len() < 240, "{error}");
        assert!(error.message().contains("No such file"), "{error}");
    }
}

/// A folder's name is not a file's.
#[test]
fn names_that_end_like_folders() {
    let place = Place::new(b"text");
    let folder = place.folder.path().display().to_string();
    for name in [".", "..", "new/", "input/", "", "/"] {
        let target = PathBuf::from(format!("{folder}/{name}"));
        assert_kind(compress_file(&place.input, &target, &Options::default()), ErrorKind::Io);
    }
    assert_eq!(place.names(), ["input"]);
}
