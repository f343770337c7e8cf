//! Suite "soak": mixed work for a minute in every language, many calls of every kind, and a few under
//! Valgrind; `cargo xtask soak` does the long runs.

use super::abi::WARNINGS;
use super::ahead::Ahead;
use super::{csharp, faults, lines, python, Case, Context};
use crate::process::Finished;
use crate::setup::Setup;
use crate::{process, repo};
use anyhow::{ensure, Result};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Mixed work in the test command.
const SECONDS: u64 = 60;
const LIMIT: Duration = Duration::from_secs(SECONDS * PATIENCE + 240);

/// A slow machine takes up to so many times the seconds that were asked for, until enough was done.
const PATIENCE: u64 = 4;

/// Less data for a program that is watched step by step, or has other work besides.
const SMALL: &str = "-DCALLS_SIZE=100000";

/// Errors, and blocks without a pointer to them. To what the library keeps until the process ends there is a
/// pointer.
const MEMCHECK: [&str; 5] = [
    "--error-exitcode=99",
    "--leak-check=full",
    "--errors-for-leak-kinds=definite,indirect",
    "--num-callers=20",
    "--quiet",
];

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let absent = context.setup.install_if_missing(&["valgrind"]);
    if let Some(reason) = absent.or_else(|| context.setup.missing(&["gcc", "g++"])) {
        return Ok(vec![Case::skipped("soak", reason)]);
    }
    let flat = faults::command(&faults::compile(context, &source("flat.c"), &[])?)?;
    let once = mixed(context, &[SMALL])?;
    let mut memcheck = Command::new("valgrind");
    memcheck
        .args(MEMCHECK)
        .arg(once)
        .arg("0")
        .current_dir(repo::scratch("faults")?)
        .env("FASTPAR_THREADS", "3");
    let mut cases = Vec::new();
    // One CPU is enough for each of them.
    for (name, finished) in side_by_side(vec![("flat", flat), ("memcheck", memcheck)], LIMIT)? {
        cases.extend(lines::program(name, &finished));
    }
    let mut hosts = Vec::new();
    for (name, host) in hosts_for(context, SECONDS, 1)? {
        match host {
            Ok(command) => hosts.push((name, command)),
            Err(reason) => cases.push(Case::skipped(name, reason)),
        }
    }
    for (name, finished) in side_by_side(hosts, LIMIT)? {
        let told = |line: &&str| line.contains(" calls in ") || line.contains(" MB, before ");
        finished.output.lines().filter(told).for_each(|line| println!("  {name}: {}", line.trim()));
        cases.extend(lines::program(name, &finished));
    }
    Ok(cases)
}

fn source(name: &str) -> PathBuf {
    repo::root().join("tests/soak").join(name)
}

/// The part in C++.
fn workers(context: &mut Context) -> Result<PathBuf> {
    let object = repo::scratch("faults")?.join("workers.o");
    let mut command = Command::new("g++");
    command.args(["-std=c++17", "-O1", "-g", "-fPIC", "-fvisibility=hidden"]).args(WARNINGS);
    command.arg("-I").arg(&context.staged()?.include).arg("-c").arg(source("workers.cpp"));
    process::must(command.arg("-o").arg(&object), LIMIT)?;
    Ok(object)
}

/// The program in C and C++.
fn mixed(context: &mut Context, flags: &[&str]) -> Result<PathBuf> {
    let workers = workers(context)?;
    faults::compile(context, &source("soak.c"), &[flags, &[&workers.to_string_lossy(), "-lstdc++"]].concat())
}

/// The threads of C and C++ as a library. It brings its own libstdc++: the Python of the tests has none.
fn library(context: &mut Context) -> Result<PathBuf> {
    let workers = workers(context)?;
    let linked = faults::compile(
        context,
        &source("library.c"),
        &[
            SMALL,
            "-shared",
            "-fPIC",
            "-fvisibility=hidden",
            "-static-libgcc",
            &workers.to_string_lossy(),
            "-l:libstdc++.a",
        ],
    )?;
    let library = linked.with_file_name("libfastpar_soak.so");
    std::fs::rename(linked, &library)?;
    Ok(library)
}

/// A program for each process, or why there is none.
type Host = (&'static str, Result<Command, String>);

/// C and C++ alone, with forks; and with them in one process Python, and C#.
fn hosts_for(context: &mut Context, seconds: u64, seed: u64) -> Result<[Host; 3]> {
    let program = mixed(context, &[])?;
    let library = library(context)?;
    let (seconds, seed) = (seconds.to_string(), seed.to_string());
    let files = repo::scratch("faults")?;
    let mut alone = faults::command(&program)?;
    alone.args([&seconds, &seed]);
    let python = python::package_test(context, "tests/soak", "soak.py")?.map(|mut command| {
        command.env("SOAK_SECONDS", &seconds).env("SOAK_SEED", &seed).env("SOAK_LIBRARY", &library);
        command.current_dir(&files);
        command
    });
    let csharp = csharp::program_with(context, &library)?.map(|mut command| {
        command.args(["--soak", &seconds, &seed]).current_dir(&files);
        command
    });
    Ok([("C and C++", Ok(alone)), ("Python, C and C++", python), ("C#, C and C++", csharp)])
}

/// Runs them all at the same time.
fn side_by_side(
    hosts: Vec<(&'static str, Command)>,
    limit: Duration,
) -> Result<Vec<(&'static str, Finished)>> {
    let part = &process::work();
    std::thread::scope(|scope| {
        let start = |mut command: Command| {
            scope.spawn(move || {
                process::take_part(part.clone());
                process::run(&mut command, limit)
            })
        };
        let runs: Vec<_> = hosts.into_iter().map(|(name, command)| (name, start(command))).collect();
        runs.into_iter().map(|(name, run)| Ok((name, run.join().expect("it does not panic")?))).collect()
    })
}

/// Mixed work for so long.
pub(crate) fn long(minutes: u64) -> Result<()> {
    let mut context = Context::new(Setup::prepare()?, Arc::new(Ahead::for_suites(&[])), &[]);
    let seed = std::time::UNIX_EPOCH.elapsed()?.as_secs() % 1_000_000;
    println!("seed {seed}");
    let mut hosts = Vec::new();
    for (name, host) in hosts_for(&mut context, minutes * 60, seed)? {
        match host {
            Ok(command) => hosts.push((name, command)),
            Err(reason) => println!("not run, {name}: {reason}"),
        }
    }
    let finished = side_by_side(hosts, Duration::from_secs(minutes * 60 * PATIENCE + 300))?;
    for (name, finished) in &finished {
        println!("{name}:\n{}", finished.output.trim_end());
    }
    let failed: Vec<_> =
        finished.iter().filter(|(_, finished)| !finished.success()).map(|row| row.0).collect();
    ensure!(failed.is_empty(), "failed: {}", failed.join("; "));
    Ok(())
}
