//! Kernels that memory limits, beside what the machine gives plain threads in the same process.

use super::runner::Runner;
use super::{build, machine, Effort};
use crate::stage::Staged;
use anyhow::Result;
use serde_json::{json, Value};
use std::fmt::Write;
use std::process::Command;

/// Measures them with pools of so many threads.
pub(super) fn measure(staged: &Staged, effort: Effort) -> Result<Value> {
    let program = build::kernels(staged)?;
    let mut runner = Runner::new(effort.patience);
    let (mebibytes, rounds) = if effort.is_quick() { ("256", "7") } else { ("1024", "21") };
    let mut runs = Vec::new();
    for threads in ["2", "24"] {
        let mut command = Command::new(&program);
        runs.push(runner.must(command.args([threads, mebibytes, rounds]))?);
    }
    Ok(json!({
        "machine": machine::describe()?,
        "versions": machine::versions()?,
        "runs": runs,
    }))
}

/// A kernel, what it is compared with, and what the two are called.
const ROWS: [(&str, &str, &str, &str); 4] = [
    ("sum", "sum_fastpar", "sum_plain", "`fastpar_reduce`, 24 segments; plain threads"),
    ("copy", "copy_fastpar", "copy_plain", "`fastpar_for`, 24 segments; plain threads"),
    ("two passes", "two_pass_cache_default", "two_pass_segments", "CACHE of 64 MiB; SEGMENTS"),
    ("two passes", "two_pass_cache_l2", "two_pass_segments", "CACHE of half the L2 caches; SEGMENTS"),
];

/// The table.
pub(super) fn tables(results: &Value) -> String {
    let mut text = machine::sentence(results);
    let runs = results["runs"].as_array().map(Vec::as_slice).unwrap_or_default();
    let number = |run: &Value, name: &str| run[name].as_f64().unwrap_or(f64::NAN);
    if let Some(run) = runs.first() {
        let _ = writeln!(
            text,
            "{:.0} MiB of data; one thread alone sums {:.1} GB/s. Plain threads: one a CPU, each with its part, nothing else.",
            number(run, "bytes") / f64::from(1 << 20),
            number(run, "sum_serial"),
        );
    }
    text += "\n| kernel | pool | the one; the other | GB/s | GB/s | ratio |\n| --- | ---: | --- | ---: | ---: | ---: |\n";
    for run in runs {
        for (kernel, one, other, what) in ROWS {
            let (one, other) = (number(run, one), number(run, other));
            let _ = writeln!(
                text,
                "| {kernel} | {} threads | {what} | {one:.1} | {other:.1} | {:.2} |",
                run["threads"],
                one / other
            );
        }
    }
    text += "\nThe two passes by the bytes of a chunk, in GB/s: as long as all that run fit into the cache, the second pass is free.\n";
    for (at, run) in runs.iter().enumerate() {
        let sizes = run["two_pass_by_chunk"].as_array().map(Vec::as_slice).unwrap_or_default();
        if at == 0 {
            let kib: Vec<_> = sizes.iter().map(|size| format!("{} KiB", size["kib"])).collect();
            let _ =
                writeln!(text, "\n| pool | {} |\n| --- |{}", kib.join(" | "), " ---: |".repeat(kib.len()));
        }
        let speeds: Vec<_> = sizes.iter().map(|size| format!("{:.1}", number(size, "gbps"))).collect();
        let _ = writeln!(text, "| {} threads | {} |", run["threads"], speeds.join(" | "));
    }
    text
}
