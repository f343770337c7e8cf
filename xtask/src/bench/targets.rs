//! Whole programs over targets that are there already, as a second run of a script finds them: `fpz` of the
//! examples beside `zstd`, both ways, for many frames and for a file of one frame.

use super::data::{self, Data};
use super::runner::{median, Runner};
use super::{build, machine, Effort};
use crate::stage::Staged;
use crate::{process, repo};
use anyhow::{bail, Result};
use serde_json::{json, Value};
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// Levels, and how many megabytes they get.
const LEVELS: [(&str, u64); 3] = [("1", 256), ("3", 256), ("9", 128)];
const QUICK_MEGABYTES: u64 = 64;
/// A run is short, and disks differ from one to the next.
const ROUNDS: usize = 9;

/// What is measured, beside what.
const WAYS: [(&str, &str); 3] = [
    ("compress", "`fpz` beside `zstd -T2`"),
    ("decompress", "many frames, `fpz` beside `zstd -d`"),
    ("decompress one frame", "one frame of `zstd`, `fpz` beside `zstd -d`"),
];

/// Measures all data sets.
pub(super) fn measure(staged: &Staged, effort: Effort) -> Result<Value> {
    let built = build::files(staged)?;
    let folder = repo::scratch("bench/targets")?;
    let mut runner = Runner::new(effort.patience);
    let (rounds, levels) = if effort.is_quick() { (1, &LEVELS[1..2]) } else { (ROUNDS, &LEVELS[..]) };
    let mut rows = Vec::new();
    for data in data::with_text()? {
        for (level, megabytes) in levels {
            println!("  {}, level {level}", data.title);
            let megabytes = if effort.is_quick() { QUICK_MEGABYTES } else { *megabytes };
            rows.push(measure_level(&built, &mut runner, &folder, &data, level, megabytes, rounds)?);
        }
    }
    std::fs::remove_dir_all(folder)?;
    Ok(json!({
        "machine": machine::describe()?, "versions": machine::versions()?, "rounds": rounds, "rows": rows,
    }))
}

fn measure_level(
    built: &build::Files,
    runner: &mut Runner,
    folder: &Path,
    data: &Data,
    level: &str,
    megabytes: u64,
    rounds: usize,
) -> Result<Value> {
    let file = data.sized((megabytes << 20).min(data.bytes))?;
    let [frames, frame] = ["frames.zst", "frame.zst"].map(|name| folder.join(name));
    let fast = format!("-{level}");
    let fpz = |arguments: &[&str]| {
        let mut command = Command::new(&built.fpz);
        command.args(arguments);
        command
    };
    process::must(fpz(&["-q", "-f", &fast]).arg(&file).arg("-o").arg(&frames), LIMIT)?;
    let mut zstd = Command::new("zstd");
    process::must(zstd.args(["-q", "-f", &fast]).arg(&file).arg("-o").arg(&frame), LIMIT)?;
    let ways = [
        ([&["-q", "-f", &fast][..], &["-q", "-f", "-T2", &fast]], &file),
        ([&["-q", "-f", "-d"], &["-q", "-f", "-d"]], &frames),
        ([&["-q", "-f", "-d"], &["-q", "-f", "-d"]], &frame),
    ];
    let mut row = json!({ "data": data.title, "level": level, "bytes": file.metadata()?.len() });
    for ((name, _), (arguments, from)) in WAYS.into_iter().zip(ways) {
        let mut seconds = [Vec::new(), Vec::new()];
        for round in 0..=rounds {
            // Another one goes first each time; the first round makes the targets.
            for which in [round % 2, 1 - round % 2] {
                let target = folder.join(["by-fpz", "by-zstd"][which]);
                process::must(&mut Command::new("sync"), LIMIT)?;
                let mut command = Command::new(&built.program);
                command.arg(if which == 0 { built.fpz.as_os_str() } else { "zstd".as_ref() });
                command.args(arguments[which]).arg(from).arg("-o").arg(&target);
                let figures = runner.must(&mut command)?;
                if round > 0 {
                    seconds[which].extend(figures["seconds"].as_f64());
                } else if name != "compress" && std::fs::read(&target)? != std::fs::read(&file)? {
                    bail!("what came back is not what was packed");
                }
            }
        }
        for name in ["by-fpz", "by-zstd"] {
            std::fs::remove_file(folder.join(name))?;
        }
        row[name] = json!(seconds.map(|seconds| median(&seconds)));
    }
    Ok(row)
}

/// The table.
pub(super) fn tables(results: &Value) -> String {
    let mut text = machine::sentence(results);
    let _ = writeln!(
        text,
        "Seconds from start to end, over a target of the same size; the median of {} rounds.\n",
        results["rounds"]
    );
    text += "| data, level | MB |";
    for (_, title) in WAYS {
        let _ = write!(text, " {title} | ratio |");
    }
    let _ = writeln!(text, "\n| --- | ---: |{}", " ---: | ---: |".repeat(WAYS.len()));
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    for row in results["rows"].as_array().into_iter().flatten() {
        let title = row["data"].as_str().unwrap_or_default();
        let level = row["level"].as_str().unwrap_or_default();
        let _ = write!(text, "| {title}, {level} | {:.0} |", number(&row["bytes"]) / 1e6);
        for (name, _) in WAYS {
            let (fpz, zstd) = (number(&row[name][0]), number(&row[name][1]));
            let _ = write!(text, " {fpz:.3}, {zstd:.3} | {:.2} |", fpz / zstd);
        }
        text.push('\n');
    }
    text
}
