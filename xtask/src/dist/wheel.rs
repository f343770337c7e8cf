//! Python wheels: the package with the library beside it, made by hatchling.

use super::Library;
use crate::pypi::Packages;
use crate::stage::{replace, replace_all};
use crate::{process, repo};
use anyhow::{ensure, Context, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const HATCHLING: &str = "hatchling==1.33.0";
const LIMIT: Duration = Duration::from_secs(60);

/// The file name of a wheel for this platform.
pub(crate) fn name(platform: &str) -> Result<String> {
    let [major, minor, patch] = repo::version()?;
    Ok(format!("fastpar-{major}.{minor}.{patch}-py3-none-{platform}.whl"))
}

/// Makes the wheel in `folder`. hatchling sorts the files and gives them all the same time.
pub(super) fn make(library: &Library, platform: &str, builds: &Path, folder: &Path) -> Result<PathBuf> {
    let tools = Packages::get(&[HATCHLING])?;
    // The places are those of the repository, with the licences beside the project.
    let root = builds.join("wheel").join(platform);
    if root.exists() {
        std::fs::remove_dir_all(&root)?;
    }
    let project = root.join("bindings/python");
    replace_all(&repo::root().join("bindings/python"), &project)?;
    replace(&repo::root().join("Cargo.toml"), &root.join("Cargo.toml"))?;
    for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
        replace(&repo::root().join(name), &project.join(name))?;
    }
    std::fs::write(project.join("LICENSES-OF-PARTS"), &library.licenses)?;
    let file = root.join(library.name);
    std::fs::write(&file, &library.bytes)?;
    let mut hatchling = tools.python();
    hatchling.args(["-m", "hatchling", "build", "--target", "wheel", "--directory"]).arg(folder);
    hatchling.env("FASTPAR_WHEEL_LIBRARY", &file).env("FASTPAR_WHEEL_PLATFORM", platform);
    hatchling.env_remove("SOURCE_DATE_EPOCH");
    process::must(hatchling.current_dir(&project), LIMIT).context("the wheel")?;
    let wheel = folder.join(name(platform)?);
    ensure!(wheel.is_file(), "hatchling did not make {}", wheel.display());
    Ok(wheel)
}
