//! Suite "workflows": the files of `.github/workflows` are what GitHub takes, safe by a linter's rules, and
//! call suites and commands that exist.

use super::{Case, Context, SUITES};
use crate::pypi::Packages;
use crate::{process, repo};
use anyhow::{ensure, Context as _, Result};
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
        let mut complaints = Vec::new();
        for file in repo::files(FOLDER, "yml")? {
            complaints.extend(wrong_calls(&std::fs::read_to_string(&file)?));
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

/// Suites that do not exist, and another Rust than the oldest that `Cargo.toml` promises.
fn wrong_calls(page: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for line in page.lines().filter_map(|line| line.trim().strip_prefix("- run: ")) {
        if let Some(suites) = line.strip_prefix("cargo xtask test") {
            let unknown =
                suites.split_whitespace().filter(|name| SUITES.iter().all(|suite| suite.name != *name));
            complaints.extend(unknown.map(|name| format!("there is no suite {name:?}: {line}")));
        }
        let toolchain = line.strip_prefix("cargo +").and_then(|rest| rest.split(' ').next());
        if let (Some(toolchain), Ok(oldest)) = (toolchain, oldest_rust()) {
            if toolchain != format!("{oldest}.0") {
                complaints.push(format!("Cargo.toml promises Rust {oldest}: {line}"));
            }
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
        let wrong = "  - run: cargo xtask test rust nothing\n  - run: cargo +1.2.3 build\n";
        assert_eq!(wrong_calls(wrong).len(), 2);
    }
}
