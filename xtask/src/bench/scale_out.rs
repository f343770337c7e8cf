//! Workers of Dask beside one process, and what a task costs; then the tables of docs/scale-out.md, of which
//! one is simulated with that.

use super::Effort;
use crate::stage::Staged;
use crate::test::dask;
use crate::{process, repo};
use anyhow::{bail, Result};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60 * 60);

/// Measures, and writes both down.
pub(super) fn record(staged: &Staged, effort: Effort) -> Result<()> {
    let mut command = match dask::command(staged)? {
        Ok(command) => command,
        Err(reason) => bail!("{reason}"),
    };
    command.arg(repo::root().join("benches/scale_out/measure.py"));
    if effort.is_quick() {
        command.args(["--seconds", "6", "--tasks", "200"]);
    }
    print!("{}", process::must(&mut command, LIMIT)?);
    let simulation = repo::root().join("benches/simulation/scale_out.py");
    process::must(Command::new("python3").arg(simulation), LIMIT).map(drop)
}
