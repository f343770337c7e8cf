//! The codec: fastpar in memory beside one libzstd context, `zstd` and `pzstd`, in turn.

use super::data::{self, Data};
use super::runner::{median, Runner};
use super::{machine, Effort};
use anyhow::{bail, Result};
use serde_json::{json, Map, Value};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const LEVEL: &str = "3";
const REPEAT: &str = "3";

/// Contestants: a title, what runs it, and whether it works in memory.
enum How {
    /// The driver's mode and the threads of fastpar's pool.
    Driver(&'static str, u32),
    /// A program that reads the file and writes to nowhere.
    Program(&'static str, &'static [&'static str]),
}

const COMPRESS: [(&str, How); 7] = [
    ("libzstd, one context", How::Driver("zstd-compress", 1)),
    ("libzstd, a context a CPU", How::Driver("limit-compress", 1)),
    ("fastpar, 24 threads", How::Driver("fastpar-compress", 24)),
    ("fastpar, 2 threads", How::Driver("fastpar-compress", 2)),
    ("zstd -T1", How::Program("zstd", &["-3", "-T1", "-q", "-c"])),
    ("zstd -T2", How::Program("zstd", &["-3", "-T2", "-q", "-c"])),
    ("pzstd -p2", How::Program("pzstd", &["-3", "-p2", "-q", "-c"])),
];

const DECOMPRESS: [(&str, How); 8] = [
    ("libzstd, one context, warm", How::Driver("zstd-decompress", 1)),
    ("libzstd, a context a CPU, warm", How::Driver("limit-decompress", 1)),
    ("fastpar, 24 threads, warm", How::Driver("fastpar-decompress", 24)),
    ("libzstd, one context, cold", How::Driver("zstd-decompress-cold", 1)),
    ("libzstd, a context a CPU, cold", How::Driver("limit-decompress-cold", 1)),
    ("fastpar, 24 threads, cold", How::Driver("fastpar-decompress-cold", 24)),
    ("zstd -d", How::Program("zstd", &["-d", "-q", "-c"])),
    ("pzstd -d -p2", How::Program("pzstd", &["-d", "-p2", "-q", "-c"])),
];

/// Measures both data sets.
pub(super) fn measure(driver: &Path, effort: Effort) -> Result<Value> {
    let rounds = effort.codec_rounds;
    let mut runner = Runner::new(effort.patience);
    let mut sets = Vec::new();
    for data in data::prepare(effort)? {
        println!("  {}, {} bytes", data.title, data.bytes);
        sets.push(measure_set(&mut runner, driver, &data, rounds)?);
    }
    Ok(json!({
        "machine": machine::describe()?,
        "versions": machine::versions()?,
        "rounds": rounds,
        "level": LEVEL,
        "sets": sets,
    }))
}

fn measure_set(runner: &mut Runner, driver: &Path, data: &Data, rounds: usize) -> Result<Value> {
    let compress = race(runner, driver, &COMPRESS, &data.path, data.bytes, rounds)?;
    // Every contestant decodes what fastpar wrote.
    let _ = drive(runner, driver, "write", &data.path, data.bytes, 24, "1")?;
    let packed = PathBuf::from(format!("{}.zst", data.path.display()));
    let decompress = race(runner, driver, &DECOMPRESS, &packed, data.bytes, rounds)?;
    let idle = drive(runner, driver, "idle", &data.path, data.bytes, 24, "1")?;
    Ok(json!({
        "name": data.name,
        "title": data.title,
        "bytes": data.bytes,
        "compress": compress,
        "decompress": decompress,
        "idle": idle,
    }))
}

/// Lets every contestant have its turn, `rounds` times.
fn race(
    runner: &mut Runner,
    driver: &Path,
    contestants: &[(&'static str, How)],
    file: &Path,
    original: u64,
    rounds: usize,
) -> Result<Vec<Value>> {
    let mut seconds = vec![Vec::new(); contestants.len()];
    let mut last = vec![Map::new(); contestants.len()];
    for _ in 0..rounds {
        for (i, (_, how)) in contestants.iter().enumerate() {
            let figures = match how {
                How::Driver(mode, threads) => drive(runner, driver, mode, file, original, *threads, REPEAT)?,
                How::Program(program, arguments) => program_figures(runner, program, arguments, file)?,
            };
            seconds[i].extend(figures["seconds"].as_f64());
            last[i] = figures;
        }
    }
    let rows = contestants.iter().zip(seconds.iter().zip(last));
    Ok(rows
        .map(|((title, _), (seconds, last))| {
            json!({
                "title": title,
                "seconds": median(seconds),
                "lowest": seconds.iter().copied().fold(f64::INFINITY, f64::min),
                "highest": seconds.iter().copied().fold(0.0, f64::max),
                "last": last,
            })
        })
        .collect())
}

fn drive(
    runner: &mut Runner,
    driver: &Path,
    mode: &str,
    file: &Path,
    original: u64,
    threads: u32,
    repeat: &str,
) -> Result<Map<String, Value>> {
    let level = LEVEL.parse()?;
    figures(runner, &mut Command::new(driver), mode, file, Job { original, level, threads, repeat })
}

/// A measurement that a driver makes.
#[derive(Clone, Copy)]
pub(super) struct Job<'r> {
    pub(super) original: u64,
    pub(super) level: i32,
    pub(super) threads: u32,
    pub(super) repeat: &'r str,
}

/// Runs a driver: that in C, or another program that takes the same arguments.
fn figures(
    runner: &mut Runner,
    command: &mut Command,
    mode: &str,
    file: &Path,
    job: Job<'_>,
) -> Result<Map<String, Value>> {
    arguments(command, mode, file, job);
    runner.must(command)
}

/// The arguments of a driver.
pub(super) fn arguments(command: &mut Command, mode: &str, file: &Path, job: Job<'_>) {
    command.arg(mode).arg(file).arg(job.original.to_string());
    command.args([&job.level.to_string(), &job.threads.to_string(), job.repeat]);
}

/// The time of a whole program, from start to end, with its input in the page cache; and once, what it
/// writes.
fn program_figures(
    runner: &mut Runner,
    program: &str,
    arguments: &[&str],
    file: &Path,
) -> Result<Map<String, Value>> {
    let command = || {
        let mut command = Command::new(program);
        command.args(arguments).arg(file).stdin(Stdio::null());
        command
    };
    let (seconds, disturbed) = runner.quietly(|| {
        let start = Instant::now();
        let status = command().stdout(Stdio::null()).status()?;
        if !status.success() {
            bail!("{program}: {status}");
        }
        Ok(start.elapsed().as_secs_f64())
    })?;
    let mut child = command().stdout(Stdio::piped()).spawn()?;
    let mut output = child.stdout.take().map(std::io::BufReader::new);
    let bytes = output.as_mut().map_or(Ok(0), |output| std::io::copy(output, &mut std::io::sink()))?;
    child.wait()?;
    let mut figures = Map::new();
    figures.insert("seconds".into(), seconds.into());
    figures.insert("bytes".into(), bytes.into());
    if disturbed {
        figures.insert("disturbed".into(), true.into());
    }
    Ok(figures)
}

/// A table for every data set.
pub(super) fn tables(results: &Value) -> String {
    let mut text = machine::sentence(results);
    let first = &results["sets"][0];
    let version = |name: &str| first["compress"][2]["last"][name].as_str().unwrap_or("unknown").to_owned();
    let _ = writeln!(
        text,
        "libzstd of fastpar {}, of the one context {}; programs: {}. Level {LEVEL}, checksums on; programs read a cached file \
         and write to /dev/null.",
        version("fastpar_libzstd"),
        version("libzstd"),
        results["versions"]["zstd_program"].as_str().unwrap_or("unknown"),
    );
    for set in results["sets"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let bytes = set["bytes"].as_f64().unwrap_or(f64::NAN);
        let _ = write!(
            text,
            "\n### {}, {:.0} MB\n\n| | s | MB/s | speed-up | size | working memory |\n| --- | ---: | ---: | ---: | ---: | ---: |\n",
            set["title"].as_str().unwrap_or_default(),
            bytes / 1e6
        );
        for group in ["compress", "decompress"] {
            rows(&mut text, group, &set[group], bytes);
        }
        let idle = set["idle"]["idle_cpu_seconds"].as_f64().unwrap_or(f64::NAN);
        let _ = writeln!(text, "\nCPU time of the idle pool in one second after it: {:.3} ms.", idle * 1e3);
    }
    text
}

fn rows(text: &mut String, group: &str, entries: &Value, bytes: f64) {
    let entries = entries.as_array().map(Vec::as_slice).unwrap_or_default();
    for entry in entries {
        let title = entry["title"].as_str().unwrap_or_default();
        let seconds = entry["seconds"].as_f64().unwrap_or(f64::NAN);
        // Cold memory is compared with cold memory, everything else with the first row.
        let cold = title.ends_with("cold");
        let base =
            entries.iter().find(|other| other["title"].as_str().is_some_and(|t| t.ends_with("cold") == cold));
        let base = base.and_then(|base| base["seconds"].as_f64()).unwrap_or(f64::NAN);
        let size = entry["last"]["bytes"].as_f64().unwrap_or(f64::NAN);
        let working =
            entry["last"]["working_kib"].as_f64().map_or("-".into(), |kib| format!("{:.1} MB", kib / 976.56));
        let size = if group == "compress" { format!("{:.3} %", size / bytes * 100.0) } else { "-".into() };
        let _ = writeln!(
            text,
            "| {group}: {title} | {seconds:.3} | {:.0} | {:.2} | {size} | {working} |",
            bytes / 1e6 / seconds,
            base / seconds
        );
    }
}
