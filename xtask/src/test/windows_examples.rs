//! The examples in C and C++, built with MinGW for both C libraries of Windows, and run under Wine; one of
//! them with the static library too, by gcc and by clang.

use super::wine::Wine;
use super::Case;
use crate::windows::{Staged, GCC, GXX, SYSTEM_LIBRARIES};
use crate::{process, repo};
use anyhow::{ensure, Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(180);

const C: [&str; 6] = ["bytes", "fpz", "line_index", "scans", "trades", "tree"];
const CPP: [&str; 3] = ["words", "trades", "tree"];
pub(super) const CLANG: &str = "clang";

const OBJDUMP: &str = "x86_64-w64-mingw32-objdump";

/// What clang links with for MinGW, but for the C library.
const UCRT_OF_CLANG: [&str; 10] = [
    "-lmingw32",
    "-lgcc",
    "-lgcc_eh",
    "-lmoldname",
    "-lmingwex",
    "-lucrt",
    "-lpthread",
    "-ladvapi32",
    "-luser32",
    "-lkernel32",
];

/// A name that is in no old encoding of Windows.
const NAME: &str = "h\u{e4}user \u{5bb6}.txt";

/// `no_clang`: why there is none.
pub(super) fn run(
    no_clang: Option<String>,
    wine: &Wine,
    staged: &Staged,
    folder: &Path,
) -> Result<Vec<Case>> {
    let examples = Examples { wine, staged, folder };
    let mut cases = Vec::new();
    for library in ["msvcrt", "ucrt"] {
        cases.push(Case::of(format!("examples, {library}"), || examples.all(library)));
        cases.push(Case::of(format!("static, gcc, {library}"), || examples.with_archive(GCC, library)));
        let name = format!("static, clang, {library}");
        cases.push(match &no_clang {
            Some(reason) => Case::skipped(name, reason.clone()),
            None => Case::of(name, || examples.with_archive(CLANG, library)),
        });
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
            for name in CPP {
                self.compile(GXX, &format!("cpp/{name}.cpp"), library)?;
            }
        }
        let work = tempfile::tempdir()?;
        let text = repo::read("include/fastpar.h")?;
        std::fs::write(work.path().join(NAME), &text)?;
        let run = |program: &str, arguments: &[&str]| {
            let mut command = self.wine.command(&self.program(GCC, program, library));
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
        // Far below, where the names of C's functions end; and from the standard input.
        let deep = std::iter::repeat_n("h\u{e4}user", 50).collect::<Vec<_>>().join("/");
        std::fs::create_dir_all(work.path().join(&deep))?;
        std::fs::write(work.path().join(&deep).join("file"), &text)?;
        run("fpz", &["-q", "-r", "--rm", "h\u{e4}user"])?;
        let (packed, target) = (format!("{deep}/file.zst"), format!("{deep}/back"));
        for _ in 0..2 {
            let mut command = self.wine.command(&self.program(GCC, "fpz", library));
            command.args(["-q", "-d", "-f", "-o", &target]).current_dir(work.path()).env("LC_ALL", "C.UTF-8");
            let told = command.stdin(std::fs::File::open(work.path().join(&packed))?).output()?;
            ensure!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
            ensure!(std::fs::read_to_string(work.path().join(&target))? == text, "fpz gives other bytes");
        }
        let told = run("fpz", &["-v", "compress", &target, "again.zst"])?;
        ensure!(told.contains("s of CPU"), "{told}");
        let again = work.path().join("again.zst");
        for (arguments, replaces) in [
            (&["-q", "compress", &target, "again.zst"][..], false),
            (&["-q", "-f", "compress", &target, "again.zst"], true),
            (&["-q", "-f", "-o", "again.zst", &target], true),
        ] {
            let mut permissions = std::fs::metadata(&again)?.permissions();
            permissions.set_readonly(true);
            std::fs::set_permissions(&again, permissions)?;
            ensure!(run("fpz", arguments).is_ok() == replaces, "{arguments:?} over a read-only target");
        }
        std::fs::write(work.path().join("plain.txt"), &text)?;
        let counted = run("bytes", &["plain.txt"])?;
        ensure!(counted.contains(&format!("{} bytes", text.len())), "{counted}");
        let lines = run("line_index", &["plain.txt"])?;
        ensure!(lines.contains(&format!("{} bytes", text.len())), "{lines}");
        let scans = run("scans", &["."])?;
        ensure!(scans.matches("the same both ways").count() == 4, "{scans}");
        // `trades` is built only: it compares with the program `zstd`, which Wine has not.
        let folders = work.path().join("tree/inner");
        std::fs::create_dir_all(&folders)?;
        std::fs::write(folders.join("file"), &text)?;
        let wanted = format!("1 files, 2 folders, {} bytes", text.len());
        let tree = run("tree", &["tree"])?;
        ensure!(tree.contains(&wanted), "{tree}");
        if has_cpp {
            let run = |program: &str, argument: &str| {
                let mut command = self.wine.command(&self.program(GXX, program, library));
                process::must(command.arg(argument).current_dir(work.path()), LIMIT)
            };
            run("words", "plain.txt")?;
            run("tree", "tree")?;
        }
        Ok(())
    }

    /// Builds one example with the static library, and runs it.
    fn with_archive(&self, compiler: &str, library: &str) -> Result<()> {
        let program = self.program(compiler, "static", library);
        let mut command = Command::new(compiler);
        command.args(["-std=c11", "-O1", "-DFASTPAR_STATIC"]);
        if compiler == CLANG {
            // It does not look for gcc's libraries in a folder of this name.
            let gcc = process::must(Command::new(GCC).arg("-print-libgcc-file-name"), LIMIT)?;
            let gcc = Path::new(gcc.trim()).parent().context("it is in a folder")?;
            command.arg("--target=x86_64-w64-mingw32").arg("-L").arg(gcc);
        }
        if library == "ucrt" {
            command.arg("-D_UCRT");
            if compiler == GCC {
                command.arg(format!("-specs={}", self.ucrt(compiler)?.display()));
            }
        }
        command.arg("-I").arg(&self.staged.include).arg(repo::root().join("examples/c/bytes.c"));
        command.arg("-o").arg(&program).arg("-static").arg(self.staged.archive()).args(SYSTEM_LIBRARIES);
        if compiler == CLANG && library == "ucrt" {
            command.arg("-nodefaultlibs").arg("-Wl,--start-group").args(UCRT_OF_CLANG).arg("-Wl,--end-group");
        }
        process::must(&mut command, LIMIT)?;
        let work = tempfile::tempdir()?;
        std::fs::write(work.path().join("plain.txt"), repo::read("include/fastpar.h")?)?;
        let mut run = self.wine.command(&program);
        let counted = process::must(run.arg("plain.txt").current_dir(work.path()), LIMIT)?;
        ensure!(counted.contains("decompress"), "{counted}");
        let imports = process::must(Command::new(OBJDUMP).arg("-p").arg(&program), LIMIT)?;
        let has = |name: &str| imports.lines().any(|line| line.contains("DLL Name: ") && line.contains(name));
        ensure!(!has("fastpar"), "it needs the DLL");
        ensure!(has("api-ms-win-crt") == (library == "ucrt"), "it links with another C library:\n{imports}");
        Ok(())
    }

    fn program(&self, compiler: &str, name: &str, library: &str) -> PathBuf {
        let language = if compiler == GXX { "cpp" } else { compiler };
        self.folder.join(format!("{name}-{language}-{library}.exe"))
    }

    fn compile(&self, compiler: &str, source: &str, library: &str) -> Result<()> {
        let source = repo::root().join("examples").join(source);
        let name = source.file_stem().and_then(|name| name.to_str()).context("a name")?;
        let mut command = Command::new(compiler);
        command.args([
            if compiler == GXX { "-std=c++20" } else { "-std=c11" },
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
        command
            .arg("-I")
            .arg(&self.staged.include)
            .arg(&source)
            .arg("-o")
            .arg(self.program(compiler, name, library));
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
