//! Building for macOS: clang and LLVM's linker, with Apple's headers and the description of its libraries
//! that Zig brings. (Zig's own linker for macOS exports every symbol.)

use super::{zig, Target, MACOS};
use crate::repo;
use anyhow::{ensure, Result};
use std::path::PathBuf;
use std::process::Command;

pub(crate) const CLANG: &str = "clang";
pub(super) const LINKER: &str = "ld.lld";
pub(super) const ARCHIVER: &str = "llvm-ar";

/// Rust's std asks for it, and uses nothing of it.
const ICONV: &str = "\
--- !tapi-tbd
tbd-version:     4
targets:         [ x86_64-macos, arm64-macos ]
install-name:    '/usr/lib/libiconv.2.dylib'
...
";

/// The system's library by the names that std and the crate libc link it by. Apple's folder has them, too.
const SYSTEM: [&str; 3] = ["libSystem.tbd", "libc.tbd", "libm.tbd"];

/// A folder laid out as Apple's is, for `-isysroot`.
pub(super) fn sdk() -> Result<PathBuf> {
    let sdk = repo::scratch("targets")?.join("sdk");
    let lib = sdk.join("usr/lib");
    if !SYSTEM.iter().chain([&"libiconv.tbd"]).all(|name| lib.join(name).exists()) {
        std::fs::create_dir_all(&lib)?;
        repo::link(&headers()?, &sdk.join("usr/include"))?;
        let system = of_zig("darwin/libSystem.tbd")?;
        for name in SYSTEM {
            repo::link(&system, &lib.join(name))?;
        }
        std::fs::write(lib.join("libiconv.tbd"), ICONV)?;
    }
    Ok(sdk)
}

/// Apple's headers.
pub(crate) fn headers() -> Result<PathBuf> {
    of_zig("include/any-macos-any")
}

/// Something that Zig knows of C libraries.
fn of_zig(path: &str) -> Result<PathBuf> {
    let path = zig()?.with_file_name("lib/libc").join(path);
    ensure!(path.exists(), "Zig has no {}", path.display());
    Ok(path)
}

/// What compiles and links C programs.
pub(crate) fn clang(target: &Target) -> Result<Command> {
    let mut clang = Command::new(CLANG);
    clang.args(["-target", &format!("{}-apple-macosx{}", target.processor, MACOS)]);
    clang.arg("-isysroot").arg(sdk()?).arg("-fuse-ld=lld");
    Ok(clang)
}

/// Has cargo build so.
pub(super) fn prepare(target: &Target, cargo: &mut Command, flags: &mut String) -> Result<()> {
    let triple = format!("--target={}-apple-macosx{MACOS}", target.processor);
    let root = format!("-isysroot{}", sdk()?.display());
    for argument in [&triple, &root, "-fuse-ld=lld", "-Wl,-dead_strip_dylibs"] {
        *flags += &format!("\x1f-Clink-arg={argument}");
    }
    let variable = target.triple.replace('-', "_");
    cargo.env("SDKROOT", sdk()?).env("MACOSX_DEPLOYMENT_TARGET", MACOS);
    cargo.env(format!("CC_{variable}"), CLANG).env(format!("AR_{variable}"), ARCHIVER);
    cargo.env(format!("CARGO_TARGET_{}_LINKER", variable.to_uppercase()), CLANG);
    Ok(())
}
