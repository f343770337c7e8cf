//! Suite "miri": the parts that are Rust alone under Miri, with Tree Borrows, under several schedules: every
//! access is checked against the rules of the language, and every data race is found that these schedules
//! have.

use super::{instrumented, lines, Case, Context};
use crate::{process, repo};
use anyhow::Result;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Schedules; Miri's are made from their numbers, so they are the same each time.
const SEEDS: [u32; 3] = [0, 1, 2];

/// Programs of `tests/narrow`, which has what needs no libzstd.
const PROGRAMS: [&str; 3] = ["blocks", "parsers", "threads"];

pub(super) fn run(_: &mut Context) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for seed in SEEDS {
        for program in PROGRAMS {
            let Some(mut cargo) = instrumented::miri() else {
                let reason =
                    "Miri cannot be had: rustup has no nightly toolchain with the component miri here";
                return Ok(vec![Case::skipped("miri", reason)]);
            };
            cargo.args(["miri", "test", "--package", "fastpar-narrow", "--test", program]);
            cargo.args(["--", "--show-output"]);
            cargo.env("CARGO_TARGET_DIR", repo::target().join("miri"));
            // What the pool keeps until the process ends is no leak. The clock and files are the machine's.
            let flags = "-Zmiri-tree-borrows -Zmiri-ignore-leaks -Zmiri-disable-isolation";
            cargo.env("MIRIFLAGS", format!("{flags} -Zmiri-seed={seed}"));
            let found = lines::libtest(&process::run(&mut cargo, LIMIT)?);
            cases.extend(
                found.into_iter().map(|case| Case { name: format!("seed {seed}: {}", case.name), ..case }),
            );
        }
    }
    Ok(cases)
}
