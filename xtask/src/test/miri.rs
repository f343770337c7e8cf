//! Suite "miri": the library under Miri, with Tree Borrows, under several schedules: every access is checked
//! against the rules of the language, and every data race is found that these schedules have.

use super::cpp::each;
use super::{instrumented, lines, Case, Context};
use crate::{process, repo};
use anyhow::Result;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60 * 60);

/// Schedules; Miri's are made from their numbers, so they are the same each time.
const SEEDS: [u32; 3] = [0, 1, 2];

/// A program, and what it needs of Miri.
struct Program {
    package: &'static str,
    test: &'static str,
    flags: &'static str,
}

const PROGRAMS: [Program; 4] = [
    Program { package: "fastpar-narrow", test: "blocks", flags: "-Zmiri-disable-isolation" },
    Program { package: "fastpar-narrow", test: "parsers", flags: "-Zmiri-disable-isolation" },
    Program { package: "fastpar-narrow", test: "threads", flags: "-Zmiri-disable-isolation" },
    // Alone with its schedule: nothing of the machine is there, and time goes by with the steps. crossbeam
    // keeps pointers in integers.
    Program {
        package: "fastpar",
        test: "miri",
        flags: "-Zmiri-isolation-error=hide -Zmiri-permissive-provenance",
    },
];

pub(super) fn run(_: &mut Context) -> Result<Vec<Case>> {
    if instrumented::miri().is_none() {
        let reason = "Miri cannot be had: rustup has no nightly toolchain with the component miri here";
        return Ok(vec![Case::skipped("miri", reason)]);
    }
    let runs: Vec<_> = PROGRAMS.iter().flat_map(|program| SEEDS.map(|seed| (program, seed))).collect();
    let mut cases = Vec::new();
    for found in each(&runs, |&(program, seed)| run_one(program, seed)) {
        cases.extend(found?);
    }
    Ok(cases)
}

fn run_one(program: &Program, seed: u32) -> Result<Vec<Case>> {
    let Some(mut cargo) = instrumented::miri() else { return Ok(Vec::new()) }; // it was there just now
    cargo.args(["miri", "test", "--package", program.package, "--test", program.test]);
    cargo.args(["--", "--show-output", "--test-threads=1"]);
    cargo.env("CARGO_TARGET_DIR", repo::target().join("miri"));
    // What the pool keeps until the process ends is no leak.
    let flags = "-Zmiri-tree-borrows -Zmiri-ignore-leaks";
    cargo.env("MIRIFLAGS", format!("{flags} {} -Zmiri-seed={seed}", program.flags));
    let found = lines::libtest(&process::run(&mut cargo, LIMIT)?);
    let named = |case: Case| Case { name: format!("{}, seed {seed}: {}", program.test, case.name), ..case };
    Ok(found.into_iter().map(named).collect())
}
