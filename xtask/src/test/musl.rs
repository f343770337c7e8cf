//! Suite "musl": the library for musl (Alpine and its like), and the C programs, which run here with musl's
//! own loader.

use super::foreign::{build, image, Bench, How};
use super::installed::works;
use super::{c, Case, Context};
use crate::targets::{zig_cc, MUSL};
use crate::{process, repo};
use anyhow::Result;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Zig compiles its C library first.
const LIMIT: Duration = Duration::from_secs(10 * 60);

const GCC: &str = "musl-gcc";

const C: How<'_> = How { name: "C", compiler: GCC, flags: &["-std=c11", "-O2"], runner: &[] };

/// musl has no `makecontext`.
const WITHOUT: [&str; 1] = ["fibers"];

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    if let Some(reason) = context.setup.install_if_missing(&[GCC, "readelf"]) {
        return Ok(vec![Case::skipped("programs", reason)]);
    }
    context.build(super::ahead::MUSL)?;
    let built = match build(&context.setup, &MUSL)? {
        Ok(built) => built,
        Err(reason) => return Ok(vec![Case::skipped("the library", reason)]),
    };
    let bench = Bench::new(&MUSL, &built)?;
    let mut programs = c::programs(context)?;
    programs
        .retain(|program| !program.file_stem().is_some_and(|stem| WITHOUT.iter().any(|name| stem == *name)));
    let mut cases = image(&bench.shared(&MUSL), &["libc.so"])?;
    cases.extend(bench.all(&MUSL, &C, &programs)?);
    cases.push(Case::of("a program that is linked statically", || static_program(&built, &bench)));
    Ok(cases)
}

/// By Zig: GCC for musl has the unwinder of another C library.
fn static_program(built: &Path, bench: &Bench) -> Result<()> {
    let source = repo::root().join("tests/install/consumer.c");
    let program = bench.program("static", &source);
    let mut compiler = zig_cc(&MUSL)?;
    compiler.arg("-I").arg(repo::root().join("include")).arg(source).arg(built.join("libfastpar.a"));
    compiler.args(["-static", "-lunwind", "-o"]).arg(&program);
    process::must(&mut compiler, LIMIT)?;
    works(Command::new(program))
}
