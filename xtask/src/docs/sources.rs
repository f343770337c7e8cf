//! The sources of the site: the pages of Markdown in the repository, with their links turned into links of
//! the site, pictures, and sources that pages link to, as pages too.

use crate::repo;
use anyhow::{ensure, Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

/// Pages of the repository outside `docs`, and what they are called in the site.
const OTHERS: [(&str, &str); 9] = [
    ("README.md", "readme.md"),
    ("CHANGELOG.md", "changes.md"),
    ("SECURITY.md", "security.md"),
    ("CONTRIBUTING.md", "contributing.md"),
    ("ARCHITECTURE.md", "architecture.md"),
    ("benches/README.md", "benchmarks.md"),
    ("bindings/csharp/README.md", "dotnet.md"),
    ("bindings/python/README.md", "python-package.md"),
    ("tests/README.md", "tests.md"),
];

/// The parts of the navigation that are written by hand, in their order. What is not named stands in the
/// last one.
const FIRST_STEPS: [&str; 7] = ["installing", "platforms", "c", "cpp", "csharp", "python", "other-languages"];
const GUIDE: [&str; 10] = [
    "schedules",
    "frames",
    "streams",
    "scans",
    "records",
    "shared-state",
    "errors",
    "timelines",
    "tuning",
    "limits",
];
const REFERENCE: [&str; 8] = [
    "features",
    "api/c/index",
    "api/cpp/index",
    "api/csharp/index",
    "api/python/index",
    "api/rust",
    "dotnet",
    "python-package",
];

const PICTURES: [&str; 2] = ["svg", "png"];

/// Where everything is put together.
pub(super) struct Sources {
    folder: PathBuf,
    /// Pages of the repository, and their places in the site.
    pages: BTreeMap<String, String>,
    /// Sources that are linked.
    linked: BTreeSet<String>,
    pictures: BTreeSet<String>,
}

impl Sources {
    /// In this folder, which is emptied.
    pub(super) fn new(folder: &Path) -> Result<Self> {
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        let mut pages: BTreeMap<_, _> =
            OTHERS.iter().map(|&(file, place)| (file.to_owned(), place.to_owned())).collect();
        for path in repo::files("docs", "md")?.into_iter().chain(repo::files("docs/guide", "md")?) {
            let file = path.strip_prefix(repo::root())?.to_string_lossy().replace('\\', "/");
            pages.insert(file.clone(), file["docs/".len()..].to_owned());
        }
        Ok(Self { folder: folder.to_owned(), pages, linked: BTreeSet::new(), pictures: BTreeSet::new() })
    }

    /// A page that was made of something else.
    pub(super) fn write(&self, place: &str, text: &str) -> Result<()> {
        let path = self.folder.join(place);
        std::fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
    }

    /// The pages of the repository, and all that they link to.
    pub(super) fn collect(&mut self) -> Result<()> {
        for (file, place) in self.pages.clone() {
            let mut text = self.linked_page(&file, &repo::read(&file)?)?;
            if place == "index.md" {
                text += &self.navigation();
            }
            self.write(&place, &text)?;
        }
        for example in examples()? {
            self.linked.insert(example);
        }
        self.write("examples.md", &self.examples())?;
        for file in &self.linked {
            self.write(&format!("source/{file}.md"), &source_page(file)?)?;
        }
        for file in &self.pictures {
            let to = self.folder.join("pictures").join(file);
            std::fs::create_dir_all(to.parent().unwrap_or(&self.folder))?;
            std::fs::copy(repo::root().join(file), to)?;
        }
        Ok(())
    }

    /// What stands at the side of every page.
    fn navigation(&self) -> String {
        let places = self.pages.values().map(|place| place.trim_end_matches(".md"));
        let guide = |names: &[&str]| names.iter().map(|name| format!("guide/{name}")).collect::<Vec<_>>();
        let mut parts = vec![
            ("First steps", guide(&FIRST_STEPS)),
            ("Guide", guide(&GUIDE)),
            ("Reference", REFERENCE.map(str::to_owned).to_vec()),
        ];
        let known: BTreeSet<String> = parts.iter().flat_map(|part| part.1.clone()).collect();
        let (mut more, mut project) = (Vec::new(), vec!["examples".to_owned()]);
        for place in places.filter(|place| *place != "index" && !known.contains(*place)) {
            let of_docs = self.pages.contains_key(&format!("docs/{place}.md")) && place != "release";
            if of_docs { &mut more } else { &mut project }.push(place.to_owned());
        }
        parts[1].1.extend(more);
        parts.push(("Project", project));
        let mut out = String::new();
        for (caption, places) in parts {
            let _ = write!(out, "\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n");
            places.iter().for_each(|place| out += &format!("{place}\n"));
            out += "```\n";
        }
        out
    }

    fn examples(&self) -> String {
        let mut out = String::from(
            "# Examples\n\nComplete programs, which the tests compile and run on real input. The first comment of each says what it does \
             and how it is built.\n\n",
        );
        let examples: Vec<_> = self.linked.iter().filter(|file| file.starts_with("examples/")).collect();
        for file in &examples {
            let _ = writeln!(out, "- [{}](/source/{file}.md)", &file["examples/".len()..]);
        }
        out += "\n```{toctree}\n:hidden:\n\n";
        examples.iter().for_each(|file| out += &format!("source/{file}\n"));
        out + "```\n"
    }

    /// A page with links of the site.
    fn linked_page(&mut self, file: &str, text: &str) -> Result<String> {
        let mut out = String::new();
        let mut in_code = false;
        for line in text.lines() {
            in_code ^= line.starts_with("```");
            if in_code || line.starts_with("    ") {
                out += line;
            } else {
                out += &self.linked_line(file, line).with_context(|| format!("{file}: {line}"))?;
            }
            out.push('\n');
        }
        Ok(out)
    }

    fn linked_line(&mut self, file: &str, line: &str) -> Result<String> {
        let mut out = String::new();
        let mut rest = line;
        while let Some(at) = rest.find("](") {
            let target = &rest[at + 2..];
            let target = &target[..target.find(')').context("a link without an end")?];
            let text_at = rest[..at].rfind('[').context("a link without a text")?;
            let after = &rest[at + 2 + target.len() + 1..];
            if rest[..at].matches('`').count() % 2 == 1 && !rest[text_at..at].contains('`') {
                // Inside of code.
                out += &rest[..at + 2];
                rest = &rest[at + 2..];
                continue;
            }
            match self.target(file, target)? {
                Some(place) => out += &format!("{}]({place})", &rest[..at]),
                None => out += &format!("{}{}", &rest[..text_at], &rest[text_at + 1..at]),
            }
            rest = after;
        }
        Ok(out + rest)
    }

    /// Where a link of a page leads in the site; none: to a folder, which the site has not.
    fn target(&mut self, file: &str, target: &str) -> Result<Option<String>> {
        if target.contains("://") || target.starts_with('#') {
            return Ok(Some(target.to_owned()));
        }
        let (path, fragment) = target.split_once('#').map_or((target, None), |(p, f)| (p, Some(f)));
        let path = resolve(file, path);
        let found = repo::root().join(&path);
        ensure!(found.exists(), "there is no {path}");
        if found.is_dir() {
            return Ok(None);
        }
        let fragment = fragment.map_or(String::new(), |fragment| format!("#{fragment}"));
        if let Some(place) = self.pages.get(&path) {
            return Ok(Some(format!("/{place}{fragment}")));
        }
        if found.extension().is_some_and(|end| PICTURES.iter().any(|picture| end == *picture)) {
            self.pictures.insert(path.clone());
            return Ok(Some(format!("/pictures/{path}")));
        }
        self.linked.insert(path.clone());
        Ok(Some(format!("/source/{path}.md")))
    }
}

/// A path from the root of the repository.
fn resolve(file: &str, path: &str) -> String {
    let mut place: Vec<_> = Path::new(file).parent().into_iter().flat_map(Path::components).collect();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => drop(place.pop()),
            Component::CurDir => {}
            part => place.push(part),
        }
    }
    let parts: Vec<_> = place.iter().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

/// Every program of the folder `examples`.
fn examples() -> Result<Vec<String>> {
    let mut all = Vec::new();
    let mut folders = vec![repo::root().join("examples")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if language(&path).is_some() {
                all.push(path.strip_prefix(repo::root())?.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    Ok(all)
}

/// For colours.
fn language(path: &Path) -> Option<&'static str> {
    Some(match path.extension()?.to_str()? {
        "c" | "h" => "c",
        "cpp" | "hpp" => "cpp",
        "cs" => "csharp",
        "py" => "python",
        "rs" => "rust",
        "toml" => "toml",
        "csproj" => "xml",
        _ => return None,
    })
}

fn source_page(file: &str) -> Result<String> {
    let text = repo::read(file)?;
    let language = language(Path::new(file)).unwrap_or("text");
    Ok(format!("---\norphan: true\n---\n\n# {file}\n\n`````{language}\n{}\n`````\n", text.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_the_site() {
        let folder = tempfile::tempdir().unwrap();
        let mut sources = Sources::new(folder.path()).unwrap();
        let mut line = |text: &str| sources.linked_line("docs/guide/c.md", text).unwrap();
        assert_eq!(line("See [a](../../SECURITY.md#versions)."), "See [a](/security.md#versions).");
        assert_eq!(line("[`b`](../../Cargo.toml), [c](../../src)"), "[`b`](/source/Cargo.toml.md), c");
        assert_eq!(line("`a[i](x)` [d](https://e.f)"), "`a[i](x)` [d](https://e.f)");
        assert!(sources.linked_line("docs/guide/c.md", "[x](nothing.md)").is_err());
        assert!(sources.linked.contains("Cargo.toml"));
    }
}
