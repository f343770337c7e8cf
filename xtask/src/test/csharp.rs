//! Suite "csharp": every build of the C# binding on .NET and on Mono; the example.

use super::{lines, Case, Context};
use crate::dotnet::{Sdk, FRAMEWORK, LIBRARIES};
use crate::stage::{self, Staged};
use crate::{demo, process, repo};
use anyhow::{ensure, Context as _, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Of a program that hangs.
const LIMIT: Duration = Duration::from_secs(20 * 60);

const TESTS: &str = "tests/csharp/Fastpar.Tests.csproj";
const FIRST_LINES: &str = "tests/csharp/firstlines/FirstLines.csproj";
const EXAMPLE: &str = "examples/csharp/lines/Lines.csproj";
const BENCH: &str = "benches/bindings/csharp/Bench.csproj";

/// The builds that Mono runs: that for Mono itself and Unity, and that for .NET Framework.
const STANDARD: [&str; 2] = ["netstandard2.1", "netstandard2.0"];

/// The tools and the library that the tests are built with.
struct Bench<'a> {
    sdk: Sdk,
    staged: &'a Staged,
    /// Where variants are built, each in a folder of its own.
    folder: PathBuf,
}

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let sdk = match Sdk::get()? {
        Ok(sdk) => sdk,
        Err(reason) => return Ok(vec![Case::skipped(".NET", reason)]),
    };
    let no_zstd = context.setup.missing(&["zstd"]);
    let no_mono = context.setup.install_if_missing(&["mono"]);
    let bench = Bench { sdk, staged: context.staged()?, folder: repo::scratch("csharp")? };
    let mut cases = Vec::new();
    // No program of .NET Core 3 or later takes the build for .NET Framework: Mono runs that.
    for library in LIBRARIES.into_iter().filter(|library| *library != "netstandard2.0") {
        cases.extend(bench.tests(library)?);
    }
    cases.extend(bench.small_heap()?);
    cases.extend(bench.first_lines()?);
    cases.push(Case::of("a library that is not there", || bench.missing_library()));
    cases.extend(
        ["return", "exit", "body", "handler"]
            .map(|how| Case::of(format!("leaving while loops are under way: {how}"), || bench.leaving(how))),
    );
    cases.push(Case::of("benchmark builds", || {
        bench.sdk.build("build", BENCH, &bench.artifacts(FRAMEWORK), &[])
    }));
    cases.push(match no_zstd {
        Some(reason) => Case::skipped("example", reason),
        None => Case::of("example", || bench.example()),
    });
    match no_mono {
        Some(reason) => cases.push(Case::skipped("Mono", reason)),
        None => {
            for library in STANDARD {
                cases.extend(bench.mono(library)?);
            }
        }
    }
    Ok(cases)
}

/// Builds the tests against a build of the library; the assembly that `dotnet` runs.
pub(super) fn build_tests(sdk: &Sdk, library: &str) -> Result<PathBuf> {
    let artifacts = repo::scratch("csharp")?.join(library);
    sdk.build("build", TESTS, &artifacts, &[&format!("-p:FastparLibrary={library}")])?;
    Ok(artifacts.join("bin/Fastpar.Tests/Release").join(FRAMEWORK).join("Fastpar.Tests.dll"))
}

/// The tests as a program for another system, with a runtime of its own; the folder that has it.
pub(super) fn publish_tests(sdk: &Sdk, runtime: &str) -> Result<PathBuf> {
    let artifacts = repo::scratch("csharp")?.join(runtime);
    sdk.build("publish", TESTS, &artifacts, &[&format!("-p:FastparRuntime={runtime}")])?;
    Ok(artifacts.join("bin/Fastpar.Tests/Release").join(FRAMEWORK).join(runtime).join("publish"))
}

/// The tests as a program of another suite, which finds this library beside it; the reason, where there is no
/// .NET.
pub(super) fn program_with(context: &mut Context, library: &Path) -> Result<Result<Command, String>> {
    let sdk = match Sdk::get()? {
        Ok(sdk) => sdk,
        Err(reason) => return Ok(Err(reason)),
    };
    let program = build_tests(&sdk, FRAMEWORK)?;
    stage::replace(library, &program.with_file_name(library.file_name().unwrap_or_default()))?;
    let mut command = sdk.command();
    command.arg(program).env("FASTPAR_LIBRARY", context.staged()?.shared());
    Ok(Ok(command))
}

impl Bench<'_> {
    fn artifacts(&self, variant: &str) -> PathBuf {
        self.folder.join(variant)
    }

    /// The assembly that the build of a project made.
    fn built(&self, variant: &str, project: &str) -> PathBuf {
        let file = format!("{project}.dll");
        self.artifacts(variant).join("bin").join(project).join("Release").join(FRAMEWORK).join(file)
    }

    /// Runs a built program on .NET, with the staged library.
    fn dotnet(&self, program: &Path) -> Command {
        let mut command = self.sdk.command();
        command.arg(program).env("FASTPAR_LIBRARY", self.staged.shared());
        command
    }

    /// The tests against one build of the library.
    fn tests(&self, library: &str) -> Result<Vec<Case>> {
        match build_tests(&self.sdk, library) {
            Ok(program) => Ok(lines::program(library, &process::run(&mut self.dotnet(&program), LIMIT)?)),
            Err(error) => Ok(vec![Case::failed(format!("{library} builds"), format!("{error:#}"))]),
        }
    }

    /// All of them once more while the collector runs after every 64 KiB (0x10000), instead of some hundred
    /// MiB.
    fn small_heap(&self) -> Result<Vec<Case>> {
        let program = self.built(FRAMEWORK, "Fastpar.Tests");
        let mut command = self.dotnet(&program);
        let finished = process::run(command.env("DOTNET_GCgen0size", "10000"), LIMIT)?;
        Ok(lines::program("small heap", &finished))
    }

    /// What people type first, as C# 12 and as the newest C#.
    fn first_lines(&self) -> Result<Vec<Case>> {
        let mut cases = Vec::new();
        for version in ["12", "latest"] {
            let property = format!("-p:FastparCSharp={version}");
            self.sdk.build("build", FIRST_LINES, &self.artifacts(FRAMEWORK), &[&property])?;
            let mut command = self.dotnet(&self.built(FRAMEWORK, "FirstLines"));
            cases.extend(lines::program(&format!("C# {version}"), &process::run(&mut command, LIMIT)?));
        }
        Ok(cases)
    }

    /// The same program on Mono, which finds the library its own way. It is built where `tests` has built the
    /// same library.
    fn mono(&self, library: &str) -> Result<Vec<Case>> {
        let properties = [format!("-p:FastparLibrary={library}"), format!("-p:FastparTests={library}")];
        let properties: Vec<_> = properties.iter().map(String::as_str).collect();
        self.sdk.build("build", TESTS, &self.artifacts(library), &properties)?;
        let folder = self.artifacts(library).join("bin/Fastpar.Tests/Release").join(library);
        let program = || {
            let mut command = Command::new("mono");
            command.arg(folder.join("Fastpar.Tests.dll"));
            command.env("LD_LIBRARY_PATH", &self.staged.lib).env_remove("FASTPAR_THREADS");
            command
        };
        let mut cases = lines::program(&format!("Mono, {library}"), &process::run(&mut program(), LIMIT)?);
        for (argument, expected, about) in [
            ("--native-host", 4, "a pool that native code has started"),
            ("--hooked", 24, "the collector's signals are open where other hooks run"),
        ] {
            cases.push(Case::of(format!("Mono, {library}: {about}"), || {
                let finished = process::run(program().arg(argument), LIMIT)?;
                let seen = finished.status.and_then(|status| status.code());
                ensure!(seen == Some(expected), "{}", finished.describe());
                Ok(())
            }));
        }
        Ok(cases)
    }

    /// A wrong path is told, and so is a library of something else.
    fn missing_library(&self) -> Result<()> {
        let program = self.built(FRAMEWORK, "Fastpar.Tests");
        for (path, expected) in
            [("/nowhere/fastpar.so", "/nowhere/fastpar.so"), ("libm.so.6", "fastpar_abi_version")]
        {
            let mut command = self.dotnet(&program);
            let finished =
                process::run(command.arg("PoolTests.Versions").env("FASTPAR_LIBRARY", path), LIMIT)?;
            let told = !finished.success() && finished.output.contains(expected);
            ensure!(told, "FASTPAR_LIBRARY={path}: {}", finished.describe());
        }
        Ok(())
    }

    /// A process ends at once and with its own exit code, whatever the pool is doing.
    fn leaving(&self, how: &str) -> Result<()> {
        let program = self.built(FRAMEWORK, "Fastpar.Tests");
        for milliseconds in 0..8 {
            let mut command = self.dotnet(&program);
            command.args(["--leave", how, &milliseconds.to_string()]);
            let finished = process::run(&mut command, LIMIT)?;
            let code = finished.status.and_then(|status| status.code());
            ensure!(code == Some(7) && finished.output.is_empty(), "{}", finished.describe());
        }
        Ok(())
    }

    /// The example on real input; zstd reads what it wrote.
    fn example(&self) -> Result<()> {
        self.sdk.build("build", EXAMPLE, &self.artifacts(FRAMEWORK), &[])?;
        let program = self.built(FRAMEWORK, "Lines");
        let folder = tempfile::tempdir()?;
        let (compressed, restored) = (folder.path().join("out.zst"), folder.path().join("out"));
        let empty = folder.path().join("empty");
        std::fs::write(&empty, "")?;
        for file in [empty, repo::root().join("include/fastpar.h"), demo::largest_compiler_library()?] {
            let output = process::must(self.dotnet(&program).arg(&file).arg(&compressed), LIMIT)?;
            let zstd = ["-dqf", "-o"];
            process::must(Command::new("zstd").args(zstd).arg(&restored).arg(&compressed), LIMIT)?;
            let (before, after) =
                (std::fs::read(&file)?, std::fs::read(&restored).context("what zstd made of it")?);
            ensure!(before == after, "{}: zstd -d gives other bytes", file.display());
            let ends = before.iter().filter(|&&byte| byte == b'\n').count();
            let lines = ends + usize::from(before.last().is_some_and(|&byte| byte != b'\n'));
            ensure!(
                output.contains(&format!("{lines} lines")),
                "{}: {lines} lines, not\n{output}",
                file.display()
            );
        }
        let finished =
            process::run(self.dotnet(&program).arg(folder.path().join("missing")).arg(&compressed), LIMIT)?;
        ensure!(!finished.success() && finished.output.contains("missing"), "{}", finished.describe());
        Ok(())
    }
}
