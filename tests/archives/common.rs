//! Data, options and programs for the tests.

use fastpar::codec::Options;
use fastpar::{Error, ErrorKind};
use std::path::Path;
use std::process::{Command, Stdio};

/// Numbers that look random, the same every time.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Bytes that compress about as well as text does.
pub(crate) fn text(len: usize, seed: u64) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "frame ",
        "window ",
        "level ",
        "the ",
        "of ",
        "dictionary ",
        "seek ",
        "table ",
        "a ",
        "chunk ",
        "lane ",
        "\n",
        "worker ",
        "0.25 ",
        "1024 ",
        "and ",
    ];
    let mut random = Random::new(seed);
    let mut text = Vec::with_capacity(len + 16);
    while text.len() < len {
        let number = random.next();
        text.extend_from_slice(WORDS[(number >> 60) as usize].as_bytes());
        if number % 7 == 0 {
            text.extend_from_slice(format!("{:x}", (number >> 20) as u32).as_bytes());
        }
    }
    text.truncate(len);
    text
}

/// Records that resemble each other, as they come in their thousands.
pub(crate) fn record(number: u64) -> Vec<u8> {
    let mut random = Random::new(number + 1);
    format!(
        "{{\"id\":{number},\"kind\":\"trade\",\"price\":{},\"volume\":{},\"venue\":\"{}\",\"flags\":[{}],\"note\":\"no comment from the exchange\"}}",
        random.below(100_000),
        random.below(1_000),
        ["XETR", "XLON", "XNYS", "XPAR"][random.below(4)],
        random.below(16),
    )
    .into_bytes()
}

/// A dictionary for such records, by its bytes.
pub(crate) fn trained(capacity: usize, first: u64) -> Vec<u8> {
    let records: Vec<_> = (first..first + 4000).map(record).collect();
    let sizes: Vec<_> = records.iter().map(Vec::len).collect();
    let mut dict = Vec::with_capacity(capacity);
    let size =
        fastpar::codec::train(&records.concat(), &sizes, &mut dict.spare_capacity_mut()[..capacity]).unwrap();
    // SAFETY: that many bytes are written.
    unsafe { dict.set_len(size) };
    dict
}

pub(crate) fn compress(data: &[u8], options: &Options<'_>) -> Vec<u8> {
    fastpar::codec::compress_to_vec(data, options).unwrap()
}

pub(crate) fn decompress(data: &[u8], options: &Options<'_>) -> Result<Vec<u8>, Error> {
    fastpar::codec::decompress_to_vec(data, options)
}

/// The kind of failure of something that must fail.
#[track_caller]
pub(crate) fn kind<T>(result: Result<T, Error>) -> ErrorKind {
    match result {
        Ok(_) => panic!("it did not fail"),
        Err(error) => error.kind(),
    }
}

/// Whether the program is there; says so if not.
pub(crate) fn has(test: &str, program: &str) -> bool {
    let found =
        Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        println!("SKIPPED: {test}: {program} is not installed");
    }
    found
}

/// Runs a program, which must succeed.
#[track_caller]
pub(crate) fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// `zstd` with these arguments, in `folder`.
pub(crate) fn zstd(folder: &Path, arguments: &[&str]) {
    run(Command::new("zstd").current_dir(folder).arg("-q").args(arguments));
}
