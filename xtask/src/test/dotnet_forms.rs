//! Programs that use the NuGet package, in the forms in which .NET publishes them.

use super::Case;
use crate::dotnet::{Sdk, ASSEMBLY, FRAMEWORK};
use crate::{process, repo};
use anyhow::{ensure, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(300);

const PROJECT: &str = "examples/csharp/lines/Lines.csproj";

/// A way to publish: its name, the system, the properties, and whether the managed assembly is a file of its
/// own.
struct Form {
    name: &'static str,
    runtime: &'static str,
    properties: &'static [&'static str],
    assembly: bool,
}

const fn form(
    name: &'static str,
    runtime: &'static str,
    properties: &'static [&'static str],
    assembly: bool,
) -> Form {
    Form { name, runtime, properties, assembly }
}

/// What only other systems run is looked at. The runtime of the program's own system needs no package of a
/// runtime.
const FORMS: [Form; 8] = [
    form("self-contained", "linux-x64", &["-p:FastparRuntime=linux-x64"], true),
    form("trimmed", "linux-x64", &["-p:FastparRuntime=linux-x64", "-p:PublishTrimmed=true"], true),
    form("single file", "linux-x64", &["-p:FastparRuntime=linux-x64", "-p:PublishSingleFile=true"], false),
    form("NativeAOT", "linux-x64", &["-p:FastparRuntime=linux-x64", "-p:PublishAot=true"], false),
    form("framework-dependent", "win-x64", &["-p:RuntimeIdentifier=win-x64", "-p:SelfContained=false"], true),
    form("self-contained", "win-x64", &["-p:FastparRuntime=win-x64"], true),
    form("trimmed", "win-x64", &["-p:FastparRuntime=win-x64", "-p:PublishTrimmed=true"], true),
    form("single file", "win-x64", &["-p:FastparRuntime=win-x64", "-p:PublishSingleFile=true"], false),
];

/// The example with the package instead of the sources.
pub(super) struct Consumer<'a> {
    pub(super) sdk: &'a Sdk,
    /// Where it is built.
    pub(super) folder: PathBuf,
    /// Where the package is.
    pub(super) packages: PathBuf,
    pub(super) version: String,
}

impl Consumer<'_> {
    pub(super) fn forms(&self) -> Vec<Case> {
        // Else an older package of this version would be taken.
        let _ = std::fs::remove_dir_all(self.restored());
        let mut cases = vec![Case::of("a program with the package", || self.portable())];
        if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            return cases; // the packages are of this system
        }
        let possible = self.sdk.feed().is_some();
        cases.extend(FORMS.iter().map(|form| {
            let name = format!("a program with the package, {}, {}", form.name, form.runtime);
            match possible {
                true => Case::of(name, || self.publish(form)),
                false => Case::skipped(name, "the packages of runtimes do not lie beside the SDK"),
            }
        }));
        cases
    }

    fn restored(&self) -> PathBuf {
        self.folder.join("restored")
    }

    fn properties(&self) -> Vec<String> {
        let mut sources = self.packages.display().to_string();
        if let Some(feed) = self.sdk.feed() {
            sources += &format!("%3B{}", feed.display()); // a semicolon
        }
        vec![
            format!("-p:FastparPackage={}", self.version),
            format!("-p:RestoreSources={sources}"),
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
        run(&mut command)
    }

    fn publish(&self, form: &Form) -> Result<()> {
        let folder = self.folder.join(format!("{}-{}", form.runtime, form.name.replace(' ', "-")));
        let properties = self.properties();
        let properties: Vec<_> =
            properties.iter().map(String::as_str).chain(form.properties.iter().copied()).collect();
        self.sdk.build("publish", PROJECT, &folder, &properties)?;
        let published = folder.join("bin/Lines/Release").join(FRAMEWORK).join(form.runtime).join("publish");
        let (program, library) = match form.runtime {
            "win-x64" => ("Lines.exe", "fastpar.dll"),
            _ => ("Lines", "libfastpar.so"),
        };
        ensure!(published.join(library).is_file(), "{library} is not in {}", published.display());
        let assembly = published.join(format!("{ASSEMBLY}.dll"));
        ensure!(assembly.is_file() == form.assembly, "{}: not as expected", assembly.display());
        let program = published.join(program);
        ensure!(program.is_file(), "{} is missing", program.display());
        if form.runtime == "linux-x64" {
            let mut command = Command::new(program);
            self.sdk.prepare(&mut command);
            command.env_remove("DOTNET_ROOT");
            run(&mut command)?;
        }
        Ok(())
    }
}

/// Counts and compresses a file.
fn run(command: &mut Command) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let source: &Path = &repo::root().join("include/fastpar.h");
    command.arg(source).arg(folder.path().join("out.zst"));
    process::must(command.env_remove("FASTPAR_LIBRARY"), LIMIT).map(drop)
}
