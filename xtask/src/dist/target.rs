//! The packages of one target that Zig links for: archive, wheel, and the list of parts.

use super::package::{self, Library};
use super::{archive, name, sbom, wheel};
use crate::targets::Target;
use anyhow::Result;
use std::path::{Path, PathBuf};

/// Files of `dist`.
pub(crate) struct Package {
    pub(crate) target: &'static Target,
    pub(crate) archive: PathBuf,
    pub(crate) wheel: PathBuf,
    /// The parts of the library, for machines to read.
    pub(crate) sbom: PathBuf,
}

impl Package {
    pub(super) fn files(&self) -> [&Path; 3] {
        [&self.archive, &self.wheel, &self.sbom].map(PathBuf::as_path)
    }
}

/// From the folder that cargo built in; the library, for the packages that hold several.
pub(super) fn make(
    target: &'static Target,
    built: &Path,
    builds: &Path,
    folder: &Path,
) -> Result<(Package, Library)> {
    let entries = package::of(target, built)?;
    let name = name(target.name)?;
    let library = Library::of(&entries)?;
    let package = Package {
        target,
        archive: folder.join(format!("{name}.tar.gz")),
        wheel: wheel::make(&library, &target.wheel(), builds, folder)?,
        sbom: folder.join(format!("{name}.cdx.json")),
    };
    archive::tar_gz(&entries, &name, &package.archive)?;
    sbom::write(target.triple, &package.sbom)?;
    Ok((package, library))
}
