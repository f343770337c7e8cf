//! The parts of the library, for machines to read: a CycloneDX file for each platform. It says nothing
//! of when and where it was made, so the same sources make the same bytes.

use super::licenses::{self, Part};
use crate::{process, repo};
use anyhow::{ensure, Context, Result};
use serde_json::{json, Value};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use toml::Table;

const LIMIT: Duration = Duration::from_secs(60);

/// What `zstd-sys` brings, as the version of that crate names it: "2.1.3+zstd.1.5.7".
const BUNDLED: (&str, &str) = ("zstd-sys", "+zstd.");

/// Writes the list for a target.
pub(crate) fn write(target: &str, file: &Path) -> Result<()> {
    let text = serde_json::to_string_pretty(&bom(target)?)? + "\n";
    std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))
}

fn bom(target: &str) -> Result<Value> {
    let [major, minor, patch] = repo::version()?;
    let version = format!("{major}.{minor}.{patch}");
    let own = format!("pkg:cargo/fastpar@{version}");
    let checksums = checksums(&repo::read("Cargo.lock")?.parse().context("Cargo.lock")?);
    let mut components = Vec::new();
    for part in licenses::crates(target)? {
        components.extend(component(&part, &checksums)?);
    }
    components.push(json!({
        "type": "library",
        "bom-ref": "rust-std",
        "name": "rust-std",
        "version": rustc_version()?,
        "description": "Rust's standard library",
        "licenses": [{ "expression": "MIT OR Apache-2.0" }],
    }));
    let all: Vec<_> = components.iter().map(|component| component["bom-ref"].clone()).collect();
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": own,
                "name": "fastpar",
                "version": version,
                "purl": own,
                "licenses": [{ "expression": "MIT OR Apache-2.0" }],
                "properties": [{ "name": "fastpar:target", "value": target }],
            },
        },
        "components": components,
        // All are linked into one library.
        "dependencies": [{ "ref": own, "dependsOn": all }],
    }))
}

/// A crate, and the C library in it.
fn component(part: &Part, checksums: &BTreeMap<String, String>) -> Result<Vec<Value>> {
    let (name, version) = part.name.split_once(' ').context("a crate has a version")?;
    let checksum = checksums.get(&part.name).with_context(|| format!("Cargo.lock has no {}", part.name))?;
    let purl = format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"));
    let mut found = vec![json!({
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "hashes": [{ "alg": "SHA-256", "content": checksum }],
        // An old way to write OR.
        "licenses": [{ "expression": part.license.replace('/', " OR ") }],
    })];
    if name == BUNDLED.0 {
        let (_, zstd) = version.split_once(BUNDLED.1).context("zstd-sys does not name the zstd in it")?;
        let purl = format!("pkg:github/facebook/zstd@v{zstd}");
        found.push(json!({
            "type": "library",
            "bom-ref": purl,
            "name": "zstd",
            "version": zstd,
            "purl": purl,
            "cpe": format!("cpe:2.3:a:facebook:zstandard:{zstd}:*:*:*:*:*:*:*"),
            "licenses": [{ "expression": "BSD-3-Clause" }],
        }));
    }
    Ok(found)
}

/// "rayon 1.12.0" and the like, with the sums of what the registry gave.
fn checksums(lock: &Table) -> BTreeMap<String, String> {
    let packages = lock.get("package").and_then(toml::Value::as_array).into_iter().flatten();
    let row = |package: &toml::Value| {
        let text = |key| package.get(key)?.as_str();
        Some((format!("{} {}", text("name")?, text("version")?), text("checksum")?.to_owned()))
    };
    packages.filter_map(row).collect()
}

fn rustc_version() -> Result<String> {
    let mut rustc = Command::new("rustc");
    let text = process::must(rustc.arg("--version").current_dir(repo::root()), LIMIT)?;
    let version = text.split_whitespace().nth(1).unwrap_or_default();
    ensure!(!version.is_empty(), "rustc --version says {text:?}");
    Ok(version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_and_the_zstd_in_it() {
        let lock: Table =
            "[[package]]\nname = \"zstd-sys\"\nversion = \"2.1.3+zstd.1.5.7\"\nchecksum = \"ab\"\n"
                .parse()
                .unwrap();
        let name = "zstd-sys 2.1.3+zstd.1.5.7".to_owned();
        let part = Part { name, license: "MIT/Apache-2.0".into(), folder: "x".into() };
        let found = component(&part, &checksums(&lock)).unwrap();
        assert_eq!(found[0]["purl"], "pkg:cargo/zstd-sys@2.1.3%2Bzstd.1.5.7");
        assert_eq!(found[0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(found[1]["version"], "1.5.7");
        assert!(component(&part, &BTreeMap::new()).is_err(), "without a sum");
    }
}
