//! Instructions of the calls that must stay short, counted by callgrind: the same number each time, whatever
//! else the machine does. The counts are committed; a test fails when one has grown.

use crate::stage::Staged;
use crate::{process, repo};
use anyhow::{bail, ensure, Context, Result};
use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

const CASES: [&str; 6] =
    ["loop_24", "claims_60", "compress_1k", "decompress_1k", "compress_16k", "decompress_16k"];
const FILE: &str = "benches/results/instructions.json";
const REPEAT: u64 = 10;
const LIMIT: Duration = Duration::from_secs(120);

/// Instructions of one call, case by case.
pub(crate) type Counts = BTreeMap<String, u64>;

/// Counts them.
pub(crate) fn count(staged: &Staged) -> Result<Counts> {
    let folder = repo::scratch("instructions")?;
    let program = folder.join("calls");
    let mut gcc = Command::new("gcc");
    gcc.args(["-O2", "-Wall", "-Wextra"]).arg(repo::root().join("benches/instructions/calls.c"));
    process::must(gcc.args(staged.link_arguments()).arg("-o").arg(&program), LIMIT)?;
    let mut counts = Counts::new();
    for case in CASES {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=callgrind", "--toggle-collect=measured", "--callgrind-out-file=/dev/null"]);
        valgrind.arg(&program).args([case, &REPEAT.to_string()]);
        let output = valgrind.env_remove("FASTPAR_THREADS").output().context("valgrind")?;
        let text = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "valgrind: {}\n{text}", output.status);
        let line = text.lines().find_map(|line| line.split_once("Collected :")).context("callgrind's sum")?.1;
        counts.insert(case.into(), line.trim().parse::<u64>().context("callgrind's sum")? / REPEAT);
    }
    Ok(counts)
}

/// The counts that are committed.
pub(crate) fn recorded() -> Result<Counts> {
    serde_json::from_str(&repo::read(FILE)?).with_context(|| FILE.to_owned())
}

/// `cargo xtask bench instructions`: counts, and records the counts.
pub(crate) fn record(staged: &Staged) -> Result<()> {
    if !process::installed("valgrind") {
        bail!("valgrind is not installed");
    }
    let (before, now) = (recorded().unwrap_or_default(), count(staged)?);
    for (case, count) in &now {
        match before.get(case) {
            Some(before) => println!("{case}: {count} instructions, {before} before"),
            None => println!("{case}: {count} instructions"),
        }
    }
    Ok(std::fs::write(repo::root().join(FILE), serde_json::to_string_pretty(&now)? + "\n")?)
}
