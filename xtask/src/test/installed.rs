//! Suite "dist": the archives are the same whenever they are made, and programs find what is in them the way their builds do.
//! The consumers are built in folders of their own, with nothing of this repository on any path.

use super::wine::Wine;
use super::{readme, Case, Context};
use crate::windows::{GCC, GXX};
use crate::{dist, process, repo};
use anyhow::{bail, ensure, Context as _, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(180);

/// The oldest C library that the Linux library runs with.
const GLIBC: [u32; 2] = [2, 34];

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let needed = ["cmake", "make", "pkg-config", "python3", GCC, GXX];
    if let Some(reason) = context.setup.install_if_missing(&needed) {
        return Ok(vec![Case::skipped("archives", reason)]);
    }
    let scratch = repo::scratch("dist")?;
    println!("  making the archives");
    let archives = dist::make(&context.setup, &scratch.join("first"), &scratch)?;
    println!("  making them again, from nothing");
    let mut cases = vec![
        Case::of("the same bytes again", || again(context, &scratch, &archives)),
        Case::of("sums", || {
            let mut check = Command::new("sha256sum");
            process::must(check.args(["-c", "SHA256SUMS"]).current_dir(scratch.join("first")), LIMIT)
                .map(drop)
        }),
        Case::of("cargo package", || {
            let mut cargo = repo::cargo();
            cargo.args(["package", "--package", "fastpar", "--allow-dirty", "--quiet"]);
            process::must(&mut cargo, LIMIT * 3).map(drop)
        }),
    ];
    let folder = tempfile::tempdir()?;
    let linux = unpack(&archives[0], folder.path(), &dist::name("linux")?)?;
    let windows = unpack(&archives[1], folder.path(), &dist::name("windows")?)?;
    cases.push(Case::of("licences of the parts", || licenses(&[&linux, &windows])));
    cases.push(Case::of("no path of this machine", || no_paths(&[&linux, &windows])));
    cases.push(Case::of("C library", || glibc(&linux.join("lib/libfastpar.so.1"))));
    let sources = folder.path().join("app");
    std::fs::create_dir(&sources)?;
    for name in ["CMakeLists.txt", "consumer.c", "consumer.cpp"] {
        std::fs::copy(repo::root().join("tests/install").join(name), sources.join(name))?;
    }
    let consumer = Consumer { sources, folder: folder.path().join("build") };
    cases.push(Case::of("Linux, CMake", || consumer.cmake(&linux, &[], |p| Ok(program(p)))));
    cases.push(Case::of("Linux, pkg-config", || consumer.pkg_config(&linux)));
    cases.push(Case::of("Linux, by hand", || consumer.by_hand(&linux)));
    cases.push(Case::of("commands of README.md", || {
        archives.iter().try_for_each(|archive| {
            let name = archive.file_name().unwrap_or_default();
            std::fs::copy(archive, folder.path().join(name)).map(drop)
        })?;
        let commands = readme::installing()?;
        let _ = std::fs::remove_dir_all(&consumer.folder);
        process::must(tool("sh").args(["-e", "-c", &commands]).current_dir(folder.path()), LIMIT).map(drop)
    }));
    match Wine::get(&context.setup)? {
        Err(reason) => cases.push(Case::skipped("Windows", reason)),
        Ok(wine) => {
            let run = |path: &Path| Ok(wine.command(&path.with_extension("exe")));
            let system = ["-DCMAKE_SYSTEM_NAME=Windows".to_owned(), compiler("C", GCC), compiler("CXX", GXX)];
            cases.push(Case::of("Windows, CMake", || consumer.cmake(&windows, &system, run)));
            cases.push(Case::of("Windows, by hand", || consumer.mingw(&windows, &wine)));
        }
    }
    Ok(cases)
}

fn compiler(language: &str, program: &str) -> String {
    format!("-DCMAKE_{language}_COMPILER={program}")
}

/// Other folders, nothing there before: the same archives.
fn again(context: &Context, scratch: &Path, archives: &[PathBuf]) -> Result<()> {
    let builds = scratch.join("again");
    if builds.exists() {
        std::fs::remove_dir_all(&builds)?;
    }
    let second = dist::make(&context.setup, &scratch.join("second"), &builds)?;
    for (first, second) in archives.iter().zip(&second) {
        ensure!(std::fs::read(first)? == std::fs::read(second)?, "{} differs", second.display());
    }
    std::fs::remove_dir_all(&builds).context("the second builds")
}

/// The folder that an archive consists of.
fn unpack(archive: &Path, folder: &Path, name: &str) -> Result<PathBuf> {
    let mut command = if archive.extension().is_some_and(|extension| extension == "zip") {
        let mut python = Command::new("python3");
        python.args(["-m", "zipfile", "-e"]).arg(archive).arg(folder);
        python
    } else {
        let mut tar = Command::new("tar");
        tar.arg("-xzf").arg(archive).arg("-C").arg(folder);
        tar
    };
    process::must(&mut command, LIMIT)?;
    let unpacked = folder.join(name);
    ensure!(unpacked.is_dir(), "{name} is not in {}", archive.display());
    Ok(unpacked)
}

/// Of what is known to be in there.
fn licenses(packages: &[&Path]) -> Result<()> {
    for package in packages {
        let folder = package.join("share/doc/fastpar");
        let text = std::fs::read_to_string(folder.join("LICENSES-OF-PARTS"))?;
        for part in ["zstd-sys", "rayon-core", "crossbeam-deque", "once_cell", "Meta Platforms"] {
            ensure!(text.contains(part), "{}: nothing about {part}", package.display());
        }
        for file in ["LICENSE-MIT", "LICENSE-APACHE", "README.md", "CHANGELOG.md"] {
            ensure!(folder.join(file).is_file(), "{}: no {file}", package.display());
        }
    }
    Ok(())
}

fn no_paths(packages: &[&Path]) -> Result<()> {
    let root = repo::root().to_str().context("the repository's path is not UTF-8")?.as_bytes();
    for file in packages.iter().flat_map(|package| {
        ["lib/libfastpar.so.1", "lib/libfastpar.a", "bin/fastpar.dll"].map(|name| package.join(name))
    }) {
        let Ok(bytes) = std::fs::read(&file) else { continue };
        let found = bytes.windows(root.len()).any(|window| window == root);
        ensure!(!found, "{} has the path of the repository in it", file.display());
    }
    Ok(())
}

/// The versions of symbols that the library asks for.
fn glibc(library: &Path) -> Result<()> {
    let table = process::must(Command::new("readelf").args(["-W", "--version-info"]).arg(library), LIMIT)?;
    let versions = table.split("GLIBC_").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(rest.len());
        let mut numbers = rest[..end].split('.').map(|number| number.parse::<u32>().ok());
        Some([numbers.next()??, numbers.next()??])
    });
    let newest = versions.max().context("no versions of symbols")?;
    println!("  the Linux library needs glibc {}.{}", newest[0], newest[1]);
    ensure!(newest <= GLIBC, "it needs glibc {newest:?}");
    Ok(())
}

/// A user's program.
struct Consumer {
    sources: PathBuf,
    folder: PathBuf,
}

impl Consumer {
    /// An empty folder to build in.
    fn place(&self) -> Result<&Path> {
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder)?;
        }
        std::fs::create_dir(&self.folder)?;
        Ok(&self.folder)
    }

    /// `find_package`.
    fn cmake(&self, package: &Path, more: &[String], run: impl Fn(&Path) -> Result<Command>) -> Result<()> {
        let place = self.place()?;
        let mut configure = tool("cmake");
        configure.args(["-G", "Unix Makefiles", "-DCMAKE_BUILD_TYPE=Release"]).args(more);
        configure.arg(format!("-DCMAKE_PREFIX_PATH={}", package.display()));
        process::must(configure.arg("-S").arg(&self.sources).arg("-B").arg(place), LIMIT)?;
        process::must(tool("cmake").arg("--build").arg(place), LIMIT)?;
        ["consumer_c", "consumer_cpp", "consumer_static"]
            .iter()
            .try_for_each(|name| works(run(&place.join(name))?))
    }

    /// Shared and static.
    fn pkg_config(&self, package: &Path) -> Result<()> {
        let place = self.place()?;
        for (how, words) in [("shared", &[][..]), ("static", &["--static"][..])] {
            let mut query = tool("pkg-config");
            query.args(["--cflags", "--libs", "fastpar"]).args(words);
            let flags = process::must(query.env("PKG_CONFIG_PATH", package.join("lib/pkgconfig")), LIMIT)?;
            let built = place.join(how);
            let mut gcc = tool("gcc");
            gcc.arg(self.sources.join("consumer.c")).arg("-o").arg(&built);
            if how == "static" {
                gcc.arg("-static-pie");
            }
            process::must(gcc.args(flags.split_whitespace()), LIMIT)?;
            works(program(&built).env("LD_LIBRARY_PATH", package.join("lib")))?;
        }
        Ok(())
    }

    /// As the README has it.
    fn by_hand(&self, package: &Path) -> Result<()> {
        let built = self.place()?.join("by_hand");
        let lib = package.join("lib");
        let mut gxx = tool("g++");
        gxx.arg("-std=c++17").arg(self.sources.join("consumer.cpp")).arg("-I").arg(package.join("include"));
        gxx.arg("-L").arg(&lib).arg("-lfastpar").arg(format!("-Wl,-rpath,{}", lib.display()));
        process::must(gxx.arg("-o").arg(&built), LIMIT)?;
        works(&mut program(&built))
    }

    /// MinGW, with the DLL beside the program.
    fn mingw(&self, package: &Path, wine: &Wine) -> Result<()> {
        let place = self.place()?;
        std::fs::copy(package.join("bin/fastpar.dll"), place.join("fastpar.dll"))?;
        let built = place.join("by_hand.exe");
        let mut gcc = tool(GCC);
        gcc.arg(self.sources.join("consumer.c")).arg("-I").arg(package.join("include"));
        gcc.arg("-L").arg(package.join("lib")).arg("-lfastpar").arg("-o").arg(&built);
        process::must(&mut gcc, LIMIT)?;
        works(&mut wine.command(&built))
    }
}

/// A tool with nothing in its environment but where tools are.
fn tool(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

fn program(path: &Path) -> Command {
    let mut command = Command::new(path);
    command.env_clear();
    command
}

fn works(mut command: impl std::borrow::BorrowMut<Command>) -> Result<()> {
    let output = process::must(command.borrow_mut(), LIMIT)?;
    let [major, minor, patch] = repo::version()?;
    if !output.contains(&format!("fastpar {major}.{minor}.{patch} works")) {
        bail!("it prints {output:?}");
    }
    Ok(())
}
