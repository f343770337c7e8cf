//! The checklist of `docs/release.md`, shown by `cargo xtask dist` with what a machine can tell of it.
//! Packages are made for trying out too, so nothing here stops them.

use crate::{process, repo};
use anyhow::{ensure, Context, Result};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const FILE: &str = "docs/release.md";

/// What is looked at here, by the words that the checklist says it in.
type Check = (&'static str, fn() -> Result<()>);
const CHECKS: [Check; 3] = [
    ("everything is committed", committed),
    ("CHANGELOG.md tells of this version", changelog),
    ("the tag of this version is on this commit", tagged),
];

/// Prints the list.
pub(super) fn show() -> Result<()> {
    println!("The checklist of a release ({FILE}):");
    for item in items(&repo::read(FILE)?) {
        match CHECKS.iter().find(|check| item.starts_with(check.0)) {
            None => println!("  [ ] {item}"),
            Some((_, check)) => match check() {
                Ok(()) => println!("  [x] {item}"),
                Err(error) => println!("  [!] {item}: {error:#}"),
            },
        }
    }
    Ok(())
}

/// The first sentence of each box.
fn items(page: &str) -> Vec<&str> {
    let boxes = page.lines().filter_map(|line| line.trim_start().strip_prefix("- [ ] "));
    boxes.map(|text| text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.')).collect()
}

fn git(arguments: &[&str]) -> Result<String> {
    process::must(Command::new("git").args(arguments).current_dir(repo::root()), LIMIT)
}

fn version() -> Result<String> {
    let [major, minor, patch] = repo::version()?;
    Ok(format!("{major}.{minor}.{patch}"))
}

fn committed() -> Result<()> {
    let changed = git(&["status", "--porcelain"])?;
    ensure!(changed.is_empty(), "{} files are not", changed.lines().count());
    Ok(())
}

fn changelog() -> Result<()> {
    let page = repo::read("CHANGELOG.md")?;
    let heading = format!("## {}", version()?);
    let line = page.lines().find(|line| line.starts_with(&heading));
    let line = line.with_context(|| format!("there is no {heading:?}"))?;
    ensure!(!line.contains("not released"), "it says {line:?}");
    Ok(())
}

fn tagged() -> Result<()> {
    let tag = format!("v{}", version()?);
    let tags = git(&["tag", "--points-at", "HEAD"])?;
    ensure!(tags.lines().any(|line| line == tag), "{tag} is not");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_is_in_the_list() {
        let page = repo::read(FILE).unwrap();
        let items = items(&page);
        assert!(items.len() > CHECKS.len());
        for (words, _) in CHECKS {
            assert_eq!(items.iter().filter(|item| item.starts_with(words)).count(), 1, "{words}");
        }
    }

    #[test]
    fn first_sentences() {
        assert_eq!(items("# A\n- [ ] one thing. More.\ntext\n  - [ ] another.\n"), ["one thing", "another"]);
    }
}
