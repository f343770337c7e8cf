//! Suite "packages": all that `cargo xtask dist` makes, for every target, and a program of a user's with
//! each: under qemu-user for aarch64, and with musl's own loader.

use super::apple;
use super::foreign::image;
use super::installed::{nuget, unpack, works};
use super::{aarch64, installed_python, Case, Context};
use crate::dist::{self, Package};
use crate::targets::apple::clang as apple_clang;
use crate::targets::{self, zig_cc, System, Target};
use crate::{abi, process, repo};
use anyhow::{ensure, Result};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

pub(super) const NAME: &str = "packages";

/// Zig compiles musl first.
const LIMIT: Duration = Duration::from_secs(10 * 60);

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let needed = [aarch64::GCC, aarch64::GXX, aarch64::QEMU, "musl-gcc", apple::NM, "pkg-config", "readelf"];
    if let Some(reason) = context.setup.install_if_missing(&needed) {
        return Ok(vec![Case::skipped("packages", reason)]);
    }
    let declared = abi::declared(context.header()?);
    let folder = repo::scratch("dist/all")?;
    let made = dist::make(&context.setup, &folder, &repo::scratch("dist")?, &targets::OTHERS)?;
    let mut cases = vec![
        Case::checked("nothing is left out", made.left_out.clone()),
        Case::of("NuGet package", || nuget(&made)),
    ];
    for package in &made.others {
        let place = tempfile::tempdir()?;
        let unpacked = unpack(&package.archive, place.path(), &dist::name(package.target.name)?)?;
        let library = unpacked.join("lib").join(package.target.library());
        let size = std::fs::metadata(&library)?.len();
        println!("  {}: {size} bytes", package.target.name);
        let checked = match package.target.system {
            System::Glibc => image(&library, &aarch64::LIBRARIES)?,
            System::Musl => image(&library, &["libc.so"])?,
            System::Macos => apple::image(&library, &declared)?,
        };
        cases.extend(checked.into_iter().map(|case| named(package.target, case)));
        cases.extend(consumers(package, &unpacked).into_iter().map(|case| named(package.target, case)));
    }
    Ok(cases)
}

fn named(target: &Target, case: Case) -> Case {
    Case { name: format!("{}: {}", target.name, case.name), ..case }
}

/// What is done with a package: a program with the shared library, one with the static one, and the wheel.
fn consumers(package: &Package, unpacked: &Path) -> Vec<Case> {
    let target = package.target;
    let mut cases = vec![
        Case::of("shared", || consumer(target, unpacked, false)),
        Case::of("static", || consumer(target, unpacked, true)),
        Case::of("wheel", || wheel(package, unpacked)),
    ];
    // auditwheel takes this machine's own libc.so for that of musl.
    if target.system == System::Glibc {
        cases.push(Case::of("platform of the wheel", || {
            installed_python::audit(&package.wheel, &target.wheel())
        }));
    }
    cases
}

/// Builds the program with the flags that pkg-config tells, and runs it where that can be done.
fn consumer(target: &Target, unpacked: &Path, is_static: bool) -> Result<()> {
    let mut query = Command::new("pkg-config");
    query.args(["--cflags", "--libs", "fastpar"]).args(is_static.then_some("--static"));
    let flags = process::must(query.env("PKG_CONFIG_PATH", unpacked.join("lib/pkgconfig")), LIMIT)?;
    let program = unpacked.join(if is_static { "static" } else { "shared" });
    let mut compiler = match target.system {
        System::Glibc => Command::new(aarch64::GCC),
        // It has the unwinder of another C library.
        System::Musl if target.is_for_this_processor() && !is_static => Command::new("musl-gcc"),
        System::Musl => zig_cc(target)?,
        System::Macos => apple_clang(target)?,
    };
    compiler.arg(repo::root().join("tests/install/consumer.c")).arg("-o").arg(&program);
    if is_static {
        // Zig and macOS take the shared library by its name where both are there.
        let flags = flags.replace("-lfastpar", &unpacked.join("lib/libfastpar.a").display().to_string());
        compiler.args(flags.split_whitespace());
        match target.system {
            System::Musl => compiler.args(["-static", "-lunwind"]),
            System::Glibc => compiler.arg("-static"),
            System::Macos => &mut compiler,
        };
    } else {
        compiler.args(flags.split_whitespace());
    }
    process::must(&mut compiler, LIMIT)?;
    match target.system {
        System::Macos => Ok(()), // nothing here can run it
        System::Musl if target.is_for_this_processor() => {
            works(Command::new(program).env("LD_LIBRARY_PATH", unpacked.join("lib")))
        }
        // Of musl for aarch64 there is no loader here.
        System::Musl if !is_static => Ok(()),
        _ => {
            let mut qemu = Command::new(aarch64::QEMU);
            qemu.args(["-L", aarch64::ROOT]).arg(program);
            works(qemu.env("LD_LIBRARY_PATH", unpacked.join("lib")))
        }
    }
}

/// It has the library of the archive.
fn wheel(package: &Package, unpacked: &Path) -> Result<()> {
    let name = package.target.library();
    let mut unzip = Command::new("python3");
    unzip.args(["-m", "zipfile", "-e"]).arg(&package.wheel).arg(unpacked.join("wheel"));
    process::must(&mut unzip, LIMIT)?;
    let packed = std::fs::read(unpacked.join("wheel/fastpar").join(name))?;
    ensure!(packed == std::fs::read(unpacked.join("lib").join(name))?, "the wheel has another library");
    Ok(())
}
