//! `cargo xtask docs`: one site, in target/docs, of what stands in the sources: the guide and the other pages
//! of Markdown, and a reference of each language. Sphinx makes pages of it all, with one search, in an order
//! that needs no scripts; rustdoc makes those of the Rust crate.

pub(crate) mod address;
mod c_api;
mod doxygen;
mod doxygen_text;
mod entry;
pub(crate) mod html;
pub(crate) mod picture;
mod python_api;
mod sources;

use crate::pypi::Packages;
use crate::setup::Setup;
use crate::test::debian_python;
use crate::{process, python, repo};
use anyhow::{bail, Context, Result};
use entry::{Entry, Page};
use sources::Sources;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Sphinx itself, Markdown for it, and a theme for wide and narrow windows that needs no scripts.
const SPHINX: [&str; 3] = ["sphinx==9.0.4", "myst-parser==5.2.0", "furo==2025.12.19"];

const LIMIT: Duration = Duration::from_secs(10 * 60);

/// Where the site is made.
pub(crate) fn site() -> PathBuf {
    repo::target().join("docs")
}

/// The command: `address` in place of the project's own.
pub(crate) fn run(address: Option<&str>) -> Result<()> {
    let setup = Setup::prepare()?;
    picture::update()?;
    let address = match address {
        Some(address) => Some(address::checked(address)?),
        None => address::of_project()?,
    };
    if let Err(reason) = build(&setup, address.as_deref())? {
        bail!("{reason}");
    }
    println!("{}", site().join("index.html").display());
    if address.is_none() {
        println!("No address is set (documentation in Cargo.toml): the page for what is not found is for a server's root.");
    }
    Ok(())
}

/// Makes the site; the reason, where something for it cannot be had.
pub(crate) fn build(setup: &Setup, address: Option<&str>) -> Result<Result<(), String>> {
    if let Some(reason) = setup.install_if_missing(&["doxygen", "python3", "pip3"]) {
        return Ok(Err(reason));
    }
    let python = match python::free_threaded() {
        Ok(python) => python,
        Err(_) => match debian_python::get()? {
            Ok(python) => python,
            Err(reason) => return Ok(Err(reason)),
        },
    };
    let scratch = repo::scratch("docs")?;
    let folder = scratch.join("source");
    put_together(&folder, &scratch, &python)?;
    let site = site();
    if site.exists() {
        std::fs::remove_dir_all(&site)?;
    }
    sphinx(&folder, &scratch.join("doctrees"), &site, address)?;
    rustdoc(&site)?;
    let page = site.join("404.html");
    let text = std::fs::read_to_string(&page).context("404.html")?;
    std::fs::write(&page, html::absolute(&text, address::path(address)))?;
    Ok(Ok(()))
}

/// The pages, as Sphinx reads them.
fn put_together(folder: &Path, scratch: &Path, python: &Path) -> Result<()> {
    let mut sources = Sources::new(folder)?;
    sources.collect()?;
    let header = repo::read("include/fastpar.h")?;
    reference(&sources, "c", "C", "c", &c_api::pages(&header)?, Some(c_api::rules(&header)?))?;
    for (language, title) in [(doxygen::CPP, "C++"), (doxygen::CSHARP, "C#")] {
        let pages = language.pages(&scratch.join("doxygen"))?;
        reference(&sources, language.name, title, language.highlight, &pages, None)?;
    }
    reference(&sources, "python", "Python", "python", &python_api::pages(python)?, None)?;
    sources.write("api/rust.md", &rust_page())?;
    sources.write("404.md", &repo::read("docs/site/404.md")?)?;
    sources.write("conf.py", &repo::read("docs/site/conf.py")?)?;
    for name in ["fastpar.css", "favicon.svg"] {
        sources.write(&format!("_static/{name}"), &repo::read(&format!("docs/site/{name}"))?)?;
    }
    Ok(())
}

/// The pages of a language, and a first one with all names.
fn reference(
    sources: &Sources,
    folder: &str,
    language: &str,
    highlight: &str,
    pages: &[Page],
    rules: Option<String>,
) -> Result<()> {
    let mut index = format!("# {} reference\n\n", entry::escape(language));
    let mut tree = String::new();
    if let Some(rules) = rules {
        sources.write(&format!("api/{folder}/rules.md"), &rules)?;
        index += "[The rules](rules.md) hold for every function.\n\n";
        tree += "rules\n";
    }
    for page in pages {
        sources.write(&format!("api/{folder}/{}.md", page.name), &page.markdown(highlight))?;
        let _ = write!(index, "## [{}]({}.md)\n\n| name | |\n| --- | --- |\n", page.title, page.name);
        for entry in &page.entries {
            let name = entry::escape(&entry.name);
            let _ =
                writeln!(index, "| [{name}]({}.md#{}) | {} |", page.name, slug(&entry.name), summary(entry));
        }
        index.push('\n');
        let _ = writeln!(tree, "{}", page.name);
    }
    index += &format!("```{{toctree}}\n:hidden:\n\n{tree}```\n");
    sources.write(&format!("api/{folder}/index.md"), &index)
}

/// What a heading is called in links, as GitHub and the parser of Markdown make it.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' '));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// For a cell of a table.
fn summary(entry: &Entry) -> String {
    entry.summary().replace('\n', " ")
}

fn rust_page() -> String {
    "# Rust reference\n\nrustdoc makes the pages of the crate `fastpar`: <a href=\"../rust/fastpar/index.html\">open them</a>. They have \
     a search of their own.\n\nRust programs may use the crate itself; its interface is that of the library's core, and changes with minor versions before 1.0.\n"
        .to_owned()
}

fn sphinx(source: &Path, doctrees: &Path, site: &Path, address: Option<&str>) -> Result<()> {
    let tools = Packages::get(&SPHINX)?;
    let [major, minor, patch] = repo::version()?;
    let mut command = tools.python();
    command.args(["-m", "sphinx", "-b", "html", "-q", "-E", "-W", "--keep-going", "-j", "auto", "-d"]);
    command.arg(doctrees).arg(source).arg(site);
    command.env("FASTPAR_DOCS_VERSION", format!("{major}.{minor}.{patch}"));
    command.env("FASTPAR_DOCS_ADDRESS", address.unwrap_or_default());
    process::must(&mut command, LIMIT).context("Sphinx").map(drop)
}

/// The pages of the crate, in the folder `rust`.
fn rustdoc(site: &Path) -> Result<()> {
    let made = repo::target().join("doc");
    if made.exists() {
        std::fs::remove_dir_all(&made)?;
    }
    let mut cargo = repo::cargo();
    cargo.args(["doc", "--no-deps", "--lib", "--package", "fastpar"]).args(repo::unoptimized());
    process::must(cargo.env("RUSTDOCFLAGS", "-D warnings"), LIMIT).context("rustdoc")?;
    let folder = site.join("rust");
    copy(&made, &folder)?;
    // rustdoc's page of help leads to a first page, which it does not make.
    let first = "<!doctype html>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"refresh\" content=\"0; url=fastpar/index.html\">\n\
                 <title>fastpar</title>\n<p><a href=\"fastpar/index.html\">The crate fastpar</a></p>\n";
    std::fs::write(folder.join("index.html"), first).context("the first page of rustdoc")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let path = entry?.path();
        let place = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &place)?;
        } else {
            std::fs::copy(&path, &place)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs() {
        assert_eq!(slug("fastpar_for"), "fastpar_for");
        assert_eq!(slug("operator()"), "operator");
        assert_eq!(slug("The rules, stated once"), "the-rules-stated-once");
    }
}
