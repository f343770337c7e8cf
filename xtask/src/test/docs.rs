//! Suite "docs": the site is made without a warning; the programs of the guide are compiled and run; every
//! link leads somewhere; its pages are looked at in a browser, wide and narrow, without scripts and by
//! keyboard (`tests/docs/browse.py`); the table of features is that of the sources.

use super::programs::{self, Tools};
use super::{ahead, debian_python, features, line_counts, lines, python, Case, Context};
use crate::docs::{self, html, picture};
use crate::dotnet::Sdk;
use crate::pypi::Packages;
use crate::stage::Staged;
use crate::{process, repo};
use anyhow::{ensure, Context as _, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10 * 60);

/// Drives a browser.
const DRIVER: &str = "playwright==1.65.2";

/// A site with fewer links has lost most of its pages.
const LINKS: usize = 10_000;

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let header = context.header()?;
    let page = repo::read(features::PAGE)?;
    let mut cases = vec![
        Case::checked("every function is in the table", features::missing(&page, header)),
        Case::checked("names in the table", features::table(&page)?),
        Case::checked("lines of code in the examples", line_counts::check(&page)?),
    ];
    let guide = pages("docs/guide")?;
    for (name, text) in guide.iter().chain(&pages("docs")?) {
        cases.push(Case::checked(format!("{name}: names"), features::made_up(text, header)));
    }
    cases.push(Case::of("the picture is drawn from the page", || {
        let same = picture::draw(&repo::read(picture::PAGE)?)? == repo::read(picture::PICTURE)?;
        ensure!(same, "{} is old: cargo xtask docs", picture::PICTURE);
        Ok(())
    }));
    if let Some(reason) = context.setup.missing(&["gcc", "g++", "python3", "pip3", "zstd"]) {
        cases.push(Case::skipped("programs and pages", reason));
        return Ok(cases);
    }
    let tools = tools(context.staged()?)?;
    cases.extend(addresses(&tools));
    for (name, text) in &guide {
        let folder = repo::scratch("guide")?.join(name);
        std::fs::create_dir_all(&folder)?;
        cases.extend(programs::run(name, &programs::blocks(text), &folder, &tools)?);
    }
    let needed = ["doxygen", "chromium"];
    if let Some(reason) = context.setup.install_if_missing(&needed).or_else(python_missing) {
        cases.push(Case::skipped("pages", reason));
        return Ok(cases);
    }
    let made = Case::of("the site is made without a warning", || context.build(ahead::SITE));
    let failed = !matches!(made.outcome, super::Outcome::Passed);
    cases.push(made);
    if failed {
        return Ok(cases);
    }
    cases.push(Case::of("links", || {
        let (complaints, count) = html::check_links(&docs::site())?;
        ensure!(complaints.is_empty(), "{}", complaints.join("\n"));
        ensure!(count > LINKS, "only {count} links");
        println!("  {count} links");
        Ok(())
    }));
    cases.extend(browse()?);
    Ok(cases)
}

/// The pages of a folder, by their names.
fn pages(folder: &str) -> Result<Vec<(String, String)>> {
    let mut pages = Vec::new();
    for path in repo::files(folder, "md")? {
        let name = path.file_stem().context("a page without a name")?.to_string_lossy().into_owned();
        pages.push((name, std::fs::read_to_string(path)?));
    }
    Ok(pages)
}

fn python_missing() -> Option<String> {
    match crate::python::free_threaded() {
        Ok(_) => None,
        Err(_) => match debian_python::get() {
            Ok(found) => found.err(),
            Err(error) => Some(format!("{error:#}")),
        },
    }
}

/// What programs of pages need.
pub(super) fn tools(staged: &Staged) -> Result<Tools> {
    let python = match python::for_package()? {
        Ok(python) => Ok(named_python(&python, staged)?),
        Err(reason) => Err(reason),
    };
    Ok(Tools { sdk: Sdk::get()?, python })
}

/// A folder with a `python3.14t` that has the package; a GIL is hidden from it.
fn named_python(python: &Path, staged: &Staged) -> Result<PathBuf> {
    let folder = repo::scratch("guide-python")?;
    let command = folder.join("python3.14t");
    let text = format!(
        "#!/bin/sh\nunset FASTPAR_THREADS\nFASTPAR_LIBRARY='{}' PYTHONPATH='{}' exec '{}' -B -W ignore -c \"{}\" \"$@\"\n",
        staged.shared().display(),
        repo::root().join("bindings/python").display(),
        python.display(),
        python::RUN
    );
    std::fs::write(&command, text)?;
    process::must(std::process::Command::new("chmod").arg("+x").arg(&command), LIMIT)?;
    Ok(folder)
}

/// The packages tell the address of the documentation that Cargo.toml has, and none where it has none.
fn addresses(tools: &Tools) -> Vec<Case> {
    const ADDRESS: &str = "https://fastpar.example/docs/";
    let told = |package: fn(&Tools, &Path) -> Result<String>| -> Result<()> {
        let folder = tempfile::tempdir()?;
        let manifest = repo::read("Cargo.toml")?;
        let bare: String = manifest
            .lines()
            .filter(|line| !line.starts_with("documentation ="))
            .map(|l| format!("{l}\n"))
            .collect();
        let set = bare.replacen("[package]\n", &format!("[package]\ndocumentation = \"{ADDRESS}\"\n"), 1);
        for (text, expected) in [(set, ADDRESS), (bare, "")] {
            std::fs::write(folder.path().join("Cargo.toml"), text)?;
            let found = package(tools, folder.path())?;
            ensure!(found == expected, "the package tells {found:?}, and Cargo.toml {expected:?}");
        }
        Ok(())
    };
    let nuget = "the address in the NuGet package";
    vec![
        Case::of("the address in the wheel", || told(wheel_address)),
        match &tools.sdk {
            Ok(_) => Case::of(nuget, || told(nuget_address)),
            Err(reason) => Case::skipped(nuget, reason),
        },
    ]
}

/// What hatchling makes of the project beside a Cargo.toml.
fn wheel_address(_: &Tools, root: &Path) -> Result<String> {
    let hatchling = Packages::get(&[crate::dist::wheel::HATCHLING])?;
    let project = root.join("bindings/python");
    std::fs::create_dir_all(project.join("fastpar"))?;
    for name in ["pyproject.toml", "README.md", "address_hook.py", "library_hook.py"] {
        std::fs::copy(repo::root().join("bindings/python").join(name), project.join(name))?;
    }
    let mut command = hatchling.python();
    command.args(["-m", "hatchling", "metadata"]).current_dir(&project);
    let metadata: serde_json::Value = serde_json::from_str(&process::must(&mut command, LIMIT)?)?;
    let address = metadata.get("urls").and_then(|urls| urls.get("Documentation"));
    Ok(address.and_then(|address| address.as_str()).unwrap_or_default().to_owned())
}

/// What MSBuild makes of the project with a Cargo.toml.
fn nuget_address(tools: &Tools, root: &Path) -> Result<String> {
    let sdk = tools.sdk.as_ref().ok().context("no SDK")?;
    let mut command = sdk.command();
    command.args(["msbuild", "-nologo", "-getProperty:PackageProjectUrl"]);
    command.arg(format!("-p:FastparRoot={}/", root.display()));
    command.arg(repo::root().join("bindings/csharp/Fastpar.csproj"));
    Ok(process::must(&mut command, LIMIT)?.trim().to_owned())
}

/// `tests/docs/browse.py`, with the browser of the system.
fn browse() -> Result<Vec<Case>> {
    let driver = Packages::get(&[DRIVER])?;
    let mut command = driver.python();
    command.args(["-B", "tests/docs/browse.py", "-v"]).current_dir(repo::root());
    command.env("FASTPAR_DOCS", docs::site()).env("FASTPAR_DOCS_PICTURES", repo::scratch("pictures")?);
    let path = docs::address::of_project()?;
    command.env("FASTPAR_DOCS_PATH", docs::address::path(path.as_deref()));
    Ok(lines::unittest(&process::run(&mut command, LIMIT)?))
}
