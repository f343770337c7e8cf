//! Writes what the fuzzer begins with, into `FOLDER/TARGET/`: frames of all kinds, seek tables, and what is
//! made of them.

use fastpar::codec::{self, Dict, Options, Writer};
use std::mem::MaybeUninit;
use std::path::Path;

/// Text, the same on every run.
fn text(len: usize) -> Vec<u8> {
    (0..len).map(|i| b"a chunk of text, and "[i * i / 97 % 21] + (i / 500 % 5) as u8).collect()
}

/// Bytes that look random.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(step).collect()
}

/// Data in frames of many kinds.
fn packed() -> Vec<Vec<u8>> {
    let contents = [
        Vec::new(),
        vec![b'x'; 1],
        text(300),
        noise(200),
        vec![0; 100_000],
        [text(2000), noise(300)].concat(),
    ];
    let mut all = Vec::new();
    for content in &contents {
        for (level, frame_size, checksum) in [(1, 0, true), (19, 150, false), (-5, 1000, true)] {
            let options = Options { level, frame_size, checksum, ..Options::default() };
            if content.len() <= 5000 || frame_size != 150 {
                all.push(codec::compress_to_vec(content, &options).expect("compresses"));
            }
        }
        // Without its size.
        let options = Options { single_frame: true, ..Options::default() };
        let mut writer = Writer::new(Vec::new(), &options).expect("opens");
        for piece in content.chunks(1000) {
            writer.write(piece).expect("writes");
            writer.flush().expect("flushes");
        }
        writer.finish().expect("finishes");
        all.push(writer.into_inner());
    }
    // The same, and without a size in any frame, but with a seek table: of the truth, and of a lie.
    let frames = [text(700), noise(90)].map(|content| zstd::encode_all(&content[..], 1).expect("compresses"));
    for sizes in [[700u32, 90], [690, 100]] {
        let mut data = frames.concat();
        data.extend([0x5e, 0x2a, 0x4d, 0x18, 25, 0, 0, 0]);
        for (frame, size) in frames.iter().zip(sizes) {
            data.extend((frame.len() as u32).to_le_bytes());
            data.extend(size.to_le_bytes());
        }
        data.extend([2, 0, 0, 0, 0, 0xb1, 0xea, 0x92, 0x8f]);
        all.push(data);
    }
    let joined = [&all[4][..], &[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3], &all[8][..]].concat();
    all.push(joined);
    all
}

/// A dictionary, learned or raw, with frames that were made with it, some of them without naming it.
fn with_dictionaries() -> Vec<Vec<u8>> {
    let samples: Vec<Vec<u8>> = (0..100).map(|i| text(40 + i * 3)[i / 2..].to_vec()).collect();
    let sizes: Vec<usize> = samples.iter().map(Vec::len).collect();
    let mut place = vec![MaybeUninit::uninit(); 700];
    let written = codec::train(&samples.concat(), &sizes, &mut place).expect("learns");
    // SAFETY: so many bytes are initialised.
    let learned = unsafe { std::slice::from_raw_parts(place.as_ptr().cast::<u8>(), written) };
    let mut all = Vec::new();
    for (which, content) in [(1, learned), (2, learned), (2, &text(500)[..])] {
        let dict = Dict::new(content, 0).expect("prepares");
        for (level, frame_size) in [(1, 0), (19, 200)] {
            let options = Options { level, frame_size, dict: Some(&dict), ..Options::default() };
            let packed = codec::compress_to_vec(&text(900), &options).expect("compresses");
            let head = [which, (content.len() >> 8) as u8, content.len() as u8];
            all.push([&head[..], content, &packed].concat());
        }
    }
    // Samples: how many, how long, how often the text; the sizes follow, then the text.
    all.push([&[0, 0, 100, 0, 60, 3, 1, 2, 0][..], &noise(200), &text(700)].concat());
    all
}

/// Choices of options and sizes, then content in pieces, after every third of which a piece is repeated.
fn in_sections() -> Vec<Vec<u8>> {
    let content = [text(3000), noise(400), vec![7; 2000]].concat();
    let contents = content.chunks(150).enumerate().flat_map(|(number, piece)| {
        let again = if number % 3 == 2 { vec![9, 0, 40] } else { Vec::new() };
        [vec![150], piece.to_vec(), again].concat()
    });
    let contents: Vec<u8> = contents.collect();
    let heads = (0..12).map(|level| [level, level % 2, 0, 2, 0, 1]);
    heads.map(|head| [&head[..], &contents].concat()).collect()
}

fn save(folder: &Path, target: &str, seeds: impl IntoIterator<Item = Vec<u8>>) -> std::io::Result<()> {
    let folder = folder.join(target);
    std::fs::create_dir_all(&folder)?;
    for (number, seed) in seeds.into_iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{number}")), seed)?;
    }
    Ok(())
}

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).expect("the folder as the argument");
    let folder = Path::new(&folder);
    let packed = packed();
    let before =
        |head: Vec<u8>| packed.iter().map(move |data| [&head[..], data].concat()).collect::<Vec<_>>();
    save(folder, "decompress", packed.clone())?;
    save(folder, "sections", in_sections())?;
    save(folder, "blocks", before(vec![0]).into_iter().chain(before(vec![2])))?;
    // Without a made-up table, four places of 11 bytes; and the same with a table of no frames.
    save(folder, "archive", before([&[1][..], &[8; 44]].concat()))?;
    save(
        folder,
        "reader",
        before([&[0, 10][..], &[0, 1, 255, 7, 100, 0, 0, 3, 0, 90], &[0, 1, 100, 0]].concat()),
    )?;
    save(
        folder,
        "round_trip",
        [0, 1, 4, 8, 16, 32].map(|flags| [&[flags, 0, 20, 0, 30, 3][..], &text(600)].concat()),
    )?;
    save(
        folder,
        "options",
        (0..4).flat_map(|which| [vec![which; 1], [&[which, 0, 60][..], &noise(200)].concat()]),
    )?;
    save(folder, "dictionary", with_dictionaries())?;
    save(folder, "tables", (0..8).map(|part| noise(9000)[part * 1000..][..300 + part * 100].to_vec()))?;
    save(folder, "plan", (0..4).map(|which| [&[which, 20][..], &noise(40)].concat()))?;
    save(folder, "calls", (0..6).map(|part| noise(3000)[part * 500..][..300 + part * 30].to_vec()))
}
