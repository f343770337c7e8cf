//! Part of suite "examples": programs that exist in several languages. All print the same, and what is right.

use super::abi::WARNINGS;
use super::cpp::MORE_WARNINGS;
use super::{csharp_examples, python, Case, Context};
use crate::{demo, process, repo};
use anyhow::{ensure, Context as _, Result};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(300);

/// A program in one language.
struct Form {
    language: &'static str,
    command: Box<dyn Fn() -> Command>,
    /// How it tells that a file is no zstd.
    not_zstd: &'static str,
}

impl Form {
    fn new(language: &'static str, not_zstd: &'static str, command: impl Fn() -> Command + 'static) -> Self {
        Self { language, command: Box::new(command), not_zstd }
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        process::must((self.command)().args(arguments), LIMIT)
    }
}

/// Files and rows of trades: rows at the ends of files, and files of a row.
const TRADES: [[&str; 2]; 2] = [["3", "70000"], ["2", "1"]];

pub(super) fn cases(context: &mut Context, folder: &Path) -> Result<Vec<Case>> {
    if let Some(reason) = context.setup.missing(&["gcc", "g++", "zstd"]) {
        return Ok(vec![Case::skipped("the same in several languages", reason)]);
    }
    let mut cases = Vec::new();
    let mut add =
        |name: &str, form: Result<Result<Form, String>>, check: &mut dyn FnMut(&Form) -> Result<()>| {
            cases.push(match form {
                Ok(Ok(form)) => Case::of(format!("{name}, {}", form.language), || check(&form)),
                Ok(Err(reason)) => Case::skipped(name, reason),
                Err(error) => Case::failed(name, format!("{error:#}")),
            });
        };
    let mut first = Vec::new();
    let mut trades = |form: &Form| {
        let told = TRADES.iter().map(|given| check_trades(form, given)).collect::<Result<Vec<_>>>()?;
        if first.is_empty() {
            first = told;
        } else {
            ensure!(told == first, "not as in C:\n{told:?}\n{first:?}");
        }
        Ok(())
    };
    add("trades", native(context, folder, "c/trades.c", "gcc"), &mut trades);
    add("trades", native(context, folder, "c/trades.c", "clang"), &mut trades);
    add("trades", native(context, folder, "cpp/trades.cpp", "g++"), &mut trades);
    add("trades", csharp(context), &mut trades);
    add("trades", script(context, "trades.py"), &mut trades);
    add("scans", native(context, folder, "c/scans.c", "gcc"), &mut check_scans);
    add("scans", native(context, folder, "c/scans.c", "clang"), &mut check_scans);
    add("tree", native(context, folder, "c/tree.c", "gcc"), &mut check_tree);
    add("tree", native(context, folder, "c/tree.c", "clang"), &mut check_tree);
    add("tree", native(context, folder, "cpp/tree.cpp", "g++"), &mut check_tree);
    add("access log", script(context, "access_log.py"), &mut check_log);
    Ok(cases)
}

/// A program in C or C++.
fn native(
    context: &mut Context,
    folder: &Path,
    source: &str,
    compiler: &'static str,
) -> Result<Result<Form, String>> {
    if let Some(reason) = context.setup.missing(&[compiler]) {
        return Ok(Err(reason));
    }
    let program = folder.join(format!("{}-{compiler}", source.replace(['/', '.'], "-")));
    let source = format!("examples/{source}");
    if source.ends_with(".c") {
        demo::compile(context.staged()?, &source, compiler, &program)?;
    } else {
        let mut command = Command::new(compiler);
        command.args(["-std=c++20", "-O2"]).args(WARNINGS).args(MORE_WARNINGS);
        command.arg(repo::root().join(source)).args(context.staged()?.link_arguments());
        process::must(command.arg("-o").arg(&program), LIMIT)?;
    }
    Ok(Ok(Form::new(compiler, "FASTPAR_ERR_NOT_ZSTD", move || Command::new(&program))))
}

fn csharp(context: &mut Context) -> Result<Result<Form, String>> {
    Ok(csharp_examples::build(context, "Trades")?.map(|program| Form::new("C#", "NotZstd", program)))
}

fn script(context: &mut Context, name: &str) -> Result<Result<Form, String>> {
    let command = python::script(context, &Path::new("examples/python").join(name))?;
    Ok(command.map(|command| Form::new("Python", "DataError", command)))
}

/// Bars of trades, in three ways; the second run finds the files. What it tells, without the times.
fn check_trades(form: &Form, given: &[&str; 2]) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().to_str().context("a name")?;
    let arguments = [path, given[0], given[1]];
    let told = (0..2)
        .map(|_| {
            let told = form.run(&arguments)?;
            let (sums, times) = told.split_once(" large trades; ").context("no sums")?;
            // C# has a fourth way, streams.
            let ways = if form.language == "C#" { 4 } else { 3 };
            ensure!(times.matches(" s").count() == ways, "not {ways} times: {times}");
            Ok(sums.to_owned())
        })
        .collect::<Result<Vec<_>>>()?;
    ensure!(told[0] == told[1] && told[0].lines().count() == 4, "{told:?}");
    ensure!(std::fs::read_dir(folder.path())?.count().to_string() == given[0], "not only its files");
    std::fs::write(folder.path().join("trades-1.zst"), "no frame")?;
    let finished = process::run((form.command)().args(arguments), LIMIT)?;
    ensure!(!finished.success() && finished.output.contains(form.not_zstd), "{}", finished.describe());
    Ok(told.into_iter().next().unwrap_or_default())
}

/// Files, folders and bytes of a tree.
fn count(folder: &Path) -> Result<[u64; 3]> {
    let mut sums = [0, 1, 0];
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let found = entry.metadata()?; // of a link itself
        let below = if found.is_dir() {
            count(&entry.path())?
        } else {
            [1, 0, if found.is_file() { found.len() } else { 0 }]
        };
        sums.iter_mut().zip(below).for_each(|(sum, more)| *sum += more);
    }
    Ok(sums)
}

/// Both ways find the same; the second run replaces what the first has made.
fn check_scans(form: &Form) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().to_str().context("a name")?;
    for _ in 0..2 {
        let told = form.run(&[path])?;
        ensure!(told.starts_with("120000 rows") && told.matches("the same both ways").count() == 4, "{told}");
    }
    let missing = folder.path().join("missing");
    let finished = process::run((form.command)().arg(&missing), LIMIT)?;
    ensure!(!finished.success() && finished.output.contains("missing"), "{}", finished.describe());
    Ok(())
}

/// Trees of this repository, and one with what trees may have.
fn check_tree(form: &Form) -> Result<()> {
    let odd = tempfile::tempdir()?;
    let deep = (0..100).fold(odd.path().to_owned(), |path: PathBuf, _| path.join("d"));
    std::fs::create_dir_all(&deep)?;
    std::fs::write(deep.join("h\u{e4}user"), "seven..")?;
    std::os::unix::fs::symlink(odd.path(), deep.join("to its root"))?;
    std::os::unix::fs::symlink("nowhere", deep.join("to nothing"))?;
    for folder in [repo::root().join("src"), repo::root().join("tests"), odd.path().to_owned()] {
        let told = form.run(&[folder.to_str().context("a name")?])?;
        let [files, folders, bytes] = count(&folder)?;
        ensure!(told.starts_with(&format!("{files} files, {folders} folders, {bytes} bytes; ")), "{told}");
    }
    let finished = process::run((form.command)().arg(odd.path().join("missing")), LIMIT)?;
    ensure!(!finished.success() && finished.output.contains("missing"), "{}", finished.describe());
    Ok(())
}

/// A log of some megabytes, with lines that are none; what `zstd` finds in both results.
fn check_log(form: &Form) -> Result<()> {
    const LINES: usize = 20_000;
    let folder = tempfile::tempdir()?;
    let (mut log, mut expected) = (String::new(), String::new());
    for i in 0..LINES {
        let (minute, bytes) = (i / 60 % 60, i * 7919 % 100_003);
        let number = i + 1;
        if i % 1000 == 999 {
            writeln!(log, "cut \u{e4} {i}")?;
            writeln!(expected, r#"{{"line": {number}, "text": "cut \u00e4 {i}"}}"#)?;
            continue;
        }
        let (user, told) = if i % 3 == 0 { ("-", "null") } else { ("ann", r#""ann""#) };
        let when = format!("{minute:02}:{:02}", i % 60);
        writeln!(
            log,
            r#"10.0.{}.{} - {user} [27/Nov/2026:06:{when} +0100] "GET /page/{i} HTTP/1.1" 200 {bytes} "-" "agent""#,
            i % 7,
            i % 251
        )?;
        writeln!(
            expected,
            r#"{{"line": {number}, "time": "2026-11-27T06:{when}+01:00", "host": "10.0.{}.{}", "user": {told}, "request": "GET /page/{i} HTTP/1.1", "status": 200, "bytes": {bytes}}}"#,
            i % 7,
            i % 251
        )?;
    }
    let plain = folder.path().join("log");
    std::fs::write(&plain, log)?;
    let packed = folder.path().join("log.zst");
    process::must(Command::new("zstd").arg("-q").arg(&plain).arg("-o").arg(&packed), LIMIT)?;
    let told = form.run(&[packed.to_str().context("a name")?, folder.path().to_str().context("a name")?])?;
    for way in ["with_fastpar", "with_standard_library"] {
        ensure!(told.contains(&format!("{way}: ")), "{told}");
        let target = folder.path().join(format!("{way}.zst"));
        let output = Command::new("zstd").arg("-dqc").arg(target).stdin(Stdio::null()).output()?;
        ensure!(
            output.status.success() && output.stdout == expected.as_bytes(),
            "{way} wrote something else"
        );
    }
    let finished =
        process::run((form.command)().args([plain.as_os_str(), folder.path().as_os_str()]), LIMIT)?;
    ensure!(!finished.success() && finished.output.contains("zstd"), "{}", finished.describe());
    Ok(())
}
