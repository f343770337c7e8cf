//! The three tables that sequences are decoded with, and where in a frame each of them is defined.
#![forbid(unsafe_code)]

use super::bits::{Checked, Odd};
use super::dictionary::Dictionary;
use super::fse::{spread, Counts};
use std::ops::Range;

/// The codes of a sequence, in the order in which their tables are defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    LiteralLength,
    Offset,
    MatchLength,
}

/// All of them.
pub(super) const CODES: [Code; 3] = [Code::LiteralLength, Code::Offset, Code::MatchLength];

/// Where a table comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableSource {
    /// From the format's own distribution.
    Predefined,
    /// From the dictionary.
    Dictionary,
    /// From the sequences section of a block: where its byte of modes stands in the data, and where the block
    /// ends.
    Block { modes: usize, end: usize },
}

/// How a section says that a table is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Predefined,
    /// One symbol, whatever the bits are.
    Single,
    Described,
    /// As in the last section before that had sequences.
    Repeat,
}

/// In the byte of modes.
const DESCRIBED: u8 = 2;

impl Mode {
    /// The mode of a code, in the byte of modes.
    pub(crate) fn of(code: Code, modes: u8) -> Self {
        match modes >> code.shift() & 3 {
            0 => Mode::Predefined,
            1 => Mode::Single,
            DESCRIBED => Mode::Described,
            _ => Mode::Repeat,
        }
    }
}

/// A state: what its symbol stands for, and where it leads. Its fields are loaded one by one, which takes
/// less than to shift them out of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(8))]
pub(super) struct State {
    /// Bits that are added to `base`.
    pub(super) extra: u8,
    /// Bits that are added to `next`.
    pub(super) bits: u8,
    /// The next state.
    pub(super) next: u16,
    /// The value.
    pub(super) base: u32,
}

fn state(next: u32, extra: u8, bits: u32, base: u32) -> State {
    State { extra, bits: bits as u8, next: next as u16, base }
}

/// A table of at most `N` states.
#[derive(Clone, Debug)]
pub(super) struct Table<const N: usize> {
    pub(super) states: [State; N],
    /// Bits that choose the first state.
    pub(super) log: u32,
    source: Option<TableSource>,
}

/// The tables of one lane, which keep what was built last.
#[derive(Clone, Debug)]
pub(crate) struct SequenceTables {
    pub(super) literal_lengths: Table<512>,
    pub(super) offsets: Table<256>,
    pub(super) match_lengths: Table<512>,
}

impl<const N: usize> Table<N> {
    const EMPTY: Self =
        Self { states: [State { extra: 0, bits: 0, next: 0, base: 0 }; N], log: 0, source: None };

    /// Makes it the table of `code` that `source` defines.
    fn prepare(
        &mut self,
        code: Code,
        source: TableSource,
        data: &[u8],
        dictionary: Option<&Dictionary<'_>>,
    ) -> Checked<()> {
        if self.source == Some(source) {
            return Ok(());
        }
        self.source = None; // until it is whole
        let (data, modes, end) = match source {
            TableSource::Predefined => (data, 0, 0),
            TableSource::Dictionary => dictionary.ok_or(Odd)?.tables(),
            TableSource::Block { modes, end } => (data, modes, end),
        };
        match source {
            TableSource::Predefined => self.build(code, code.predefined())?,
            _ => match Definitions::find(data, modes, end, code)? {
                Definition::Single(symbol) => {
                    let (base, extra) = code.value(symbol)?;
                    self.states[0] = state(0, extra, 0, base);
                    self.log = 0;
                }
                Definition::Described(counts) => self.build(code, &counts)?,
            },
        }
        self.source = Some(source);
        Ok(())
    }

    fn build(&mut self, code: Code, counts: &Counts) -> Checked<()> {
        self.log = counts.log;
        let states = self.states.get_mut(..1 << counts.log).ok_or(Odd)?;
        let mut values = [(0, 0); 64];
        for (symbol, value) in values[..counts.symbols.min(64)].iter_mut().enumerate() {
            *value = code.value(symbol as u8)?;
        }
        spread(counts, |at, symbol, bits, next| {
            let (base, extra) = values[usize::from(symbol) & 63];
            states[at] = state(next, extra, bits, base);
        })
    }
}

impl SequenceTables {
    pub(crate) const EMPTY: Self =
        Self { literal_lengths: Table::EMPTY, offsets: Table::EMPTY, match_lengths: Table::EMPTY };

    /// Makes them the tables that the sources define, in the order of their codes.
    pub(crate) fn prepare(
        &mut self,
        sources: [TableSource; 3],
        data: &[u8],
        dictionary: Option<&Dictionary<'_>>,
    ) -> Checked<()> {
        self.literal_lengths.prepare(Code::LiteralLength, sources[0], data, dictionary)?;
        self.offsets.prepare(Code::Offset, sources[1], data, dictionary)?;
        self.match_lengths.prepare(Code::MatchLength, sources[2], data, dictionary)
    }
}

/// A section of one sequence, without its bits, that defines the tables of `sources` once more.
pub(crate) fn defining(sources: [TableSource; 3], data: &[u8]) -> Checked<Vec<u8>> {
    let mut section = vec![1, 0];
    for code in CODES {
        if sources[code as usize] == TableSource::Dictionary {
            return Err(Odd); // those are not in the data
        }
        if let TableSource::Block { modes, end } = sources[code as usize] {
            let mut place = None;
            Definitions::walk(data, modes, end, |found, _, range| {
                if found == code {
                    place = Some(range);
                }
                found != code
            })?;
            let mode = data.get(modes).ok_or(Odd)? >> code.shift() & 3;
            section[1] |= mode << code.shift();
            section.extend_from_slice(data.get(place.ok_or(Odd)?).ok_or(Odd)?);
        }
    }
    section.extend([0; 8]); // libzstd reads words
    Ok(section)
}

/// A table's definition in a section.
enum Definition {
    Single(u8),
    Described(Counts),
}

/// The definitions of a section, one after the other.
pub(crate) struct Definitions;

impl Definitions {
    /// Adds the definitions that `bytes` of a dictionary begin with to `section`, in the order of blocks,
    /// behind a byte of modes; returns how many bytes they are.
    pub(super) fn of_dictionary(bytes: &[u8], section: &mut Vec<u8>) -> Checked<usize> {
        let mut found = [&[][..]; 3];
        let mut at = 0;
        for code in [Code::Offset, Code::MatchLength, Code::LiteralLength] {
            let rest = bytes.get(at..).ok_or(Odd)?;
            let (_, len) = Counts::read(rest, code.symbols(), code.largest_log())?;
            found[code as usize] = rest.get(..len).ok_or(Odd)?;
            at += len;
        }
        section.push(CODES.iter().fold(0, |modes, code| modes | DESCRIBED << code.shift()));
        CODES.iter().for_each(|&code| section.extend_from_slice(found[code as usize]));
        Ok(at)
    }

    fn find(data: &[u8], modes_at: usize, end: usize, wanted: Code) -> Checked<Definition> {
        let mut found = None;
        Self::walk(data, modes_at, end, |code, definition, _| {
            if code == wanted {
                found = Some(definition);
            }
            code != wanted
        })?;
        found.ok_or(Odd)
    }

    /// Where the definitions end: the bits of the sequences follow.
    pub(crate) fn end(data: &[u8], modes_at: usize, end: usize) -> Checked<usize> {
        Self::walk(data, modes_at, end, |_, _, _| true)
    }

    fn walk(
        data: &[u8],
        modes_at: usize,
        end: usize,
        mut visit: impl FnMut(Code, Definition, Range<usize>) -> bool,
    ) -> Checked<usize> {
        let section = data.get(modes_at..end).ok_or(Odd)?;
        let (&modes, mut rest) = section.split_first().ok_or(Odd)?;
        for code in CODES {
            let (definition, len) = match Mode::of(code, modes) {
                Mode::Predefined | Mode::Repeat => continue,
                Mode::Single => (Definition::Single(*rest.first().ok_or(Odd)?), 1),
                Mode::Described => {
                    let (counts, len) = Counts::read(rest, code.symbols(), code.largest_log())?;
                    (Definition::Described(counts), len)
                }
            };
            let start = end - rest.len();
            rest = rest.get(len..).ok_or(Odd)?;
            if !visit(code, definition, start..start + len) {
                break;
            }
        }
        Ok(end - rest.len())
    }
}

impl Code {
    /// Where its mode stands in the byte of modes.
    fn shift(self) -> u32 {
        match self {
            Code::LiteralLength => 6,
            Code::Offset => 4,
            Code::MatchLength => 2,
        }
    }

    fn symbols(self) -> usize {
        match self {
            Code::LiteralLength => LITERAL_LENGTHS.len(),
            Code::Offset => 32,
            Code::MatchLength => MATCH_LENGTHS.len(),
        }
    }

    fn largest_log(self) -> u32 {
        match self {
            Code::Offset => 8,
            _ => 9,
        }
    }

    /// What a symbol stands for: a number, and how many bits are added to it. Offsets are the format's offset
    /// values.
    fn value(self, symbol: u8) -> Checked<(u32, u8)> {
        let index = usize::from(symbol);
        match self {
            Code::LiteralLength => LITERAL_LENGTHS.get(index).copied().ok_or(Odd),
            Code::MatchLength => MATCH_LENGTHS.get(index).copied().ok_or(Odd),
            Code::Offset if symbol < 30 => Ok((1 << symbol, symbol)),
            // Farther away than any window that sequences are decoded for: who uses it is refused.
            Code::Offset if symbol < 32 => Ok(((1 << 30) - 1, 0)),
            Code::Offset => Err(Odd),
        }
    }

    fn predefined(self) -> &'static Counts {
        match self {
            Code::LiteralLength => &PREDEFINED_LITERAL_LENGTHS,
            Code::Offset => &PREDEFINED_OFFSETS,
            Code::MatchLength => &PREDEFINED_MATCH_LENGTHS,
        }
    }
}

/// Numbers from `first` on, each code beginning where the one before ends.
const fn ranges<const N: usize>(first: u32, extra: &[u8; N]) -> [(u32, u8); N] {
    let mut codes = [(0, 0); N];
    let (mut at, mut base) = (0, first);
    while at < N {
        codes[at] = (base, extra[at]);
        base += 1 << extra[at];
        at += 1;
    }
    codes
}

static LITERAL_LENGTHS: [(u32, u8); 36] = ranges(
    0,
    &[
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12,
        13, 14, 15, 16,
    ],
);

static MATCH_LENGTHS: [(u32, u8); 53] = ranges(
    0,
    &[
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1,
        1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
    ],
);

static PREDEFINED_LITERAL_LENGTHS: Counts = Counts::known(
    &[
        4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1,
        -1, -1, -1,
    ],
    6,
);

static PREDEFINED_OFFSETS: Counts = Counts::known(
    &[1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1],
    5,
);

static PREDEFINED_MATCH_LENGTHS: Counts = Counts::known(
    &[
        1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
    ],
    6,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_cover_the_lengths_of_a_block() {
        assert_eq!(LITERAL_LENGTHS[35], (65536, 16));
        assert_eq!(LITERAL_LENGTHS[24], (48, 4));
        assert_eq!(MATCH_LENGTHS[52], (65536, 16));
        assert_eq!(MATCH_LENGTHS[42], (96, 5));
    }

    #[test]
    fn predefined_tables_are_those_of_the_format() {
        let mut tables = SequenceTables::EMPTY;
        tables.prepare([TableSource::Predefined; 3], &[], None).unwrap();
        assert_eq!(tables.literal_lengths.states[16], state(0, 4, 5, 48));
        assert_eq!(tables.literal_lengths.states[17], state(32, 6, 5, 64));
        assert_eq!(tables.match_lengths.states[63], state(0, 10, 6, 1024));
        assert_eq!(tables.offsets.states[15], state(16, 7, 4, 128));
        assert_eq!((tables.literal_lengths.log, tables.offsets.log, tables.match_lengths.log), (6, 5, 6));
    }
}
