//! Suites "bindings" and "header".

use super::{Case, Context};
use crate::{bindings, process, repo};
use anyhow::Result;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// Strict warnings for every C and C++ source of the repository.
pub(crate) const WARNINGS: [&str; 6] = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wundef", "-Werror"];

/// A compiler with the language that it is told, the language's dialects, and more arguments.
type Compiler = (&'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const COMPILERS: [Compiler; 6] = [
    ("gcc", "c", &["c99", "c11", "c17"], &[]),
    ("clang", "c", &["c99", "c11", "c17"], &[]),
    ("g++", "c++", &["c++11", "c++17", "c++20"], &[]),
    ("clang++", "c++", &["c++11", "c++17", "c++20"], &[]),
    ("clang", "c", &["c99", "c17"], &MSVC),
    ("clang++", "c++", &["c++14", "c++20"], &MSVC),
];

/// Microsoft's ABI and what its compiler knows, with clang's own headers.
const MSVC: [&str; 4] =
    ["--target=x86_64-pc-windows-msvc", "-ffreestanding", "-fms-compatibility", "-fms-extensions"];

pub(super) fn drift(_: &mut Context) -> Result<Vec<Case>> {
    let case = |output: &bindings::Output| {
        if bindings::differs(output) {
            Case::failed(
                output.path,
                "differs from the sources: run `cargo xtask bindings` and commit the result",
            )
        } else {
            Case::passed(output.path)
        }
    };
    Ok(bindings::generate()?.iter().map(case).collect())
}

/// The header alone and twice, and the layout of its structs, for every compiler and dialect.
pub(super) fn dialects(context: &mut Context) -> Result<Vec<Case>> {
    let folder = repo::scratch("header")?;
    let alone = folder.join("alone.c");
    std::fs::write(&alone, "#include <fastpar.h>\n\nint main(void) { return FASTPAR_OK; }\n")?;
    let twice = folder.join("twice.c");
    std::fs::write(
        &twice,
        "#include <fastpar.h>\n#include <fastpar.h>\n\nint main(void) { return FASTPAR_OK; }\n",
    )?;
    let layout = repo::root().join("tests/abi/layout.c");
    let mut cases = Vec::new();
    for (compiler, language, dialects, more) in COMPILERS {
        for dialect in dialects {
            for (what, source) in [("alone", &alone), ("twice", &twice), ("layout", &layout)] {
                let msvc = if more.is_empty() { "" } else { " for MSVC" };
                let name = format!("{what}, {compiler} {dialect}{msvc}");
                if let Some(reason) = context.setup.missing(&[compiler]) {
                    cases.push(Case::skipped(name, reason));
                    continue;
                }
                let mut command = Command::new(compiler);
                command.args(["-fsyntax-only", "-x", language, &format!("-std={dialect}")]).args(WARNINGS);
                command.args(more).arg("-I").arg(repo::root().join("include")).arg(source);
                if language == "c" {
                    command.arg("-Wstrict-prototypes");
                }
                cases.push(Case::of(name, || process::must(&mut command, LIMIT).map(drop)));
            }
        }
    }
    cases.extend(linkage(context, &folder)?);
    Ok(cases)
}

/// A C++ program finds the functions of the library.
fn linkage(context: &mut Context, folder: &Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for compiler in ["g++", "clang++"] {
        let name = format!("linkage, {compiler}");
        if let Some(reason) = context.setup.missing(&[compiler]) {
            cases.push(Case::skipped(name, reason));
            continue;
        }
        let program = folder.join(format!("linkage-{compiler}"));
        let mut command = Command::new(compiler);
        command.arg("-std=c++11").args(WARNINGS).arg(repo::root().join("tests/abi/linkage.cpp"));
        command.args(context.staged()?.link_arguments()).arg("-o").arg(&program);
        cases.push(Case::of(name, || {
            process::must(&mut command, LIMIT)?;
            process::must(&mut Command::new(&program), LIMIT).map(drop)
        }));
    }
    Ok(cases)
}
