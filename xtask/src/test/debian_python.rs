//! A Python 3.14 for the tests: Debian's, from the release that has it, unpacked into a folder of its own.

use crate::{process, repo};
use anyhow::{ensure, Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const SUITE: &str = "forky";
const PACKAGES: [&str; 2] = ["python3.14-minimal", "libpython3.14-stdlib"];
const TESTS: &str = "libpython3.14-testsuite";

const FETCH_LIMIT: Duration = Duration::from_secs(10 * 60);
const LIMIT: Duration = Duration::from_secs(60);

/// A command that starts it; the reason, where it cannot be had.
pub(crate) fn get() -> Result<std::result::Result<PathBuf, String>> {
    if let Some(reason) = missing() {
        return Ok(Err(reason));
    }
    let folder = repo::scratch("python3.14")?;
    let command = folder.join("python3.14");
    if !command.is_file() {
        println!("  fetching Debian's python3.14 (16 MB, kept in {})", folder.display());
        fetch(
            &folder,
            &[&["install", "--download-only", "--no-install-recommends"], &PACKAGES[..]].concat(),
        )?;
        start_script(&folder.join("root"), &command)?;
    }
    Ok(Ok(command))
}

/// The folder with CPython's own tests, for `get`.
pub(super) fn tests() -> Result<PathBuf> {
    let folder = repo::scratch("python3.14-tests")?;
    let tests = folder.join("root/usr/lib/python3.14");
    if !tests.is_dir() {
        fetch(&folder, &["download", TESTS])?;
    }
    Ok(tests)
}

/// Why it cannot be had.
fn missing() -> Option<String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        return Some("Debian's python3.14 is fetched on Linux on x86-64 only".into());
    }
    if !process::installed("apt-get") || !process::installed("dpkg") {
        return Some("python3.14 is fetched with apt-get and dpkg, which are not installed".into());
    }
    None
}

/// Has apt-get download packages, and unpacks them. The machine's own packages do not change.
fn fetch(folder: &Path, download: &[&str]) -> Result<()> {
    let work = tempfile::tempdir_in(folder)?;
    let at = |name: &str| work.path().join(name);
    for name in ["lists/partial", "archives/partial"] {
        std::fs::create_dir_all(at(name))?;
    }
    // No package is installed there, so that all that is needed comes along, the C library too.
    std::fs::write(at("status"), "")?;
    std::fs::write(
        at("sources.list"),
        format!("deb [arch=amd64] http://deb.debian.org/debian {SUITE} main\n"),
    )?;
    std::fs::write(
        at("apt.conf"),
        format!(
            "Dir::State \"{0}\";\nDir::State::status \"{0}/status\";\nDir::State::lists \"{0}/lists\";\nDir::Cache \"{0}\";\n\
             Dir::Cache::archives \"{0}/archives\";\nDir::Etc::sourcelist \"{0}/sources.list\";\n\
             Dir::Etc::sourceparts \"/dev/null\";\nAPT::Sandbox::User \"\";\n",
            work.path().display()
        ),
    )?;
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("APT_CONFIG", at("apt.conf")).args(["-qq", "-y"]).args(arguments);
        // Where `download` puts packages.
        command.current_dir(at("archives"));
        process::must(&mut command, FETCH_LIMIT)
    };
    apt(&["update"])?;
    apt(download)?;
    let root = at("root");
    for entry in std::fs::read_dir(at("archives"))? {
        let package = entry?.path();
        if package.extension().is_some_and(|extension| extension == "deb") {
            process::must(Command::new("dpkg").arg("-x").arg(&package).arg(&root), LIMIT)?;
        }
    }
    let target = folder.join("root");
    match std::fs::rename(&root, &target) {
        Err(_) if target.is_dir() => Ok(()),
        result => result.with_context(|| format!("moving python3.14 to {}", target.display())),
    }
}

/// It needs its own C library, which only its own loader starts.
fn start_script(root: &Path, command: &Path) -> Result<()> {
    let usr = root.join("usr");
    let usr = usr.to_str().context("target is not UTF-8")?;
    ensure!(!usr.contains('\''), "target has a quote in its name: {usr}");
    let text = format!(
        "#!/bin/sh\nPYTHONHOME='{usr}' exec '{usr}/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2' \
         --library-path '{usr}/lib/x86_64-linux-gnu' '{usr}/bin/python3.14' \"$@\"\n"
    );
    let new = command.with_extension("new");
    std::fs::write(&new, text)?;
    process::must(Command::new("chmod").arg("+x").arg(&new), LIMIT)?;
    process::must(Command::new(&new).args(["-c", "import compression.zstd, ctypes"]), LIMIT)?;
    Ok(std::fs::rename(new, command)?)
}
