//! Where the repository is, and what it is called.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository")
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// A folder under `target` for the tool's own files.
pub(crate) fn scratch(name: &str) -> Result<PathBuf> {
    let dir = target().join("xtask").join(name);
    std::fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
    Ok(dir)
}

/// The cargo that runs this tool.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // In CI nothing is built a second time, and what only later builds use takes time and space.
    if std::env::var("CI").is_ok_and(|value| value == "true") {
        command.env("CARGO_INCREMENTAL", "0");
    }
    command
}

/// For builds of the library alone that nobody runs: the profile of development optimizes what tests run.
/// All such builds share what the library depends on. (The tests depend on more, which asks libzstd for more
/// features.)
pub(crate) fn unoptimized() -> impl Iterator<Item = String> {
    let parts = ["fastpar", "rayon-core", "zstd-sys"];
    parts.into_iter().flat_map(|part| ["--config".into(), format!("profile.dev.package.{part}.opt-level=0")])
}

/// The version in Cargo.toml: major, minor, patch.
pub(crate) fn version() -> Result<[u32; 3]> {
    let manifest: toml::Table = read("Cargo.toml")?.parse().context("Cargo.toml")?;
    let text = manifest.get("package").and_then(|package| package.get("version")).and_then(|v| v.as_str());
    let text = text.context("Cargo.toml has no package.version")?;
    let numbers: Vec<u32> = text.split('.').map(str::parse).collect::<Result<_, _>>().context("version")?;
    <[u32; 3]>::try_from(numbers).ok().with_context(|| format!("version {text} is not major.minor.patch"))
}

/// Reads a text file of the repository.
pub(crate) fn read(path: &str) -> Result<String> {
    std::fs::read_to_string(root().join(path)).with_context(|| format!("reading {path}"))
}

/// The files of a folder of the repository whose names end like that.
pub(crate) fn files(folder: &str, extension: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(root().join(folder)).with_context(|| format!("reading {folder}"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Makes a symbolic link, in place of one that is there.
#[cfg(unix)]
pub(crate) fn link(to: &Path, at: &Path) -> Result<()> {
    let _ = std::fs::remove_file(at);
    std::os::unix::fs::symlink(to, at).with_context(|| format!("linking {}", at.display()))
}

#[cfg(not(unix))]
pub(crate) fn link(_: &Path, at: &Path) -> Result<()> {
    anyhow::bail!("{} would be a symbolic link: what needs it runs on Linux", at.display())
}

/// For CARGO_ENCODED_RUSTFLAGS: the places of the sources on this machine do not get into what is built.
pub(crate) fn without_paths() -> String {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let mut flags = vec![format!("--remap-path-prefix={}=/fastpar", root().display())];
    flags.extend(home.map(|home| format!("--remap-path-prefix={}=/cargo", home.display())));
    flags.join("\x1f")
}
