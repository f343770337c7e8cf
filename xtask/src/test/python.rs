//! Suite "python": `tests/python` on whatever Python 3 there is, with nothing but ctypes.

use super::{lines, Case, Context};
use crate::{process, repo};
use anyhow::Result;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(300);

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    if let Some(reason) = context.setup.missing(&["python3"]) {
        return Ok(vec![Case::skipped("plain ctypes", reason)]);
    }
    let mut command = Command::new("python3");
    command.args(["-B", "-m", "unittest", "discover", "-v", "-s", "tests/python"]).current_dir(repo::root());
    command.env("FASTPAR_LIBRARY", context.staged()?.shared());
    Ok(lines::unittest(&process::run(&mut command, LIMIT)?))
}
