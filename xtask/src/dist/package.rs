//! The contents of the archives: libraries, headers, and the files by which CMake and pkg-config find them.

use super::{licenses, tool};
use crate::targets::{zig, Target, LINUX};
use crate::{process, repo, windows};
use anyhow::{bail, Context, Result};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// A file or a link, with its path in the archive.
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) content: Content,
}

pub(super) enum Content {
    File(Vec<u8>),
    Link(String),
}

impl Entry {
    pub(super) fn file(path: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { path: path.into(), content: Content::File(bytes) }
    }

    pub(super) fn bytes(&self) -> Result<&[u8]> {
        match &self.content {
            Content::File(bytes) => Ok(bytes),
            Content::Link(_) => bail!("{} is a link", self.path),
        }
    }

    /// Writes it into a folder, in one step: programs that run with an old library go on with it.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let place = folder.join(&self.path);
        std::fs::create_dir_all(place.parent().context("it is in a folder")?)?;
        match &self.content {
            Content::File(bytes) => {
                let temporary = place.with_extension("new");
                std::fs::write(&temporary, bytes)?;
                std::fs::rename(&temporary, &place).with_context(|| format!("writing {}", place.display()))
            }
            Content::Link(to) => repo::link(Path::new(to), &place),
        }
    }

    /// Programs, and libraries that are loaded.
    pub(super) fn executable(&self) -> bool {
        self.path.starts_with("bin/")
            || self.path.ends_with(".dll")
            || self.path.ends_with(".dylib")
            || self.path.contains(".so.")
    }
}

/// The libraries alone, as the packages of other languages have them, with the licences of their parts.
pub(super) struct Library {
    pub(super) name: &'static str,
    pub(super) bytes: Vec<u8>,
    /// The static one.
    pub(super) archive: Vec<u8>,
    pub(super) licenses: Vec<u8>,
}

impl Library {
    /// The library of an archive.
    pub(super) fn of(entries: &[Entry]) -> Result<Self> {
        const NAMES: [(&str, &str); 3] =
            [("libfastpar.so.1", "lib"), ("libfastpar.1.dylib", "lib"), ("fastpar.dll", "bin")];
        let find = |path: &str| entries.iter().find(|entry| entry.path == path);
        let (name, entry) = NAMES
            .into_iter()
            .find_map(|(name, folder)| Some((name, find(&format!("{folder}/{name}"))?)))
            .context("the archive has no library")?;
        let others = [(LICENSES, "licences"), (STATIC, "static library")].map(|(path, what)| {
            let entry = find(path).with_context(|| format!("the archive has no {what}"))?;
            Ok::<_, anyhow::Error>(entry.bytes()?.to_vec())
        });
        let [licenses, archive] = others;
        Ok(Self { name, bytes: entry.bytes()?.to_vec(), archive: archive?, licenses: licenses? })
    }
}

/// For a target that Zig links for, from the folder that cargo built in.
pub(super) fn of(target: &Target, built: &Path) -> Result<Vec<Entry>> {
    let (name, link) = (target.library(), target.built());
    let (shared, archive) = (built.join(link), built.join("libfastpar.a"));
    let mut entries = match target.tools() {
        Some(tools) => {
            let mut entries = common(name, LINUX_PRIVATE, LINUX_CMAKE)?;
            let shared = stripped(&format!("{tools}strip"), "--strip-unneeded", &shared)?;
            if target.triple == LINUX.triple {
                entries.push(tool::linux(&shared)?);
            }
            entries.push(Entry::file(format!("lib/{name}"), shared));
            entries.push(Entry::file(STATIC, stripped_archive(tools, &archive)?));
            entries
        }
        None => {
            // What was changed after the linker had signed it would not be loaded.
            let mut entries = common(name, MACOS_PRIVATE, MACOS_CMAKE)?;
            entries.push(Entry::file(format!("lib/{name}"), std::fs::read(&shared).context("the library")?));
            entries.push(Entry::file(STATIC, std::fs::read(&archive).context("the static library")?));
            entries
        }
    };
    entries.push(Entry { path: format!("lib/{link}"), content: Content::Link(name.into()) });
    let zig = zig()?;
    let mut text = licenses::text(target.triple)?;
    text += &licenses::zig(target.system, zig.parent().context("Zig is in a folder")?)?;
    entries.push(Entry::file(LICENSES, text.into_bytes()));
    Ok(sorted(entries))
}

/// For Windows.
pub(super) fn windows(built: &windows::Built) -> Result<Vec<Entry>> {
    const MINGW: &str = "x86_64-w64-mingw32-";
    let private = windows::SYSTEM_LIBRARIES.join(" ");
    let mut entries = common("fastpar.dll", &private, WINDOWS_CMAKE)?;
    let dll = std::fs::read(&built.dll).context("fastpar.dll")?;
    entries.push(Entry::file("bin/fastpar.dll", dll));
    let archive = stripped_archive(MINGW, &built.archive)?;
    entries.push(Entry::file(STATIC, archive));
    let definition = windows::definition()?;
    for (name, flavor) in windows::IMPORT_LIBRARIES {
        let library = windows::import_library(&definition, flavor)?;
        if name == "libfastpar.dll.a" {
            entries.push(tool::windows(&library)?);
        }
        entries.push(Entry::file(format!("lib/{name}"), library));
    }
    entries.push(Entry::file("lib/fastpar.def", definition.into_bytes()));
    let mut text = licenses::text(windows::TARGET)?;
    text += &licenses::mingw()?;
    entries.push(Entry::file(LICENSES, text.into_bytes()));
    Ok(sorted(entries))
}

/// What debuggers want to know of the library for Windows.
pub(super) fn windows_symbols(built: &windows::Built) -> Result<Vec<Entry>> {
    let symbols = std::fs::read(&built.symbols).context(windows::symbols::FILE)?;
    let mut entries = vec![Entry::file(windows::symbols::FILE, symbols)];
    if let Some(pdb) = &built.pdb {
        entries.push(Entry::file(windows::pdb::FILE, std::fs::read(pdb).context(windows::pdb::FILE)?));
    }
    for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
        entries.push(Entry::file(name, repo::read(name)?.into_bytes()));
    }
    Ok(sorted(entries))
}

const DOC: &str = "share/doc/fastpar";
const LICENSES: &str = "share/doc/fastpar/LICENSES-OF-PARTS";
const STATIC: &str = "lib/libfastpar.a";

/// What a program that links the static library links too.
const LINUX_PRIVATE: &str = "-lm -ldl -pthread";
const MACOS_PRIVATE: &str = "-liconv -lm";

/// Headers, documents, CMake package and pkg-config file.
fn common(library: &str, private: &str, cmake: &str) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for (folder, extension) in [("include", "h"), ("include", "hpp"), ("include/fastpar", "hpp")] {
        for file in repo::files(folder, extension)? {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            entries.push(Entry::file(format!("{folder}/{name}"), std::fs::read(&file)?));
        }
    }
    for name in ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"] {
        entries.push(Entry::file(format!("{DOC}/{name}"), repo::read(name)?.into_bytes()));
    }
    let [major, minor, patch] = repo::version()?;
    let fill = |text: &str| {
        let text = text.replace("@VERSION@", &format!("{major}.{minor}.{patch}"));
        let text = text.replace("@LIBRARY@", library).replace("@PRIVATE@", private);
        text.replace("@CMAKE_PRIVATE@", &private.replace(' ', ";")).into_bytes()
    };
    entries.push(Entry::file("lib/pkgconfig/fastpar.pc", fill(PKG_CONFIG)));
    let config = include_str!("fastpar-config.cmake").replace("@LOCATION@", cmake);
    entries.push(Entry::file("lib/cmake/fastpar/fastpar-config.cmake", fill(&config)));
    let version = include_str!("fastpar-config-version.cmake");
    entries.push(Entry::file("lib/cmake/fastpar/fastpar-config-version.cmake", fill(version)));
    Ok(entries)
}

/// Paths are relative to the file, so that the archive may be unpacked anywhere.
const PKG_CONFIG: &str = "\
prefix=${pcfiledir}/../..
includedir=${prefix}/include
libdir=${prefix}/lib

Name: fastpar
Description: A global thread pool, chunked parallel loops and parallel zstd
Version: @VERSION@
License: MIT OR Apache-2.0
Cflags: -I${includedir}
Cflags.private: -DFASTPAR_STATIC
Libs: -L${libdir} -lfastpar
Libs.private: @PRIVATE@
";

const LINUX_CMAKE: &str = r#"  set_target_properties(fastpar::fastpar PROPERTIES
    IMPORTED_LOCATION "${_fastpar_root}/lib/@LIBRARY@"
    IMPORTED_SONAME "@LIBRARY@")"#;

const MACOS_CMAKE: &str = r#"  set_target_properties(fastpar::fastpar PROPERTIES
    IMPORTED_LOCATION "${_fastpar_root}/lib/@LIBRARY@"
    IMPORTED_SONAME "@rpath/@LIBRARY@")"#;

const WINDOWS_CMAKE: &str = r#"  set_target_properties(fastpar::fastpar PROPERTIES
    IMPORTED_LOCATION "${_fastpar_root}/bin/@LIBRARY@"
    IMPORTED_IMPLIB "${_fastpar_root}/lib/libfastpar.dll.a")
  if(MSVC)
    set_target_properties(fastpar::fastpar PROPERTIES IMPORTED_IMPLIB "${_fastpar_root}/lib/fastpar.lib")
  endif()"#;

fn stripped(program: &str, how: &str, file: &Path) -> Result<Vec<u8>> {
    let copy = tempfile::NamedTempFile::new()?;
    process::must(Command::new(program).args([how, "-D", "-o"]).arg(copy.path()).arg(file), LIMIT)?;
    std::fs::read(copy.path()).with_context(|| format!("what {program} made of {}", file.display()))
}

/// A static library without debug information. Rust's std comes with members that hold nothing else, and are
/// empty where it was taken away: `strip` refuses those.
fn stripped_archive(prefix: &str, file: &Path) -> Result<Vec<u8>> {
    let copy = tempfile::NamedTempFile::new()?;
    std::fs::copy(file, copy.path()).with_context(|| format!("copying {}", file.display()))?;
    let ar = || Command::new(format!("{prefix}ar"));
    let members = process::must(ar().arg("t").arg(copy.path()), LIMIT)?;
    let debug: Vec<_> = members.lines().filter(|member| member.ends_with(".dwo")).collect();
    if !debug.is_empty() {
        process::must(ar().arg("dD").arg(copy.path()).args(debug), LIMIT)?;
    }
    let names = process::must(Command::new(format!("{prefix}nm")).arg(copy.path()), LIMIT)?;
    let names = names.lines().filter_map(|line| line.split(' ').next_back());
    let list = tempfile::NamedTempFile::new()?;
    std::fs::write(list.path(), without_places(names))?;
    let mut objcopy = Command::new(format!("{prefix}objcopy"));
    objcopy.args(["-D", "--strip-debug"]).arg(format!("--redefine-syms={}", list.path().display()));
    process::must(objcopy.arg(copy.path()), LIMIT)?;
    std::fs::read(copy.path()).context("the stripped archive")
}

/// New names for objcopy. The import libraries that rustc makes on the way name things after the folder that
/// they were made in, which has a random name, "_head__tmp_deps_rustcAbCdEf_x_dll": here the folders have
/// numbers.
fn without_places<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const MARK: &str = "_deps_rustc";
    const RANDOM: usize = 6;
    const HEAD: &str = "_head_";
    let mut places = Vec::new();
    let mut renamed = BTreeSet::new();
    for name in names {
        let Some(mark) = name.find(MARK) else { continue };
        let Some((place, rest)) = name.split_at_checked(mark + MARK.len() + RANDOM) else { continue };
        let kind = if place.starts_with(HEAD) { HEAD } else { "" };
        let place = place.trim_start_matches(kind).trim_start_matches('_');
        let number = places.iter().position(|known| *known == place).unwrap_or(places.len());
        if number == places.len() {
            places.push(place);
        }
        renamed.insert(format!("{name} {kind}fastpar_{number}{rest}\n"));
    }
    renamed.into_iter().collect()
}

fn sorted(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_the_places() {
        let names = [
            "_head__a_deps_rustcVAm4my_x_dll",
            "_a_deps_rustcVAm4my_x_dll_iname",
            "fastpar_for",
            "_head__a_deps_rustcpppppp_x",
        ];
        let renamed = without_places(names.into_iter());
        let new: Vec<_> = renamed.lines().filter_map(|line| Some(line.split_once(' ')?.1)).collect();
        assert_eq!(new, ["fastpar_0_x_dll_iname", "_head_fastpar_0_x_dll", "_head_fastpar_1_x"]);
    }
}
