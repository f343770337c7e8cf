//! For the suite "native": what `cargo xtask dist` made for this system, found in `dist`, as its users
//! install it. Packages are made on Linux, so on other systems they were brought here.

use super::{installed::works, Case};
use crate::dotnet::Sdk;
use crate::{dist, process, repo, stage, targets};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10 * 60);

/// The packages for this system.
pub(super) struct Packages {
    folder: PathBuf,
    archive: PathBuf,
    wheel: PathBuf,
}

impl Packages {
    /// `None`: none are made for this system. The reason, where they are not there.
    pub(super) fn find() -> Result<Option<std::result::Result<Self, String>>> {
        let (archive, platform) = if cfg!(all(windows, target_arch = "x86_64")) {
            (format!("{}.zip", dist::name(dist::WINDOWS)?), dist::WHEEL_WINDOWS.to_owned())
        } else if let Some(target) = targets::own() {
            (format!("{}.tar.gz", dist::name(target.name)?), target.wheel())
        } else {
            return Ok(None);
        };
        let folder = repo::root().join("dist");
        let wheel = folder.join(dist::wheel::name(&platform)?);
        let packages = Self { archive: folder.join(archive), wheel, folder };
        for file in [&packages.archive, &packages.wheel] {
            if !file.is_file() {
                return Ok(Some(Err(format!("there is no {}", file.display()))));
            }
        }
        Ok(Some(Ok(packages)))
    }

    /// `find_package` of CMake, with the compilers that it takes by itself.
    pub(super) fn cmake(&self) -> Case {
        Case::of("package, CMake", || {
            let folder = tempfile::tempdir()?;
            let mut unpack = Command::new("cmake");
            unpack.args(["-E", "tar", "xf"]).arg(&self.archive).current_dir(folder.path());
            process::must(&mut unpack, LIMIT)?;
            let name = self.archive.file_name().unwrap_or_default().to_string_lossy();
            let package = folder.path().join(name.trim_end_matches(".zip").trim_end_matches(".tar.gz"));
            let place = folder.path().join("build");
            let mut configure = Command::new("cmake");
            configure.arg("-S").arg(repo::root().join("tests/install")).arg("-B").arg(&place);
            configure.arg(format!("-DCMAKE_PREFIX_PATH={}", package.display()));
            // No folder of its own for a configuration.
            configure.arg("-DCMAKE_BUILD_TYPE=Release").arg("-DCMAKE_RUNTIME_OUTPUT_DIRECTORY=$<1:.>");
            process::must(&mut configure, LIMIT)?;
            let mut build = Command::new("cmake");
            process::must(build.arg("--build").arg(&place).args(["--config", "Release"]), LIMIT)?;
            ["consumer_c", "consumer_cpp"].into_iter().try_for_each(|name| {
                works(Command::new(place.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))))
            })
        })
    }

    /// The wheel, in an environment of its own.
    pub(super) fn wheel(&self, python: &Path) -> Case {
        Case::of("package, wheel", || {
            let folder = tempfile::tempdir()?;
            process::must(Command::new(python).args(["-m", "venv"]).arg(folder.path()), LIMIT)?;
            let python = folder.path().join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
            let mut pip = Command::new(&python);
            pip.args(["-m", "pip", "install", "--quiet", "--no-index"]).arg(&self.wheel);
            process::must(&mut pip, LIMIT)?;
            let mut consumer = Command::new(&python);
            works(consumer.env_remove("FASTPAR_LIBRARY").arg(repo::root().join("tests/install/consumer.py")))
        })
    }

    /// The NuGet package.
    pub(super) fn nuget(&self, sdk: &Sdk) -> Case {
        Case::of("package, NuGet", || {
            let folder = tempfile::tempdir()?;
            stage::replace_all(&repo::root().join("tests/install"), folder.path())?;
            let dotnet = |arguments: &[&str]| {
                let mut command = sdk.command();
                command.args(arguments).current_dir(folder.path());
                // Else a package of this version that was made before would be taken.
                command.env("NUGET_PACKAGES", folder.path().join("packages"));
                command
            };
            let mut add = dotnet(&["add", "consumer.csproj", "package", "Fastpar", "--version", &version()?]);
            process::must(add.arg("--source").arg(&self.folder), LIMIT)?;
            works(dotnet(&["run", "--project", "consumer.csproj"]))
        })
    }
}

fn version() -> Result<String> {
    let [major, minor, patch] = repo::version()?;
    Ok(format!("{major}.{minor}.{patch}"))
}
