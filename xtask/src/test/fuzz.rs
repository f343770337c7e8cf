//! Suite "fuzz": every target with a number of inputs; `cargo xtask fuzz` does the long runs.

use super::cpp::each;
use super::{ahead, Case, Context};
use crate::fuzz::{self, End, Figures, Fuzzer, Target, TARGETS};
use anyhow::Result;

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let missing = fuzz::possible().err().or_else(|| context.setup.missing(&["g++", "clang"]));
    if let Some(reason) = missing {
        return Ok(vec![Case::skipped("targets", reason)]);
    }
    context.build(ahead::FUZZER)?;
    let fuzzer = fuzz::build()?;
    // As many targets at a time as there are CPUs: a target uses little more than one.
    Ok(each(&TARGETS, |target| target_case(&fuzzer, target)))
}

fn target_case(fuzzer: &Fuzzer, target: &Target) -> Case {
    let Target { name, inputs } = *target;
    match fuzzer.run(name, End::Inputs(inputs)) {
        Ok(Figures { executions, edges }) => {
            println!("  {name}: {executions} inputs, {edges} edges");
            // Fewer: the time was over, and most of it was spent on something else than inputs.
            let enough = executions >= inputs;
            let complaint = format!("only {executions} of {inputs} inputs before the limit of time");
            Case::checked(name, (!enough).then_some(complaint).into_iter().collect())
        }
        Err(error) => Case::failed(name, format!("{error:#}")),
    }
}
