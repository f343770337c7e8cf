//! `cargo xtask test`: every test of the repository, in suites, with one summary.

mod aarch64;
mod abi;
mod abi_guard;
mod ahead;
mod apple;
mod budget;
mod c;
mod calls;
mod comment_width;
mod comments;
mod cpp;
mod csharp;
mod csharp_examples;
pub(crate) mod dask;
pub(crate) mod debian_python;
mod docs;
mod dotnet_forms;
mod example_forms;
mod examples;
mod faults;
mod features;
mod foreign;
mod fuzz;
mod imports;
mod installed;
mod installed_msvc;
mod installed_python;
mod installed_symbols;
mod instructions;
mod instrumented;
mod line_counts;
mod lines;
mod miri;
mod mpi;
mod musl;
mod native;
mod native_packages;
mod nuget_package;
mod packages;
mod pictures;
mod plugins;
mod ports;
mod programs;
mod python;
mod python_types;
mod readme;
mod rust;
mod sanitized_c;
mod sanitizers;
pub(crate) mod soak;
mod sources;
mod symbols;
mod trust;
mod users;
mod windows_dll;
mod windows_dotnet;
mod windows_examples;
mod windows_python;
mod wine;
mod workflows;

use crate::header::Header;
use crate::setup::Setup;
use crate::stage::{self, Staged};
use crate::{dist, process, windows};
use ahead::{Ahead, Build};
use anyhow::{bail, Result};
use std::sync::Arc;
use std::time::Instant;

/// One test and how it ended.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) outcome: Outcome,
}

pub(crate) enum Outcome {
    Passed,
    /// With the output that shows why.
    Failed(String),
    /// With the reason.
    Skipped(String),
}

impl Case {
    pub(crate) fn passed(name: impl Into<String>) -> Self {
        Self { name: name.into(), outcome: Outcome::Passed }
    }

    pub(crate) fn failed(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { name: name.into(), outcome: Outcome::Failed(detail.into()) }
    }

    pub(crate) fn skipped(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { name: name.into(), outcome: Outcome::Skipped(reason.into()) }
    }

    /// A case that has passed if there is nothing to complain about.
    pub(crate) fn checked(name: impl Into<String>, complaints: Vec<String>) -> Self {
        if complaints.is_empty() {
            Self::passed(name)
        } else {
            Self::failed(name, complaints.join("\n"))
        }
    }

    /// A case that has passed if its work was done.
    pub(crate) fn of(name: impl Into<String>, work: impl FnOnce() -> Result<()>) -> Self {
        match work() {
            Ok(()) => Self::passed(name),
            Err(error) => Self::failed(name, format!("{error:#}")),
        }
    }
}

/// The state that suites share.
pub(crate) struct Context {
    pub(crate) setup: Setup,
    ahead: Arc<Ahead>,
    /// CPU time of builds that were made ahead for the suite under way.
    ahead_seconds: f64,
    /// The library is that of the packages.
    packaged: bool,
    staged: Option<Staged>,
    windows: Option<Result<windows::Staged, String>>,
    header: Option<Header>,
}

impl Context {
    /// For these suites.
    fn new(setup: Setup, ahead: Arc<Ahead>, suites: &[&str]) -> Self {
        let packaged = ahead::packaged(suites);
        Self { setup, ahead, ahead_seconds: 0.0, packaged, staged: None, windows: None, header: None }
    }

    /// A build that may have been made ahead.
    fn build(&mut self, build: Build) -> Result<()> {
        let (made, cpu_seconds) = self.ahead.finish(build, &self.setup);
        self.ahead_seconds += cpu_seconds;
        made
    }

    /// The release library, laid out when the first suite needs it.
    pub(crate) fn staged(&mut self) -> Result<&Staged> {
        if self.staged.is_none() {
            self.build(if self.packaged { ahead::PACKAGED } else { ahead::LIBRARY })?;
            self.staged = Some(if self.packaged { dist::stage(&self.setup)? } else { stage::stage()? });
        }
        Ok(self.staged.as_ref().expect("just made"))
    }

    /// The same for Windows; the reason, where it cannot be built.
    pub(crate) fn windows(&mut self) -> Result<Result<&windows::Staged, String>> {
        if self.windows.is_none() {
            self.build(ahead::WINDOWS)?;
            self.windows = Some(windows::stage(&self.setup)?);
        }
        Ok(self.windows.as_ref().expect("just made").as_ref().map_err(Clone::clone))
    }

    pub(crate) fn header(&mut self) -> Result<&Header> {
        if self.header.is_none() {
            self.header = Some(Header::committed()?);
        }
        Ok(self.header.as_ref().expect("just made"))
    }
}

struct Suite {
    name: &'static str,
    about: &'static str,
    run: fn(&mut Context) -> Result<Vec<Case>>,
}

/// In an order in which the long builds that some need can be made beside others (`ahead`).
const SUITES: &[Suite] = &[
    Suite { name: "format", about: "cargo fmt --check; comments no wider than code", run: rust::format },
    Suite { name: "clippy", about: "no warning in any target", run: rust::clippy },
    Suite { name: "imports", about: "no import of src runs up or sideways", run: imports::run },
    Suite { name: "bindings", about: "the generated files are up to date", run: abi::drift },
    Suite { name: "comments", about: "what the header says about every function", run: comments::run },
    Suite { name: "rust", about: "cargo test", run: rust::tests },
    Suite { name: "narrow", about: "plans, claims and parsers with addresses of 32 bits", run: rust::narrow },
    Suite { name: "users", about: "two users, links, sticky folders and groups", run: users::run },
    Suite { name: "loom", about: "every interleaving of the concurrent core", run: rust::loom },
    Suite { name: "trust", about: "what is linked is what deny.toml allows", run: trust::run },
    Suite { name: "workflows", about: "what the public CI runs", run: workflows::run },
    Suite { name: "header", about: "fastpar.h in every dialect of C and C++", run: abi::dialects },
    Suite { name: "symbols", about: "what the shared library exports and needs", run: symbols::run },
    Suite { name: "abi", about: "what programs were promised", run: abi_guard::run },
    Suite { name: "instructions", about: "the calls that must stay short", run: instructions::run },
    Suite { name: "c", about: "C programs against the shared library", run: c::run },
    Suite { name: "plugins", about: "libraries that are loaded and unloaded", run: plugins::run },
    Suite { name: "faults", about: "no memory, no threads, signals all the time", run: faults::run },
    Suite { name: "miri", about: "undefined behaviour, step by step", run: miri::run },
    Suite { name: "tsan", about: "data races, libzstd's too", run: sanitizers::threads },
    Suite { name: "msan", about: "bytes that are read and were never written", run: sanitizers::memory },
    Suite { name: "soak", about: "mixed work, and nothing left behind", run: soak::run },
    Suite { name: "cpp", about: "the C++ header and programs that use it", run: cpp::run },
    Suite { name: "csharp", about: "the C# binding on .NET and on Mono", run: csharp::run },
    Suite {
        name: "dotnet-forms",
        about: "the NuGet package in programs of all forms",
        run: dotnet_forms::run,
    },
    Suite { name: "python", about: "plain ctypes, and the package fastpar on 3.14", run: python::run },
    Suite { name: "dask", about: "the package fastpar on several processes of Dask", run: dask::run },
    Suite {
        name: "windows",
        about: "fastpar.dll, and all C and C++ programs under Wine",
        run: windows_dll::run,
    },
    Suite { name: native::NAME, about: "what this system makes of the library", run: native::run },
    Suite { name: packages::NAME, about: "packages for every target, used", run: packages::run },
    Suite { name: "readme", about: "the code of README.md and of the header", run: readme::run },
    Suite {
        name: "docs",
        about: "the site: its programs, its links, and its pages in a browser",
        run: docs::run,
    },
    Suite { name: "examples", about: "complete programs on real input", run: examples::run },
    Suite { name: "mpi", about: "examples for many machines, with real ranks", run: mpi::run },
    Suite {
        name: "aarch64",
        about: "C and C++ programs for aarch64 Linux, under qemu-user",
        run: aarch64::run,
    },
    Suite { name: "musl", about: "the C programs with musl", run: musl::run },
    Suite { name: "sources", about: "the code for targets that are built elsewhere", run: sources::run },
    Suite { name: apple::NAME, about: "the library for macOS, and programs that link it", run: apple::run },
    Suite { name: "dist", about: "the packages, and programs that use them", run: installed::run },
    Suite { name: "fuzz", about: "made-up input and programs", run: fuzz::run },
];

/// Suites that are run by their names: they build everything anew, with a nightly toolchain or for all
/// targets, or are for systems on which the others do not run.
const BY_NAME_ONLY: [&str; 6] = ["miri", "tsan", "msan", native::NAME, packages::NAME, apple::NAME];

/// A suite's cases.
struct Report {
    suite: &'static str,
    cases: Vec<Case>,
    seconds: f64,
    /// CPU time of the programs that it ran, and of the builds that were made ahead for it.
    cpu_seconds: f64,
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

/// Runs the suites with these names, or all; false if a test failed.
pub(crate) fn run(names: &[String]) -> Result<bool> {
    if let Some(unknown) = names.iter().find(|name| SUITES.iter().all(|suite| suite.name != *name)) {
        let known: Vec<_> = SUITES.iter().map(|suite| suite.name).collect();
        bail!("there is no suite {unknown:?}; there are {}", known.join(", "));
    }
    let wanted = |suite: &&Suite| match names {
        [] => !BY_NAME_ONLY.contains(&suite.name),
        names => names.iter().any(|name| name == suite.name),
    };
    if names.is_empty() {
        println!("not among all: cargo xtask test {}", BY_NAME_ONLY.join(" "));
    }
    let setup = Setup::prepare()?;
    let suites: Vec<_> = SUITES.iter().filter(wanted).collect();
    let names: Vec<_> = suites.iter().map(|suite| suite.name).collect();
    let ahead = Arc::new(Ahead::for_suites(&names));
    let mut context = Context::new(setup.clone(), Arc::clone(&ahead), &names);
    let run_all = || suites.into_iter().map(|suite| run_suite(suite, &mut context)).collect::<Vec<_>>();
    let mut reports = ahead.beside(&setup, run_all);
    let budgets = check_budgets(&reports)?;
    if context.setup.ci {
        reports.push(budgets);
    }
    Ok(summarize(&reports))
}

fn run_suite(suite: &Suite, context: &mut Context) -> Report {
    println!("== {}: {}", suite.name, suite.about);
    let (start, cpu) = (Instant::now(), process::foreground_cpu().unwrap_or_default());
    let cases = (suite.run)(context);
    let mut cases = cases.unwrap_or_else(|error| vec![Case::failed(suite.name, format!("{error:#}"))]);
    // Tests skip features that another system has not: that suite itself tells what a CI machine lacks.
    if context.setup.ci && suite.name != native::NAME {
        cases.iter_mut().for_each(refuse_skip);
    }
    let seconds = start.elapsed().as_secs_f64();
    let cpu_seconds = process::foreground_cpu().unwrap_or_default() - cpu;
    let cpu_seconds = cpu_seconds + std::mem::take(&mut context.ahead_seconds);
    let report = Report { suite: suite.name, cases, seconds, cpu_seconds };
    show(&report);
    report
}

/// Minutes of the suites beside their budgets.
fn check_budgets(reports: &[Report]) -> Result<Report> {
    let took: Vec<_> = reports
        .iter()
        .map(|&Report { suite, seconds, cpu_seconds, .. }| budget::Took { suite, seconds, cpu_seconds })
        .collect();
    let cases = budget::check(&budget::read()?, SUITES, &took);
    Ok(Report { suite: "budget", cases, seconds: 0.0, cpu_seconds: 0.0 })
}

/// Where everything can be installed nothing is skipped, except what needs a Python or a nightly Rust that
/// cannot be had there.
fn refuse_skip(case: &mut Case) {
    if let Outcome::Skipped(reason) = &case.outcome {
        if !["free-threaded", "Miri"].iter().any(|known| reason.contains(known)) {
            case.outcome = Outcome::Failed(format!("must not be skipped in CI: {reason}"));
        }
    }
}

fn show(report: &Report) {
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
    println!("  {passed} passed, {failed} failed, {skipped} skipped in {:.1} s", report.seconds);
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
fn summarize(reports: &[Report]) -> bool {
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
