//! Suite "trust": what is linked is what `deny.toml` allows.

use super::{Case, Context};
use crate::dist::sbom;
use crate::pypi::Packages;
use crate::{process, repo, targets, windows};
use anyhow::{ensure, Context as _, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use toml::{Table, Value};

const LIMIT: Duration = Duration::from_secs(120);

/// The only registry, as `Cargo.lock` writes it.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// A crate that is linked, or runs while such a crate is built.
struct Part {
    name: String,
    version: String,
    license: String,
}

/// CycloneDX's own checker.
const CHECKER: &str = "cyclonedx-python-lib[json-validation]==11.12.0";

const CHECK_SBOM: &str = "
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
sys.exit(str(error) if error else 0)
";

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let policy: Table = repo::read("deny.toml")?.parse().context("deny.toml")?;
    let lock: Table = repo::read("Cargo.lock")?.parse().context("Cargo.lock")?;
    let parts = parts_for(&strings(&policy, "graph", "targets")?)?;
    // While it is built on another system others may be run.
    let anywhere = parts_for(&["all".to_owned()])?;
    let licenses = strings(&policy, "licenses", "allow")?;
    let crates = names(&policy)?;
    let boms = match context.setup.missing(&["python3", "pip3"]) {
        Some(reason) => vec![Case::skipped("SBOM", reason)],
        None => [targets::LINUX.triple, windows::TARGET]
            .map(|target| Case::of(format!("SBOM, {target}"), || check_sbom(target)))
            .into(),
    };
    let mut cases = vec![
        Case::checked("licences", licence_complaints(&parts, &licenses)),
        Case::checked("crates are those of deny.toml", crate_complaints(&parts, &anywhere, &crates)),
        Case::checked("each crate once", twice(&parts)),
        Case::checked("crates come from crates.io, with their checksums", source_complaints(&lock)),
    ];
    cases.extend(boms);
    Ok(cases)
}

/// What is told to be in a library is valid CycloneDX, and what cargo links into it.
fn check_sbom(target: &str) -> Result<()> {
    let file = repo::scratch("trust")?.join(format!("{target}.cdx.json"));
    sbom::write(target, &file)?;
    let checker = Packages::get(&[CHECKER])?;
    process::must(checker.python().args(["-c", CHECK_SBOM]).arg(&file), LIMIT)?;
    let bom: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file)?)?;
    let told: BTreeSet<_> = bom["components"]
        .as_array()
        .context("components")?
        .iter()
        .filter_map(|part| Some(format!("{} {}", part["name"].as_str()?, part["version"].as_str()?)))
        .collect();
    // Macros and what only builds are not linked.
    let mut cargo = repo::cargo();
    cargo.args(["tree", "--locked", "--package", "fastpar", "--edges", "normal,no-proc-macro"]);
    cargo.args(["--no-dedupe", "--prefix", "none", "--format", "{p}", "--target", target]);
    let tree = process::must(&mut cargo, LIMIT)?;
    let linked = tree.lines().filter_map(|line| {
        let (name, rest) = line.split_once(" v")?;
        Some(format!("{name} {}", rest.split(' ').next()?))
    });
    let linked: BTreeSet<_> = linked.filter(|part| !part.starts_with("fastpar ")).collect();
    let missing: Vec<_> = linked.difference(&told).collect();
    let more: Vec<_> = told.difference(&linked).filter(|part| !part.starts_with("rust-std ")).collect();
    ensure!(missing.is_empty() && !linked.is_empty(), "not told: {missing:?}");
    ensure!(more.len() == 1 && more[0].starts_with("zstd "), "told, and not linked: {more:?}");
    Ok(())
}

fn strings(policy: &Table, section: &str, key: &str) -> Result<Vec<String>> {
    let list = policy.get(section).and_then(|section| section.get(key)).and_then(Value::as_array);
    let list = list.with_context(|| format!("deny.toml has no {section}.{key}"))?;
    Ok(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// The crates of `bans.allow`.
fn names(policy: &Table) -> Result<BTreeSet<String>> {
    let list = policy.get("bans").and_then(|bans| bans.get("allow")).and_then(Value::as_array);
    let list = list.context("deny.toml has no bans.allow")?;
    Ok(list.iter().filter_map(|row| row.get("crate")?.as_str()).map(str::to_owned).collect())
}

fn parts_for(targets: &[String]) -> Result<Vec<Part>> {
    let mut all = BTreeMap::new();
    for target in targets {
        let mut cargo = repo::cargo();
        cargo.args([
            "tree",
            "--locked",
            "--package",
            "fastpar",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
        ]);
        cargo.args(["--no-dedupe", "--format", "{p}|{l}", "--target", target]);
        for line in process::must(&mut cargo, LIMIT)?.lines() {
            let Some((package, license)) = line.split_once('|') else { continue };
            let mut words = package.split(' ');
            let (Some(name), Some(version)) = (words.next(), words.next()) else { continue };
            all.insert((name.to_owned(), version.to_owned()), license.trim().to_owned());
        }
    }
    Ok(all.into_iter().map(|((name, version), license)| Part { name, version, license }).collect())
}

/// Whether an expression of SPDX, without parentheses, is satisfied by these licences alone; `/` is an old
/// way to write OR.
fn satisfied(expression: &str, allowed: &[String]) -> bool {
    let expression = expression.replace('/', " OR ");
    let one = |license: &str| allowed.iter().any(|allowed| allowed == license.trim());
    expression.split(" OR ").any(|all| all.split(" AND ").all(one))
}

fn licence_complaints(parts: &[Part], allowed: &[String]) -> Vec<String> {
    let bad = parts.iter().filter(|part| !satisfied(&part.license, allowed));
    bad.map(|part| format!("{} is under {:?}", part.name, part.license)).collect()
}

/// Crates that are used and not allowed, or allowed and used nowhere.
fn crate_complaints(parts: &[Part], anywhere: &[Part], allowed: &BTreeSet<String>) -> Vec<String> {
    let names = |parts: &[Part]| parts.iter().map(|part| part.name.clone()).collect::<BTreeSet<_>>();
    let (used, anywhere) = (names(parts), names(anywhere));
    let more = used.difference(allowed).map(|name| format!("{name} is used, and not allowed"));
    let fewer = allowed.difference(&anywhere).map(|name| format!("{name} is allowed, and not used"));
    more.chain(fewer).collect()
}

fn twice(parts: &[Part]) -> Vec<String> {
    let pairs = parts.windows(2).filter(|pair| pair[0].name == pair[1].name);
    pairs.map(|pair| format!("{}: {} and {}", pair[0].name, pair[0].version, pair[1].version)).collect()
}

/// Everything that is locked, the tools' crates too.
fn source_complaints(lock: &Table) -> Vec<String> {
    let packages = lock.get("package").and_then(Value::as_array).into_iter().flatten();
    let foreign = packages.filter(|package| package.get("source").is_some());
    let mut complaints = Vec::new();
    for package in foreign {
        let text = |key| package.get(key).and_then(Value::as_str).unwrap_or_default();
        if text("source") != REGISTRY || text("checksum").len() != 64 {
            complaints.push(format!("{} comes from {}", text("name"), text("source")));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, version: &str, license: &str) -> Part {
        Part { name: name.into(), version: version.into(), license: license.into() }
    }

    #[test]
    fn expressions() {
        let allowed = ["MIT".to_owned(), "BSD-3-Clause".to_owned()];
        for good in ["MIT", "MIT OR GPL-3.0", "Unlicense/MIT", "MIT AND BSD-3-Clause"] {
            assert!(satisfied(good, &allowed), "{good}");
        }
        for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR GPL-3.0)"] {
            assert!(!satisfied(bad, &allowed), "{bad}");
        }
    }

    #[test]
    fn complaints() {
        let parts = [part("a", "v1", "MIT"), part("a", "v2", "GPL-3.0"), part("b", "v1", "MIT")];
        assert_eq!(twice(&parts).len(), 1);
        assert_eq!(licence_complaints(&parts, &["MIT".to_owned()]).len(), 1);
        let elsewhere = [part("a", "v1", "MIT"), part("b", "v1", "MIT"), part("d", "v1", "MIT")];
        let allowed = ["a", "c", "d"].map(String::from).into();
        assert_eq!(
            crate_complaints(&parts, &elsewhere, &allowed),
            ["b is used, and not allowed", "c is allowed, and not used"]
        );
        let lock: Table =
            "[[package]]\nname = \"x\"\nsource = \"git+https://example.com/x\"\n".parse().unwrap();
        assert_eq!(source_complaints(&lock), ["x comes from git+https://example.com/x"]);
    }
}
