//! Suites "tsan" and "msan": the library's own tests, in Rust and in C, under ThreadSanitizer and
//! MemorySanitizer. These know what threads do to each other, and which bytes were never written, only in
//! code that they compiled. So std and libzstd are built for them too, each in a folder of its own.

use super::{instrumented, lines, sanitized_c, Case, Context};
use crate::{process, repo};
use anyhow::{ensure, Error, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub(super) const LIMIT: Duration = Duration::from_secs(40 * 60);

/// How many times as long as elsewhere a test may take.
const PATIENCE: &str = "10";

/// A program of tests, by what its tests begin with if not all of them run, and without some: what a
/// sanitizer cannot do.
struct Program {
    name: &'static str,
    only: &'static [&'static str],
    without: &'static [&'static str],
}

/// The programs of `tests/c`: what clang takes for them, and those without that a sanitizer cannot do.
pub(super) struct CPrograms {
    pub(super) flags: &'static [&'static str],
    pub(super) without: &'static [&'static str],
}

/// A sanitizer.
pub(super) struct Sanitizer {
    /// As rustc and clang call it.
    pub(super) flag: &'static str,
    /// The suite, and the sanitizer's short name.
    pub(super) suite: &'static str,
    /// The variable of its options, and those.
    options: (&'static str, &'static str),
    programs: &'static [Program],
    pub(super) c_programs: CPrograms,
    /// Tests of `sanitizers` that it has to report: the first in Rust, the second in libzstd.
    mistakes: [&'static str; 2],
    /// The same of `sanitizers/mistakes.c`.
    pub(super) c_mistake: &'static str,
}

const THREAD: Sanitizer = Sanitizer {
    flag: "thread",
    suite: "tsan",
    // Children of tests start threads, too. A program that ends is not kept for a second.
    options: ("TSAN_OPTIONS", "allocator_may_return_null=1:die_after_fork=0:atexit_sleep_ms=0"),
    // Nothing that goes on in a forked child: ThreadSanitizer does not check the child of a process with
    // threads, and may wait in it for a lock of its own that a thread of the parent held.
    programs: &[
        Program { name: "loops", only: &[], without: &[] },
        Program { name: "lifecycle", only: &[], without: &["fork", "trace_processes::"] },
        Program { name: "archives", only: &[], without: &["in_a_forked_child"] },
        Program { name: "codec", only: &[], without: &["fork::"] },
        Program { name: "streams", only: &["c_calls::"], without: &[] },
    ],
    c_programs: CPrograms {
        flags: &["-DCANNOT_FORK"],
        // It is not told of other stacks, and has a thread of its own where `loading` counts the threads.
        // `guest` and `masks` are about threads as the kernel knows them.
        without: &["fibers", "guest", "loading", "masks"],
    },
    mistakes: ["a_race_in_rust", "a_race_in_libzstd"],
    c_mistake: "race",
};

const MEMORY: Sanitizer = Sanitizer {
    flag: "memory",
    suite: "msan",
    options: ("MSAN_OPTIONS", "allocator_may_return_null=1"),
    programs: &[
        Program { name: "codec", only: &[], without: &[] },
        Program { name: "archives", only: &[], without: &[] },
        Program { name: "lifecycle", only: &[], without: &[] },
    ],
    c_programs: CPrograms { flags: &[], without: &["fibers", "guest", "masks"] },
    mistakes: ["unwritten_bytes_in_rust", "unwritten_bytes_in_libzstd"],
    c_mistake: "unwritten",
};

impl Sanitizer {
    /// Makes a program report to a new folder of this name.
    pub(super) fn report_to(&self, name: &str, program: &mut Command) -> Result<PathBuf> {
        let folder = repo::scratch(self.suite)?.join("reports").join(name);
        let _ = fs::remove_dir_all(&folder); // of the last run
        fs::create_dir_all(&folder)?;
        let (variable, options) = self.options;
        program.env(variable, format!("{options}:log_path={}", folder.join("report").display()));
        Ok(folder)
    }
}

pub(super) fn threads(context: &mut Context) -> Result<Vec<Case>> {
    run(context, &THREAD)
}

pub(super) fn memory(context: &mut Context) -> Result<Vec<Case>> {
    run(context, &MEMORY)
}

fn run(context: &mut Context, sanitizer: &Sanitizer) -> Result<Vec<Case>> {
    let suite = sanitizer.suite;
    let absent = context.setup.missing(&["clang"]);
    if let Some(reason) = absent.or_else(|| instrumented::sanitized(sanitizer.flag, suite, "test").err()) {
        return Ok(vec![Case::skipped(suite, reason)]);
    }
    instrumented::prepare(sanitizer.flag)?;
    // `cargo test` of a program, whose reports go to a folder of this name.
    let tests = |program: &str, name: &str| -> Result<(Command, PathBuf)> {
        let mut cargo = instrumented::sanitized(sanitizer.flag, suite, "test").map_err(Error::msg)?;
        let folder = sanitizer.report_to(name, &mut cargo)?;
        cargo.args(["--test", program, "--no-fail-fast", "--", "--show-output"]);
        cargo.env("FASTPAR_TEST_PATIENCE", PATIENCE);
        Ok((cargo, folder))
    };
    let mut cases = Vec::new();
    for mistake in sanitizer.mistakes {
        cases.push(Case::of(format!("reported: {mistake}"), || {
            let (mut cargo, folder) = tests("sanitizers", mistake)?;
            let finished = process::run(cargo.args(["--exact", mistake]), LIMIT)?;
            ensure!(!told(&folder)?.is_empty(), "there is no report\n{}", finished.describe());
            Ok(())
        }));
    }
    for program in sanitizer.programs {
        let (mut cargo, folder) = tests(program.name, program.name)?;
        cargo.args(program.only);
        for test in program.without {
            cargo.args(["--skip", test]);
        }
        cases.extend(lines::libtest(&process::run(&mut cargo, LIMIT)?));
        cases.push(Case::checked(format!("{}: no report", program.name), told(&folder)?));
    }
    cases.extend(sanitized_c::run(context, sanitizer)?);
    Ok(cases)
}

/// The reports in a folder: of the program, and of its children, whatever became of them.
pub(super) fn told(folder: &Path) -> Result<Vec<String>> {
    let files = fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    files.iter().map(|file| Ok(String::from_utf8_lossy(&fs::read(file.path())?).into_owned())).collect()
}
