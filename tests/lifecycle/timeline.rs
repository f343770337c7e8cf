//! The file of a timeline, as tests read it.

use serde_json::Value;
use std::path::Path;

/// An event of a file, in nanoseconds.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) phase: String,
    pub(crate) thread: u64,
    pub(crate) at: u64,
    pub(crate) took: u64,
    pub(crate) all: Value,
}

impl Event {
    pub(crate) fn value(&self, name: &str) -> u64 {
        self.all["args"][name].as_u64().unwrap_or_else(|| panic!("{name} of {:?}", self.all))
    }

    pub(crate) fn end(&self) -> u64 {
        self.at + self.took
    }

    /// Whether another event of the same thread lies within this one.
    pub(crate) fn holds(&self, other: &Self) -> bool {
        self.thread == other.thread && self.at <= other.at && other.end() <= self.end()
    }
}

/// A file, which is a whole JSON array of events.
pub(crate) struct Timeline(pub(crate) Vec<Event>);

impl Timeline {
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("the file is there");
        let events: Vec<Value> =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let nanoseconds = |value: &Value| match value {
            Value::Null => 0,
            value => (value.as_f64().expect("a number") * 1000.0).round() as u64,
        };
        let event = |all: Value| {
            assert!(all["pid"].is_u64() && all["ph"].is_string(), "{all}");
            Event {
                name: all["name"].as_str().unwrap_or_default().to_owned(),
                phase: all["ph"].as_str().unwrap_or_default().to_owned(),
                thread: all["tid"].as_u64().expect("a thread"),
                at: nanoseconds(&all["ts"]),
                took: nanoseconds(&all["dur"]),
                all,
            }
        };
        let timeline = Self(events.into_iter().map(event).collect());
        timeline.check_nesting();
        timeline
    }

    /// Slices of a thread lie within each other, or apart.
    fn check_nesting(&self) {
        let mut slices: Vec<_> = self.0.iter().filter(|event| event.phase == "X").collect();
        slices.sort_by_key(|slice| (slice.thread, slice.at, std::cmp::Reverse(slice.end())));
        let mut around: Vec<&Event> = Vec::new();
        for slice in slices {
            around.retain(|outer| outer.thread == slice.thread && outer.end() > slice.at);
            if let Some(outer) = around.last() {
                assert!(outer.holds(slice), "{slice:?} goes on after {outer:?}");
            }
            around.push(slice);
        }
    }

    pub(crate) fn of<'s>(&'s self, phase: &'s str, name: &'s str) -> impl Iterator<Item = &'s Event> + Clone {
        self.0.iter().filter(move |event| event.phase == phase && event.name == name)
    }

    pub(crate) fn slices<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Event> + Clone {
        self.of("X", name)
    }

    /// Chunks, single or claimed together.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &Event> + Clone {
        self.slices("chunk").chain(self.slices("chunks"))
    }

    pub(crate) fn lost(&self) -> u64 {
        self.of("C", "lost events").map(|event| event.value("lost")).max().unwrap_or(0)
    }

    /// How many loops a file has that is being written.
    #[cfg(target_os = "linux")]
    pub(crate) fn read_if_whole(path: &Path) -> usize {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let whole: Result<Vec<Value>, _> = serde_json::from_str(&text);
        whole.map_or(0, |events| events.iter().filter(|event| event["name"] == "loop").count())
    }
}
