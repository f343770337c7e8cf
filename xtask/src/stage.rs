//! `cargo xtask build`: the release library, laid out as programs link it.

use crate::{process, repo};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;

const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);

/// The files that cargo builds on this system, and where they are laid out: the shared library, the static
/// library, and the import library of Windows.
const FILES: &[(&str, &str)] = if cfg!(target_os = "macos") {
    &[("libfastpar.dylib", "lib/libfastpar.1.dylib"), ("libfastpar.a", "lib/libfastpar.a")]
} else if cfg!(target_env = "msvc") {
    &[
        ("fastpar.dll", "bin/fastpar.dll"),
        ("fastpar.lib", "lib/fastpar_static.lib"),
        ("fastpar.dll.lib", "lib/fastpar.lib"),
    ]
} else if cfg!(windows) {
    &[
        ("fastpar.dll", "bin/fastpar.dll"),
        ("libfastpar.a", "lib/libfastpar.a"),
        ("libfastpar.dll.a", "lib/libfastpar.dll.a"),
    ]
} else {
    &[("libfastpar.so", "lib/libfastpar.so.1"), ("libfastpar.a", "lib/libfastpar.a")]
};

/// The folders that a C compiler is pointed at.
pub(crate) struct Staged {
    pub(crate) include: PathBuf,
    pub(crate) lib: PathBuf,
}

impl Staged {
    /// The shared library, by the name that programs load.
    pub(crate) fn shared(&self) -> PathBuf {
        self.lib.with_file_name(FILES[0].1)
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.lib.with_file_name(FILES[1].1)
    }

    /// The import library: programs for Windows are linked with it instead of the shared library.
    pub(crate) fn import_library(&self) -> PathBuf {
        self.lib.join(if cfg!(target_env = "msvc") { "fastpar.lib" } else { "libfastpar.dll.a" })
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

/// Builds the release library.
pub(crate) fn build() -> Result<()> {
    let arguments = ["build", "--release", "--lib", "--package", "fastpar"];
    process::must(repo::cargo().args(arguments), BUILD_LIMIT).map(drop)
}

/// Builds the release library and lays it out in `target/fastpar`.
pub(crate) fn stage() -> Result<Staged> {
    build()?;
    let root = repo::target().join("fastpar");
    let staged = Staged { include: root.join("include"), lib: root.join("lib") };
    let built = repo::target().join("release");
    for (name, place) in FILES {
        let place = root.join(place);
        std::fs::create_dir_all(place.parent().unwrap_or(&root))?;
        replace(&built.join(name), &place)?;
    }
    replace_all(&repo::root().join("include"), &staged.include)?;
    if cfg!(unix) {
        let name = staged.shared().file_name().context("a library has a name")?.to_owned();
        repo::link(Path::new(&name), &staged.lib.join(FILES[0].0))?;
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

/// Builds, and prints where the files are.
pub(crate) fn run() -> Result<()> {
    let staged = stage()?;
    let shown = |path: &Path| path.strip_prefix(repo::root()).unwrap_or(path).display().to_string();
    println!("header:          {}", shown(&staged.include.join("fastpar.h")));
    println!("shared library:  {}", shown(&staged.shared()));
    println!("static library:  {}", shown(&staged.archive()));
    Ok(())
}
