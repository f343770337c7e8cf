//! Suite "sources": the library's code compiles without a warning for targets whose libraries are not built
//! by the other suites, as far as Rust goes: what C there is takes compilers that are not to be had
//! everywhere.

use super::{Case, Context};
use crate::{process, repo, rust_std};
use anyhow::Result;
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10 * 60);

const TARGETS: [&str; 4] = [
    "x86_64-pc-windows-msvc",
    "aarch64-pc-windows-msvc",
    "x86_64-apple-darwin",
    "aarch64-unknown-linux-musl",
];

/// Stands for a libzstd that is there already. Nothing is linked with it.
const LIBZSTD: &str = "Name: libzstd\nDescription: zstd\nVersion: 1.5.7\nLibs: -lzstd\nCflags:\n";

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    if let Some(reason) = context.setup.install_if_missing(&["pkg-config"]) {
        return Ok(vec![Case::skipped("sources", reason)]);
    }
    let folder = repo::scratch("sources")?;
    std::fs::write(folder.join("libzstd.pc"), LIBZSTD)?;
    TARGETS.iter().map(|target| check(target, &folder)).collect()
}

fn check(target: &str, folder: &Path) -> Result<Case> {
    let mut cargo = match rust_std::cargo(target, "check")? {
        Ok(cargo) => cargo,
        Err(reason) => return Ok(Case::skipped(target, reason)),
    };
    cargo.args(["--package", "fastpar", "--lib", "--target", target, "--target-dir"]).arg(folder);
    // Where C libraries are linked statically there are no shared ones.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", "-Dwarnings\x1f-Ctarget-feature=-crt-static");
    cargo.env("ZSTD_SYS_USE_PKG_CONFIG", "1").env("PKG_CONFIG_ALLOW_CROSS", "1");
    cargo.env("PKG_CONFIG_LIBDIR", folder);
    Ok(Case::of(target, || process::must(&mut cargo, LIMIT).map(drop)))
}
