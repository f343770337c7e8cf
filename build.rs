//! Link options that Cargo.toml cannot express, what Windows tells about the library's file, and what the
//! libzstd that is linked has.

use std::path::{Path, PathBuf};
use std::process::Command;
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
        // Programs find the library by their own paths, not where it was built, and say which ABI they need.
        let abi = abi_version();
        println!("cargo:rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libfastpar.{abi}.dylib");
        println!("cargo:rustc-cdylib-link-arg=-Wl,-compatibility_version,{abi}.0.0");
        println!("cargo:rustc-cdylib-link-arg=-Wl,-current_version,{}", current_version());
    }
    if os == "windows" && env::var("CARGO_CFG_TARGET_ENV").as_deref() == Ok("gnu") {
        // The same sources make the same file at any time.
        println!("cargo:rustc-cdylib-link-arg=-Wl,--no-insert-timestamp");
    }
    if os == "windows" {
        if let Some(resource) = version_resource() {
            println!("cargo:rustc-cdylib-link-arg={}", resource.display());
        }
    }
    if has_rep_codes() {
        println!("cargo:rustc-cfg=zstd_rep_codes");
    }
}

/// Name, version and licence, as Windows shows them of a file, compiled for the linker. `None`: there is no
/// compiler for resources, and the library works as well without.
fn version_resource() -> Option<PathBuf> {
    let folder = PathBuf::from(env::var_os("OUT_DIR")?);
    let script = folder.join("version.rc");
    fs::write(&script, version_script()).ok()?;
    let gnu = env::var("CARGO_CFG_TARGET_ENV").as_deref() == Ok("gnu");
    if gnu && env::var("CARGO_CFG_TARGET_ARCH").as_deref() != Ok("x86_64") {
        return None;
    }
    let object = folder.join(if gnu { "version.o" } else { "version.res" });
    let tools = if gnu { ["x86_64-w64-mingw32-windres", "windres"] } else { ["rc", "llvm-rc"] };
    let compiled = tools.iter().any(|tool| {
        let mut command = Command::new(tool);
        if gnu {
            command.arg("--target=pe-x86-64").arg(&script).arg(&object);
        } else {
            command.arg("/nologo").arg("/fo").arg(&object).arg(&script);
        }
        command.status().is_ok_and(|status| status.success())
    });
    compiled.then_some(object)
}

fn version_script() -> String {
    let part = |name: &str| env::var(format!("CARGO_PKG_VERSION_{name}")).unwrap_or_default();
    let numbers = ["MAJOR", "MINOR", "PATCH"].map(part);
    let (version, commas) = (numbers.join("."), numbers.join(","));
    let strings = [
        ("CompanyName", "fastpar"),
        ("FileDescription", "A global thread pool, chunked parallel loops and parallel zstd"),
        ("FileVersion", &version),
        ("InternalName", "fastpar"),
        ("LegalCopyright", "MIT OR Apache-2.0"),
        ("OriginalFilename", "fastpar.dll"),
        ("ProductName", "fastpar"),
        ("ProductVersion", &version),
    ];
    let strings: String =
        strings.iter().map(|(name, text)| format!("VALUE \"{name}\", \"{text}\\0\"\n")).collect();
    // A DLL (2) for Windows NT (0x40004); English (0x409) in UTF-16 (1200).
    format!(
        "1 VERSIONINFO\nFILEVERSION {commas},0\nPRODUCTVERSION {commas},0\nFILEFLAGSMASK 0x3f\nFILEFLAGS 0\n\
         FILEOS 0x40004\nFILETYPE 2\nBEGIN\nBLOCK \"StringFileInfo\"\nBEGIN\nBLOCK \"040904B0\"\nBEGIN\n\
         {strings}END\nEND\nBLOCK \"VarFileInfo\"\nBEGIN\nVALUE \"Translation\", 0x409, 1200\nEND\nEND\n"
    )
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

/// The version of the library for macOS: it grows with each release, and is never below that of the ABI.
fn current_version() -> String {
    let part = |name: &str| env::var(format!("CARGO_PKG_VERSION_{name}")).unwrap_or_default();
    let major: u32 = part("MAJOR").parse().unwrap_or(0);
    format!("{}.{}.{}", major + abi_version(), part("MINOR"), part("PATCH"))
}

/// The ABI's number, 1 for every 0.x and 1.x release.
fn abi_version() -> u32 {
    1
}
