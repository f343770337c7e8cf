//! `cargo xtask fuzz`: the programs of `fuzz/`, built with the fuzzer's instrumentation by the compilers that
//! are there. `cargo fuzz` would do the same for Rust, and is one thing more to install.

use crate::{process, repo};
use anyhow::{bail, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A program of `fuzz/targets`.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// How many inputs the test command tries: what a CPU manages in about fifteen seconds when it has
    /// nothing else to do. `cargo xtask fuzz` tries more.
    pub(crate) inputs: u64,
}

/// The targets: first those that take longest, so that none of them is left alone at the end.
pub(crate) const TARGETS: [Target; 11] = [
    Target { name: "options", inputs: 30_000 },
    Target { name: "blocks", inputs: 30_000 },
    Target { name: "dictionary", inputs: 3_000 },
    Target { name: "calls", inputs: 1_000 },
    Target { name: "tables", inputs: 4_000 },
    Target { name: "sections", inputs: 100 },
    Target { name: "decompress", inputs: 40_000 },
    Target { name: "archive", inputs: 30_000 },
    Target { name: "reader", inputs: 15_000 },
    Target { name: "plan", inputs: 3_000 },
    Target { name: "round_trip", inputs: 2_500 },
];

/// When a run ends.
#[derive(Clone, Copy)]
pub(crate) enum End {
    /// After so many inputs, or at the limit if there are fewer: a run of the test command.
    Inputs(u64),
    /// After so many seconds.
    Seconds(u64),
}

/// The most seconds that a number of inputs may take, on CPUs that others use, too. Not a measure of the
/// machine, but an end to a target that does next to nothing.
const INPUTS_LIMIT: u64 = 1800;

const TRIPLE: &str = "x86_64-unknown-linux-gnu";

const BUILD_LIMIT: Duration = Duration::from_secs(15 * 60);

/// For Rust: what is there for the fuzzer only; counters for every edge, and comparisons told to the fuzzer;
/// faults of `unsafe` code found at once.
const FLAGS: [&str; 8] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "-Zsanitizer=address",
];

/// The same for libzstd, and undefined behaviour and its own assertions too. gcc has no counters that the
/// fuzzer could read. What libzstd has in assembler is used as it is shipped, without any of this. Its
/// templates are not put into their callers: those many copies take clang minutes, and hide from the fuzzer
/// that it has been there.
const C_COMPILER: &str = "clang";
const C_FLAGS: &str = "-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined \
    -DDEBUGLEVEL=1 -DZSTD_NO_INLINE";

/// Where the built programs and the first inputs are.
pub(crate) struct Fuzzer {
    programs: PathBuf,
    seeds: PathBuf,
}

/// The result of a run.
pub(crate) struct Figures {
    pub(crate) executions: u64,
    /// Edges of the program that were reached.
    pub(crate) edges: u64,
}

/// Builds all targets, and writes the inputs to begin with.
pub(crate) fn build() -> Result<Fuzzer> {
    let target = repo::target().join("fuzz");
    let mut command = repo::cargo();
    command
        .args(["build", "--release", "--locked", "--target", TRIPLE])
        .current_dir(repo::root().join("fuzz"));
    // rustc offers sanitizers in nightly builds only. A stable compiler has them too, without a promise.
    command.env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_DIR", &target);
    command.env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\x1f"));
    // For this triple only, so not for what runs while it is built; the fuzzer itself is C++.
    command.env("CC_x86_64_unknown_linux_gnu", C_COMPILER).env("CFLAGS_x86_64_unknown_linux_gnu", C_FLAGS);
    process::must(&mut command, BUILD_LIMIT)?;
    let fuzzer =
        Fuzzer { programs: target.join(TRIPLE).join("release"), seeds: repo::scratch("fuzz")?.join("seeds") };
    process::must(Command::new(fuzzer.programs.join("seeds")).arg(&fuzzer.seeds), BUILD_LIMIT)?;
    Ok(fuzzer)
}

impl Fuzzer {
    /// Runs a target, from its seeds, what earlier runs have found, and what once failed.
    pub(crate) fn run(&self, target: &str, end: End) -> Result<Figures> {
        let folder = repo::scratch("fuzz")?;
        let corpus = folder.join("corpus").join(target);
        let failed = folder.join("failed");
        std::fs::create_dir_all(&corpus)?;
        std::fs::create_dir_all(&failed)?;
        let mut command = Command::new(self.programs.join(target));
        command.current_dir(&folder).arg(&corpus).arg(self.seeds.join(target));
        let regressions = repo::root().join("fuzz/regressions").join(target);
        if regressions.exists() {
            command.arg(regressions);
        }
        let seconds = match end {
            End::Seconds(seconds) => seconds,
            End::Inputs(inputs) => {
                command.arg(format!("-runs={inputs}"));
                INPUTS_LIMIT
            }
        };
        command.arg(format!("-max_total_time={seconds}"));
        command.arg(format!("-artifact_prefix={}/{target}-", failed.display()));
        command.args(["-timeout=300", "-rss_limit_mb=3000", "-max_len=8192", "-print_final_stats=1"]);
        // Leaks are looked for elsewhere: the pool and the contexts of libzstd are kept on purpose. What an
        // input frees fits into the quarantine, and the next input finds its memory in the caches.
        command.env("ASAN_OPTIONS", "detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=16");
        let finished = process::run(&mut command, Duration::from_secs(seconds * 2 + 600))?;
        match figures(&finished.output) {
            Some(figures) if finished.success() => Ok(figures),
            _ => bail!("{}", without_progress(&finished.describe())),
        }
    }
}

/// The output of a failed run without the lines about new inputs.
fn without_progress(output: &str) -> String {
    output.lines().filter(|line| !line.contains(" cov: ")).collect::<Vec<_>>().join("\n")
}

fn figures(output: &str) -> Option<Figures> {
    let after = |line: &str, label: &str| -> Option<u64> {
        line.split_once(label)?.1.split_whitespace().next()?.parse().ok()
    };
    let executions = output.lines().rev().find_map(|line| after(line, "stat::number_of_executed_units:"))?;
    let edges = output.lines().rev().find_map(|line| after(line, " cov: "))?;
    Some(Figures { executions, edges })
}

/// Runs one target, or all one after the other.
pub(crate) fn run(target: Option<&str>, seconds: u64) -> Result<()> {
    let names = TARGETS.map(|target| target.name);
    if let Some(unknown) = target.filter(|target| !names.contains(target)) {
        bail!("there is no target {unknown:?}; there are {}", names.join(", "));
    }
    let fuzzer = build()?;
    for name in names.into_iter().filter(|name| target.is_none_or(|target| target == *name)) {
        let Figures { executions, edges } = fuzzer.run(name, End::Seconds(seconds))?;
        println!("{name}: {executions} executions in {seconds} s, {edges} edges");
    }
    Ok(())
}

/// Whether this machine can.
pub(crate) fn possible() -> Result<(), String> {
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) && Path::new("/proc/self").exists() {
        Ok(())
    } else {
        Err("the fuzzer is built on x86_64 Linux only".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_figures_count() {
        let output = "#2 INITED cov: 10 ft: 11 corp: 1/1b\n#9 NEW    cov: 25 ft: 30 corp: 2/9b\n\
                      Done 9 runs in 1 second(s)\nstat::number_of_executed_units: 9\n";
        let found = figures(output).unwrap();
        assert_eq!((found.executions, found.edges), (9, 25));
        assert!(figures("nothing").is_none());
        assert_eq!(without_progress(output).lines().count(), 2);
    }
}
