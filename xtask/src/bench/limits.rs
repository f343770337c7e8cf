//! What each cell could reach at best on this machine, from what was measured, and how much of it is reached.

use super::{loops, report};
use crate::repo;
use anyhow::{Context, Result};
use serde_json::Value;
use std::fmt::Write;

/// Writes the table, if all results that it needs are there.
pub(super) fn write() -> Result<()> {
    let groups = ["loops", "kernels", "simulate", "codec"].map(results);
    let [Some(loops), Some(kernels), Some(simulate), Some(codec)] = groups else { return Ok(()) };
    let mut text = String::from(
        "\nFrom the newest results of each group.\n\n| cell | limit | reached | share | what sets the limit |\n\
         | --- | ---: | ---: | ---: | --- |\n",
    );
    loop_rows(&mut text, &loops, &simulate["constants"]).context("limits of loops")?;
    memory_rows(&mut text, &kernels).context("limits of kernels")?;
    codec_rows(&mut text, &codec).context("limits of the codec")?;
    report::put("limits", &text)
}

fn results(group: &str) -> Option<Value> {
    let path = repo::root().join("benches/results").join(group).with_extension("json");
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

fn row(text: &mut String, cell: &str, limit: f64, reached: f64, unit: &str, share: f64, why: &str) {
    let shown = |value: f64| if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") };
    let (limit, reached) = (shown(limit), shown(reached));
    let _ = writeln!(text, "| {cell} | {limit} {unit} | {reached} {unit} | {:.0} % | {why} |", share * 100.0);
}

/// One caller, with the pool that is the default.
fn loop_rows(text: &mut String, loops: &Value, constants: &Value) -> Option<()> {
    let cpus = loops["machine"]["cpus"].as_f64()?;
    let (call, chunk) = (constants["call_ns"].as_f64()? / 1e3, constants["chunk_ns"].as_f64()? / 1e3);
    for cell in loops["cells"].as_array()? {
        if cell["callers"] != 1 || cell["threads"] != 24 {
            continue;
        }
        let name = cell["cell"].as_str()?;
        // What memory gives changes on a shared host: the kernels measure it in the same run.
        if name == "sum-64MiB" {
            continue;
        }
        let (Some((reached, _)), Some((serial, _))) =
            (loops::best(cell, "fastpar"), loops::best(cell, "serial"))
        else {
            continue;
        };
        let (limit, why) = match name {
            "empty-24" => {
                (call + 24.0 * chunk, "a call and 24 callbacks on one lane: no helper could come in time")
            }
            "empty-2400" => (
                call + 2400.0 * chunk / cpus,
                "callbacks, on all CPUs; the helper that waits takes a few transfers of a line to come",
            ),
            "empty-240000" => (call + 240_000.0 * chunk / cpus, "callbacks, on all CPUs"),
            "nested-24x24" => {
                (24.0 * (call + 24.0 * chunk) / cpus, "24 calls and 576 callbacks, on all CPUs")
            }
            _ => (serial / cpus, "the serial loop, on all CPUs"),
        };
        row(text, loops::title(name), limit, reached, "us", limit / reached, why);
    }
    Some(())
}

fn memory_rows(text: &mut String, kernels: &Value) -> Option<()> {
    let run = kernels["runs"].as_array()?.last()?;
    for kernel in ["sum", "copy"] {
        let of = |by: &str| run[format!("{kernel}_{by}")].as_f64();
        let (limit, reached) = (of("plain")?, of("fastpar")?);
        let mebibytes = run["bytes"].as_f64()? / f64::from(1 << 20);
        let cell = format!("{kernel} of {mebibytes:.0} MiB");
        row(
            text,
            &cell,
            limit,
            reached,
            "GB/s",
            reached / limit,
            "memory: plain threads, one a CPU, in the same process",
        );
    }
    Some(())
}

fn codec_rows(text: &mut String, codec: &Value) -> Option<()> {
    let cpus = codec["machine"]["cpus"].as_f64()?;
    for set in codec["sets"].as_array()? {
        let (title, bytes) = (set["title"].as_str()?, set["bytes"].as_f64()?);
        for (group, one, ours) in [
            ("compress", "libzstd, one context", "fastpar, 24 threads"),
            ("decompress", "libzstd, one context, warm", "fastpar, 24 threads, warm"),
        ] {
            let rows = set[group].as_array()?;
            let speed = |title: &str| {
                let row = rows.iter().find(|row| row["title"] == title)?;
                Some(bytes / 1e6 / row["seconds"].as_f64()?)
            };
            let (limit, reached) = (speed(one)? * cpus, speed(ours)?);
            let cell = format!("{group} {title}, level 3");
            row(
                text,
                &cell,
                limit,
                reached,
                "MB/s",
                reached / limit,
                "libzstd's speed on one thread, times the CPUs",
            );
        }
    }
    Some(())
}
