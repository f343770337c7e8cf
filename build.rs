//! Link options that Cargo.toml cannot express, and what the libzstd that is linked has.

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let os = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if matches!(os.as_str(), "linux" | "android" | "freebsd" | "netbsd" | "dragonfly" | "illumos") {
        // Worker threads run code of this library: unloading it under them would crash the program,
        // so `dlclose` keeps it mapped (ELF DF_1_NODELETE).
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
        // Relocations are resolved and made read-only at load time.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,relro,-z,now");
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libfastpar.so.{}", abi_version());
    }
    if os == "macos" {
        // Programs find the library by their own paths, not where it was built.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libfastpar.dylib");
    }
    if os == "windows" && env::var("CARGO_CFG_TARGET_ENV").as_deref() == Ok("gnu") {
        // The same sources make the same file at any time.
        println!("cargo:rustc-cdylib-link-arg=-Wl,--no-insert-timestamp");
    }
    if has_rep_codes() {
        println!("cargo:rustc-cfg=zstd_rep_codes");
    }
}

/// Whether the libzstd that is linked is the one inside zstd-sys, and has the function that
/// `src/codec/libzstd/section.rs` declares. Another libzstd, found by pkg-config, need not have it.
fn has_rep_codes() -> bool {
    // zstd-sys tells a root only where it has compiled its own sources.
    let (Ok(_), Ok(sources)) = (env::var("DEP_ZSTD_ROOT"), env::var("DEP_ZSTD_INCLUDE")) else {
        return false;
    };
    let header = Path::new(&sources).join("common/zstd_internal.h");
    println!("cargo:rerun-if-changed={}", header.display());
    let declaration = "void ZSTD_invalidateRepCodes(ZSTD_CCtx* cctx);";
    fs::read_to_string(header).is_ok_and(|text| text.contains(declaration))
}

/// The ABI's number, 1 for every 0.x and 1.x release.
fn abi_version() -> u32 {
    1
}
