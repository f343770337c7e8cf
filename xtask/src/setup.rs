//! The programs that the tests need: installed here where that is possible, else reported.

use crate::process;
use anyhow::Result;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Programs that the tests run, and the Debian packages that bring them.
const PROGRAMS: [(&str, &str); 11] = [
    ("gcc", "gcc"),
    ("g++", "g++"),
    ("clang", "clang"),
    ("clang++", "clang"),
    ("readelf", "binutils"),
    ("nm", "binutils"),
    ("strip", "binutils"),
    ("zstd", "zstd"),
    ("pzstd", "zstd"),
    ("python3", "python3"),
    ("pip3", "python3-pip"),
];

/// The same for large packages that few suites need: installed when a suite asks for them.
const LARGE: [(&str, &str); 23] = [
    ("abidw", "abigail-tools"),
    ("abidiff", "abigail-tools"),
    ("chromium", "chromium"),
    ("cmake", "cmake"),
    ("doxygen", "doxygen"),
    ("make", "make"),
    ("pkg-config", "pkg-config"),
    ("npm", "npm"),
    ("x86_64-w64-mingw32-gcc-posix", "gcc-mingw-w64-x86-64-posix"),
    ("x86_64-w64-mingw32-g++-posix", "g++-mingw-w64-x86-64-posix"),
    ("wineserver", "wine"),
    ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
    // It brings the C library, too.
    ("aarch64-linux-gnu-g++", "g++-aarch64-linux-gnu"),
    ("qemu-aarch64", "qemu-user"),
    ("musl-gcc", "musl-tools"),
    ("llvm-nm", "llvm"),
    ("llvm-ar", "llvm"),
    ("ld.lld", "lld"),
    // With the facade of netstandard, which mono-runtime has not.
    ("mono", "mono-devel"),
    ("mpicc.mpich", "libmpich-dev"),
    ("mpiexec.mpich", "mpich"),
    ("mpicc.openmpi", "libopenmpi-dev"),
    ("mpiexec.openmpi", "openmpi-bin"),
];

const LIMIT: Duration = Duration::from_secs(10 * 60);

/// What this machine allows.
#[derive(Clone)]
pub(crate) struct Setup {
    /// Everything can be installed here, so nothing may be skipped.
    pub(crate) ci: bool,
}

impl Setup {
    /// Looks, and installs what is missing.
    pub(crate) fn prepare() -> Result<Self> {
        let ci = std::env::var("CI").is_ok_and(|value| value == "true");
        if !cfg!(target_os = "linux") {
            return Ok(Self { ci }); // only the suite "native" runs there, which says itself what it lacks
        }
        let mut packages: Vec<_> =
            PROGRAMS.iter().filter(|(program, _)| !process::installed(program)).map(|row| row.1).collect();
        packages.dedup();
        if !packages.is_empty() {
            install(&packages);
        }
        install_components();
        Ok(Self { ci })
    }

    /// The reason to skip a test that needs these programs, if one is missing.
    pub(crate) fn missing(&self, programs: &[&str]) -> Option<String> {
        let program = programs.iter().find(|program| !process::installed(program))?;
        Some(format!("{program} is not installed (Debian: apt-get install {})", package(program)))
    }

    /// The same after an attempt to install them.
    pub(crate) fn install_if_missing(&self, programs: &[&str]) -> Option<String> {
        let absent: Vec<_> = programs
            .iter()
            .filter(|program| !process::installed(program))
            .map(|program| package(program))
            .collect();
        if !absent.is_empty() {
            install(&absent);
        }
        self.missing(programs)
    }
}

impl Setup {
    /// The reason to skip what is linked for 32 bits, if that does not work after an attempt to install it.
    pub(crate) fn linker_for_32_bits(&self) -> Option<String> {
        const PACKAGE: &str = "gcc-multilib";
        let works = || {
            let mut gcc = Command::new("gcc");
            gcc.args(["-m32", "-print-file-name=crt1.o"]).output().is_ok_and(|found| {
                std::path::Path::new(String::from_utf8_lossy(&found.stdout).trim()).is_absolute()
            })
        };
        if !works() {
            install(&[PACKAGE]);
        }
        (!works()).then(|| format!("gcc cannot link for 32 bits (Debian: apt-get install {PACKAGE})"))
    }
}

/// The Debian package of a program.
fn package(program: &str) -> &str {
    let mut known = PROGRAMS.iter().chain(&LARGE);
    known.find(|row| row.0 == program).map_or(program, |row| row.1)
}

/// To be held while something is installed: neither apt-get nor rustup waits for another of its kind.
pub(crate) fn installing() -> MutexGuard<'static, ()> {
    static INSTALLING: Mutex<()> = Mutex::new(());
    INSTALLING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Installs Debian packages, if this is root on such a system. What fails is reported by the tests that need
/// it.
pub(crate) fn install(packages: &[&str]) {
    let list = packages.join(" ");
    if !process::installed("apt-get") || !is_root() {
        println!("missing: {list}; tests that need it are skipped");
        return;
    }
    let _alone = installing();
    println!("installing {list}");
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(["-qq", "-o", "DPkg::Lock::Timeout=300"]).args(arguments);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        process::must(&mut command, LIMIT)
    };
    let install = [&["install", "-y", "--no-install-recommends"], packages].concat();
    if let Err(error) = apt(&["update"]).and_then(|_| apt(&install)) {
        println!("{error:#}");
    }
}

/// The parts of a Rust toolchain that rustup's smallest profile leaves out.
fn install_components() {
    for component in ["rustfmt", "clippy"] {
        let program = if component == "clippy" { "cargo-clippy" } else { "cargo-fmt" };
        let works =
            Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
        if works || !process::installed("rustup") {
            continue;
        }
        println!("installing {component}");
        if let Err(error) = process::must(Command::new("rustup").args(["component", "add", component]), LIMIT)
        {
            println!("{error:#}");
        }
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
