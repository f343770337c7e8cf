//! Events as text: the trace event format.

use super::event::{records_of, Form, Record, KINDS};
use super::names::{Name, Names};
use super::output::Output;
use super::ring::Ring;
use super::{CHUNKS, CODEC, FILES, LOOPS, TASKS};
use crate::os::clock;
use std::fmt::{self, Write};
use std::sync::atomic::Ordering;

/// Writing to a `String` does not fail.
fn write(text: &mut String, arguments: fmt::Arguments<'_>) {
    let _ = text.write_fmt(arguments);
}

macro_rules! put {
    ($text:expr, $($argument:tt)*) => { write($text, format_args!($($argument)*)) };
}

/// The clock of all times.
const CLOCK: &str = if cfg!(windows) { "QueryPerformanceCounter" } else { "CLOCK_MONOTONIC" };

/// The name of a category.
fn category(bit: u32) -> &'static str {
    match bit {
        LOOPS => "loops",
        CHUNKS => "chunks",
        TASKS => "tasks",
        CODEC => "codec",
        FILES => "files",
        _ => "user",
    }
}

/// A moment, in microseconds.
fn moment(text: &mut String, name: &str, nanoseconds: u64) {
    put!(text, ",\"{name}\":{}.{:03}", nanoseconds / 1000, nanoseconds % 1000);
}

/// A text between quotation marks.
fn quoted(text: &mut String, content: &str) {
    text.push('"');
    for letter in content.chars() {
        match letter {
            '"' | '\\' => text.extend(['\\', letter]),
            '\0'..='\x1f' => put!(text, "\\u{:04x}", letter as u32),
            _ => text.push(letter),
        }
    }
    text.push('"');
}

/// What an event is, and whose.
fn head(text: &mut String, name: &str, category: &str, phase: &str, thread: u64) {
    text.push_str("{\"name\":");
    quoted(text, name);
    put!(text, ",\"cat\":\"{category}\",\"ph\":\"{phase}\",\"pid\":{},\"tid\":{thread}", std::process::id());
}

/// What a file begins with.
pub(super) fn begin(output: &mut Output) {
    let about = |name: &str, key: &str, value: &str| {
        let mut text = String::new();
        put!(&mut text, "{{\"name\":\"{name}\",\"ph\":\"M\",\"pid\":{}", std::process::id());
        put!(&mut text, ",\"tid\":0,\"args\":{{\"{key}\":");
        quoted(&mut text, value);
        text.push_str("}}");
        text
    };
    let program =
        std::env::current_exe().ok().and_then(|path| Some(path.file_stem()?.to_string_lossy().into_owned()));
    let program = program.unwrap_or_else(|| "fastpar".into());
    for text in [
        about("process_name", "name", &program),
        about("fastpar_clock", "clock", CLOCK),
        about("fastpar_version", "version", env!("CARGO_PKG_VERSION")),
    ] {
        output.event(|file| file.push_str(&text));
    }
}

/// Events that had no room, so far.
pub(super) fn lost(output: &mut Output, count: u64) {
    output.event(|text| {
        head(text, "lost events", "fastpar", "C", 0);
        moment(text, "ts", clock::now());
        put!(text, ",\"args\":{{\"lost\":{count}}}}}");
    });
}

/// The events of a thread that wait in its ring; `names`: those of calls.
pub(super) fn ring(output: &mut Output, ring: &Ring, names: &Names) {
    ring.drain(|record, at| {
        // Relaxed: written by the thread that writes the file, under its lock.
        if !ring.is_named.swap(true, Ordering::Relaxed) {
            output.event(|text| {
                put!(text, "{{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":{}", std::process::id());
                put!(text, ",\"tid\":{},\"args\":{{\"name\":", ring.thread);
                quoted(text, &ring.name);
                text.push_str("}}");
            });
        }
        event(output, ring.thread, names.get(record.name()), record, at)
    });
}

/// Writes an event, of a call that the program calls `name`; returns how many records it was.
fn event(
    output: &mut Output,
    thread: u64,
    name: Option<&str>,
    record: &Record,
    at: &dyn Fn(u64) -> Record,
) -> u64 {
    let about = &KINDS[record.kind()];
    let cat = category(about.category);
    match about.form {
        Form::Slice => output.event(|text| {
            let single = about.name == "chunks" && record.values()[2] == 1;
            let kind = if single { "chunk" } else { about.name };
            head(text, name.unwrap_or(kind), cat, "X", thread);
            moment(text, "ts", record.at());
            moment(text, "dur", record.took());
            values(text, record, about.values);
        }),
        Form::Helper => {
            let &[call, caller, began, ..] = record.values() else { return 1 };
            output.event(|text| {
                head(text, name.unwrap_or(about.name), cat, "X", thread);
                moment(text, "ts", record.at());
                moment(text, "dur", record.took());
                values(text, record, about.values);
            });
            // Each helper has an arrow of its own: an arrow's number must have one end.
            let arrow = |text: &mut String, phase: &str, of: u64, at: u64| {
                head(text, about.name, cat, phase, of);
                moment(text, "ts", at);
                let process = std::process::id(); // joined files must not join arrows
                put!(text, ",\"id\":\"{process}.{call}.{thread}.{}\"", record.at());
                text.push_str(if phase == "f" { ",\"bp\":\"e\"}" } else { "}" });
            };
            if caller != thread {
                output.event(|text| arrow(text, "s", caller, began));
                output.event(|text| arrow(text, "f", thread, record.at()));
            }
        }
        Form::Async(phase) => output.event(|text| {
            head(text, name.unwrap_or(about.name), cat, phase, thread);
            moment(text, "ts", record.at());
            put!(text, ",\"id\":\"{}.{}\"", std::process::id(), record.values()[0]);
            values(text, record, about.values);
        }),
        Form::Begin => {
            let len = record.took() as usize;
            let count = records_of(len) as u64;
            let words = (0..count).flat_map(|record| at(record).0).skip(3);
            let bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).take(len).collect();
            output.event(|text| {
                head(text, &String::from_utf8_lossy(&bytes), cat, "B", thread);
                moment(text, "ts", record.at());
                text.push('}');
            });
            return count;
        }
        Form::End => output.event(|text| {
            put!(text, "{{\"ph\":\"E\",\"cat\":\"{cat}\",\"pid\":{},\"tid\":{thread}", std::process::id());
            moment(text, "ts", record.at());
            text.push('}');
        }),
        Form::Counter => output.event(|text| {
            head(text, about.name, cat, "C", thread);
            moment(text, "ts", record.at());
            values(text, record, about.values);
        }),
    }
    1
}

/// The values of an event, and its end.
fn values(text: &mut String, record: &Record, names: &[&str]) {
    let about = &KINDS[record.kind()];
    text.push_str(",\"args\":{");
    let mut comma = "";
    if record.name() != Name::NONE {
        put!(text, "\"kind\":\"{}\"", about.name);
        comma = ",";
    }
    if let (Form::Slice | Form::Helper, Some(lane)) = (&about.form, record.lane()) {
        put!(text, "{comma}\"lane\":{lane}");
        comma = ",";
    }
    // The call that it is a part of; where it is a call itself, the one around it.
    if let Some(call) = record.around() {
        put!(text, "{comma}\"{}\":{call}", if about.has_call() { "within" } else { "call" });
        comma = ",";
    }
    for (name, value) in names.iter().zip(record.values()) {
        put!(text, "{comma}\"{name}\":{value}");
        comma = ",";
    }
    text.push_str("}}");
}
