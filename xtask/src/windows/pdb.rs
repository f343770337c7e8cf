//! The symbols for Microsoft's debuggers. For MinGW rustc writes DWARF, which they do not read. But LLVM
//! writes CodeView beside it where a flag of the bitcode says so. So rustc gives the library's bitcode
//! too, that flag is set, and LLD, which comes with Rust, links what rustc has linked with the bitcode
//! instead of the object: it makes the code anew, as rustc did, the DLL, and the `.pdb`. (Crates that are
//! linked as they are, and the C code of libzstd, have their names there, and no lines.)

use super::{BUILD_LIMIT, GCC, LIMIT};
use crate::{process, repo};
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const FILE: &str = "fastpar.pdb";

const DLLTOOL: &str = "x86_64-w64-mingw32-dlltool";

/// What sets the flag.
const CODEVIEW: &str = "xtask/src/windows/codeview.py";

/// What rustc is told, so that the bitcode is there when it links.
pub(super) const EMIT: &str = "--emit=llvm-bc";

/// Where copies of all that was linked are, by names that are the same each time.
const INPUTS: &str = "linked";
const ARGUMENTS: &str = "arguments";
const BITCODE: &str = "fastpar.bc";
/// How they were linked to what is there. The linker begins with an empty folder: then it is gone.
const LINKED: &str = "linked-by";

/// rustc's linker: it keeps what it is given, and links as ever.
const LINKER: &str = r#"#!/bin/sh
set -e
rm -rf "$INPUTS"
mkdir -p "$INPUTS"
before=
for argument; do
  name=${argument##*/}
  case "$before$argument" in
    -L*) before=$argument; [ "$before" = -L ] || before=; continue ;;
    -Wl,--out-implib=*) continue ;;
    -Wl,/*.def) cp "${argument#-Wl,}" "$INPUTS/$name"; argument=-Wl,$name ;;
    /*/fastpar.fastpar.*.o)
      cp "$argument" "$INPUTS/fastpar.o"
      ! [ -f "${argument%/*}/fastpar.bc" ] || cp "${argument%/*}/fastpar.bc" "$INPUTS"
      argument=fastpar.o
      ;;
    /*/fastpar.*.rcgu.o) cp "$argument" "$INPUTS/allocator.o"; argument=allocator.o ;;
    /*.o | /*.a | /*.rlib) cp "$argument" "$INPUTS/$name"; argument=$name ;;
    /*/fastpar.dll) argument=fastpar.dll ;;
  esac
  printf '%s\n' "$argument" >> "$INPUTS/$ARGUMENTS"
done
exec "$GCC" "$@"
"#;

/// Makes the linker in a folder, for a build there.
pub(super) fn linker(place: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(place)?;
    let inputs = std::path::absolute(place)?.join(INPUTS);
    let text = [("$INPUTS", inputs.to_str().context("a path that is not UTF-8")?), ("$ARGUMENTS", ARGUMENTS)];
    let text = text.iter().fold(LINKER.to_owned(), |text, (name, value)| text.replace(name, value));
    let script = place.join("linker");
    std::fs::write(&script, text.replace("$GCC", GCC))?;
    process::must(Command::new("chmod").arg("+x").arg(&script), LIMIT)?;
    Ok(script)
}

/// What makes import libraries for rustc, in a folder whose name is another one each time: symbols in
/// them have the name of the file, which is therefore told without the folder.
const IMPORT_TOOL: &str = r#"#!/bin/sh
set -e
count=$#
for argument; do
  case "$before" in
    -l) folder=${argument%/*}; set -- "$@" "${argument##*/}" ;;
    *) set -- "$@" "$argument" ;;
  esac
  before=$argument
done
shift "$count"
cd "$folder"
exec "$DLLTOOL" "$@"
"#;

/// Makes that in a folder, for a build there; the search path by which rustc finds it.
pub(super) fn import_tool(place: &Path) -> Result<OsString> {
    let bin = std::path::absolute(place)?.join("bin");
    std::fs::create_dir_all(&bin)?;
    let path = std::env::var_os("PATH").context("there is no PATH")?;
    let folders = || std::env::split_paths(&path);
    let tool = folders().map(|folder| folder.join(DLLTOOL)).find(|tool| tool.is_file()).context(DLLTOOL)?;
    let script = bin.join(DLLTOOL);
    std::fs::write(
        &script,
        IMPORT_TOOL.replace("$DLLTOOL", tool.to_str().context("a path that is not UTF-8")?),
    )?;
    process::must(Command::new("chmod").arg("+x").arg(&script), LIMIT)?;
    Ok(std::env::join_paths(std::iter::once(bin).chain(folders()))?)
}

/// The LLD and the LLVM of this rustc, which read what it writes; Debian's Rust has none.
fn tools() -> Result<Option<[PathBuf; 2]>> {
    let mut rustc = Command::new("rustc");
    let folder = process::must(rustc.args(["--print", "target-libdir"]).current_dir(repo::root()), LIMIT)?;
    let folder = Path::new(folder.trim());
    let lld = folder.with_file_name("bin").join("rust-lld");
    let libraries = folder.ancestors().nth(3).context("rustc's libraries")?;
    let mut llvm = Vec::new();
    for entry in std::fs::read_dir(libraries)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("libLLVM") {
            llvm.push((entry.metadata()?.len(), entry.path()));
        }
    }
    // Beside the library there may be a text that names it.
    let llvm = llvm.into_iter().max().filter(|_| lld.is_file());
    Ok(llvm.map(|(_, llvm)| [lld, llvm]))
}

/// Links what was linked in a folder, to a DLL and its `.pdb`; none: there is nothing that could.
pub(super) fn link(place: &Path) -> Result<Option<(PathBuf, PathBuf)>> {
    let Some([lld, llvm]) = tools()? else { return Ok(None) };
    let inputs = place.join(INPUTS);
    if !inputs.join(BITCODE).is_file() {
        return Ok(None); // of several units, as a profile of the environment's may want it, there is no such file
    }
    let given = std::fs::read_to_string(inputs.join(ARGUMENTS));
    let given = given.with_context(|| format!("nothing was linked: remove {}", place.display()))?;
    let mut set_flag = Command::new("python3");
    set_flag.arg("-B").arg(repo::root().join(CODEVIEW)).arg(llvm);
    set_flag.arg(inputs.join(BITCODE)).arg(inputs.join("fastpar.o"));
    // By this name it is LLD for MinGW; which is a path of this machine otherwise, and told in the `.pdb`.
    repo::link(&lld, &inputs.join("ld"))?;
    let mut ld = Command::new("./ld");
    ld.current_dir(&inputs).args(["-m", "i386pep", "-e", "DllMainCRTStartup"]);
    // What gcc would add.
    for file in ["dllcrt2.o", "crtbegin.o"] {
        ld.arg(of_gcc(file)?);
    }
    for library in ["libgcc.a", "libmsvcrt.a"] {
        let library = of_gcc(library)?;
        ld.arg("-L").arg(Path::new(&library).parent().context("it is in a folder")?);
    }
    const OF_GCC: [&str; 3] = ["-m64", "-nodefaultlibs", "-fno-use-linker-plugin"];
    for argument in given.lines().filter(|argument| !OF_GCC.contains(argument)) {
        match argument.strip_prefix("-Wl,") {
            Some(several) => ld.args(several.split(',')),
            None => ld.arg(argument),
        };
    }
    ld.arg(of_gcc("crtend.o")?);
    // The optimizer has been over it.
    ld.args(["-plugin-opt=O0", "--lto-CGO3", "--no-insert-timestamp"]);
    // What debuggers look for has no folder.
    ld.arg(format!("--pdb={FILE}")).arg(format!("-Xlink=-pdbaltpath:{FILE}"));
    ld.args(["-Xlink=-pdbsourcepath:/fastpar", "-Xlink=-debug:full,symtab"]);
    let made = (inputs.join("fastpar.dll"), inputs.join(FILE));
    // Making the code takes long, and several suites ask for it.
    let how = format!("{set_flag:?}\n{}\n{lld:?}\n{ld:?}\n", repo::read(CODEVIEW)?);
    let linked = inputs.join(LINKED);
    let is_there = made.0.is_file() && made.1.is_file();
    if is_there && std::fs::read_to_string(&linked).is_ok_and(|known| known == how) {
        return Ok(Some(made));
    }
    let _ = std::fs::remove_file(&linked); // if it is there
    process::must(&mut set_flag, LIMIT)?;
    process::must(&mut ld, BUILD_LIMIT)?;
    std::fs::write(linked, how)?;
    Ok(Some(made))
}

fn of_gcc(file: &str) -> Result<String> {
    let path = process::must(Command::new(GCC).arg(format!("-print-file-name={file}")), LIMIT)?;
    Ok(path.trim().to_owned())
}
