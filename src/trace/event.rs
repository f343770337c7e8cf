//! What is traced: kinds of events, and the form that they have in a ring.

use super::names::Name;
use super::{CHUNKS, CODEC, FILES, LOOPS, TASKS, USER};

/// The words of an event in a ring.
pub(super) const WORDS: usize = 8;

/// A kind of event. The order is that of `KINDS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A loop, from its begin to its end, on the thread that called it.
    Loop,
    /// A lane of a loop, on its thread, from when it comes until nothing is left to claim.
    Lane,
    /// Chunks that were claimed at once: one, unless they are so short that lanes claim several.
    Chunks,
    /// The call that starts a job.
    Start,
    /// A job begins, and ends.
    JobBegins,
    JobEnds,
    /// A team, and a member of a team.
    Team,
    Member,
    /// A call that runs tasks of the codec, a lane of the call, and what it claims.
    Tasks,
    TaskLane,
    Task,
    /// A task of a stream.
    Stage,
    /// A call on files, or on memory.
    CompressFile,
    DecompressFile,
    Compress,
    Decompress,
    /// A frame, or a section of one.
    CompressFrame,
    DecompressFrame,
    Read,
    Write,
    /// A thread waits for others.
    Wait,
    /// The program's own spans.
    Begin,
    End,
    /// Counters: lanes at work, bytes of the codec.
    BusyLanes,
    Bytes,
}

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

const fn about(name: &'static str, category: u32, form: Form, values: &'static [&'static str]) -> About {
    About { name, category, form, values }
}

/// All kinds.
pub(super) static KINDS: [About; 25] = [
    about("loop", LOOPS, Form::Slice, &["call", "chunks", "items", "lanes"]),
    about("lane", LOOPS, Form::Helper, &["call"]),
    about("chunks", CHUNKS, Form::Slice, &["call", "first", "chunks", "begin", "end"]),
    about("start job", LOOPS, Form::Slice, &["call", "chunks", "items", "lanes"]),
    about("job", LOOPS, Form::Async("b"), &["call"]),
    about("job", LOOPS, Form::Async("e"), &["call"]),
    about("team", LOOPS, Form::Slice, &["call", "members"]),
    about("member", LOOPS, Form::Helper, &["call"]),
    about("tasks", TASKS, Form::Slice, &["call", "tasks", "", "lanes"]),
    about("lane", TASKS, Form::Helper, &["call"]),
    about("task", TASKS, Form::Slice, &["call", "first", "tasks"]),
    about("task", TASKS, Form::Slice, &["number"]),
    about("compress file", CODEC, Form::Slice, &["bytes in", "bytes out", "frames"]),
    about("decompress file", CODEC, Form::Slice, &["bytes in", "bytes out", "frames"]),
    about("compress", CODEC, Form::Slice, &["bytes in", "bytes out"]),
    about("decompress", CODEC, Form::Slice, &["bytes in", "bytes out"]),
    about("compress frame", CODEC, Form::Slice, &["bytes in", "bytes out"]),
    about("decompress frame", CODEC, Form::Slice, &["bytes in", "bytes out"]),
    about("read", FILES, Form::Slice, &["bytes"]),
    about("write", FILES, Form::Slice, &["bytes"]),
    about("wait", LOOPS, Form::Slice, &[]),
    about("", USER, Form::Begin, &[]),
    about("", USER, Form::End, &[]),
    about("busy lanes", LOOPS, Form::Counter, &["lanes"]),
    about("bytes", CODEC, Form::Counter, &["in", "out"]),
];

/// Where the name stands in the first word.
const NAME_AT: u32 = 40;

/// An event. Words: kind, lane and name; when it began; how long it took; five values. A span's begin has the
/// length of its name in the third word, and the name from the fourth on, in as many further words as
/// it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record(pub(super) [u64; WORDS]);

impl Record {
    /// From one moment to another.
    pub(super) fn slice(kind: Kind, lane: u32, from: u64, to: u64) -> Self {
        let head = kind as u64 | u64::from(lane) << 8;
        Self([head, from, to.saturating_sub(from), 0, 0, 0, 0, 0])
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

    pub(super) fn lane(&self) -> u64 {
        self.0[0] >> 8 & u64::from(u32::MAX)
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
