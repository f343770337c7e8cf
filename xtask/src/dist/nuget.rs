//! The NuGet package: what `dotnet pack` makes, with what differs from one time to the next taken out.

use super::{archive, Entry, Library};
use crate::dotnet::Sdk;
use crate::repo;
use crate::targets::LINUX;
use anyhow::{bail, Context, Result};
use std::io::Read;
use std::path::{Path, PathBuf};

const PROJECT: &str = "bindings/csharp/Fastpar.csproj";

/// The file name of the package.
pub(crate) fn name() -> Result<String> {
    let [major, minor, patch] = repo::version()?;
    Ok(format!("Fastpar.{major}.{minor}.{patch}.nupkg"))
}

/// A library, the runtime that it is for, and its name there.
pub(super) type Native<'a> = (&'a str, &'a str, &'a Library);

/// Where `dotnet pack` finds the native libraries, by runtime. Static ones are a multiple of all the rest: that
/// of the system is there whose programs the tests link with it, the archives have the others.
pub(super) fn runtimes(libraries: &[Native<'_>], builds: &Path) -> Result<PathBuf> {
    let root = builds.join("runtimes");
    if root.exists() {
        std::fs::remove_dir_all(&root)?; // all that is there is packed
    }
    for (runtime, name, library) in libraries {
        let native = root.join(runtime).join("native");
        std::fs::create_dir_all(&native)?;
        std::fs::write(native.join(name), &library.bytes)?;
        std::fs::write(root.join(runtime).join("LICENSES-OF-PARTS"), &library.licenses)?;
        if *runtime == LINUX.runtime {
            let folder = root.join(runtime).join("static");
            std::fs::create_dir_all(&folder)?;
            std::fs::write(folder.join("libfastpar.a"), &library.archive)?;
        }
    }
    Ok(root)
}

/// Makes the package in `folder`.
pub(super) fn make(runtimes: &Path, builds: &Path, folder: &Path) -> Result<PathBuf> {
    let sdk = match Sdk::get()? {
        Ok(sdk) => sdk,
        Err(reason) => bail!("the NuGet package cannot be made: {reason}"),
    };
    // Nothing from before.
    let artifacts = builds.join("nuget");
    if artifacts.exists() {
        std::fs::remove_dir_all(&artifacts)?;
    }
    sdk.build("pack", PROJECT, &artifacts, &[&format!("-p:FastparRuntimes={}", runtimes.display())])?;
    let name = name()?;
    let entries = normalized(&artifacts.join("packages").join(&name))?;
    let package = folder.join(name);
    archive::zip(&entries, "", &package)?;
    Ok(package)
}

/// The files of a package, sorted. NuGet makes the name of the file with the properties by chance.
fn normalized(package: &Path) -> Result<Vec<Entry>> {
    const PROPERTIES: &str = "package/services/metadata/core-properties/";
    const SUFFIX: &str = ".psmdcp";
    let file = std::fs::File::open(package).with_context(|| format!("opening {}", package.display()))?;
    let mut zip = zip::ZipArchive::new(file)?;
    let mut entries = Vec::new();
    let mut random = None;
    for index in 0..zip.len() {
        let mut member = zip.by_index(index)?;
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes)?;
        let mut path = member.name().to_owned();
        if let Some(id) = path.strip_prefix(PROPERTIES).and_then(|name| name.strip_suffix(SUFFIX)) {
            random = Some(id.to_owned());
            path = format!("{PROPERTIES}fastpar{SUFFIX}");
        }
        entries.push(Entry::file(path, bytes));
    }
    let random = random.context("the package has no properties")?;
    let relations = entries.iter_mut().find(|entry| entry.path == "_rels/.rels").context("_rels/.rels")?;
    let text = String::from_utf8(relations.bytes()?.to_vec())?.replace(&random, "fastpar");
    *relations = Entry::file("_rels/.rels", with_plain_ids(&text).into_bytes());
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

/// Numbers instead of the ids that are made by chance too.
fn with_plain_ids(relations: &str) -> String {
    const ID: &str = " Id=\"";
    let mut parts = relations.split(ID);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (number, part) in parts.enumerate() {
        let rest = part.split_once('"').map_or("", |(_, rest)| rest);
        text += &format!("{ID}R{number}\"{rest}");
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_are_numbers() {
        let text = r#"<a><b Target="/x" Id="R7f" /><b Id="Rac"/></a>"#;
        let expected = r#"<a><b Target="/x" Id="R0" /><b Id="R1"/></a>"#;
        assert_eq!(super::with_plain_ids(text), expected);
    }
}
