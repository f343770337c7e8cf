//! Data, programs and streams for the tests.

pub(crate) use crate::support::bytes::{noise, Random};
use fastpar::codec::{Options, Reader, Writer};
use fastpar::{Error, ErrorKind, Result};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

/// Records of 48 bytes, like trades: compress about threefold.
pub(crate) fn records(len: usize) -> Vec<u8> {
    let mut random = Random(42);
    let mut out = Vec::with_capacity(len + 48);
    let (mut time, mut price) = (1_600_000_000_000u64, 10_000u64);
    while out.len() < len {
        time += random.next() % 1000;
        price = price.wrapping_add(random.next() % 7).wrapping_sub(3);
        let fields = [time, price, random.next() % 100, random.next() % 3, 0, time / 86_400_000];
        out.extend(fields.into_iter().flat_map(u64::to_le_bytes));
    }
    out.truncate(len);
    out
}

/// Everything through a writer, in one call.
pub(crate) fn pack(data: &[u8], options: &Options<'_>) -> Vec<u8> {
    pack_in(data, options, data.len().max(1))
}

/// The same in calls of `step` bytes.
pub(crate) fn pack_in(data: &[u8], options: &Options<'_>, step: usize) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    for part in data.chunks(step) {
        writer.write(part).unwrap();
    }
    writer.finish().unwrap();
    writer.into_inner()
}

/// What a reader makes of `data`: what it gave out, and how that ended.
pub(crate) fn unpack(data: &[u8], options: &Options<'_>) -> (Vec<u8>, Result<()>) {
    unpack_from(data, options, 100_000)
}

/// The same from any source, in calls of `step` bytes.
pub(crate) fn unpack_from(source: impl Read, options: &Options<'_>, step: usize) -> (Vec<u8>, Result<()>) {
    let mut reader = match Reader::new(source, options) {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), Err(error)),
    };
    let mut out = Vec::new();
    let mut buffer = vec![0; step];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return (out, Ok(())),
            Ok(len) => out.extend_from_slice(&buffer[..len]),
            Err(error) => {
                assert_eq!(reader.read(&mut buffer), Err(error.clone()), "the second time");
                return (out, Err(error));
            }
        }
    }
}

pub(crate) fn assert_unpacks(data: &[u8], expected: &[u8]) {
    let (out, end) = unpack(data, &Options::default());
    assert_eq!(end, Ok(()));
    assert!(out == expected, "other bytes came out");
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

/// A source that gives at most so many bytes at a time, in turn.
pub(crate) struct Dribble<'d> {
    pub(crate) data: &'d [u8],
    pub(crate) steps: Vec<usize>,
    pub(crate) turn: usize,
}

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let step = self.steps[self.turn % self.steps.len()].max(1);
        self.turn += 1;
        let len = step.min(buffer.len()).min(self.data.len());
        let (now, rest) = self.data.split_at(len);
        buffer[..len].copy_from_slice(now);
        self.data = rest;
        Ok(len)
    }
}

/// One frame that does not tell its size, as programs write that do not know it.
pub(crate) fn unsized_frame(data: &[u8], level: i32) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), level).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// One frame that tells its size.
pub(crate) fn sized_frame(data: &[u8], level: i32) -> Vec<u8> {
    zstd::bulk::compress(data, level).unwrap()
}

/// A skippable frame.
pub(crate) fn skippable(len: usize) -> Vec<u8> {
    let mut out = 0x184d_2a53_u32.to_le_bytes().to_vec();
    out.extend((len as u32).to_le_bytes());
    out.resize(8 + len, 7);
    out
}

/// The command of a program, if it is installed; else says that `test` is skipped. On a CI machine it must be
/// there.
pub(crate) fn program(test: &str, name: &str) -> Option<Command> {
    let found = Command::new(name).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if found {
        return Some(Command::new(name));
    }
    skip(test, &format!("{name} is not installed"));
    None
}

/// Says that a test cannot run here.
pub(crate) fn skip(test: &str, reason: &str) {
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{reason}");
    println!("SKIPPED: {test}: {reason}");
}

/// Runs a command to its end; it must succeed.
pub(crate) fn run(command: &mut Command) -> Vec<u8> {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A command that runs one test of this program in a process of its own.
pub(crate) fn child(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
    command
}
