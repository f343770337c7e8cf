//! Suite "mpi": the examples for several machines, with real ranks of MPICH and of Open MPI on this one. What
//! they make does not depend on the number of ranks; a rank that fails or is killed ends all of them.

use super::{ahead, Case, Context};
use crate::setup::Setup;
use crate::stage::Staged;
use crate::{demo, process, repo};
use anyhow::{ensure, Context as _, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Ranks that wait for each other for ever are a failure.
const LIMIT: Duration = Duration::from_secs(120);

const WARNINGS: [&str; 6] = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// The last two are more than there are CPUs.
const RANKS: [usize; 3] = [1, 2, 4];

/// Of `pack_mpi`: MiB of a part, which is two frames, and how many parts there are.
const PART: usize = 8;
const PARTS: usize = 5;

/// As Debian names the programs, which can be installed beside each other.
struct Mpi {
    name: &'static str,
    compiler: &'static str,
    starter: &'static str,
    arguments: &'static [&'static str],
}

const KINDS: [Mpi; 2] = [
    Mpi {
        name: "MPICH",
        compiler: "mpicc.mpich",
        starter: "mpiexec.mpich",
        arguments: &["-bind-to", "none"],
    },
    Mpi {
        name: "Open MPI",
        compiler: "mpicc.openmpi",
        starter: "mpiexec.openmpi",
        arguments: &["--bind-to", "none", "--oversubscribe"],
    },
];

/// Installs what it needs. What is missing then is told by `run`.
pub(super) fn install(setup: &Setup) {
    setup.install_if_missing(&KINDS.map(|mpi| [mpi.compiler, mpi.starter]).concat());
}

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    context.build(ahead::MPI)?;
    let mut cases = Vec::new();
    let mut inputs = None;
    for mpi in &KINDS {
        if let Some(reason) = context.setup.missing(&["gcc", "zstd", mpi.compiler, mpi.starter]) {
            cases.push(Case::skipped(mpi.name, reason));
            continue;
        }
        let staged = context.staged()?;
        if inputs.is_none() {
            inputs = Some(Inputs::make(staged)?);
        }
        let inputs = inputs.as_ref().context("just made")?;
        let programs = Programs::build(mpi, staged, inputs)?;
        let mut case = |what: &str, check: &dyn Fn() -> Result<()>| {
            cases.push(Case::of(format!("{}: {what}", mpi.name), check));
        };
        case("the same bars", &|| programs.bars());
        case("a damaged file", &|| programs.damaged());
        case("the same archive", &|| programs.packs());
        case("a rank is killed", &|| programs.killed());
        case("one file by all ranks", &|| programs.writes());
    }
    Ok(cases)
}

/// What one process makes.
struct Inputs {
    /// Of all the files.
    _folder: tempfile::TempDir,
    trades: Vec<PathBuf>,
    /// The first bars, as `trades` prints them.
    bars: String,
    /// A file, and what it is compressed to.
    plain: PathBuf,
    packed: Vec<u8>,
}

impl Inputs {
    fn make(staged: &Staged) -> Result<Self> {
        let folder = repo::scratch("mpi")?;
        let program = |name: &str| -> Result<PathBuf> {
            let program = folder.join(name);
            demo::compile(staged, &format!("examples/c/{name}.c"), "gcc", &program)?;
            Ok(program)
        };
        let (trades, fpz) = (program("trades")?, program("fpz")?);
        let temporary = tempfile::tempdir_in(&folder)?;
        let files = temporary.path();
        let told = process::must(Command::new(trades).arg(files).args(["3", "150000"]), LIMIT)?;
        let bars = told.lines().filter(|line| line.starts_with("minute ")).map(|line| format!("{line}\n"));
        let plain = files.join("plain");
        // Not a whole number of parts, nor of frames.
        let mut data = std::fs::read(demo::largest_compiler_library()?)?;
        data.truncate(((PARTS * PART) << 20) - 12_345);
        std::fs::write(&plain, data)?;
        let packed = files.join("whole.zst");
        process::must(Command::new(fpz).arg("-q").arg(&plain).arg("-o").arg(&packed), LIMIT)?;
        let packed = std::fs::read(packed)?;
        let trades = (0..3).map(|number| files.join(format!("trades-{number}.zst"))).collect();
        Ok(Self { bars: bars.collect(), trades, plain, packed, _folder: temporary })
    }
}

/// The examples, built for one of the kinds.
struct Programs<'a> {
    mpi: &'a Mpi,
    inputs: &'a Inputs,
    folder: PathBuf,
}

impl<'a> Programs<'a> {
    fn build(mpi: &'a Mpi, staged: &Staged, inputs: &'a Inputs) -> Result<Self> {
        let folder = repo::scratch(&format!("mpi/{}", mpi.compiler))?;
        for name in ["trades_mpi", "pack_mpi", "write_mpi"] {
            let mut command = Command::new(mpi.compiler);
            command.args(WARNINGS).arg(repo::root().join(format!("examples/c/{name}.c")));
            command.args(staged.link_arguments()).arg("-o").arg(folder.join(name));
            process::must(&mut command, LIMIT)?;
        }
        let mut command = Command::new("gcc");
        command.args(WARNINGS).args(["-shared", "-fPIC"]).arg(repo::root().join("tests/mpi/killed.c"));
        command.arg("-I").arg(&staged.include).arg("-o").arg(folder.join("killed.so")).arg("-ldl");
        process::must(&mut command, LIMIT)?;
        Ok(Self { mpi, inputs, folder })
    }

    /// A program with so many ranks.
    fn start(&self, ranks: usize, program: &str) -> Command {
        let mut command = Command::new(self.mpi.starter);
        command.args(self.mpi.arguments).args(["-n", &ranks.to_string()]).arg(self.folder.join(program));
        // Containers have one user.
        for name in ["OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] {
            command.env(name, "1");
        }
        command.env("FASTPAR_THREADS", "2");
        command
    }

    fn bars(&self) -> Result<()> {
        let mut first = None;
        for ranks in RANKS {
            let told = process::must(self.start(ranks, "trades_mpi").args(&self.inputs.trades), LIMIT)?;
            ensure!(
                told.starts_with(&self.inputs.bars) && told.lines().count() == 8,
                "{ranks} ranks:\n{told}"
            );
            ensure!(*first.get_or_insert_with(|| told.clone()) == told, "{ranks} ranks: other bars:\n{told}");
        }
        Ok(())
    }

    /// In the middle of a file, where another rank than the first finds it.
    fn damaged(&self) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("damaged.zst");
        let mut bytes = std::fs::read(&self.inputs.trades[1])?;
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x55;
        std::fs::write(&file, bytes)?;
        for ranks in RANKS {
            let mut command = self.start(ranks, "trades_mpi");
            let finished = process::run(command.arg(&self.inputs.trades[0]).arg(&file), LIMIT)?;
            let told = finished.status.is_some() && !finished.success();
            let place = finished.output.split_once(" at byte ").and_then(|(_, rest)| rest.split_once(':'));
            let place = place.and_then(|(place, _)| place.parse::<usize>().ok());
            ensure!(
                told && finished.output.contains("damaged.zst: ")
                    && place.is_some_and(|place| place <= middle),
                "{ranks} ranks:\n{}",
                finished.describe()
            );
        }
        Ok(())
    }

    fn pack(&self, ranks: usize, target: &Path) -> Command {
        let mut command = self.start(ranks, "pack_mpi");
        command.arg(&self.inputs.plain).arg(target).args(["3", &PART.to_string()]);
        command
    }

    fn packs(&self) -> Result<()> {
        for ranks in RANKS {
            let folder = tempfile::tempdir()?;
            let target = folder.path().join("target.zst");
            let told = process::must(&mut self.pack(ranks, &target), LIMIT)?;
            ensure!(told.contains(&format!("{PARTS} parts, 0 of them of a run before")), "{told}");
            ensure!(std::fs::read(&target)? == self.inputs.packed, "{ranks} ranks: other bytes");
            ensure!(std::fs::read_dir(folder.path())?.count() == 1, "{ranks} ranks: more than the target");
        }
        let folder = tempfile::tempdir()?;
        let target = folder.path().join("target.zst");
        let mut command = self.start(2, "pack_mpi");
        let finished = process::run(command.arg(folder.path().join("missing")).arg(&target), LIMIT)?;
        let told = finished.status.is_some() && !finished.success() && finished.output.contains("missing: ");
        ensure!(told && !target.exists(), "{}", finished.describe());
        self.no_place()
    }

    /// The last part cannot be made, whichever rank has it: what that rank says arrives.
    fn no_place(&self) -> Result<()> {
        let last = ((PARTS - 1) * PART) << 20;
        let size = std::fs::metadata(&self.inputs.plain)?.len() as usize - last;
        for ranks in RANKS {
            let folder = tempfile::tempdir()?;
            let target = folder.path().join("target.zst");
            let part = format!("3-{last}-{size}.zst");
            std::fs::create_dir_all(folder.path().join("target.zst.parts").join(&part))?;
            let finished = process::run(&mut self.pack(ranks, &target), LIMIT)?;
            let told = finished.status.is_some() && !finished.success() && finished.output.contains(&part);
            ensure!(told && !target.exists(), "{ranks} ranks: {}", finished.describe());
        }
        Ok(())
    }

    /// What it has finished is not made again, by another number of ranks either; what is of another source
    /// is.
    fn killed(&self) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let target = folder.path().join("target.zst");
        let parts = folder.path().join("target.zst.parts");
        let mut command = self.pack(2, &target);
        command.env("LD_PRELOAD", self.folder.join("killed.so")).env("KILLED_RANK", "1");
        let finished = process::run(&mut command, LIMIT)?;
        ensure!(finished.status.is_some() && !finished.success(), "{}", finished.describe());
        ensure!(!target.exists(), "there is a target");
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&parts)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if !name.starts_with('.') {
                names.push(name);
            }
        }
        // The killed rank has made one, the other has made some.
        ensure!((1..PARTS).contains(&names.len()), "{names:?}");
        let told = process::must(&mut self.pack(4, &target), LIMIT)?;
        let expected = format!("{PARTS} parts, {} of them of a run before", names.len());
        ensure!(told.contains(&expected), "{names:?}: {told}");
        ensure!(std::fs::read(&target)? == self.inputs.packed, "other bytes");
        std::fs::create_dir(&parts)?;
        std::fs::write(parts.join(&names[0]), "of another source")?;
        let told = process::must(&mut self.pack(1, &target), LIMIT)?;
        ensure!(told.contains(&format!("{PARTS} parts, 0 of them of a run before")), "{told}");
        ensure!(std::fs::read(&target)? == self.inputs.packed, "other bytes");
        ensure!(std::fs::read_dir(folder.path())?.count() == 1, "more than the target");
        Ok(())
    }

    fn writes(&self) -> Result<()> {
        const ROWS: &str = "300000";
        let folder = tempfile::tempdir()?;
        let mut first = None;
        for ranks in RANKS {
            let target = folder.path().join(format!("{ranks}.zst"));
            process::must(self.start(ranks, "write_mpi").arg(&target).arg(ROWS), LIMIT)?;
            let listed = process::must(Command::new("zstd").arg("-lv").arg(&target), LIMIT)?;
            // The seek table is a skippable frame.
            ensure!(
                listed.contains("Zstandard Frames: 5") && listed.contains("Skippable Frames: 1"),
                "{listed}"
            );
            process::must(Command::new("zstd").arg("-tq").arg(&target), LIMIT)?;
            let bytes = std::fs::read(&target)?;
            ensure!(*first.get_or_insert_with(|| bytes.clone()) == bytes, "{ranks} ranks: other bytes");
        }
        ensure!(std::fs::read_dir(folder.path())?.count() == RANKS.len(), "more than the targets");
        Ok(())
    }
}
