//! Dictionaries and samples that nobody vouches for: learning from any samples, preparing any bytes, and
//! decoding with them what libzstd decodes with them, to the same bytes. The two differences that are meant
//! are those of the target `decompress`.
#![no_main]

use fastpar::codec::{self, Dict, Options, Reader};
use fastpar::ErrorKind;
use fastpar_fuzz::{decode, start_pool, Choices, ROOM};
use std::io::Read;
use std::mem::MaybeUninit;
use zstd::zstd_safe::{DCtx, DDict};

/// Of a dictionary that is more than raw content.
const MAGIC: [u8; 4] = [0x37, 0xa4, 0x30, 0xec];

/// Learns from samples of chosen sizes; what comes out prepares, and brings back what it compresses.
fn learn(choices: &mut Choices<'_>) {
    let count = choices.below(200);
    let most = 1 + choices.below(400);
    let times = 1 + usize::from(choices.byte() % 8);
    let wrong = choices.byte() % 16 == 0;
    let capacity = choices.below(4000);
    let mut sizes: Vec<usize> = (0..count).map(|_| choices.below(most + 1)).collect();
    // Alike, as far as the input goes; each time round a little different.
    let text = choices.0;
    let total: usize = sizes.iter().sum();
    let samples: Vec<u8> = (0..total.min(text.len() * times * 64))
        .map(|i| text[i % text.len()] ^ (i / text.len() % times == 1) as u8)
        .collect();
    if wrong || samples.len() < total {
        sizes.push(choices.magnitude() as usize);
    }
    let mut place = vec![MaybeUninit::uninit(); capacity];
    let written = match codec::train(&samples, &sizes, &mut place) {
        Ok(written) => written,
        Err(error) => {
            let kinds = [ErrorKind::InvalidArgument, ErrorKind::BufferTooSmall];
            assert!(kinds.contains(&error.kind()), "{error:?}");
            return;
        }
    };
    assert!(written <= capacity && sizes.iter().sum::<usize>() == samples.len());
    // SAFETY: `written` bytes are initialised.
    let bytes = unsafe { std::slice::from_raw_parts(place.as_ptr().cast::<u8>(), written) };
    let dict = Dict::new(bytes, 0).expect("what was learned prepares");
    there_and_back(&samples[..samples.len().min(2000)], bytes, &dict, choices);
}

fn there_and_back(text: &[u8], dict_bytes: &[u8], dict: &Dict, choices: &mut Choices<'_>) {
    let level = i32::from(choices.byte() % 12) - 3;
    let options = Options { level, frame_size: 500, dict: Some(dict), ..Options::default() };
    let packed = codec::compress_to_vec(text, &options).expect("compresses");
    assert!(decode(&packed, &options, text.len()).as_deref() == Ok(text), "other bytes");
    // Damaged ones of these have more of a frame than what the fuzzer makes up.
    let single = Options { frame_size: 0, single_frame: true, checksum: false, ..options };
    let mut damaged = codec::compress_to_vec(text, &single).expect("compresses");
    if choices.byte() % 2 == 0 {
        let at = choices.below(damaged.len());
        damaged[at] ^= choices.byte();
    }
    in_blocks(&damaged, dict_bytes, dict);
}

/// Whether libzstd's streaming function takes it.
fn streams(data: &[u8], dict: &[u8]) -> bool {
    let decoder = zstd::stream::read::Decoder::with_dictionary(data, dict);
    decoder.is_ok_and(|decoder| decoder.take(2 * ROOM as u64).read_to_end(&mut Vec::new()).is_ok())
}

/// What the block decoder takes of a frame, libzstd takes with the same dictionary, to the same bytes.
fn in_blocks(data: &[u8], bytes: &[u8], dict: &Dict) {
    let mut place = vec![0xa5; ROOM + 64];
    // SAFETY: the same layout; fastpar writes initialised bytes only.
    let dst = unsafe { &mut *(std::ptr::from_mut(&mut place[..ROOM]) as *mut [MaybeUninit<u8>]) };
    let written = codec::decode_blocks(data, dst, Some(dict));
    assert!(place[ROOM..].iter().all(|&byte| byte == 0xa5), "written past the end");
    let Some(written) = written else { return };
    let mut theirs = Vec::with_capacity(ROOM);
    let prepared = DDict::try_create(bytes).expect("libzstd prepares what fastpar prepares");
    match DCtx::create().decompress_using_ddict(&mut theirs, data, &prepared) {
        Ok(_) => assert!(place[..written] == theirs, "other bytes of blocks"),
        Err(code) => panic!("only libzstd refuses blocks: {}", zstd::zstd_safe::get_error_name(code)),
    }
}

/// Decodes data with a dictionary as libzstd does, whole, by a reader, and block by block.
fn compare(data: &[u8], bytes: &[u8], dict: &Dict) {
    in_blocks(data, bytes, dict);
    let options = Options { window_log: 31, dict: Some(dict), ..Options::default() };
    let ours = decode(data, &options, ROOM);
    let mut theirs = Vec::with_capacity(ROOM);
    let prepared = DDict::try_create(bytes).expect("libzstd prepares what fastpar prepares");
    let result = DCtx::create().decompress_using_ddict(&mut theirs, data, &prepared);
    match (&ours, &result) {
        (Ok(ours), Ok(_)) => assert!(*ours == theirs, "other bytes"),
        (Err(error), Ok(_)) => {
            let meant = error.kind() == ErrorKind::LimitExceeded
                || error.kind() == ErrorKind::Corrupt && !streams(data, bytes);
            assert!(meant, "only fastpar refuses: {error:?}");
        }
        (Ok(_), Err(code)) => {
            panic!("only libzstd refuses: {}", zstd::zstd_safe::get_error_name(*code))
        }
        (Err(error), Err(_)) => {
            assert!(!matches!(error.kind(), ErrorKind::Panic | ErrorKind::Internal), "{error:?}");
        }
    }
    if let Ok(whole) = &ours {
        let mut read = vec![0; whole.len() + 1];
        let limited = Options { max_output: ROOM as u64, ..options };
        let mut reader = Reader::new(data, &limited).expect("opens");
        let mut len = 0;
        loop {
            match reader.read(&mut read[len..]).expect("reads what decodes") {
                0 => break,
                more => len += more,
            }
        }
        assert!(read[..len] == whole[..], "a reader gives other bytes");
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    start_pool();
    let mut choices = Choices(data);
    let which = choices.byte();
    if which % 4 == 0 {
        learn(&mut choices);
        return;
    }
    let len = choices.below(4000);
    let mut bytes = choices.bytes(len).to_vec();
    if which % 4 == 1 && bytes.len() >= MAGIC.len() {
        bytes[..MAGIC.len()].copy_from_slice(&MAGIC);
    }
    match Dict::new(&bytes, 1) {
        Ok(dict) => {
            compare(choices.0, &bytes, &dict);
            there_and_back(choices.0, &bytes, &dict, &mut Choices(&bytes));
        }
        Err(error) => {
            let kinds = [ErrorKind::Dictionary, ErrorKind::InvalidArgument];
            assert!(kinds.contains(&error.kind()), "{error:?}");
        }
    }
});
