//! Types of the Python package, as mypy and pyright see them: nothing to complain about in a user's
//! program, and in another exactly the lines that say that they are mistakes.

use super::Case;
use crate::pypi::Packages;
use crate::{process, repo};
use anyhow::{Context, Result};
use serde_json::{json, Value};
use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

const MYPY: &str = "mypy==2.4.1";
const PYRIGHT: &str = "pyright==1.1.414";

/// What stands behind a line that has to be complained about.
const MISTAKE: &str = "# mistake";

const LIMIT: Duration = Duration::from_secs(5 * 60);

/// A complaint: file, line, text.
type Complaint = (String, usize, String);

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![checker("types by mypy --strict", MYPY, mypy)];
    cases.push(if process::installed("node") {
        checker("types by pyright, strict", PYRIGHT, pyright)
    } else {
        Case::skipped("types by pyright", "node is not installed")
    });
    cases
}

fn checker(name: &str, package: &str, check: fn(&Packages) -> Result<Vec<Complaint>>) -> Case {
    match Packages::get(&[package]) {
        Ok(packages) => match check(&packages).and_then(compared) {
            Ok(wrong) => Case::checked(name, wrong),
            Err(error) => Case::failed(name, format!("{error:#}")),
        },
        Err(error) => {
            let reason = format!("{package} cannot be installed: {error}");
            Case::skipped(name, reason.lines().next().unwrap_or_default())
        }
    }
}

/// What is wrong: complaints about the program and about lines without a mistake; mistakes that are not
/// found.
fn compared(complaints: Vec<Complaint>) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(repo::root().join("tests/python/types/mistakes.py"))?;
    let expected: BTreeSet<usize> =
        text.lines().zip(1..).filter(|(line, _)| line.ends_with(MISTAKE)).map(|(_, number)| number).collect();
    let found: BTreeSet<usize> = complaints
        .iter()
        .filter(|(file, ..)| file.ends_with("mistakes.py"))
        .map(|(_, line, _)| *line)
        .collect();
    let mut wrong: Vec<String> =
        expected.difference(&found).map(|line| format!("mistakes.py:{line}: was not found")).collect();
    wrong.extend(
        complaints
            .into_iter()
            .filter(|(file, line, _)| !file.ends_with("mistakes.py") || !expected.contains(line))
            .map(|(file, line, text)| format!("{file}:{line}: {text}")),
    );
    Ok(wrong)
}

fn mypy(packages: &Packages) -> Result<Vec<Complaint>> {
    let cache = tempfile::tempdir()?;
    let mut command = packages.python();
    command.args(["-m", "mypy", "--strict", "--python-version", "3.14", "--follow-imports", "silent"]);
    command.args(["--no-error-summary", "--hide-error-context", "--no-pretty", "--output", "json"]);
    command.arg("--cache-dir").arg(cache.path()).args(["program.py", "mistakes.py"]);
    command.env("MYPYPATH", repo::root().join("bindings/python"));
    complaints(&mut command, |output| {
        let lines = output.lines().map(serde_json::from_str::<Value>);
        let found: Vec<Value> = lines.collect::<Result<_, _>>()?;
        Ok(found.into_iter().filter(|found| found["severity"] == "error").collect())
    })?
    .iter()
    .map(|found| complaint(found, &found["file"], &found["line"], 0))
    .collect()
}

fn pyright(packages: &Packages) -> Result<Vec<Complaint>> {
    // It looks at all that lies beside its configuration, and takes paths from there.
    let folder = tempfile::tempdir()?;
    for name in ["program.py", "mistakes.py"] {
        std::fs::copy(repo::root().join("tests/python/types").join(name), folder.path().join(name))?;
    }
    let configuration = json!({
        "include": ["program.py", "mistakes.py"],
        "extraPaths": [repo::root().join("bindings/python")],
        "pythonVersion": "3.14",
        "typeCheckingMode": "strict",
    });
    std::fs::write(folder.path().join("pyrightconfig.json"), configuration.to_string())?;
    let mut command = packages.python();
    command.args(["-m", "pyright", "--outputjson", "--project"]).arg(folder.path());
    command.env("PYRIGHT_PYTHON_IGNORE_WARNINGS", "1");
    complaints(&mut command, |output| {
        let report = &output[output.find('{').context("pyright reports nothing")?..];
        let report: Value = serde_json::from_str(report)?;
        anyhow::ensure!(
            report["summary"]["filesAnalyzed"] == 2,
            "pyright has looked at other files: {report}"
        );
        Ok(report["generalDiagnostics"].as_array().cloned().unwrap_or_default())
    })?
    .iter()
    .map(|found| complaint(found, &found["file"], &found["range"]["start"]["line"], 1))
    .collect()
}

/// Runs a checker in the folder of the programs; what it says, by `read`.
fn complaints(command: &mut Command, read: impl Fn(&str) -> Result<Vec<Value>>) -> Result<Vec<Value>> {
    command.current_dir(repo::root().join("tests/python/types"));
    let finished = process::run(command, LIMIT)?;
    // 0: nothing to say; 1: complaints.
    anyhow::ensure!(
        matches!(finished.status.and_then(|status| status.code()), Some(0 | 1)),
        "{}",
        finished.describe()
    );
    read(&finished.output).with_context(|| finished.describe())
}

fn complaint(found: &Value, file: &Value, line: &Value, first: usize) -> Result<Complaint> {
    let line = line.as_u64().with_context(|| format!("no line: {found}"))?;
    let text = found["message"].as_str().unwrap_or_default().to_owned();
    Ok((file.as_str().unwrap_or_default().to_owned(), usize::try_from(line)? + first, text))
}
