//! Tasks, pipelines, prefix sums and sorting: one process per library and turn, the libraries in turn, cell
//! by cell, as for loops.

use super::build::{self, Loops};
use super::runner::{median, Measured, Runner};
use super::{machine, Effort};
use crate::stage::Staged;
use anyhow::{bail, Result};
use serde_json::{json, Map, Value};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

const PEERS: [&str; 5] = ["fastpar", "oneTBB", "rayon", "libgomp", "std::par"];

struct Cell {
    /// The driver's name for it.
    name: &'static str,
    /// What peers are asked for.
    variant: &'static str,
    title: &'static str,
    threads: &'static [u32],
    /// Calls of a process.
    calls: u32,
    /// Peers that do something else.
    without: &'static [&'static str],
    /// Nanoseconds of the unit that the table has.
    unit: f64,
}

const ALL: &[u32] = &[2, 24];

const fn cell(name: &'static str, title: &'static str, calls: u32) -> Cell {
    Cell { name, variant: "-", title, threads: ALL, calls, without: &[], unit: 1e6 }
}

const CELLS: [Cell; 10] = [
    Cell { threads: &[1, 2, 24], unit: 1.0, ..cell("spawn", "an empty task, ns", 5) },
    cell("fib", "`fib(30)` by tasks to 15", 31),
    cell("quicksort", "quicksort of 20 million u64 by tasks", 3),
    cell("tree", "tree of 10 million nodes by tasks", 3),
    cell("pipeline", "pipeline, 100,000 items of 10 us", 1),
    cell("scan", "exclusive scan, 100 million u32", 5),
    cell("sort-u64", "sort of 20 million u64", 3),
    cell("sort-f64", "sort of 20 million doubles", 3),
    Cell {
        variant: "stable",
        without: &["oneTBB"],
        ..cell("sort-records", "sort of 5 million 48-byte records, stable", 3)
    },
    Cell { variant: "unstable", ..cell("sort-records", "the same, fastpar stable, others not", 3) },
];

/// Times that every library has its turn.
const ROUNDS: usize = 3;
/// Seconds after which a library counts as hung.
const LIMIT: &str = "60";

/// Measures every cell.
pub(super) fn measure(staged: &Staged, effort: Effort) -> Result<Value> {
    let built = build::tasks(staged)?;
    let calibration = Command::new(&built.driver).arg("calibrate").output()?;
    let speed = String::from_utf8_lossy(&calibration.stdout).trim().to_owned();
    let mut runner = Runner::new(effort.patience);
    let rounds = if effort.is_quick() { 1 } else { ROUNDS };
    let mut cells = Vec::new();
    for cell in &CELLS {
        let calls = if effort.is_quick() { 1 } else { cell.calls };
        for &threads in cell.threads {
            println!("  {}, {} threads", cell.title, threads);
            cells.push(measure_cell(&built, &mut runner, cell, threads, [rounds, calls as usize], &speed)?);
        }
    }
    Ok(json!({
        "machine": machine::describe()?,
        "versions": machine::versions()?,
        "rounds": rounds,
        "iterations_per_us": speed,
        "cells": cells,
    }))
}

/// All libraries in one cell, in turn; each round begins with another one.
fn measure_cell(
    built: &Loops,
    runner: &mut Runner,
    cell: &Cell,
    threads: u32,
    [rounds, calls]: [usize; 2],
    speed: &str,
) -> Result<Value> {
    let mut found: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut gone: Map<String, Value> = Map::new();
    for round in 0..rounds {
        for peer in PEERS.iter().cycle().skip(round).take(PEERS.len()).copied() {
            if cell.without.contains(&peer) || gone.contains_key(peer) {
                continue;
            }
            let mut command = Command::new(&built.driver);
            command.arg(built.peers.join(file(peer)).with_extension("so"));
            command.args([cell.variant, &threads.to_string(), cell.name, &calls.to_string(), speed, LIMIT]);
            let why = match runner.figures(&mut command)? {
                Measured::Figures(figures) if figures.contains_key("missing") => "-".to_owned(),
                Measured::Figures(figures) => {
                    found.entry(peer).or_default().extend(figures["ns"].as_f64());
                    continue;
                }
                Measured::Crashed(text) if peer == "fastpar" => bail!(text),
                Measured::Crashed(text) => {
                    println!("{text}");
                    "crashed".into()
                }
                Measured::TimedOut => format!("> {LIMIT} s"),
            };
            gone.insert(peer.into(), why.into());
        }
    }
    found.retain(|peer, _| !gone.contains_key(*peer));
    Ok(json!({
        "cell": cell.name,
        "variant": cell.variant,
        "threads": threads,
        "rounds_ns": found,
        "gone": gone,
    }))
}

/// The name of a peer's shared object.
pub(super) fn file(peer: &str) -> String {
    format!("tasks-{}", peer.replace("::", "-"))
}

/// The nanoseconds of a library in a cell.
fn rounds(cell: &Value, peer: &str) -> Vec<f64> {
    cell["rounds_ns"][peer].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
}

/// fastpar's time over that of the best peer: the geometric mean of the rounds' ratios.
fn over_best(cell: &Value) -> f64 {
    let mine = rounds(cell, "fastpar");
    let others = PEERS.iter().filter(|&&peer| peer != "fastpar").map(|peer| rounds(cell, peer));
    others
        .filter(|theirs| !theirs.is_empty())
        .map(|theirs| {
            let logarithms = mine.iter().zip(&theirs).map(|(mine, theirs)| (mine / theirs).ln());
            (logarithms.sum::<f64>() / mine.len().min(theirs.len()) as f64).exp()
        })
        .fold(f64::NAN, f64::max)
}

/// The table.
pub(super) fn tables(results: &Value) -> String {
    let mut text = machine::sentence(results);
    text += "Milliseconds, where nothing else is said.\n\n| | threads |";
    for peer in PEERS {
        let _ = write!(text, " {peer} |");
    }
    let _ = writeln!(text, " fastpar / best |\n| --- | ---: |{} ---: |", " ---: |".repeat(PEERS.len()));
    for row in results["cells"].as_array().into_iter().flatten() {
        let known = |cell: &&Cell| row["cell"] == cell.name && row["variant"] == cell.variant;
        let Some(cell) = CELLS.iter().find(known) else { continue };
        let _ = write!(text, "| {} | {} |", cell.title, row["threads"]);
        for peer in PEERS {
            let _ = match rounds(row, peer).as_slice() {
                [] => write!(text, " {} |", row["gone"][peer].as_str().unwrap_or("-")),
                rounds => {
                    let value = median(rounds) / cell.unit;
                    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
                    write!(text, " {value:.digits$} |")
                }
            };
        }
        let ratio = over_best(row);
        let mark = if ratio > 1.05 { "**" } else { "" };
        let _ = writeln!(text, " {mark}{ratio:.2}{mark} |");
    }
    text
}
