//! Suite "symbols": the shared library as the loader sees it.

use super::{Case, Context};
use crate::{abi, process, repo};
use anyhow::{Context as _, Result};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// All that the library may need at run time: parts of glibc, also as it was before they became one, and what
/// gcc unwinds stacks with.
const LIBRARIES: [&str; 6] =
    ["libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "libgcc_s.so.1", "ld-linux-x86-64.so.2"];

const LARGEST: u64 = 3_500_000;

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    if let Some(reason) = context.setup.missing(&["readelf", "nm", "strip"]) {
        return Ok(vec![Case::skipped("shared library", reason)]);
    }
    let declared = abi::declared(context.header()?);
    let library = context.staged()?.shared();
    let dynamic = output(Command::new("readelf").arg("-dW").arg(&library))?;
    let segments = output(Command::new("readelf").arg("-lW").arg(&library))?;
    Ok(vec![
        Case::checked("exports are the header's functions", exports(&abi::exports(&library)?, &declared)),
        Case::checked("protection", protection(&dynamic, &segments)),
        Case::checked("needs the C library only", needed(&dynamic)),
        Case::checked("stays loaded", flag(&dynamic, "FLAGS_1", "NODELETE")),
        Case::checked("relocations are read-only", flag(&dynamic, "FLAGS_1", "NOW")),
        Case::checked("soname", flag(&dynamic, "SONAME", "[libfastpar.so.1]")),
        Case::checked("size", size(&library)?),
    ])
}

fn output(command: &mut Command) -> Result<String> {
    process::must(command, LIMIT)
}

fn exports(exported: &BTreeSet<String>, declared: &BTreeSet<String>) -> Vec<String> {
    let only = |which: &str, names: Vec<&String>| {
        names.into_iter().map(|name| format!("{name}: only {which}")).collect::<Vec<_>>()
    };
    let mut complaints = only("exported", exported.difference(declared).collect());
    complaints.extend(only("declared", declared.difference(exported).collect()));
    complaints
}

fn needed(dynamic: &str) -> Vec<String> {
    let lines = dynamic.lines().filter(|line| line.contains("(NEEDED)"));
    let names = lines.filter_map(|line| line.split_once('[')?.1.split_once(']')).map(|split| split.0);
    names.filter(|name| !LIBRARIES.contains(name)).map(|name| format!("needs {name}")).collect()
}

fn flag(dynamic: &str, tag: &str, value: &str) -> Vec<String> {
    let tag = format!("({tag})");
    let line = dynamic.lines().find(|line| line.contains(&tag)).unwrap_or("(none)");
    if line.contains(value) {
        Vec::new()
    } else {
        vec![format!("expected {value} in {tag}, found {line}")]
    }
}

/// No memory is both written and run, the stack is not run, and no code is changed when it is loaded.
fn protection(dynamic: &str, segments: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let rows: Vec<Vec<_>> = segments.lines().map(|line| line.split_whitespace().collect()).collect();
    // TYPE, five numbers, flags that may be apart, the alignment.
    let flags = |row: &[&str]| {
        row.get(6..row.len().saturating_sub(1)).map(|flags| flags.concat()).unwrap_or_default()
    };
    for row in rows.iter().filter(|row| matches!(row.first(), Some(&("LOAD" | "GNU_STACK")))) {
        let flags = flags(row);
        let wrong = if row[0] == "LOAD" { flags.contains('W') && flags.contains('E') } else { flags != "RW" };
        if wrong || flags.is_empty() {
            complaints.push(format!("{} is {flags}", row[0]));
        }
    }
    for wanted in ["GNU_STACK", "GNU_RELRO"] {
        if !rows.iter().any(|row| row.first() == Some(&wanted)) {
            complaints.push(format!("no {wanted}"));
        }
    }
    if dynamic.contains("TEXTREL") {
        complaints.push("TEXTREL".into());
    }
    complaints
}

fn size(library: &Path) -> Result<Vec<String>> {
    let stripped = repo::scratch("symbols")?.join("libfastpar.so");
    output(Command::new("strip").arg("--strip-unneeded").arg("-o").arg(&stripped).arg(library))?;
    let size = std::fs::metadata(&stripped).context("the stripped library")?.len();
    println!("  stripped size: {size} bytes");
    Ok(if size < LARGEST { Vec::new() } else { vec![format!("{size} bytes, expected less than {LARGEST}")] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_protected() {
        let good = "  LOAD 0x0 0x0 0x0 0x10 0x10 R E 0x1000\n  LOAD 0x0 0x0 0x0 0x10 0x10 RW 0x1000\n  \
                    GNU_STACK 0x0 0x0 0x0 0x0 0x0 RW 0x10\n  GNU_RELRO 0x0 0x0 0x0 0x1 0x1 R 0x1\n";
        assert!(protection("", good).is_empty());
        assert_eq!(protection("(TEXTREL)", good).len(), 1);
        assert_eq!(protection("", &good.replace("R E", "RWE")).len(), 1);
        assert_eq!(protection("", &good.replace("RW 0x10\n", "RWE 0x10\n")).len(), 1);
        assert_eq!(protection("", "").len(), 2);
    }
}
