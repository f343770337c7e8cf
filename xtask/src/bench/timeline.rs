//! The picture of a timeline: a trace that was really made, reduced to what the picture needs.

use crate::stage::Staged;
use crate::{process, repo};
use anyhow::{Context, Result};
use serde_json::{json, Value};
use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

const FILE: &str = "benches/results/timeline.json";
const LIMIT: Duration = Duration::from_secs(120);

/// Slices that the picture shows, the outer ones first.
pub(super) const SHOWN: [&str; 9] =
    ["compress file", "loop", "lane", "chunk", "task", "compress frame", "read", "write", "wait"];

/// Runs the program with a trace, and writes down what happened within its spans.
pub(super) fn record(staged: &Staged) -> Result<()> {
    let folder = repo::scratch("timeline")?;
    let path = |name: &str| folder.join(name);
    let mut gcc = Command::new("gcc");
    gcc.args(["-O2", "-Wall", "-Wextra"]).arg(repo::root().join("benches/timeline/program.c"));
    process::must(gcc.args(staged.link_arguments()).arg("-o").arg(path("program")), LIMIT)?;
    let mut run = Command::new(path("program"));
    run.arg(path("rows")).arg(path("packed")).env("FASTPAR_TRACE", path("%p.json"));
    let _ = std::fs::remove_file(path("packed"));
    for old in std::fs::read_dir(&folder)?.flatten().filter(|entry| is_trace(&entry.path())) {
        std::fs::remove_file(old.path())?;
    }
    process::must(run.env_remove("FASTPAR_THREADS"), LIMIT)?;
    let trace = std::fs::read_dir(&folder)?.flatten().find(|entry| is_trace(&entry.path()));
    let text = std::fs::read_to_string(trace.context("there is no trace")?.path())?;
    let events: Vec<Value> = serde_json::from_str(&text).context("the trace")?;
    Ok(std::fs::write(repo::root().join(FILE), serde_json::to_string(&reduce(&events)?)? + "\n")?)
}

fn is_trace(path: &std::path::Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json")
}

/// What happened within each span of the program: threads with their slices, in microseconds.
fn reduce(events: &[Value]) -> Result<Value> {
    let of = |phase: &'static str| events.iter().filter(move |event| event["ph"] == phase);
    let number = |event: &Value, key: &str| event[key].as_f64().unwrap_or(0.0);
    let names: BTreeMap<u64, &str> = of("M")
        .filter(|event| event["name"] == "thread_name")
        .filter_map(|event| Some((event["tid"].as_u64()?, event["args"]["name"].as_str()?)))
        .collect();
    let mut panels = Vec::new();
    for (begin, end) in of("B").zip(of("E")) {
        let (from, to) = (number(begin, "ts"), number(end, "ts"));
        let mut threads: BTreeMap<u64, Vec<Value>> = BTreeMap::new();
        for slice in of("X").filter(|slice| number(slice, "ts") >= from && number(slice, "ts") < to) {
            let name = slice["name"].as_str().unwrap_or_default();
            let Some(kind) = SHOWN.iter().position(|shown| *shown == name) else { continue };
            let at = ((number(slice, "ts") - from) * 10.0).round() / 10.0;
            let row = threads.entry(slice["tid"].as_u64().unwrap_or(0)).or_default();
            row.push(json!([kind, at, number(slice, "dur")]));
        }
        let threads: Vec<_> = threads
            .iter()
            .map(|(thread, slices)| json!({"name": names.get(thread).copied().unwrap_or("?"), "slices": slices}))
            .collect();
        panels.push(json!({"title": begin["name"], "took": to - from, "threads": threads}));
    }
    let machine = super::machine::describe()?;
    Ok(json!({"machine": machine, "panels": panels}))
}
