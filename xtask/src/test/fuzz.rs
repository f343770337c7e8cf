//! Suite "fuzz": every target with a number of inputs; `cargo xtask fuzz` does the long runs.

use super::ahead::{self, Build};
use super::{Case, Context};
use crate::fuzz::{self, End, Figures, Fuzzer, TARGETS};
use crate::setup::Setup;
use anyhow::{anyhow, ensure, Context as _, Result};
use std::sync::OnceLock;

/// A target uses little more than one CPU, so they run beside other suites.
pub(super) fn targets() -> impl Iterator<Item = Build> {
    TARGETS.iter().map(|target| ahead::build(target.name, "fuzz", |_, name| run_target(name)))
}

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    if let Some(reason) = missing(&context.setup) {
        return Ok(vec![Case::skipped("targets", reason)]);
    }
    Ok(targets().map(|target| Case::of(target.name(), || context.build(target))).collect())
}

fn missing(setup: &Setup) -> Option<String> {
    fuzz::possible().err().or_else(|| setup.missing(&["g++", "clang"]))
}

/// Tries the target's number of inputs.
fn run_target(name: &str) -> Result<()> {
    let inputs = TARGETS.iter().find(|target| target.name == name).context("no such target")?.inputs;
    let Figures { executions, edges } = fuzzer()?.run(name, End::Inputs(inputs))?;
    println!("  {name}: {executions} inputs, {edges} edges");
    // Fewer: the time was over, and most of it was spent on something else than inputs.
    ensure!(executions >= inputs, "only {executions} of {inputs} inputs before the limit of time");
    Ok(())
}

/// The programs, built when the first of them is to run. Another that is to run meanwhile waits.
fn fuzzer() -> Result<&'static Fuzzer> {
    static FUZZER: OnceLock<Result<Fuzzer, String>> = OnceLock::new();
    let built = FUZZER.get_or_init(|| fuzz::build().map_err(|error| format!("{error:#}")));
    built.as_ref().map_err(|error| anyhow!("{error}"))
}
