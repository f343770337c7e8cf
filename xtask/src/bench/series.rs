//! Series over one condition: the same job by 1 to 24 threads, the same work in chunks of any size, and work
//! after a pause.

use super::build::Loops;
use super::loops::{self, Cell, Cells};
use super::{machine, Effort};
use anyhow::Result;
use serde_json::{json, Value};
use std::fmt::Write;

/// What is done by 1 to 24 threads.
const JOB: &str = "work-13ms-240";
const THREADS: [u32; 7] = [1, 2, 4, 8, 12, 16, 24];
const FEW_THREADS: [u32; 2] = [2, 24];

/// Cells by the nanoseconds of work in a chunk, 4 ms of work in total.
const CHUNKS: [(f64, &str); 7] = [
    (30.0, "chunks-30ns"),
    (100.0, "chunks-100ns"),
    (300.0, "chunks-300ns"),
    (1e3, "chunks-1us"),
    (3e3, "chunks-3us"),
    (10e3, "chunks-10us"),
    (100e3, "chunks-100us"),
];
/// The work of all chunks, in nanoseconds.
const WORK: f64 = 4e6;
/// Threads that work on chunks of any size.
const POOL: u32 = 24;

/// Work that comes after a pause, when threads that wait have gone to sleep, and what it is called.
const COLD: [(&str, &str); 2] = [("cold-130us-24", "130 us"), ("cold-1ms-24", "1 ms")];

/// Measures them.
pub(super) fn measure(built: &Loops, effort: Effort) -> Result<Value> {
    let mut measuring = Cells::new(built, effort)?;
    let threads = if effort.is_quick() { &FEW_THREADS[..] } else { &THREADS };
    let mut scaling = Vec::new();
    for &threads in threads {
        println!("  {threads} threads");
        scaling.push(measuring.measure(Cell { name: JOB, threads, callers: 1, without: &[] })?);
    }
    let mut cold = Vec::new();
    for (name, _) in COLD {
        for threads in [2, POOL] {
            println!("  {name}, {threads} threads");
            cold.push(measuring.measure(Cell { name, threads, callers: 1, without: &["pthreadpool"] })?);
        }
    }
    let mut chunks = Vec::new();
    for (ns, name) in CHUNKS.into_iter().step_by(if effort.is_quick() { 3 } else { 1 }) {
        println!("  chunks of {ns} ns");
        let mut cell =
            measuring.measure(Cell { name, threads: POOL, callers: 1, without: &["pthreadpool"] })?;
        cell["chunk_ns"] = ns.into();
        chunks.push(cell);
    }
    Ok(json!({
        "machine": machine::describe()?,
        "versions": machine::versions()?,
        "rounds": effort.rounds,
        "milliseconds": effort.milliseconds,
        "iterations_per_us": measuring.speed,
        "scaling": scaling,
        "cold": cold,
        "chunks": chunks,
    }))
}

/// CPU time that a library had for one chunk, in nanoseconds: the work in it and everything else.
pub(super) fn cost_of_chunk(results: &Value, cell: &Value, peer: &str) -> Option<f64> {
    let cpus = if peer == "serial" { 1.0 } else { results["machine"]["cpus"].as_f64()? };
    let (us, _) = loops::best(cell, peer)?;
    Some(us * 1e3 * cpus * cell["chunk_ns"].as_f64()? / WORK)
}

/// The tables.
pub(super) fn tables(results: &Value) -> String {
    let mut text = machine::sentence(results);
    let list = |name: &str| results[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let head = |text: &mut String, first: &str| {
        let names: Vec<_> = loops::PEERS.iter().map(|row| row.0).collect();
        let _ = write!(
            text,
            "\n| {first} | {} |\n| ---: |{}\n",
            names.join(" | "),
            " ---: |".repeat(names.len())
        );
    };
    text += "\nThe same 13 ms of work in 240 chunks, by any number of threads, in ms:\n";
    head(&mut text, "threads");
    for cell in list("scaling") {
        let _ = write!(text, "| {} |", cell["threads"]);
        for (peer, _) in loops::PEERS {
            let _ = match loops::best(cell, peer) {
                Some((us, _)) => write!(text, " {:.2} |", us / 1e3),
                None => write!(text, " - |"),
            };
        }
        text += "\n";
    }
    text += "\nWork in 24 chunks, 2 ms after the last call, when threads that do not spin have gone to sleep, in us:\n";
    head(&mut text, "work, threads");
    for cell in list("cold") {
        let title = COLD.iter().find(|row| cell["cell"] == row.0).map_or("", |row| row.1);
        let _ = write!(text, "| {title}, {} |", cell["threads"]);
        for (peer, _) in loops::PEERS {
            let _ = match loops::best(cell, peer) {
                Some((us, _)) => write!(text, " {us:.0} |"),
                None => write!(text, " - |"),
            };
        }
        text += "\n";
    }
    let _ = write!(
        text,
        "\nThe same 4 ms of work in chunks of any size, by {POOL} threads: what a chunk takes of a CPU, in ns. The serial loop \
         shows what the work itself takes; pthreadpool, whose threads wait spinning, is left out.\n"
    );
    head(&mut text, "work in a chunk, ns");
    for cell in list("chunks") {
        let _ = write!(text, "| {} |", cell["chunk_ns"].as_f64().unwrap_or(f64::NAN));
        for (peer, _) in loops::PEERS {
            let _ = match cost_of_chunk(results, cell, peer) {
                Some(ns) => write!(text, " {ns:.0} |"),
                None => write!(text, " - |"),
            };
        }
        text += "\n";
    }
    text
}
