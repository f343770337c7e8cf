//! Programs of `tests/c` and `tests/cpp`, built and run for another target than that of this machine: for the
//! suites "aarch64" and "musl".

use super::abi::WARNINGS;
use super::cpp::{each, stem, MORE_WARNINGS};
use super::{lines, Case};
use crate::setup::Setup;
use crate::targets::{self, Effort, Target};
use crate::{abi, header::Header, process, repo, stage};
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const COMPILE_LIMIT: Duration = Duration::from_secs(180);
/// Of a program that hangs.
const RUN_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Builds the library for the tests, which cost little: the packages have another. Where it is then; the
/// reason, where that is not possible.
pub(super) fn build(setup: &Setup, target: &Target) -> Result<std::result::Result<PathBuf, String>> {
    targets::build(setup, target, Effort::Little, &repo::scratch("targets")?)
}

/// Where programs are built and run.
pub(super) struct Bench {
    /// Holds the library by the names that linkers and programs know.
    pub(super) lib: PathBuf,
    folder: PathBuf,
}

/// A way to build and run programs.
pub(super) struct How<'a> {
    pub(super) name: &'a str,
    pub(super) compiler: &'a str,
    pub(super) flags: &'a [&'a str],
    /// What starts the programs.
    pub(super) runner: &'a [&'a str],
}

impl Bench {
    /// With the library that was built.
    pub(super) fn new(target: &Target, built: &Path) -> Result<Self> {
        let root = repo::scratch("targets")?.join("programs").join(target.name);
        let bench = Self { lib: root.join("lib"), folder: root.join("bin") };
        std::fs::create_dir_all(&bench.lib)?;
        std::fs::create_dir_all(&bench.folder)?;
        stage::replace(&built.join(target.built()), &bench.shared(target))?;
        repo::link(Path::new(target.library()), &bench.lib.join(target.built()))?;
        Ok(bench)
    }

    /// The library, by the name that programs load.
    pub(super) fn shared(&self, target: &Target) -> PathBuf {
        self.lib.join(target.library())
    }

    /// Builds programs side by side and runs one after the other.
    pub(super) fn all(&self, target: &Target, how: &How<'_>, sources: &[PathBuf]) -> Result<Vec<Case>> {
        let built = each(sources, |source| self.compile(how, source));
        let mut cases = Vec::new();
        for (source, built) in sources.iter().zip(built) {
            let name = format!("{}, {}", how.name, stem(source));
            match built {
                Ok(program) => {
                    let mut command = self.command(how, &program);
                    command.env("FASTPAR_LIBRARY", self.shared(target));
                    cases.extend(lines::program(&name, &process::run(&mut command, RUN_LIMIT)?));
                }
                Err(error) => cases.push(Case::failed(name, format!("{error:#}"))),
            }
        }
        Ok(cases)
    }

    /// Where the program of a source is built.
    pub(super) fn program(&self, name: &str, source: &Path) -> PathBuf {
        self.folder.join(format!("{}-{}", stem(source), name.replace('+', "p")))
    }

    fn command(&self, how: &How<'_>, program: &Path) -> Command {
        let mut command = match how.runner {
            [] => Command::new(program),
            [runner, arguments @ ..] => {
                let mut command = Command::new(runner);
                command.args(arguments).arg(program);
                command
            }
        };
        command.current_dir(&self.folder); // some write files
        command.env("LD_LIBRARY_PATH", &self.lib).env_remove("FASTPAR_THREADS");
        command
    }

    fn compile(&self, how: &How<'_>, source: &Path) -> Result<PathBuf> {
        let program = self.program(how.name, source);
        let mut command = Command::new(how.compiler);
        command.args(how.flags).args(WARNINGS).arg("-pthread");
        if source.extension().is_some_and(|extension| extension == "cpp") {
            command.args(MORE_WARNINGS);
        }
        command.arg("-I").arg(repo::root().join("tests/c")).arg("-I").arg(repo::root().join("include"));
        command.arg(source).arg("-L").arg(&self.lib).args(["-lfastpar", "-lm", "-o"]).arg(&program);
        process::must(&mut command, COMPILE_LIMIT)?;
        Ok(program)
    }
}

/// The library as the loader sees it: the header's functions, and these libraries at the most.
pub(super) fn image(library: &Path, needed: &[&str]) -> Result<Vec<Case>> {
    let (exported, declared) = (abi::exports(library)?, abi::declared(&Header::committed()?));
    let differences = exported.symmetric_difference(&declared);
    let differences = differences.map(|name| format!("{name}: exported or declared, not both")).collect();
    let mut readelf = Command::new("readelf");
    let dynamic = process::must(readelf.arg("-dW").arg(library), COMPILE_LIMIT).context("readelf")?;
    let mut complaints = Vec::new();
    for line in dynamic.lines().filter(|line| line.contains("(NEEDED)")) {
        if !needed.iter().any(|name| line.contains(&format!("[{name}]"))) {
            complaints.push(format!("needs {}", line.trim()));
        }
    }
    for wanted in ["NODELETE", "NOW", "[libfastpar.so.1]"] {
        if !dynamic.contains(wanted) {
            complaints.push(format!("no {wanted}"));
        }
    }
    Ok(vec![
        Case::checked("exports are the header's functions", differences),
        Case::checked("needs the C library only, and stays loaded", complaints),
    ])
}
