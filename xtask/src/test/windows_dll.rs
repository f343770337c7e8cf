//! Suite "windows": what the DLL exports and needs, and the programs of `tests/c`, `tests/cpp` and
//! `tests/python` under Wine, the same that run on Linux.

use super::abi::WARNINGS;
use super::cpp::{self, each, stem, Precompiled, MORE_WARNINGS};
use super::wine::{self, Wine};
use super::{c, lines, windows_dotnet, windows_examples, windows_python, Case, Context};
use crate::windows::{Staged, GCC, GXX, SYSTEM_LIBRARIES};
use crate::{process, repo};
use anyhow::{Context as _, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const COMPILE_LIMIT: Duration = Duration::from_secs(180);
/// Of a program that hangs.
const RUN_LIMIT: Duration = Duration::from_secs(10 * 60);

/// All that the DLL may need: parts of Windows, nothing of MinGW's.
const LIBRARIES: [&str; 8] = [
    "api-ms-win-core-synch-l1-2-0.dll",
    "bcryptprimitives.dll",
    "kernel32.dll",
    "msvcrt.dll",
    "ntdll.dll",
    "userenv.dll",
    "ws2_32.dll",
    "advapi32.dll",
];

/// A way to build programs, all of them standing alone but for fastpar.
struct Build {
    name: &'static str,
    compiler: &'static str,
    flags: &'static [&'static str],
    library: Library,
}

enum Library {
    /// The import library of MinGW's.
    Import,
    /// That of MSVC's, which MinGW reads too.
    ImportMsvc,
    /// The static library.
    Archive,
}

const C: Build = Build { name: "C", compiler: GCC, flags: &["-std=c99", "-O2"], library: Library::Import };
const CPP: Build =
    Build { name: "C++", compiler: GXX, flags: &["-std=c++17", "-O1"], library: Library::Import };

/// For one program each: they link in other ways, the rest is the same.
const OTHERS: [Build; 2] = [
    Build { name: "fastpar.lib", compiler: GCC, flags: &["-std=c11", "-O1"], library: Library::ImportMsvc },
    Build {
        name: "static",
        compiler: GCC,
        flags: &["-std=c11", "-O1", "-DFASTPAR_STATIC"],
        library: Library::Archive,
    },
];

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let declared: BTreeSet<_> = context.header()?.functions().map(|(item, _)| item.name.clone()).collect();
    let c_programs = c::portable_programs(context)?;
    let wine = Wine::get(&context.setup)?;
    let no_clang = context.setup.install_if_missing(&[windows_examples::CLANG]);
    let staged = match context.windows()? {
        Ok(staged) => staged,
        Err(reason) => return Ok(vec![Case::skipped("fastpar.dll", reason)]),
    };
    let mut cases = vec![Case::checked("no warnings", staged.warnings.clone())];
    cases.extend(image(staged, &declared)?);
    let wine = match wine {
        Ok(wine) => wine,
        Err(reason) => {
            cases.push(Case::skipped("programs", reason));
            return Ok(cases);
        }
    };
    let folder = repo::scratch("windows")?.join("programs");
    std::fs::create_dir_all(&folder)?;
    std::fs::copy(staged.dll(), folder.join("fastpar.dll"))?;
    let precompiled = cpp::precompile(compiler(staged, &CPP), &folder.join("precompiled"))?;
    let bench = Bench { staged, wine: &wine, folder, precompiled };
    cases.extend(bench.all(&C, &c_programs)?);
    cases.extend(bench.all(&CPP, &cpp::programs()?)?);
    let loops = [repo::root().join("tests/c/loops.c")];
    for build in &OTHERS {
        cases.extend(bench.all(build, &loops)?);
    }
    let of_windows =
        ["files.c", "threads.c", "waits.c"].map(|name| repo::root().join("tests/windows").join(name));
    cases.extend(bench.all(&C, &of_windows)?);
    cases.extend(bench.dll_main()?);
    cases.extend(windows_examples::run(no_clang, &wine, staged, &bench.folder)?);
    let dll = bench.folder.join("fastpar.dll");
    cases.extend(windows_python::run(&context.setup, &wine, &dll)?);
    cases.extend(windows_dotnet::run(&wine, &dll)?);
    Ok(cases)
}

/// Where programs are built and run, beside the DLL: there Windows looks first.
struct Bench<'a> {
    staged: &'a Staged,
    wine: &'a Wine,
    folder: PathBuf,
    /// For the programs in C++.
    precompiled: Precompiled,
}

impl Bench<'_> {
    /// Builds and runs programs.
    fn all(&self, build: &Build, sources: &[PathBuf]) -> Result<Vec<Case>> {
        let built = each(sources, |source| self.compile(build, source));
        let mut cases = Vec::new();
        for (source, built) in sources.iter().zip(built) {
            let name = format!("{}, {}", build.name, stem(source));
            match built {
                Ok(program) => {
                    let mut command = self.wine.command(&program);
                    command.current_dir(&self.folder); // some write files
                    command.env("FASTPAR_LIBRARY", wine::path(&self.folder.join("fastpar.dll")));
                    cases.extend(lines::program(&name, &process::run(&mut command, RUN_LIMIT)?));
                }
                Err(error) => cases.push(Case::failed(name, format!("{error:#}"))),
            }
        }
        Ok(cases)
    }

    /// Builds the library whose DllMain uses fastpar, and runs the program that loads it.
    fn dll_main(&self) -> Result<Vec<Case>> {
        let sources = repo::root().join("tests/windows");
        let mut library = Command::new(C.compiler);
        library.args(C.flags).args(WARNINGS).arg("-I").arg(repo::root().join("tests/c"));
        library
            .arg("-I")
            .arg(&self.staged.include)
            .arg(sources.join("dllmain.c"))
            .args(["-shared", "-static"]);
        library.arg("-o").arg(self.folder.join("dllmain.dll")).arg(self.staged.import_library());
        process::must(&mut library, COMPILE_LIMIT)?;
        self.all(&C, &[sources.join("dllmain_host.c")])
    }

    fn compile(&self, build: &Build, source: &Path) -> Result<PathBuf> {
        let program = self.folder.join(format!("{}-{}.exe", stem(source), build.name.replace('+', "p")));
        let mut command = compiler(self.staged, build);
        if build.compiler == GXX {
            self.precompiled.use_for(source, &mut command);
        }
        command.arg(source).arg("-o").arg(&program).arg("-static");
        match build.library {
            Library::Import => command.arg(self.staged.import_library()),
            Library::ImportMsvc => command.arg(self.staged.lib.join("fastpar.lib")),
            Library::Archive => command.arg(self.staged.archive()).args(SYSTEM_LIBRARIES),
        };
        process::must(&mut command, COMPILE_LIMIT)?;
        Ok(program)
    }
}

fn compiler(staged: &Staged, build: &Build) -> Command {
    let mut command = Command::new(build.compiler);
    command.args(build.flags).args(WARNINGS).arg("-I").arg(repo::root().join("tests/c"));
    if build.compiler == GXX {
        command.args(MORE_WARNINGS);
    }
    command.arg("-I").arg(&staged.include);
    command
}

/// The DLL as the loader sees it.
fn image(staged: &Staged, declared: &BTreeSet<String>) -> Result<Vec<Case>> {
    let mut objdump = Command::new("x86_64-w64-mingw32-objdump");
    let headers = process::must(objdump.arg("-p").arg(staged.dll()), COMPILE_LIMIT)?;
    let exported: BTreeSet<_> = exports(&headers).collect();
    let differences = exported.symmetric_difference(declared);
    let differences = differences.map(|name| format!("{name}: exported or declared, not both")).collect();
    let needed = headers.lines().filter_map(|line| line.trim().strip_prefix("DLL Name: "));
    let foreign = needed.filter(|name| !LIBRARIES.contains(&name.to_lowercase().as_str()));
    let characteristics = headers.lines().find_map(|line| line.strip_prefix("DllCharacteristics"));
    let characteristics = u32::from_str_radix(characteristics.context("no DllCharacteristics")?.trim(), 16)?;
    // Addresses at random, of 64 bits; data that is no code.
    const WANTED: u32 = 0x20 | 0x40 | 0x100;
    let protection = if characteristics & WANTED == WANTED {
        Vec::new()
    } else {
        vec![format!("DllCharacteristics are {characteristics:#x}")]
    };
    let [major, minor, patch] = repo::version()?;
    let version = format!("{major}.{minor}.{patch}");
    let told: Vec<_> = std::fs::read(staged.dll())?;
    let is_told = |text: &str| {
        let wide: Vec<u8> = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        told.windows(wide.len()).any(|place| place == wide)
    };
    let missing = ["VS_VERSION_INFO", "FileDescription", "ProductVersion", "fastpar.dll", &version];
    let missing = missing.into_iter().filter(|text| !is_told(text)).map(|text| format!("{text} is not told"));
    Ok(vec![
        Case::checked("version resource", missing.collect()),
        Case::checked("exports are the header's functions", differences),
        Case::checked("needs Windows only", foreign.map(|name| format!("needs {name}")).collect()),
        Case::checked("protection", protection),
    ])
}

/// The names of the table that objdump prints.
fn exports(headers: &str) -> impl Iterator<Item = String> + '_ {
    let table = headers.lines().skip_while(|line| !line.starts_with("[Ordinal/Name Pointer] Table")).skip(1);
    let rows = table.take_while(|line| line.trim_start().starts_with('['));
    rows.filter_map(|line| Some(line.split_once(']')?.1.split_whitespace().last()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_exports() {
        let headers = "x\n[Ordinal/Name Pointer] Table\n\t[   0] a_b\n\t[   1] c\n\nThe Function Table\n";
        assert_eq!(exports(headers).collect::<Vec<_>>(), ["a_b", "c"]);
    }
}
