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
mod report;
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
pub(crate) mod wine;
mod workflows;

use crate::header::Header;
use crate::setup::Setup;
use crate::stage::{self, Staged};
use crate::{dist, process, windows};
use ahead::{Ahead, Build};
use anyhow::{anyhow, bail, Result};
use report::{refuse_skip, show, summarize, Report};
use std::sync::{Arc, OnceLock};
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

/// What is laid out once for all suites, when the first one needs it; or the error.
#[derive(Default)]
struct Shared {
    staged: OnceLock<Result<Staged, String>>,
    /// The reason, where it cannot be built.
    windows: OnceLock<Result<Result<windows::Staged, String>, String>>,
}

/// The state of suites that run one after the other.
pub(crate) struct Context {
    pub(crate) setup: Setup,
    ahead: Arc<Ahead>,
    /// CPU time of builds that were made ahead for the suite under way.
    ahead_seconds: f64,
    /// The library is that of the packages.
    packaged: bool,
    shared: Arc<Shared>,
    header: Option<Header>,
}

impl Context {
    /// For these suites.
    fn new(setup: Setup, ahead: Arc<Ahead>, suites: &[&str]) -> Self {
        let packaged = ahead::packaged(suites);
        Self { setup, ahead, ahead_seconds: 0.0, packaged, shared: Arc::default(), header: None }
    }

    /// For suites that run at the same time.
    fn beside(&self) -> Self {
        let (setup, ahead, shared) = (self.setup.clone(), Arc::clone(&self.ahead), Arc::clone(&self.shared));
        Self { setup, ahead, ahead_seconds: 0.0, packaged: self.packaged, shared, header: None }
    }

    /// A build that may have been made ahead.
    fn build(&mut self, build: Build) -> Result<()> {
        let (made, cpu_seconds) = self.ahead.finish(build, &self.setup);
        self.ahead_seconds += cpu_seconds;
        made
    }

    /// The release library, laid out when the first suite needs it.
    pub(crate) fn staged(&mut self) -> Result<&Staged> {
        let shared = Arc::clone(&self.shared);
        shared.staged.get_or_init(|| self.stage().map_err(|error| format!("{error:#}")));
        let staged = self.shared.staged.get().expect("just made");
        staged.as_ref().map_err(|error| anyhow!("{error}"))
    }

    fn stage(&mut self) -> Result<Staged> {
        self.build(if self.packaged { ahead::PACKAGED } else { ahead::LIBRARY })?;
        if self.packaged {
            dist::stage(&self.setup)
        } else {
            stage::stage()
        }
    }

    /// The same for Windows; the reason, where it cannot be built.
    pub(crate) fn windows(&mut self) -> Result<Result<&windows::Staged, String>> {
        let shared = Arc::clone(&self.shared);
        shared.windows.get_or_init(|| self.stage_windows().map_err(|error| format!("{error:#}")));
        let staged = self.shared.windows.get().expect("just made");
        let staged = staged.as_ref().map_err(|error| anyhow!("{error}"))?;
        Ok(staged.as_ref().map_err(Clone::clone))
    }

    fn stage_windows(&mut self) -> Result<Result<windows::Staged, String>> {
        self.build(ahead::WINDOWS)?;
        windows::stage(&self.setup)
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

/// Suites that wait more than they compute, in two lanes that run side by side once the suites before them
/// are over. What two suites build in the same folder, or change in the same place, is in one lane.
const LANES: [&[&str]; 2] = [
    &["csharp", "dotnet-forms", "examples", "dist"],
    &["python", "dask", "windows", "readme", "docs", "mpi", "aarch64", "musl", "sources"],
];

/// Suites that are run by their names: they build everything anew, with a nightly toolchain or for all
/// targets, or are for systems on which the others do not run.
const BY_NAME_ONLY: [&str; 6] = ["miri", "tsan", "msan", native::NAME, packages::NAME, apple::NAME];

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
    let start = Instant::now();
    let setup = Setup::prepare()?;
    let suites: Vec<_> = SUITES.iter().filter(wanted).collect();
    let names: Vec<_> = suites.iter().map(|suite| suite.name).collect();
    let ahead = Arc::new(Ahead::for_suites(&names));
    let mut context = Context::new(setup.clone(), Arc::clone(&ahead), &names);
    let mut reports = ahead.beside(&setup, || run_all(&suites, &mut context));
    let budgets = check_budgets(&reports, start.elapsed().as_secs_f64())?;
    if context.setup.ci {
        reports.push(budgets);
    }
    Ok(summarize(&reports))
}

/// Runs suites; their reports, in the order of `SUITES`.
fn run_all(suites: &[&'static Suite], context: &mut Context) -> Vec<Report> {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let [before, left, right, after] = in_lanes(suites, cpus);
    let run = |suites: &[&'static Suite], context: &mut Context, at_a_time| -> Vec<Report> {
        suites.iter().map(|suite| run_suite(suite, context, at_a_time)).collect()
    };
    let mut reports = run(&before, context, 1);
    let at_a_time = if left.is_empty() || right.is_empty() { 1 } else { 2 };
    let mut other = context.beside();
    std::thread::scope(|scope| {
        let right = scope.spawn(|| run(&right, &mut other, at_a_time));
        reports.extend(run(&left, context, at_a_time));
        reports.extend(right.join().expect("a suite does not panic"));
    });
    reports.extend(run(&after, context, 1));
    reports.sort_by_key(|report| SUITES.iter().position(|suite| suite.name == report.suite));
    reports
}

/// The suites before the lanes, those of each lane, and those afterwards. On one CPU there are no lanes.
fn in_lanes(suites: &[&'static Suite], cpus: usize) -> [Vec<&'static Suite>; 4] {
    let lane = |suite: &Suite| LANES.iter().position(|lane| cpus > 1 && lane.contains(&suite.name));
    let begin = suites.iter().position(|suite| lane(suite).is_some()).unwrap_or(suites.len());
    let (before, rest) = suites.split_at(begin);
    let of = |wanted| rest.iter().copied().filter(|suite| lane(suite) == wanted).collect();
    [before.to_vec(), of(Some(0)), of(Some(1)), of(None)]
}

/// `at_a_time`: how many suites share the CPUs.
fn run_suite(suite: &Suite, context: &mut Context, at_a_time: u32) -> Report {
    println!("== {}: {}", suite.name, suite.about);
    let start = Instant::now();
    let (cases, cpu_seconds) = process::doing(suite.name, at_a_time, || (suite.run)(context));
    let mut cases = cases.unwrap_or_else(|error| vec![Case::failed(suite.name, format!("{error:#}"))]);
    // Tests skip features that another system has not: that suite itself tells what a CI machine lacks.
    if context.setup.ci && suite.name != native::NAME {
        cases.iter_mut().for_each(refuse_skip);
    }
    let seconds = start.elapsed().as_secs_f64();
    let cpu_seconds = cpu_seconds + std::mem::take(&mut context.ahead_seconds);
    let report = Report { suite: suite.name, cases, seconds, cpu_seconds };
    show(&report);
    report
}

/// Minutes of the suites, and of all of them, beside their budgets.
fn check_budgets(reports: &[Report], seconds: f64) -> Result<Report> {
    let took: Vec<_> = reports
        .iter()
        .map(|&Report { suite, seconds, cpu_seconds, .. }| budget::Took { suite, seconds, cpu_seconds })
        .collect();
    let cases = budget::check(&budget::read()?, SUITES, &took, seconds);
    Ok(Report { suite: "budget", cases, seconds: 0.0, cpu_seconds: 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_of_lanes_exist_and_are_in_one() {
        let mut names = LANES.concat();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(names.iter().all(|name| SUITES.iter().any(|suite| suite.name == *name)));
        let all: Vec<_> = SUITES.iter().collect();
        assert_eq!(in_lanes(&all, 1)[0].len(), SUITES.len());
        let parts = in_lanes(&all, 2);
        assert_eq!(parts.iter().map(Vec::len).sum::<usize>(), SUITES.len());
        assert!(parts[3].iter().any(|suite| suite.name == "fuzz"), "it would wait in a lane");
    }
}
