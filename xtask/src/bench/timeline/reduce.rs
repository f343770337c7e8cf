//! A trace, reduced to what a picture needs: threads with their slices, in whole microseconds.

use anyhow::{Context, Result};
use serde_json::{json, Value};
use std::collections::BTreeMap;

/// What slices are in a picture, a colour each; and the names that they have in traces. The program's own
/// spans are of the first kind.
pub(crate) const KINDS: [(&str, &[&str]); 8] = [
    ("callback, or span", &["chunk", "chunks", "piece", "group task", "feed", "work", "take", "combine"]),
    (
        "frame, or part",
        &[
            "compress frame",
            "compress part",
            "compress section",
            "decompress frame",
            "decompress part",
            "decode blocks",
        ],
    ),
    ("lane", &["lane", "member"]),
    ("task", &["task"]),
    ("in order", &["execute blocks", "checksum"]),
    ("read, write", &["read", "write"]),
    ("wait", &["wait"]),
    (
        "call",
        &[
            "loop",
            "reduce",
            "fold",
            "prefix",
            "apply",
            "start job",
            "team",
            "group",
            "pipeline",
            "tasks",
            "sort",
            "find order",
            "read keys",
            "find bounds",
            "count buckets",
            "fill buckets",
            "sort buckets",
            "move records",
            "compress",
            "decompress",
            "compress batch",
            "decompress batch",
            "compress file",
            "decompress file",
            "transform file",
            "concat files",
            "scan archive",
            "reduce archive",
            "read archive",
        ],
    ),
];

/// The kind of the program's own spans.
const SPAN: u64 = 0;

/// A slice, in nanoseconds.
struct Slice<'t> {
    thread: u64,
    from: u64,
    to: u64,
    kind: u64,
    name: &'t str,
}

/// What is read of a trace.
pub(crate) struct Trace<'t> {
    threads: BTreeMap<u64, &'t str>,
    /// In the order of their begins, outer ones first.
    slices: Vec<Slice<'t>>,
    /// The program's spans that are in no other one.
    spans: Vec<Slice<'t>>,
}

impl<'t> Trace<'t> {
    /// # Errors
    /// A slice is of no kind that pictures have.
    pub(crate) fn read(events: &'t [Value]) -> Result<Self> {
        let mut trace = Self { threads: BTreeMap::new(), slices: Vec::new(), spans: Vec::new() };
        let mut open: BTreeMap<u64, Vec<(&str, u64)>> = BTreeMap::new();
        for event in events {
            let name = event["name"].as_str().unwrap_or_default();
            let thread = event["tid"].as_u64().context("an event of no thread")?;
            let nanoseconds = |key: &str| (event[key].as_f64().unwrap_or(0.0) * 1000.0).round() as u64;
            let from = nanoseconds("ts");
            match event["ph"].as_str().unwrap_or_default() {
                "M" if name == "thread_name" => {
                    trace.threads.insert(thread, event["args"]["name"].as_str().unwrap_or_default());
                }
                "X" => {
                    let kind = kind_of(event["args"]["kind"].as_str().unwrap_or(name))?;
                    trace.slices.push(Slice { thread, from, to: from + nanoseconds("dur"), kind, name });
                }
                "B" => open.entry(thread).or_default().push((name, from)),
                "E" => {
                    let around = open.entry(thread).or_default();
                    let (name, begin) = around.pop().context("a span ends that has not begun")?;
                    let span = Slice { thread, from: begin, to: from, kind: SPAN, name };
                    let spans = if around.is_empty() { &mut trace.spans } else { &mut trace.slices };
                    spans.push(span);
                }
                _ => {}
            }
        }
        trace.slices.sort_by_key(|slice| (slice.from, std::cmp::Reverse(slice.to)));
        trace.spans.sort_by_key(|span| span.from);
        Ok(trace)
    }

    /// A panel for each of the program's spans.
    pub(crate) fn spans(&self) -> Vec<Value> {
        self.spans.iter().map(|span| self.panel(span, span.name)).collect()
    }

    /// A panel for the first call of this name.
    pub(crate) fn first(&self, name: &str, title: &str) -> Result<Value> {
        let call = self.slices.iter().find(|slice| slice.name == name);
        Ok(self.panel(call.with_context(|| format!("there is no {name}"))?, title))
    }

    /// What happened while something lasted. Its thread comes first. Slices are the kind, the begin and the
    /// length each; those within others have a list of their own.
    fn panel(&self, around: &Slice<'_>, title: &str) -> Value {
        let mut threads: BTreeMap<_, Nested> = BTreeMap::new();
        let is_seen = |slice: &&Slice<'_>| slice.from < around.to && slice.to > around.from;
        for slice in self.slices.iter().filter(is_seen) {
            let nested = threads.entry((slice.thread != around.thread, slice.thread)).or_default();
            nested.open.retain(|&end| end > slice.from);
            let depth = nested.open.len();
            nested.open.push(slice.to);
            if nested.depths.len() == depth {
                nested.depths.push(Vec::new());
            }
            let microseconds = |at: u64| (at.clamp(around.from, around.to) - around.from + 500) / 1000;
            let (from, to) = (microseconds(slice.from), microseconds(slice.to));
            nested.depths[depth].extend([slice.kind, from, to - from]);
        }
        let threads: Vec<_> = threads
            .iter()
            .map(|((_, thread), nested)| {
                json!({"name": self.threads.get(thread).copied().unwrap_or("?"), "depths": nested.depths})
            })
            .collect();
        json!({"title": title, "took": (around.to - around.from + 500) / 1000, "threads": threads})
    }
}

/// The slices of a thread so far.
#[derive(Default)]
struct Nested {
    /// The ends of those that have not ended.
    open: Vec<u64>,
    depths: Vec<Vec<u64>>,
}

fn kind_of(name: &str) -> Result<u64> {
    let kind = KINDS.iter().position(|(_, names)| names.contains(&name));
    Ok(kind.with_context(|| format!("pictures have no kind for slices {name:?}"))? as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the library traces.
    #[test]
    fn each_slice_is_of_a_kind() {
        let source = crate::repo::read("src/trace/event.rs").unwrap();
        let slices =
            source.lines().filter(|line| line.contains(", Form::Slice") || line.contains(", Form::Helper"));
        let names: Vec<_> = slices.filter_map(|line| line.split('"').nth(1)).collect();
        assert!(names.len() > 40, "{names:?}");
        for name in names {
            kind_of(name).unwrap();
        }
    }

    #[test]
    fn slices_of_a_span_by_thread_and_depth() {
        let slice = |name: &str, thread: u64, ts: f64, dur: f64| json!({"ph": "X", "name": name, "tid": thread, "ts": ts, "dur": dur, "args": {}});
        let span = |phase: &str, name: &str, ts: f64| json!({"ph": phase, "name": name, "tid": 2, "ts": ts});
        let events = [
            json!({"ph": "M", "name": "thread_name", "tid": 2, "args": {"name": "main"}}),
            slice("loop", 2, 1.0, 5.0), // before the span
            span("B", "shown", 10.0),
            slice("lane", 1, 8.0, 7.5), // begins before it
            slice("chunk", 2, 11.5, 2.0),
            slice("lane", 2, 11.5, 6.0),
            json!({"ph": "X", "name": "by name", "tid": 2, "ts": 11.0, "dur": 8.0, "args": {"kind": "loop"}}),
            slice("chunk", 2, 14.0, 2.2),
            span("B", "inner", 19.5),
            span("E", "", 20.0),
            span("E", "", 30.0),
        ];
        let trace = Trace::read(&events).unwrap();
        let threads = json!([
            {"name": "main", "depths": [[7, 1, 8, 0, 10, 0], [2, 2, 6], [0, 2, 2, 0, 4, 2]]},
            {"name": "?", "depths": [[2, 0, 6]]},
        ]);
        assert_eq!(trace.spans(), [json!({"title": "shown", "took": 20, "threads": threads})]);
        assert_eq!(trace.first("by name", "a call").unwrap()["took"], 8);
        assert!(trace.first("reduce", "a call").is_err());
        let unknown = [slice("something new", 1, 0.0, 1.0)];
        assert!(Trace::read(&unknown).is_err());
    }
}
