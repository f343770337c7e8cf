//! Suite "dist": the packages are the same whenever they are made, and programs find what is in them the way
//! their builds do. The consumers are built in folders of their own, with nothing of this repository on any
//! path.

use super::installed_python::{self, Python};
use super::wine::Wine;
use super::{ahead, installed_msvc, installed_symbols, nuget_package, ports, readme, Case, Context};
use crate::dist::Made;
use crate::dotnet::Sdk;
use crate::stage;
use crate::targets::{GLIBC, LINUX, MUSL};
use crate::windows::{pdb, GCC, GXX};
use crate::{dist, process, repo};
use anyhow::{bail, ensure, Context as _, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(180);

/// All that the Linux library may need: parts of glibc, as it was before they became one.
const GLIBC_LIBRARIES: [&str; 5] =
    ["libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "ld-linux-x86-64.so.2"];

/// Programs that the guide's commands run here; the program for Windows is built only.
const GUIDE_PROGRAMS: usize = 5;

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let needed = ["cmake", "make", "pkg-config", "python3", "pip3", "clang", GCC, GXX];
    if let Some(reason) = context.setup.install_if_missing(&needed) {
        return Ok(vec![Case::skipped("packages", reason)]);
    }
    let scratch = repo::scratch("dist")?;
    let staged = context.staged()?.shared();
    println!("  making the packages");
    let made = dist::make(&context.setup, &scratch.join("first"), &scratch, &[])?;
    let mut cases = vec![
        Case::of("sums", || {
            let mut check = Command::new("sha256sum");
            process::must(check.args(["-c", "SHA256SUMS"]).current_dir(scratch.join("first")), LIMIT)
                .map(drop)
        }),
        Case::of("crate", || crate_files(&made.source)),
    ];
    cases.extend(ports::run(context.staged()?));
    let folder = tempfile::tempdir()?;
    let place = folder.path();
    let linux = unpack(&made.linux.archive, place, &dist::name(LINUX.name)?)?;
    let windows = unpack(&made.windows, place, &dist::name(dist::WINDOWS)?)?;
    let symbols = unpack(&made.windows_symbols, place, &dist::name(dist::WINDOWS_SYMBOLS)?)?;
    cases.push(Case::of("Windows, symbols", || {
        installed_symbols::check(&windows.join("bin/fastpar.dll"), &symbols)
    }));
    cases.push(Case::of("licences of the parts", || licenses([&linux, &windows])));
    cases.push(Case::of("no path of this machine", || no_paths(&[&linux, &windows])));
    cases.push(Case::of("the Linux library", || linux_library(&linux.join("lib/libfastpar.so.1"))));
    cases.push(Case::of("Linux, platform of the wheel", || {
        installed_python::audit(&made.linux.wheel, &LINUX.wheel())
    }));
    cases.push(Case::of("Linux, wheel from the sources", installed_python::from_sources));
    let sources = place.join("app");
    stage::replace_all(&repo::root().join("tests/install"), &sources)?;
    let consumer = Consumer { sources, folder: place.join("build") };
    cases.push(Case::of("Linux, CMake", || consumer.cmake(&linux, &[], |p| Ok(program(p)))));
    cases.push(Case::of("Linux, pkg-config", || consumer.pkg_config(&linux)));
    cases.push(Case::of("Linux, by hand", || consumer.by_hand(&linux)));
    cases.push(Case::of("Linux, fpz", || {
        runs_on_old_systems(&linux.join("bin/fpz"))?;
        fpz(|| program(&linux.join("bin/fpz")))
    }));
    cases.push(Case::of("Linux, the library of the other suites", || {
        let same = std::fs::read(&staged)? == std::fs::read(linux.join("lib/libfastpar.so.1"))?;
        ensure!(same, "the package has another library than {}", staged.display());
        Ok(())
    }));
    cases.push(Case::of("NuGet package", || nuget(&made)));
    cases.push(match (Python::get(&place.join("python"))?, Sdk::get()?) {
        (Ok(python), Ok(sdk)) => Case::of("commands of the guide", || {
            let _ = std::fs::remove_dir_all(&consumer.folder);
            commands(place, &made, &python, &sdk)
        }),
        (Err(reason), _) | (_, Err(reason)) => Case::skipped("commands of the guide", reason),
    });
    match Wine::get(&context.setup)? {
        Err(reason) => cases.push(Case::skipped("Windows", reason)),
        Ok(wine) => {
            let run = |path: &Path| Ok(wine.command(&path.with_extension("exe")));
            let system = ["-DCMAKE_SYSTEM_NAME=Windows".to_owned(), compiler("C", GCC), compiler("CXX", GXX)];
            cases.push(Case::of("Windows, CMake", || consumer.cmake(&windows, &system, run)));
            cases.push(Case::of("Windows, by hand", || consumer.mingw(&windows, &wine)));
            cases.push(match made.left_out.iter().find(|what| what.starts_with(pdb::FILE)) {
                Some(reason) => Case::skipped("Windows, .pdb", reason.clone()),
                None => Case::of("Windows, .pdb", || {
                    installed_symbols::check_pdb(&windows.join("bin/fastpar.dll"), &symbols, &wine)
                }),
            });
            cases.push(Case::of("Windows, fpz", || {
                let tool = windows.join("bin/fpz.exe");
                let bytes = std::fs::read(&tool)?;
                for text in ["fpz.exe", "FileVersion", "Parallel zstd on the command line"] {
                    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
                    let found = bytes.windows(wide.len()).any(|part| part == wide);
                    ensure!(found, "the version resource does not tell {text:?}");
                }
                fpz(|| wine.command(&tool))
            }));
            cases.push(Case::of("Windows, by the tools of MSVC", || {
                let source = consumer.sources.join("msvc.c");
                installed_msvc::program(&windows, &source, &place.join("msvc"), &wine)
            }));
            cases.extend(installed_python::windows(context, &wine, &made.wheel_windows, place)?);
        }
    }
    // Last: the builds for these may still be under way.
    cases.push(Case::of("cargo package", || context.build(ahead::CRATE)));
    println!("  making the packages again, from nothing");
    cases.push(Case::of("the same bytes again", || again(context, &scratch, &made)));
    Ok(cases)
}

/// What the guide says about installing, in a folder with the packages and the consumers.
fn commands(place: &Path, made: &Made, python: &Python, sdk: &Sdk) -> Result<()> {
    for file in made.files() {
        std::fs::copy(file, place.join(file.file_name().unwrap_or_default()))?;
    }
    let mut shell = tool("sh");
    sdk.prepare(&mut shell);
    // Else a package of this version that was made before would be taken.
    shell.env("NUGET_PACKAGES", place.join("nuget"));
    python.prepare(&mut shell)?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = [python.bin(), sdk.folder()].map(Path::to_path_buf).into_iter();
    shell.env("PATH", std::env::join_paths(folders.chain(std::env::split_paths(&path)))?);
    let output = process::must(shell.args(["-e", "-c", &readme::installing()?]).current_dir(place), LIMIT)?;
    let programs = output.lines().filter(|line| line.starts_with("fastpar ") && line.ends_with(" works"));
    let count = programs.count();
    ensure!(count == GUIDE_PROGRAMS, "{count} of {GUIDE_PROGRAMS} programs work:\n{output}");
    python.loaded(place)
}

/// All builds with their documentation, and the libraries where .NET looks for them.
pub(super) fn nuget(made: &Made) -> Result<()> {
    let mut expected = nuget_package::files();
    let targets = made.others.iter().chain([&made.linux]).map(|package| package.target);
    let natives: Vec<_> = targets.map(|target| (target.runtime, target.built())).collect();
    if natives.iter().all(|(runtime, _)| *runtime != MUSL.runtime) {
        expected.push(nuget_package::NOT_FOR_MUSL.into());
    }
    for (runtime, library) in natives.into_iter().chain([("win-x64", "fastpar.dll")]) {
        expected.push(format!("runtimes/{runtime}/native/{library}"));
        expected.push(format!("licenses/{runtime}/LICENSES-OF-PARTS"));
    }
    nuget_package::check(&made.nuget, &expected)
}

/// What the library is made of, and nothing else.
fn crate_files(archive: &Path) -> Result<()> {
    let list = process::must(Command::new("tar").arg("-tzf").arg(archive), LIMIT)?;
    let files: Vec<_> = list.lines().filter_map(|line| line.split_once('/')).map(|(_, file)| file).collect();
    for file in
        ["Cargo.toml", "Cargo.lock", "build.rs", "src/lib.rs", "include/fastpar.h", "include/fastpar.hpp"]
    {
        ensure!(files.contains(&file), "{file} is not in\n{list}");
    }
    for file in ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"] {
        ensure!(files.contains(&file), "{file} is not in\n{list}");
    }
    let folders = ["tests/", "xtask/", "benches/", "bindings/", "examples/", "target/", "."];
    let foreign = files.iter().find(|file| {
        folders.iter().any(|folder| file.starts_with(folder)) && **file != ".cargo_vcs_info.json"
    });
    ensure!(foreign.is_none(), "{foreign:?} is in the crate");
    Ok(())
}

fn compiler(language: &str, program: &str) -> String {
    format!("-DCMAKE_{language}_COMPILER={program}")
}

/// Other folders, nothing there before: the same archives.
fn again(context: &mut Context, scratch: &Path, made: &Made) -> Result<()> {
    context.build(ahead::PACKAGED_AGAIN)?;
    context.build(ahead::WINDOWS_AGAIN)?;
    let builds = ahead::again()?;
    let second = dist::make(&context.setup, &scratch.join("second"), &builds, &[])?;
    for (first, second) in made.files().iter().zip(second.files()) {
        ensure!(std::fs::read(first)? == std::fs::read(second)?, "{} differs", second.display());
    }
    std::fs::remove_dir_all(&builds).context("the second builds")
}

/// The folder that an archive consists of.
pub(super) fn unpack(archive: &Path, folder: &Path, name: &str) -> Result<PathBuf> {
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

/// The licences of parts that are known to be inside.
fn licenses(packages: [&Path; 2]) -> Result<()> {
    const ALL: [&str; 5] = ["zstd-sys", "rayon-core", "crossbeam-channel", "once_cell", "Meta Platforms"];
    for (package, linker) in packages.iter().zip(["libunwind", "mingw-w64"]) {
        let folder = package.join("share/doc/fastpar");
        let text = std::fs::read_to_string(folder.join("LICENSES-OF-PARTS"))?;
        for part in ALL.iter().chain([&linker]) {
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
        ["lib/libfastpar.so.1", "lib/libfastpar.a", "bin/fastpar.dll", "bin/fpz", "bin/fpz.exe"]
            .map(|name| package.join(name))
    }) {
        let Ok(bytes) = std::fs::read(&file) else { continue };
        let found = bytes.windows(root.len()).any(|window| window == root);
        ensure!(!found, "{} has the path of the repository in it", file.display());
    }
    Ok(())
}

/// The tool of a package, which finds its library, does its work.
fn fpz(tool: impl Fn() -> Command) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let text = repo::read("include/fastpar.h")?;
    std::fs::write(folder.path().join("text"), &text)?;
    let run = |arguments: &[&str]| process::must(tool().args(arguments).current_dir(folder.path()), LIMIT);
    run(&["-q", "text"])?;
    let packed = std::fs::read(folder.path().join("text.zst"))?;
    ensure!(packed.len() < text.len() / 2, "{} bytes became {}", text.len(), packed.len());
    run(&["-q", "-d", "text.zst", "-o", "back"])?;
    ensure!(std::fs::read_to_string(folder.path().join("back"))? == text, "other bytes");
    let [major, minor, patch] = repo::version()?;
    let told = run(&["--version"])?;
    ensure!(told.contains(&format!("fastpar {major}.{minor}.{patch}")), "{told}");
    Ok(())
}

/// The library runs with old C libraries, and uses the loader's protections.
fn linux_library(library: &Path) -> Result<()> {
    let readelf = |what: &str| process::must(Command::new("readelf").args(["-W", what]).arg(library), LIMIT);
    runs_on_old_systems(library)?;
    let (headers, dynamic) = (readelf("--program-headers")?, readelf("--dynamic")?);
    let stack = headers.lines().find(|line| line.contains("GNU_STACK")).context("no GNU_STACK")?;
    ensure!(stack.contains(" RW ") && !stack.contains("RWE"), "the stack is executable: {stack}");
    ensure!(headers.contains("GNU_RELRO"), "no GNU_RELRO in\n{headers}");
    for flag in ["BIND_NOW", "NODELETE", "[libfastpar.so.1]"] {
        ensure!(dynamic.contains(flag), "no {flag} in\n{dynamic}");
    }
    for needed in dynamic.lines().filter(|line| line.contains("(NEEDED)")) {
        ensure!(GLIBC_LIBRARIES.iter().any(|name| needed.contains(&format!("[{name}]"))), "{needed}");
    }
    ensure!(!dynamic.contains("PATH)"), "it has a path to libraries in it:\n{dynamic}");
    Ok(())
}

/// A library or a program asks for no newer glibc than is promised.
fn runs_on_old_systems(file: &Path) -> Result<()> {
    let symbols = process::must(Command::new("readelf").args(["-W", "--dyn-syms"]).arg(file), LIMIT)?;
    let mut newest = [0, 0];
    for line in symbols.lines().filter(|line| line.contains(" UND ")) {
        match line.split_once("@GLIBC_").and_then(|(_, rest)| version(rest)) {
            Some(needed) => newest = newest.max(needed),
            None => {
                let known = [" WEAK ", " LOCAL ", " fastpar_"].iter().any(|word| line.contains(word));
                ensure!(known, "of no version: {line}");
            }
        }
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    println!("  {name} needs glibc {}.{}", newest[0], newest[1]);
    ensure!(newest != [0, 0] && newest <= GLIBC, "it needs glibc {newest:?}");
    Ok(())
}

/// "2.28" of "2.28 (5)".
fn version(text: &str) -> Option<[u32; 2]> {
    let end = text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len());
    let mut numbers = text[..end].split('.').map(|number| number.parse::<u32>().ok());
    Some([numbers.next()??, numbers.next()??])
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

    /// As the guide has it.
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

/// Every consumer says so.
pub(super) fn works(mut command: impl std::borrow::BorrowMut<Command>) -> Result<()> {
    let output = process::must(command.borrow_mut(), LIMIT)?;
    let [major, minor, patch] = repo::version()?;
    if !output.contains(&format!("fastpar {major}.{minor}.{patch} works")) {
        bail!("it prints {output:?}");
    }
    Ok(())
}
