//! Suite "aarch64": the library for aarch64 Linux, and programs that use it, under qemu-user.
//!
//! Each instruction is translated, so it is a part of the programs: those on what differs by processor, which
//! is threads, memory, floating point and the codec. What forks is left out: qemu-user itself fails an
//! assertion in the forked child of a process with threads. So is what looks at threads as the kernel knows
//! them, as qemu has some of its own.

use super::foreign::{build, image, Bench, How};
use super::{c, Case, Context};
use crate::repo;
use crate::targets::AARCH64;
use anyhow::Result;
use std::path::PathBuf;

pub(super) const GCC: &str = "aarch64-linux-gnu-gcc";
pub(super) const GXX: &str = "aarch64-linux-gnu-g++";
pub(super) const QEMU: &str = "qemu-aarch64";

/// All that the library may need, as on x86_64.
pub(super) const LIBRARIES: [&str; 5] =
    ["libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "ld-linux-aarch64.so.1"];

/// Where Debian has the C library for the processor.
pub(super) const ROOT: &str = "/usr/aarch64-linux-gnu";

const RUNNER: [&str; 3] = [QEMU, "-L", ROOT];

const C: How<'_> =
    How { name: "C", compiler: GCC, flags: &["-std=c99", "-O1", "-DCANNOT_FORK"], runner: &RUNNER };
const CPP: How<'_> = How { name: "C++", compiler: GXX, flags: &["-std=c++17", "-O1"], runner: &RUNNER };

/// `loading` finds the functions by their names and calls them by pointers, as ctypes does.
const C_PROGRAMS: [&str; 12] = [
    "loading",
    "loops",
    "floats",
    "shared",
    "asking",
    "groups",
    "pipelines",
    "sorting",
    "codec",
    "calls",
    "pool",
    "jobs",
];
const CPP_PROGRAMS: [&str; 2] = ["exceptions", "shared"];

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    if let Some(reason) = context.setup.install_if_missing(&[GCC, GXX, QEMU, "readelf"]) {
        return Ok(vec![Case::skipped("programs", reason)]);
    }
    context.build(super::ahead::AARCH64)?;
    let built = match build(&context.setup, &AARCH64)? {
        Ok(built) => built,
        Err(reason) => return Ok(vec![Case::skipped("the library", reason)]),
    };
    println!("  left out: what forks, as qemu-user fails in forked children of processes with threads");
    let bench = Bench::new(&AARCH64, &built)?;
    let named = |folder: &[PathBuf], names: &[&str]| -> Vec<PathBuf> {
        let is_named =
            |path: &&PathBuf| path.file_stem().is_some_and(|stem| names.iter().any(|n| stem == *n));
        folder.iter().filter(is_named).cloned().collect()
    };
    let mut cases = image(&bench.shared(&AARCH64), &LIBRARIES)?;
    cases.extend(bench.all(&AARCH64, &C, &named(&c::programs(context)?, &C_PROGRAMS))?);
    let cpp = repo::files("tests/cpp", "cpp")?;
    cases.extend(bench.all(&AARCH64, &CPP, &named(&cpp, &CPP_PROGRAMS))?);
    Ok(cases)
}
