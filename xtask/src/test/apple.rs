//! Suite "apple": the library for macOS as its loader would see it, and programs that are built against
//! Apple's headers, as far as Zig brings them. Nothing runs here: the suite "native" does, on macOS.

use super::abi::WARNINGS;
use super::cpp::{each, stem};
use super::foreign::{build, Bench};
use super::{c, Case, Context};
use crate::targets::apple::{clang, headers};
use crate::targets::{Target, MACOS_ARM64};
use crate::{abi, process, repo};
use anyhow::{ensure, Context as _, Result};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

pub(super) const NAME: &str = "apple";

const LIMIT: Duration = Duration::from_secs(180);

/// LLVM's tools, which read what is made for macOS.
pub(super) const NM: &str = "llvm-nm";
const OBJDUMP: &str = "llvm-objdump";

/// What the loader and the compiler know, and no header.
const BUILT_IN: [&str; 4] = ["_tlv_bootstrap", "dyld_stub_binder", "__stack_chk_fail", "__stack_chk_guard"];

/// Of CommonCrypto/CommonRandom.h, which Zig does not bring: std asks for the seeds of its hash maps.
const ELSEWHERE: &str = "CCRandomGenerateBytes";

/// All that the library may need.
const LIBRARIES: [&str; 2] = ["/usr/lib/libSystem.B.dylib", "/usr/lib/libiconv.2.dylib"];

const ID: &str = "@rpath/libfastpar.1.dylib (compatibility version 1.0.0, current version ";

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    if let Some(reason) = context.setup.install_if_missing(&[NM]) {
        return Ok(vec![Case::skipped("the library", reason)]);
    }
    context.build(super::ahead::MACOS)?;
    let target = &MACOS_ARM64;
    let built = match build(&context.setup, target)? {
        Ok(built) => built,
        Err(reason) => return Ok(vec![Case::skipped("the library", reason)]),
    };
    let bench = Bench::new(target, &built)?;
    let declared: BTreeSet<_> = abi::declared(context.header()?);
    let mut cases = image(&bench.shared(target), &declared)?;
    let mut examples = repo::files("examples/c", "c")?;
    examples.retain(|source| !stem(source).ends_with("_mpi")); // MPI's compilers are for this machine
    let sources = [c::macos_programs(context)?, examples].concat();
    let linked =
        each(&sources, |source| Case::of(format!("{} links", stem(source)), || link(&bench, target, source)));
    cases.extend(linked);
    Ok(cases)
}

/// The library as the loader sees it.
pub(super) fn image(library: &Path, declared: &BTreeSet<String>) -> Result<Vec<Case>> {
    let exported = symbols(library, "--defined-only")?;
    let differences = exported.symmetric_difference(declared);
    let differences = differences.map(|name| format!("{name}: exported or declared, not both")).collect();
    let commands = objdump(library, "--private-headers")?;
    let needed = objdump(library, "--dylibs-used")?;
    let needed: Vec<_> = needed.lines().skip(1).map(str::trim).filter(|line| !line.is_empty()).collect();
    let foreign = needed.iter().filter(|line| {
        !line.starts_with(ID) && !LIBRARIES.iter().any(|name| line.starts_with(&format!("{name} ")))
    });
    let mut complaints: Vec<_> = foreign.map(|line| format!("needs {line}")).collect();
    if !needed.iter().any(|line| line.starts_with(ID)) {
        complaints.push(format!("it is not {ID}...)\n{}", needed.join("\n")));
    }
    // Of the linker's own making; without it arm64 runs nothing.
    let signed = commands.contains("LC_CODE_SIGNATURE");
    Ok(vec![
        Case::checked("exports are the header's functions", differences),
        Case::checked("name, versions and libraries", complaints),
        Case::checked("signature", (!signed).then(|| "there is none".to_owned()).into_iter().collect()),
        Case::of("uses what public headers declare", || public(&symbols(library, "--undefined-only")?)),
    ])
}

/// Names without the underscore that C's have here.
fn symbols(library: &Path, which: &str) -> Result<BTreeSet<String>> {
    let mut nm = Command::new(NM);
    let table =
        process::must(nm.args(["--extern-only", "--format=just-symbols", which]).arg(library), LIMIT)?;
    let names = table.lines().filter_map(|line| line.trim().strip_prefix('_'));
    Ok(names.map(str::to_owned).collect())
}

fn objdump(library: &Path, what: &str) -> Result<String> {
    let mut objdump = Command::new(OBJDUMP);
    process::must(objdump.args(["--macho", what]).arg(library), LIMIT)
}

/// Each is a word of one of Apple's headers.
fn public(undefined: &BTreeSet<String>) -> Result<()> {
    let mut unknown: BTreeSet<_> = undefined
        .iter()
        .map(|name| name.split('$').next().unwrap_or(name)) // of functions in several forms: their name
        // The unwinder of LLVM, whose headers are the compiler's.
        .filter(|name| !name.starts_with("_Unwind_") && !BUILT_IN.contains(name) && *name != ELSEWHERE)
        .collect();
    ensure!(!undefined.is_empty(), "it uses nothing of the system");
    let mut folders = vec![headers()?];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
            for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
                unknown.remove(word);
            }
        }
    }
    ensure!(unknown.is_empty(), "no header declares {unknown:?}");
    Ok(())
}

fn link(bench: &Bench, target: &Target, source: &Path) -> Result<()> {
    let program = bench.program("C", source);
    let mut command = clang(target)?;
    // `dirfd` is such a macro of Apple's.
    command.args(["-std=c11", "-O1"]).args(WARNINGS).arg("-Wno-gnu-statement-expression");
    command.arg("-I").arg(repo::root().join("tests/c")).arg("-I").arg(repo::root().join("include"));
    command.arg(source).arg("-L").arg(&bench.lib).args(["-lfastpar", "-o"]).arg(program);
    process::must(&mut command, LIMIT).map(drop)
}
