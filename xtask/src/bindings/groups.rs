//! The groups of the ABI: which source files they are, and in which order they stand in the header.

use crate::repo;
use anyhow::{bail, Context, Result};
use std::path::PathBuf;

/// The groups in the header's order. A group that is not named here comes after them, by its name.
const ORDER: [&str; 21] = [
    "status",
    "library",
    "pool",
    "loops",
    "callbacks",
    "jobs",
    "teams",
    "groups",
    "pipelines",
    "sorting",
    "tables",
    "trace",
    "shared state",
    "codec",
    "dictionaries",
    "batches",
    "streams",
    "archives",
    "files",
    "scans",
    "shards",
];

/// A file of `src/ffi` that declares something for C: its first line is `//! Group "name": what it is about.`
#[derive(Debug)]
pub(super) struct Source {
    pub(super) group: String,
    /// What the group is about, without a full stop; may be empty.
    pub(super) about: String,
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// Every source file of the ABI, in the header's order.
pub(super) fn sources() -> Result<Vec<Source>> {
    let folder = repo::root().join("src/ffi");
    let mut sources = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path)?;
        match group_of(&text) {
            Some((group, about)) => sources.push(Source { group, about, path, text }),
            None if text.contains("#[no_mangle]") => {
                bail!("{} exports functions, but does not begin with //! Group \"name\": ...", path.display())
            }
            None => {}
        }
    }
    // Several files may make one group: the file with the group's name comes first.
    sources.sort_by_key(|source| {
        let place = ORDER.iter().position(|&name| name == source.group).unwrap_or(ORDER.len());
        let named = source.path.file_stem().is_some_and(|stem| stem == source.group.as_str());
        (place, source.group.clone(), !named, source.path.clone())
    });
    Ok(sources)
}

fn group_of(text: &str) -> Option<(String, String)> {
    let rest = text.lines().next()?.strip_prefix("//! Group \"")?;
    let (name, about) = rest.split_once('"')?;
    Some((name.into(), about.trim_start_matches([':', '.', ' ']).trim_end_matches('.').into()))
}

impl Source {
    /// Where in the file a declaration begins.
    pub(super) fn position(&self, name: &str) -> Result<usize> {
        let found = ["struct", "type", "const", "union", "fn"].iter().find_map(|keyword| {
            let start = format!("{keyword} {name}");
            self.text.match_indices(&start).map(|(at, _)| at).find(|&at| {
                let next = self.text[at + start.len()..].chars().next();
                next.is_none_or(|c| !c.is_alphanumeric() && c != '_')
            })
        });
        found.with_context(|| format!("{name} is not declared in {}", self.path.display()))
    }

    /// The public types of the file: cbindgen leaves out what no function of the same file mentions.
    pub(super) fn public_types(&self) -> Vec<String> {
        let lines = self.text.lines();
        let names = lines.filter_map(|line| {
            let rest =
                ["pub struct ", "pub type ", "pub union "].iter().find_map(|&p| line.strip_prefix(p))?;
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            Some(rest[..end].to_owned())
        });
        names.filter(|name| name.starts_with("fastpar_")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_first_line() {
        let expected = ("shared state".to_owned(), "atomics and queues".to_owned());
        assert_eq!(group_of("//! Group \"shared state\": atomics and queues.\n"), Some(expected));
        assert_eq!(group_of("//! Group \"codec\".\n"), Some(("codec".into(), String::new())));
        assert_eq!(group_of("//! Checks.\n"), None);
    }

    #[test]
    fn finds_whole_names() {
        let text = "pub struct fastpar_job_options;\npub struct fastpar_job;\n".to_owned();
        let source = Source { group: String::new(), about: String::new(), path: PathBuf::new(), text };
        assert_eq!(source.position("fastpar_job").unwrap(), 36);
        assert_eq!(source.public_types(), ["fastpar_job_options", "fastpar_job"]);
        assert!(source.position("fastpar_jo").is_err());
    }
}
