//! Building the drivers and the peers.

use crate::stage::Staged;
use crate::{process, repo, setup};
use anyhow::{bail, Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(300);

/// What must be there, and the Debian package that brings it.
const NEEDED: [(&str, &str); 8] = [
    ("/usr/bin/gcc", "gcc"),
    ("/usr/bin/g++", "g++"),
    ("/usr/bin/clang", "clang"),
    ("/usr/lib/x86_64-linux-gnu/libomp.so.5", "libomp-dev"),
    ("/usr/include/tbb/parallel_for.h", "libtbb-dev"),
    ("/usr/include/pthreadpool.h", "libpthreadpool-dev"),
    ("/usr/bin/zstd", "zstd"),
    ("/usr/bin/pzstd", "zstd"),
];

/// How everything of C and C++ is compiled.
pub(super) const FLAGS: [&str; 3] = ["-O2", "-Wall", "-Wextra"];

/// A folder with the driver and a shared object per peer.
pub(super) struct Loops {
    pub(super) driver: PathBuf,
    pub(super) peers: PathBuf,
}

/// Builds the loop benchmark.
pub(super) fn loops(staged: &Staged) -> Result<Loops> {
    require()?;
    let dir = repo::scratch("bench")?;
    let sources = repo::root().join("benches/loops");
    let driver = dir.join("loops");
    compile("gcc", &sources.join("driver.c"), &driver, staged, &["-ldl", "-lpthread"])?;
    let [_, folder, library, path] = staged.link_arguments();
    for (compiler, source, name, extra) in [
        ("gcc", "serial.c", "serial", &[][..]),
        ("gcc", "openmp.c", "libgomp", &["-fopenmp"][..]),
        ("clang", "openmp.c", "libomp", &["-fopenmp"][..]),
        ("g++", "tbb.cpp", "oneTBB", &["-std=c++17", "-ltbb"][..]),
        ("gcc", "pthreadpool.c", "pthreadpool", &["-lpthreadpool"][..]),
        ("gcc", "fastpar.c", "fastpar", &[&*folder, &*library, &*path][..]),
    ] {
        let mut arguments = vec!["-shared", "-fPIC"];
        arguments.extend(extra);
        let object = dir.join(name).with_extension("so");
        compile(compiler, &sources.join("peers").join(source), &object, staged, &arguments)?;
    }
    process::must(repo::cargo().args(["build", "--release", "--package", "rayon-peer"]), LIMIT)?;
    std::fs::copy(repo::target().join("release/librayon_peer.so"), dir.join("rayon.so"))?;
    Ok(Loops { driver, peers: dir })
}

/// Builds the benchmark of tasks.
pub(super) fn tasks(staged: &Staged) -> Result<Loops> {
    require()?;
    let dir = repo::scratch("bench")?;
    let sources = repo::root().join("benches/tasks");
    let driver = dir.join("tasks");
    compile("gcc", &sources.join("driver.c"), &driver, staged, &["-ldl", "-lpthread"])?;
    let [_, folder, library, path] = staged.link_arguments();
    for (compiler, source, peer, extra) in [
        ("gcc", "openmp.c", "libgomp", &["-fopenmp"][..]),
        ("g++", "tbb.cpp", "oneTBB", &["-std=c++17", "-ltbb"][..]),
        ("g++", "std.cpp", "std::par", &["-std=c++17", "-ltbb"][..]),
        ("g++", "fastpar.cpp", "fastpar", &["-std=c++17", &*folder, &*library, &*path][..]),
    ] {
        let mut arguments = vec!["-shared", "-fPIC"];
        arguments.extend(extra);
        let object = dir.join(super::tasks::file(peer)).with_extension("so");
        compile(compiler, &sources.join("peers").join(source), &object, staged, &arguments)?;
    }
    process::must(repo::cargo().args(["build", "--release", "--package", "rayon-tasks-peer"]), LIMIT)?;
    let rayon = dir.join(super::tasks::file("rayon")).with_extension("so");
    std::fs::copy(repo::target().join("release/librayon_tasks_peer.so"), rayon)?;
    Ok(Loops { driver, peers: dir })
}

/// Builds the codec benchmark.
pub(super) fn codec(staged: &Staged) -> Result<PathBuf> {
    beside_libzstd("benches/codec/driver.c", "codec", staged)
}

/// Builds what measures memory; its sums and means are vectors.
pub(super) fn kernels(staged: &Staged) -> Result<PathBuf> {
    program("gcc", "benches/loops/kernels.c", "kernels", staged, &["-O3"])
}

/// Builds what measures the constants of the simulation.
pub(super) fn constants(staged: &Staged) -> Result<PathBuf> {
    program("gcc", "benches/simulation/constants.c", "constants", staged, &[])
}

/// Builds what counts helpers.
pub(super) fn helpers(staged: &Staged) -> Result<PathBuf> {
    program("gcc", super::helpers::SOURCE, "helpers", staged, &[])
}

/// Builds what measures callbacks and calls from C and C++.
pub(super) fn native(staged: &Staged) -> Result<PathBuf> {
    program("g++", "benches/bindings/native.cpp", "native", staged, &["-std=c++20", "-ltbb"])
}

/// A program of fastpar.
fn program(compiler: &str, source: &str, name: &str, staged: &Staged, extra: &[&str]) -> Result<PathBuf> {
    require()?;
    let program = repo::scratch("bench")?.join(name);
    let [_, folder, library, path] = staged.link_arguments();
    let arguments = [&[&*folder, &library, &path, "-lpthread"], extra].concat();
    compile(compiler, &repo::root().join(source), &program, staged, &arguments)?;
    Ok(program)
}

/// Builds what measures small calls.
pub(super) fn small(staged: &Staged) -> Result<PathBuf> {
    beside_libzstd("benches/codec/small.c", "small", staged)
}

/// Builds what measures one frame.
pub(super) fn frame(staged: &Staged) -> Result<PathBuf> {
    beside_libzstd("benches/codec/frame.c", "frame", staged)
}

/// Builds what measures scans.
pub(super) fn scan(staged: &Staged) -> Result<PathBuf> {
    program("gcc", "benches/codec/scan.c", "scan", staged, &[])
}

/// What measures files, batches and archives.
pub(super) struct Files {
    /// Runs a program and tells its time and memory.
    pub(super) program: PathBuf,
    /// The command-line tool of the examples.
    pub(super) fpz: PathBuf,
    /// Batches and archives.
    pub(super) parts: PathBuf,
}

/// Builds them.
pub(super) fn files(staged: &Staged) -> Result<Files> {
    Ok(Files {
        program: beside_libzstd("benches/codec/program.c", "program", staged)?,
        fpz: beside_libzstd("examples/c/fpz.c", "fpz", staged)?,
        parts: beside_libzstd("benches/codec/parts.c", "parts", staged)?,
    })
}

/// A program of fastpar and of the libzstd that fastpar itself is built with.
fn beside_libzstd(source: &str, name: &str, staged: &Staged) -> Result<PathBuf> {
    let (library, header) = bundled_libzstd()?;
    let (library, header) = (library.display().to_string(), format!("-I{}", header.display()));
    program("gcc", source, name, staged, &[&header, &library])
}

fn compile(compiler: &str, source: &Path, output: &Path, staged: &Staged, extra: &[&str]) -> Result<()> {
    let mut command = Command::new(compiler);
    command.args(FLAGS).arg(format!("-I{}", staged.include.display()));
    // Libraries come after what needs them.
    command.arg(source).arg("-o").arg(output).args(extra);
    process::must(&mut command, LIMIT).map(drop)
}

/// The archive that the newest build of zstd-sys made, and the folder of its header.
fn bundled_libzstd() -> Result<(PathBuf, PathBuf)> {
    let mut archives = Vec::new();
    for entry in std::fs::read_dir(repo::target().join("release/build"))? {
        let archive = entry?.path().join("out/libzstd.a");
        if archive.to_string_lossy().contains("/zstd-sys-") {
            if let Ok(modified) = archive.metadata().and_then(|data| data.modified()) {
                archives.push((modified, archive));
            }
        }
    }
    let (_, archive) = archives.into_iter().max().context("zstd-sys has built no libzstd.a")?;
    let folder = archive.parent().map(|out| out.join("include")).filter(|include| include.is_dir());
    Ok((archive, folder.context("zstd-sys left no header beside libzstd.a")?))
}

/// Installs what is missing, where that is possible.
fn require() -> Result<()> {
    let missing = |row: &&(&str, &'static str)| !Path::new(row.0).exists();
    let packages: Vec<_> = NEEDED.iter().filter(missing).map(|row| row.1).collect();
    if packages.is_empty() {
        return Ok(());
    }
    setup::install(&packages);
    match NEEDED.iter().find(missing) {
        Some((file, package)) => bail!("{file} is missing (Debian: apt-get install {package})"),
        None => Ok(()),
    }
}
