//! `cargo xtask build`: the release library, laid out as programs link it.

use crate::{process, repo};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;

const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);

/// The folders that a C compiler is pointed at.
pub(crate) struct Staged {
    pub(crate) include: PathBuf,
    pub(crate) lib: PathBuf,
}

impl Staged {
    /// The shared library, by the name that programs load.
    pub(crate) fn shared(&self) -> PathBuf {
        self.lib.join("libfastpar.so.1")
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.lib.join("libfastpar.a")
    }

    /// Compiler arguments to include the header and to link and find the shared library.
    pub(crate) fn link_arguments(&self) -> [String; 4] {
        let lib = self.lib.display();
        [
            format!("-I{}", self.include.display()),
            format!("-L{lib}"),
            "-lfastpar".into(),
            format!("-Wl,-rpath,{lib}"),
        ]
    }
}

/// Builds the release library and lays it out in `target/fastpar`.
pub(crate) fn stage() -> Result<Staged> {
    process::must(repo::cargo().args(["build", "--release", "--lib", "--package", "fastpar"]), BUILD_LIMIT)?;
    let root = repo::target().join("fastpar");
    let staged = Staged { include: root.join("include"), lib: root.join("lib") };
    std::fs::create_dir_all(&staged.lib)?;
    let built = repo::target().join("release");
    replace(&built.join("libfastpar.so"), &staged.shared())?;
    replace(&built.join("libfastpar.a"), &staged.archive())?;
    replace_all(&repo::root().join("include"), &staged.include)?;
    #[cfg(unix)]
    {
        let link = staged.lib.join("libfastpar.so");
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink("libfastpar.so.1", &link)?;
    }
    Ok(staged)
}

/// Copies the files of a folder and of the folders in it.
pub(crate) fn replace_all(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let copy = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            replace_all(&entry.path(), &copy)?;
        } else {
            replace(&entry.path(), &copy)?;
        }
    }
    Ok(())
}

/// Copies a file in one step: programs that run with the old one go on with it.
pub(crate) fn replace(from: &Path, to: &Path) -> Result<()> {
    let temporary = to.with_extension("new");
    std::fs::copy(from, &temporary).with_context(|| format!("copying {}", from.display()))?;
    Ok(std::fs::rename(&temporary, to)?)
}

/// Builds, and tells where things are.
pub(crate) fn run() -> Result<()> {
    let staged = stage()?;
    let shown = |path: &Path| path.strip_prefix(repo::root()).unwrap_or(path).display().to_string();
    println!("header:          {}", shown(&staged.include.join("fastpar.h")));
    println!("shared library:  {}", shown(&staged.shared()));
    println!("static library:  {}", shown(&staged.archive()));
    Ok(())
}
