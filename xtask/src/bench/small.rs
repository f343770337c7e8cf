//! Small calls of many threads at once: what a call takes, beside libzstd with contexts of the threads' own,
//! and without.

use super::data::{self, Data};
use super::runner::Runner;
use super::{build, machine, Effort};
use crate::stage::Staged;
use anyhow::Result;
use serde_json::{json, Value};
use std::fmt::Write;
use std::process::Command;

const SIZES: [u64; 3] = [100, 1_000, 10_000];
const THREADS: [u32; 3] = [1, 2, 24];
/// Pieces that the calls are made for, one after the other.
const PIECES: u64 = 256;
/// Turns that each way has.
const TURNS: usize = 41;
const FEW_TURNS: usize = 3;
/// Bytes of all calls of a turn, when each call counts for so many more.
const WORK: u64 = 8_000_000;
const CALL: u64 = 1_000;

/// A title, and the program's name for it.
const WAYS: [(&str, &str); 3] = [("fastpar", "fastpar"), ("own context", "bare"), ("one-shot", "one_shot")];

/// Measures it.
pub(super) fn measure(staged: &Staged, effort: Effort) -> Result<Value> {
    let program = build::small(staged)?;
    let turns = if effort.is_quick() { FEW_TURNS } else { TURNS };
    let mut runner = Runner::new(effort.patience);
    let mut cells = Vec::new();
    for data in &data::prepare(effort)? {
        for size in SIZES {
            println!("  {}, {size} bytes", data.title);
            for threads in THREADS {
                cells.push(cell(&mut runner, Command::new(&program), data, size, threads, turns)?);
            }
        }
    }
    Ok(json!({
        "machine": machine::describe()?,
        "versions": machine::versions()?,
        "turns": turns,
        "cells": cells,
    }))
}

fn cell(
    runner: &mut Runner,
    mut program: Command,
    data: &Data,
    size: u64,
    threads: u32,
    turns: usize,
) -> Result<Value> {
    let calls = WORK / (size + CALL) / u64::from(threads);
    program.arg(data.sized(PIECES * size)?);
    program.args([size, u64::from(threads), calls, turns as u64].map(|number| number.to_string()));
    let mut figures = runner.must(program.env_remove("FASTPAR_THREADS"))?;
    figures.insert("data".into(), data.title.into());
    figures.insert("bytes".into(), size.into());
    figures.insert("threads".into(), threads.into());
    Ok(figures.into())
}

/// The tables.
pub(super) fn tables(results: &Value) -> String {
    let mut text = machine::sentence(results);
    for (name, title) in [("compress", "Compressing at level 3"), ("decompress", "Decompressing")] {
        let _ = write!(
            text,
            "\n{title}: microseconds a call, when so many threads call at once.\n\n| bytes, threads | {} | fastpar / own |\n\
             | --- |{} ---: |\n",
            WAYS.map(|way| way.0).join(" | "),
            " ---: |".repeat(WAYS.len())
        );
        for cell in results["cells"].as_array().into_iter().flatten() {
            let data = cell["data"].as_str().unwrap_or_default();
            let _ = write!(text, "| {} of {data}, {} |", cell["bytes"], cell["threads"]);
            let ns = |way: &str| cell[name][way]["ns"].as_f64().unwrap_or(f64::NAN);
            for (_, way) in WAYS {
                let _ = write!(text, " {:.2} |", ns(way) / 1e3);
            }
            let _ = writeln!(text, " {:.2} |", cell[name]["fastpar"]["ratio"].as_f64().unwrap_or(f64::NAN));
        }
    }
    text
}
