//! Streams and files that become a single frame, in sections.

use crate::common::{assert_unpacks, noise, pack, pack_in, records};
use fastpar::codec::{compress_file, compress_to_vec, Dict, Frame, Frames, Options, Writer};
use std::fs;
use std::io::Read;

fn content() -> Vec<u8> {
    [records(5 << 20), noise(1 << 20), records(3 << 20)].concat()
}

fn frame(packed: &[u8]) -> Frame {
    let frame = Frames::new(packed).next().unwrap().unwrap();
    assert_eq!(frame.len, packed.len(), "the only one");
    frame
}

/// A writer makes the same blocks, and does not know the size; a file does.
#[test]
fn the_same_as_in_memory() {
    let content = content();
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("input"), folder.path().join("output"));
    for (level, max_lanes) in [(1, 0), (3, 1), (3, 3), (6, 0)] {
        let options = Options { level, max_lanes, single_frame: true, ..Options::default() };
        let memory = compress_to_vec(&content, &options).unwrap();
        let stream = pack(&content, &options);
        let (known, unknown) = (frame(&memory), frame(&stream));
        assert_eq!((known.content_size, unknown.content_size), (Some(content.len() as u64), None));
        assert!(memory[known.header_len..] == stream[unknown.header_len..]);
        for cut in [999_983, 4 << 20, (4 << 20) + 1] {
            assert!(pack_in(&content, &options, cut) == stream, "in writes of {cut}");
        }
        fs::write(&input, &content).unwrap();
        assert_eq!(compress_file(&input, &output, &options).unwrap().frames, 1);
        assert!(fs::read(&output).unwrap() == memory, "level {level}, {max_lanes} lanes");
    }
}

/// Files of no bytes, of one section, and around the end of one.
#[test]
fn files_of_few_sections() {
    let content = content();
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("input"), folder.path().join("output"));
    let options = Options { level: 1, single_frame: true, ..Options::default() };
    for len in [0, 1, 1000, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, 8 << 20, (8 << 20) + 3] {
        let content = &content[..len];
        fs::write(&input, content).unwrap();
        let stats = compress_file(&input, &output, &options).unwrap();
        let packed = fs::read(&output).unwrap();
        assert_eq!((stats.frames, stats.bytes_in, stats.bytes_out), (1, len as u64, packed.len() as u64));
        assert!(packed == compress_to_vec(content, &options).unwrap(), "{len} bytes");
        assert_unpacks(&packed, content);
        let stream = pack(content, &options);
        assert_eq!(frame(&stream).content_size, (len == 0).then_some(0));
        assert_unpacks(&stream, content);
    }
}

/// What was written before a flush can be decoded after it; short sections find matches in what is before.
#[test]
fn flushing_ends_a_section() {
    let content = [records(300_000).repeat(20), noise(1000)].concat();
    for (level, step) in [(1, 700_001), (3, 1_000_000), (3, 123_457), (13, 2_000_000)] {
        let options = Options { level, single_frame: true, ..Options::default() };
        let mut writer = Writer::new(Vec::new(), &options).unwrap();
        for part in content.chunks(step) {
            writer.write(part).unwrap();
            writer.flush().unwrap();
            let mut out = vec![0; writer.consumed() as usize];
            zstd::Decoder::new(&writer.get_ref()[..]).unwrap().read_exact(&mut out).unwrap();
            assert!(content.starts_with(&out) && out.len() % step == 0 || out.len() == content.len());
        }
        writer.finish().unwrap();
        let packed = writer.into_inner();
        frame(&packed);
        assert_unpacks(&packed, &content);
        let whole = pack(&content, &options).len();
        assert!(packed.len() < whole + whole / 4 + 300_000, "{} for {whole}", packed.len());
    }
}

#[test]
fn with_a_dictionary() {
    let content = content();
    let dict = Dict::new(&content[..30_000], 0).unwrap();
    let options = Options { single_frame: true, dict: Some(&dict), ..Options::default() };
    let packed = pack(&content, &options);
    let mut decoder = zstd::Decoder::with_dictionary(&packed[..], &content[..30_000]).unwrap();
    let mut back = Vec::new();
    decoder.read_to_end(&mut back).unwrap();
    assert!(back == content);
}

/// Memory is kept, and changes no byte.
#[test]
fn memory_is_bounded() {
    let content = records(40 << 20);
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("input"), folder.path().join("output"));
    fs::write(&input, &content).unwrap();
    let mut results = Vec::new();
    for max_memory in [0, 30 << 20, 12 << 20] {
        let options = Options { level: 1, max_memory, single_frame: true, ..Options::default() };
        let limit = if max_memory == 0 { 256_000_000 } else { max_memory };
        let stats = compress_file(&input, &output, &options).unwrap();
        assert!(stats.peak_memory <= limit, "{} of {limit}", stats.peak_memory);
        results.push(fs::read(&output).unwrap());
        if max_memory != 12 << 20 {
            let mut writer = Writer::new(Vec::new(), &options).unwrap();
            writer.write(&content).unwrap();
            writer.finish().unwrap();
            assert!(writer.peak_memory() <= limit, "{} of {limit}", writer.peak_memory());
        }
    }
    assert!(results[0] == results[1] && results[1] == results[2]);
}
