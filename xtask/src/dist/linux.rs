//! The library for Linux, made to run with C libraries older than this machine's: Zig links it against a
//! description of glibc 2.28. What C code there is gcc compiles, which makes zstd some per cent faster than
//! Zig's clang does.

use crate::pypi::Packages;
use crate::{process, repo};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::time::Duration;

const TARGET: &str = super::LINUX;

/// The oldest C library that it runs with: Debian 10, Ubuntu 18.10, RHEL 8.
pub(crate) const GLIBC: [u32; 2] = [2, 28];

const PACKAGES: [&str; 2] = ["cargo-zigbuild==0.24.0", "ziglang==0.15.2"];

const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Zig, which is LLVM's tools too.
pub(crate) fn zig() -> Result<PathBuf> {
    Ok(Packages::get(&PACKAGES)?.path().join("ziglang/zig"))
}

/// The release libraries, without the paths of this machine in them; where they are.
pub(super) fn build(place: &Path) -> Result<PathBuf> {
    let tools = Packages::get(&PACKAGES)?;
    let zig = zig()?;
    let mut cargo = repo::cargo();
    cargo.args(["zigbuild", "--release", "--lib", "--package", "fastpar", "--target-dir"]).arg(place);
    cargo.arg("--target").arg(format!("{TARGET}.{}.{}", GLIBC[0], GLIBC[1]));
    cargo.env("PATH", tools.programs()?).env("CARGO_ENCODED_RUSTFLAGS", repo::without_paths());
    cargo.env("CARGO_ZIGBUILD_ZIG_PATH", zig);
    for variable in ["ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR", "CARGO_ZIGBUILD_CACHE_DIR"] {
        cargo.env(variable, repo::scratch("zig")?);
    }
    let target = TARGET.replace('-', "_");
    cargo.env(format!("CC_{target}"), "gcc").env(format!("AR_{target}"), "ar");
    process::must(&mut cargo, LIMIT)?;
    Ok(place.join(TARGET).join("release"))
}
