//! Suite "fuzz": every target for a short time; `cargo xtask fuzz` does the long runs.

use super::{Case, Context};
use crate::fuzz::{self, Figures, Fuzzer, TARGETS};
use anyhow::Result;

/// For each target.
const SECONDS: u64 = 60;

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let missing = fuzz::possible().err().or_else(|| context.setup.missing(&["g++", "clang"]));
    if let Some(reason) = missing {
        return Ok(vec![Case::skipped("targets", reason)]);
    }
    println!("  building the targets");
    let fuzzer = fuzz::build()?;
    let mut cases = Vec::new();
    // Two at a time: a target uses little more than one processor.
    for pair in TARGETS.chunks(2) {
        std::thread::scope(|scope| {
            let runs: Vec<_> =
                pair.iter().map(|target| scope.spawn(|| target_case(&fuzzer, target))).collect();
            cases.extend(runs.into_iter().map(|run| run.join().expect("it does not panic")));
        });
    }
    Ok(cases)
}

fn target_case(fuzzer: &Fuzzer, target: &str) -> Case {
    match fuzzer.run(target, SECONDS) {
        Ok(Figures { executions, edges }) => {
            println!("  {target}: {executions} executions, {edges} edges");
            // Fewer would mean that it finds nothing because it does nothing.
            let enough = executions > 1000;
            Case::checked(
                target,
                (!enough).then(|| format!("only {executions} executions")).into_iter().collect(),
            )
        }
        Err(error) => Case::failed(target, format!("{error:#}")),
    }
}
