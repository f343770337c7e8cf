//! Suite "dotnet-forms": the NuGet package, programs that use it in the forms in which .NET publishes them,
//! what they are told where it has no library for them, and the tests with .NET's collector for servers.

use super::wine::{self, Wine};
use super::{cpp, csharp, lines, nuget_package, windows_dotnet, Case, Context};
use crate::dotnet::{Sdk, ASSEMBLY, FRAMEWORK};
use crate::stage::Staged;
use crate::{process, repo, windows};
use anyhow::{ensure, Context as _, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(300);

const PROJECT: &str = "examples/csharp/lines/Lines.csproj";

const LINUX: &str = "linux-x64";
const WINDOWS: &str = "win-x64";

/// A way to publish.
struct Form {
    name: &'static str,
    /// The system.
    runtime: &'static str,
    properties: &'static [&'static str],
    beside: Beside,
}

/// What lies beside the published program.
#[derive(PartialEq)]
enum Beside {
    Nothing,
    /// The native one.
    Library,
    LibraryAndAssembly,
}

const fn form(
    name: &'static str,
    runtime: &'static str,
    properties: &'static [&'static str],
    beside: Beside,
) -> Form {
    Form { name, runtime, properties, beside }
}

/// The runtime of the program's own system needs no package of a runtime. A program for Windows that brings
/// no runtime gets that of the others.
const FORMS: [Form; 9] = [
    form("self-contained", LINUX, &["-p:FastparRuntime=linux-x64"], Beside::LibraryAndAssembly),
    form(
        "trimmed",
        LINUX,
        &["-p:FastparRuntime=linux-x64", "-p:PublishTrimmed=true"],
        Beside::LibraryAndAssembly,
    ),
    form(
        "single file",
        LINUX,
        &["-p:FastparRuntime=linux-x64", "-p:PublishSingleFile=true"],
        Beside::Library,
    ),
    form("NativeAOT", LINUX, &["-p:FastparRuntime=linux-x64", "-p:PublishAot=true"], Beside::Library),
    form("self-contained", WINDOWS, &["-p:FastparRuntime=win-x64"], Beside::LibraryAndAssembly),
    form(
        "framework-dependent",
        WINDOWS,
        &["-p:RuntimeIdentifier=win-x64", "-p:SelfContained=false"],
        Beside::LibraryAndAssembly,
    ),
    form(
        "trimmed",
        WINDOWS,
        &["-p:FastparRuntime=win-x64", "-p:PublishTrimmed=true"],
        Beside::LibraryAndAssembly,
    ),
    form(
        NOT_UNDER_WINE,
        WINDOWS,
        &["-p:FastparRuntime=win-x64", "-p:PublishSingleFile=true"],
        Beside::Library,
    ),
    form(
        "single file, compressed, with the library",
        WINDOWS,
        &[
            "-p:FastparRuntime=win-x64",
            "-p:PublishSingleFile=true",
            "-p:EnableCompressionInSingleFile=true",
            "-p:IncludeNativeLibrariesForSelfExtract=true",
        ],
        Beside::Nothing,
    ),
];

/// Its runtime puts assemblies into memory that it reserves by placeholders (VirtualAlloc2), which Wine 8
/// has not.
const NOT_UNDER_WINE: &str = "single file";

/// Tests of what the collector may move or release.
const COLLECTED: [&str; 6] =
    ["GcTests", "UnloadTests", "JobTests", "StreamTests", "StreamConformanceTests", "GroupTests"];

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let sdk = match Sdk::get()? {
        Ok(sdk) => sdk,
        Err(reason) => return Ok(vec![Case::skipped(".NET", reason)]),
    };
    let wine = Wine::get(&context.setup)?;
    let dll = context.windows()?.map(windows::Staged::dll);
    let staged = context.staged()?;
    let mut cases = for_servers(&sdk, staged)?;
    let folder = repo::scratch("csharp")?;
    let made = match dll {
        Ok(dll) => nuget_package::make(&sdk, staged, &dll, &folder.join("package")),
        Err(reason) => {
            cases.push(Case::skipped("package", reason));
            return Ok(cases);
        }
    };
    match made {
        Ok((packages, version)) => {
            cases.push(Case::passed("package"));
            let consumer = Consumer { sdk: &sdk, wine, folder: folder.join("consumer"), packages, version };
            cases.extend(consumer.forms());
        }
        Err(error) => cases.push(Case::failed("package", format!("{error:#}"))),
    }
    Ok(cases)
}

/// Tests with a heap for each CPU, which is collected after every 64 KiB (0x10000).
fn for_servers(sdk: &Sdk, staged: &Staged) -> Result<Vec<Case>> {
    let program = csharp::build_tests(sdk, FRAMEWORK)?;
    let mut command = sdk.command();
    command.arg(program).args(COLLECTED).env("FASTPAR_LIBRARY", staged.shared());
    command.env("DOTNET_gcServer", "1").env("DOTNET_GCgen0size", "10000");
    Ok(lines::program("collector for servers", &process::run(&mut command, LIMIT)?))
}

/// What a case does, with its name.
type Task<'a> = (String, Box<dyn Fn() -> Result<()> + Sync + 'a>);

fn task<'a>(name: impl Into<String>, work: impl Fn() -> Result<()> + Sync + 'a) -> Task<'a> {
    (name.into(), Box::new(work))
}

/// The example with the package instead of the sources.
struct Consumer<'a> {
    sdk: &'a Sdk,
    wine: std::result::Result<Wine, String>,
    /// Where it is built.
    folder: PathBuf,
    /// Where the package is.
    packages: PathBuf,
    version: String,
}

impl Consumer<'_> {
    fn forms(&self) -> Vec<Case> {
        // Else an older package of this version would be taken.
        let _ = std::fs::remove_dir_all(self.restored());
        let mut cases = vec![Case::of("a program with the package", || self.portable())];
        if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            return cases; // the packages are of this system
        }
        let missing = self.missing();
        let case = |(name, work): &Task<'_>| match missing {
            None => Case::of(name, work),
            Some(reason) => Case::skipped(name, reason),
        };
        cases.push(case(&task("a system that the package has no library for", || self.elsewhere())));
        let mut tasks = vec![task("a program for .NET Framework", || self.framework())];
        tasks.extend(FORMS.iter().map(|form| {
            task(format!("a program with the package, {}, {}", form.name, form.runtime), || {
                self.publish(form)
            })
        }));
        tasks.push(task("a program with the package, NativeAOT, the library inside", || self.inside()));
        tasks.push(task("a system that the package has no static library for", || self.not_inside()));
        // Each is built in a folder of its own, by tools of which none has work for two CPUs.
        cases.extend(cpp::each(&tasks, case));
        for form in FORMS.iter().filter(|form| form.runtime == WINDOWS && form.name != NOT_UNDER_WINE) {
            let name = format!("under Wine, {}", form.name);
            cases.push(match (missing, &self.wine) {
                (Some(reason), _) => Case::skipped(name, reason),
                (_, Err(reason)) => Case::skipped(name, reason.clone()),
                (None, Ok(wine)) => Case::of(name, || self.under_wine(wine, form)),
            });
        }
        cases
    }

    /// Why the packages that the forms need cannot be had.
    fn missing(&self) -> Option<&'static str> {
        if self.sdk.has_feed() {
            return None;
        }
        let mut command = self.sdk.command();
        command.args(["restore", PROJECT, "-v:q", "-nologo", "-p:FastparRuntime=win-x64"]);
        command.args(self.properties()).env("FastparArtifacts", self.folder.join("sources"));
        // NuGet's number for a source that it cannot reach. What else is wrong the forms tell.
        let unreachable = process::run(&mut command, LIMIT).is_ok_and(|end| end.output.contains("NU1301"));
        unreachable.then_some("no packages lie beside the SDK, and NuGet's sources cannot be reached")
    }

    fn restored(&self) -> PathBuf {
        self.folder.join("restored")
    }

    fn properties(&self) -> Vec<String> {
        vec![
            format!("-p:FastparPackage={}", self.version),
            format!("-p:RestoreAdditionalProjectSources={}", self.packages.display()),
            format!("-p:RestorePackagesPath={}", self.restored().display()),
        ]
    }

    /// Built for any system, it finds the native library in the package.
    fn portable(&self) -> Result<()> {
        let properties = self.properties();
        let properties: Vec<_> = properties.iter().map(String::as_str).collect();
        self.sdk.build("build", PROJECT, &self.folder, &properties)?;
        let mut command = self.sdk.command();
        command.arg(self.folder.join("bin/Lines/Release").join(FRAMEWORK).join("Lines.dll"));
        works(&mut command)
    }

    /// NativeAOT with the static library of the package.
    fn inside(&self) -> Result<()> {
        let folder = self.folder.join("inside");
        let properties = self.properties();
        let own = ["-p:FastparRuntime=linux-x64", "-p:PublishAot=true", "-p:FastparStatic=true"];
        let properties: Vec<_> = properties.iter().map(String::as_str).chain(own).collect();
        self.sdk.build("publish", PROJECT, &folder, &properties)?;
        let published = folder.join("bin/Lines/Release").join(FRAMEWORK).join("linux-x64/publish");
        ensure!(!published.join("libfastpar.so").exists(), "the library lies beside the program");
        works(&mut Command::new(published.join("Lines")))
    }

    /// The same where the package has none, by what was restored for such a system: nothing is compiled.
    fn not_inside(&self) -> Result<()> {
        let mut command = self.sdk.command();
        command.args(["msbuild", PROJECT, "-nologo", "-v:q", "-t:FastparRequireStaticLibrary"]);
        command.args(["-p:RuntimeIdentifier=linux-musl-x64", "-p:PublishAot=true", "-p:FastparStatic=true"]);
        command.args(self.properties()).env("FastparArtifacts", self.folder.join("linux-musl-x64-alone"));
        let finished = process::run(&mut command, LIMIT)?;
        let told = finished.output.contains("FASTPAR003") && finished.output.contains("'linux-musl-x64'");
        ensure!(!finished.success() && told, "{}", finished.describe());
        Ok(())
    }

    /// Where there is no library that is said when a program is built, and musl does not get that of glibc.
    fn elsewhere(&self) -> Result<()> {
        for (runtime, has_library) in [("linux-musl-x64", false), ("linux-x64", true)] {
            let folder = self.folder.join(format!("{runtime}-alone"));
            let mut command = self.sdk.command();
            command.args(["build", PROJECT, "-c", "Release", "-m:1", "-v:q", "-nologo"]);
            command.args(["-p:SelfContained=false", "-p:UseAppHost=false"]).args(self.properties());
            command.arg(format!("-p:RuntimeIdentifier={runtime}")).env("FastparArtifacts", &folder);
            let told = process::must(&mut command, LIMIT)?;
            let built = folder.join("bin/Lines/Release").join(FRAMEWORK).join(runtime);
            ensure!(built.join("Lines.dll").is_file(), "no program in {}", built.display());
            ensure!(told.contains("FASTPAR001") != has_library, "{runtime}: {told}");
            ensure!(built.join("libfastpar.so").is_file() == has_library, "{runtime}: the library");
        }
        Ok(())
    }

    /// The library for Windows goes beside the program, and a process of 32 bits is told. (Nothing is
    /// compiled: that would need the assemblies of .NET Framework.)
    fn framework(&self) -> Result<()> {
        let folder = self.folder.join("framework");
        std::fs::create_dir_all(&folder)?;
        let text = format!(
            "<Project Sdk=\"Microsoft.NET.Sdk\"><PropertyGroup><TargetFramework>net472</TargetFramework><OutputType>Exe</OutputType>\
             <AutomaticallyUseReferenceAssemblyPackages>false</AutomaticallyUseReferenceAssemblyPackages></PropertyGroup>\
             <ItemGroup><PackageReference Include=\"Fastpar\" Version=\"{}\" /></ItemGroup></Project>",
            self.version
        );
        std::fs::write(folder.join("Program.csproj"), text)?;
        let mut command = self.sdk.command();
        command.current_dir(&folder).args(["msbuild", "-restore", "-nologo", "-v:q", "-p:Prefer32Bit=true"]);
        command.args(["-t:FastparRequire64Bit;GetCopyToOutputDirectoryItems"]).args(self.properties());
        let told = process::must(command.arg("-getTargetResult:GetCopyToOutputDirectoryItems"), LIMIT)?;
        ensure!(told.contains("/runtimes/win-x64/native/fastpar.dll"), "{told}");
        ensure!(told.contains("\"TargetPath\": \"fastpar.dll\""), "{told}");
        ensure!(told.contains("FASTPAR002"), "{told}");
        Ok(())
    }

    /// Where a form is built, and where it is published.
    fn places(&self, form: &Form) -> [PathBuf; 2] {
        let folder = self.folder.join(format!("{}-{}", form.runtime, form.name.replace([' ', ','], "-")));
        let published = folder.join("bin/Lines/Release").join(FRAMEWORK).join(form.runtime).join("publish");
        [folder, published]
    }

    /// A form that was published.
    fn under_wine(&self, wine: &Wine, form: &Form) -> Result<()> {
        let [_, published] = self.places(form);
        let mut command = windows_dotnet::command(wine, &published.join("Lines.exe"));
        if form.properties.contains(&"-p:SelfContained=false") {
            let package = self.restored().join("microsoft.netcore.app.runtime.win-x64");
            let version =
                std::fs::read_dir(&package)?.next().context("no runtime for Windows was restored")?;
            let runtime = self.folder.join("runtime");
            windows_dotnet::install(&version?.path(), &runtime)?;
            command.env("DOTNET_ROOT", wine::path(&runtime));
        }
        works_with(&mut command, wine::path)
    }

    fn publish(&self, form: &Form) -> Result<()> {
        let [folder, published] = self.places(form);
        let properties = self.properties();
        let properties: Vec<_> =
            properties.iter().map(String::as_str).chain(form.properties.iter().copied()).collect();
        self.sdk.build("publish", PROJECT, &folder, &properties)?;
        let (program, library) = match form.runtime {
            WINDOWS => ("Lines.exe", "fastpar.dll"),
            _ => ("Lines", "libfastpar.so"),
        };
        let assembly = format!("{ASSEMBLY}.dll");
        let expected = [
            (library, form.beside != Beside::Nothing),
            (&assembly, form.beside == Beside::LibraryAndAssembly),
        ];
        for (file, is_there) in expected {
            let found = published.join(file).is_file();
            ensure!(found == is_there, "{file} in {}: {found}", published.display());
        }
        let program = published.join(program);
        ensure!(program.is_file(), "{} is missing", program.display());
        if form.runtime == LINUX {
            let mut command = Command::new(program);
            self.sdk.prepare(&mut command);
            command.env_remove("DOTNET_ROOT");
            works(&mut command)?;
        }
        Ok(())
    }
}

/// Counts and compresses a file.
fn works(command: &mut Command) -> Result<()> {
    works_with(command, |path| path.display().to_string())
}

/// The same for a program that sees paths in its own way.
fn works_with(command: &mut Command, seen: impl Fn(&Path) -> String) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (source, packed) = (repo::root().join("include/fastpar.h"), folder.path().join("out.zst"));
    command.arg(seen(&source)).arg(seen(&packed)).env_remove("FASTPAR_LIBRARY");
    let told = process::must(command, LIMIT)?;
    let bytes = std::fs::read(&packed).context("what the program writes")?;
    ensure!(told.contains(" lines, ") && bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]), "{told}");
    Ok(())
}
