//! The .NET SDK for packages, tests and benchmarks: that in the folder FASTPAR_DOTNET, else that on PATH.

use crate::{process, repo};
use anyhow::{ensure, Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The framework of the programs in this repository, as `Directory.Build.props` has it.
pub(crate) const FRAMEWORK: &str = "net10.0";

/// The builds of the library, for newer and for older runtimes.
pub(crate) const LIBRARIES: [&str; 4] = [FRAMEWORK, "net8.0", "netstandard2.1", "netstandard2.0"];

/// The assembly of the library, without its ending.
pub(crate) const ASSEMBLY: &str = "Fastpar.Net";

/// Older SDKs do not know the framework.
const OLDEST: u32 = 10;

/// Of a build that hangs; one build takes about half a minute of a free CPU.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// An SDK that is ready to run.
pub(crate) struct Sdk {
    root: PathBuf,
    /// Home, configuration and unpacked packages.
    support: PathBuf,
    /// The nuget.config that tells where packages are; none: NuGet's own.
    sources: Option<PathBuf>,
    /// Whether that is a folder beside the SDK.
    has_feed: bool,
}

impl Sdk {
    /// Finds an SDK; the reason, where there is none.
    pub(crate) fn get() -> Result<std::result::Result<Self, String>> {
        let named = std::env::var_os("FASTPAR_DOTNET").map(PathBuf::from);
        let Some(root) = named.clone().or_else(on_path) else {
            return Ok(Err(format!(
                "there is no .NET SDK {OLDEST}: FASTPAR_DOTNET names no folder, and PATH has no dotnet"
            )));
        };
        ensure!(
            root.join(program()).is_file(),
            "FASTPAR_DOTNET: there is no {} in {}",
            program(),
            root.display()
        );
        let support = repo::scratch("dotnet")?;
        let mut sdk = Self { root, support, sources: configured(), has_feed: false };
        let version = process::must(sdk.command().arg("--version"), LIMIT)?;
        let major = version.trim().split('.').next().unwrap_or_default().parse::<u32>();
        if major.context("dotnet --version")? < OLDEST {
            ensure!(named.is_none(), "FASTPAR_DOTNET: an SDK {OLDEST} is needed, this is {}", version.trim());
            return Ok(Err(format!("the .NET SDK on PATH is {}, {OLDEST} is needed", version.trim())));
        }
        let feed = sdk.root.parent().map(|folder| folder.join("feed")).filter(|feed| feed.is_dir());
        if let Some(feed) = feed {
            let config = sdk.support.join("nuget.config");
            // Once: a build may be reading it at this moment.
            if std::fs::read_to_string(&config).ok() != Some(only(&feed)) {
                std::fs::write(&config, only(&feed))?;
            }
            (sdk.sources, sdk.has_feed) = (Some(config), true);
        }
        Ok(Ok(sdk))
    }

    /// Whether the packages that builds need lie beside the SDK; else they come from where its user has them.
    pub(crate) fn has_feed(&self) -> bool {
        self.has_feed
    }

    /// Where `dotnet` is.
    pub(crate) fn folder(&self) -> &Path {
        &self.root
    }

    /// `dotnet`, with the environment that it needs.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(self.root.join(program()));
        self.prepare(command.current_dir(repo::root()));
        command
    }

    /// An environment in which `dotnet` is found, leaves nothing in the user's home, and sends no telemetry.
    pub(crate) fn prepare(&self, command: &mut Command) {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.root.clone()).chain(std::env::split_paths(&path));
        if let Ok(path) = std::env::join_paths(folders) {
            command.env("PATH", path);
        }
        command.env("DOTNET_ROOT", &self.root);
        command.env("DOTNET_CLI_HOME", &self.support).env("HOME", &self.support);
        command.env("NUGET_PACKAGES", self.support.join("packages"));
        // Known to MSBuild as properties, and so are some of those below.
        if let Some(config) = &self.sources {
            command.env("RestoreConfigFile", config);
        }
        for (name, value) in [
            ("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1"),
            ("DOTNET_CLI_TELEMETRY_OPTOUT", "1"),
            ("DOTNET_SKIP_FIRST_TIME_EXPERIENCE", "1"),
            ("DOTNET_NOLOGO", "1"),
            ("DOTNET_GENERATE_ASPNET_CERTIFICATE", "false"),
            // Else every restore asks for packages of ASP.NET, which nothing here uses.
            ("DisableTransitiveFrameworkReferenceDownloads", "true"),
            // No servers that outlive a build.
            ("MSBUILDDISABLENODEREUSE", "1"),
            ("UseSharedCompilation", "false"),
        ] {
            command.env(name, value);
        }
        command.env_remove("FASTPAR_THREADS");
    }

    /// `dotnet build`, `pack` or `publish`, strict, into a folder of its own.
    pub(crate) fn build(
        &self,
        verb: &str,
        project: &str,
        artifacts: &Path,
        properties: &[&str],
    ) -> Result<()> {
        let mut command = self.command();
        command.args([verb, project, "-c", "Release", "-m:1", "-v:q", "-nologo"]);
        command.args(properties).env("FastparArtifacts", artifacts).env("FastparStrict", "true");
        // Figures for a second, better compilation of the tools themselves: a build is over before that pays.
        command.env("DOTNET_TieredPGO", "0");
        process::must(&mut command, LIMIT).map(drop)
    }
}

fn program() -> &'static str {
    if cfg!(windows) {
        "dotnet.exe"
    } else {
        "dotnet"
    }
}

/// The folder of the SDK on PATH: its `dotnet` may be a link there.
fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found =
        std::env::split_paths(&path).map(|folder| folder.join(program())).find(|file| file.is_file())?;
    found.canonicalize().ok()?.parent().map(Path::to_path_buf)
}

/// The nuget.config of the user, which `dotnet` would not find in the home that it is given here. (On Windows
/// it does not look there.)
fn configured() -> Option<PathBuf> {
    let home = PathBuf::from(std::env::var_os("HOME")?);
    let files = [".nuget/NuGet/NuGet.Config", ".config/NuGet/NuGet.Config"];
    files.into_iter().map(|file| home.join(file)).find(|file| file.is_file())
}

/// A nuget.config with one source of packages.
fn only(feed: &Path) -> String {
    format!(
        "<configuration><packageSources><clear /><add key=\"feed\" value=\"{}\" /></packageSources></configuration>\n",
        feed.display()
    )
}
