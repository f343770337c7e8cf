//! The library for Windows (x86_64, GNU), built on Linux with MinGW and laid out as programs link it.

use crate::setup::Setup;
use crate::stage::{replace, replace_all};
use crate::{header, process, repo, rust_std};
use anyhow::{ensure, Context, Result};
use implib::{Flavor, ImportLibrary, MachineType};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) mod pdb;
pub(crate) mod symbols;

pub(crate) const TARGET: &str = "x86_64-pc-windows-gnu";
pub(crate) const GCC: &str = "x86_64-w64-mingw32-gcc-posix";
pub(crate) const GXX: &str = "x86_64-w64-mingw32-g++-posix";
const AR: &str = "x86_64-w64-mingw32-ar";

/// What Rust's std needs of Windows, beside the C library: for programs that link the static library.
pub(crate) const SYSTEM_LIBRARIES: [&str; 4] = ["-lkernel32", "-lntdll", "-luserenv", "-lws2_32"];

const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// The folders of the library for Windows.
pub(crate) struct Staged {
    pub(crate) include: PathBuf,
    /// fastpar.dll.
    pub(crate) bin: PathBuf,
    /// Import libraries for MinGW (libfastpar.dll.a) and MSVC (fastpar.lib), fastpar.def, the static library
    /// for MinGW.
    pub(crate) lib: PathBuf,
    /// The warnings of the compiler.
    pub(crate) warnings: Vec<String>,
}

impl Staged {
    pub(crate) fn dll(&self) -> PathBuf {
        self.bin.join("fastpar.dll")
    }

    pub(crate) fn import_library(&self) -> PathBuf {
        self.lib.join("libfastpar.dll.a")
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.lib.join("libfastpar.a")
    }
}

/// A build of cargo's.
pub(crate) struct Built {
    /// Without what is for debuggers.
    pub(crate) dll: PathBuf,
    /// What was taken away.
    pub(crate) symbols: PathBuf,
    /// The same for Microsoft's debuggers; none where Rust has no linker for that.
    pub(crate) pdb: Option<PathBuf>,
    pub(crate) archive: PathBuf,
    /// The warnings of the compiler.
    pub(crate) warnings: Vec<String>,
}

/// Builds the release library; the reason, where that is not possible.
pub(crate) fn build(setup: &Setup, place: &Path) -> Result<std::result::Result<Built, String>> {
    if let Some(reason) = setup.install_if_missing(&[GCC, GXX]) {
        return Ok(Err(reason));
    }
    let mut command = match rust_std::cargo(TARGET, "rustc")? {
        Ok(cargo) => cargo,
        Err(reason) => return Ok(Err(reason)),
    };
    command.args(["--release", "--lib", "--package", "fastpar", "--target", TARGET, "--target-dir"]);
    command
        .arg(place)
        // Lines of the Rust code only: cargo would tell compilers of C too, and they keep paths.
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            format!(
                "{}\x1f--remap-path-prefix={}=/fastpar/target\x1f-Cdebuginfo=line-tables-only\x1f-Cstrip=none",
                repo::without_paths(),
                std::path::absolute(place)?.display(),
            ),
        )
        .env("PATH", pdb::import_tool(place)?);
    let variable = TARGET.replace('-', "_");
    command.env(format!("CARGO_TARGET_{}_LINKER", variable.to_uppercase()), pdb::linker(place)?);
    command.env(format!("CC_{variable}"), GCC).env(format!("AR_{variable}"), AR);
    command.args(["--", pdb::EMIT]);
    let output = process::must(&mut command, BUILD_LIMIT)?;
    let warnings = output.lines().filter(|line| line.starts_with("warning: ")).map(String::from).collect();
    let folder = place.join(TARGET).join("release");
    let (dll, pdb) = match pdb::link(place)? {
        Some((dll, pdb)) => (dll, Some(pdb)),
        None => (folder.join("fastpar.dll"), None),
    };
    let (dll, symbols) = symbols::split(&dll, &folder.join("split"))?;
    Ok(Ok(Built { dll, symbols, pdb, archive: folder.join("libfastpar.a"), warnings }))
}

/// Where the tests have it built, and `cargo xtask dist`.
pub(crate) fn place() -> Result<PathBuf> {
    Ok(repo::scratch("dist")?.join("windows"))
}

/// Builds it and lays it out in `target/fastpar/windows`.
pub(crate) fn stage(setup: &Setup) -> Result<std::result::Result<Staged, String>> {
    let built = match build(setup, &place()?)? {
        Ok(built) => built,
        Err(reason) => return Ok(Err(reason)),
    };
    let root = repo::target().join("fastpar/windows");
    let (include, bin, lib) = (root.join("include"), root.join("bin"), root.join("lib"));
    let staged = Staged { include, bin, lib, warnings: built.warnings };
    std::fs::create_dir_all(&staged.bin)?;
    std::fs::create_dir_all(&staged.lib)?;
    replace(&built.dll, &staged.dll())?;
    replace(&built.archive, &staged.archive())?;
    replace_all(&repo::root().join("include"), &staged.include)?;
    let definition = definition()?;
    for (name, flavor) in IMPORT_LIBRARIES {
        std::fs::write(staged.lib.join(name), import_library(&definition, flavor)?)?;
    }
    std::fs::write(staged.lib.join("fastpar.def"), definition)?;
    Ok(Ok(staged))
}

/// For MinGW and for MSVC.
pub(crate) const IMPORT_LIBRARIES: [(&str, Flavor); 2] =
    [("libfastpar.dll.a", Flavor::Gnu), ("fastpar.lib", Flavor::Msvc)];

/// What import libraries are made of: every function of the header.
pub(crate) fn definition() -> Result<String> {
    let header = header::Header::committed()?;
    let names = header.functions().map(|(item, _)| format!("    {}\n", item.name)).collect::<String>();
    ensure!(!names.is_empty(), "the header has no functions");
    Ok(format!("LIBRARY fastpar.dll\nEXPORTS\n{names}"))
}

/// The bytes of an import library.
pub(crate) fn import_library(definition: &str, flavor: Flavor) -> Result<Vec<u8>> {
    let library = ImportLibrary::new(definition, MachineType::AMD64, flavor).context("fastpar.def")?;
    let mut bytes = std::io::Cursor::new(Vec::new());
    library.write_to(&mut bytes).context("an import library")?;
    Ok(bytes.into_inner())
}
