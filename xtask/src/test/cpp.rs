//! Suite "cpp": the headers of C++ alone, the programs of `tests/cpp` in every dialect, and the example.

use super::abi::WARNINGS;
use super::{lines, Case, Context};
use crate::stage::Staged;
use crate::{process, repo, setup};
use anyhow::{ensure, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::time::Duration;

const COMPILE_LIMIT: Duration = Duration::from_secs(180);
/// Of a program that hangs.
const RUN_LIMIT: Duration = Duration::from_secs(10 * 60);

/// On top of [`WARNINGS`].
pub(super) const MORE_WARNINGS: [&str; 8] = [
    "-Wconversion",
    "-Wsign-conversion",
    "-Wold-style-cast",
    "-Wnon-virtual-dtor",
    "-Woverloaded-virtual",
    "-Wcast-qual",
    "-Wcast-align",
    "-Wextra-semi",
];

/// A way to build the programs.
struct Build {
    name: &'static str,
    compiler: &'static str,
    flags: &'static [&'static str],
    /// Whether the programs run, or are only checked.
    runs: bool,
    /// Whether each header alone is checked.
    headers: bool,
}

/// Each compiler runs the programs, the oldest standard and one in which more is there; optimized they run in
/// the suite "windows", with gcc for C++17 too. What a later standard adds is checked. Each header alone is
/// checked by the oldest standard and by the newest, where what the headers include differs most.
const BUILDS: [Build; 5] = [
    Build { name: "clang, C++17", compiler: "clang++", flags: &["-std=c++17"], runs: true, headers: true },
    Build {
        name: "sanitized",
        compiler: "g++",
        flags: &["-std=c++20", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
        runs: true,
        headers: false,
    },
    Build { name: "gcc, C++17", compiler: "g++", flags: &["-std=c++17"], runs: false, headers: false },
    Build { name: "gcc, C++23", compiler: "g++", flags: &["-std=c++23"], runs: false, headers: true },
    Build { name: "clang, C++23", compiler: "clang++", flags: &["-std=c++2b"], runs: false, headers: false },
];

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let folder = repo::scratch("cpp")?;
    let headers = headers(&folder)?;
    let programs = programs()?;
    let mut cases = Vec::new();
    let staged = context.staged()?;
    let precompiled = each(&BUILDS, |build| {
        precompile(compiler(staged, build), &folder.join(format!("precompiled-{}", file_name(build))))
    });
    for (build, precompiled) in BUILDS.iter().zip(precompiled) {
        if let Some(reason) = context.setup.missing(&[build.compiler]) {
            cases.push(Case::skipped(build.name, reason));
            continue;
        }
        let staged = context.staged()?;
        let precompiled = match precompiled {
            Ok(precompiled) => precompiled,
            Err(error) => {
                cases.push(Case::failed(build.name, format!("{error:#}")));
                continue;
            }
        };
        let mut checked = Vec::new();
        if build.headers {
            checked.extend(&headers);
        }
        if !build.runs {
            checked.extend(&programs);
        }
        cases.extend(each(&checked, |source| {
            let mut command = compiler(staged, build);
            precompiled.use_for(source, &mut command);
            command.arg("-fsyntax-only").arg(source);
            Case::of(format!("{}, {}", build.name, stem(source)), || {
                process::must(&mut command, COMPILE_LIMIT).map(drop)
            })
        }));
        if build.runs {
            cases.extend(build_and_run(staged, build, &precompiled, &programs, &folder)?);
        }
    }
    for compiler in ["g++", "clang++"] {
        match context.setup.missing(&[compiler, "zstd"]) {
            Some(reason) => cases.push(Case::skipped(format!("words, {compiler}"), reason)),
            None => cases.push(example(context.staged()?, compiler, &folder)),
        }
    }
    if context.setup.missing(&["g++"]).is_none() {
        cases.push(units(context.staged()?, &folder));
        cases.push(overhead(context.staged()?, &folder));
        cases.push(refused(context.staged()?, &folder));
    }
    Ok(cases)
}

/// The programs of `tests/cpp`.
pub(super) fn programs() -> Result<Vec<PathBuf>> {
    repo::files("tests/cpp", "cpp")
}

pub(super) fn stem(source: &Path) -> String {
    source.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// A program for every header: it alone, and once more.
fn headers(folder: &Path) -> Result<Vec<PathBuf>> {
    let include = repo::root().join("include");
    let mut programs = Vec::new();
    for entry in std::fs::read_dir(include.join("fastpar"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let program = folder.join(format!("alone_{}.cpp", stem(Path::new(&name))));
        let line = format!("#include <fastpar/{name}>\n");
        std::fs::write(&program, format!("{line}{line}\nint main() {{ return 0; }}\n"))?;
        programs.push(program);
    }
    programs.sort();
    Ok(programs)
}

fn compiler(staged: &Staged, build: &Build) -> Command {
    let mut command = Command::new(build.compiler);
    command.args(build.flags).args(WARNINGS).args(MORE_WARNINGS).arg("-pthread");
    command.arg("-I").arg(&staged.include);
    command
}

/// `tests/cpp/check.hpp`, and so `fastpar.hpp`, compiled once for all programs of a build: reading them takes
/// most compilers longer than the program itself.
pub(super) struct Precompiled(PathBuf);

/// By this command, in a folder of its own.
pub(super) fn precompile(mut command: Command, folder: &Path) -> Result<Precompiled> {
    std::fs::create_dir_all(folder)?;
    let header = folder.join("check.hpp");
    command.args(["-x", "c++-header"]).arg(repo::root().join("tests/cpp/check.hpp"));
    process::must(command.arg("-o").arg(header.with_extension("hpp.gch")), COMPILE_LIMIT)?;
    Ok(Precompiled(header))
}

impl Precompiled {
    /// Only for a program that begins with the header: another may define macros for it. Compilers find the
    /// file by the name of the header. A file that does not fit is an error.
    pub(super) fn use_for(&self, source: &Path, command: &mut Command) {
        let text = std::fs::read_to_string(source).unwrap_or_default();
        let first = text.lines().find(|line| line.starts_with('#'));
        if first == Some("#include \"check.hpp\"") {
            command.arg("-Winvalid-pch").arg("-include").arg(&self.0);
        }
    }
}

/// The name of a build in names of files.
fn file_name(build: &Build) -> String {
    build.name.replace([',', ' '], "")
}

/// Does something for every item, on all CPUs: compilers take their time.
pub(super) fn each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let part = &process::work();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                process::take_part(part.clone());
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    let result = work(item);
                    results.lock().expect("no panic above").push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("no panic above");
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

fn build_and_run(
    staged: &Staged,
    build: &Build,
    precompiled: &Precompiled,
    programs: &[PathBuf],
    folder: &Path,
) -> Result<Vec<Case>> {
    let place = |source: &Path| folder.join(format!("{}-{}", stem(source), file_name(build)));
    let compiled = each(programs, |source| {
        let mut command = compiler(staged, build);
        precompiled.use_for(source, &mut command);
        command.arg(source).args(staged.link_arguments()).arg("-o").arg(place(source));
        process::must(&mut command, COMPILE_LIMIT).map(drop)
    });
    let mut cases = Vec::new();
    for (source, compiled) in programs.iter().zip(compiled) {
        let name = format!("{}, {}", build.name, stem(source));
        match compiled {
            Ok(()) => {
                let mut command = Command::new(place(source));
                let finished = process::run(command.env_remove("FASTPAR_THREADS"), RUN_LIMIT)?;
                cases.extend(lines::program(&name, &finished));
            }
            Err(error) => cases.push(Case::failed(name, format!("{error:#}"))),
        }
    }
    Ok(cases)
}

/// The compiler says in words what is wrong with a program.
fn refused(staged: &Staged, folder: &Path) -> Case {
    Case::of("work of a pipeline that returns nothing", || {
        const WRONG: &str =
            "#include <fastpar.hpp>\nint main() {\n  fastpar::pipeline([]() -> std::optional<int> \
                             { return std::nullopt; }, [](int &) {}, [](int) {});\n}\n";
        let source = folder.join("refused.cpp");
        std::fs::write(&source, WRONG)?;
        let mut command = Command::new("g++");
        command.args(["-std=c++17", "-fsyntax-only", "-I"]).arg(&staged.include).arg(source);
        let finished = process::run(&mut command, COMPILE_LIMIT)?;
        let told = finished.output.contains("the work on an item returns a value");
        ensure!(!finished.success() && told, "{}", finished.describe());
        Ok(())
    })
}

/// Two translation units of different standards, linked together.
fn units(staged: &Staged, folder: &Path) -> Case {
    Case::of("units of C++17 and C++20", || {
        let source = repo::root().join("tests/cpp/units");
        let program = folder.join("units");
        let mut objects = Vec::new();
        for (file, standard) in [("main.cpp", "-std=c++17"), ("other.cpp", "-std=c++20")] {
            let object = folder.join(format!("{file}.o"));
            let mut command = Command::new("g++");
            command.args([standard, "-O1"]).args(WARNINGS).args(MORE_WARNINGS).arg("-I").arg(&staged.include);
            process::must(command.arg("-c").arg(source.join(file)).arg("-o").arg(&object), COMPILE_LIMIT)?;
            objects.push(object);
        }
        let mut link = Command::new("g++");
        link.args(objects).args(staged.link_arguments()).arg("-pthread").arg("-o").arg(&program);
        process::must(&mut link, COMPILE_LIMIT)?;
        process::must(Command::new(program).env_remove("FASTPAR_THREADS"), RUN_LIMIT).map(drop)
    })
}

/// The example, on this repository's largest header and on files that are no text.
fn example(staged: &Staged, compiler: &str, folder: &Path) -> Case {
    Case::of(format!("words, {compiler}"), || {
        let program = folder.join(format!("words-{compiler}"));
        let mut command = Command::new(compiler);
        command.args(["-std=c++17", "-O2"]).args(WARNINGS).args(MORE_WARNINGS);
        command.arg(repo::root().join("examples/cpp/words.cpp")).args(staged.link_arguments());
        process::must(command.arg("-o").arg(&program), COMPILE_LIMIT)?;

        let (text, packed, restored) =
            (repo::root().join("include/fastpar.h"), folder.join("words.zst"), folder.join("words.txt"));
        let output = process::must(Command::new(&program).arg(&text).arg(&packed), RUN_LIMIT)?;
        let words = std::fs::read_to_string(&text)?.to_lowercase();
        let the = words.split(|c: char| !c.is_ascii_lowercase()).filter(|word| *word == "the").count();
        ensure!(output.contains(&format!("{the} the\n")), "\"the\" is there {the} times\n{output}");
        process::must(Command::new("zstd").arg("-dqf").arg(&packed).arg("-o").arg(&restored), RUN_LIMIT)?;
        ensure!(std::fs::read(&restored)? == std::fs::read(&text)?, "zstd -d gives other bytes");

        let empty = folder.join("words-empty");
        std::fs::write(&empty, "")?;
        process::must(Command::new(&program).arg(&empty), RUN_LIMIT)?;
        let long = folder.join("words-long");
        std::fs::write(&long, "x".repeat(100_000))?;
        for (input, complaint) in [(long, "not a text"), (folder.join("missing"), "No such file")] {
            let finished = process::run(Command::new(&program).arg(input), RUN_LIMIT)?;
            ensure!(!finished.success() && finished.output.contains(complaint), "{}", finished.describe());
        }
        Ok(())
    })
}

/// The program that measures the cost of the wrapper compiles and runs; its numbers need a quiet machine.
fn overhead(staged: &Staged, folder: &Path) -> Case {
    Case::of("benchmark", || {
        let program = folder.join("benchmark");
        let mut command = Command::new("g++");
        command.args(["-std=c++20", "-O2"]).args(WARNINGS).args(MORE_WARNINGS);
        if !Path::new("/usr/include/tbb/tbb.h").exists() {
            setup::install(&["libtbb-dev"]); // what std::execution::par needs
        }
        let source = repo::root().join("benches/bindings/native.cpp");
        command.arg(&source).args(staged.link_arguments()).arg("-ltbb");
        process::must(command.arg("-o").arg(&program), COMPILE_LIMIT)?;
        process::must(Command::new(&program).arg(source).arg("3"), RUN_LIMIT).map(drop)
    })
}
