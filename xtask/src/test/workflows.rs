//! Suite "workflows": the files of `.github/workflows` are what GitHub takes, safe by a linter's rules, call
//! suites and commands that exist, and leave no suite out.

use super::{Case, Context, BY_NAME_ONLY, SUITES};
use crate::pypi::Packages;
use crate::{process, repo, Arguments};
use anyhow::{ensure, Context as _, Result};
use clap::Parser as _;
use std::path::Path;
use std::time::Duration;
use toml::{Table, Value};

/// Checks files against GitHub's schema, and for what makes them dangerous. `actionlint` is not on PyPI but
/// as a script that downloads it from elsewhere.
const LINTER: &str = "zizmor==1.32.0";
const LIMIT: Duration = Duration::from_secs(120);
const FOLDER: &str = ".github/workflows";

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let calls = Case::of("calls of cargo xtask", || {
        let files = repo::files(FOLDER, "yml")?;
        let pages = files.iter().map(std::fs::read_to_string).collect::<std::io::Result<Vec<_>>>()?;
        let mut complaints = left_out(&pages);
        for page in &pages {
            complaints.extend(wrong_calls(page));
            complaints.extend(without_dotnet(page));
        }
        ensure!(complaints.is_empty(), "{}", complaints.join("\n"));
        Ok(())
    });
    if let Some(reason) = context.setup.missing(&["python3", "pip3"]) {
        return Ok(vec![calls, Case::skipped("lint", reason)]);
    }
    let packages = Packages::get(&[LINTER])?;
    let folder = repo::root().join(FOLDER);
    Ok(vec![
        calls,
        Case::of("lint", || {
            let finished = lint(&packages, &folder)?;
            ensure!(finished.success(), "{}", finished.describe());
            Ok(())
        }),
        Case::of("the linter sees mistakes", || sees_mistakes(&packages)),
    ])
}

fn lint(packages: &Packages, path: &Path) -> Result<process::Finished> {
    let mut zizmor = std::process::Command::new(packages.path().join("bin/zizmor"));
    zizmor.args(["--offline", "--strict-collection", "--no-progress", "--color=never"]);
    process::run(zizmor.arg(path), LIMIT)
}

/// The project's own file is refused with a mistake in its form, and with one in what it trusts.
fn sees_mistakes(packages: &Packages) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("ci.yml");
    let text = repo::read(&format!("{FOLDER}/ci.yml"))?;
    for (right, wrong) in [
        ("runs-on: ", "runs-onn: "),
        ("@08c6903cd8c0fde910a37f88322edcfb5dd907a8", "@main"),
        ("    permissions:\n      contents: read\n", "    permissions: write-all\n"),
    ] {
        ensure!(text.contains(right), "ci.yml has no {right:?} to be made wrong");
        std::fs::write(&file, text.replacen(right, wrong, 1))?;
        ensure!(!lint(packages, &file)?.success(), "{wrong:?} is not noticed");
    }
    Ok(())
}

/// The lines that a page runs.
fn runs(page: &str) -> impl Iterator<Item = &str> {
    page.lines().filter_map(|line| line.trim().strip_prefix("- run: "))
}

/// The suites that a line names, if it runs the tests.
fn suites(line: &str) -> Option<Vec<&str>> {
    line.strip_prefix("cargo xtask test").map(|names| names.split_whitespace().collect())
}

/// Commands and suites that do not exist, and another Rust than the oldest that `Cargo.toml` promises.
fn wrong_calls(page: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for line in runs(page) {
        let arguments = line.strip_prefix("cargo ").filter(|arguments| arguments.starts_with("xtask "));
        let parsed = arguments.map(|arguments| Arguments::try_parse_from(arguments.split_whitespace()));
        if let Some(Err(error)) = parsed {
            complaints.push(format!("{line}: {error}"));
        }
        let named = suites(line).unwrap_or_default();
        let unknown = named.iter().filter(|name| SUITES.iter().all(|suite| suite.name != **name));
        complaints.extend(unknown.map(|name| format!("there is no suite {name:?}: {line}")));
        let toolchain = line.strip_prefix("cargo +").and_then(|rest| rest.split(' ').next());
        if let (Some(toolchain), Ok(oldest)) = (toolchain, oldest_rust()) {
            if toolchain != format!("{oldest}.0") {
                complaints.push(format!("Cargo.toml promises Rust {oldest}: {line}"));
            }
        }
    }
    complaints
}

/// Suites that no page runs.
fn left_out(pages: &[String]) -> Vec<String> {
    let calls: Vec<_> = pages.iter().flat_map(|page| runs(page)).filter_map(suites).collect();
    let runs_all = calls.iter().any(Vec::is_empty);
    let is_run = |name: &str| {
        (runs_all && !BY_NAME_ONLY.contains(&name)) || calls.iter().any(|named| named.contains(&name))
    };
    let missing = SUITES.iter().filter(|suite| !is_run(suite.name));
    missing.map(|suite| format!("no workflow runs the suite {:?}", suite.name)).collect()
}

/// Jobs that make the NuGet package, or are to use it, on a machine that has no .NET SDK.
fn without_dotnet(page: &str) -> Vec<String> {
    const SUITES_WITH: [&str; 5] = ["csharp", "dotnet-forms", "dist", "native", "packages"];
    let needs = |line: &str| {
        let named = suites(line);
        let tests = named
            .is_some_and(|names| names.is_empty() || names.iter().any(|name| SUITES_WITH.contains(name)));
        tests || line == "cargo xtask dist"
    };
    let mut complaints = Vec::new();
    let mut is_there = false;
    for line in page.lines() {
        if line.starts_with("  ") && !line[2..].starts_with([' ', '#']) {
            is_there = false; // the next job
        }
        is_there |= line.contains("uses: actions/setup-dotnet@");
        if let Some(call) = runs(line).next().filter(|call| needs(call) && !is_there) {
            complaints.push(format!("the job has no .NET SDK: {call}"));
        }
    }
    complaints
}

fn oldest_rust() -> Result<String> {
    let manifest: Table = repo::read("Cargo.toml")?.parse().context("Cargo.toml")?;
    let version =
        manifest.get("package").and_then(|package| package.get("rust-version")).and_then(Value::as_str);
    version.map(str::to_owned).context("Cargo.toml has no rust-version")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls() {
        assert_eq!(wrong_calls("  - run: cargo xtask test rust c\n  - run: cargo xtask test"), [""; 0]);
        let wrong = "  - run: cargo xtask test rust nothing\n  - run: cargo +1.2.3 build\n\
                     - run: cargo xtask nothing\n  - run: cargo xtask docs --adress x\n";
        assert_eq!(wrong_calls(wrong).len(), 4);
    }

    #[test]
    fn suites_that_nobody_runs() {
        let by_name = format!("  - run: cargo xtask test {}", BY_NAME_ONLY.join(" "));
        let all = "  - run: cargo xtask test\n".to_owned();
        assert_eq!(left_out(&[all.clone(), by_name.clone()]), [""; 0]);
        assert_eq!(left_out(&[all]).len(), BY_NAME_ONLY.len());
        assert_eq!(left_out(&[by_name]).len(), SUITES.len() - BY_NAME_ONLY.len());
    }

    #[test]
    fn jobs_without_dotnet() {
        let with = "jobs:\n  one:\n      - uses: actions/setup-dotnet@1\n      - run: cargo xtask dist\n";
        assert_eq!(without_dotnet(with), [""; 0]);
        assert_eq!(without_dotnet(&format!("{with}  two:\n      - run: cargo xtask test\n")).len(), 1);
        assert_eq!(without_dotnet("  one:\n      - run: cargo xtask test packages apple\n").len(), 1);
        assert_eq!(without_dotnet("  one:\n      - run: cargo xtask test miri\n"), [""; 0]);
    }
}
