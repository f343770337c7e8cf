//! Builds in which everything is instrumented: the library, Rust's std and libzstd. A sanitizer that does not
//! see all writes reports false errors, or misses errors.

use crate::rust_std::debian_cargo;
use crate::{process, repo};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const TRIPLE: &str = "x86_64-unknown-linux-gnu";

const LIMIT: Duration = Duration::from_secs(10 * 60);

/// What rustup's smallest profile leaves out of a nightly toolchain.
const PARTS: [&str; 2] = ["rust-src", "miri"];

/// A program of the nightly toolchain, if rustup has it.
fn rustup(program: &str) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", program]).current_dir(repo::root());
    // Of the cargo that runs this tool.
    command.env_remove("CARGO").env_remove("RUSTC").env_remove("RUSTUP_TOOLCHAIN");
    command
}

fn works(command: &mut Command) -> bool {
    process::run(command, LIMIT).is_ok_and(|finished| finished.success())
}

/// The nightly cargo with these of its `PARTS`, fetched where that is possible.
fn nightly(part: &str, there: impl Fn() -> bool) -> Option<Command> {
    if !process::installed("rustup") || !works(rustup("rustc").arg("--version")) {
        return None;
    }
    if !there() {
        println!("  installing {} for nightly", PARTS.join(", "));
        let mut add = Command::new("rustup");
        let added = works(add.args(["component", "add", "--toolchain", "nightly"]).args(PARTS));
        if !added || !there() {
            println!("  rustup has no {part} for nightly");
            return None;
        }
    }
    Some(rustup("cargo"))
}

/// A cargo that can run Miri.
pub(super) fn miri() -> Option<Command> {
    nightly("miri", || works(rustup("cargo").args(["miri", "--version"])))
}

/// A cargo that builds std too, and whether it has the sanitizers' runtimes: nightly's where the sources can
/// be had, else Debian's.
fn with_std() -> Result<(Command, bool), String> {
    let sources = || {
        let folder = process::run(rustup("rustc").args(["--print", "sysroot"]), LIMIT);
        let lock = "lib/rustlib/src/rust/library/Cargo.lock";
        folder.is_ok_and(|found| Path::new(found.output.trim()).join(lock).is_file())
    };
    let found = nightly("rust-src", sources).map(|cargo| (cargo, true));
    found
        .or_else(|| debian_cargo().map(|cargo| (cargo, false)))
        .ok_or_else(|| "neither rustup's nightly nor Debian has the sources of std here".into())
}

/// What rustc takes for a sanitizer by the name that rustc and clang give it.
fn rustc_flags(sanitizer: &str) -> Result<Vec<String>, String> {
    let mut flags = vec![format!("-Zsanitizer={sanitizer}")];
    if sanitizer == "memory" {
        // Where a byte comes from. What the kernel writes is seen where the C library is called for it.
        flags.extend(["-Zsanitizer-memory-track-origins".into(), "--cfg=rustix_use_libc".into()]);
        flags.push("-Cllvm-args=-msan-eager-checks=0".into()); // see `clang_flags`
        let object = kernel_writes().map_err(|error| format!("{error:#}"))?;
        flags.push(format!("-Clink-arg={}", object.display()));
    }
    Ok(flags)
}

/// The object file that tells MemorySanitizer of calls that it does not know.
pub(super) fn kernel_writes() -> anyhow::Result<PathBuf> {
    Ok(repo::scratch("msan")?.join("kernel_writes.o"))
}

/// Compiles what is linked into everything that `sanitized` builds.
pub(super) fn prepare(sanitizer: &str) -> anyhow::Result<()> {
    if sanitizer != "memory" {
        return Ok(());
    }
    let mut clang = Command::new("clang");
    clang.args([
        "-O1",
        "-fPIC",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-c",
        "tests/sanitizers/kernel_writes.c",
        "-o",
    ]);
    process::must(clang.arg(kernel_writes()?).current_dir(repo::root()), LIMIT).map(drop)
}

/// The same for clang. No sanitizer sees what libzstd's assembly does.
pub(super) fn clang_flags(sanitizer: &str) -> Vec<String> {
    let mut flags = vec![format!("-fsanitize={sanitizer}"), "-DZSTD_DISABLE_ASM".into()];
    if sanitizer == "memory" {
        // Arguments and results are passed as in C, in which a function may end without a result.
        let more = ["-fsanitize-memory-track-origins", "-fno-sanitize-memory-param-retval"];
        flags.extend(more.map(String::from));
    }
    flags
}

/// A cargo for a sanitizer, with arguments of `cargo NAME`; what it builds is in a folder of this name.
pub(super) fn sanitized(sanitizer: &str, folder: &str, name: &str) -> Result<Command, String> {
    let (mut cargo, has_runtime) = with_std()?;
    cargo.args([name, "-Zbuild-std=std,panic_unwind", "--package", "fastpar", "--target", TRIPLE]);
    cargo.env("CARGO_TARGET_DIR", repo::target().join(folder));
    // Instrumented code that is not optimised at all, as std would be, takes too long.
    cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1");
    let mut flags = rustc_flags(sanitizer)?;
    if !has_runtime {
        let link = format!("-Clink-arg=-fsanitize={sanitizer}");
        flags.extend(["-Zexternal-clangrt".into(), "-Clinker=clang".into(), link]);
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    let variable = TRIPLE.replace('-', "_");
    cargo.env(format!("CC_{variable}"), "clang");
    cargo.env(format!("CFLAGS_{variable}"), clang_flags(sanitizer).join(" "));
    Ok(cargo)
}

/// Where the libraries are that `sanitized` builds in a folder.
pub(super) fn built(folder: &str) -> PathBuf {
    repo::target().join(folder).join(TRIPLE).join("debug")
}

/// The runtime of the sanitizer with this short name that comes with the rustc of `sanitized`. None: it is
/// clang's.
pub(super) fn runtime(short: &str) -> Option<PathBuf> {
    let (_, has_runtime) = with_std().ok()?;
    let folder = process::run(rustup("rustc").args(["--print", "target-libdir"]), LIMIT).ok()?;
    has_runtime.then(|| Path::new(folder.output.trim()).join(format!("librustc-nightly_rt.{short}.a")))
}
