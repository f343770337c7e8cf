//! The targets that are built for on Linux with what Zig knows of them. It links for C libraries older than
//! this machine's, by a description of glibc 2.28 or of musl 1.2; what C code there is gcc compiles where it
//! can, which makes zstd some per cent faster than Zig's clang does. For macOS see `apple`.

pub(crate) mod apple;

use crate::pypi::Packages;
use crate::setup::Setup;
use crate::{process, repo, rust_std};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The oldest C library that a library for glibc runs with: Debian 10, Ubuntu 18.10, RHEL 8.
pub(crate) const GLIBC: [u32; 2] = [2, 28];

/// Versions of macOS before do not run the libraries: Rust's std asks for these.
const MACOS: [&str; 2] = ["11.0", "10.12"];

const PACKAGES: [&str; 2] = ["cargo-zigbuild==0.24.0", "ziglang==0.15.2"];

/// Where Zig keeps what it has compiled.
const CACHES: [&str; 2] = ["ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"];

const LIMIT: Duration = Duration::from_secs(20 * 60);

/// What differs by more than names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    Glibc,
    Musl,
    Macos,
}

/// See the module.
pub(crate) struct Target {
    /// As rustc calls it.
    pub(crate) triple: &'static str,
    /// In names of archives.
    pub(crate) name: &'static str,
    /// As .NET calls it.
    pub(crate) runtime: &'static str,
    pub(crate) system: System,
    /// What compiles C for Linux, and the tool that makes archives of it; none: Zig.
    compiler: Option<[&'static str; 2]>,
    /// Of the processor, in names of wheels.
    processor: &'static str,
}

pub(crate) const LINUX: Target = Target {
    triple: "x86_64-unknown-linux-gnu",
    name: "x86_64-linux",
    runtime: "linux-x64",
    system: System::Glibc,
    compiler: Some(["gcc", "ar"]),
    processor: "x86_64",
};

pub(crate) const AARCH64: Target = Target {
    triple: "aarch64-unknown-linux-gnu",
    name: "aarch64-linux",
    runtime: "linux-arm64",
    system: System::Glibc,
    compiler: Some(["aarch64-linux-gnu-gcc", "aarch64-linux-gnu-ar"]),
    processor: "aarch64",
};

pub(crate) const MUSL: Target = Target {
    triple: "x86_64-unknown-linux-musl",
    name: "x86_64-linux-musl",
    runtime: "linux-musl-x64",
    system: System::Musl,
    compiler: Some(["musl-gcc", "ar"]),
    processor: "x86_64",
};

pub(crate) const MUSL_AARCH64: Target = Target {
    triple: "aarch64-unknown-linux-musl",
    name: "aarch64-linux-musl",
    runtime: "linux-musl-arm64",
    system: System::Musl,
    compiler: None,
    processor: "aarch64",
};

pub(crate) const MACOS_ARM64: Target = Target {
    triple: "aarch64-apple-darwin",
    name: "arm64-macos",
    runtime: "osx-arm64",
    system: System::Macos,
    compiler: None,
    processor: "arm64",
};

pub(crate) const MACOS_X86_64: Target = Target {
    triple: "x86_64-apple-darwin",
    name: "x86_64-macos",
    runtime: "osx-x64",
    system: System::Macos,
    compiler: None,
    processor: "x86_64",
};

/// All but that of this machine.
pub(crate) const OTHERS: [&Target; 5] = [&AARCH64, &MUSL, &MUSL_AARCH64, &MACOS_ARM64, &MACOS_X86_64];

/// That of this machine.
pub(crate) fn own() -> Option<&'static Target> {
    let is_own = |target: &&Target| {
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        let processor = if target.processor == "arm64" { "aarch64" } else { target.processor };
        let system = match target.system {
            System::Glibc => os == "linux" && cfg!(target_env = "gnu"),
            System::Musl => os == "linux" && cfg!(target_env = "musl"),
            System::Macos => os == "macos",
        };
        system && processor == arch
    };
    [&LINUX].into_iter().chain(OTHERS).find(is_own)
}

/// How much the compiler does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// For packages.
    Full,
    /// For tests of what does not depend on it.
    Little,
}

impl Target {
    /// The file of the shared library, as cargo builds it.
    pub(crate) fn built(&self) -> &'static str {
        match self.system {
            System::Macos => "libfastpar.dylib",
            System::Glibc | System::Musl => "libfastpar.so",
        }
    }

    /// The same, as programs load it.
    pub(crate) fn library(&self) -> &'static str {
        match self.system {
            System::Macos => "libfastpar.1.dylib",
            System::Glibc | System::Musl => "libfastpar.so.1",
        }
    }

    /// The platform of its wheel.
    pub(crate) fn wheel(&self) -> String {
        let processor = self.processor;
        match self.system {
            System::Glibc => format!("manylinux_{}_{}_{processor}", GLIBC[0], GLIBC[1]),
            System::Musl => format!("musllinux_1_2_{processor}"),
            System::Macos => format!("macosx_{}_{processor}", self.macos().replace('.', "_")),
        }
    }

    /// Whether it has the processor that packages are made on.
    pub(crate) fn is_for_this_processor(&self) -> bool {
        self.processor == "x86_64"
    }

    /// The oldest version of macOS.
    fn macos(&self) -> &'static str {
        MACOS[usize::from(self.processor == "x86_64")]
    }

    /// What the names of the tools begin with that change its files; none: Linux has no such tools.
    pub(crate) fn tools(&self) -> Option<&'static str> {
        match (self.system, self.processor) {
            (System::Macos, _) => None,
            (_, "aarch64") => Some("aarch64-linux-gnu-"),
            _ => Some(""),
        }
    }

    /// Programs that building it takes.
    fn needs(&self) -> Vec<&'static str> {
        match (self.system, self.compiler) {
            (System::Macos, _) => vec![apple::CLANG, apple::LINKER, apple::ARCHIVER],
            (_, Some([compiler, _])) => vec![compiler],
            (_, None) => vec!["aarch64-linux-gnu-gcc"], // for the tools that come with it
        }
    }
}

/// Zig, which is LLVM's tools too.
pub(crate) fn zig() -> Result<PathBuf> {
    Ok(Packages::get(&PACKAGES)?.path().join("ziglang/zig"))
}

/// Zig as a C compiler for musl.
pub(crate) fn zig_cc(target: &Target) -> Result<Command> {
    let mut command = Command::new(zig()?);
    for variable in CACHES {
        command.env(variable, repo::scratch("zig")?);
    }
    command.args(["cc", "-target", &format!("{}-linux-musl", target.processor)]);
    Ok(command)
}

/// Builds the libraries in a folder of cargo's, without the paths of this machine in them: where they are;
/// the reason, where that is not possible.
pub(crate) fn build(
    setup: &Setup,
    target: &Target,
    effort: Effort,
    place: &Path,
) -> Result<std::result::Result<PathBuf, String>> {
    if let Some(reason) = setup.install_if_missing(&target.needs()) {
        return Ok(Err(reason));
    }
    let is_apple = target.system == System::Macos;
    let mut cargo = match rust_std::cargo(target.triple, if is_apple { "build" } else { "zigbuild" })? {
        Ok(cargo) => cargo,
        Err(reason) => return Ok(Err(reason)),
    };
    cargo.args(["--release", "--lib", "--package", "fastpar", "--target-dir"]).arg(place);
    let mut flags = repo::without_paths();
    if is_apple {
        apple::prepare(target, &mut cargo, &mut flags)?;
    } else {
        link_by_zig(target, &mut cargo, &mut flags)?;
    }
    let glibc = format!(".{}.{}", GLIBC[0], GLIBC[1]);
    let glibc = if target.system == System::Glibc { glibc.as_str() } else { "" };
    cargo.arg("--target").arg(format!("{}{glibc}", target.triple)).env("CARGO_ENCODED_RUSTFLAGS", flags);
    if effort == Effort::Little {
        for (name, value) in [("LTO", "off"), ("CODEGEN_UNITS", "16"), ("OPT_LEVEL", "1")] {
            cargo.env(format!("CARGO_PROFILE_RELEASE_{name}"), value);
        }
    }
    process::must(&mut cargo, LIMIT)?;
    Ok(Ok(place.join(target.triple).join("release")))
}

fn link_by_zig(target: &Target, cargo: &mut Command, flags: &mut String) -> Result<()> {
    if target.system == System::Musl {
        *flags += "\x1f-Ctarget-feature=-crt-static"; // else there is no shared library
    }
    let tools = Packages::get(&PACKAGES)?;
    cargo.env("PATH", tools.programs()?).env("CARGO_ZIGBUILD_ZIG_PATH", zig()?);
    for variable in CACHES.into_iter().chain(["CARGO_ZIGBUILD_CACHE_DIR"]) {
        cargo.env(variable, repo::scratch("zig")?);
    }
    if let Some([compiler, archiver]) = target.compiler {
        let variable = target.triple.replace('-', "_");
        cargo.env(format!("CC_{variable}"), compiler).env(format!("AR_{variable}"), archiver);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_of_wheels() {
        let told = [&LINUX].into_iter().chain(OTHERS).map(Target::wheel).collect::<Vec<_>>();
        let expected = [
            "manylinux_2_28_x86_64",
            "manylinux_2_28_aarch64",
            "musllinux_1_2_x86_64",
            "musllinux_1_2_aarch64",
            "macosx_11_0_arm64",
            "macosx_10_12_x86_64",
        ];
        assert_eq!(told, expected);
    }
}
