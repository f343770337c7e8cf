//! Pages of HTML: what they link to, and what can be linked to in them.

use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Component, Path, PathBuf};

/// Where a site may lead to, beside itself. Whoever adds one has opened it.
const ELSEWHERE: [&str; 9] = [
    "https://doc.rust-lang.org/",
    "https://docs.rs/either/",
    "https://github.com/pradyunsg/furo",
    "https://pradyunsg.me",
    "https://pypi.org/project/threadpoolctl/",
    "https://semver.org",
    "https://ui.perfetto.dev",
    "https://www.dask.org",
    "https://www.sphinx-doc.org/",
];

/// An attribute of a tag: its name, its value, and where the value is in the page.
struct Attribute<'a> {
    name: &'a str,
    value: &'a str,
    at: usize,
}

/// Every attribute of every tag, scripts and comments left out.
fn attributes(page: &str) -> Vec<Attribute<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(begin) = page[at..].find('<').map(|offset| at + offset) {
        let rest = &page[begin..];
        at = begin + 1;
        if rest.starts_with("<!--") {
            at = begin + rest.find("-->").unwrap_or(rest.len());
        } else if rest[1..].starts_with(|c: char| c.is_ascii_alphabetic()) {
            let end = tag_end(rest);
            tag_attributes(&page[begin..begin + end], begin, &mut found);
            at = begin + end;
            if rest.starts_with("<script") {
                at += page[at..].find("</script").unwrap_or(0);
            }
        }
    }
    found
}

/// Where a tag ends: a quoted value may hold what looks like an end.
fn tag_end(text: &str) -> usize {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return at,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    text.len()
}

fn tag_attributes<'a>(tag: &'a str, place: usize, found: &mut Vec<Attribute<'a>>) {
    let mut at = tag.find(char::is_whitespace).unwrap_or(tag.len());
    while let Some(equals) = tag[at..].find('=').map(|offset| at + offset) {
        let name = tag[at..equals].trim().rsplit(char::is_whitespace).next().unwrap_or_default();
        let rest = &tag[equals + 1..];
        let (begin, length) = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => (equals + 2, rest[1..].find(quote).unwrap_or(rest.len() - 1)),
            _ => (equals + 1, rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        found.push(Attribute { name, value: &tag[begin..begin + length], at: place + begin });
        at = (begin + length + 1).min(tag.len());
    }
}

fn is_link(attribute: &Attribute<'_>) -> bool {
    ["href", "src"].contains(&attribute.name)
}

/// A page whose links lead to the same places wherever it is shown: `base` stands before those of the site.
pub(super) fn absolute(page: &str, base: &str) -> String {
    let mut out = String::new();
    let mut done = 0;
    for link in attributes(page).iter().filter(|attribute| is_link(attribute)) {
        let elsewhere = link.value.contains(':') || link.value.starts_with(['#', '/']);
        if !elsewhere {
            out += &page[done..link.at];
            out += base;
            done = link.at;
        }
    }
    out + &page[done..]
}

/// What is wrong with the links of the site in a folder, and how many were followed.
pub(crate) fn check_links(site: &Path) -> Result<(Vec<String>, usize)> {
    let mut files = Vec::new();
    collect(site, &mut files)?;
    let mut anchors: BTreeMap<PathBuf, HashSet<String>> = BTreeMap::new();
    let mut links: Vec<(PathBuf, String)> = Vec::new();
    let known: BTreeSet<&PathBuf> = files.iter().collect();
    for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "html")) {
        let page = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        let mut names = HashSet::new();
        for attribute in attributes(&page) {
            if is_link(&attribute) {
                links.push((file.clone(), unescape(attribute.value)));
            } else if ["id", "name"].contains(&attribute.name) {
                names.insert(unescape(attribute.value));
            }
        }
        anchors.insert(file.clone(), names);
    }
    let mut complaints = BTreeSet::new();
    for (file, link) in &links {
        if let Some(complaint) = wrong(site, file, link, &known, &anchors) {
            let file = file.strip_prefix(site).unwrap_or(file).display();
            complaints.insert(format!("{file}: {link}: {complaint}"));
        }
    }
    Ok((complaints.into_iter().collect(), links.len()))
}

/// What is wrong with a link.
fn wrong(
    site: &Path,
    file: &Path,
    link: &str,
    known: &BTreeSet<&PathBuf>,
    anchors: &BTreeMap<PathBuf, HashSet<String>>,
) -> Option<&'static str> {
    if link.starts_with("data:") || link.starts_with("javascript:") {
        return None;
    }
    if link.contains("://") {
        let known = ELSEWHERE.iter().any(|place| link.starts_with(place));
        return (!known).then_some("is not among the places that somebody has opened");
    }
    let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
    let path = path.split('?').next().unwrap_or_default();
    let mut target = match path.strip_prefix('/') {
        _ if path.is_empty() => file.to_owned(),
        Some(rest) => site.join(rest),
        None => normal(&file.with_file_name("").join(path)),
    };
    if path.ends_with('/') {
        target = target.join("index.html");
    }
    if !known.contains(&target) {
        return Some("there is no such file");
    }
    // Lines of sources are marked by a script.
    let lines =
        fragment.starts_with(|c: char| c.is_ascii_digit()) && target.to_string_lossy().contains(".rs.");
    if fragment.is_empty() || lines {
        return None;
    }
    let found = anchors.get(&target)?.contains(fragment);
    (!found).then_some("the page has no such anchor")
}

/// A path without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(out.pop()),
            Component::CurDir => {}
            part => out.push(part),
        }
    }
    out
}

fn unescape(value: &str) -> String {
    let value = value.replace("&quot;", "\"").replace("&#39;", "'").replace("&lt;", "<").replace("&gt;", ">");
    let value = value.replace("&amp;", "&");
    // Of addresses: only what generators write.
    value.replace("%3C", "<").replace("%3E", ">").replace("%20", " ").replace("%2B", "+")
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_of_tags() {
        let page = "<a class=x href='b.html#c'>&lt;</a><!-- <a href=no> --><script src=\"s.js\">'<a href=no>'</script><p id=\"q>\">";
        let found: Vec<_> = attributes(page).iter().map(|a| (a.name, a.value)).collect();
        assert_eq!(found, [("class", "x"), ("href", "b.html#c"), ("src", "s.js"), ("id", "q>")]);
        assert_eq!(
            absolute("<a href=\"b\"><a href=\"#c\"><img src=\"/d\">", "/x/"),
            "<a href=\"/x/b\"><a href=\"#c\"><img src=\"/d\">"
        );
    }

    #[test]
    fn wrong_links_are_told() {
        let site = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(site.path().join(name), text).unwrap();
        write(
            "a.html",
            "<a href=\"b.html#here\"><a href=\"#top\"><a href=\"c.html\"><a href=\"https://x.y\"><p id=top>",
        );
        write("b.html", "<p id=\"there\">");
        let (complaints, count) = check_links(site.path()).unwrap();
        assert_eq!((complaints.len(), count), (3, 4), "{complaints:?}");
    }
}
