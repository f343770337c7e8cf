//! Suites that cargo runs.

use super::{comment_width, lines, Case, Context};
use crate::{process, repo};
use anyhow::Result;
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20 * 60);

fn cargo_step(name: &str, arguments: &[&str]) -> Case {
    Case::of(name, || process::must(repo::cargo().args(arguments), LIMIT).map(drop))
}

pub(super) fn format(_: &mut Context) -> Result<Vec<Case>> {
    Ok(vec![cargo_step("cargo fmt", &["fmt", "--all", "--check"]), comment_width::run()?])
}

pub(super) fn clippy(_: &mut Context) -> Result<Vec<Case>> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    Ok(vec![cargo_step("cargo clippy", &arguments)])
}

pub(super) fn tests(_: &mut Context) -> Result<Vec<Case>> {
    let arguments = ["test", "--workspace", "--no-fail-fast", "--", "--show-output"];
    Ok(lines::libtest(&process::run(repo::cargo().args(arguments), LIMIT)?))
}

/// The models need the whole library built for loom, so they have a target folder of their own.
pub(super) fn loom(_: &mut Context) -> Result<Vec<Case>> {
    if !mentions(&repo::root().join("src"), "loom::model")? {
        println!("  there are no models yet");
        return Ok(Vec::new());
    }
    let mut command = repo::cargo();
    command.args(["test", "--lib", "--package", "fastpar", "loom", "--", "--show-output"]);
    command.env("RUSTFLAGS", "--cfg loom").env("CARGO_TARGET_DIR", repo::target().join("loom"));
    Ok(lines::libtest(&process::run(&mut command, LIMIT)?))
}

fn mentions(folder: &Path, text: &str) -> Result<bool> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let found = if path.is_dir() {
            mentions(&path, text)?
        } else {
            std::fs::read_to_string(&path)?.contains(text)
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

const NARROW: &str = "i686-unknown-linux-gnu";

/// The tests of `tests/narrow` where addresses have 32 bits.
pub(super) fn narrow(context: &mut Context) -> Result<Vec<Case>> {
    if let Some(reason) = missing_for_narrow(context) {
        return Ok(vec![Case::skipped(NARROW, reason)]);
    }
    let arguments =
        ["test", "--package", "fastpar-narrow", "--target", NARROW, "--no-fail-fast", "--", "--show-output"];
    Ok(lines::libtest(&process::run(repo::cargo().args(arguments), LIMIT)?))
}

/// What rustc needs for it, installed where that is possible.
fn missing_for_narrow(context: &Context) -> Option<String> {
    if process::installed("rustup") {
        let mut add = std::process::Command::new("rustup");
        // Where it cannot be had the library is not found below.
        let _ = process::run(add.args(["target", "add", NARROW]), LIMIT);
    }
    let mut ask = std::process::Command::new("rustc");
    let library = ask.args(["--print", "target-libdir", "--target", NARROW]).output().ok()?;
    if !Path::new(String::from_utf8_lossy(&library.stdout).trim()).is_dir() {
        return Some(format!("no standard library for {NARROW} (rustup target add {NARROW})"));
    }
    context.setup.linker_for_32_bits()
}
