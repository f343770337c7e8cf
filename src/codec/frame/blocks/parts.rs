//! One frame that comes in parts of some blocks each. Parts are decoded in any order. They are executed in
//! theirs, to a buffer that holds what came before as far as the window reaches.

use super::execute::Target;
use super::scan::Scan;
use super::slot::{Slot, Tables, LARGEST_BLOCK};
use super::Header;
use crate::codec::format::bits::{Checked, Odd};
use crate::codec::format::huffman;
use crate::codec::format::sequence_tables::{Definitions, TableSource};
use crate::codec::format::xxh64::Xxh64;
use crate::error::Result;
use crate::memory;
use std::ops::{DerefMut, Range};

/// Zeros before what is carried: streams are read by whole words.
const PADDING: usize = 16;

/// Definitions of blocks before a part that its blocks may refer to. Their bytes precede the part's in one
/// buffer.
#[derive(Clone, Debug)]
pub(crate) struct Carried {
    bytes: Vec<u8>,
    tree: Option<(usize, usize)>,
    sources: Option<[TableSource; 3]>,
}

impl Carried {
    /// What the first part has before it: nothing.
    pub(crate) fn nothing() -> Self {
        Self { bytes: vec![0; PADDING], tree: None, sources: None }
    }

    /// The bytes that the part's buffer begins with.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the next part has before it; `data`: the buffer of this one, all of it blocks after what was
    /// carried.
    pub(crate) fn after(&self, data: &[u8], header: &Header) -> Checked<Self> {
        let mut scan = Scan::after(data, self.bytes.len(), largest(header), (self.tree, self.sources));
        while scan.at() < data.len() && !scan.is_over() {
            scan.next()?;
        }
        let (tree, sources) = scan.defined();
        let mut next = Self::nothing();
        if let Some((at, end)) = tree {
            next.tree = Some(next.add(data, at, at + huffman::description_len(data, at, end)?)?);
        }
        if let Some(sources) = sources {
            let mut carried = sources;
            for (number, source) in sources.into_iter().enumerate() {
                // A section may define several tables.
                let known = sources[..number].iter().position(|&other| other == source);
                carried[number] = match (source, known) {
                    (TableSource::Predefined, _) => source,
                    (_, Some(known)) => carried[known],
                    (TableSource::Block { modes, end }, None) => {
                        let (modes, end) = next.add(data, modes, Definitions::end(data, modes, end)?)?;
                        TableSource::Block { modes, end }
                    }
                };
            }
            next.sources = Some(carried);
        }
        Ok(next)
    }

    fn add(&mut self, data: &[u8], start: usize, end: usize) -> Checked<(usize, usize)> {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(data.get(start..end).ok_or(Odd)?);
        Ok((at, self.bytes.len()))
    }
}

fn largest(header: &Header) -> usize {
    header.window.min(LARGEST_BLOCK as u64) as usize
}

/// A part whose blocks are decoded.
pub(crate) struct Part<S> {
    slots: Vec<S>,
    /// Where its blocks end in its buffer.
    end: usize,
}

impl<S: DerefMut<Target = Slot>> Part<S> {
    /// Decodes the blocks of a part; `data`: what was carried, then the part. Each block gets a slot from
    /// `take`; `step` is called before each one.
    pub(crate) fn decode(
        data: &[u8],
        carried: &Carried,
        header: &Header,
        mut take: impl FnMut() -> Result<S>,
        step: impl Fn() -> Result<()>,
    ) -> Result<Checked<Self>> {
        let largest = largest(header);
        let mut scan = Scan::after(data, carried.bytes.len(), largest, (carried.tree, carried.sources));
        let mut tables = Box::new(Tables::new());
        let mut slots = Vec::new();
        while scan.at() < data.len() && !scan.is_over() {
            step()?;
            let mut slot = take()?;
            let block = scan.next();
            match block.and_then(|block| slot.decode(data, block, &mut tables, header.reach(), largest)) {
                Ok(()) => slots.push(slot),
                Err(odd) => return Ok(Err(odd)),
            }
        }
        Ok(Ok(Self { slots, end: scan.at() }))
    }

    /// The memory that it takes.
    pub(crate) fn memory(&self) -> usize {
        self.slots.iter().map(|slot| slot.memory()).sum()
    }
}

/// What executes the parts of a frame, one after the other.
pub(crate) struct Executor {
    header: Header,
    /// What was executed last, up to `at`; all of it is initialised, which costs little as it is about to be
    /// written.
    history: Vec<u8>,
    capacity: usize,
    at: usize,
    reps: [u32; 3],
    hash: Xxh64,
    total: u64,
}

impl Executor {
    /// The memory that the parts of a frame are executed in, each of at most `part` bytes.
    pub(crate) fn memory(header: &Header, part: usize) -> u64 {
        // Twice the window, if it is not large: what is still needed is moved to the front when the end is
        // reached.
        let ahead = header.window.clamp(2 << 20, 48 << 20) + part as u64;
        header.reach().saturating_add(ahead).min(header.content_size.unwrap_or(u64::MAX))
    }

    /// For a frame with that header.
    pub(crate) fn new(header: &Header, part: usize) -> Result<Self> {
        let capacity = usize::try_from(Self::memory(header, part)).unwrap_or(usize::MAX);
        let mut history = Vec::new();
        memory::reserve(&mut history, capacity)?;
        let (reps, hash) = ([1, 4, 8], Xxh64::new());
        Ok(Self { header: *header, history, capacity, at: 0, reps, hash, total: 0 })
    }

    /// Executes the next part, whose buffer is `data`; returns where its bytes are.
    pub(crate) fn execute<S: DerefMut<Target = Slot>>(
        &mut self,
        part: &mut Part<S>,
        data: &[u8],
    ) -> Checked<Range<usize>> {
        let most = part.slots.len() * largest(&self.header);
        let reach = self.header.reach() as usize; // at most LARGEST_WINDOW
        if self.at + most > self.capacity && self.at > reach {
            self.history.copy_within(self.at - reach..self.at, 0);
            self.at = reach;
        }
        let begin = self.at;
        let end = (begin + most).min(self.capacity);
        if self.history.len() < end {
            self.history.resize(end, 0);
        }
        for slot in &mut part.slots {
            let target = Target::over(&mut self.history);
            // SAFETY: all of the place is initialised, and nobody else has it.
            let executed =
                unsafe { target.execute(slot, data, self.at, &mut self.reps, self.header.reach()) };
            self.at += executed?;
        }
        let range = begin..self.at;
        self.total += range.len() as u64;
        if self.header.checksum {
            self.hash.update(&self.history[range.clone()]);
        }
        Ok(range)
    }

    /// Executed bytes.
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.history[range]
    }

    /// After the last part, whose buffer is `data`: whether the frame is what it says.
    pub(crate) fn finish<S>(&self, part: &Part<S>, data: &[u8]) -> Checked<()> {
        let stored = data.get(part.end..).ok_or(Odd)?;
        let hash = (self.hash.finish() as u32).to_le_bytes(); // the lower half
        let known = if self.header.checksum { &hash[..] } else { &[] };
        let size = self.header.content_size.unwrap_or(self.total);
        if stored == known && size == self.total {
            Ok(())
        } else {
            Err(Odd)
        }
    }
}

/// A frame that is all of `data`, cut into parts of up to `count` blocks; `None`: it is left to libzstd. For
/// tests and the fuzzer.
#[cfg(any(test, fuzzing))]
pub(crate) fn decode_in_parts(data: &[u8], count: usize) -> Option<Vec<u8>> {
    use crate::codec::format::frame::Frames;
    let frame = Frames::new(data).next()?.ok().filter(|frame| frame.len == data.len() && !frame.skippable)?;
    let header = super::header_of(&frame)?;
    let mut executor = Executor::new(&header, count * LARGEST_BLOCK).ok()?;
    let mut carried = Carried::nothing();
    let mut out = Vec::new();
    let blocks: Vec<_> = frame.blocks(data).collect::<std::result::Result<_, _>>().ok()?;
    for (number, group) in blocks.chunks(count).enumerate() {
        let last = (number + 1) * count >= blocks.len();
        let end = if last { frame.len } else { group[group.len() - 1].offset + group[group.len() - 1].len };
        let part = [carried.bytes(), &data[group[0].offset..end]].concat();
        let take = || Ok(Box::new(Slot::new()));
        let mut decoded = Part::decode(&part, &carried, &header, take, || Ok(())).ok()?.ok()?;
        let range = executor.execute(&mut decoded, &part).ok()?;
        out.extend_from_slice(executor.bytes(range));
        if last {
            executor.finish(&decoded, &part).ok()?;
        } else {
            carried = carried.after(&part, &header).ok()?;
        }
    }
    Some(out)
}
