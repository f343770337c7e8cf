//! What the suites may take: the table of `tests/README.md`, beside what they took.
//!
//! Suites that run at the same time each tell their own minutes, which together are more than all of them
//! took.
//!
//! A budget is minutes on two CPUs that do nothing else. Minutes that went by depend on what else the machine
//! does, so they are only told. The CPU time of a suite's processes does not: under CI a group fails that
//! takes `FACTOR` times the CPU time of its budget. Then work was added: a slow machine does not change CPU
//! time so much.

use super::{Case, Suite};
use crate::repo;
use anyhow::{ensure, Context as _, Result};

/// The CPUs that the budgets are for.
const CPUS: f64 = 2.0;

/// A machine of a third of the speed passes with all that fits here.
const FACTOR: f64 = 3.0;

/// Minutes of all suites of the test command together.
const ALL: f64 = 40.0;

const BEGIN: &str = "<!-- budgets: begin -->";
const END: &str = "<!-- budgets: end -->";

/// Suites that share a budget.
#[derive(Debug, PartialEq)]
pub(super) struct Budget {
    name: String,
    suites: Vec<String>,
    minutes: f64,
}

/// What a suite took.
pub(super) struct Took {
    pub(super) suite: &'static str,
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
}

/// The table of `tests/README.md`.
pub(super) fn read() -> Result<Vec<Budget>> {
    parse(&repo::read("tests/README.md")?)
}

fn parse(page: &str) -> Result<Vec<Budget>> {
    let table = page.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END));
    let (table, _) = table.context("tests/README.md has no table of budgets")?;
    // Two lines of heading.
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        ensure!(cells.len() == 3, "a budget has a name, suites and minutes: {row}");
        Ok(Budget {
            name: cells[0].to_owned(),
            suites: cells[1].split(", ").map(str::to_owned).collect(),
            minutes: cells[2].parse().with_context(|| format!("minutes: {row}"))?,
        })
    })
    .collect()
}

/// Every suite has one budget, and every budget's suites exist.
fn complaints(budgets: &[Budget], suites: &[Suite]) -> Vec<String> {
    let budgeted = || budgets.iter().flat_map(|budget| &budget.suites);
    let mut complaints = Vec::new();
    for suite in suites {
        let rows = budgeted().filter(|name| *name == suite.name).count();
        if rows != 1 {
            complaints.push(format!("{} is in {rows} budgets of tests/README.md", suite.name));
        }
    }
    for name in budgeted().filter(|name| suites.iter().all(|suite| suite.name != **name)) {
        complaints.push(format!("tests/README.md has a budget for {name}, which is no suite"));
    }
    complaints
}

/// Prints minutes beside budgets, and checks the groups of which all suites ran. `seconds`: of all suites
/// together.
pub(super) fn check(budgets: &[Budget], suites: &[Suite], took: &[Took], seconds: f64) -> Vec<Case> {
    let mut cases = vec![Case::checked("every suite has a budget", complaints(budgets, suites))];
    println!("\n{:<16} {:>8} {:>8} {:>12}", "budget", "minutes", "of", "CPU minutes");
    for Budget { name, suites, minutes } in budgets {
        let ran: Vec<_> = took.iter().filter(|took| suites.iter().any(|suite| suite == took.suite)).collect();
        let wall = ran.iter().map(|took| took.seconds / 60.0).sum::<f64>();
        let cpu = ran.iter().map(|took| took.cpu_seconds / 60.0).sum::<f64>();
        if ran.len() < suites.len() {
            continue;
        }
        println!("{name:<16} {wall:>8.1} {minutes:>8} {cpu:>12.1}{}", over(wall, *minutes));
        let most = minutes * CPUS * FACTOR;
        let complaint = format!("{cpu:.1} minutes of CPU time, {FACTOR} times its budget are {most}");
        cases.push(Case::checked(name, (cpu > most).then_some(complaint).into_iter().collect()));
    }
    let (wall, cpu) = (seconds / 60.0, took.iter().map(|took| took.cpu_seconds / 60.0).sum::<f64>());
    println!("{:<16} {wall:>8.1} {ALL:>8} {cpu:>12.1}{}", "all", over(wall, ALL));
    cases
}

fn over(minutes: f64, budget: f64) -> &'static str {
    if minutes > budget {
        "  over its budget"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Outcome, SUITES};
    use super::*;

    #[test]
    fn every_suite_has_a_budget() {
        assert_eq!(complaints(&read().unwrap(), SUITES), [""; 0]);
    }

    #[test]
    fn work_fails_and_waiting_does_not() {
        let page = format!("{BEGIN}\n| a | b | c |\n| - | - | - |\n| Rust | rust, loom | 2 |\n{END}");
        let budgets = parse(&page).unwrap();
        let expected =
            Budget { name: "Rust".into(), suites: vec!["rust".into(), "loom".into()], minutes: 2.0 };
        assert_eq!(budgets, [expected]);
        let run = |cpu_seconds| {
            let took = ["rust", "loom"].map(|suite| Took { suite, seconds: 9000.0, cpu_seconds });
            check(&budgets, &[], &took, 18_000.0).pop().unwrap().outcome
        };
        assert!(matches!(run(300.0), Outcome::Passed));
        assert!(matches!(run(400.0), Outcome::Failed(_)));
        assert!(parse("nothing").is_err());
    }
}
