//! What the suites found: told as each of them ends, and all together at the end.

use super::{Case, Outcome};

/// A suite's cases.
pub(super) struct Report {
    pub(super) suite: &'static str,
    pub(super) cases: Vec<Case>,
    pub(super) seconds: f64,
    /// CPU time of the programs that it ran, and of the builds that were made ahead for it.
    pub(super) cpu_seconds: f64,
}

impl Report {
    fn counts(&self) -> [usize; 3] {
        let mut counts = [0; 3];
        for case in &self.cases {
            counts[match case.outcome {
                Outcome::Passed => 0,
                Outcome::Failed(_) => 1,
                Outcome::Skipped(_) => 2,
            }] += 1;
        }
        counts
    }
}

/// Where everything can be installed nothing is skipped, except what needs a Python or a nightly Rust that
/// cannot be had there.
pub(super) fn refuse_skip(case: &mut Case) {
    if let Outcome::Skipped(reason) = &case.outcome {
        if !["free-threaded", "Miri"].iter().any(|known| reason.contains(known)) {
            case.outcome = Outcome::Failed(format!("must not be skipped in CI: {reason}"));
        }
    }
}

pub(super) fn show(report: &Report) {
    let _whole = std::io::stdout().lock(); // another lane writes too
    for case in &report.cases {
        match &case.outcome {
            Outcome::Passed => {}
            Outcome::Failed(detail) => {
                println!("--- FAILED {}: {}\n{}\n---", report.suite, case.name, end_of(detail))
            }
            Outcome::Skipped(reason) => println!("  skipped {}: {reason}", case.name),
        }
    }
    let [passed, failed, skipped] = report.counts();
    let Report { suite, seconds, .. } = report;
    println!("  {suite}: {passed} passed, {failed} failed, {skipped} skipped in {seconds:.1} s");
}

/// The last lines of a long output: that is where the failure is.
fn end_of(text: &str) -> String {
    const LINES: usize = 300;
    let lines: Vec<_> = text.trim_end().lines().collect();
    match lines.len().checked_sub(LINES) {
        None | Some(0) => lines.join("\n"),
        Some(more) => format!("({more} lines left out)\n{}", lines[more..].join("\n")),
    }
}

/// Prints the table, the skipped and the failed cases, and the counts as the last line.
pub(super) fn summarize(reports: &[Report]) -> bool {
    println!(
        "\n{:<12} {:>7} {:>7} {:>8} {:>8} {:>12}",
        "suite", "passed", "failed", "skipped", "minutes", "CPU minutes"
    );
    let mut total = [0; 3];
    for report in reports {
        let counts = report.counts();
        let [passed, failed, skipped] = counts;
        let (minutes, cpu) = (report.seconds / 60.0, report.cpu_seconds / 60.0);
        println!("{:<12} {passed:>7} {failed:>7} {skipped:>8} {minutes:>8.1} {cpu:>12.1}", report.suite);
        total.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    for report in reports {
        for case in &report.cases {
            match &case.outcome {
                Outcome::Passed => {}
                Outcome::Failed(_) => println!("FAILED {}: {}", report.suite, case.name),
                Outcome::Skipped(reason) => println!("skipped {}: {}: {reason}", report.suite, case.name),
            }
        }
    }
    let [passed, failed, skipped] = total;
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    failed == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ci_skips_nothing_but_free_threaded_python_and_miri() {
        let reasons = ["no clang", "no free-threaded Python", "Miri cannot be had", "no nightly"];
        let mut cases = reasons.map(|reason| Case::skipped("a", reason));
        cases.iter_mut().for_each(refuse_skip);
        let refused = cases.map(|case| matches!(case.outcome, Outcome::Failed(_)));
        assert_eq!(refused, [true, false, false, true]);
    }
}
