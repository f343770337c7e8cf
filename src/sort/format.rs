//! What records are sorted by: typed keys, and the words that compare as they do.
#![forbid(unsafe_code)]

use crate::error::{Error, ErrorKind, Result};
use std::cmp::Ordering;

/// The most keys of a format.
pub const MAX_KEYS: usize = 16;

/// Bytes of a word.
const WORD: usize = 8;

/// How a key lies in a record. Numbers have the byte order of the machine, and need not be aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // named as Rust's own
pub enum KeyType {
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    /// By IEEE total order, as [`f32::total_cmp`].
    F32,
    /// By IEEE total order, as [`f64::total_cmp`].
    F64,
    /// So many bytes, compared as `memcmp` does.
    Bytes(usize),
}

impl KeyType {
    /// Bytes of a value.
    pub fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
            Self::Bytes(len) => len,
        }
    }
}

/// A part of a record that it is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where it begins in the record.
    pub offset: usize,
    /// Its type.
    pub kind: KeyType,
    /// Large ones first. Records with equal keys keep their order all the same.
    pub descending: bool,
}

/// Records of one size, and the keys that they are sorted by, the most important first.
#[derive(Clone, Debug)]
pub struct Format {
    record_size: usize,
    fields: Vec<Field>,
    /// Bytes of all keys together.
    length: usize,
}

/// A key, as it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    offset: usize,
    len: usize,
    /// Where it begins in the string of all keys.
    start: usize,
    bytes: bool,
    mapped: Mapped,
}

/// How a number whose bits are moved to the left end of a word becomes a word that compares as the
/// number does.
#[derive(Clone, Copy, Debug, Default)]
struct Mapped {
    /// Bits that are inverted where the number is negative.
    negative: u64,
    /// Bits that are inverted always.
    always: u64,
}

/// The highest `len` bytes of a word.
fn highest(len: usize) -> u64 {
    u64::MAX.checked_shl(8 * (WORD - len.min(WORD)) as u32).unwrap_or(0)
}

impl Mapped {
    fn of(kind: KeyType, len: usize, descending: bool) -> Self {
        const SIGN: u64 = 1 << 63;
        let (negative, always) = match kind {
            KeyType::F32 | KeyType::F64 => (highest(len) & !SIGN, SIGN),
            KeyType::I8 | KeyType::I16 | KeyType::I32 | KeyType::I64 => (0, SIGN),
            _ => (0, 0),
        };
        Self { negative, always: if descending { always ^ highest(len) } else { always } }
    }

    #[inline(always)]
    fn apply(self, value: u64) -> u64 {
        value ^ ((value as i64 >> 63) as u64 & self.negative) ^ self.always
    }
}

/// A number of 1, 2, 4 or 8 bytes, at the left end of a word. (As `first_chunk` it is read at once: as
/// a pattern of bytes it would be read byte by byte.)
#[inline(always)]
fn number(field: &[u8]) -> u64 {
    match field.len() {
        1 => u64::from(field[0]) << 56,
        2 => field.first_chunk().map_or(0, |bytes| u64::from(u16::from_ne_bytes(*bytes)) << 48),
        4 => field.first_chunk().map_or(0, |bytes| u64::from(u32::from_ne_bytes(*bytes)) << 32),
        _ => field.first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes)),
    }
}

impl Field {
    fn of<'r>(&self, record: &'r [u8]) -> &'r [u8] {
        &record[self.offset..self.offset + self.len]
    }

    /// The word of a number; not for bytes.
    #[inline(always)]
    pub(super) fn word(&self, record: &[u8]) -> u64 {
        self.mapped.apply(number(&record[self.offset..self.offset + self.len]))
    }

    /// The same for a number of `LEN` bytes, where the compiler knows the sizes.
    #[inline(always)]
    pub(super) fn word_of<const N: usize, const LEN: usize>(&self, record: &[u8; N]) -> u64 {
        let offset = if N == LEN { 0 } else { self.offset };
        self.mapped.apply(number(&record[offset..][..LEN]))
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        if !self.bytes {
            return self.word(a).cmp(&self.word(b));
        }
        let order = self.of(a).cmp(self.of(b));
        if self.mapped.always == 0 {
            order
        } else {
            order.reverse()
        }
    }
}

impl Format {
    /// Records of `record_size` bytes that are sorted by these keys.
    ///
    /// # Errors [`ErrorKind::InvalidArgument`]: no size, no keys or too many, or a key that does not
    /// lie in the record.
    pub fn new(record_size: usize, keys: &[Key]) -> Result<Self> {
        let invalid = |text: String| Err(Error::new(ErrorKind::InvalidArgument, text));
        if record_size == 0 {
            return invalid("record_size is 0".into());
        }
        if keys.is_empty() || keys.len() > MAX_KEYS {
            return invalid(format!("{} keys, expected 1 to {MAX_KEYS}", keys.len()));
        }
        let mut fields: Vec<Field> = Vec::with_capacity(keys.len());
        let mut length = 0;
        for (index, key) in keys.iter().enumerate() {
            let len = key.kind.size();
            if len == 0 {
                return invalid(format!("key {index} has no bytes"));
            }
            if key.offset.checked_add(len).is_none_or(|end| end > record_size) {
                return invalid(format!(
                    "key {index} has {len} bytes at offset {}, outside of a record of {record_size}",
                    key.offset
                ));
            }
            let bytes = matches!(key.kind, KeyType::Bytes(_));
            let mapped = Mapped::of(key.kind, len, key.descending);
            fields.push(Field { offset: key.offset, len, start: length, bytes, mapped });
            length = length.saturating_add(len);
        }
        Ok(Self { record_size, fields, length })
    }

    /// Bytes of a record.
    pub fn record_size(&self) -> usize {
        self.record_size
    }

    /// The key, if there is a single one, and it is a number.
    pub(super) fn single(&self) -> Option<&Field> {
        match self.fields.as_slice() {
            [field] if !field.bytes => Some(field),
            _ => None,
        }
    }

    /// Whether records are moved themselves, and then the sizes of a record and of its key: they are
    /// small, and the key is a number.
    pub(super) fn direct(&self) -> Option<(usize, usize)> {
        let sizes = (self.record_size, self.single()?.len);
        matches!(sizes, (1, 1) | (2, 2) | (4 | 8 | 16, 4) | (8 | 16, 8)).then_some(sizes)
    }

    /// Words of the string of all keys.
    pub(super) fn words(&self) -> usize {
        self.length.div_ceil(WORD)
    }

    /// How word `index` of that string is read.
    pub(super) fn word(&self, index: usize) -> Word {
        let begin = index * WORD;
        let end = begin + WORD;
        let mut word = Word { pieces: [Piece::default(); WORD], count: 0 };
        for field in &self.fields {
            let from = field.start.max(begin);
            let until = field.start.saturating_add(field.len).min(end);
            if from >= until {
                continue;
            }
            let right = 8 * (from - begin) as u32;
            word.pieces[word.count] = if field.bytes {
                let len = until - from;
                let always = field.mapped.always & highest(len);
                Piece {
                    offset: field.offset + (from - field.start),
                    len,
                    bytes: true,
                    mapped: Mapped { negative: 0, always },
                    left: 0,
                    right,
                }
            } else {
                let left = 8 * (from - field.start) as u32;
                let Field { offset, len, mapped, .. } = *field;
                Piece { offset, len, bytes: false, mapped, left, right }
            };
            word.count += 1; // at most WORD, as each has a byte of its own
        }
        word
    }

    /// How two records compare by all keys.
    pub(super) fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        let differs = |field: &Field| field.compare(a, b);
        self.fields.iter().map(differs).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

/// How a word of the keys is read from a record.
pub(super) struct Word {
    pieces: [Piece; WORD],
    count: usize,
}

/// A key's part of a word.
#[derive(Clone, Copy, Default)]
struct Piece {
    offset: usize,
    len: usize,
    bytes: bool,
    mapped: Mapped,
    left: u32,
    right: u32,
}

impl Piece {
    #[inline(always)]
    fn read(&self, record: &[u8]) -> u64 {
        let field = &record[self.offset..self.offset + self.len];
        let value = if self.bytes {
            let mut word = [0; WORD];
            word[..self.len].copy_from_slice(field);
            u64::from_be_bytes(word)
        } else {
            number(field)
        };
        self.mapped.apply(value) << self.left >> self.right
    }
}

impl Word {
    #[inline(always)]
    pub(super) fn read(&self, record: &[u8]) -> u64 {
        let pieces = self.pieces[..self.count].iter();
        pieces.fold(0, |word, piece| word | piece.read(record))
    }
}
