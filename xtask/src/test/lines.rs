//! Reading test results out of the output of test programs.

use super::{Case, Outcome};
use crate::process::Finished;

/// Results of `cargo test -- --show-output`: libtest's lines, and lines `SKIPPED: name: reason` that a test
/// prints which this machine cannot run (and which libtest then counts as passed).
pub(crate) fn libtest(finished: &Finished) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut binary = String::new();
    for line in finished.output.lines() {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("Running ") {
            binary = rest.split(" (").next().unwrap_or(rest).rsplit('/').next().unwrap_or(rest).to_owned();
        } else if let Some(rest) = line.strip_prefix("Doc-tests ") {
            binary = format!("doc {rest}");
        } else if let Some(rest) = line.strip_prefix("SKIPPED: ") {
            let (name, reason) = rest.split_once(": ").unwrap_or((rest, "no reason given"));
            skip(&mut cases, name, reason);
        } else if let Some((name, result)) =
            line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... "))
        {
            // Cargo says what it runs; a program that was started by itself does not.
            let name = if binary.is_empty() { name.to_owned() } else { format!("{binary}: {name}") };
            match result.split([',', ' ']).next() {
                Some("ok") => cases.push(Case::passed(name)),
                Some("ignored") => cases.push(Case::skipped(name, result)),
                Some("FAILED") => cases.push(Case::failed(name, "see the output of the suite")),
                _ => {}
            }
        }
    }
    whole(finished, cases)
}

/// Results of the C programs: lines `test NAME ... ok`, `... FAILED` or `... skipped: reason`.
pub(crate) fn program(name: &str, finished: &Finished) -> Vec<Case> {
    let lines = finished.output.lines();
    let results = lines.filter_map(|line| line.strip_prefix("test ")?.split_once(" ... "));
    let cases = results.map(|(test, result)| {
        let test = format!("{name}: {test}");
        match result.strip_prefix("skipped: ") {
            Some(reason) => Case::skipped(test, reason),
            None if result == "ok" => Case::passed(test),
            None => Case::failed(test, "see the output of the program"),
        }
    });
    whole(finished, cases.collect())
}

/// Results of `python3 -m unittest -v`. What a test writes, or asyncio about its slow parts, comes between
/// its name and its result, which then begins a line.
pub(crate) fn unittest(finished: &Finished) -> Vec<Case> {
    let mut cases = Vec::new();
    let (mut ran, mut open) = (0, None);
    for line in finished.output.lines() {
        let count = line.strip_prefix("Ran ").and_then(|rest| rest.split_once(" test"));
        ran += count.and_then(|(count, _)| count.parse::<usize>().ok()).unwrap_or(0);
        if let Some((name, result)) = line.rsplit_once(" ... ") {
            let result = unittest_result(name, result);
            open = if result.is_some() { None } else { line.split_once(" ... ").map(|(name, _)| name) };
            cases.extend(result);
        } else if let Some(result) = open.and_then(|name| unittest_result(name, line)) {
            open = None;
            cases.push(result);
        }
    }
    // A test that ends neither way would be missed, if it failed or not.
    if ran > cases.len() {
        let text = format!("{ran} tests ran, and only {} tell how they ended", cases.len());
        cases.push(Case::failed("the program", text));
    }
    whole(finished, cases)
}

fn unittest_result(name: &str, result: &str) -> Option<Case> {
    if let Some(reason) = result.strip_prefix("skipped ") {
        return Some(Case::skipped(name, reason.trim_matches(['\'', '"'])));
    }
    match result {
        "ok" | "expected failure" => Some(Case::passed(name)),
        "FAIL" | "ERROR" | "unexpected success" => Some(Case::failed(name, "see the output of the suite")),
        _ => None,
    }
}

/// Turns a passed case into a skipped one, or adds it.
fn skip(cases: &mut Vec<Case>, name: &str, reason: &str) {
    let outcome = Outcome::Skipped(reason.to_owned());
    let known = |case: &&mut Case| {
        let end = case.name.strip_suffix(name);
        matches!(case.outcome, Outcome::Passed) && end.is_some_and(|rest| rest.ends_with([' ', ':']))
    };
    match cases.iter_mut().rev().find(known) {
        Some(case) => case.outcome = outcome,
        None => cases.push(Case { name: name.to_owned(), outcome }),
    }
}

/// A program that failed has a failed case, and its output is in the first of them. A program that ran
/// nothing has failed.
fn whole(finished: &Finished, mut cases: Vec<Case>) -> Vec<Case> {
    let failed = cases.iter().position(|case| matches!(case.outcome, Outcome::Failed(_)));
    match failed {
        Some(first) => cases[first].outcome = Outcome::Failed(finished.describe()),
        None if !finished.success() => cases.push(Case::failed("the program", finished.describe())),
        None if cases.is_empty() => cases.push(Case::failed("the program", "ran no test")),
        None => {}
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn finished(output: &str, success: bool) -> Finished {
        let status = Command::new(if success { "true" } else { "false" }).status().ok();
        Finished { status, output: output.into() }
    }

    fn counts(cases: &[Case]) -> [usize; 3] {
        let count = |which: fn(&Outcome) -> bool| cases.iter().filter(|case| which(&case.outcome)).count();
        [
            count(|outcome| matches!(outcome, Outcome::Passed)),
            count(|outcome| matches!(outcome, Outcome::Failed(_))),
            count(|outcome| matches!(outcome, Outcome::Skipped(_))),
        ]
    }

    #[test]
    fn libtest_lines() {
        let output = "\
     Running tests/x.rs (target/debug/deps/x-1)
test a::one ... ok
test two ... ignored, slow
test two_b ... ok
test src/lib.rs - one (line 3) ... ok
SKIPPED: two_b: no /proc here
test result: ok. 3 passed
";
        let cases = libtest(&finished(output, true));
        assert_eq!(counts(&cases), [2, 0, 2]);
        assert_eq!(cases[0].name, "x.rs: a::one");
        assert_eq!(counts(&libtest(&finished("error[E0308]\n", false))), [0, 1, 0]);
        assert_eq!(libtest(&finished("test a::one ... ok\n", true))[0].name, "a::one");
    }

    #[test]
    fn program_lines() {
        let output = "test a ... ok\ntest b ... skipped: no fork here\nx.c:1: wrong\ntest c ... FAILED\n";
        assert_eq!(counts(&program("p", &finished(output, false))), [1, 1, 1]);
        assert_eq!(
            counts(&program("p", &finished("test a ... ok\n", false))),
            [1, 1, 0],
            "a crash is a failure"
        );
        assert_eq!(counts(&program("p", &finished("", true))), [0, 1, 0], "nothing is not enough");
    }

    #[test]
    fn unittest_lines() {
        let output =
            "test_a (x.T) ... ok\ntest_b (x.T)\nDoc. ... skipped 'no such thing'\ntest_c (x.T) ... FAIL\n";
        assert_eq!(counts(&unittest(&finished(output, false))), [1, 1, 1]);
        let written = |text: &str| {
            let output =
                format!("test_a (x.T) ... {text}\nok\ntest_b (x.T) ... {text}ok\nRan 2 tests in 1 s\n");
            counts(&unittest(&finished(&output, true)))
        };
        assert_eq!(written("100 %"), [1, 1, 0]);
        assert_eq!(written("took 0.3 seconds ... and more\n"), [2, 0, 0]);
    }
}
