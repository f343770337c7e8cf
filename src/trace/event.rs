//! What is traced: kinds of events, and the form that they have in a ring.

use super::names::Name;
use super::place::Place;
use super::{CHUNKS, CODEC, FILES, LOOPS, TASKS, USER};

/// The words of an event in a ring.
pub(super) const WORDS: usize = 8;
/// Those of its values.
const VALUES: usize = WORDS - 3;

/// How a kind is written.
pub(super) enum Form {
    /// With its duration.
    Slice,
    /// The same, with an arrow from the call: the values are the call's number, thread and time.
    Helper,
    /// The begin or the end of what no single thread does: "b" or "e".
    Async(&'static str),
    /// The begin of a span, whose name follows.
    Begin,
    End,
    Counter,
}

/// What a file says of a kind.
pub(super) struct About {
    pub(super) name: &'static str,
    pub(super) category: u32,
    pub(super) form: Form,
    /// Names of the values; the others are not written.
    pub(super) values: &'static [&'static str],
}

impl About {
    /// Whether the first value is the number of the call that the event is of.
    pub(super) fn has_call(&self) -> bool {
        self.values.first() == Some(&"call")
    }

    /// Whether the last word has room for the call that the thread works for.
    fn has_room(&self) -> bool {
        matches!(self.form, Form::Slice | Form::Helper) && self.values.len() < VALUES
    }
}

/// The kinds, each with what a file says of it.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident: $name:literal, $category:ident, $form:expr, [$($value:literal),*];)*) => {
        /// A kind of event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind { $($(#[$doc])* $kind,)* }

        /// What a file says of each kind.
        pub(super) static KINDS: &[About] = &[
            $(About { name: $name, category: $category, form: $form, values: &[$($value),*] },)*
        ];
    };
}

kinds! {
    /// A loop, from its begin to its end, on the thread that called it.
    Loop: "loop", LOOPS, Form::Slice, ["call", "chunks", "items", "lanes"];
    /// The same for a reduction, and for a prefix sum.
    Reduce: "reduce", LOOPS, Form::Slice, ["call", "chunks", "items", "lanes"];
    Prefix: "prefix", LOOPS, Form::Slice, ["call", "chunks", "items", "lanes"];
    /// A pass over chunks of these: accumulators are filled, are combined, and are given back.
    Fold: "fold", LOOPS, Form::Slice, ["call", "chunks", "items", "lanes"];
    Combine: "combine", LOOPS, Form::Slice, ["first", "accumulators"];
    Apply: "apply", LOOPS, Form::Slice, ["call", "chunks", "items", "lanes"];
    /// A lane of a loop, on its thread, from when it comes until nothing is left to claim.
    Lane: "lane", LOOPS, Form::Helper, ["call"];
    /// Chunks that were claimed at once: one, unless they are so short that lanes claim several.
    Chunks: "chunks", CHUNKS, Form::Slice, ["call", "first", "chunks", "begin", "end"];
    /// The call that starts a job.
    Start: "start job", LOOPS, Form::Slice, ["call", "chunks", "items", "lanes"];
    /// A job begins, and ends.
    JobBegins: "job", LOOPS, Form::Async("b"), ["call"];
    JobEnds: "job", LOOPS, Form::Async("e"), ["call"];
    /// A team, and a member of a team.
    Team: "team", LOOPS, Form::Slice, ["call", "members"];
    Member: "member", LOOPS, Form::Helper, ["call"];
    /// A call that runs tasks of the codec, or steps of a sort, a lane of the call, and what it claims.
    Tasks: "tasks", TASKS, Form::Slice, ["call", "tasks", "", "lanes"];
    TaskLane: "lane", TASKS, Form::Helper, ["call"];
    Task: "task", TASKS, Form::Slice, ["call", "first", "tasks"];
    /// A task of a stream.
    Stage: "task", TASKS, Form::Slice, ["number"];
    /// A group, and a task of it.
    Group: "group", TASKS, Form::Slice, ["call", "tasks", "", "lanes"];
    GroupTask: "group task", TASKS, Form::Slice, ["call", "number"];
    /// A pipeline, and what is done with an item of it.
    Pipeline: "pipeline", TASKS, Form::Slice, ["call", "items", "in flight", "lanes"];
    Feed: "feed", TASKS, Form::Slice, ["item"];
    Work: "work", TASKS, Form::Slice, ["item"];
    Take: "take", TASKS, Form::Slice, ["item"];
    /// A sort, and what its passes over all records do.
    Sort: "sort", TASKS, Form::Slice, ["call", "records", "record size"];
    FindOrder: "find order", TASKS, Form::Slice, ["call", "tasks", "", "lanes"];
    ReadKeys: "read keys", TASKS, Form::Slice, ["call", "tasks", "", "lanes"];
    FindBounds: "find bounds", TASKS, Form::Slice, ["call", "tasks", "", "lanes"];
    CountBuckets: "count buckets", TASKS, Form::Slice, ["call", "tasks", "", "lanes"];
    FillBuckets: "fill buckets", TASKS, Form::Slice, ["call", "tasks", "", "lanes"];
    SortBuckets: "sort buckets", TASKS, Form::Slice, ["call", "tasks", "", "lanes"];
    MoveRecords: "move records", TASKS, Form::Slice, ["call", "tasks", "", "lanes"];
    /// A call on files, on memory, or on an archive.
    CompressFile: "compress file", CODEC, Form::Slice, ["call", "bytes in", "bytes out", "frames"];
    DecompressFile: "decompress file", CODEC, Form::Slice, ["call", "bytes in", "bytes out", "frames"];
    TransformFile: "transform file", CODEC, Form::Slice, ["call", "bytes in", "bytes out", "frames"];
    ConcatFiles: "concat files", CODEC, Form::Slice, ["call", "bytes in", "bytes out", "frames"];
    Compress: "compress", CODEC, Form::Slice, ["bytes in", "bytes out"];
    Decompress: "decompress", CODEC, Form::Slice, ["bytes in", "bytes out"];
    CompressBatch: "compress batch", CODEC, Form::Slice, ["items"];
    DecompressBatch: "decompress batch", CODEC, Form::Slice, ["items"];
    ReadArchive: "read archive", CODEC, Form::Slice, ["offset", "bytes"];
    Scan: "scan archive", CODEC, Form::Slice, ["call", "bytes", "pieces"];
    ReduceArchive: "reduce archive", CODEC, Form::Slice, ["call", "bytes", "pieces"];
    /// A piece of a scan, while its callback has it.
    Piece: "piece", CHUNKS, Form::Slice, ["call", "piece", "offset", "bytes"];
    /// A frame.
    CompressFrame: "compress frame", CODEC, Form::Slice, ["bytes in", "bytes out"];
    DecompressFrame: "decompress frame", CODEC, Form::Slice, ["bytes in", "bytes out"];
    /// A section of a frame that several lanes compress, and so many bytes before it that are looked at too.
    CompressSection: "compress section", CODEC, Form::Slice, ["bytes in", "bytes out", "bytes before"];
    /// A part of a frame, by libzstd.
    CompressPart: "compress part", CODEC, Form::Slice, ["bytes in", "bytes out"];
    DecompressPart: "decompress part", CODEC, Form::Slice, ["bytes in", "bytes out"];
    /// Blocks of a frame that several lanes decompress: their literals and sequences are decoded, in any
    /// order, and executed, in order.
    DecodeBlocks: "decode blocks", CODEC, Form::Slice, ["blocks"];
    ExecuteBlocks: "execute blocks", CODEC, Form::Slice, ["bytes out", "blocks"];
    /// The checksum of a single frame, over more bytes of it.
    Checksum: "checksum", CODEC, Form::Slice, ["bytes"];
    Read: "read", FILES, Form::Slice, ["bytes"];
    Write: "write", FILES, Form::Slice, ["bytes"];
    /// A thread waits for others.
    Wait: "wait", LOOPS, Form::Slice, [];
    /// The program's own spans.
    Begin: "", USER, Form::Begin, [];
    End: "", USER, Form::End, [];
    /// Counters: lanes at work, bytes of the codec.
    BusyLanes: "busy lanes", LOOPS, Form::Counter, ["lanes"];
    Bytes: "bytes", CODEC, Form::Counter, ["in", "out"];
}

/// Where the name stands in the first word.
const NAME_AT: u32 = 40;
/// Set in the first word where the lane is known.
const IN_LANE: u64 = 1 << 56;

/// An event. Words: kind, lane and name; when it began; how long it took; five values, of which the last is
/// the call that the thread works for where the kind has fewer. A span's begin has the length of its name in
/// the third word, and the name from the fourth on, in as many further words as it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record(pub(super) [u64; WORDS]);

impl Record {
    /// From one moment to another.
    pub(super) fn slice(kind: Kind, from: u64, to: u64) -> Self {
        Self([kind as u64, from, to.saturating_sub(from), 0, 0, 0, 0, 0])
    }

    pub(super) fn in_lane(mut self, lane: u32) -> Self {
        self.0[0] |= u64::from(lane) << 8 | IN_LANE;
        self
    }

    /// As an event of a thread at this place: it has the lane, unless it has one of its own, and the call.
    pub(super) fn of(self, place: Place) -> Self {
        let mut placed = match place.lane {
            Some(lane) if self.lane().is_none() => self.in_lane(lane),
            _ => self,
        };
        if KINDS[self.kind()].has_room() {
            placed.0[WORDS - 1] = place.call;
        }
        placed
    }

    /// As an event of a call that has a name.
    pub(super) fn named(mut self, name: Name) -> Self {
        self.0[0] |= u64::from(name.0) << NAME_AT;
        self
    }

    pub(super) fn with(mut self, values: [u64; 5]) -> Self {
        self.0[3..].copy_from_slice(&values);
        self
    }

    pub(super) fn kind(&self) -> usize {
        (self.0[0] & 0xff) as usize
    }

    /// The lane, if it is known.
    pub(super) fn lane(&self) -> Option<u32> {
        (self.0[0] & IN_LANE != 0).then_some((self.0[0] >> 8) as u32)
    }

    /// The call that the thread worked for, if it is known, and is not what the event is of.
    pub(super) fn around(&self) -> Option<u64> {
        let (about, call) = (&KINDS[self.kind()], self.0[WORDS - 1]);
        let own = about.has_call() && self.values()[0] == call;
        (about.has_room() && call != 0 && !own).then_some(call)
    }

    pub(super) fn name(&self) -> Name {
        Name((self.0[0] >> NAME_AT) as u16)
    }

    pub(super) fn at(&self) -> u64 {
        self.0[1]
    }

    pub(super) fn took(&self) -> u64 {
        self.0[2]
    }

    pub(super) fn values(&self) -> &[u64] {
        &self.0[3..]
    }
}

/// The most bytes of a span's name that are kept.
pub(super) const LONGEST_NAME: usize = 200;

/// What is kept of a name.
pub(super) fn kept(name: &str) -> &str {
    let mut kept = name.len().min(LONGEST_NAME);
    while !name.is_char_boundary(kept) {
        kept -= 1;
    }
    &name[..kept]
}

/// The records of a span's begin: the first, then those of the rest of the name.
pub(super) fn begin_of(name: &str, at: u64) -> impl Iterator<Item = Record> {
    const MOST: usize = records_of(LONGEST_NAME);
    let kept = kept(name);
    let mut words = [[0; WORDS]; MOST];
    let (head, text) = words.as_flattened_mut().split_at_mut(3);
    head.copy_from_slice(&[Kind::Begin as u64, at, kept.len() as u64]);
    for (word, part) in text.iter_mut().zip(kept.as_bytes().chunks(8)) {
        let mut bytes = [0; 8];
        bytes[..part.len()].copy_from_slice(part);
        *word = u64::from_le_bytes(bytes);
    }
    words.into_iter().take(records_of(kept.len())).map(Record)
}

/// How many records the begin of a span with such a name takes.
pub(super) const fn records_of(name_len: usize) -> usize {
    (3 + name_len.div_ceil(8)).div_ceil(WORDS)
}
