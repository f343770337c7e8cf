//! A process that is killed at any moment leaves a complete target, or the one that was there, or none.

use crate::common::{child, records};
use crate::files::Place;
use fastpar::codec::{compress_file, decompress_file, Options};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

const FOLDER: &str = "FASTPAR_TEST_KILLED_IN";

/// In the child: goes on until it is killed.
#[test]
fn works_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let path = |name: &str| Path::new(&folder).join(name);
    loop {
        compress_file(&path("input"), &path("input.zst"), &Options::default()).unwrap();
        decompress_file(&path("input.zst"), &path("back"), &Options::default()).unwrap();
        let options = Options { sparse: true, sync: true, ..Options::default() };
        decompress_file(&path("input.zst"), &path("back"), &options).unwrap();
        // What a rename can replace is not written where it stands.
        let options = Options { in_place: true, ..Options::default() };
        decompress_file(&path("input.zst"), &path("back"), &options).unwrap();
        let _ = fs::remove_file(path("fresh"));
        let options = Options { keep: true, ..Options::default() };
        decompress_file(&path("input.zst"), &path("fresh"), &options).unwrap();
    }
}

#[test]
fn killed_at_any_moment() {
    let data = records(20 << 20);
    let place = Place::new(&data);
    let (mut packed, mut unpacked) = (0, 0);
    for round in 0..20u64 {
        let mut child = child("kill::works_until_killed")
            .env(FOLDER, place.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(20 + round * 23));
        assert!(child.try_wait().unwrap().is_none(), "it goes on until it is killed");
        child.kill().unwrap();
        child.wait().unwrap();
        if let Ok(bytes) = fs::read(&place.output) {
            packed += 1;
            assert!(zstd::decode_all(&bytes[..]).unwrap() == data);
        }
        for back in [&place.back, &place.folder.path().join("fresh")] {
            if let Ok(bytes) = fs::read(back) {
                unpacked += 1;
                assert!(bytes == data);
            }
        }
        // What is left behind has a name of its own, and is in nobody's way.
        for name in place.names() {
            let known = ["input", "input.zst", "back", "fresh"].contains(&&name[..]);
            assert!(known || name.starts_with(".fastpar-") && name.ends_with(".tmp"), "{name}");
            if round % 7 == 0 && name != "input" {
                fs::remove_file(place.folder.path().join(name)).unwrap();
            }
        }
    }
    println!("of 20: {packed} compressed, {unpacked} decompressed");
}
