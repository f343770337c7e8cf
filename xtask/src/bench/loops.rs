//! Loops: one process per library and turn, the libraries in turn, cell by cell.
//!
//! Every process measures one library in one cell and ends, so that no library's idle threads spin beside
//! another's, and a slow minute of the machine hits all alike.

use super::build::Loops;
use super::runner::{median, Measured, Runner};
use super::{machine, Effort};
use anyhow::{bail, Result};
use serde_json::{json, Map, Value};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

/// Libraries, each with its ways to schedule a loop; in each cell the best of these counts.
pub(super) const PEERS: [(&str, &[&str]); 7] = [
    ("fastpar", &["-"]),
    ("libgomp", &["static", "dynamic"]),
    ("libomp", &["static", "dynamic"]),
    ("oneTBB", &["auto", "simple"]),
    ("pthreadpool", &["-"]),
    ("rayon", &["-"]),
    ("serial", &["-"]),
];

const CELLS: [(&str, &str); 9] = [
    ("empty-24", "24 empty chunks"),
    ("empty-2400", "2,400 empty chunks"),
    ("empty-240000", "240,000 empty chunks"),
    ("work-130us-24", "130 us in 24 chunks"),
    ("work-13ms-24", "13 ms in 24 chunks"),
    ("work-13ms-10000", "13 ms in 10,000 chunks"),
    ("skewed-13ms-24", "13 ms in 24, one tenfold"),
    ("sum-64MiB", "sum of 64 MiB"),
    ("nested-24x24", "24 x 24 empty, nested"),
];

const THREADS: [u32; 2] = [2, 24];

/// Seconds after which a library counts as hung.
const LIMIT: &str = "4";
/// A library that hung so often at one number of threads is not measured there again.
const GIVE_UP: usize = 3;

/// A cell's conditions.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    pub(super) name: &'static str,
    pub(super) threads: u32,
    pub(super) callers: u32,
    /// Libraries that are not measured.
    pub(super) without: &'static [&'static str],
}

/// What measures cells.
pub(super) struct Cells<'b> {
    built: &'b Loops,
    runner: Runner,
    effort: Effort,
    /// Steps of the driver's work in a microsecond.
    pub(super) speed: String,
    /// How often a library hung, at a number of threads.
    gone: BTreeMap<(&'static str, u32), usize>,
}

/// Measures every cell.
pub(super) fn measure(built: &Loops, effort: Effort) -> Result<Value> {
    let mut measuring = Cells::new(built, effort)?;
    let mut cells = Vec::new();
    for &callers in effort.callers {
        for threads in THREADS {
            for (name, _) in CELLS {
                // pthreadpool's loops take a lock that a nested loop waits for.
                let without: &[&str] = if name.starts_with("nested") { &["pthreadpool"] } else { &[] };
                println!("  {callers} callers, {threads} threads, {name}");
                cells.push(measuring.measure(Cell { name, threads, callers, without })?);
            }
        }
    }
    Ok(json!({
        "machine": machine::describe()?,
        "versions": machine::versions()?,
        "rounds": effort.rounds,
        "milliseconds": effort.milliseconds,
        "iterations_per_us": measuring.speed,
        "cells": cells,
    }))
}

impl<'b> Cells<'b> {
    pub(super) fn new(built: &'b Loops, effort: Effort) -> Result<Self> {
        let calibration = Command::new(&built.driver).arg("calibrate").output()?;
        let speed = String::from_utf8_lossy(&calibration.stdout).trim().to_owned();
        Ok(Self { built, runner: Runner::new(effort.patience), effort, speed, gone: BTreeMap::new() })
    }

    /// All libraries in one cell, in turn.
    pub(super) fn measure(&mut self, cell: Cell) -> Result<Value> {
        let Self { built, runner, effort, speed, gone } = self;
        let mut figures: BTreeMap<(&str, &str), Vec<Map<String, Value>>> = BTreeMap::new();
        let (mut late, mut crashed) = (Vec::new(), Vec::new());
        for round in 0..effort.rounds * repeated(cell.name) {
            // Another library begins each time: what ran before leaves the processors warm, or one of them
            // cold.
            for (peer, variants) in PEERS.iter().cycle().skip(round).take(PEERS.len()).copied() {
                let asked = !cell.without.contains(&peer);
                let given_up = gone.get(&(peer, cell.threads)).is_some_and(|&times| times >= GIVE_UP);
                for variant in variants.iter().filter(|_| asked && !given_up) {
                    if late.contains(&(peer, *variant)) || crashed.contains(&(peer, *variant)) {
                        continue;
                    }
                    let mut command = Command::new(&built.driver);
                    command.arg(built.peers.join(peer).with_extension("so")).arg(variant);
                    command.args([&cell.threads.to_string(), cell.name, &cell.callers.to_string()]);
                    command.args([&effort.milliseconds.to_string(), speed.as_str(), LIMIT]);
                    match runner.figures(&mut command)? {
                        Measured::Figures(found) => figures.entry((peer, variant)).or_default().push(found),
                        Measured::TimedOut => {
                            *gone.entry((peer, cell.threads)).or_default() += 1;
                            late.push((peer, *variant));
                        }
                        Measured::Crashed(text) if peer == "fastpar" => bail!(text),
                        Measured::Crashed(text) => {
                            println!("{text}");
                            crashed.push((peer, *variant));
                        }
                    }
                }
            }
        }
        let peers: Vec<Value> = figures
            .iter()
            .filter(|(key, _)| !late.contains(key) && !crashed.contains(key))
            .map(|((peer, variant), rounds)| summary(peer, variant, rounds))
            .collect();
        Ok(json!({
            "cell": cell.name,
            "threads": cell.threads,
            "callers": cell.callers,
            "peers": peers,
            "did_not_end": names(&late),
            "crashed": names(&crashed),
        }))
    }
}

/// How many times as many rounds a cell takes: where memory lies differs from process to process, by a fifth
/// of the time.
fn repeated(cell: &str) -> usize {
    if cell.starts_with("sum") {
        5
    } else {
        1
    }
}

fn names(which: &[(&'static str, &str)]) -> Vec<&'static str> {
    which.iter().map(|(peer, _)| *peer).collect()
}

/// The rounds of one library and the median of their medians: what the tables and pictures take.
fn summary(peer: &str, variant: &str, rounds: &[Map<String, Value>]) -> Value {
    let column = |name: &str| -> Vec<f64> {
        rounds.iter().filter_map(|round| round.get(name).and_then(Value::as_f64)).map(|ns| ns / 1e3).collect()
    };
    let us = column("ns");
    json!({
        "peer": peer,
        "variant": variant,
        "us": median(&us),
        "rounds_us": us,
    })
}

/// The best variant of a library in a cell: microseconds and its name.
pub(super) fn best<'v>(cell: &'v Value, peer: &str) -> Option<(f64, &'v str)> {
    let variants = cell["peers"].as_array()?.iter().filter(|entry| entry["peer"] == peer);
    variants
        .filter_map(|entry| Some((entry["us"].as_f64()?, entry["variant"].as_str()?)))
        .min_by(|a, b| a.0.total_cmp(&b.0))
}

/// What a cell is called.
pub(super) fn title(cell: &str) -> &'static str {
    CELLS.iter().find(|row| cell == row.0).map_or("", |row| row.1)
}

/// A table for every number of threads and callers.
pub(super) fn tables(results: &Value) -> String {
    let mut text = machine::sentence(results);
    let cells = results["cells"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut heading = None;
    for cell in cells {
        let conditions = (&cell["callers"], &cell["threads"]);
        if heading != Some(conditions) {
            heading = Some(conditions);
            let callers =
                if cell["callers"] == 1 { "1 caller".into() } else { format!("{} callers", cell["callers"]) };
            let _ = write!(
                text,
                "\n### {} threads, {callers}\n\n| us | fastpar | libgomp | libomp | oneTBB | pthreadpool | rayon | serial \
                 | fastpar / best | speed-up |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
                cell["threads"]
            );
        }
        let title = title(cell["cell"].as_str().unwrap_or_default());
        let _ = write!(text, "| {title} |");
        for (peer, _) in PEERS {
            let _ = write!(text, " {} |", entry(cell, peer));
        }
        let mine = best(cell, "fastpar").map_or(f64::NAN, |found| found.0);
        // Several callers run the serial loop in parallel as well.
        let serial = best(cell, "serial").map_or(f64::NAN, |found| found.0);
        let ratio = over_best(cell);
        let mark = if ratio > 1.05 { "**" } else { "" };
        let _ = writeln!(text, " {mark}{ratio:.2}{mark} | {:.2} |", serial / mine);
    }
    text
}

/// fastpar's time over that of the best peer: the median of the rounds, as each has its own minute of the
/// machine.
fn over_best(cell: &Value) -> f64 {
    let variants = || cell["peers"].as_array().into_iter().flatten();
    let rounds = |entry: &Value| -> Vec<f64> {
        entry["rounds_us"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
    };
    let Some(mine) = variants().find(|entry| entry["peer"] == "fastpar").map(rounds) else { return f64::NAN };
    let others = variants().filter(|entry| entry["peer"] != "fastpar" && entry["peer"] != "serial");
    others
        .map(|entry| {
            median(&mine.iter().zip(rounds(entry)).map(|(mine, theirs)| mine / theirs).collect::<Vec<_>>())
        })
        .fold(f64::NAN, f64::max)
}

fn entry(cell: &Value, peer: &str) -> String {
    let Some((us, variant)) = best(cell, peer) else {
        let is_among =
            |list: &str| cell[list].as_array().is_some_and(|names| names.iter().any(|name| name == peer));
        return match (is_among("crashed"), is_among("did_not_end")) {
            (true, _) => "crashed".into(),
            (_, true) => format!("> {LIMIT} s"),
            _ => "-".into(),
        };
    };
    let digits = if us < 10.0 { 2 } else { usize::from(us < 100.0) };
    match variant {
        "-" => format!("{us:.digits$}"),
        variant => format!("{us:.digits$} {}", &variant[..1]),
    }
}
