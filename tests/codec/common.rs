//! Data, programs and buffers for the tests.

pub(crate) use crate::support::bytes::{noise, Random};
use fastpar::codec::{self, Options};
use fastpar::{Error, ErrorKind, Result};
use std::io::Write;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Something like a table of records with text: compresses about threefold.
pub(crate) fn records(len: usize) -> Vec<u8> {
    let words = ["bid", "ask", "limit", "market", "cancel", "fill", "partial", "EURUSD", "USDJPY", "XAU"];
    let mut random = Random(42);
    let mut out = Vec::with_capacity(len + 64);
    let mut time = 1_600_000_000_000u64;
    while out.len() < len {
        time += random.next() % 1000;
        let word = words[random.below(words.len())];
        let price = 10_000 + random.below(500);
        writeln!(out, "{time},{word},{price},{}", random.below(100)).unwrap();
        out.extend_from_slice(&(random.next() as u16).to_le_bytes());
    }
    out.truncate(len);
    out
}

/// Bytes that are initialised, as an output.
pub(crate) fn uninit(bytes: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    // SAFETY: the same layout, and the codec writes initialised bytes only.
    unsafe { &mut *(std::ptr::from_mut(bytes) as *mut [MaybeUninit<u8>]) }
}

const GUARD: usize = 64;
const GUARD_BYTE: u8 = 0xa5;

/// Runs `call` with a destination of `capacity` bytes between guard bytes, which must be untouched
/// afterwards; what it says to have written.
pub(crate) fn guarded(
    capacity: usize,
    call: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<usize>,
) -> Result<Vec<u8>> {
    let mut all = vec![GUARD_BYTE; capacity + 2 * GUARD];
    let result = call(uninit(&mut all[GUARD..GUARD + capacity]));
    assert!(all[..GUARD].iter().all(|&byte| byte == GUARD_BYTE), "bytes before dst are overwritten");
    assert!(
        all[GUARD + capacity..].iter().all(|&byte| byte == GUARD_BYTE),
        "bytes after dst are overwritten"
    );
    result.map(|written| all[GUARD..GUARD + written].to_vec())
}

pub(crate) fn pack(src: &[u8], options: &Options<'_>) -> Vec<u8> {
    let bound = codec::compress_bound(src.len(), options).unwrap();
    guarded(bound, |dst| codec::compress(src, dst, options)).unwrap()
}

/// Decompresses into a destination of exactly `room` bytes.
pub(crate) fn unpack_into(src: &[u8], room: usize) -> Result<Vec<u8>> {
    guarded(room, |dst| codec::decompress(src, dst, &Options::default()))
}

/// Asserts that `data` decompresses to `expected`, in a room of exactly its size.
pub(crate) fn assert_unpacks(data: &[u8], expected: &[u8]) {
    assert!(unpack_into(data, expected.len()).unwrap() == expected, "other bytes came out");
}

pub(crate) fn assert_kind<T>(result: Result<T>, kind: ErrorKind) -> Error {
    match result {
        Ok(_) => panic!("succeeded, expected {kind:?}"),
        Err(error) => {
            assert_eq!(error.kind(), kind, "{error}");
            error
        }
    }
}

/// What libzstd itself makes of `src` in one frame.
pub(crate) fn reference(src: &[u8], level: i32, checksum: bool) -> Vec<u8> {
    let mut context = zstd::zstd_safe::CCtx::create();
    context.set_parameter(zstd::zstd_safe::CParameter::CompressionLevel(level)).unwrap();
    context.set_parameter(zstd::zstd_safe::CParameter::ChecksumFlag(checksum)).unwrap();
    let mut out = Vec::with_capacity(zstd::zstd_safe::compress_bound(src.len()));
    context.compress2(&mut out, src).unwrap();
    out
}

/// The same, of a size that the frame does not tell.
pub(crate) fn reference_unsized(src: &[u8], level: i32) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), level).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(src).unwrap();
    encoder.finish().unwrap()
}

/// A skippable frame.
pub(crate) fn skippable(payload: &[u8]) -> Vec<u8> {
    let mut out = 0x184d_2a53_u32.to_le_bytes().to_vec();
    out.extend((payload.len() as u32).to_le_bytes());
    out.extend(payload);
    out
}

/// A frame header (`descriptor` and what follows it) and blocks, after the magic number.
pub(crate) fn frame_of(header: &[u8], blocks: &[&[u8]]) -> Vec<u8> {
    let mut out = 0xfd2f_b528_u32.to_le_bytes().to_vec();
    out.extend(header);
    blocks.iter().for_each(|block| out.extend(*block));
    out
}

/// A block: its header, then `content`.
pub(crate) fn block(last: bool, kind: u32, size: u32, content: &[u8]) -> Vec<u8> {
    let header = u32::from(last) | kind << 1 | size << 3;
    let mut out = header.to_le_bytes()[..3].to_vec();
    out.extend(content);
    out
}

/// The command of a program, if it is installed; else says that `test` is skipped. On a CI machine it must be
/// there.
pub(crate) fn program(test: &str, name: &str) -> Option<Command> {
    let found = Command::new(name).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if found {
        return Some(Command::new(name));
    }
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{name} is not installed");
    println!("SKIPPED: {test}: {name} is not installed");
    None
}

/// Runs a command to its end; it must succeed.
pub(crate) fn run(command: &mut Command) -> Vec<u8> {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A folder that is removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("fastpar-codec-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
