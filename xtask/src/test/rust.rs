//! Suites that cargo runs.

use super::{comment_width, lines, Case, Context};
use crate::{process, repo, setup};
use anyhow::{Context as _, Result};
use std::path::Path;
use std::process::Command;
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

/// The library by itself, as other suites build it: with those of the tools its dependencies would be built
/// with more features, and once more for the others.
pub(super) fn tests(_: &mut Context) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for packages in [&["--package", "fastpar"][..], &["--workspace", "--exclude", "fastpar"]] {
        let mut cargo = repo::cargo();
        cargo.arg("test").args(packages).args(["--no-fail-fast", "--", "--show-output"]);
        cases.extend(lines::libtest(&process::run(&mut cargo, LIMIT)?));
    }
    Ok(cases)
}

/// The models: the tests of the library alone are built for loom, which is a build of its own kind beside the
/// others, not what the library depends on.
pub(super) fn loom(_: &mut Context) -> Result<Vec<Case>> {
    let mut build = repo::cargo();
    build.args(["rustc", "--package", "fastpar", "--lib", "--profile", "test"]);
    build.args(["--message-format", "json-render-diagnostics", "--", "--cfg", "loom"]);
    let built = process::must(&mut build, LIMIT)?;
    let program = built.lines().rev().find_map(executable).context("cargo tells no program")?;
    let mut models = Command::new(program);
    models.args(["loom", "--show-output"]).current_dir(repo::root());
    Ok(lines::libtest(&process::run(&mut models, LIMIT)?))
}

/// The program that a message of cargo's tells.
fn executable(message: &str) -> Option<String> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    Some(message["executable"].as_str()?.to_owned())
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
        let mut add = Command::new("rustup");
        // Where it cannot be had the library is not found below.
        let _alone = setup::installing();
        let _ = process::run(add.args(["target", "add", NARROW]), LIMIT);
    }
    let mut ask = Command::new("rustc");
    let library = ask.args(["--print", "target-libdir", "--target", NARROW]).output().ok()?;
    if !Path::new(String::from_utf8_lossy(&library.stdout).trim()).is_dir() {
        return Some(format!("no standard library for {NARROW} (rustup target add {NARROW})"));
    }
    context.setup.linker_for_32_bits()
}

#[cfg(test)]
mod tests {
    use super::executable;

    #[test]
    fn the_program_of_a_message() {
        let message = r#"{"reason":"compiler-artifact","executable":"/a/b"}"#;
        assert_eq!(executable(message).as_deref(), Some("/a/b"));
        for other in [r#"{"reason":"compiler-artifact","executable":null}"#, "{}", "warning: x"] {
            assert_eq!(executable(other), None, "{other}");
        }
    }
}
