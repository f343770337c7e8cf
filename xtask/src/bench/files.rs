//! File to file: whole programs, `fpz` of the examples beside `zstd` and `pzstd`, level by level; and batches
//! and archives beside one libzstd context.

use super::build::Files;
use super::data::{self, Data};
use super::runner::{median, Runner};
use super::{machine, Effort};
use crate::{process, repo};
use anyhow::{bail, Result};
use serde_json::{json, Map, Value};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const SYNC_LIMIT: Duration = Duration::from_secs(120);

/// Levels, and how many megabytes of a data set they get: slow levels get less, or they would take hours.
const LEVELS: [(&str, u64); 4] = [("1", 256), ("3", 256), ("9", 128), ("19", 16)];

/// Programs: a title, the program, its arguments to compress at `LEVEL`, and to decompress; the files are
/// added, the target after `-o` where it is not `fpz`.
const PROGRAMS: [(&str, &str, &[&str], &[&str]); 4] = [
    ("fpz", "fpz", &["-q", "-LEVEL", "compress"], &["-q", "decompress"]),
    ("zstd -T1", "zstd", &["-q", "-f", "-T1", "-LEVEL"], &["-q", "-f", "-d"]),
    ("zstd -T2", "zstd", &["-q", "-f", "-T2", "-LEVEL"], &[]),
    ("pzstd -p2", "pzstd", &["-q", "-f", "-p2", "-LEVEL"], &["-q", "-f", "-p2", "-d"]),
];
/// At level 3 too, for its memory.
const WIDE: (&str, &str, &[&str], &[&str]) =
    ("pzstd -p24", "pzstd", &["-q", "-f", "-p24", "-LEVEL"], &["-q", "-f", "-p24", "-d"]);

const BATCHES: [(&str, &str); 3] = [("4096", "10000"), ("16384", "10000"), ("262144", "600")];
const FRAMES: [&str; 2] = ["262144", "1048576"];
/// Lanes that read in one large frame.
const READERS: [&str; 4] = ["1", "2", "4", "24"];

/// Decompressions a round: each is short, and a new file meets memory that the host of a virtual machine has
/// taken back more often than `program.c` can prevent. A median of many tells what is usual.
const DECOMPRESSIONS: usize = 3;

/// Megabytes of the files of a quick run.
const QUICK_MEGABYTES: u64 = 64;

/// Megabytes of files of one frame.
const SINGLES: [u64; 5] = [1, 4, 16, 64, 256];

/// Measures both data sets.
pub(super) fn measure(built: &Files, effort: Effort) -> Result<Value> {
    let mut runner = Runner::new(effort.patience);
    let mut sets = Vec::new();
    for data in data::prepare(effort)? {
        let mut levels = Vec::new();
        for (level, megabytes) in LEVELS.iter().filter(|row| !effort.is_quick() || row.0 == "3") {
            println!("  {}, level {level}", data.title);
            let rounds = if *level == "19" { effort.codec_rounds.min(3) } else { effort.codec_rounds };
            let megabytes = if effort.is_quick() { QUICK_MEGABYTES } else { *megabytes };
            let part = part(&data, megabytes)?;
            levels.push(measure_level(built, &mut runner, &part, level, rounds)?);
        }
        println!("  {}, files of one frame", data.title);
        let singles = SINGLES.iter().filter(|&&megabytes| !effort.is_quick() || megabytes == 16);
        let singles = singles
            .map(|&megabytes| {
                measure_single(built, &mut runner, &part(&data, megabytes)?, effort.codec_rounds)
            })
            .collect::<Result<Vec<_>>>()?;
        println!("  {}, batches and archives", data.title);
        let mut parts = |mode: &str, arguments: &[&str]| {
            let mut command = Command::new(&built.parts);
            command.arg(mode).arg(&data.path).args(arguments);
            runner.must(&mut command)
        };
        let batches = BATCHES.map(|(each, count)| parts("batch", &[each, count]));
        let batches = batches.into_iter().collect::<Result<Vec<_>>>()?;
        let archives =
            FRAMES.map(|size| parts("archive", &[size])).into_iter().collect::<Result<Vec<_>>>()?;
        sets.push(json!({
            "name": data.name, "title": data.title, "levels": levels, "singles": singles, "batches": batches,
            "archives": archives, "large": parts("large", &[])?,
        }));
    }
    Ok(json!({
        "machine": machine::describe()?,
        "versions": machine::versions()?,
        "rounds": effort.codec_rounds,
        "sets": sets,
    }))
}

/// The first so many megabytes of a data set.
fn part(data: &Data, megabytes: u64) -> Result<PathBuf> {
    let bytes = (megabytes << 20).min(data.bytes);
    data.sized(bytes)
}

fn measure_level(
    built: &Files,
    runner: &mut Runner,
    file: &Path,
    level: &str,
    rounds: usize,
) -> Result<Value> {
    let folder = repo::scratch("bench")?;
    let (packed, back) = (folder.join("packed.zst"), folder.join("unpacked"));
    let programs: Vec<_> = PROGRAMS.iter().chain((level == "3").then_some(&WIDE)).collect();
    let mut compress = vec![Vec::new(); programs.len()];
    let mut decompress = vec![Vec::new(); programs.len()];
    let mut sizes = vec![0; programs.len()];
    // Every program decodes what fpz wrote: many frames with a seek table. The first program to write so much
    // pays for the memory.
    let source = folder.join("source.zst");
    let (_, fpz, pack, unpack) = PROGRAMS[0];
    run(built, runner, fpz, pack, level, file, &source)?;
    run(built, runner, fpz, unpack, level, &source, &back)?;
    // A quick run shows that all works.
    let times = if rounds == 1 { 1 } else { DECOMPRESSIONS };
    for round in 0..rounds {
        for place in 0..programs.len() {
            let i = (round + place) % programs.len(); // another one goes first each time
            let (_, program, pack, _) = programs[i];
            compress[i].push(run(built, runner, program, pack, level, file, &packed)?);
            sizes[i] = packed.metadata()?.len();
        }
        for place in 0..times * programs.len() {
            let i = (round + place) % programs.len();
            let (_, program, _, unpack) = programs[i];
            if !unpack.is_empty() {
                decompress[i].push(run(built, runner, program, unpack, level, &source, &back)?);
            }
        }
    }
    same(file, &back)?;
    let rows = programs.iter().enumerate().map(|(i, (title, ..))| {
        json!({
            "title": title,
            "bytes": sizes[i],
            "compress": summary(&compress[i]),
            "decompress": summary(&decompress[i]),
        })
    });
    let rows: Vec<_> = rows.collect();
    for file in [packed, back, source] {
        std::fs::remove_file(file)?;
    }
    Ok(json!({ "level": level, "bytes": file.metadata()?.len(), "programs": rows }))
}

fn same(file: &Path, back: &Path) -> Result<()> {
    if std::fs::read(back)? != std::fs::read(file)? {
        bail!("what came back is not what was packed");
    }
    Ok(())
}

/// How fast each program decodes what `zstd` wrote: one frame, without a seek table.
fn measure_single(built: &Files, runner: &mut Runner, file: &Path, rounds: usize) -> Result<Value> {
    let folder = repo::scratch("bench")?;
    let (packed, back) = (folder.join("packed.zst"), folder.join("unpacked"));
    let (_, zstd, pack, _) = PROGRAMS[1];
    run(built, runner, zstd, pack, "3", file, &packed)?;
    let programs: Vec<_> = PROGRAMS.iter().filter(|(.., unpack)| !unpack.is_empty()).collect();
    let mut turns = vec![Vec::new(); programs.len()];
    let times = if rounds == 1 { 1 } else { DECOMPRESSIONS };
    for round in 0..rounds {
        for place in 0..times * programs.len() {
            let i = (round + place) % programs.len();
            let (_, program, _, unpack) = programs[i];
            turns[i].push(run(built, runner, program, unpack, "3", &packed, &back)?);
        }
    }
    let rows: Vec<_> = programs
        .iter()
        .zip(&turns)
        .map(|((title, ..), turns)| json!({ "title": title, "decompress": summary(turns) }))
        .collect();
    same(file, &back)?;
    for file in [packed, back] {
        std::fs::remove_file(file)?;
    }
    Ok(json!({ "bytes": file.metadata()?.len(), "programs": rows }))
}

fn run(
    built: &Files,
    runner: &mut Runner,
    program: &str,
    arguments: &[&str],
    level: &str,
    from: &Path,
    to: &Path,
) -> Result<Map<String, Value>> {
    // Every program writes a new file: else it would be charged for freeing the old file.
    let _ = std::fs::remove_file(to);
    process::must(&mut Command::new("sync"), SYNC_LIMIT)?;
    let mut command = Command::new(&built.program);
    let fpz = program == "fpz";
    if fpz {
        command.arg(&built.fpz);
    } else {
        command.arg(program);
    }
    command.args(arguments.iter().map(|argument| argument.replace("LEVEL", level))).arg(from);
    if !fpz {
        command.arg("-o");
    }
    runner.must(command.arg(to))
}

fn summary(rounds: &[Map<String, Value>]) -> Value {
    let column =
        |name: &str| -> Vec<f64> { rounds.iter().filter_map(|round| round[name].as_f64()).collect() };
    let seconds = column("seconds");
    json!({
        "seconds": median(&seconds),
        "lowest": seconds.iter().copied().fold(f64::INFINITY, f64::min),
        "highest": seconds.iter().copied().fold(0.0, f64::max),
        "cpu_seconds": median(&column("cpu_seconds")),
        "peak_mb": (median(&column("peak_kib")) / 97.656).round() / 10.0,
    })
}

/// A table for every data set.
pub(super) fn tables(results: &Value) -> String {
    let mut text = machine::sentence(results);
    let _ = writeln!(
        text,
        "Whole programs, from start to end, from a cached file to a new one; all decode what `fpz` wrote. Programs: {}.",
        results["versions"]["zstd_program"].as_str().unwrap_or("unknown"),
    );
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    for set in list(&results["sets"]) {
        let title = set["title"].as_str().unwrap_or_default().to_owned();
        let _ = write!(
            text,
            "\n### File to file: {title}\n\n| level | MB | | compress s | CPU s | peak MB | size | decompress s | CPU s | peak MB |\n\
             | --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        );
        for level in list(&set["levels"]) {
            let bytes = number(&level["bytes"]);
            for row in list(&level["programs"]) {
                let (pack, unpack) = (&row["compress"], &row["decompress"]);
                let _ = write!(
                    text,
                    "| {} | {:.0} | {} | {:.3} | {:.3} | {:.0} | {:.3} % |",
                    level["level"].as_str().unwrap_or_default(),
                    bytes / 1e6,
                    row["title"].as_str().unwrap_or_default(),
                    number(&pack["seconds"]),
                    number(&pack["cpu_seconds"]),
                    number(&pack["peak_mb"]),
                    number(&row["bytes"]) / bytes * 100.0,
                );
                if unpack["seconds"].is_null() {
                    let _ = writeln!(text, " - | - | - |");
                } else {
                    let _ = writeln!(
                        text,
                        " {:.3} | {:.3} | {:.0} |",
                        number(&unpack["seconds"]),
                        number(&unpack["cpu_seconds"]),
                        number(&unpack["peak_mb"]),
                    );
                }
            }
        }
        let _ = write!(
            text,
            "\n### Files of one frame, as `zstd -3` writes them: {title}\n\n| MB | | decompress s | CPU s | peak MB |\n\
             | ---: | --- | ---: | ---: | ---: |\n"
        );
        for single in list(&set["singles"]) {
            for row in list(&single["programs"]) {
                let unpack = &row["decompress"];
                let _ = writeln!(
                    text,
                    "| {:.0} | {} | {:.4} | {:.4} | {:.0} |",
                    number(&single["bytes"]) / 1e6,
                    row["title"].as_str().unwrap_or_default(),
                    number(&unpack["seconds"]),
                    number(&unpack["cpu_seconds"]),
                    number(&unpack["peak_mb"]),
                );
            }
        }
        let _ = write!(
            text,
            "\n### Batches and archives: {title}\n\n| | one context, ms | fastpar, ms | ratio | the machine's limit, ms | fastpar / limit |\n\
             | --- | ---: | ---: | ---: | ---: | ---: |\n"
        );
        for batch in list(&set["batches"]) {
            for verb in ["compress", "decompress"] {
                let (one, all) =
                    (number(&batch[format!("{verb}_one")]), number(&batch[format!("{verb}_batch")]));
                let limit = number(&batch[format!("{verb}_limit")]);
                let _ = writeln!(
                    text,
                    "| {verb} {} items of {} bytes | {:.1} | {:.1} | {:.2} | {:.1} | {:.2} |",
                    batch["items"],
                    batch["each"],
                    one * 1e3,
                    all * 1e3,
                    one / all,
                    limit * 1e3,
                    all / limit
                );
            }
        }
        for archive in list(&set["archives"]) {
            let _ = writeln!(
                text,
                "| read 64 KiB anywhere, frames of {} bytes; beside it the decoding of the frame | {:.3} | {:.3} | {:.2} | - | - |",
                archive["frame_bytes"],
                number(&archive["decode"]) * 1e3,
                number(&archive["read"]) * 1e3,
                1.0 / number(&archive["ratio"])
            );
        }
        let large = &set["large"];
        let _ = writeln!(
            text,
            "\nAll of one frame of {:.0} MB, read {} bytes at a time and out of order, by 1, 2, 4 and 24 lanes: {} s.",
            number(&large["bytes"]) / 1e6,
            large["each"],
            READERS.map(|lanes| format!("{:.2}", number(&large[lanes]))).join(", ")
        );
    }
    text
}
