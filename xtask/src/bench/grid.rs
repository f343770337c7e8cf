//! The codec once more, in memory, over levels and sizes, beside the packages of Python too; and how fast
//! each library decodes the frames of each other.

use super::codec::{arguments, Job};
use super::data::{self, Data};
use super::runner::Runner;
use super::{build, machine, Effort};
use crate::pypi::Packages;
use crate::python;
use crate::repo;
use crate::stage::Staged;
use anyhow::Result;
use serde_json::{json, Map, Value};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What runs a contestant: the driver of C, or the script for Python's packages.
#[derive(Clone, Copy)]
enum By {
    Driver,
    Script,
}

/// A title, what runs it, how its modes begin, and its threads.
const CONTESTANTS: [(&str, By, &str, u32); 5] = [
    ("libzstd, one context", By::Driver, "zstd", 1),
    ("fastpar, 24 threads", By::Driver, "fastpar", 24),
    ("zstandard, 1 thread", By::Script, "zstandard", 1),
    ("zstandard, 2 threads", By::Script, "zstandard", 2),
    ("blosc2, 2 threads", By::Script, "blosc2", 2),
];

/// Programs that compress a file to standard output.
const PROGRAMS: [(&str, &str, &[&str]); 3] = [
    ("zstd -T1", "zstd", &["-T1", "-q", "-c"]),
    ("zstd -T0", "zstd", &["-T0", "-q", "-c"]),
    ("pzstd -p2", "pzstd", &["-p2", "-q", "-c"]),
];

/// Levels, and on how many bytes: the highest take their time.
const LEVELS: [(i32, u64); 4] = [(1, 64 << 20), (3, 64 << 20), (9, 64 << 20), (19, 8 << 20)];
const FEW_LEVELS: [(i32, u64); 1] = [(3, 16 << 20)];

const SIZES: [u64; 7] = [1 << 10, 10 << 10, 100 << 10, 1 << 20, 10 << 20, 100 << 20, 1 << 30];
const FEW_SIZES: [u64; 2] = [1 << 10, 1 << 20];

/// The level of the measurements that are not about levels.
const LEVEL: i32 = 3;

/// Rounds, in each of which every contestant has a turn.
const ROUNDS: usize = 5;
/// The same where a turn takes long.
const ROUNDS_OF_LONG: usize = 3;

/// Everything that is needed to measure.
struct Bench {
    runner: Runner,
    driver: PathBuf,
    /// None: they cannot be had, and their contestants are left out.
    packages: Option<Packages>,
    quick: bool,
    /// Calls in one turn.
    repeat: &'static str,
}

/// A contestant that takes turns with others.
struct Entrant {
    title: &'static str,
    command: Command,
    /// Whether the process is timed from its start to its end, and writes to a pipe; else it prints its
    /// figures itself.
    is_program: bool,
}

/// Measures all of it.
pub(super) fn measure(staged: &Staged, effort: Effort) -> Result<Value> {
    let mut bench = Bench {
        runner: Runner::new(effort.patience),
        driver: build::codec(staged)?,
        packages: packages(),
        quick: effort.is_quick(),
        repeat: if effort.is_quick() { "1" } else { "3" },
    };
    let (levels, sizes) =
        if effort.is_quick() { (&FEW_LEVELS[..], &FEW_SIZES[..]) } else { (&LEVELS[..], &SIZES[..]) };
    let mut sets = Vec::new();
    for data in data::prepare(effort)?.iter().skip(usize::from(effort.is_quick())) {
        let mut by_level = Vec::new();
        for &(level, bytes) in levels {
            println!("  {}, level {level}", data.title);
            by_level.push(bench.level(data, level, bytes)?);
        }
        let mut by_size = Vec::new();
        // One set of data is enough to see what the size does.
        for &bytes in sizes.iter().filter(|_| data.name == "records") {
            println!("  {}, {bytes} bytes", data.title);
            by_size.push(bench.size(data, bytes)?);
        }
        println!("  {}, frames of each", data.title);
        let frames = bench.frames(data, levels[0].1, effort)?;
        sets.push(json!({ "title": data.title, "levels": by_level, "sizes": by_size, "frames": frames }));
    }
    Ok(json!({
        "machine": machine::describe()?,
        "versions": machine::versions()?,
        "packages": [python::ZSTANDARD, python::BLOSC2],
        "rounds": bench.rounds(false),
        "rounds_of_long": bench.rounds(true),
        "sets": sets,
    }))
}

fn packages() -> Option<Packages> {
    Packages::get(&[python::ZSTANDARD, python::BLOSC2])
        .inspect_err(|error| println!("  without Python's packages: {error:#}"))
        .ok()
}

impl Bench {
    fn command(&self, by: By) -> Command {
        match (by, &self.packages) {
            (By::Script, Some(packages)) => {
                let mut command = packages.python();
                command.arg(repo::root().join("benches/codec/peers.py"));
                command
            }
            _ => Command::new(&self.driver),
        }
    }

    /// Those of the contestants that are there.
    fn contestants(&self) -> impl Iterator<Item = (&'static str, By, &'static str, u32)> {
        let scripts = self.packages.is_some();
        CONTESTANTS.into_iter().filter(move |row| scripts || matches!(row.1, By::Driver))
    }

    /// One of the contestants, at work on `file`.
    fn entrant(&self, title: &'static str, by: By, mode: &str, file: &Path, job: Job<'_>) -> Entrant {
        let mut command = self.command(by);
        arguments(&mut command, mode, file, job);
        Entrant { title, command, is_program: false }
    }

    /// All contestants at one level.
    fn level(&mut self, data: &Data, level: i32, bytes: u64) -> Result<Value> {
        let file = data.sized(bytes)?;
        // Seconds a call: once is enough.
        let repeat = if level > 3 { "1" } else { self.repeat };
        let job = |threads| Job { original: bytes, level, threads, repeat };
        let mut entrants: Vec<_> = self
            .contestants()
            .map(|(title, by, mode, threads)| {
                self.entrant(title, by, &format!("{mode}-compress"), &file, job(threads))
            })
            .collect();
        entrants.extend(PROGRAMS.map(|(title, program, arguments)| {
            let mut command = Command::new(program);
            command.arg(format!("-{level}")).args(arguments).arg(&file);
            Entrant { title, command, is_program: true }
        }));
        let rows = self.race(entrants, level > 3 || bytes > 32 << 20)?;
        Ok(json!({ "level": level, "bytes": bytes, "rows": rows }))
    }

    /// All contestants that work in memory, at one size, in both directions.
    fn size(&mut self, data: &Data, bytes: u64) -> Result<Value> {
        let file = data.sized(bytes)?;
        let packed = self.written(By::Driver, "write", &file, "fastpar", bytes)?;
        let repeat = if bytes > 256 << 20 { "1" } else { self.repeat };
        let (mut compress, mut decompress) = (Vec::new(), Vec::new());
        for (title, by, mode, threads) in self.contestants() {
            let job = Job { original: bytes, level: LEVEL, threads, repeat };
            compress.push(self.entrant(title, by, &format!("{mode}-compress"), &file, job));
            // blosc2 has a format of its own, and packs the file itself.
            let input = if mode == "blosc2" { &file } else { &packed };
            // Their number of threads makes no difference to decompression.
            if (mode, threads) != ("zstandard", 2) {
                decompress.push(self.entrant(title, by, &format!("{mode}-decompress"), input, job));
            }
        }
        let is_long = bytes > 32 << 20;
        let (compress, decompress) = (self.race(compress, is_long)?, self.race(decompress, is_long)?);
        Ok(json!({ "bytes": bytes, "compress": compress, "decompress": decompress }))
    }

    /// Every contestant decodes what every contestant wrote.
    fn frames(&mut self, data: &Data, bytes: u64, effort: Effort) -> Result<Vec<Value>> {
        let file = data.sized(bytes)?;
        let mut written = vec![
            ("fastpar", self.written(By::Driver, "write", &file, "fastpar", bytes)?),
            ("libzstd, one context", self.written(By::Driver, "zstd-write", &file, "libzstd", bytes)?),
        ];
        if self.packages.is_some() {
            let packed = self.written(By::Script, "zstandard-write", &file, "zstandard", bytes)?;
            written.push(("zstandard, 2 threads", packed));
        }
        for (title, program, arguments) in &PROGRAMS[1..] {
            let packed = PathBuf::from(format!("{}.{program}.zst", file.display()));
            let mut command = Command::new(program);
            command.arg(format!("-{LEVEL}")).args(*arguments).arg(&file);
            let status = command.stdout(std::fs::File::create(&packed)?).status()?;
            anyhow::ensure!(status.success(), "{command:?}: {status}");
            written.push((title, packed));
        }
        written.truncate(if effort.is_quick() { 2 } else { written.len() });
        let mut frames = Vec::new();
        for (writer, packed) in written {
            let job = |threads| Job { original: bytes, level: LEVEL, threads, repeat: self.repeat };
            let mut entrants: Vec<_> = self
                .contestants()
                .take(3)
                .map(|(title, by, mode, threads)| {
                    self.entrant(title, by, &format!("{mode}-decompress"), &packed, job(threads))
                })
                .collect();
            entrants.extend([("zstd -d", "zstd"), ("pzstd -d", "pzstd")].map(|(title, program)| {
                let mut command = Command::new(program);
                command.args(["-d", "-q", "-c"]).arg(&packed);
                Entrant { title, command, is_program: true }
            }));
            let rows = self.race(entrants, false)?;
            let size = std::fs::metadata(&packed)?.len();
            frames.push(json!({ "writer": writer, "bytes": bytes, "packed": size, "rows": rows }));
        }
        Ok(frames)
    }

    /// What one contestant wrote, at [`LEVEL`].
    fn written(&mut self, by: By, mode: &str, file: &Path, name: &str, bytes: u64) -> Result<PathBuf> {
        let job = Job { original: bytes, level: LEVEL, threads: 2, repeat: "1" };
        let mut command = self.command(by);
        arguments(&mut command, mode, file, job);
        self.runner.must(&mut command)?;
        let packed = PathBuf::from(format!("{}.{name}.zst", file.display()));
        std::fs::rename(format!("{}.zst", file.display()), &packed)?;
        Ok(packed)
    }

    fn rounds(&self, is_long: bool) -> usize {
        match (self.quick, is_long) {
            (true, _) => 1,
            (false, true) => ROUNDS_OF_LONG,
            (false, false) => ROUNDS,
        }
    }

    /// Lets all contestants take turns; returns of each the turn of the median time.
    fn race(&mut self, mut entrants: Vec<Entrant>, is_long: bool) -> Result<Vec<Value>> {
        let rounds = self.rounds(is_long);
        let mut turns = vec![Vec::new(); entrants.len()];
        for _ in 0..rounds {
            for (entrant, turns) in entrants.iter_mut().zip(&mut turns) {
                turns.push(self.turn(entrant)?);
            }
        }
        let row = |(entrant, mut turns): (&Entrant, Vec<Map<String, Value>>)| {
            let seconds = |turn: &Map<String, Value>| turn["seconds"].as_f64().unwrap_or(f64::NAN);
            turns.sort_by(|a, b| seconds(a).total_cmp(&seconds(b)));
            let middle = &turns[rounds / 2];
            json!({
                "title": entrant.title,
                "seconds": middle["seconds"],
                "range": [seconds(&turns[0]), seconds(&turns[rounds - 1])],
                "bytes": middle["bytes"],
                "working_kib": middle.get("working_kib"),
            })
        };
        Ok(entrants.iter().zip(turns).map(row).collect())
    }

    fn turn(&mut self, entrant: &mut Entrant) -> Result<Map<String, Value>> {
        let command = &mut entrant.command;
        if !entrant.is_program {
            return self.runner.must(command);
        }
        let ((seconds, bytes), _) = self.runner.quietly(|| {
            let start = std::time::Instant::now();
            let mut child = command.stdout(std::process::Stdio::piped()).spawn()?;
            let mut output = child.stdout.take();
            let bytes =
                output.as_mut().map_or(Ok(0), |output| std::io::copy(output, &mut std::io::sink()))?;
            let status = child.wait()?;
            anyhow::ensure!(status.success(), "{command:?}: {status}");
            Ok((start.elapsed().as_secs_f64(), bytes))
        })?;
        Ok(Map::from_iter([("seconds".into(), seconds.into()), ("bytes".into(), bytes.into())]))
    }
}

fn rows(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Megabytes of original a second.
fn speed(row: &Value, bytes: &Value) -> f64 {
    bytes.as_f64().unwrap_or(f64::NAN) / 1e6 / row["seconds"].as_f64().unwrap_or(f64::NAN)
}

/// The head of a table with a column for each of some rows.
fn head(text: &mut String, first: &str, list: &Value) {
    let titles: Vec<_> = rows(list).iter().map(|row| row["title"].as_str().unwrap_or_default()).collect();
    let _ =
        write!(text, "\n\n| {first} | {} |\n| --- |{}\n", titles.join(" | "), " ---: |".repeat(titles.len()));
}

/// The tables.
pub(super) fn tables(results: &Value) -> String {
    let mut text = machine::sentence(results);
    let packages: Vec<_> = rows(&results["packages"]).iter().filter_map(Value::as_str).collect();
    let _ = writeln!(
        text,
        "Packages of Python: {}. MB/s of original data, medians of {} to {} rounds in which all take turns (the range is in \
         `results/grid.json`), in memory; programs read a cached file and write to a pipe. blosc2 shuffles the bytes of \
         words of 8 first, and has no level between 15 and 22: beside 19 stands 22.",
        packages.join(", "),
        results["rounds_of_long"],
        results["rounds"],
    );
    for set in rows(&results["sets"]) {
        let title = set["title"].as_str().unwrap_or_default();
        let _ = write!(text, "\n### By level: {title}\n\nMB/s, and the size beside the original's.");
        head(&mut text, "level", &set["levels"][0]["rows"]);
        for level in rows(&set["levels"]) {
            let _ = write!(text, "| {} |", level["level"]);
            for row in rows(&level["rows"]) {
                let share =
                    row["bytes"].as_f64().unwrap_or(f64::NAN) / level["bytes"].as_f64().unwrap_or(f64::NAN);
                let _ = write!(text, " {:.0}, {:.1} % |", speed(row, &level["bytes"]), share * 100.0);
            }
            text += "\n";
        }
        let by_size = !rows(&set["sizes"]).is_empty();
        for (group, of) in
            [("compress", "Compressing"), ("decompress", "Decompressing")].into_iter().filter(|_| by_size)
        {
            let _ =
                write!(text, "\n### By size: {of} {title}\n\nLevel {LEVEL}: MB/s, and the working memory.");
            head(&mut text, "bytes", &set["sizes"][0][group]);
            for size in rows(&set["sizes"]) {
                let _ = write!(text, "| {} |", size["bytes"]);
                for row in rows(&size[group]) {
                    let working = row["working_kib"].as_f64().unwrap_or(f64::NAN).max(0.0) / 976.56;
                    let _ = write!(text, " {:.0}, {working:.1} MB |", speed(row, &size["bytes"]));
                }
                text += "\n";
            }
        }
        let _ = write!(text, "\n### Who decodes whose frames: {title}\n\nLevel {LEVEL}, MB/s.");
        head(&mut text, "written by", &set["frames"][0]["rows"]);
        for frame in rows(&set["frames"]) {
            let _ = write!(text, "| {} |", frame["writer"].as_str().unwrap_or_default());
            for row in rows(&frame["rows"]) {
                let _ = write!(text, " {:.0} |", speed(row, &frame["bytes"]));
            }
            text += "\n";
        }
    }
    text
}
