//! Suite "instructions": the calls that must stay short have not grown.

use super::{Case, Context};
use crate::instructions;
use anyhow::Result;

/// A call may grow by a twentieth before the record has to be changed.
const GROWTH: u64 = 20;

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let absent = context.setup.install_if_missing(&["valgrind"]);
    if let Some(reason) = absent.or_else(|| context.setup.missing(&["gcc"])) {
        return Ok(vec![Case::skipped("instruction counts", reason)]);
    }
    let recorded = instructions::recorded()?;
    let now = instructions::count(context.staged()?)?;
    let case = |(name, count): (&String, &u64)| {
        let complaint = match recorded.get(name) {
            Some(before) if *count > before + before / GROWTH => Some(format!(
                "{count} instructions, recorded are {before}; if that is worth it: cargo xtask bench instructions"
            )),
            Some(_) => None,
            None => Some("is not recorded: cargo xtask bench instructions".into()),
        };
        Case::checked(format!("{name} has not grown"), complaint.into_iter().collect())
    };
    Ok(now.iter().map(case).collect())
}
