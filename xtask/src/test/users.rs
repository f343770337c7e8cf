//! Suite "users": two users, links, sticky folders and groups. It becomes the other users, so it needs root.

use super::{lines, Case, Context};
use crate::{process, repo};
use anyhow::Result;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10 * 60);

pub(super) fn run(_: &mut Context) -> Result<Vec<Case>> {
    let me = Command::new("id").arg("-u").output();
    if !me.is_ok_and(|output| output.stdout.trim_ascii() == b"0") {
        return Ok(vec![Case::skipped("users", "becoming another user needs root")]);
    }
    let arguments =
        ["test", "--package", "fastpar", "--test", "users", "--no-fail-fast", "--", "--show-output"];
    Ok(lines::libtest(&process::run(repo::cargo().args(arguments), LIMIT)?))
}
