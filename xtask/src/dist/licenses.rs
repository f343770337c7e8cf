//! The licences of everything that is linked into the libraries.

use crate::targets::System;
use crate::{process, repo};
use anyhow::{bail, ensure, Context, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// Beginnings of the names of files that hold a licence, and folders of a crate with foreign code.
const FILES: [&str; 4] = ["LICENSE", "LICENCE", "COPYRIGHT", "UNLICENSE"];
const FOLDERS: [&str; 2] = ["", "zstd"];

/// Where Debian keeps the licences of what MinGW links into everything.
const MINGW: [&str; 2] = [
    "/usr/share/doc/mingw-w64-x86-64-dev/copyright",
    "/usr/share/doc/gcc-mingw-w64-x86-64-posix-runtime/copyright",
];

/// The crates for a target and Rust's std, each text once, with those that it is for.
pub(super) fn text(target: &str) -> Result<String> {
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for part in crates(target)? {
        let mut found = files(&part.folder)?;
        if found.is_empty() {
            // Its text is beside this one.
            ensure!(part.license.contains("Apache-2.0"), "{} has no file with its licence", part.name);
            found.push("Used under the Apache License, Version 2.0: see LICENSE-APACHE.\n".into());
        }
        for text in found {
            texts.entry(text).or_default().insert(format!("{} ({})", part.name, part.license));
        }
    }
    let mut all = String::from(
        "fastpar is licensed under MIT or Apache-2.0, as you like (LICENSE-MIT, LICENSE-APACHE). Into the libraries the
following are linked, under these licences. Rust's standard library (MIT OR Apache-2.0) is Copyright (c) The Rust
Project Contributors; its text is that of LICENSE-MIT and LICENSE-APACHE.\n",
    );
    let mut sections: Vec<_> = texts.into_iter().map(|(text, parts)| (parts, text)).collect();
    sections.sort();
    for (parts, text) in sections {
        all += &section(&parts.into_iter().collect::<Vec<_>>().join("\n"), &text);
    }
    Ok(all)
}

/// What the C compiler for Windows adds: start-up code and its own library.
pub(super) fn mingw() -> Result<String> {
    let mut all = String::new();
    for path in MINGW {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
        let name = Path::new(path).parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        all += &section(&name, &text);
    }
    Ok(all)
}

/// What Zig links into a library: its own support of compiled code; but for macOS, which has one, the
/// unwinder of LLVM; and what the C library has linked statically.
pub(super) fn zig(system: System, folder: &Path) -> Result<String> {
    const ZIG: (&str, &str) = ("Zig (compiler_rt)", "LICENSE");
    const UNWINDER: (&str, &str) = ("LLVM libunwind", "lib/libunwind/LICENSE.TXT");
    let parts: &[_] = match system {
        System::Glibc => &[UNWINDER, ZIG, ("GNU C library (libc_nonshared)", "lib/libc/glibc/LICENSES")],
        System::Musl => &[UNWINDER, ZIG, ("musl (start-up code)", "lib/libc/musl/COPYRIGHT")],
        System::Macos => &[ZIG],
    };
    let mut all = String::new();
    for (name, file) in parts {
        let path = folder.join(file);
        let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        all += &section(name, &text);
    }
    Ok(all)
}

fn section(heading: &str, text: &str) -> String {
    let line = "=".repeat(100);
    format!("\n{line}\n{heading}\n{line}\n\n{}\n", text.trim_end())
}

/// A crate that is linked.
pub(super) struct Part {
    /// With its version: "rayon 1.12.0".
    pub(super) name: String,
    pub(super) license: String,
    pub(super) folder: PathBuf,
}

/// What is linked: the normal dependencies, all the way down; neither macros nor what only builds.
pub(super) fn crates(target: &str) -> Result<Vec<Part>> {
    let mut cargo = repo::cargo();
    cargo.args(["tree", "--package", "fastpar", "--edges", "normal,no-proc-macro", "--prefix", "none"]);
    cargo.args(["--target", target, "--format", "{p}", "--no-dedupe"]);
    let tree = process::must(&mut cargo, LIMIT)?;
    let linked: BTreeSet<_> = tree.lines().filter_map(name_and_version).collect();
    let mut cargo = repo::cargo();
    cargo.args(["metadata", "--format-version", "1", "--quiet"]);
    let metadata: Value = serde_json::from_slice(&output(&mut cargo)?).context("cargo metadata")?;
    let mut parts = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
        let name = format!("{} {}", text("name"), text("version"));
        if linked.contains(&name) && text("name") != "fastpar" {
            let manifest = PathBuf::from(text("manifest_path"));
            let folder = manifest.parent().context("a manifest is in a folder")?.to_owned();
            parts.push(Part { name, license: text("license"), folder });
        }
    }
    ensure!(parts.len() + 1 == linked.len(), "cargo tree and cargo metadata differ:\n{tree}");
    Ok(parts)
}

/// "rayon 1.12.0" of a line "rayon v1.12.0 (...)".
fn name_and_version(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let name = words.next()?;
    Some(format!("{name} {}", words.next()?.strip_prefix('v')?))
}

/// What a program writes to its standard output alone.
fn output(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output().with_context(|| format!("starting {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.stdout)
}

/// The texts in a crate.
fn files(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for place in FOLDERS {
        let Ok(entries) = std::fs::read_dir(folder.join(place)) else { continue };
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
            if path.is_file() && FILES.iter().any(|begin| name.starts_with(begin)) {
                found.push(std::fs::read_to_string(&path)?.replace("\r\n", "\n"));
            }
        }
    }
    found.sort();
    Ok(found)
}
