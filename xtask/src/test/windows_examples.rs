//! The examples in C and C++, built with MinGW for both C libraries of Windows, and run under Wine.

use super::wine::Wine;
use super::Case;
use crate::windows::{Staged, GCC, GXX};
use crate::{process, repo};
use anyhow::{ensure, Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(180);

const C: [&str; 3] = ["bytes", "fpz", "line_index"];
const CPP: &str = "words";

/// A name that is in no old encoding of Windows.
const NAME: &str = "h\u{e4}user \u{5bb6}.txt";

pub(super) fn run(wine: &Wine, staged: &Staged, folder: &Path) -> Result<Vec<Case>> {
    let examples = Examples { wine, staged, folder };
    let mut cases = Vec::new();
    for library in ["msvcrt", "ucrt"] {
        cases.push(Case::of(format!("examples, {library}"), || examples.all(library)));
    }
    Ok(cases)
}

struct Examples<'a> {
    wine: &'a Wine,
    staged: &'a Staged,
    folder: &'a Path,
}

impl Examples<'_> {
    /// Builds them as their comments say, and runs each.
    fn all(&self, library: &str) -> Result<()> {
        for name in C {
            self.compile(GCC, &format!("c/{name}.c"), library)?;
        }
        // This compiler's C++ library is made for the older C library.
        let has_cpp = library == "msvcrt";
        if has_cpp {
            self.compile(GXX, &format!("cpp/{CPP}.cpp"), library)?;
        }
        let work = tempfile::tempdir()?;
        let text = repo::read("include/fastpar.h")?;
        std::fs::write(work.path().join(NAME), &text)?;
        let run = |program: &str, arguments: &[&str]| {
            let mut command = self.wine.command(&self.program(program, library));
            command.args(arguments).current_dir(work.path()).env("LC_ALL", "C.UTF-8");
            process::must(&mut command, LIMIT)
        };
        run("fpz", &["-q", "compress", NAME])?;
        let packed = format!("{NAME}.zst");
        let tested = run("fpz", &["test", &packed])?;
        ensure!(tested.contains(&format!("{packed}: good, {} bytes", text.len())), "{tested}");
        std::fs::remove_file(work.path().join(NAME))?;
        run("fpz", &["-q", "decompress", &packed])?;
        ensure!(std::fs::read_to_string(work.path().join(NAME))? == text, "fpz gives other bytes");
        std::fs::write(work.path().join("plain.txt"), &text)?;
        let counted = run("bytes", &["plain.txt"])?;
        ensure!(counted.contains(&format!("{} bytes", text.len())), "{counted}");
        let lines = run("line_index", &["plain.txt"])?;
        ensure!(lines.contains(&format!("{} bytes", text.len())), "{lines}");
        if has_cpp {
            run(CPP, &["plain.txt"])?;
        }
        Ok(())
    }

    fn program(&self, name: &str, library: &str) -> PathBuf {
        self.folder.join(format!("{name}-{library}.exe"))
    }

    fn compile(&self, compiler: &str, source: &str, library: &str) -> Result<()> {
        let source = repo::root().join("examples").join(source);
        let name = source.file_stem().and_then(|name| name.to_str()).context("a name")?;
        let mut command = Command::new(compiler);
        command.args([
            if compiler == GXX { "-std=c++17" } else { "-std=c11" },
            "-O2",
            "-Wall",
            "-Wextra",
            "-Werror",
        ]);
        if library == "ucrt" {
            // This compiler has formats of the older library in mind.
            command.args(["-D_UCRT", "-Wno-format", "-Wno-format-extra-args"]);
            command.arg(format!("-specs={}", self.ucrt(compiler)?.display()));
        }
        command.arg("-I").arg(&self.staged.include).arg(&source).arg("-o").arg(self.program(name, library));
        command.arg("-static").arg("-L").arg(&self.staged.lib).arg("-l:libfastpar.dll.a");
        process::must(&mut command, LIMIT).map(drop)
    }

    /// What has the compiler link with the newer C library.
    fn ucrt(&self, compiler: &str) -> Result<PathBuf> {
        let specs = process::must(Command::new(compiler).arg("-dumpspecs"), LIMIT)?;
        ensure!(specs.contains("-lmsvcrt"), "the compiler links with another C library");
        let file = self.folder.join(format!("{compiler}.specs"));
        std::fs::write(&file, specs.replace("-lmsvcrt", "-lucrt"))?;
        Ok(file)
    }
}
